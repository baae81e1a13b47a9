//! kill −9 of `ulak up` at the same named points as the large installation's worker: the next start sends what was not claimed,
//! finds what had arrived, sends again what had not, and everybody has one message. No lease is waited for.

use std::time::Duration;

use futures::future::join_all;
use ledger::state::State;
use schemas::hold::Place;
use simulator::Script;

use crate::harness::points::{POINTS, Point, Reached};
use crate::harness::{Embedded, Event, reconcile, reminder};

/// Settings of every process.
const SETTINGS: [(&str, &str); 2] =
    [("ULAK_WORKER__QUICK_RETRIES", "0"), ("ULAK_WORKER__REQUEST_DEADLINE_S", "2")];

/// Starts it, brings the message to this point, and kills it there.
async fn killed_at(machine: &mut Embedded, point: Point, event: &Event) {
    if let Some(fault) = point.fault(event) {
        machine.outside.add_fault(fault).expect("a fault");
    }
    match point {
        Point::At(place) => {
            if place == Place::BackOff {
                machine.env.push(("ULAK_WORKER__QUICK_RETRIES".to_owned(), "1".to_owned()));
            }
            let mut hold = machine.up_held(place.as_str()).await;
            machine.post(event).await;
            hold.reached().await;
        }
        Point::Asked { .. } => {
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

async fn killed(point: Point, reached: Reached) {
    let mut script = Script::default();
    reconcile::quick(&mut script);
    let settings: Vec<_> = SETTINGS.into_iter().chain(reconcile::SETTINGS).collect();
    let mut machine = Embedded::prepare(script, &settings).await;
    let event = reminder(point.name());
    killed_at(&mut machine, point, &event).await;
    let name = point.name();
    let state = machine.row(&event).await.map(|row| row.state.to_string());
    let taken = machine.outside.messages_to(event.national()).len();
    let expected = match reached {
        Reached::NotYet => ("released", 0),
        Reached::Claimed(taken) => ("sending", taken),
        Reached::Ended => ("accepted", 1),
    };
    assert_eq!((state.as_deref(), taken), (Some(expected.0), expected.1), "{name}");

    machine.up(&[]).await;
    // messages to others, behind which it is certain what did not arrive
    let mut others = 0;
    while machine.row(&event).await.is_none_or(|row| row.state != State::Accepted) {
        assert!(others < 60, "{name}: {:?}", machine.row(&event).await);
        machine.post(&reminder(&format!("later-{others}"))).await;
        others += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    machine.until_accepted(others + 1).await;
    let row = machine.row(&event).await.expect("a row");
    let attempts = if reached == Reached::Claimed(0) { 2 } else { 1 };
    assert_eq!(row.attempts, attempts, "{name}: {row:?}");
    assert_eq!(machine.outside.messages_to(event.national()).len(), 1, "{name}");
    // what its system says again after an answer that it never got is a duplicate, not a second message
    machine.post(&event).await;
    let books = machine.balance().await;
    assert_eq!(
        (&books["received"], &books["duplicates"]),
        (&(others + 1).into(), &1.into()),
        "{books}"
    );
    machine.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_point() {
    for some in POINTS.chunks(4) {
        join_all(some.iter().map(|(point, reached)| killed(*point, *reached))).await;
    }
}
