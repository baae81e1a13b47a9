//! kill −9 at every named point between the arrival of a copy and its ack, with the clinic's copy and with a released one: the next
//! worker sends what was not claimed, reconciliation finds what had arrived and sends again what had not, and everybody has one
//! message.

use std::collections::HashSet;

use schemas::hold::Place;

use crate::harness::held::Copied;
use crate::harness::points::{ONLY_JOBS, ONLY_PANICS, POINTS, Point, Reached, prepared};
use crate::harness::schedulers;

async fn killed(copied: Copied) {
    let mut clinic = prepared().await;
    let stands = clinic.stand_at_every_point(copied).await;
    let mut events = vec![];
    for mut stand in stands {
        stand.worker.killed().await;
        clinic.gone.push(stand.worker);
        if let Reached::Claimed(_) = stand.reached {
            // the lease, which nobody waits for here
            clinic.make_due(&stand.event).await;
        }
        events.push(stand.event);
    }
    clinic.everybody_has_one(&events).await;
    for ((point, reached), event) in POINTS.iter().zip(&events) {
        let again = match (reached, point) {
            (Reached::Claimed(0), _) => 2,
            (Reached::NotYet | Reached::Claimed(_) | Reached::Ended, _) => 1,
        };
        let row = clinic.row(event).await.expect("a row");
        assert_eq!(row.attempts, copied.attempts_before() + again, "{}: {row:?}", point.name());
    }
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_point_with_the_clinics_copy() {
    killed(Copied::ByTheClinic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_point_with_a_released_copy() {
    killed(Copied::ByTheScheduler).await;
}

/// A new place is in a table of a worker's or of a scheduler's points, or this fails.
#[test]
fn no_named_place_is_forgotten() {
    let workers = POINTS.iter().filter_map(|(point, _)| match point {
        Point::At(place) => Some(*place),
        Point::Asked { .. } => None,
    });
    let elsewhere = ONLY_PANICS.into_iter().chain(ONLY_JOBS);
    let tables: Vec<Place> = workers.chain(schedulers::POINTS).chain(elsewhere).collect();
    let named: HashSet<Place> = tables.iter().copied().collect();
    assert_eq!(named.len(), tables.len(), "a place is in two tables");
    assert_eq!(named, Place::ALL.iter().copied().collect());
}
