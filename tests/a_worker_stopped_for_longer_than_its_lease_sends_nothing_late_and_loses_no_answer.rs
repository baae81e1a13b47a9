//! SIGSTOP for longer than the lease. Before the send: the request does not leave any more, and the message goes once
//! with the next attempt. After the answer: the late outcome is written and corrects what was given up meanwhile.

use std::time::Duration;

use crate::harness::held::{Copied, Hold};
use crate::harness::process::Process;
use crate::harness::{Event, Installation, Options, reminder};

/// A decision older than 5 s is not sent (PROTOCOL rule 6). The claim is older than the hold, from which this counts.
const TOO_OLD: Duration = Duration::from_millis(5_100);

/// How far the ledger has come while the worker stood still.
#[derive(Clone, Copy)]
enum Meanwhile {
    Unknown,
    Unresolved,
}

/// An installation with one worker, stopped by the kernel at this place; its lease has run out.
async fn stopped_at(
    place: &'static str,
    copied: Copied,
    meanwhile: Meanwhile,
) -> (Installation, Event, Process, Hold) {
    let options = Options { workers: 0, ..Options::default() };
    let mut clinic = Installation::start(options.set("ULAK_WORKER__QUICK_RETRIES", 0)).await;
    let event = reminder(copied.name());
    clinic.hand_over(&event, copied).await;
    let (worker, mut hold) = clinic.held_worker(place);
    hold.reached().await;
    worker.frozen().await;
    clinic.make_due(&event).await;
    clinic.until_state(&event, "unknown", "lease-ran-out").await;
    if let Meanwhile::Unresolved = meanwhile {
        clinic.make_due(&event).await;
        clinic.until_state(&event, "unresolved", "gave up looking").await;
    }
    (clinic, event, worker, hold)
}

/// The last outcome in the log, with whether it was late.
async fn last_outcome(clinic: &Installation, event: &Event) -> (String, String, bool) {
    let records = clinic.log_show(&event.ntf()).await;
    let outcome = records.iter().rev().find(|r| r["kind"] == "outcome").expect("an outcome");
    let text = |field: &str| outcome[field].as_str().expect("text").to_owned();
    (text("outcome"), text("code"), outcome["late"].as_bool().expect("a truth"))
}

async fn before_the_send(copied: Copied, meanwhile: Meanwhile) {
    let (mut clinic, event, worker, hold) = stopped_at("after-claim", copied, meanwhile).await;
    // Five seconds must really pass on the kernel's clock: nothing can shift it.
    tokio::time::sleep_until(hold.reached_at() + TOO_OLD).await;
    hold.go();
    worker.thawed();
    clinic.workers.push(worker);
    clinic.until_state(&event, "waiting", "retry").await;
    let stale = ("failed".to_owned(), "stale".to_owned(), true);
    assert_eq!(last_outcome(&clinic, &event).await, stale);
    assert_eq!(clinic.outside.messages_to(event.national()).len(), 0, "sent too late");

    clinic.make_due(&event).await;
    let row = clinic.until_state(&event, "accepted", "").await;
    assert_eq!(row.attempts, copied.attempts_before() + 2);
    assert_eq!(clinic.outside.messages_to(event.national()).len(), 1);
    clinic.finish().await;
}

async fn after_the_answer(copied: Copied, meanwhile: Meanwhile) {
    let (mut clinic, event, worker, hold) = stopped_at("after-answer", copied, meanwhile).await;
    assert_eq!(clinic.outside.messages_to(event.national()).len(), 1);
    hold.go();
    worker.thawed();
    clinic.workers.push(worker);
    let row = clinic.until_state(&event, "accepted", "netgsm:00").await;
    assert_eq!(row.attempts, copied.attempts_before() + 1);
    let accepted = ("accepted".to_owned(), "netgsm:00".to_owned(), true);
    assert_eq!(last_outcome(&clinic, &event).await, accepted);
    assert_eq!(clinic.outside.messages_to(event.national()).len(), 1);
    let books = clinic.balance().await;
    let states = &books["states"];
    assert_eq!((&states["accepted"], &states["unresolved"]), (&1.into(), &0.into()), "{books}");
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_before_the_send_the_clinics_copy_does_not_go_late() {
    before_the_send(Copied::ByTheClinic, Meanwhile::Unknown).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_before_the_send_a_released_copy_does_not_go_late() {
    before_the_send(Copied::ByTheScheduler, Meanwhile::Unknown).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_before_the_send_until_it_was_given_up_it_is_still_sent_once() {
    before_the_send(Copied::ByTheClinic, Meanwhile::Unresolved).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_after_the_answer_the_late_outcome_is_written() {
    for copied in Copied::BOTH {
        after_the_answer(copied, Meanwhile::Unknown).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_after_the_answer_a_row_that_was_given_up_is_corrected() {
    for copied in Copied::BOTH {
        after_the_answer(copied, Meanwhile::Unresolved).await;
    }
}
