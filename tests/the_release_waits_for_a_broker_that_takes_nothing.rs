//! RabbitMQ's application stops for ten seconds, or holds publishing back by its memory alarm, while rows are due: what is released
//! waits in the ledger and burns no patience, what workers hold is finished and acked, and afterwards everything goes once.

use std::time::Duration;

use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::attack::Attack;
use crate::harness::own_services::OwnServices;
use crate::harness::{Event, Installation, Options};

const EVENTS: usize = 60;

/// Events whose first attempt Netgsm throttled: they wait in the ledger for their release.
async fn that_wait(own: &OwnServices) -> Attack {
    let options = Options { services: Some(own.services.clone()), ..Options::default() };
    let mut attack = Attack::without_a_proxy(
        options.set("ULAK_WORKER__QUICK_RETRIES", 0).set("ULAK_WORKER__IN_FLIGHT", 8),
    )
    .await;
    let throttled = FaultKind::Code { code: "80".to_owned() };
    let throttled = Fault::new(Provider::Netgsm, Operation::Send, throttled);
    attack.clinic.outside.clear_faults();
    attack.clinic.outside.add_fault(throttled).expect("a fault");
    attack.publish(EVENTS).await;
    let waiting = |states: std::collections::BTreeMap<String, usize>| {
        (states.get("waiting") == Some(&EVENTS)).then_some(())
    };
    attack.clinic.until("all wait", async || waiting(attack.clinic.states().await)).await;
    attack.clinic.run("UPDATE open SET due_at = due_at + 600000").await;
    attack.clinic.outside.clear_faults();
    attack
}

async fn make_all_due(clinic: &Installation) {
    let due = clinic.run("UPDATE open SET due_at = 0").await;
    assert_eq!(due, EVENTS as u64, "rows that wait");
}

/// Each was released once more, and no release was burnt on a broker that takes nothing.
async fn released_once(clinic: &Installation, events: &[Event]) {
    for event in events {
        let row = clinic.row(event).await.expect("a row");
        assert_eq!(row.attempts, 2, "{row:?}");
    }
    let fences = clinic.number("SELECT coalesce(max(fence), 0) FROM notification").await;
    assert!(fences <= 2, "released {fences} times");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_whose_application_stops_for_ten_seconds() {
    let own = OwnServices::up().await;
    let mut attack = that_wait(&own).await;
    own.services.run("ctl", &["stop_app"]).await;
    make_all_due(&attack.clinic).await;
    // so long it is away: nobody can wait for that otherwise
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(attack.accepted(), 0);
    own.services.run("ctl", &["start_app"]).await;
    attack.all_sent_once("ten seconds without the broker").await;
    released_once(&attack.clinic, &attack.events).await;
    attack.clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_holds_publishing_back() {
    let own = OwnServices::up().await;
    let mut attack = that_wait(&own).await;
    // what is in the queue is taken, sent and acked under the alarm; each takes so long that the alarm finds some of it there
    let slow = Fault::new(Provider::Netgsm, Operation::Send, FaultKind::Slow { ms: 300 });
    attack.clinic.outside.add_fault(slow).expect("a fault");
    attack.publish(200).await;
    own.services.run("ctl", &["set_vm_memory_high_watermark", "0.000001"]).await;
    make_all_due_but_those_in_work(&attack.clinic).await;
    attack.clinic.schedulers[0].line("holds publishing back").await;
    attack
        .clinic
        .until("what was in the queues is sent", async || {
            let states = attack.clinic.states().await;
            (states.get("accepted").copied().unwrap_or(0) >= 200).then_some(())
        })
        .await;
    attack
        .clinic
        .until("what was in the queues is acked", async || {
            let listed = attack.clinic.vhost.ctl("list_queues", &["name", "messages"]).await;
            let left = |line: &str| {
                let mut words = line.split_whitespace();
                let name = words.next().unwrap_or_default();
                let count = words.next().unwrap_or_default();
                ["ulak.appointment-reminder", "ulak.payment-receipt"].contains(&name)
                    && count != "0"
            };
            (!listed.lines().any(left)).then_some(())
        })
        .await;
    own.services.run("ctl", &["set_vm_memory_high_watermark", "absolute", "512MB"]).await;
    attack.all_sent_once("an alarm of the broker").await;
    attack.clinic.finish().await;
}

/// Rows that wait are due; those that are being sent have their lease.
async fn make_all_due_but_those_in_work(clinic: &Installation) {
    let due = clinic.run("UPDATE open SET due_at = 0 WHERE state = 'waiting'").await;
    assert!(due >= EVENTS as u64, "only {due} rows wait");
}
