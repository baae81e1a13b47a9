//! What WhatsApp says it cannot deliver is one text, decided anew; what it may have taken is none.

use serde_json::Value;
use simulator::{Fault, FaultKind, Operation, Provider, Script};

use crate::harness::whatsapp::{self, META, NETGSM, agrees, at_meta, count, until_sent};
use crate::harness::{Embedded, Event, Installation, Options, clock, reminder, scaled};

fn refusing(code: &str, event: &Event) -> Fault {
    let kind = FaultKind::Code { code: code.to_owned() };
    Fault::new(Provider::Meta, Operation::Send, kind).number(event.national())
}

async fn records(clinic: &Installation, event: &Event, kind: &str) -> Vec<Value> {
    let mut log = clinic.log_show(&event.ntf()).await;
    log.retain(|record| record["kind"] == kind);
    log
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_without_whatsapp_becomes_one_text_with_a_decision_of_its_own() {
    let options = Options { workers: 2, ..Options::default() };
    let clinic = whatsapp::start(at_meta(options)).await;
    let event = reminder("no-whatsapp");
    agrees(&clinic, &event).await;
    clinic.outside.add_fault(refusing("131026", &event)).expect("a fault");
    clinic.publish(&event).await;
    let row = until_sent(&clinic, &event).await;
    assert_eq!(row.attempts, 2);
    let messages = clinic.until_accepted(1).await;
    assert_eq!(count(&messages, Provider::Netgsm, "sms"), 1);

    let waited = records(&clinic, &event, "waiting").await;
    assert_eq!(waited.len(), 1, "{waited:?}");
    assert_eq!(
        (&waited[0]["why"], &waited[0]["lane"]),
        (&"next-channel: meta:131026".into(), &NETGSM.into())
    );
    let claims = records(&clinic, &event, "claimed").await;
    let lanes: Vec<&Value> = claims.iter().map(|claim| &claim["lane"]).collect();
    assert_eq!(lanes, [META, NETGSM]);
    assert_eq!(claims[1]["instead"], format!("next-channel: {META}"));
    // each was asked for on its own: the opt-in for WhatsApp, and İYS both times
    assert_eq!(claims[0]["consent"]["opt_in"]["said"], "given");
    assert_eq!(claims[1]["consent"]["opt_in"], Value::Null);
    let asked = |claim: &Value| claim["consent"]["asked_at"].as_i64().expect("asked");
    assert!(asked(&claims[1]) > asked(&claims[0]), "{claims:?}");

    // the next message to the number does not try it again
    let next = reminder("next").to(event.national());
    clinic.publish(&next).await;
    assert_eq!(until_sent(&clinic, &next).await.attempts, 1);
    let claim = records(&clinic, &next, "claimed").await.remove(0);
    assert_eq!(
        (&claim["lane"], &claim["instead"]),
        (&NETGSM.into(), &format!("unreachable: {META}").into())
    );
    clinic.until_accepted(2).await;
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_that_is_paused_sends_texts_and_says_so() {
    let mut script = Script::default();
    script.meta.accounts[0].templates[0].status = "PAUSED".to_owned();
    let mut clinic = whatsapp::start(at_meta(Options { script, ..Options::default() })).await;
    let event = reminder("paused");
    agrees(&clinic, &event).await;
    clinic.publish(&event).await;
    until_sent(&clinic, &event).await;
    let messages = clinic.until_accepted(1).await;
    assert_eq!(count(&messages, Provider::Netgsm, "sms"), 1);
    clinic.alert("template").await;
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_whose_token_is_refused_closes_its_lane_and_texts_go_on() {
    let clinic = whatsapp::start(at_meta(Options::default())).await;
    let kind = FaultKind::Code { code: "190".to_owned() };
    let expired = Fault::new(Provider::Meta, Operation::Any, kind);
    clinic.outside.add_fault(expired).expect("a fault");
    let (first, second) = (reminder("first"), reminder("second"));
    for event in [&first, &second] {
        agrees(&clinic, event).await;
        clinic.publish(event).await;
        until_sent(&clinic, event).await;
    }
    assert_eq!(count(&clinic.until_accepted(2).await, Provider::Netgsm, "sms"), 2);
    let lane = format!("SELECT state || ' ' || why FROM lane WHERE lane = '{META}'");
    assert_eq!(clinic.text(&lane).await, "closed account: meta:190");
    assert_eq!(clinic.row(&second).await.expect("a row").attempts, 1, "nobody tries it meanwhile");

    // the token is mended: the probe is answered, and WhatsApp takes over again
    clinic.outside.clear_faults();
    let probe = format!("UPDATE lane SET probe_at = 0 WHERE state = 'closed' AND lane = '{META}'");
    let third = reminder("third");
    agrees(&clinic, &third).await;
    clinic.run(&probe).await;
    let state = format!("SELECT state FROM lane WHERE lane = '{META}'");
    clinic
        .until("the lane is tried", async || (clinic.text(&state).await != "closed").then_some(()))
        .await;
    // the worker hears of it within half a second; until then texts go
    let mut sent = 2;
    loop {
        let next = third
            .clone()
            .named(&format!("third-{sent}"))
            .set("/data/appointment/id", format!("A-third-{sent}"));
        clinic.publish(&next).await;
        until_sent(&clinic, &next).await;
        sent += 1;
        let claims = records(&clinic, &next, "claimed").await;
        if claims.last().expect("a claim")["lane"] == META {
            break;
        }
        assert!(sent < 50, "WhatsApp is not taken again");
    }
    clinic.until_accepted(sent).await;
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_whatsapp_may_have_taken_is_never_a_text_too() {
    let clinic = whatsapp::start(at_meta(scaled::options())).await;
    let event = reminder("silent");
    agrees(&clinic, &event).await;
    let kind = FaultKind::Hang { accept: true, seconds: 600 };
    let silent = Fault::new(Provider::Meta, Operation::Send, kind).number(event.national());
    clinic.outside.add_fault(silent).expect("a fault");
    clinic.publish(&event).await;
    // Meta cannot be asked: without a receipt it ends unresolved
    let row = clinic.until_state(&event, "unresolved", "").await;
    assert_eq!(row.attempts, 1);
    let messages = clinic.until_accepted(1).await;
    assert_eq!(count(&messages, Provider::Meta, "whatsapp"), 1);
    clinic.finish().await;
}

/// Where nobody could tell what became of a message, silence says nothing: the clinic's wait would give everybody two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_receipt_can_come_nothing_follows_silence() {
    let options = at_meta(Options::default())
        .set("ULAK_CLINICS__ATASEHIR__FALLBACK_AFTER__ULAK_APPOINTMENT_REMINDER_V1", "2h");
    let clinic = whatsapp::start(options).await;
    let event = reminder("silent");
    agrees(&clinic, &event).await;
    clinic.publish(&event).await;
    assert_eq!(clinic.until_state(&event, "accepted", "").await.due_at, None);
    clinic.finish().await;
}

/// Nothing is heard of a WhatsApp message for as long as the clinic waits: the text steps in, and both are on record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whatsapp_that_nobody_hears_of_is_followed_by_one_text() {
    let options = at_meta(Options::default())
        .set("ULAK_CLINICS__ATASEHIR__FALLBACK_AFTER__ULAK_APPOINTMENT_REMINDER_V1", "2h")
        .set("ULAK_GATEWAY__PUBLIC_URL", "http://127.0.0.1:9")
        .set("ULAK_PROVIDERS__WHATSAPP__APP_SECRET", "app-secret-of-the-test");
    let clinic = whatsapp::start(options).await;
    let event = reminder("silent");
    agrees(&clinic, &event).await;
    clinic.publish(&event).await;
    let row = clinic.until_state(&event, "accepted", "").await;
    let due = row.due_at.expect("the next channel has its time");
    let in_two_hours = clock::now_ms() + 2 * 3_600_000;
    assert!((due - in_two_hours).abs() < 600_000, "{row:?}");
    clinic.make_due(&event).await;
    clinic
        .until("the text", async || {
            let row = clinic.row(&event).await?;
            (row.state == "accepted" && row.attempts == 2 && row.due_at.is_none()).then_some(())
        })
        .await;
    let messages = clinic.until_accepted(2).await;
    assert_eq!(count(&messages, Provider::Netgsm, "sms"), 1);
    let claims = records(&clinic, &event, "claimed").await;
    assert_eq!(claims[1]["instead"], format!("next-channel: {META}"));
    let balance = clinic.balance().await;
    assert_eq!(balance["two_channel"], 1, "{balance}");
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_machine_does_the_same() {
    let mut env = at_meta(Options::default()).env;
    let mut clinic = Embedded::prepare(Script::default(), &[]).await;
    env.extend(whatsapp::addresses(&clinic.outside.url()));
    clinic.env.extend(env.into_iter().map(|(name, value)| (name.to_owned(), value)));
    clinic.up(&[]).await;
    let event = reminder("no-whatsapp");
    clinic.hide(event.national());
    let args = whatsapp::agreement(&event);
    let said = clinic.ulak(&args.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    clinic.outside.add_fault(refusing("131026", &event)).expect("a fault");
    clinic.post(&event).await;
    clinic
        .until("the text", async || clinic.row(&event).await.filter(|row| row.state.is_sent()))
        .await;
    assert_eq!(count(&clinic.until_accepted(1).await, Provider::Netgsm, "sms"), 1);
    clinic.finish().await;
}
