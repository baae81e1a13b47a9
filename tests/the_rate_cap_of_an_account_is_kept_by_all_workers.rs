//! A cap of 5 segments a second, shared by two workers: no second has more, and everything is sent.

use std::collections::BTreeMap;

use chrono::DateTime;

use crate::harness::{Installation, Options, receipt};

const CAP: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rate_cap_of_an_account_is_kept_by_all_workers() {
    // Alone: a worker that is starved between permit and send would show a second that is not the product's.
    let options = Options { alone: true, workers: 2, ..Options::default() };
    let clinic = Installation::start(options.set("ULAK_PROVIDERS__NETGSM__MAX_PER_S", CAP)).await;
    let warm = receipt("warm").of_clinic("besiktas");
    clinic.publish(&warm).await;
    clinic.until_state(&warm, "accepted", "").await;

    let events: Vec<_> = (0..20).map(|n| receipt(&format!("capped-{n}"))).collect();
    futures::future::join_all(events.iter().map(|event| clinic.publish(event))).await;
    let messages = clinic.until_accepted(21).await;
    let mut seconds: BTreeMap<i64, u32> = BTreeMap::new();
    for message in messages.iter().filter(|message| message.sender == "KLINIK") {
        assert_eq!(message.segments, 1, "the fixture's text is one segment");
        // Simulator and database are on one machine and share its clock.
        let at = DateTime::parse_from_rfc3339(&message.at).expect("RFC 3339");
        *seconds.entry(at.timestamp()).or_default() += message.segments;
    }
    assert!(seconds.values().all(|sent| *sent <= CAP as u32), "{seconds:?}");
    assert_eq!(seconds.values().sum::<u32>(), 20);
    for event in &events {
        clinic.until_state(event, "accepted", "").await;
    }
    clinic.finish().await;
}
