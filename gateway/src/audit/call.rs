//! One request to the pages: where it goes, in which language it is answered, which cookies came.

use crate::audit::guard::Turned;
use crate::audit::settings::PageSettings;
use crate::audit::{catalogue, cookies, page};
use crate::door::Door;
use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono_tz::Tz;
use story::Tongue;

/// What a browser says of where a request comes from; it cannot be set by a page.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Longest query that is read, bytes. Of a longer one nothing is: a part of a filter would find more than was asked for.
pub(super) const LONGEST_QUERY: usize = 8 * 1024;
/// Most fields of a query.
const MOST_FIELDS: usize = 64;

/// A request to the pages.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The language of the answer.
    pub tongue: Tongue,
    /// The language was chosen by this very request: a cookie keeps it.
    chose: bool,
    /// The path, as it came.
    pub(super) path: String,
    /// The path as it is routed (`/audit/messages/{ntf}`): goes into records and metrics.
    pub(super) template: &'static str,
    /// `GET`, `POST`, …
    pub(super) method: &'static str,
    pub(super) cookies: cookies::Cookies,
    query: Vec<(String, String)>,
    is_form: bool,
    from_elsewhere: bool,
    door: Door,
}

impl FromRequestParts<Door> for Call {
    /// A page with 414: its query is too long.
    type Rejection = Turned;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Turned> {
        let matched = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let template = super::routes::known(matched);
        let query = query(parts.uri.query().unwrap_or_default());
        let too_long = query.is_none();
        let query = query.unwrap_or_default();
        let cookies = cookies::Cookies::of(&parts.headers);
        let chosen = query.iter().find(|(name, _)| name == "lang");
        let chosen = chosen.and_then(|(_, value)| tongue(value));
        let tongue = chosen.or_else(|| tongue(cookies.language()?));
        let call = Self {
            // Turkish, whatever the browser prefers: who wants English says so once
            tongue: tongue.unwrap_or(Tongue::Tr),
            chose: chosen.is_some(),
            path: parts.uri.path().to_owned(),
            template,
            method: super::routes::word(&parts.method),
            cookies,
            query,
            is_form: is_form(&parts.headers),
            from_elsewhere: from_elsewhere(&parts.headers),
            door: door.clone(),
        };
        if too_long {
            let page = page::stranger(&call, StatusCode::URI_TOO_LONG, "error.query");
            return Err(Turned::with(page));
        }
        Ok(call)
    }
}

/// The fields of a query; `None`: there is more than is read.
fn query(raw: &str) -> Option<Vec<(String, String)>> {
    if raw.len() > LONGEST_QUERY {
        return None;
    }
    let fields = form_urlencoded::parse(raw.as_bytes()).into_owned();
    let fields: Vec<_> = fields.take(MOST_FIELDS + 1).collect();
    (fields.len() <= MOST_FIELDS).then_some(fields)
}

/// `tr`, `en`.
fn tongue(code: &str) -> Option<Tongue> {
    [Tongue::Tr, Tongue::En].into_iter().find(|tongue| catalogue::code(*tongue) == code)
}

fn is_form(headers: &HeaderMap) -> bool {
    let declared = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = declared.and_then(|declared| declared.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Whether a browser says that another site sent this. Those that say nothing are left to the form's own field.
fn from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get(FETCH_SITE).is_some_and(|site| site != "same-origin" && site != "none")
}

impl Call {
    /// A text of the catalogue in the language of the answer.
    pub(crate) fn text(&self, key: &'static str) -> &'static str {
        catalogue::text(self.tongue, key)
    }

    /// A field of the query, trimmed; empty where there is none.
    pub(crate) fn asked(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// Whether the body is declared as a form's.
    pub(super) fn is_form(&self) -> bool {
        self.is_form
    }

    /// Whether a browser says that another site sent this.
    pub(super) fn is_from_elsewhere(&self) -> bool {
        self.from_elsewhere
    }

    pub(super) fn door(&self) -> &Door {
        &self.door
    }

    /// What the pages know of the installation.
    pub(crate) fn settings(&self) -> &PageSettings {
        self.door.pages()
    }

    /// The zone of a clinic.
    pub(crate) fn zone(&self, clinic: &str) -> Tz {
        self.settings().zone(clinic)
    }

    /// This page in another language.
    pub(super) fn in_other(&self, tongue: Tongue) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.query.iter().filter(|(name, _)| name != "lang" && name != "said")
        {
            query.append_pair(name, value);
        }
        query.append_pair("lang", catalogue::code(tongue));
        // what was posted cannot be asked for again: its page is the one before it
        let path = if self.method == "POST" { super::routes::before(self) } else { &self.path };
        format!("{path}?{}", query.finish())
    }

    /// Where this page is, for a return after the login: path and query.
    pub(super) fn here(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone();
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.query);
        format!("{}?{}", self.path, query.finish())
    }

    /// 303 to another page: `to` is one of ours, percent-encoded. A language that was chosen on the way is kept.
    pub(crate) fn see(&self, to: &str) -> Response {
        let Ok(place) = HeaderValue::from_str(to) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let mut response = (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response();
        self.keep_language(&mut response);
        response
    }

    /// Keeps the language in a cookie, if this request chose it.
    pub(super) fn keep_language(&self, response: &mut Response) {
        if let Some(cookie) = cookies::language(self.settings().reached, self.tongue)
            && self.chose
        {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_query_is_read_whole_or_not_at_all() {
        assert_eq!(query("a=1&b").unwrap().len(), 2);
        assert_eq!(query(&"a&".repeat(MOST_FIELDS)).unwrap().len(), MOST_FIELDS);
        assert!(query(&"a&".repeat(MOST_FIELDS + 1)).is_none());
        assert!(query(&"a".repeat(LONGEST_QUERY)).is_some());
        assert!(query(&"a".repeat(LONGEST_QUERY + 1)).is_none());
    }

    #[test]
    fn a_form_of_another_site_is_known_where_the_browser_says_so() {
        for (site, elsewhere) in
            [("same-origin", false), ("none", false), ("same-site", true), ("cross-site", true)]
        {
            assert_eq!(from_elsewhere(&headers(FETCH_SITE, site)), elsewhere, "{site}");
        }
        assert!(!from_elsewhere(&HeaderMap::new()));
    }
}
