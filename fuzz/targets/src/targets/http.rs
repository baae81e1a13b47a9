//! What callers of the HTTP door send.

use axum::http::header::{AUTHORIZATION, HeaderName};
use axum::http::{HeaderMap, HeaderValue};
use gateway::outside;
use ledger::tokens::TokenSecret;

use super::registry;
use crate::check::holds_nothing_planted;
use crate::corpus;

pub(super) fn bodies() -> Vec<Vec<u8>> {
    let some = [corpus::notifications(), corpus::facts()].concat();
    let array = |items: &[Vec<u8>]| [b"[".to_vec(), items.join(&b","[..]), b"]".to_vec()].concat();
    let mut all: Vec<Vec<u8>> = some.iter().step_by(3).cloned().collect();
    all.push(array(&some[..2]));
    all.push(array(&some[some.len() - 3..]));
    all.extend([b"[]".to_vec(), b"[1,2,{}]".to_vec()]);
    all
}

/// A body of `POST /v1/events`. A problem names places and rules, and no value.
pub(super) fn events(input: &[u8]) {
    match outside::posted(registry(), "atasehir", input) {
        Ok(items) => assert!(items <= 1_000),
        Err(problem) => {
            let mut problem: serde_json::Value =
                serde_json::from_str(&problem).expect("a problem is JSON");
            // a place names unknown fields that look like identifiers (`schemas/README.md`)
            for fault in problem["errors"].as_array_mut().into_iter().flatten() {
                fault["path"].take();
            }
            holds_nothing_planted("a problem", &problem.to_string());
            let status = problem["status"].as_u64().unwrap_or(0);
            assert!(matches!(status, 400 | 403 | 413 | 422), "{problem}");
            let faults = problem["errors"].as_array().map_or(0, Vec::len);
            assert!(faults <= 1_000, "{faults}");
        }
    }
}

pub(super) fn all_headers() -> Vec<Vec<u8>> {
    corpus::texts(&[
        "authorization: Bearer ulak_aaaaaaaaaaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\ncontent-type: application/json",
        "authorization: bearer  ulak_aaaaaaaaaaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa \ncontent-type: application/cloudevents+json; charset=UTF-8\ncontent-length: 99",
        "authorization: Basic dTpw\ncontent-encoding: gzip\nce-specversion: 1.0",
        "content-length: 18446744073709551616\ncontent-type: application/json;charset=\"utf-8\"",
    ])
}

/// Headers of a request: who asks, and what is sent.
pub(super) fn headers(input: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        let value = HeaderValue::from_bytes(value.trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), value) {
            headers.append(name, value);
        }
    }
    let _ = outside::takes(&headers);
    if outside::has_token(&headers) {
        assert_eq!(
            headers.get_all(AUTHORIZATION).iter().count(),
            1,
            "one of several tokens was chosen"
        );
    }
    let text = String::from_utf8_lossy(input);
    if let Some(secret) = TokenSecret::parse(&text) {
        assert_eq!(text.len(), "ulak_".len() + 16 + 1 + 52);
        assert!(!format!("{secret:?}").contains(&text[22..]), "Debug shows the secret");
    }
}

pub(super) fn cursors() -> Vec<Vec<u8>> {
    let place = |xid, id| ledger::telling::Place { xid, id };
    let mut all: Vec<Vec<u8>> = [place(0, 0), place(7, 8), place(i64::MAX, 1), place(-1, i64::MIN)]
        .into_iter()
        .map(|place| outside::write_cursor(place).into_bytes())
        .collect();
    all.extend(corpus::texts(&["cur_", "", "cur_aaaa", "CUR_AAAAAAAAAAAAAAAAAAAAAAAAAA"]));
    all
}

/// A cursor of `GET /v1/outcomes`.
pub(super) fn cursor(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Some(place) = outside::cursor(&text) {
        let written = outside::write_cursor(place);
        assert_eq!(outside::cursor(&written), Some(place));
        assert!(written.eq_ignore_ascii_case(&text), "{text} is read as {written}");
    }
}
