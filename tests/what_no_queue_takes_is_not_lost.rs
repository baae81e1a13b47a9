//! What is published with a key that no queue takes, what reaches the alternate exchange, and what somebody purges out
//! of a work queue: none of it is lost.

use crate::harness::publisher::NOTIFICATIONS;
use crate::harness::{Installation, Options, clock, receipt, reminder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_type_is_dead_lettered_and_a_known_one_is_taken_in() {
    let clinic = Installation::start(Options::default()).await;
    let unknown = receipt("unknown").set("/type", "ulak.smoke-signal.v1");
    clinic.publish(&unknown).await;
    let mistaken = receipt("mistaken");
    clinic.hide(mistaken.national());
    let key = "ulak.payment-reciept.v1";
    clinic.publisher.body(NOTIFICATIONS, key, &mistaken.body(), "mistaken").await;
    let known = reminder("known");
    clinic.hide(known.national());
    clinic.publisher.body("ulak.unroutable", known.kind(), &known.body(), "known").await;

    clinic.until_state(&known, "accepted", "").await;
    let messages = clinic.until_accepted(1).await;
    assert_eq!(messages[0].to, known.national());
    clinic.until_settled(3).await;
    let dead = clinic.dead_letters().await;
    let mut rules: Vec<_> =
        dead.iter().map(|d| (d["rule"].as_str().unwrap(), d["path"].as_str().unwrap())).collect();
    rules.sort_unstable();
    assert_eq!(rules, [("type-mismatch", "/type"), ("unknown-type", "/type")]);
    let mut copies = clinic.publisher.dead_letters(2).await;
    copies.sort_by(|a, b| a.reason.cmp(&b.reason));
    let reasons: Vec<_> = copies.iter().map(|c| (c.reason.as_str(), c.path.as_deref())).collect();
    assert_eq!(reasons, [("type-mismatch", Some("/type")), ("unknown-type", Some("/type"))]);
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_was_purged_is_released_again() {
    let now = |minutes: i64| clock::turkey(minutes).format("%H:%M").to_string();
    let options =
        Options { quiet_hours: format!("{}-{}", now(-60), now(60)), ..Options::default() };
    let mut clinic = Installation::start(options).await;
    let event = reminder("purged");
    clinic.publish(&event).await;
    clinic.until_state(&event, "waiting", "quiet-hours").await;
    for mut worker in std::mem::take(&mut clinic.workers) {
        assert!(worker.stopped().await.success());
        clinic.gone.push(worker);
    }
    clinic.make_due(&event).await;
    clinic.until_state(&event, "released", "").await;
    let purged =
        async || (clinic.publisher.purge("ulak.appointment-reminder").await == 1).then_some(());
    clinic.until("the copy in its queue, purged", purged).await;

    clinic.add_worker(&[("ULAK_CLINICS__ATASEHIR__QUIET_HOURS", "none")]).await;
    // Patience with the first copy ends.
    clinic.make_due(&event).await;
    clinic.until_state(&event, "accepted", "").await;
    let released: Vec<_> = clinic.log_show(&event.ntf()).await;
    let released = released.iter().filter(|r| r["kind"] == "released").map(|r| r["n"].as_i64());
    assert_eq!(released.collect::<Vec<_>>(), [Some(1), Some(2)]);
    clinic.until_accepted(1).await;
    clinic.finish().await;
}
