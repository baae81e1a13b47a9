//! Bytes to JSON, stricter than `serde_json::Value` does it.
//!
//! A name that occurs twice in one object is refused: parsers disagree on which of the two counts, and a
//! consent check on one phone number followed by a send to the other is exactly what must not happen.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deepest nesting that is read. It is serde_json's own limit, so that a body of 10,000 brackets costs no stack.
pub(crate) const MAX_DEPTH: usize = 127;

/// Why bytes are no JSON for us.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum JsonTrouble {
    NotUtf8,
    NotJson,
    TooDeep,
    /// A name occurs twice in the object at this place; the last segment is the name.
    Duplicate(Vec<String>),
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Value, JsonTrouble> {
    let text = std::str::from_utf8(bytes).map_err(|_| JsonTrouble::NotUtf8)?;
    let twice = RefCell::new(Vec::new());
    let mut source = serde_json::Deserializer::from_str(text);
    let value = Strict { twice: &twice }
        .deserialize(&mut source)
        .and_then(|value| source.end().map(|()| value));
    value.map_err(|_| {
        let mut path = twice.take();
        if !path.is_empty() {
            path.reverse();
            JsonTrouble::Duplicate(path)
        } else if depth(bytes) > MAX_DEPTH {
            JsonTrouble::TooDeep
        } else {
            JsonTrouble::NotJson
        }
    })
}

/// Deepest nesting of brackets outside strings; only looked at when the parser has already refused.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for &byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Builds a `Value`; `twice` collects, innermost first, the path of a name that occurs twice.
#[derive(Clone, Copy)]
struct Strict<'a> {
    twice: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        loop {
            match items.next_element_seed(self) {
                Ok(Some(item)) => array.push(item),
                Ok(None) => return Ok(Value::Array(array)),
                Err(error) => return Err(self.below(error, || array.len().to_string())),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if object.contains_key(&name) {
                self.twice.borrow_mut().push(name);
                return Err(de::Error::custom("a name occurs twice"));
            }
            match entries.next_value_seed(self) {
                Ok(value) => object.insert(name, value),
                Err(error) => return Err(self.below(error, || name)),
            };
        }
        Ok(Value::Object(object))
    }
}

impl Strict<'_> {
    /// Adds the segment that leads to a name found twice further down.
    fn below<E>(self, error: E, segment: impl FnOnce() -> String) -> E {
        let mut twice = self.twice.borrow_mut();
        if !twice.is_empty() {
            twice.push(segment());
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_that_occurs_twice_is_found_where_it_is() {
        let twice = |path: &[&str]| {
            Err(JsonTrouble::Duplicate(path.iter().map(|&segment| segment.to_owned()).collect()))
        };
        assert_eq!(parse(br#"{"a":1,"a":1}"#), twice(&["a"]));
        assert_eq!(parse(br#"{"a":[0,{"b":{"c":1,"\u0063":2}}]}"#), twice(&["a", "1", "b", "c"]));
        assert!(parse(br#"{"a":{"b":1},"c":{"b":1}}"#).is_ok());
    }

    #[test]
    fn depth_is_bounded_and_named() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n)).into_bytes();
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(parse(&nested(MAX_DEPTH + 1)), Err(JsonTrouble::TooDeep));
        assert_eq!(parse(&nested(10_000)), Err(JsonTrouble::TooDeep));
        assert_eq!(parse("[".repeat(60_000).as_bytes()), Err(JsonTrouble::TooDeep));
        assert_eq!(parse("{\"a\":".repeat(10_000).as_bytes()), Err(JsonTrouble::TooDeep));
        assert_eq!(parse(format!("\"{}", "[".repeat(1_000)).as_bytes()), Err(JsonTrouble::NotJson));
    }

    #[test]
    fn other_bytes_are_not_json() {
        for bad in
            ["", " ", "{", "{}{}", "{'a':1}", "NaN", "1e400", "\u{feff}{}", "\"\\ud800\"", "[1,]"]
        {
            assert_eq!(parse(bad.as_bytes()), Err(JsonTrouble::NotJson), "{bad}");
        }
        assert_eq!(parse(b"\"Ay\xfee\""), Err(JsonTrouble::NotUtf8));
    }

    proptest! {
        #[test]
        fn bytes_never_panic(bytes in any::<Vec<u8>>()) {
            let _ = parse(&bytes);
        }

        #[test]
        fn what_serde_json_reads_is_read_the_same(text in r#"[\[\]{}":,a-c0-9. e-]{0,40}"#) {
            match (parse(text.as_bytes()), serde_json::from_str::<Value>(&text)) {
                (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
                (Err(JsonTrouble::Duplicate(_)), Ok(_)) | (Err(_), Err(_)) => {}
                (ours, theirs) => prop_assert!(false, "{:?} {:?}", ours, theirs),
            }
        }
    }
}
