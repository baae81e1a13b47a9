//! The bytes: forms as Twilio wants them, answers as tolerantly as they come (A1, A2).

use chrono::{DateTime, Utc};

use crate::fields::Fields;

/// What stands before a number on WhatsApp (A6).
pub(crate) const WHATSAPP: &str = "whatsapp:";

/// A form of these fields, in their order, in UTF-8.
pub(super) fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    form.finish().into_bytes()
}

/// The status callback of one attempt: the address with `m=<reference>` in its query (A2).
///
/// The fragment, where Twilio looks for its connection settings (A3), stays at the end.
pub(super) fn callback(address: &str, reference: &str) -> String {
    let (address, fragment) = match address.split_once('#') {
        Some((address, fragment)) => (address, format!("#{fragment}")),
        None => (address, String::new()),
    };
    let joint = match address.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    let reference: String = form_urlencoded::byte_serialize(reference.as_bytes()).collect();
    format!("{address}{joint}m={reference}{fragment}")
}

/// Whether this is a sid of that kind: two letters and 32 hex digits.
pub(super) fn is_sid(text: &str, kind: &str) -> bool {
    text.strip_prefix(kind)
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The sid of a message: `SM…`, or `MM…` with media (A1); letters and digits, so that it is safe
/// in a path and as a label.
pub(super) fn message_sid(text: &str) -> Option<String> {
    let sid = text.trim();
    let kind = sid.starts_with("SM") || sid.starts_with("MM");
    let fits = sid.len() == 34 && sid.bytes().all(|b| b.is_ascii_alphanumeric());
    (kind && fits).then(|| sid.to_owned())
}

/// A date of an answer: RFC 2822 (A1), or ISO 8601 as in the newer services.
pub(super) fn seen_date(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let at = DateTime::parse_from_rfc2822(text).or_else(|_| DateTime::parse_from_rfc3339(text));
    Some(at.ok()?.to_utc())
}

/// An error answer: `{"code","message","more_info","status"}`, or RFC 9457
/// `{"type","title","status","code","detail"}` (A1).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ErrorReply {
    /// Twilio's code.
    pub(super) code: u32,
    /// Twilio's words, not yet masked.
    pub(super) words: String,
}

impl ErrorReply {
    /// `None` if there is no code in it.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let fields = Fields::parse(body)?;
        let code = fields.number::<u32>("code").filter(is_code)?;
        let words = ["message", "title", "detail"]
            .iter()
            .filter_map(|name| fields.text(name))
            .collect::<Vec<_>>()
            .join(" ");
        Some(Self { code, words })
    }
}

/// Twilio's codes have five digits. What has as many as a phone number is none, and is shown to nobody.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as `Option::filter` wants it")]
pub(super) fn is_code(code: &u32) -> bool {
    (1..1_000_000).contains(code)
}
