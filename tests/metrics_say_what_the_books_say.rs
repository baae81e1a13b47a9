//! `/metrics` of real processes: described, typed, without anything of a person, and with the numbers that the books have.

#![expect(clippy::float_cmp, reason = "a page of metrics writes counts as floats; they are whole")]

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::event::PERSONAL;
use crate::harness::scrape::{self, Scrape, scrape};
use crate::harness::{Installation, Options, PATIENCE, receipt, reminder};

/// What a number of the books is as a metric.
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

/// Every metric that is shown stands in the document, with its type.
fn stands_in_the_document(scrape: &Scrape) {
    let document = include_str!("../docs/metrics.md");
    for (name, kind) in &scrape.types {
        let line = format!("| `{name}` | {kind} |");
        assert!(document.contains(&line), "{line} is not in docs/metrics.md");
    }
}

/// All workers, once they have acked `deliveries`: a record is there a moment before its delivery is acked and counted.
async fn scraped_at_rest(clinic: &mut Installation, deliveries: f64) -> Vec<Scrape> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let mut workers = vec![];
        for worker in &mut clinic.workers {
            workers.push(scrape(worker).await);
        }
        let sum = |name: &str, labels: &[(&str, &str)]| -> f64 {
            workers.iter().map(|worker| worker.sum(name, labels)).sum()
        };
        let acked = sum("ulak_broker_deliveries_total", &[("result", "acked")]);
        if acked == deliveries && sum("ulak_in_flight", &[]) == 0.0 {
            return workers;
        }
        assert!(Instant::now() < give_up, "{acked} deliveries are acked, not {deliveries}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_say_what_the_books_say() {
    let options = Options { workers: 2, ..Options::default() };
    let options = options.set("ULAK_PROVIDERS__NETGSM__SEGMENT_PRICE", "0.25 TRY");
    let mut clinic = Installation::start(options).await;
    let mut events: Vec<_> = (0..8).map(|n| receipt(&format!("r{n}"))).collect();
    events.extend((0..4).map(|n| reminder(&format!("a{n}"))));
    for event in &events {
        clinic.publish(event).await;
    }
    let bad = receipt("bad").without("/data/payment/amount");
    clinic.publish(&bad).await;
    clinic.until_settled(13).await;
    clinic.publish(&events[0]).await;
    let duplicates = "SELECT count(*) FROM record WHERE kind = 'duplicate'";
    clinic
        .until("a duplicate", async || (clinic.number(duplicates).await == 1).then_some(()))
        .await;

    let books = clinic.balance().await;
    let workers = scraped_at_rest(&mut clinic, 14.0).await;
    let sum = |name: &str, labels: &[(&str, &str)]| -> f64 {
        workers.iter().map(|worker| worker.sum(name, labels)).sum()
    };
    let refused = sum("ulak_events_refused_total", &[]);
    let received = sum("ulak_events_received_total", &[]);
    assert_eq!(received + refused, number(&books["received"]));
    assert_eq!(refused, 1.0);
    assert_eq!(
        sum("ulak_events_refused_total", &[("type", "payment-receipt"), ("rule", "required")]),
        1.0
    );
    assert_eq!(sum("ulak_events_received_total", &[("type", "appointment-reminder")]), 4.0);
    assert_eq!(sum("ulak_events_duplicate_total", &[]), number(&books["duplicates"]));
    assert_eq!(sum("ulak_sent_twice_total", &[]), number(&books["sent_twice"]));
    let accepted = number(&books["states"]["accepted"]);
    assert_eq!(accepted, 12.0);
    assert_eq!(
        sum("ulak_notifications_ended_total", &[("state", "accepted"), ("why", "provider")]),
        accepted
    );
    assert_eq!(
        sum(
            "ulak_attempts_total",
            &[("account", "netgsm/default"), ("outcome", "accepted"), ("code", "netgsm:00")]
        ),
        accepted
    );
    let segments = clinic.number("SELECT CAST(sum(segments) AS BIGINT) FROM attempt").await as f64;
    assert_eq!(sum("ulak_segments_total", &[("account", "netgsm/default")]), segments);
    // quarters are whole in a float
    let cost = [("account", "netgsm/default"), ("currency", "TRY")];
    assert_eq!(sum("ulak_cost_total", &cost), segments * 0.25);
    for stage in ["render", "claim", "send", "record"] {
        assert_eq!(
            sum("ulak_stage_duration_seconds_count", &[("stage", stage)]),
            accepted,
            "{stage}"
        );
    }
    for stage in ["validate", "consent", "whole"] {
        assert!(
            sum("ulak_stage_duration_seconds_count", &[("stage", stage)]) >= accepted,
            "{stage}"
        );
    }
    assert!(sum("ulak_stage_duration_seconds_sum", &[("stage", "whole")]) > 0.0);
    assert_eq!(
        sum("ulak_consent_answers_total", &[("source", "iys"), ("answer", "listed")]),
        accepted
    );
    assert_eq!(sum("ulak_consent_age_seconds_count", &[]), accepted);
    assert_eq!(sum("ulak_in_flight", &[]), 0.0);
    assert_eq!(sum("ulak_broker_connected", &[]), 4.0, "two connections of two workers");
    assert_eq!(sum("ulak_broker_deliveries_total", &[("result", "acked")]), 14.0);
    assert_eq!(sum("ulak_ledger_away", &[]), 0.0);

    // the scheduler counts from the records, a little later
    let counted = "SELECT CAST(coalesce(sum(n), 0) AS BIGINT) FROM books";
    clinic
        .until("counted books", async || (clinic.number(counted).await == 14).then_some(()))
        .await;
    let mut scheduler = scrape(&mut clinic.schedulers[0]).await;
    let give_up = Instant::now() + PATIENCE;
    while !scheduler.types.contains_key("ulak_books_gap_events") {
        assert!(Instant::now() < give_up, "{}", scheduler.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
        scheduler = scrape(&mut clinic.schedulers[0]).await;
    }
    assert_eq!(scheduler.sum("ulak_books_holder", &[]), 1.0);
    assert_eq!(scheduler.sum("ulak_books_gap_events", &[]), 0.0);
    assert_eq!(scheduler.sum("ulak_books_faults", &[]), 0.0);
    assert_eq!(scheduler.sum("ulak_due_rows", &[]), 0.0);
    let records = clinic.number("SELECT count(*) FROM record").await as f64;
    assert!(scheduler.sum("ulak_books_counted_records_total", &[]) >= records / 2.0);

    for scrape in workers.iter().chain([&scheduler]) {
        stands_in_the_document(scrape);
        let secrets = PERSONAL.iter().map(|word| (*word).to_owned());
        let secrets = secrets.chain(events.iter().map(|event| event.national().to_owned()));
        let secrets = secrets.chain(events.iter().map(crate::harness::event::Event::ntf));
        for secret in secrets {
            assert!(!scrape.text.contains(&secret), "{secret} is in a metric");
        }
        // a few digits of a phone number may be a duration's: whole ones are looked for above
        assert!(!scrape.text.contains("ntf_") && !scrape.text.contains("+90"), "{}", scrape.text);
    }
    assert_eq!(scrape::read("").types.len(), 0);
    if let Some(folder) = std::env::var_os("ULAK_KEEP_METRICS") {
        for (n, scrape) in workers.iter().chain([&scheduler]).enumerate() {
            let file = std::path::Path::new(&folder).join(format!("metrics-{n}.txt"));
            std::fs::write(file, &scrape.text).expect("written");
        }
    }
    clinic.finish().await;
}
