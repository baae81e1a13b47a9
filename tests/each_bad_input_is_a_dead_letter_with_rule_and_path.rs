//! Every kind of bad input gets a ledger record and a dead letter with rule and path, never the value; the worker goes
//! on.

use serde_json::json;

use crate::harness::publisher::NOTIFICATIONS;
use crate::harness::{Installation, Options, RECEIPT, REMINDER, receipt, reminder};

/// A body, the key it is published with, and what must be said about it.
struct Bad {
    name: &'static str,
    key: &'static str,
    body: Vec<u8>,
    rule: &'static str,
    path: &'static str,
    /// No person could be read from it: the copy on the broker is the body itself.
    in_clear: bool,
}

fn bad(
    name: &'static str,
    key: &'static str,
    body: Vec<u8>,
    rule: &'static str,
    path: &'static str,
) -> Bad {
    Bad { name, key, body, rule, path, in_clear: false }
}

fn in_clear(bad: Bad) -> Bad {
    Bad { in_clear: true, ..bad }
}

fn inputs() -> Vec<Bad> {
    let remind = || reminder("bad");
    let paid = || receipt("bad");
    let amount = |amount: &str| paid().set("/data/payment/amount", amount).body();
    let mut latin1 = remind().set("/data/recipient/name", "X").body();
    let at = latin1.windows(3).position(|w| w == b"\"X\"").expect("the name") + 1;
    latin1[at] = 0xDE;
    let large = remind().set("/note", "x".repeat(65 * 1024)).body();
    vec![
        bad("not JSON", REMINDER, b"{\"specversion\":".to_vec(), "not-json", ""),
        in_clear(bad("nothing at all", REMINDER, Vec::new(), "not-json", "")),
        bad("invalid UTF-8", REMINDER, latin1, "not-utf8", ""),
        bad("65 KiB", REMINDER, large, "too-large", ""),
        bad(
            "10,000 nested arrays",
            REMINDER,
            [vec![b'['; 10_000], vec![b']'; 10_000]].concat(),
            "too-deep",
            "",
        ),
        bad("no envelope", REMINDER, b"[1,2,3]".to_vec(), "envelope", ""),
        bad("an envelope without id", REMINDER, remind().without("/id").body(), "envelope", "/id"),
        bad(
            "another specversion",
            REMINDER,
            remind().set("/specversion", "0.3").body(),
            "envelope",
            "/specversion",
        ),
        bad(
            "an unknown type",
            REMINDER,
            remind().set("/type", "ulak.carrier-pigeon.v1").body(),
            "unknown-type",
            "/type",
        ),
        bad(
            "a type that is not the routing key",
            RECEIPT,
            remind().body(),
            "type-mismatch",
            "/type",
        ),
        bad(
            "an unknown clinic",
            REMINDER,
            remind().of_clinic("kadikoy").body(),
            "unknown-clinic",
            "/source",
        ),
        bad(
            "an unknown field",
            REMINDER,
            remind().set("/data/appointment/room", "7").body(),
            "unknown-field",
            "/data/appointment/room",
        ),
        bad(
            "a missing field",
            RECEIPT,
            paid().without("/data/payment/currency").body(),
            "required",
            "/data/payment/currency",
        ),
        bad(
            "a number where text belongs",
            REMINDER,
            remind().set("/data/appointment/id", 7).body(),
            "wrong-type",
            "/data/appointment/id",
        ),
        bad(
            "phone 123",
            REMINDER,
            remind().set("/data/recipient/phone", "123").body(),
            "phone",
            "/data/recipient/phone",
        ),
        bad(
            "too few digits",
            REMINDER,
            remind().set("/data/recipient/phone", "0532 123 45").body(),
            "phone-too-short",
            "/data/recipient/phone",
        ),
        bad(
            "a landline",
            REMINDER,
            remind().set("/data/recipient/phone", "0216 555 44 33").body(),
            "phone-landline",
            "/data/recipient/phone",
        ),
        bad("amount 12,5", RECEIPT, amount("12,5"), "amount", "/data/payment/amount"),
        bad("amount 1e9", RECEIPT, amount("1e9"), "amount", "/data/payment/amount"),
        bad("a negative amount", RECEIPT, amount("-5.00"), "amount", "/data/payment/amount"),
        bad(
            "an amount as a number",
            RECEIPT,
            paid().set("/data/payment/amount", 12.5).body(),
            "wrong-type",
            "/data/payment/amount",
        ),
        bad(
            "a time without offset",
            REMINDER,
            remind().set("/data/appointment/starts_at", "2031-05-17T14:30:00").body(),
            "time-without-offset",
            "/data/appointment/starts_at",
        ),
        bad(
            "a specialty",
            REMINDER,
            remind().set("/data/appointment/with", "Dr. Çağrı Şahin, Onkoloji").body(),
            "specialty",
            "/data/appointment/with",
        ),
        bad(
            "an unknown channel",
            REMINDER,
            remind().set("/data/recipient/channels", json!(["pigeon"])).body(),
            "enum",
            "/data/recipient/channels/0",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_bad_input_is_a_dead_letter_with_rule_and_path() {
    let clinic = Installation::start(Options::default()).await;
    let inputs = inputs();
    for (n, input) in inputs.iter().enumerate() {
        let message_id = format!("bad-{n}");
        clinic.publisher.body(NOTIFICATIONS, input.key, &input.body, &message_id).await;
    }
    let good = reminder("good");
    clinic.publish(&good).await;
    clinic.until_state(&good, "accepted", "").await;
    clinic.until_settled(inputs.len() + 1).await;
    let copies = clinic.publisher.dead_letters(inputs.len()).await;
    let listed = clinic.dead_letters().await;
    assert_eq!(listed.len(), inputs.len());

    for (n, input) in inputs.iter().enumerate() {
        let name = input.name;
        let queue = input.key.trim_end_matches(".v1");
        let message_id = format!("bad-{n}");
        let ntf = schemas::NotificationId::of_refused(queue, &message_id, &input.body);
        let ntf = ntf.as_str();
        let line = listed.iter().find(|line| line["ntf"] == ntf);
        let line = line.unwrap_or_else(|| panic!("{name} is not in the ledger"));
        assert_eq!(
            (&line["rule"], &line["path"]),
            (&input.rule.into(), &input.path.into()),
            "{name}"
        );
        let copy = copies.iter().find(|copy| copy.message_id == ntf);
        let copy = copy.unwrap_or_else(|| panic!("{name} is not in ulak.dead-letter"));
        assert_eq!(
            (copy.reason.as_str(), copy.path.as_deref()),
            (input.rule, Some(input.path)),
            "{name}"
        );
        if input.in_clear {
            assert_eq!(copy.body, input.body, "{name}: the body is untouched");
        } else {
            assert_person_is_safe(name, &copy.body, ntf);
        }
    }
    // What a person sees of one of them: where and why, and no value.
    let phone = listed.iter().find(|line| line["rule"] == "phone").expect("listed");
    let shown = clinic.ulak(&["dead-letter", "show", phone["ntf"].as_str().expect("an id")]).await;
    assert!(shown.stdout.contains("phone at /data/recipient/phone"), "{}", shown.stdout);
    assert!(!shown.stdout.contains("Ayşe"), "{}", shown.stdout);
    clinic.until_accepted(1).await;
    clinic.finish().await;
}

/// Either the reference, or a body in which nothing of a person is.
fn assert_person_is_safe(name: &str, body: &[u8], ntf: &str) {
    let text = String::from_utf8_lossy(body);
    let reference = format!("{{\"dataref\":\"ulak:{ntf}\"}}");
    let harmless = !text.contains("Ayşe") && !text.contains("Mehmet") && !text.contains("532");
    assert!(text == reference || harmless, "{name}: {text}");
}
