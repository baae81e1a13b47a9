//! kill −9 at five named points, each with the clinic's copy and with a released one: the next worker sends what was
//! certainly not sent, and what may have arrived is listed as `unknown`, never sent again, and given up in the end.

use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::held::{Copied, says_stale};
use crate::harness::process::Process;
use crate::harness::{Event, Installation, Options, reminder};

/// Where the worker is killed.
#[derive(Clone, Copy)]
enum Point {
    /// At a named place.
    At(&'static str),
    /// When the provider has seen the whole request; with or without taking the message.
    RequestWritten { taken: bool },
}

/// What is to become of the message.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    SentByTheNext,
    AcceptedBefore,
    Listed,
}

/// Starts the worker that is to be killed; returns when the message is at the point.
async fn victim(clinic: &mut Installation, point: Point, event: &Event) -> Process {
    match point {
        Point::At(place) => {
            let (worker, mut hold) = clinic.held_worker(place);
            hold.reached().await;
            worker
        }
        Point::RequestWritten { taken } => {
            let hang = FaultKind::Hang { accept: taken, seconds: 600 };
            let hang = Fault::new(Provider::Netgsm, Operation::Send, hang);
            clinic.outside.add_fault(hang.number(event.national()).times(1)).expect("a fault");
            let hanging = |clinic: &Installation| {
                let requests = clinic.outside.requests();
                requests.iter().filter(|r| r.fault.as_deref() == Some("hang")).count()
            };
            let before = hanging(clinic);
            let worker = clinic.process("worker", &[]);
            let written = async || (hanging(clinic) > before).then_some(());
            clinic.until("a request that hangs", written).await;
            worker
        }
    }
}

/// The attempt is `unknown`, in a list that a person reads, until it is given up; nothing is sent meanwhile.
async fn is_listed_and_given_up(clinic: &Installation, event: &Event) {
    clinic.until_state(event, "sending", "").await;
    clinic.make_due(event).await;
    clinic.until_state(event, "unknown", "lease-ran-out").await;
    let listed = clinic.ulak(&["log", "list", "--state", "unknown"]).await.json();
    let listed: Vec<_> = listed.iter().map(|row| row["ntf"].as_str().expect("text")).collect();
    assert_eq!(listed, [event.ntf()]);
    let books = clinic.balance().await;
    assert_eq!((&books["open"], &books["states"]["unknown"]), (&1.into(), &1.into()), "{books}");

    clinic.make_due(event).await;
    clinic.until_state(event, "unresolved", "gave up looking").await;
    let explained = clinic.explain(&event.ntf()).await;
    assert!(explained.contains("May have been sent"), "{explained}");
}

async fn killed(point: Point, then: Then, messages: usize) {
    let options = Options { workers: 0, ..Options::default() };
    let mut clinic = Installation::start(options.set("ULAK_WORKER__QUICK_RETRIES", 0)).await;
    for copied in Copied::BOTH {
        let event = reminder(copied.name());
        clinic.hand_over(&event, copied).await;
        let mut victim = victim(&mut clinic, point, &event).await;
        victim.killed().await;
        clinic.gone.push(victim);
        if then == Then::AcceptedBefore {
            clinic.until_state(&event, "accepted", "").await;
        }

        clinic
            .with_a_worker(async |clinic, next| {
                // The broker delivers the copy again.
                if then != Then::SentByTheNext {
                    next.log_where("a stale copy", says_stale).await;
                }
                match then {
                    Then::SentByTheNext | Then::AcceptedBefore => {
                        clinic.until_state(&event, "accepted", "").await;
                    }
                    Then::Listed => is_listed_and_given_up(clinic, &event).await,
                }
            })
            .await;
        let row = clinic.row(&event).await.expect("a row");
        assert_eq!(row.attempts, copied.attempts_before() + 1, "{row:?}");
        assert_eq!(clinic.outside.messages_to(event.national()).len(), messages);
    }
    let books = clinic.balance().await;
    assert_eq!((&books["received"], &books["duplicates"]), (&2.into(), &0.into()), "{books}");
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_read_the_next_worker_sends_it() {
    killed(Point::At("after-read"), Then::SentByTheNext, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_claim_it_is_unknown_and_not_sent_again() {
    killed(Point::At("after-claim"), Then::Listed, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_request_that_was_taken_it_is_unknown_and_not_sent_again() {
    killed(Point::RequestWritten { taken: true }, Then::Listed, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_request_that_was_not_taken_it_is_unknown_and_not_sent_again() {
    killed(Point::RequestWritten { taken: false }, Then::Listed, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_answer_it_is_unknown_and_not_sent_again() {
    killed(Point::At("after-answer"), Then::Listed, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_ack_the_outcome_stands_and_the_copy_is_stale() {
    killed(Point::At("before-ack"), Then::AcceptedBefore, 1).await;
}
