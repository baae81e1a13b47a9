//! Each scenario of `ulak bench` about sending measures real processes on a ledger of its own, says one line with all it promises to say,
//! and leaves nothing behind. What the numbers are says nothing here: others are at work on this machine.

use serde_json::Value;
use tokio::process::Command;

use crate::harness::cli::{self, Said};
use crate::harness::publisher::Publisher;
use crate::harness::services::{Database, Services, Vhost};

const SMALL: [&str; 10] = [
    "--messages",
    "300",
    "--waiting",
    "400",
    "--per-second",
    "50",
    "--seconds",
    "2",
    "--in-flight",
    "64",
];

/// What every line says of what a message costs.
const COSTS: [&str; 5] = [
    "cpu_us_per_message",
    "postgres_cpu_us_per_message",
    "rabbitmq_cpu_us_per_message",
    "simulator_cpu_us_per_message",
    "wal_bytes_per_message",
];
const WAITS: [&str; 5] = ["per_s", "p50_ms", "p95_ms", "p99_ms", "rss_peak_mib"];

async fn bench(args: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ulak"));
    command.arg("bench").args(SMALL).arg("--json");
    cli::said(command, args).await
}

fn count(line: &Value, field: &str) -> u64 {
    line[field].as_u64().unwrap_or_else(|| panic!("{field} in {line}"))
}

/// One command, the lines of its scenarios, and what each line has to say besides [`COSTS`] and [`WAITS`].
async fn measured(scenarios: &[(&str, &[&str])]) -> Vec<Value> {
    let services = Services::shared();
    let (vhost, store) = (Vhost::create_on(&services).await, Database::create_on(&services).await);
    let (broker, database) = (vhost.url(), store.url());
    let mut args = vec!["--broker", &broker, "--database", &database];
    // whatever their order here, the lines have theirs
    args.extend(scenarios.iter().rev().map(|(name, _)| *name));
    let lines = bench(&args).await.json();
    assert_eq!(lines.len(), scenarios.len(), "{lines:?}");
    for (line, (name, own)) in lines.iter().zip(scenarios) {
        assert_eq!(line["scenario"], *name);
        for field in COSTS.iter().chain(&WAITS).chain(*own) {
            assert!(line[field].as_f64().is_some_and(|n| n >= 0.0), "{field} in {line}");
        }
        assert!(line["goal"].is_string() && line["met"].is_boolean(), "{line}");
    }
    let clinic = Publisher::connect(&broker).await;
    for queue in ["ulak.appointment-reminder", "ulak.payment-receipt", "ulak.dead-letter"] {
        assert!(clinic.get(queue).await.is_none(), "{queue} holds something");
    }
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bench_prints_one_line_a_scenario_of_sending() {
    let lines = measured(&[
        ("floor", &[]),
        ("throughput", &["of_floor", "scheduler_cpu_us_per_message"]),
        ("latency", &["max_ms", "scheduler_cpu_us_per_message"]),
    ])
    .await;
    // exactly once each, and none of another scenario
    let messages: Vec<u64> = lines.iter().map(|line| count(line, "messages")).collect();
    assert_eq!(messages, [300, 300, 100]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bench_prints_one_line_a_scenario_of_limits() {
    let lines = measured(&[
        ("slow-provider", &["of_in_flight", "in_flight", "provider_ms"]),
        ("backlog", &["rss_growth_mib", "rss_peak_hanging_mib", "rss_growth_hanging_mib"]),
        ("shared-cap", &["used", "over_limit", "workers", "cap_segments_per_s"]),
    ])
    .await;
    let messages: Vec<u64> = lines[..2].iter().map(|line| count(line, "messages")).collect();
    assert_eq!(messages, [300, 400]);
    assert_eq!(count(&lines[2], "workers"), 4);
}

/// All receipts are taken, and the line has the comparison: with them, without, and the ratio.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bench_compares_sending_with_and_without_a_burst_of_receipts() {
    let services = Services::shared();
    let (vhost, store) = (Vhost::create_on(&services).await, Database::create_on(&services).await);
    let (broker, database) = (vhost.url(), store.url());
    let args = ["--receipts", "300", "--broker", &broker, "--database", &database, "receipts"];
    let lines = bench(&args).await.json();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(line["scenario"], "receipts");
    assert_eq!((count(line, "messages"), count(line, "receipts")), (300, 300));
    let with = ["receipts_per_s", "p50_ms", "p99_ms", "p99_ratio"];
    let without = ["p50_without_ms", "p99_without_ms", "p99_without_after_ms", "noise_ratio"];
    for field in with.iter().chain(&without) {
        assert!(line[*field].as_f64().is_some_and(|n| n >= 0.0), "{field} in {line}");
    }
    assert!(line["goal"].is_string() && line["met"].is_boolean(), "{line}");
}

/// One, two and four workers, each with its rate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bench_compares_four_workers_with_one() {
    let services = Services::shared();
    let (vhost, store) = (Vhost::create_on(&services).await, Database::create_on(&services).await);
    let (broker, database) = (vhost.url(), store.url());
    let args = ["--broker", &broker, "--database", &database, "scaling"];
    let lines = bench(&args).await.json();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&line["scenario"], count(line, "in_flight_each")), (&"scaling".into(), 16));
    for field in ["per_s_of_1", "per_s_of_2", "per_s_of_4", "of_linear"] {
        assert!(line[field].as_f64().is_some_and(|n| n > 0.0), "{field} in {line}");
    }
}
