//! What went wrong, for the caller: `application/problem+json` (RFC 9457), one line in English, never a value of the request.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemas::{Refusal, Rule};
use serde::Serialize;
use std::time::Duration;

/// Seconds after which a caller should try again while the ledger is away.
const COME_BACK_S: u32 = 5;

/// An answer other than 200 and 202.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    /// `urn:ulak:problem:<name>`.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
    /// One for each item at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
    #[serde(skip)]
    authenticate: Option<&'static str>,
}

/// What is wrong with one item of the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    /// Its place in the array, from 0; 0 for a single event.
    pub index: usize,
    /// JSON pointer into the item, empty for all of it.
    pub path: String,
    /// The rule: `phone-too-short`.
    pub reason: &'static str,
    /// What the rule says, for people.
    pub meaning: &'static str,
}

impl Fault {
    pub fn new(index: usize, path: &str, rule: Rule) -> Self {
        Self { index, path: path.to_owned(), reason: rule.as_str(), meaning: rule.meaning() }
    }

    pub fn of(index: usize, refusal: &Refusal) -> Self {
        Self::new(index, &refusal.path, refusal.rule)
    }
}

impl Problem {
    pub fn new(
        status: StatusCode,
        name: &str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind: format!("urn:ulak:problem:{name}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            authenticate: None,
        }
    }

    /// The rules that refused something, if any did.
    pub fn rules(&self) -> impl Iterator<Item = &'static str> {
        self.errors.iter().map(|fault| fault.reason)
    }

    pub fn with(mut self, errors: Vec<Fault>) -> Self {
        self.errors = errors;
        self
    }

    /// 400: something in the query.
    pub fn query(detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "query", "The query cannot be read", detail)
    }

    /// 400: not JSON, not UTF-8, or cut off.
    pub fn unreadable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unreadable", "The body cannot be read", detail)
    }

    /// 401.
    pub fn nobody(authenticate: &'static str, detail: &str) -> Self {
        let problem = Self::new(
            StatusCode::UNAUTHORIZED,
            "token",
            "A token of this installation is needed",
            detail,
        );
        Self { authenticate: Some(authenticate), ..problem }
    }

    /// 403.
    pub fn not_yours(index: usize) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "another-clinic",
            "The token belongs to another clinic",
            format!(
                "The source of item {index} names a clinic that this token does not belong to: use that clinic's token. Nothing was taken."
            ),
        )
    }

    /// 404.
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown-notification",
            "No such notification",
            "This clinic has no notification of this id.",
        )
    }

    /// 408: the body took too long.
    pub fn slow(within: Duration) -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "slow-body",
            "The body took too long",
            format!(
                "The body did not arrive within {} seconds. Nothing was taken.",
                within.as_secs()
            ),
        )
    }

    /// 403: a webhook without the token or the signature of any account.
    pub fn not_proven() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not-proven",
            "The caller did not prove who it is",
            "The token or the signature is missing or wrong: compare the vendor's address and secret with the configuration, and gateway.public_url with the address that the vendor calls. Nothing was taken.",
        )
    }

    /// 404: no such webhook.
    pub fn no_hook() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown-hook",
            "No such webhook",
            "There are twilio/status, whatsapp/status and netgsm/report.",
        )
    }

    /// 503: more comes than can be taken now.
    pub fn crowded() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "crowded",
            "Too much comes at once",
            "Too many calls wait already: send the same one again later. Nothing was taken.",
        )
    }

    /// Its status.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// 413.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", detail)
    }

    /// 415.
    pub fn media(detail: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media-type",
            "The body's type is not taken",
            detail,
        )
    }

    /// 500.
    pub fn broken() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "defect",
            "Ulak failed on this request",
            "A defect of Ulak or a damaged ledger; its log says what. Nothing was taken.",
        )
    }

    /// 500, and nobody knows how far it came.
    pub fn panicked() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "defect",
            "Ulak failed on this request",
            "A defect of Ulak; its log says where. Send the same request again: what was taken is not taken twice.",
        )
    }

    /// 503: the body had not arrived when the process was stopped.
    pub fn stopping() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stopping",
            "Ulak stops",
            "The body had not arrived when Ulak was stopped: send the same request again. Nothing was taken.",
        )
    }

    /// 503.
    pub fn away() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ledger-away",
            "The ledger is away",
            "Nothing can be taken or looked up now: send the same request again later. What was taken all the same is answered as a duplicate.",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let authenticate = self.authenticate;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(challenge) = authenticate {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from(COME_BACK_S));
        }
        response
    }
}
