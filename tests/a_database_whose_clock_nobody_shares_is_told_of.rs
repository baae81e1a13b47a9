//! A machine that took local time for UTC: its clock, by which quiet hours are kept, is three hours ahead of everybody's. The worker says
//! so in its log and as a metric, and the doctor to whoever asks, until the clock is right again.

use serde_json::Value;

use crate::harness::scrape::scrape;
use crate::harness::{Installation, Options, receipt};

const THREE_HOURS_S: f64 = 3.0 * 3_600.0;
/// Answers are slow, and name whole seconds.
const SECONDS: f64 = 60.0;

/// What the doctor says of the clock beside everybody else's.
async fn doctor_says(clinic: &Installation) -> Option<String> {
    let said = clinic.ulak(&["doctor"]).await;
    let lines = said.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    let lines: Vec<Value> = lines.collect();
    let wrong = lines.iter().find(|line| line["check"] == "clock" && line["status"] == "fail");
    wrong.map(|line| line["said"].as_str().expect("a text").to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_whose_clock_nobody_shares_is_told_of() {
    let mut clinic = Installation::start(Options::default().set("ULAK_TEST_CLOCK", 1)).await;
    let right = receipt("right");
    clinic.publish(&right).await;
    clinic.until_state(&right, "accepted", "").await;
    let page = scrape(&mut clinic.workers[0]).await;
    assert!(page.sum("ulak_clock_ahead_seconds", &[]).abs() < SECONDS);
    assert_eq!(doctor_says(&clinic).await, None);

    let ahead = format!("{}", THREE_HOURS_S * 1_000.0);
    let set = format!("INSERT INTO meta (key, value) VALUES ('test-clock', '{ahead}')");
    assert_eq!(clinic.run(&set).await, 1);
    let told = clinic.workers[0].log_where("the clock", |line| line["alert"] == "clock-wrong");
    let told = told.await;
    let by = told["ahead_s"].as_f64().expect("seconds");
    assert!((by - THREE_HOURS_S).abs() < SECONDS, "{told}");
    let page = scrape(&mut clinic.workers[0]).await;
    let by = page.sum("ulak_clock_ahead_seconds", &[]);
    assert!((by - THREE_HOURS_S).abs() < SECONDS, "{by}");
    let said = doctor_says(&clinic).await.expect("it says so");
    assert!(said.contains(" ahead of those of all who answered"), "{said}");

    clinic.run("UPDATE meta SET value = '0' WHERE key = 'test-clock'").await;
    assert_eq!(doctor_says(&clinic).await, None);
    clinic.finish().await;
}
