//! Whoever releases is woken by what has become due, in whichever process that was.

use crate::draft::{LANE, ntf, settle};
use crate::place::{Place, fresh};
use ledger::lanes::LaneState;
use ledger::state::State;
use ledger::{Ledger, Wakes};
use std::time::Duration;
use tokio::time::timeout;

/// Longer than it takes, shorter than a look by the clock.
const AT_ONCE: Duration = Duration::from_millis(450);
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until nothing is news any more: on PostgreSQL it is heard from then on what others write.
async fn quiet(wakes: &mut Wakes) {
    let settled =
        async { while timeout(Duration::from_millis(700), wakes.next(false)).await.is_ok() {} };
    timeout(PATIENCE, settled).await.unwrap();
}

async fn other_process(place: &Place) -> Ledger {
    Ledger::open(&place.settings).await.unwrap()
}

async fn take_in(ledger: &Ledger, name: &str, due: i64) {
    let mut row = settle(name, State::Waiting);
    row.due = Some((due, LANE.to_owned()));
    assert!(ledger.settle(&[row]).await.remove(0).unwrap());
}

#[tokio::test]
async fn a_row_that_another_process_makes_due_wakes_at_once() {
    let place = fresh().await;
    let other = other_process(&place).await;
    let mut wakes = place.wakes();
    quiet(&mut wakes).await;
    for round in 0..3 {
        let name = format!("a{round}");
        let ((), woken) =
            tokio::join!(take_in(&other, &name, 0), timeout(AT_ONCE, wakes.next(false)));
        woken.unwrap();
        quiet(&mut wakes).await;
    }
    // what happened before anybody waited is not forgotten
    take_in(&other, "before", 0).await;
    timeout(AT_ONCE, wakes.next(false)).await.unwrap();
}

#[tokio::test]
async fn a_lane_that_opens_wakes_too() {
    let place = fresh().await;
    let other = other_process(&place).await;
    place.close_lane(LANE, "credentials", 1_000).await.unwrap();
    let mut wakes = place.wakes();
    quiet(&mut wakes).await;
    other.widen_lane(LANE, LaneState::Closed).await.unwrap();
    timeout(AT_ONCE, wakes.next(false)).await.unwrap();
    other.pause_lane(LANE, "test", "ayse@m1").await.unwrap();
    quiet(&mut wakes).await;
    other.resume_lane(LANE, "test", "ayse@m1").await.unwrap();
    timeout(AT_ONCE, wakes.next(false)).await.unwrap();
}

#[tokio::test]
async fn the_progress_of_this_process_wakes_whoever_waits_for_it() {
    let place = fresh().await;
    let mut wakes = place.wakes();
    place.waiting("a").await;
    quiet(&mut wakes).await;
    place.cancel(&[ntf("a")], "test").await.unwrap();
    timeout(AT_ONCE, wakes.next(true)).await.unwrap();
}
