//! NOTIFY: for what is due at once and nothing else, because transactions that notify commit one after another. And what is done
//! while nothing is heard.

use crate::draft::{LANE, outcome, settle};
use crate::place::{Place, fresh};
use ledger::protocol::Outcome;
use ledger::state::State;
use ledger::wakes::WAKES_WITHIN_MS;
use sqlx::postgres::PgListener;
use std::time::Duration;
use tokio::time::timeout;

const CHANNEL: &str = "ulak_due";
const PATIENCE: Duration = Duration::from_secs(20);

async fn waiting(place: &Place, name: &str, due: i64) {
    let mut row = settle(name, State::Waiting);
    row.due = Some((due, LANE.to_owned()));
    assert!(place.settle_one(row).await);
}

/// How often was called since the last time.
async fn calls(place: &Place, listener: &mut PgListener) -> usize {
    place.run(&format!("NOTIFY {CHANNEL}, 'end'")).await;
    let mut calls = 0;
    while timeout(PATIENCE, listener.recv()).await.unwrap().unwrap().payload() != "end" {
        calls += 1;
    }
    calls
}

#[tokio::test]
async fn only_what_is_due_at_once_is_called_out() {
    let place = fresh().await;
    let mut listener = PgListener::connect_with(&place.raw).await.unwrap();
    listener.listen(CHANNEL).await.unwrap();
    let now = place.now().await;
    waiting(&place, "later", now + WAKES_WITHIN_MS + 60_000).await;
    assert_eq!(calls(&place, &mut listener).await, 0, "planned");
    waiting(&place, "now", now).await;
    assert_eq!(calls(&place, &mut listener).await, 1);
    place.release_one("now").await;
    assert_eq!(calls(&place, &mut listener).await, 0, "released");
    place.sending("a").await;
    place.outcome_one("a", 1, Outcome::Accepted).await;
    assert_eq!(calls(&place, &mut listener).await, 0, "claimed and sent");
    place.sending("b").await;
    let mut failed = outcome("b", 1, crate::draft::FAILED);
    failed.next.after_ms = 0;
    place.record_outcomes(&[failed]).await.remove(0).unwrap();
    assert_eq!(calls(&place, &mut listener).await, 1, "failed over");
    place.facts_are_current(now).await.unwrap();
    assert_eq!(calls(&place, &mut listener).await, 0);
}

#[tokio::test]
async fn a_lost_listener_is_made_again_and_meanwhile_the_ledger_is_asked_by_the_clock() {
    let place = fresh().await;
    let mut wakes = place.wakes();
    let listeners = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name = 'conformance' AND query LIKE '%pg_notify%' AND state = 'idle'";
    let heard = async {
        while place.number(listeners).await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, heard).await.unwrap();
    while timeout(Duration::from_millis(700), wakes.next(false)).await.is_ok() {}
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name = 'conformance' AND query LIKE '%pg_notify%' AND state = 'idle'";
    assert!(place.number(cut).await >= 1);
    // deaf: it returns by the clock, and once more when somebody listens again, whatever was missed
    timeout(PATIENCE, wakes.next(false)).await.unwrap();
    let quiet =
        async { while timeout(Duration::from_millis(700), wakes.next(false)).await.is_ok() {} };
    timeout(PATIENCE, quiet).await.unwrap();
    waiting(&place, "now", 0).await;
    timeout(Duration::from_millis(450), wakes.next(false)).await.unwrap();
}
