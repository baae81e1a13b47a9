//! A cap of 5 segments a second, shared by two workers: from any beginning no more leave than it allows, and everything is sent. Whoever
//! was held up behind its place takes another one.
//!
//! What a provider counts in a second of its own depends on its network and on how busy its machine is, so this is not what is looked
//! at: no request comes before its place, and places are a cap apart. However late each one is, of the first `n` the last one
//! cannot be there before `n - 1` places have passed.

use chrono::DateTime;

use crate::harness::installation::WORKER_IS_READY;
use crate::harness::{Installation, Options, receipt};

const CAP: i64 = 5;
/// A place at the cap itself, milliseconds; the product's are a little longer.
const PLACE_MS: i64 = 1_000 / CAP;
/// The database's clock, which is the simulator's too: they are on one machine. Microseconds.
const NOW_US: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
/// Where the account's last place ends, by that clock.
const TAKEN_UNTIL_US: &str = "SELECT span FROM permit WHERE key = 'rate/netgsm/default'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rate_cap_of_an_account_is_kept_by_all_workers() {
    let options = Options { workers: 2, ..Options::default() };
    let clinic = Installation::start(options.set("ULAK_PROVIDERS__NETGSM__MAX_PER_S", CAP)).await;
    let warm = receipt("warm").of_clinic("besiktas");
    clinic.publish(&warm).await;
    clinic.until_state(&warm, "accepted", "").await;

    let events: Vec<_> = (0..20).map(|n| receipt(&format!("capped-{n}"))).collect();
    let began_ms = clinic.number(NOW_US).await / 1_000;
    futures::future::join_all(events.iter().map(|event| clinic.publish(event))).await;
    let messages = clinic.until_accepted(21).await;
    let mut came_ms = Vec::new();
    for message in messages.iter().filter(|message| message.sender == "KLINIK") {
        assert_eq!(message.segments, 1, "the fixture's text is one segment");
        let at = DateTime::parse_from_rfc3339(&message.at).expect("RFC 3339");
        came_ms.push(at.timestamp_millis() - began_ms);
    }
    came_ms.sort_unstable();
    assert_eq!(came_ms.len(), 20);
    for (n, came) in (0..).zip(&came_ms) {
        assert!(*came >= n * PLACE_MS, "{} came too early: {came_ms:?}", n + 1);
    }
    for event in &events {
        clinic.until_state(event, "accepted", "").await;
    }
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_held_up_behind_its_place_takes_another_one() {
    let options = Options { workers: 0, ..Options::default() };
    let options = options.set("ULAK_PROVIDERS__NETGSM__MAX_PER_S", CAP);
    let mut clinic = Installation::start(options).await;
    let (mut worker, mut hold) = clinic.held_worker("after-claim");
    worker.line(WORKER_IS_READY).await;
    clinic.workers.push(worker);
    let event = receipt("late");
    clinic.publish(&event).await;
    hold.reached().await;
    let own = clinic.number(TAKEN_UNTIL_US).await;
    let passed = async || {
        let now = clinic.number(NOW_US).await;
        (now > own).then_some(now)
    };
    let now = clinic.until("its place has passed", passed).await;
    hold.go();
    clinic.until_state(&event, "accepted", "").await;
    let next = clinic.number(TAKEN_UNTIL_US).await;
    assert!(next >= now, "it was sent {} µs behind the end of its place", now - own);
    clinic.until_accepted(1).await;
    clinic.finish().await;
}
