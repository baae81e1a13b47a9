//! RFC 8785: one byte string for one JSON value, whoever wrote it.

use serde::Serialize;

/// The canonical bytes of a JSON value.
#[expect(
    clippy::expect_used,
    reason = "RFC 8785 fails only on keys that are not strings, duplicate keys and numbers that are not finite; \
              a serde_json::Value and our own structs have none of them"
)]
pub(crate) fn canonical<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("a JSON value has a canonical form")
}

/// As [`canonical`], as text.
pub(crate) fn canonical_text<T: Serialize>(value: &T) -> String {
    // RFC 8785 output is UTF-8 by definition, so nothing is ever replaced here.
    String::from_utf8_lossy(&canonical(value)).into_owned()
}
