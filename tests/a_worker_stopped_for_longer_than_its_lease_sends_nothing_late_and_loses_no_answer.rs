//! SIGSTOP for longer than the lease at every named point between the arrival of a copy and its ack, while another worker goes on:
//! what had not left does not leave any more, what had arrived is found or told late, and everybody has one message.

use serde_json::Value;

use crate::harness::held::Copied;
use crate::harness::points::{Point, Reached, Stand, TOO_OLD, prepared};
use crate::harness::{Event, Installation};
use schemas::hold::Place;

/// How far the ledger has come before the workers go on.
#[derive(Clone, Copy, PartialEq)]
enum Meanwhile {
    /// Their leases have run out.
    Unknown,
    /// All is settled without them.
    Settled,
}

/// What the ledger does by itself while they stand still; time is cut short.
async fn go_on_without_them(clinic: &mut Installation, stands: &[Stand], copied: Copied) {
    for stand in stands {
        match (stand.reached, copied) {
            // patience with the copy ends, and the lease
            (Reached::NotYet, Copied::ByTheScheduler) | (Reached::Claimed(_), _) => {
                clinic.make_due(&stand.event).await;
            }
            // a clinic that got no answer says it again
            (Reached::NotYet, Copied::ByTheClinic) => clinic.publish(&stand.event).await,
            (Reached::Ended, _) => {}
        }
    }
}

/// What the log of an event has to show, other than its end: what had not left is told late, what had arrived is told late or was
/// found before.
async fn is_explained(clinic: &Installation, event: &Event, reached: Reached) -> bool {
    let records = clinic.log_show(&event.ntf()).await;
    let is =
        |record: &Value, outcome: &str| record["kind"] == "outcome" && record["outcome"] == outcome;
    // too old, or the deadline of the request passed while it stood still: either way no byte has left
    let told_too_late = |record: &Value| is(record, "failed") && record["late"] == true;
    records.iter().any(|record| is(record, "accepted"))
        && (reached != Reached::Claimed(0) || records.iter().any(told_too_late))
}

async fn stopped(copied: Copied, meanwhile: Meanwhile) {
    let mut clinic = prepared().await;
    let stands = clinic.stand_at_every_point(copied).await;
    let last = tokio::time::Instant::now();
    go_on_without_them(&mut clinic, &stands, copied).await;
    let events: Vec<Event> = stands.iter().map(|stand| stand.event.clone()).collect();
    if meanwhile == Meanwhile::Settled {
        clinic.everybody_has_one(&events).await;
    } else {
        for stand in &stands {
            if let Reached::Claimed(_) = stand.reached {
                let left = async || {
                    let row = clinic.row(&stand.event).await?;
                    (row.state != "sending").then_some(())
                };
                clinic.until("a lease that has run out", left).await;
            }
        }
    }
    // Five seconds must really pass on the kernel's clock: nothing can shift it.
    tokio::time::sleep_until(last + TOO_OLD).await;
    for stand in &stands {
        stand.thaw();
    }
    let points: Vec<_> = stands.iter().map(|stand| (stand.point, stand.reached)).collect();
    clinic.workers.extend(stands.into_iter().map(|stand| stand.worker));
    if meanwhile == Meanwhile::Unknown {
        clinic.everybody_has_one(&events).await;
    }
    for ((point, reached), event) in points.iter().zip(&events) {
        // their workers hear that their lease is over before they try anything
        if matches!(point, Point::At(Place::BackOff) | Point::Asked { .. }) {
            continue;
        }
        let explained = async || is_explained(&clinic, event, *reached).await.then_some(());
        clinic.until(&format!("{}: its log says so", point.name()), explained).await;
    }
    clinic.everybody_still_has_one(&events);
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_at_every_point_with_the_clinics_copy() {
    stopped(Copied::ByTheClinic, Meanwhile::Unknown).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_at_every_point_with_a_released_copy() {
    stopped(Copied::ByTheScheduler, Meanwhile::Unknown).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_at_every_point_until_all_was_settled_without_them() {
    stopped(Copied::ByTheClinic, Meanwhile::Settled).await;
}
