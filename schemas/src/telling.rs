//! What may be told of a body that was refused.

use serde_json::Value;

use crate::person::steers_text;
use crate::refusal::Fault;
use crate::{ClinicId, Refusal};

/// Attributes of the envelope that by contract name no person.
const CONTEXT: [&str; 13] = [
    "specversion",
    "id",
    "source",
    "type",
    "time",
    "subject",
    "datacontenttype",
    "dataschema",
    "traceparent",
    "tracestate",
    "dataref",
    "ulakdue",
    "ulakrelease",
];

/// The refusal of a body that was JSON.
pub(crate) fn refusal(body: &Value, fault: Fault) -> Refusal {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    Refusal {
        rule: fault.rule,
        path: fault.path,
        source: text("source")
            .filter(|source| ClinicId::of_source(source).is_ok())
            .map(str::to_owned),
        id: text("id").filter(|id| is_event_id(id)).map(str::to_owned),
        holds_person: may_hold_person(body),
    }
}

/// The refusal of a body that was never read as JSON.
pub(crate) fn unread(fault: Fault, body: &[u8]) -> Refusal {
    Refusal {
        rule: fault.rule,
        path: fault.path,
        source: None,
        id: None,
        holds_person: looks_like_person(body),
    }
}

fn is_event_id(id: &str) -> bool {
    !id.is_empty() && id.chars().count() <= 200 && !id.chars().any(steers_text)
}

/// Anything outside the context attributes may be personal, wherever it stands.
fn may_hold_person(body: &Value) -> bool {
    match body {
        Value::Object(members) => members.iter().any(|(name, value)| {
            !CONTEXT.contains(&name.as_str())
                && (holds_anything(value) || has_digits(name.as_bytes()))
        }),
        other => holds_anything(other),
    }
}

fn holds_anything(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(_) | Value::String(_) => true,
        Value::Array(items) => items.iter().any(holds_anything),
        Value::Object(members) => !members.is_empty(),
    }
}

/// Whether bytes that are no JSON look like an event all the same: one cut off, too long, or in another encoding
/// (`Ayşe` in Windows-1254 is no UTF-8) holds the same person.
fn looks_like_person(body: &[u8]) -> bool {
    // UTF-16 puts a NUL beside every plain letter
    let body: Vec<u8> = body.iter().copied().filter(|byte| *byte != 0).collect();
    let names = |word: &[u8]| body.windows(word.len()).any(|at| at.eq_ignore_ascii_case(word));
    names(b"recipient") || names(b"phone") || names(b"name\"") || has_digits(&body)
}

/// Seven digits with nothing but separators between them: long enough for somebody's number.
fn has_digits(bytes: &[u8]) -> bool {
    let mut run = 0;
    for &byte in bytes {
        match byte {
            b'0'..=b'9' => run += 1,
            b' ' | b'-' | b'.' | b'(' | b')' => {}
            _ => run = 0,
        }
        if run >= 7 {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Rule;

    #[test]
    fn whatever_is_not_context_may_be_a_person() {
        let context = json!({"specversion": "1.0", "id": "a", "source": "/clinics/a", "type": "x", "data": null});
        assert!(!may_hold_person(&context));
        for body in [
            json!({"data": {"recipient": {}}}),
            json!({"phone": "0532"}),
            json!({"5321234567": null}),
            json!("Ayşe"),
            json!([[["Ayşe"]]]),
            json!({"data_base64": "QXnFn2U="}),
        ] {
            assert!(may_hold_person(&body), "{body}");
        }
        for body in [json!({}), json!([]), json!(null), json!([[true, null]])] {
            assert!(!may_hold_person(&body), "{body}");
        }
    }

    #[test]
    fn a_body_that_is_no_json_may_hold_a_person_all_the_same() {
        for body in [
            &b"{\"data\":{\"recipient\":{\"name\":\"Ay\xfee"[..],
            b"{'phone': ",
            b"0532 123 45 67",
            b"name\":",
        ] {
            assert!(unread(Fault::new(Rule::NotJson, ""), body).holds_person);
        }
        for body in [&b""[..], b"hello", b"[[[[[[", b"1 2 3 abc 4 5 6", &[0xff; 100]] {
            assert!(!unread(Fault::new(Rule::NotJson, ""), body).holds_person);
        }
    }

    #[test]
    fn source_and_id_are_told_only_if_an_envelope_may_carry_them() {
        let told = |body| {
            let refusal = refusal(&body, Fault::new(Rule::Envelope, ""));
            (refusal.source, refusal.id)
        };
        assert_eq!(
            told(json!({"source": "/clinics/a", "id": "1"})),
            (Some("/clinics/a".to_owned()), Some("1".to_owned()))
        );
        assert_eq!(told(json!({"source": "Ayşe", "id": "a\u{0}"})), (None, None));
        assert_eq!(told(json!({"source": 7, "id": ""})), (None, None));
        assert_eq!(told(json!([])), (None, None));
    }
}
