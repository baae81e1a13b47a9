//! `ulak log balance`: what came in against what became of it, in all or by clinic and hour.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::anyhow;
use chrono::{DateTime, Timelike as _, Utc};
use chrono_tz::Tz;
use ledger::books::{HOUR_MS, HourBooks};
use ledger::report::{Balance, FactBooks};
use serde_json::{Value, json};

use super::super::desk::{Desk, instant};
use super::super::{Failure, say};
use crate::cli::records::{BalanceArgs, By};
use crate::start;

/// Hours and notifications that an error names.
const NAMED: usize = 3;

/// Runs the command.
///
/// # Errors
/// The ledger does not answer, or the books do not balance.
pub(super) async fn run(desk: &Desk, args: &BalanceArgs) -> Result<(), Failure> {
    match args.by {
        Some(by) => by_hour(desk, args, by).await,
        None => all(desk, args).await,
    }
}

async fn all(desk: &Desk, args: &BalanceArgs) -> Result<(), Failure> {
    let clinic = args.clinic.as_ref().map(schemas::ClinicId::as_str);
    let books = desk.ledger.balance(clinic).await.map_err(start::ledger_failure)?;
    if desk.json {
        say(balance_json(&books))?;
    } else {
        for line in balance_lines(&books) {
            say(line)?;
        }
    }
    if books.balances() {
        return Ok(());
    }
    // only now, since it reads everything
    let hours = desk.ledger.hours(clinic, 0, i64::MAX / 2).await.map_err(start::ledger_failure)?;
    let hours = hours.iter().filter(|books| !books.balances()).map(|books| named(desk, books));
    let ntfs =
        desk.ledger.disagreeing(clinic, NAMED as i64).await.map_err(start::ledger_failure)?;
    Err(anyhow!(
        "the books do not balance: gap {}, open {} with {} due times, {} notifications disagree with their records{}, gap of facts {}{}",
        books.gap(),
        books.open,
        books.due_rows,
        books.disagreeing,
        list(" (", ntfs.into_iter(), ")"),
        books.facts.gap(),
        list("; hours: ", hours, "")
    )
    .into())
}

/// Up to [`NAMED`] of them, or nothing.
fn list(before: &str, items: impl Iterator<Item = String>, after: &str) -> String {
    let items: Vec<String> = items.take(NAMED).collect();
    if items.is_empty() { String::new() } else { format!("{before}{}{after}", items.join(", ")) }
}

fn named(desk: &Desk, books: &HourBooks) -> String {
    let at = wall(books.hour, zone(desk, &books.clinic), By::Hour);
    format!("{} {at} (gap {}, of facts {})", clinic_of(books), books.gap(), books.facts.gap())
}

async fn by_hour(desk: &Desk, args: &BalanceArgs, by: By) -> Result<(), Failure> {
    let clinic = args.clinic.as_ref().map(schemas::ClinicId::as_str);
    let now = desk.ledger.clock().now_ms();
    let ago = match by {
        By::Hour => 24,
        By::Day => 30 * 24,
    };
    let since = args.since.map_or(now - ago * HOUR_MS, |moment| moment.ms(now));
    let from = since.div_euclid(HOUR_MS) * HOUR_MS;
    let hours = desk.ledger.hours(clinic, from, i64::MAX / 2).await;
    let hours = hours.map_err(start::ledger_failure)?;
    let mut wrong = vec![];
    for (at, books) in in_spans(&hours, by, |clinic| zone(desk, clinic)) {
        if desk.json {
            say(hour_json(&at, &books))?;
        } else {
            say(hour_line(&at, &books))?;
        }
        if !books.balances() {
            wrong.push(format!("{} {at}", clinic_of(&books)));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let count = wrong.len();
    let wrong = list("", wrong.into_iter(), if count > NAMED { ", …" } else { "" });
    Err(anyhow!("the books do not balance: {wrong}; docs/operations.md says what to do").into())
}

/// Hours, or days by each clinic's own clock, in order.
fn in_spans(hours: &[HourBooks], by: By, zone: impl Fn(&str) -> Tz) -> Vec<(String, HourBooks)> {
    let mut spans: BTreeMap<(i64, &str), (String, HourBooks)> = BTreeMap::new();
    for books in hours {
        let zone = zone(&books.clinic);
        let begin = match by {
            By::Hour => books.hour,
            // hours of a zone that is half an hour off lie with the day in which they begin
            By::Day => {
                books.hour - i64::from(time(books.hour).with_timezone(&zone).hour()) * HOUR_MS
            }
        };
        let (_, sum) = spans.entry((begin, &books.clinic)).or_insert_with(|| {
            let empty =
                HourBooks { clinic: books.clinic.clone(), hour: begin, ..HourBooks::default() };
            (wall(begin, zone, by), empty)
        });
        sum.add(books);
    }
    spans.into_values().collect()
}

/// The zone of a clinic; of one that is not configured any more, or could not be read, Türkiye's.
fn zone(desk: &Desk, clinic: &str) -> Tz {
    let clinics = &desk.settings.config.clinics;
    let found = schemas::ClinicId::parse(clinic).ok().and_then(|id| clinics.get(&id));
    found.map_or(Tz::Europe__Istanbul, |clinic| clinic.face.zone)
}

fn time(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

/// What a clock on the wall shows, with its zone.
fn wall(ms: i64, zone: Tz, by: By) -> String {
    let at = time(ms).with_timezone(&zone);
    let text = match by {
        By::Hour => at.format("%Y-%m-%d %H:%M"),
        By::Day => at.format("%Y-%m-%d"),
    };
    format!("{text} {zone}")
}

fn clinic_of(books: &HourBooks) -> &str {
    if books.clinic.is_empty() { "(no clinic)" } else { &books.clinic }
}

/// `received 5 = accepted 3 + waiting 2`.
fn equation(word: &str, received: i64, parts: &[(&str, i64)]) -> String {
    let parts: Vec<String> =
        parts.iter().filter(|(_, n)| *n != 0).map(|(what, n)| format!("{what} {n}")).collect();
    let parts = if parts.is_empty() { "nothing".to_owned() } else { parts.join(" + ") };
    format!("{word} {received} = {parts}")
}

fn hour_line(at: &str, books: &HourBooks) -> String {
    let states: Vec<_> = books.states.iter().map(|(state, n)| (state.as_str(), *n)).collect();
    let mut line =
        format!("{at}  {:<16} {}", clinic_of(books), equation("received", books.received, &states));
    let apart = [
        ("duplicates", books.duplicates),
        ("on two channels", books.two_channel),
        ("SENT TWICE", books.sent_twice),
    ];
    for (what, n) in apart {
        if n != 0 {
            let _ = write!(line, "; {what} {n}");
        }
    }
    let facts = &books.facts;
    if *facts != FactBooks::default() {
        let parts =
            [("applied", facts.applied), ("stale", facts.stale), ("refused", facts.refused)];
        let _ = write!(line, "; {}", equation("facts", facts.received, &parts));
        if facts.duplicates != 0 {
            let _ = write!(line, "; duplicates of facts {}", facts.duplicates);
        }
    }
    if !books.balances() {
        let _ = write!(line, "; GAP {}, of facts {}", books.gap(), facts.gap());
    }
    line
}

fn hour_json(at: &str, books: &HourBooks) -> Value {
    json!({
        "clinic": books.clinic,
        "from": instant(books.hour),
        "wall": at,
        "received": books.received,
        "states": books.states,
        "open": books.open(),
        "gap": books.gap(),
        "duplicates": books.duplicates,
        "sent_twice": books.sent_twice,
        "two_channel": books.two_channel,
        "facts": books.facts,
        "balances": books.balances(),
    })
}

fn balance_json(books: &Balance) -> Value {
    let states: serde_json::Map<String, Value> =
        books.states.iter().map(|(state, n)| (state.clone(), json!(n))).collect();
    json!({
        "received": books.received,
        "states": states,
        "open": books.open,
        "gap": books.gap(),
        "duplicates": books.duplicates,
        "sent_twice": books.sent_twice,
        "two_channel": books.two_channel,
        "disagreeing": books.disagreeing,
        "facts": books.facts,
        "balances": books.balances(),
    })
}

fn balance_lines(books: &Balance) -> Vec<String> {
    let mut lines = vec![format!("{:<16}{:>10}", "received", books.received)];
    lines.extend(
        books
            .states
            .iter()
            .filter(|(_, n)| *n > 0)
            .map(|(state, n)| format!("  {state:<14}{n:>10}")),
    );
    lines.push(format!("{:<16}{:>10}", "duplicates", books.duplicates));
    lines.push(format!("{:<16}{:>10}", "two channels", books.two_channel));
    lines.push(format!("{:<16}{:>10}", "sent twice", books.sent_twice));
    let facts = &books.facts;
    lines.push(format!("{:<16}{:>10}", "facts", facts.received));
    let parts = [
        ("applied", facts.applied),
        ("stale", facts.stale),
        ("refused", facts.refused),
        ("duplicates", facts.duplicates),
    ];
    lines.extend(
        parts.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("  {what:<14}{n:>10}")),
    );
    let word = if books.balances() { "the books balance" } else { "THE BOOKS DO NOT BALANCE" };
    lines.push(format!("gap {}: {word}", books.gap()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::state::State;

    fn hour(clinic: &str, hour: i64, received: i64) -> HourBooks {
        let states = [(State::Accepted, received)].into();
        HourBooks { clinic: clinic.to_owned(), hour, received, states, ..HourBooks::default() }
    }

    #[test]
    fn a_day_is_the_clinics_own() {
        // 20:00 and 21:00 UTC are 23:00 and midnight in Türkiye; in Berlin both are the evening before
        let midnight = 1_795_294_800_000;
        let hours = [
            hour("ankara", midnight - HOUR_MS, 1),
            hour("ankara", midnight, 2),
            hour("berlin", midnight - HOUR_MS, 4),
            hour("berlin", midnight, 8),
        ];
        let zone = |clinic: &str| match clinic {
            "berlin" => Tz::Europe__Berlin,
            _ => Tz::Europe__Istanbul,
        };
        let mut days: Vec<_> = in_spans(&hours, By::Day, zone)
            .into_iter()
            .map(|(at, books)| (books.clinic.clone(), at, books.received, books.balances()))
            .collect();
        days.sort();
        let day = |clinic: &str, at: &str, n| (clinic.to_owned(), at.to_owned(), n, true);
        let all = [
            day("ankara", "2026-11-21 Europe/Istanbul", 1),
            day("ankara", "2026-11-22 Europe/Istanbul", 2),
            day("berlin", "2026-11-21 Europe/Berlin", 12),
        ];
        assert_eq!(days, all);
        assert_eq!(in_spans(&hours, By::Hour, zone).len(), 4);
    }

    #[test]
    fn a_line_says_what_came_in_and_what_became_of_it() {
        let mut books = hour("ankara", 0, 3);
        books.duplicates = 1;
        books.two_channel = 2;
        assert_eq!(
            hour_line("now", &books),
            "now  ankara           received 3 = accepted 3; duplicates 1; on two channels 2"
        );
        books.received = 4;
        books.facts = FactBooks { received: 2, applied: 2, ..FactBooks::default() };
        let line = hour_line("now", &books);
        assert!(line.ends_with("; facts 2 = applied 2; GAP 1, of facts 0"), "{line}");
        assert_eq!(hour_json("now", &books)["two_channel"], 2);
    }
}
