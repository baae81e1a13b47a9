//! What comes back from the database and the broker: records, ciphertexts, headers.

use std::sync::LazyLock;

use bus::{Delivery, Headers};
use lapin::types::{AMQPValue, FieldArray, FieldTable};
use ledger::record::Entry;
use ledger::vault::{Purpose, Secret32, Vault, new_lookup_key};
use serde_json::Value;

use crate::check::holds_nothing_planted;
use crate::corpus;

pub(super) fn records() -> Vec<Vec<u8>> {
    corpus::texts(&[
        r#"{"kind":"ended","state":"expired","why":"appointment-past"}"#,
        r#"{"body":"AAAA","digest":"x","event_type":"ulak.payment-receipt.v1","id":"1","kind":"received","person":"per_a","source":"/clinics/a","via":"queue"}"#,
        r#"{"attempt":1,"code":"netgsm:00","detail":"","kind":"outcome","late":false,"outcome":"accepted","provider_ref":"17","then":"accepted"}"#,
        r#"{"attempt":1,"channel":"sms","consent":{"asked_at":5,"rule":"required","rule_from":"type"},"encoding":"gsm7","kind":"claimed","lane":"netgsm/default/K","segments":1,"starts_at":1,"stops_at":2,"template":"t","template_version":"v","text":"AAAA"}"#,
        r#"{"kind":"released","n":3}"#,
        r#"{"attempt":1,"kind":"lease-ran-out","then":"unknown"}"#,
        r#"{"kind":"revealed","fields":["name"],"who":"w","why":"y"}"#,
        r#"{"kind":"duplicate","via":"queue"}"#,
    ])
}

/// A record: what is read is written as the same bytes each time.
pub(super) fn record(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(entry) = Entry::parse(text) {
        let value: Value = serde_json::from_str(text).expect("a record is JSON");
        if !is_exact(&value) {
            // as a double, which no reader of a count takes; Ulak writes no such count
            return;
        }
        let bytes = entry.bytes().expect("written");
        assert!(bytes.contains(&format!("\"kind\":\"{}\"", entry.kind())), "{bytes}");
        let again = Entry::parse(&bytes).expect("a record is read back");
        assert_eq!(again.bytes().expect("written"), bytes);
    }
}

/// Whether RFC 8785 keeps every number of it: none is above 2^53.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.as_f64().is_some_and(|it| it.abs() <= 9_007_199_254_740_992.0)
        }
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(fields) => fields.values().all(is_exact),
        _ => true,
    }
}

static VAULT: LazyLock<Vault> = LazyLock::new(|| {
    let wrapped = new_lookup_key(&Secret32::new([7; 32])).expect("randomness");
    Vault::open(Secret32::new([7; 32]), &wrapped).expect("its own key")
});

/// Sealed with the master key of 32 sevens for the place `own:fuzz`.
const SEALED: &str = "lTSbaNVyJAKp7oqeOmRsMgk79nTl/z9T7rtmBMphPC4M7CLHIyytVOSdM9/4zwO9xBJ1LDywWQ==";
const OPENS_TO: &[u8] = b"what was sealed";

pub(super) fn ciphertexts() -> Vec<Vec<u8>> {
    corpus::texts(&[
        SEALED,
        "",
        "AAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "====",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ])
}

/// A ciphertext: it opens to what was sealed, or not at all, and only in its place.
pub(super) fn sealed(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match VAULT.open_own("fuzz", text) {
        Ok(opened) => assert_eq!(&opened[..], OPENS_TO, "another ciphertext opened"),
        Err(error) => assert!(
            !text.contains(char::is_alphanumeric)
                || text.len() < 12
                || !error.to_string().contains(text)
        ),
    }
    assert!(VAULT.open_own("fuzz2", text).is_err(), "opened in another place");
    assert!(VAULT.data_key("per_a", text).is_err(), "a data key that nobody made");
    assert!(Vault::open(Secret32::new([7; 32]), text).is_err(), "a lookup key that nobody made");
    assert!(!VAULT.fits(Purpose::Token, &["id", "secret"], text), "a hash that nobody made");
    let made = VAULT.hash(Purpose::Token, &["id", text]);
    assert!(VAULT.fits(Purpose::Token, &["id", text], &made));
}

pub(super) fn tables() -> Vec<Vec<u8>> {
    vec![
        b"\x00\x0000-abc-def-01".to_vec(),
        vec![1, 5, 7, 0, 0, 0, 0, 0, 0, 0],
        vec![
            2, 8, 5, 255, 255, 255, 255, 255, 255, 255, 127, 5, 255, 255, 255, 255, 255, 255, 255,
            255, 6, 1,
        ],
        b"\x03\x00x-reason\x04\x01\xff\xfe".to_vec(),
        // an entry of `x-death` as a publisher may have made it up: a count, and words of somebody
        [
            b"\x02\x08\x05\x01\0\0\0\0\0\0\0\x0c".to_vec(),
            "Gizlikişi\u{1}".as_bytes().to_vec(),
            b"\x0c5398887766\x01".to_vec(),
        ]
        .concat(),
        br#"{"ulakmarker":1795000000000}"#.to_vec(),
    ]
}

const NAMES: [&str; 8] = [
    "traceparent",
    "x-delivery-count",
    "x-death",
    "x-ulak-reason",
    "x-first-death-queue",
    "x-other",
    "x-ulak-",
    "",
];

/// Headers of a delivery with values of every type, and the body of a marker.
pub(super) fn headers(input: &[u8]) {
    let mut table = FieldTable::default();
    let mut rest = input;
    while let Some((name, after)) = rest.split_first() {
        let (value, after) = amqp(after, 0);
        table.insert(NAMES[usize::from(*name) % NAMES.len()].into(), value);
        rest = after;
    }
    let headers = Headers::read(&table);
    let _ = headers.death_count();
    assert!(headers.traceparent.as_ref().is_none_or(|text| text.len() <= 128));
    assert!(headers.get("x-other").is_none(), "a header that nobody reads was kept");
    let debug = format!("{headers:?}");
    holds_nothing_planted("Debug of headers", &debug);
    // counts and the names of headers are shown, and a value may be one of them
    let is_shown = |reason: &str| {
        reason.parse::<u64>().is_ok() || NAMES.iter().any(|name| name.contains(reason))
    };
    if let Some(reason) = headers.get("x-ulak-reason")
        && reason.len() > 12
        && !is_shown(reason)
    {
        assert!(!debug.contains(reason), "Debug shows a value: {debug}");
    }
    let delivery = Delivery::detached("ulak.facts", "", None, input.to_vec());
    if let Some(marker) = scheduler::facts::marker::read(&delivery) {
        assert!(
            input.len() <= 64 && String::from_utf8_lossy(input).contains(&marker.at.to_string())
        );
    }
}

/// One value of a table, and the bytes behind it.
fn amqp(bytes: &[u8], depth: u8) -> (AMQPValue, &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return (AMQPValue::Void, bytes) };
    let (number, behind) = rest.split_at(rest.len().min(8));
    let mut eight = [0; 8];
    eight[..number.len()].copy_from_slice(number);
    let value = u64::from_le_bytes(eight);
    match kind % 12 {
        0 => {
            let (text, behind) =
                rest.split_at(rest.iter().position(|byte| *byte == 1).unwrap_or(rest.len()));
            (AMQPValue::LongString(text.to_vec().into()), behind)
        }
        1 => (AMQPValue::Boolean(value & 1 == 1), behind),
        2 => (AMQPValue::ShortShortInt(value as i8), behind),
        3 => (AMQPValue::LongUInt(value as u32), behind),
        4 => (AMQPValue::ShortInt(value as i16), behind),
        5 => (AMQPValue::LongLongInt(value as i64), behind),
        6 => (AMQPValue::Timestamp(value), behind),
        7 => (AMQPValue::Double(f64::from_bits(value)), behind),
        8 if depth < 3 => {
            // an array of tables, as `x-death` is
            let (mut entries, mut rest) = (Vec::new(), rest);
            while !rest.is_empty() && entries.len() < 4 {
                let mut entry = FieldTable::default();
                for name in ["count", "queue", "reason"] {
                    let (value, behind) = amqp(rest, depth + 1);
                    entry.insert(name.into(), value);
                    rest = behind;
                    if value_ends(rest) {
                        break;
                    }
                }
                entries.push(AMQPValue::FieldTable(entry));
            }
            (AMQPValue::FieldArray(FieldArray::from(entries)), rest)
        }
        9 => (AMQPValue::FieldTable(FieldTable::default()), rest),
        10 => (AMQPValue::ByteArray(number.to_vec().into()), behind),
        _ => (AMQPValue::Void, rest),
    }
}

/// Some entries of an array end early.
fn value_ends(rest: &[u8]) -> bool {
    rest.first().is_some_and(|byte| byte % 5 == 4)
}
