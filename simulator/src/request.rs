//! A request to a twin, read off the connection.

use std::net::IpAddr;

use bytes::Bytes;
use data_encoding::BASE64;
use hyper::Uri;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use serde_json::Value;

use crate::number;

/// Everything that a twin may look at.
#[derive(Debug)]
pub(crate) struct Request {
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub peer: IpAddr,
    pub now_ms: i64,
}

impl Request {
    /// Name and password of `Authorization: Basic`.
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let value = self.scheme("Basic ")?;
        let decoded = String::from_utf8(BASE64.decode(value.as_bytes()).ok()?).ok()?;
        let (name, password) = decoded.split_once(':')?;
        Some((name.to_owned(), password.to_owned()))
    }

    /// The token of `Authorization: Bearer`.
    pub(crate) fn bearer(&self) -> Option<&str> {
        self.scheme("Bearer ")
    }

    fn scheme(&self, scheme: &str) -> Option<&str> {
        let value = self.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (head, rest) = value.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| rest.trim())
    }

    /// A value of the query string.
    pub(crate) fn query(&self, key: &str) -> Option<String> {
        form_urlencoded::parse(self.uri.query()?.as_bytes())
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.into_owned())
    }

    /// A value of the body's form.
    pub(crate) fn form(&self, key: &str) -> Option<String> {
        form_urlencoded::parse(&self.body)
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.into_owned())
    }

    /// Whether the body is an HTML form.
    pub(crate) fn is_form(&self) -> bool {
        self.headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
    }

    /// Turkish mobiles that the request is about: of a JSON body wherever they stand, of a form and of the query
    /// string `To` (Twilio). Only faults with a number ask for this.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let in_form = self.is_form().then(|| self.form("To")).flatten();
        let to = [in_form, self.query("To")].into_iter().flatten();
        let bare =
            |to: &str| number::written_by_a_person(to.strip_prefix("whatsapp:").unwrap_or(to));
        let mut found: Vec<u64> = to.filter_map(|to| bare(&to)).collect();
        if let Ok(body) = serde_json::from_slice::<Value>(&self.body) {
            collect(&body, &mut found);
        }
        found
    }

    /// Name in the body's credentials: `usercode` (balance), `header.username` (Netgsm İYS), `username` (token).
    pub(crate) fn name_in_body(&self) -> Option<String> {
        if self.is_form() {
            return self.form("username");
        }
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        ["/usercode", "/header/username", "/username"]
            .iter()
            .find_map(|path| body.pointer(path)?.as_str().map(str::to_owned))
    }
}

fn collect(value: &Value, found: &mut Vec<u64>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                // A text may hold a phone number too, and is not about it.
                if !matches!(key.as_str(), "msg" | "jobids" | "template" | "text") {
                    collect(value, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::String(text) => found.extend(number::written_by_a_person(text)),
        _ => {}
    }
}
