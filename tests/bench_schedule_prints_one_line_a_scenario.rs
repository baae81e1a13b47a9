//! `ulak bench schedule` measures on databases of its own, says one line a scenario with its goal, and leaves nothing behind. What the
//! numbers are says nothing here: others are at work on this machine.

use serde_json::Value;
use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};
use tokio::process::Command;

use crate::harness::cli::{self, Said};
use crate::harness::services::{Database, Services, Vhost};
use crate::harness::{Installation, Options};

const SMALL: [&str; 8] = ["--rows", "2000", "--due", "500", "--per-second", "50", "--seconds", "2"];

async fn bench(scenario: &str, args: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ulak"));
    command.args(["bench", scenario, "--json"]).args(SMALL);
    cli::said(command, args).await
}

async fn databases(store: &Database) -> Vec<String> {
    let mut server = PgConnection::connect(&store.url()).await.expect("PostgreSQL");
    let rows = server.fetch_all("SELECT datname FROM pg_database").await.expect("names");
    let names = rows.iter().map(|row| row.get::<String, _>("datname"));
    names.filter(|name| name.starts_with("ulak_bench_")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bench_schedule_prints_one_line_a_scenario() {
    let services = Services::shared();
    let (vhost, store) = (Vhost::create_on(&services).await, Database::create_on(&services).await);
    let engines = ["--broker", &vhost.url(), "--database", &store.url()];
    let lines = bench("schedule", &engines).await.json();
    let scenarios: Vec<_> =
        lines.iter().map(|line| line["scenario"].as_str().expect("a name")).collect();
    let all = ["schedule-tick", "schedule-release", "schedule-lateness", "schedule-idle"];
    assert_eq!(scenarios, all);
    for (line, fields) in lines.iter().zip([
        ["planned", "planned_few", "tick_us", "ratio"],
        ["messages", "per_s", "cpu_us_per_message", "postgres_cpu_us_per_message"],
        ["messages", "p50_ms", "p99_ms", "rss_peak_mib"],
        ["planned", "cpu_percent", "rss_peak_mib", "rss_growth_mib"],
    ]) {
        for field in fields {
            assert!(line[field].as_f64().is_some_and(|n| n >= 0.0), "{field} in {line}");
        }
        assert!(line["goal"].is_string() && line["met"].is_boolean(), "{line}");
    }
    let count = |line: &Value, field: &str| line[field].as_u64().expect("a count");
    assert_eq!((count(&lines[0], "planned"), count(&lines[0], "planned_few")), (2_000, 20));
    assert_eq!((count(&lines[1], "messages"), count(&lines[2], "messages")), (500, 100));
    assert_eq!(databases(&store).await, Vec::<String>::new(), "they are dropped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_somebody_uses_is_left_alone() {
    let clinic = Installation::start(Options::default()).await;
    let (broker, database) = (clinic.vhost.url(), clinic.store.url());
    let said = bench("schedule-release", &["--broker", &broker, "--database", &database]).await;
    assert_eq!((said.code, said.stdout.as_str()), (1, ""), "{}", said.stderr);
    assert!(said.one_line().contains("the broker is in use: "), "{}", said.stderr);
    clinic.finish().await;
}
