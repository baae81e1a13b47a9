//! A twin's answer, before it becomes bytes on a connection.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::Value;

/// Status, body and the vendor's code (for statistics).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Bytes,
    pub code: Cow<'static, str>,
}

/// `Content-Type` of all JSON.
pub(crate) const JSON: &str = "application/json";
/// `Content-Type` of all text.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

impl Reply {
    /// A JSON answer.
    pub(crate) fn json(status: u16, code: impl Into<Cow<'static, str>>, body: &Value) -> Self {
        Self::ready(status, code, JSON, body.to_string())
    }

    /// An answer whose body is written already.
    pub(crate) fn ready(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        Self { status, content_type, body: body.into(), code: code.into() }
    }

    /// A proxy's error page.
    pub(crate) fn bare_http(status: u16) -> Self {
        let body = format!("<html><body><h1>{status}</h1></body></html>\n");
        Self::ready(status, format!("http:{status}"), "text/html", body)
    }

    /// 200 with bytes that are neither JSON nor text.
    pub(crate) fn garbage() -> Self {
        const GARBAGE: &[u8] = b"{\"code\":\"0\xff\xfe\x00\x1f<html>\x80";
        Self::ready(200, "garbage", JSON, Bytes::from_static(GARBAGE))
    }
}
