//! 1,000 random bad bodies: 1,000 records and 1,000 dead letters, and the worker still works. No name, number or text in
//! any log.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use schemas::NotificationId;
use serde_json::{Value, json};

use crate::harness::publisher::NOTIFICATIONS;
use crate::harness::{Event, Installation, Options, RECEIPT, REMINDER, receipt, reminder};

const BODIES: usize = 1_000;
/// The same bodies in every run; change it to see others.
const SEED: [u8; 32] = *b"one thousand bad bodies, seed 01";

/// A body and the key it is published with.
type Bad = (&'static str, Vec<u8>);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_random_bad_bodies_are_a_thousand_dead_letters() {
    let clinic = Installation::start(Options { workers: 2, ..Options::default() }).await;
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = any_bad();
    let bodies: Vec<(String, Bad)> = (0..BODIES)
        .map(|n| (format!("random-{n}"), strategy.new_tree(&mut runner).expect("a body").current()))
        .collect();
    futures::stream::iter(&bodies)
        .for_each_concurrent(50, async |(message_id, (key, body))| {
            clinic.publisher.body(NOTIFICATIONS, key, body, message_id).await;
        })
        .await;
    let ntf_of = |(message_id, (key, body)): (String, Bad)| {
        let ntf = NotificationId::of_refused(key.trim_end_matches(".v1"), &message_id, &body);
        (ntf.as_str().to_owned(), body)
    };
    let expected: BTreeMap<String, Vec<u8>> = bodies.into_iter().map(ntf_of).collect();
    assert_eq!(expected.len(), BODIES);
    let rows = clinic.until_settled(BODIES).await;
    for row in &rows {
        assert!(expected.contains_key(&row.ntf), "{row:?} is nobody's");
        assert_eq!(row.state, "dead-lettered", "{row:?}");
    }
    let records = "SELECT count(*) FROM record WHERE kind = 'event-refused'";
    assert_eq!(clinic.number(records).await, 1_000);
    assert_eq!(clinic.dead_letters().await.len(), BODIES);

    for copy in clinic.publisher.dead_letters(BODIES).await {
        let body = &expected[&copy.message_id];
        let rule = schemas::Rule::parse(&copy.reason);
        assert!(rule.is_some() && copy.path.is_some(), "{copy:?}");
        let reference = format!("{{\"dataref\":\"ulak:{}\"}}", copy.message_id);
        assert!(copy.body == *body || copy.body == reference.as_bytes(), "a body was changed");
        let text = String::from_utf8_lossy(&copy.body);
        assert!(
            !text.contains("Ayşe") && !text.contains("Mehmet"),
            "a person is on the broker: {text}"
        );
    }

    let good = reminder("good");
    clinic.publish(&good).await;
    clinic.until_state(&good, "accepted", "").await;
    clinic.until_accepted(1).await;
    clinic.finish().await;
}

/// All kinds of the list, mixed.
fn any_bad() -> impl Strategy<Value = Bad> {
    prop_oneof![
        3 => (key(), noise()),
        2 => (key(), json_of_anything()),
        2 => (key(), truncated()),
        2 => (key(), nested()),
        1 => (key(), too_large()),
        2 => invalid_utf8(),
        8 => broken_field(),
        2 => broken_envelope(),
        2 => mismatch(),
    ]
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![REMINDER, RECEIPT])
}

/// One of the two, valid, and published with its own key.
fn valid() -> impl Strategy<Value = (&'static str, Event)> {
    any::<bool>().prop_map(|one| {
        if one { (REMINDER, reminder("random")) } else { (RECEIPT, receipt("random")) }
    })
}

/// Bytes that are no JSON value.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..300)
        .prop_filter("no JSON", |bytes| serde_json::from_slice::<Value>(bytes).is_err())
}

/// JSON that is no event.
fn json_of_anything() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,8}", inner, 0..6).prop_map(|map| json!(map)),
        ]
    });
    value.prop_map(|value| serde_json::to_vec(&value).expect("JSON"))
}

/// A valid event that ends too early.
fn truncated() -> impl Strategy<Value = Vec<u8>> {
    (valid(), any::<prop::sample::Index>()).prop_map(|((_, event), at)| {
        let body = event.body();
        body[..at.index(body.len())].to_vec()
    })
}

fn nested() -> impl Strategy<Value = Vec<u8>> {
    (128_usize..10_000).prop_map(|depth| [vec![b'['; depth], vec![b']'; depth]].concat())
}

fn too_large() -> impl Strategy<Value = Vec<u8>> {
    (valid(), 65_536_usize..70_000)
        .prop_map(|((_, event), size)| event.set("/note", "n".repeat(size)).body())
}

fn invalid_utf8() -> impl Strategy<Value = Bad> {
    (valid(), 0x80_u8..0xC0).prop_map(|((key, event), byte)| {
        let mut body = event.set("/subject", "?").body();
        let at = body.windows(3).position(|w| w == b"\"?\"").expect("the subject") + 1;
        body[at] = byte;
        (key, body)
    })
}

/// A valid event with one field of its data broken.
fn broken_field() -> impl Strategy<Value = Bad> {
    let bad_phone = prop::sample::select(vec![
        json!("123"),
        json!("+90216555443"),
        json!("+4915112345678"),
        json!("0216 555 44 33"),
        json!("+9005321234567"),
        json!(""),
        json!(null),
        json!(905_321_234_567_i64),
    ]);
    let bad_amount = prop::sample::select(vec![
        json!("12,5"),
        json!("1e9"),
        json!("-1.00"),
        json!("0"),
        json!("1.234"),
        json!(" 5"),
        json!(5),
        json!(null),
    ]);
    let bad_time = prop::sample::select(vec![
        json!("2031-05-17T14:30:00"),
        json!("17.05.2031 14:30"),
        json!("tomorrow"),
        json!(0),
        json!("1850-01-01T00:00:00+03:00"),
    ]);
    prop_oneof![
        bad_phone.prop_map(|v| (RECEIPT, receipt("random").set("/data/recipient/phone", v).body())),
        bad_amount.prop_map(|v| (RECEIPT, receipt("random").set("/data/payment/amount", v).body())),
        bad_time.prop_map(|v| (
            REMINDER,
            reminder("random").set("/data/appointment/starts_at", v).body()
        )),
        "[a-z]{3,10}x".prop_map(|name| {
            (REMINDER, reminder("random").set(&format!("/data/recipient/{name}"), "?").body())
        }),
        prop::sample::select(vec![
            "/data/recipient/name",
            "/data/recipient/phone",
            "/data/appointment/id",
            "/data/appointment"
        ])
        .prop_map(|path| (REMINDER, reminder("random").without(path).body())),
        "[0-9 ]{0,12}".prop_map(|name| {
            (REMINDER, reminder("random").set("/data/recipient/name", name).body())
        }),
    ]
}

fn broken_envelope() -> impl Strategy<Value = Bad> {
    let attribute = prop::sample::select(vec!["/id", "/source", "/type", "/specversion", "/time"]);
    let wrong = prop_oneof![
        Just(json!(null)),
        Just(json!(17)),
        Just(json!("")),
        Just(json!([])),
        Just(json!({ "a": 1 })),
    ];
    (valid(), attribute, wrong)
        .prop_map(|((key, event), attribute, wrong)| (key, event.set(attribute, wrong).body()))
}

/// The type in the body is not the routing key, is none of ours, or the clinic is nobody's.
fn mismatch() -> impl Strategy<Value = Bad> {
    prop_oneof![
        Just(()).prop_map(|()| (RECEIPT, reminder("random").body())),
        "[a-z]{1,12}".prop_map(|name| (
            REMINDER,
            reminder("random").set("/type", format!("ulak.{name}.v9")).body()
        )),
        "[a-z]{9,20}".prop_map(|clinic| (REMINDER, reminder("random").of_clinic(&clinic).body())),
    ]
}
