//! Somebody changes rows behind Ulak's back: the background check alerts with clinic and hour, the metric shows it, `ulak log balance`
//! fails and names it; once it is mended all of that ends by itself.

#![expect(clippy::float_cmp, reason = "a page of metrics writes counts as floats; they are whole")]

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::embedded::Embedded;
use crate::harness::process::Process;
use crate::harness::scrape::{Scrape, scrape};
use crate::harness::{Installation, Options, PATIENCE, clock, receipt, reminder};
use simulator::Script;

const BALANCED: &str = "the books balance again";

/// A time of the clinic's day, so many minutes from now.
fn wall(minutes: i64) -> String {
    clock::turkey(minutes).format("%H:%M").to_string()
}

/// Waits for a look that found this many faults; what the scheduler says is of its last whole look.
async fn faults(process: &mut Process, count: f64) -> Scrape {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let seen = scrape(process).await;
        let is = seen.types.contains_key("ulak_books_faults");
        if is && seen.sum("ulak_books_faults", &[]) >= count {
            return seen;
        }
        assert!(Instant::now() < give_up, "{}", seen.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The alert about one notification.
async fn named(process: &mut Process, ntf: &str, what: &str) -> Value {
    let is =
        |line: &Value| line["alert"] == "books-gap" && line["ntf"] == ntf && line["what"] == what;
    process.log_where(what, is).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_broken_by_hand_is_found_and_named() {
    let mut clinic = Installation::start(Options {
        // a reminder waits, and receipts do not
        quiet_hours: format!("{}-{}", wall(-60), wall(120)),
        ..Options::default()
    })
    .await;
    let (changed, gone, lost) = (receipt("changed"), receipt("gone"), reminder("lost"));
    for event in [&changed, &gone] {
        clinic.publish(event).await;
        clinic.until_state(event, "accepted", "").await;
    }
    clinic.publish(&lost).await;
    clinic.until_state(&lost, "waiting", "").await;
    let before = clinic.balance().await;
    assert_eq!(before["balances"], true);
    let sound = faults(&mut clinic.schedulers[0], 0.0).await;
    assert_eq!(sound.sum("ulak_books_faults", &[]) + sound.sum("ulak_books_gap_events", &[]), 0.0);

    let kept = "CREATE TABLE kept AS SELECT * FROM notification; CREATE TABLE kept_due AS SELECT * FROM open";
    for statement in kept.split("; ") {
        clinic.run(statement).await;
    }
    for statement in [
        format!("UPDATE notification SET state = 'delivered' WHERE ntf = '{}'", changed.ntf()),
        format!("DELETE FROM open WHERE ntf = '{}'", lost.ntf()),
        format!("DELETE FROM notification WHERE ntf = '{}'", gone.ntf()),
    ] {
        assert_eq!(clinic.run(&statement).await, 1);
    }
    let scheduler = &mut clinic.schedulers[0];
    let line = named(scheduler, &changed.ntf(), "differs-from-records").await;
    assert_eq!(line["clinic"], "atasehir");
    assert!(line["hour"].as_str().is_some_and(|hour| hour.ends_with(":00:00Z")), "{line}");
    named(scheduler, &lost.ntf(), "due-time-missing").await;
    let is_hour = |line: &Value| line["alert"] == "books-gap" && line["gap"] == 1;
    let line = scheduler.log_where("the gap of an hour", is_hour).await;
    assert_eq!((&line["clinic"], &line["level"]), (&"atasehir".into(), &"ERROR".into()));
    let seen = faults(scheduler, 2.0).await;
    assert_eq!(seen.sum("ulak_books_gap_events", &[("clinic", "atasehir")]), 1.0);
    assert_eq!(seen.sum("ulak_books_faults", &[("what", "differs-from-records")]), 1.0);
    assert_eq!(seen.sum("ulak_books_faults", &[("what", "due-time-missing")]), 1.0);

    let said = clinic.ulak(&["log", "balance"]).await;
    assert_eq!(said.code, 1, "{}", said.stdout);
    let named = said.one_line();
    assert!(named.contains("gap 1") && named.contains(&changed.ntf()), "{named}");
    assert!(named.contains("atasehir 20") && named.contains("Europe/Istanbul"), "{named}");
    let said = clinic
        .ulak(&["log", "balance", "--clinic", "atasehir", "--by", "hour", "--since", "2h"])
        .await;
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(said.one_line().contains("atasehir 20"), "{}", said.stderr);
    let lines: Vec<Value> =
        said.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let gaps: i64 = lines.iter().filter_map(|line| line["gap"].as_i64()).sum();
    assert_eq!(gaps, 1, "{lines:?}");

    let back =
        format!("UPDATE notification SET state = 'accepted' WHERE ntf = '{}'", changed.ntf());
    clinic.run(&back).await;
    let gone = gone.ntf();
    clinic.run(&format!("INSERT INTO notification SELECT * FROM kept WHERE ntf = '{gone}'")).await;
    let lost = lost.ntf();
    clinic.run(&format!("INSERT INTO open SELECT * FROM kept_due WHERE ntf = '{lost}'")).await;
    clinic.schedulers[0].line(BALANCED).await;
    let seen = faults(&mut clinic.schedulers[0], 0.0).await;
    assert_eq!(seen.sum("ulak_books_gap_events", &[]) + seen.sum("ulak_books_faults", &[]), 0.0);
    let said = clinic.ulak(&["log", "balance", "--by", "day"]).await;
    let received: i64 = said.json().iter().filter_map(|line| line["received"].as_i64()).sum();
    assert_eq!(received, 3);
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_broken_by_hand_is_found_and_named_in_a_file_too() {
    let mut clinic = Embedded::start(Script::default(), &[]).await;
    let event = receipt("changed");
    clinic.post(&event).await;
    clinic.until_state(&event, "accepted", "").await;
    let raw = clinic.raw().await;
    let set = async |state: &str| {
        let set = sqlx::query("UPDATE notification SET state = $1 WHERE ntf = $2");
        set.bind(state).bind(event.ntf()).execute(&raw).await.expect("SQL").rows_affected()
    };
    assert_eq!(set("delivered").await, 1);
    let up = clinic.up.as_mut().expect("it runs");
    let line = named(up, &event.ntf(), "differs-from-records").await;
    assert_eq!(line["clinic"], "atasehir");
    let seen = faults(up, 1.0).await;
    assert_eq!(seen.sum("ulak_books_faults", &[("what", "differs-from-records")]), 1.0);
    assert_eq!(seen.sum("ulak_events_received_total", &[("type", "payment-receipt")]), 1.0);
    assert_eq!(
        seen.sum("ulak_http_requests_total", &[("path", "/v1/events"), ("status", "202")]),
        1.0
    );
    assert_eq!(seen.sum("ulak_attempts_total", &[("outcome", "accepted")]), 1.0);
    let said = clinic.ulak(&["log", "balance"]).await;
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(said.one_line().contains(&event.ntf()), "{}", said.stderr);
    assert_eq!(set("accepted").await, 1);
    clinic.up.as_mut().expect("it runs").line(BALANCED).await;
    raw.close().await;
    clinic.finish().await;
}
