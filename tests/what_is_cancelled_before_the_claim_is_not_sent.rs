//! A worker has decided to send and is held before its claim; what is committed meanwhile stops the send. What is
//! committed after the claim comes too late and changes nothing.

use ledger::{Ledger, intake, look::Keys};
use schemas::{Incoming, Registry, Version};

use crate::harness::held::Copied;
use crate::harness::{Event, Installation, Options, Row, reminder};

/// What is committed behind the worker's back.
#[derive(Clone, Copy)]
enum Change {
    /// The appointment is cancelled.
    Appointment,
    /// The row is cancelled.
    Row,
    /// The person said no.
    Suppression,
}

/// Keyed hashes of an event, and the version of its appointment.
fn keys(ledger: &Ledger, event: &Event) -> (Keys, i64) {
    let registry = Registry::embedded().expect("event types");
    let Ok(Incoming::Event(event)) =
        registry.read(&event.body(), Some(event.kind()), &|clinic| clinic == "atasehir")
    else {
        panic!("{} is no event", event.text("/id"));
    };
    let event_type = registry.get(&event.event_type).expect("a known type");
    let Some(Version::EventTime(version)) = event.appointment.as_ref().map(|a| a.version) else {
        panic!("an appointment without a version of its own");
    };
    (intake::keys(ledger.vault(), &event, event_type), version)
}

/// Commits it; returns the notifications that ended by it.
async fn commit(ledger: &Ledger, event: &Event, change: Change) -> Vec<String> {
    let (keys, version) = keys(ledger, event);
    let done = match change {
        Change::Appointment => {
            let key = keys.appointment.expect("a reminder is about one");
            ledger.cancel_appointment("atasehir", &key, ("event-time", version + 1)).await
        }
        Change::Row => ledger.cancel(&[event.ntf()], "the clinic cancelled it").await,
        Change::Suppression => ledger
            .suppress("atasehir", &keys.suppression, &keys.person, "asked at the desk")
            .await
            .map(|()| Vec::new()),
    };
    done.expect("the ledger is there")
}

/// Holds a worker, commits the change, lets it go on; returns what became of the message, and what ended by the change.
async fn while_held(
    place: &'static str,
    copied: Copied,
    change: Change,
) -> (Row, Vec<String>, usize) {
    let options = Options { workers: 0, ..Options::default() };
    let mut clinic = Installation::start(options.set("ULAK_WORKER__QUICK_RETRIES", 0)).await;
    let event = reminder(copied.name());
    clinic.hand_over(&event, copied).await;
    let (mut worker, mut hold) = clinic.held_worker(place);
    hold.reached().await;
    let ledger = clinic.ledger().await;
    let ended = commit(&ledger, &event, change).await;
    ledger.close().await;
    hold.go();
    worker.log_where("the end of it", |line| line["message"] == "handled").await;
    clinic.workers.push(worker);
    let row = clinic.row(&event).await.expect("a row");
    let sent = clinic.outside.messages_to(event.national()).len();
    assert!(ended.iter().all(|ntf| *ntf == event.ntf()), "{ended:?}");
    clinic.finish().await;
    (row, ended, sent)
}

async fn stops(copied: Copied, change: Change, state: &str, why: &str) {
    let (row, _, sent) = while_held("before-claim", copied, change).await;
    assert_eq!((row.state.as_str(), row.why.as_str()), (state, why));
    assert_eq!((row.attempts, sent), (copied.attempts_before(), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_appointment_stops_the_clinics_copy() {
    stops(Copied::ByTheClinic, Change::Appointment, "cancelled", "appointment-cancelled").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_appointment_stops_a_released_copy() {
    stops(Copied::ByTheScheduler, Change::Appointment, "cancelled", "appointment-cancelled").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_row_stops_a_released_copy() {
    stops(Copied::ByTheScheduler, Change::Row, "cancelled", "the clinic cancelled it").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suppression_stops_both_copies() {
    for copied in Copied::BOTH {
        let why = "suppressed: asked at the desk";
        stops(copied, Change::Suppression, "suppressed", why).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_claim_a_cancellation_comes_too_late() {
    for change in [Change::Appointment, Change::Row] {
        let (row, ended, sent) = while_held("after-claim", Copied::ByTheScheduler, change).await;
        assert_eq!((row.state.as_str(), row.attempts, sent), ("accepted", 2, 1));
        assert!(ended.is_empty(), "a row that is being sent was cancelled");
    }
}
