//! `search`: how long a person waits for the first page, whatever is searched for, among a million notifications of a month.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::{DateTime, Days, NaiveDate};
use chrono_tz::Europe::Istanbul;
use indicatif::{ProgressBar, ProgressStyle};
use ledger::Ledger;
use ledger::bench::PastRow;
use ledger::export::{Export, Format};
use ledger::search::SearchFilter;
use ledger::state::State;
use schemas::NotificationId;

use super::line::{Line, percentile};
use super::place::Place;
use crate::cli::bench::BenchArgs;

/// Notifications of one transaction.
const SLICE: i64 = 5_000;
/// They came within so long, milliseconds.
const MONTH_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
/// Rows of a page.
const PAGE: i64 = 50;
/// Searches of a kind that are not counted, and those that are.
const WARM_UP: i64 = 2;
const SEARCHES: i64 = 20;
/// The promise (issue 9): a first page takes no longer.
const MOST: Duration = Duration::from_millis(300);
/// Rows that an export is measured with, at most.
const EXPORTED: u64 = 50_000;

/// Fills a ledger and searches it.
///
/// # Errors
/// The ledger is away, or found nothing where something is.
pub async fn measure(args: &BenchArgs, place: &mut Place) -> anyhow::Result<Vec<Line>> {
    let own = place.ledger("search").await?;
    let rows = i64::from(args.rows);
    let until = own.ledger.clock().now_ms();
    let began = Instant::now();
    fill(&own.ledger, rows, until).await?;
    let filled = began.elapsed();
    own.tidy().await?;
    let mut lines = vec![pages(&own.ledger, rows, until, filled).await?];
    lines.push(spans(&own.ledger, rows, until).await?);
    own.ledger.close().await;
    Ok(lines)
}

async fn fill(ledger: &Ledger, rows: i64, until: i64) -> anyhow::Result<()> {
    let bar = ProgressBar::new(rows.unsigned_abs());
    if let Ok(style) =
        ProgressStyle::with_template("notifications {bar:40} {human_pos} of {human_len}, {eta}")
    {
        bar.set_style(style);
    }
    for first in (0..rows).step_by(SLICE as usize) {
        let slice: Vec<_> = (first..rows.min(first + SLICE)).map(|n| row(n, rows, until)).collect();
        ledger.bench_fill_past(&slice).await?;
        bar.inc(slice.len() as u64);
    }
    ledger.bench_count_past().await?;
    bar.finish_and_clear();
    Ok(())
}

/// The same notification for the same number: spread over the month, what is rare as rare as it is.
fn row(n: i64, rows: i64, until: i64) -> PastRow {
    // spreads neighbours; all numbers below 100,000 come equally often
    let dice = n.wrapping_mul(7_919) % 100_000;
    let (state, why) = outcome(dice, n, rows);
    let clinic = if dice % 10_000 == 7 { 99 } else { 1 + n % 20 };
    let event_type = match dice % 1_000 {
        0 => "ulak.payment-refund.v1",
        1..=399 => "ulak.payment-receipt.v1",
        _ => "ulak.appointment-reminder.v1",
    };
    let tried = !matches!(
        state,
        State::Suppressed
            | State::Cancelled
            | State::Expired
            | State::Waiting
            | State::DeadLettered
    );
    let (channel, lane) = match dice {
        _ if !tried => (None, None),
        50_000..=50_004 => (Some("sms"), Some("twilio/default/KLINIK")),
        0..=299 => (Some("whatsapp"), Some("meta/default/1055")),
        _ => (Some("sms"), Some("netgsm/default/KLINIK")),
    };
    let clinic = format!("bench-{clinic:02}");
    PastRow {
        ntf: NotificationId::of_event("bench", &PastRow::event_id(n)).as_str().to_owned(),
        n,
        clinic,
        event_type,
        state: state.as_str(),
        why,
        channel,
        lane,
        at: until - MONTH_MS + n * (MONTH_MS / rows.max(1)),
    }
}

fn outcome(dice: i64, n: i64, rows: i64) -> (State, &'static str) {
    if n >= rows - 200 {
        return (State::Waiting, "quiet-hours");
    }
    match dice {
        10..=69_999 => (State::Delivered, ""),
        70_000..=81_999 => (State::Accepted, ""),
        82_000..=93_999 => (State::Suppressed, "no-consent: not listed"),
        94_000..=96_999 => (State::Undelivered, "lost: netgsm:103"),
        97_000..=97_999 => (State::Refused, "netgsm:50: not allowed"),
        98_000..=99_899 => (State::Cancelled, "appointment-moved: by a fact"),
        99_900..=99_989 => (State::Expired, "appointment-past"),
        99_990..=99_998 => (State::DeadLettered, "crash-loop: three times"),
        99_999 => (State::Unresolved, "not-found: looked for 24 h"),
        5 => (State::Unknown, "timeout"),
        _ => (State::Suppressed, "opted-out: by a word at the desk"),
    }
}

/// A kind of search: its name, and the filter of its nth time.
type Kind = (&'static str, Box<dyn Fn(i64) -> SearchFilter>);

/// What people search for: by kind, with another value each time.
fn kinds(rows: i64, until: i64) -> Vec<Kind> {
    [of_rows(until), of_outcomes(), of_attempts(), of_keys(rows), of_several(until)]
        .into_iter()
        .flatten()
        .collect()
}

fn all() -> SearchFilter {
    SearchFilter::default()
}

#[expect(clippy::unnecessary_wraps, reason = "what a filter takes")]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// One clinic of twenty.
#[expect(clippy::unnecessary_wraps, reason = "what a filter takes")]
fn clinic(i: i64) -> Option<String> {
    Some(format!("bench-{:02}", 1 + i % 20))
}

fn of_rows(until: i64) -> Vec<Kind> {
    let typed = |name: &'static str| move |_| SearchFilter { event_type: text(name), ..all() };
    vec![
        ("everything", Box::new(|_| all())),
        (
            "a day",
            Box::new(move |i| {
                let to = until - (i % 28) * MONTH_MS / 30;
                SearchFilter { from: Some(to - MONTH_MS / 30), to: Some(to), ..all() }
            }),
        ),
        ("a clinic", Box::new(|i| SearchFilter { clinic: clinic(i), ..all() })),
        ("a rare clinic", Box::new(|_| SearchFilter { clinic: text("bench-99"), ..all() })),
        ("no such clinic", Box::new(|_| SearchFilter { clinic: text("nobody"), ..all() })),
        ("a type", Box::new(typed("ulak.payment-receipt.v1"))),
        ("a rare type", Box::new(typed("ulak.payment-refund.v1"))),
        ("no such type", Box::new(typed("ulak.nothing.v1"))),
    ]
}

fn of_outcomes() -> Vec<Kind> {
    let state = |state| move |_| SearchFilter { state: Some(state), ..all() };
    let reason = |code: &'static str| move |_| SearchFilter { reason: text(code), ..all() };
    vec![
        ("state delivered", Box::new(state(State::Delivered))),
        ("state waiting", Box::new(state(State::Waiting))),
        ("state unknown", Box::new(state(State::Unknown))),
        ("state refused", Box::new(state(State::Refused))),
        ("state dead-lettered", Box::new(state(State::DeadLettered))),
        ("state unresolved", Box::new(state(State::Unresolved))),
        ("state released (none)", Box::new(state(State::Released))),
        ("reason no-consent", Box::new(reason("no-consent"))),
        ("reason opted-out (rare)", Box::new(reason("opted-out"))),
        ("no such reason", Box::new(reason("nothing"))),
    ]
}

fn of_attempts() -> Vec<Kind> {
    let channel = |name: &'static str| move |_| SearchFilter { channel: text(name), ..all() };
    let provider = |lane: &'static str| move |_| SearchFilter { provider: text(lane), ..all() };
    vec![
        ("channel sms", Box::new(channel("sms"))),
        ("channel whatsapp", Box::new(channel("whatsapp"))),
        ("provider netgsm", Box::new(provider("netgsm"))),
        ("provider twilio (rare)", Box::new(provider("twilio"))),
        ("provider iys (none)", Box::new(provider("iys"))),
    ]
}

fn of_keys(rows: i64) -> Vec<Kind> {
    // never the newest, which are found at once
    let some = move |i: i64| (i * 48_611 + rows / 3) % (rows / 2).max(1);
    vec![
        (
            "an event id",
            Box::new(move |i| SearchFilter {
                event_id: Some(PastRow::event_id(some(i))),
                with_facts: true,
                ..all()
            }),
        ),
        (
            "an appointment",
            Box::new(move |i| SearchFilter {
                appointment: Some(PastRow::appointment(some(i))),
                with_facts: true,
                ..all()
            }),
        ),
        (
            "a payment",
            Box::new(move |i| {
                let things = vec![PastRow::thing(some(i)), "none-of-the-bench".to_owned()];
                SearchFilter { things, ..all() }
            }),
        ),
        (
            "a phone number",
            Box::new(move |i| SearchFilter { person: Some(PastRow::person(some(i))), ..all() }),
        ),
        ("no such number", Box::new(|_| SearchFilter { person: text("nobody"), ..all() })),
    ]
}

fn of_several(until: i64) -> Vec<Kind> {
    vec![
        (
            "clinic, state",
            Box::new(|i| SearchFilter {
                clinic: clinic(i),
                state: Some(State::Unresolved),
                ..all()
            }),
        ),
        (
            "clinic, rare provider",
            Box::new(|i| SearchFilter { clinic: clinic(i), provider: text("twilio"), ..all() }),
        ),
        (
            "state, provider",
            Box::new(|_| SearchFilter {
                state: Some(State::Refused),
                provider: text("meta"),
                ..all()
            }),
        ),
        (
            "a week, reason, clinic",
            Box::new(move |i| SearchFilter {
                from: Some(until - 14 * MONTH_MS / 30),
                to: Some(until - 7 * MONTH_MS / 30),
                clinic: clinic(i),
                reason: text("opted-out"),
                ..all()
            }),
        ),
    ]
}

/// The first page of each kind of search.
async fn pages(ledger: &Ledger, rows: i64, until: i64, filled: Duration) -> anyhow::Result<Line> {
    let (mut p50, mut p95, mut most) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut slowest = Duration::ZERO;
    for (kind, filter) in kinds(rows, until) {
        let mut took = vec![];
        for i in 0..WARM_UP + SEARCHES {
            let filter = filter(i);
            let began = Instant::now();
            let page = ledger.search(&filter, None, PAGE).await.context(kind)?;
            let elapsed = began.elapsed();
            anyhow::ensure!(page.rows.len() as i64 <= PAGE, "{kind}: too long a page");
            if i >= WARM_UP {
                took.push(elapsed);
            }
        }
        took.sort_unstable();
        let longest = percentile(&took, 1.0);
        slowest = slowest.max(longest);
        p50.insert(kind.to_owned(), ms(percentile(&took, 0.5)));
        p95.insert(kind.to_owned(), ms(percentile(&took, 0.95)));
        most.insert(kind.to_owned(), ms(longest));
    }
    Ok(Line::of("search")
        .count("notifications", rows.unsigned_abs() as usize)
        .number("filled_s", filled.as_secs_f64())
        .number("slowest_ms", ms(slowest))
        .each("median_ms", &p50)
        .each("of_95_ms", &p95)
        .each("longest_ms", &most)
        .goal(format!("every first page <= {} ms", MOST.as_millis()), slowest <= MOST))
}

/// The books of a day and of a month, and how fast rows are written to a file.
async fn spans(ledger: &Ledger, rows: i64, until: i64) -> anyhow::Result<Line> {
    let yesterday = DateTime::from_timestamp_millis(until).context("the clock")?;
    let yesterday = yesterday.with_timezone(&Istanbul).date_naive() - Days::new(1);
    let day = took_days(ledger, None, yesterday, yesterday).await?;
    let of_clinic = took_days(ledger, Some("bench-07"), yesterday, yesterday).await?;
    let week = took_days(ledger, None, yesterday - Days::new(6), yesterday).await?;
    let month = took_days(ledger, None, yesterday - Days::new(28), yesterday).await?;
    let mut export = Export::new(ledger, SearchFilter::default(), Format::Csv, false);
    let (began, mut bytes) = (Instant::now(), 0);
    while export.rows() < EXPORTED {
        let Some(piece) = export.next().await? else { break };
        bytes += piece.len();
    }
    let took = began.elapsed().as_secs_f64();
    Ok(Line::of("search-spans")
        .count("notifications", rows.unsigned_abs() as usize)
        .number("day_ms", ms(day))
        .number("day_of_a_clinic_ms", ms(of_clinic))
        .number("week_ms", ms(week))
        .number("four_weeks_ms", ms(month))
        .number("exported_rows_per_s", export.rows() as f64 / took)
        .number("exported_mb_per_s", bytes as f64 / took / 1e6))
}

/// The median of five.
async fn took_days(
    ledger: &Ledger,
    clinic: Option<&str>,
    from: NaiveDate,
    to: NaiveDate,
) -> anyhow::Result<Duration> {
    let mut took = vec![];
    for _ in 0..5 {
        let began = Instant::now();
        let days = ledger.days(clinic, from, to, Istanbul).await?;
        took.push(began.elapsed());
        anyhow::ensure!(days.iter().all(|day| day.gap == 0), "the books have a gap");
    }
    took.sort_unstable();
    Ok(percentile(&took, 0.5))
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}
