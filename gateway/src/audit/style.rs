//! The one style sheet, under a name that changes with it.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

const CSS: &str = include_str!("../../pages/audit.css");

static PATH: LazyLock<String> = LazyLock::new(|| {
    let digest = Sha256::digest(CSS);
    format!("/audit/style/{}.css", HEXLOWER.encode(&digest[..8]))
});

/// Where it is.
pub(super) fn path() -> &'static str {
    &PATH
}

/// Serves it, whatever hash is asked for: a page of the version before may still be open.
pub(super) async fn get() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, CSS).into_response()
}
