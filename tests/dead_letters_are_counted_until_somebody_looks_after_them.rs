//! A dead letter is a number that ops see until somebody has put it back or dropped it.

#![expect(clippy::float_cmp, reason = "a page of metrics writes counts as floats; they are whole")]

use std::time::Instant;

use crate::harness::scrape::scrape;
use crate::harness::{Installation, Options, PATIENCE, receipt};

/// Waits until the scheduler says that so many are left.
async fn are_left(clinic: &mut Installation, count: f64) {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let said = scrape(&mut clinic.schedulers[0]).await;
        let is = said.types.contains_key("ulak_dead_letters_unhandled");
        if is && said.sum("ulak_dead_letters_unhandled", &[]) == count {
            return;
        }
        assert!(Instant::now() < give_up, "not {count} dead letters are left:\n{}", said.text);
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_counted_until_somebody_looks_after_them() {
    let options = Options { workers: 1, schedulers: 1, ..Options::default() };
    let mut clinic = Installation::start(options).await;
    clinic.publish(&receipt("bad").without("/data/payment/amount")).await;
    clinic.publish(&receipt("worse").without("/data/payment/amount")).await;
    clinic.until_settled(2).await;
    are_left(&mut clinic, 2.0).await;
    let dropped = clinic
        .ulak(&["dead-letter", "drop", "--since", "1h", "--yes", "--reason", "not to be sent"])
        .await;
    assert_eq!(dropped.code, 0, "{}", dropped.stderr);
    are_left(&mut clinic, 0.0).await;
    clinic.finish().await;
}
