//! kill −9 of `ulak up` at the same named points as the large installation's worker: the next start sends at once what was certainly
//! not sent, and what may have arrived is `unknown`, never sent again, and given up in the end. No lease is waited for.

use simulator::{Fault, FaultKind, Operation, Provider, Script};

use crate::harness::{Embedded, Event, reminder};

/// Where it is killed.
#[derive(Clone, Copy)]
enum Point {
    At(&'static str),
    RequestWritten { taken: bool },
}

/// What is to become of the message.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    SentByTheNext,
    AcceptedBefore,
    Unknown,
}

async fn killed_at(machine: &mut Embedded, point: Point, event: &Event) {
    match point {
        Point::At(place) => {
            let mut hold = machine.up_held(place).await;
            machine.post(event).await;
            hold.reached().await;
        }
        Point::RequestWritten { taken } => {
            let hang = FaultKind::Hang { accept: taken, seconds: 600 };
            let hang = Fault::new(Provider::Netgsm, Operation::Send, hang);
            machine.outside.add_fault(hang.number(event.national()).times(1)).expect("a fault");
            machine.up(&[]).await;
            machine.post(event).await;
            let hangs = async || {
                let requests = machine.outside.requests();
                requests.iter().any(|r| r.fault.as_deref() == Some("hang")).then_some(())
            };
            machine.until("a request that hangs", hangs).await;
        }
    }
    machine.killed().await;
}

async fn killed(point: Point, then: Then, messages: usize) {
    let quick = [("ULAK_WORKER__QUICK_RETRIES", "0")];
    let mut machine = Embedded::prepare(Script::default(), &quick).await;
    let event = reminder("killed");
    killed_at(&mut machine, point, &event).await;
    if then == Then::AcceptedBefore {
        machine.until_state(&event, "accepted", "").await;
    }
    machine.up(&[]).await;
    match then {
        Then::SentByTheNext | Then::AcceptedBefore => {
            machine.until_state(&event, "accepted", "").await;
        }
        Then::Unknown => {
            machine.until_state(&event, "unknown", "lease-ran-out").await;
            machine.make_due(&event).await;
            machine.until_state(&event, "unresolved", "gave up looking").await;
        }
    }
    let row = machine.row(&event).await.expect("a row");
    assert_eq!(row.attempts, 1, "{row:?}");
    assert_eq!(machine.outside.messages_to(event.national()).len(), messages);
    // what its system says again after an answer that it never got is a duplicate, not a second message
    machine.post(&event).await;
    let books = machine.balance().await;
    assert_eq!((&books["received"], &books["duplicates"]), (&1.into(), &1.into()), "{books}");
    machine.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_read_the_next_start_sends_it() {
    killed(Point::At("after-read"), Then::SentByTheNext, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_claim_the_next_start_sends_it() {
    killed(Point::At("before-claim"), Then::SentByTheNext, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_claim_it_is_unknown_and_not_sent_again() {
    killed(Point::At("after-claim"), Then::Unknown, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_request_that_was_taken_it_is_unknown_and_not_sent_again() {
    killed(Point::RequestWritten { taken: true }, Then::Unknown, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_request_that_was_not_taken_it_is_unknown_and_not_sent_again() {
    killed(Point::RequestWritten { taken: false }, Then::Unknown, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_answer_it_is_unknown_and_not_sent_again() {
    killed(Point::At("after-answer"), Then::Unknown, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_copy_is_done_with_the_outcome_stands() {
    killed(Point::At("before-ack"), Then::AcceptedBefore, 1).await;
}
