//! Reads the fields of a JSON object whatever their case, and without losing long numbers.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One JSON object, its values still unread.
///
/// Providers spell one key two ways (`jobid`, `jobId`) and send ids of 26 digits as text or as a
/// number: a number read as `f64` would lose digits, so its text is kept.
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    entries.push((Cow::Owned(key), value));
                }
                Ok(Fields(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl<'a> Fields<'a> {
    /// The object in `bytes`, or `None` if they hold anything else.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        serde_json::from_slice(bytes).ok()
    }

    /// Whether the object has the key, whatever its case and value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key.eq_ignore_ascii_case(name))
    }

    /// Whether the object has the key and says null each time.
    pub(crate) fn is_null(&self, name: &str) -> bool {
        let mut named = self.0.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).peekable();
        named.peek().is_some() && named.all(|(_, value)| value.get() == "null")
    }

    /// The raw value of a key; `None` if absent, null, or given twice with different values.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        let mut found = self
            .0
            .iter()
            .filter(|(key, value)| key.eq_ignore_ascii_case(name) && value.get() != "null")
            .map(|(_, value)| *value);
        let first = found.next()?;
        found.all(|other| other.get() == first.get()).then_some(first)
    }

    /// A string, or the digits of a number as they were written.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        text_of(self.raw(name)?)
    }

    /// A number, also where it is written as a string.
    pub(crate) fn number<N: std::str::FromStr>(&self, name: &str) -> Option<N> {
        self.text(name)?.trim().parse().ok()
    }

    /// The objects of an array; one object alone counts as an array of one.
    /// Entries that are no objects are counted, not returned.
    pub(crate) fn objects(&self, name: &str) -> Option<(Vec<Fields<'a>>, usize)> {
        let raw = self.raw(name)?;
        if let Some(one) = Fields::parse(raw.get().as_bytes()) {
            return Some((vec![one], 0));
        }
        let items: Vec<&'a RawValue> = serde_json::from_str(raw.get()).ok()?;
        let all = items.len();
        let objects: Vec<_> =
            items.into_iter().filter_map(|item| Fields::parse(item.get().as_bytes())).collect();
        let other = all - objects.len();
        Some((objects, other))
    }

    /// The texts of an array; `None` if it is no array or holds anything but texts and numbers.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let items: Vec<&'a RawValue> = serde_json::from_str(self.raw(name)?.get()).ok()?;
        items.into_iter().map(text_of).collect()
    }
}

fn text_of(raw: &RawValue) -> Option<String> {
    let written = raw.get();
    match written.as_bytes().first()? {
        b'"' => serde_json::from_str(written).ok(),
        b'0'..=b'9' | b'-' => Some(written.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_number_keeps_all_its_digits_and_case_does_not_matter() {
        let body = br#"{"Code":"00","jobId":17377215342605050417149344}"#;
        let fields = Fields::parse(body).unwrap();
        assert_eq!(fields.text("code").as_deref(), Some("00"));
        assert_eq!(fields.text("jobid").as_deref(), Some("17377215342605050417149344"));
    }

    #[test]
    fn a_key_given_twice_with_two_values_is_no_value() {
        let fields = Fields::parse(br#"{"code":"00","CODE":"30","a":"1","A":"1"}"#).unwrap();
        assert!(fields.has("code"));
        assert_eq!(fields.text("code"), None);
        assert_eq!(fields.text("a").as_deref(), Some("1"));
    }

    #[test]
    fn what_is_no_object_is_nothing() {
        for body in [&b"[1]"[..], b"", b"30", b"{", b"\xff\xfe", b"{\"a\":1}x"] {
            assert!(Fields::parse(body).is_none());
        }
    }
}
