//! `ulak schedule list`: what goes out in a span of time.

use anyhow::anyhow;
use chrono::{DateTime, Days, Utc};
use chrono_tz::Tz;
use ledger::dead::Act;
use ledger::intake;
use ledger::look::{RowAsk, SealedBody};
use ledger::planned::{DueRow, Span};
use ledger::state::State;
use schemas::{ClinicId, Event};
use serde_json::json;

use super::line::{Line, Then, by_hour};
use super::{wall, zone, zone_of};
use crate::cli::schedule::ListArgs;
use crate::commands::dead_letter::forecast::Forecaster;
use crate::commands::desk::Desk;
use crate::commands::{Failure, say};
use crate::{operator, start};

/// Rows that are read together.
const PAGE: i64 = 500;

/// Runs the command.
///
/// # Errors
/// The span is none or has passed, or the ledger does not answer.
pub(super) async fn run(desk: &Desk, args: &ListArgs) -> Result<(), Failure> {
    let zone = zone(&desk.settings.config, args.clinic.as_ref());
    let now = desk.ledger.clock().now();
    let (from, until) = ends(args, now, zone)?;
    let span = Span {
        now: now.timestamp_millis(),
        from: from.timestamp_millis(),
        until: until.timestamp_millis(),
        clinic: args.clinic.as_ref().map(|clinic| clinic.as_str().to_owned()),
        event_type: desk.event_type(args.event_type.as_deref())?,
    };
    let forecaster = Forecaster::new(desk).await?;
    let (mut shown, limit) = (0, i64::from(args.limit));
    let mut last: Option<DueRow> = None;
    while shown < limit {
        let page = desk.ledger.goes_out(&span, last.as_ref(), PAGE.min(limit - shown)).await;
        let mut page = page.map_err(start::ledger_failure)?;
        shown += i64::try_from(page.len()).unwrap_or(limit);
        show(desk, &forecaster, &page, args.reason.as_deref(), now).await?;
        last = page.pop();
        if last.is_none() {
            break;
        }
    }
    counts(desk, args, &span, shown, (from, until, zone)).await
}

/// Both ends of the span that is asked for.
fn ends(
    args: &ListArgs,
    now: DateTime<Utc>,
    zone: Tz,
) -> Result<(DateTime<Utc>, DateTime<Utc>), Failure> {
    let beyond = || anyhow!("that is beyond the calendar; use a nearer time");
    let from = args.from.map_or(Some(now), |when| when.at(now, zone)).ok_or_else(beyond)?;
    let until = match args.until {
        Some(when) => when.end_of(from, now, zone),
        None => from.with_timezone(&zone).checked_add_days(Days::new(1)).map(|at| at.to_utc()),
    };
    let until = until.ok_or_else(beyond)?;
    if until <= from {
        return Err(anyhow!(
            "--until ({}) is not after --from ({})",
            wall(until, zone),
            wall(from, zone)
        )
        .into());
    }
    if until <= now {
        return Err(anyhow!(
            "that span ended at {}: what was sent is in `ulak log list`; for the day after write 'tomorrow 09:00'",
            wall(until, zone)
        )
        .into());
    }
    Ok((from, until))
}

/// Prints one page. Who reads texts, and why, is on the record before the first one is made.
async fn show(
    desk: &Desk,
    forecaster: &Forecaster<'_>,
    page: &[DueRow],
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    if page.is_empty() {
        return Ok(());
    }
    if let Some(why) = reason {
        let who = operator::name();
        let recorded = desk.ledger.reveal_each(page, Act { who: &who, why }, &["text"]).await;
        recorded.map_err(start::ledger_failure)?;
    }
    let asks: Vec<RowAsk> =
        page.iter().map(|row| RowAsk { ntf: row.ntf.clone(), body: 1 }).collect();
    let bodies = desk.ledger.rows(&asks).await.map_err(start::ledger_failure)?;
    for (row, body) in page.iter().zip(bodies) {
        let body = body.and_then(|seen| seen.body);
        let line = line(desk, forecaster, row, body, reason.is_some(), now).await?;
        if desk.json {
            say(line.json())?;
            continue;
        }
        for line in line.lines() {
            say(line)?;
        }
    }
    Ok(())
}

async fn line<'a>(
    desk: &Desk,
    forecaster: &Forecaster<'_>,
    row: &'a DueRow,
    body: Option<SealedBody>,
    with_text: bool,
    now: DateTime<Utc>,
) -> Result<Line<'a>, Failure> {
    let zone = zone_of(&desk.settings.config, &row.clinic);
    let own_lane = Some(&row.lane).filter(|lane| *lane != "none").cloned();
    let blank = |then: Then| Line {
        row,
        zone,
        now,
        rule: None,
        to: None,
        lane: own_lane.clone(),
        then,
        text: None,
    };
    let event = match opened(desk, &row.ntf, body)? {
        Ok(event) => event,
        Err(why) => return Ok(blank(Then::nothing(why))),
    };
    // what is read at nine says "today" of that day, whenever it is looked at
    let at = match row.state {
        State::Released => now,
        _ => DateTime::from_timestamp_millis(row.due_at).unwrap_or_default().max(now),
    };
    let (then, lane) = match forecaster.foresee(&event, at).await? {
        Ok(foreseen) if foreseen.lane.is_none() => {
            (Then::nothing("the clinic has no provider account or sender"), None)
        }
        Ok(foreseen) => (Then::of(&foreseen.decision, zone), foreseen.lane),
        Err(why) => (Then::nothing(why), None),
    };
    let text = with_text.then(|| match forecaster.text(&event, lane.as_ref(), at) {
        Ok(message) => message.text.expose().to_owned(),
        Err(why) => format!("(no text can be made: {why})"),
    });
    let rule = event.data.pointer("/reminder/rule").and_then(|rule| rule.as_str());
    Ok(Line {
        rule: rule.map(str::to_owned),
        lane: lane.map(|lane| lane.name).or(own_lane.clone()),
        to: Some(event.recipient.clone()),
        text,
        ..blank(then)
    })
}

/// The event of a row, or why it cannot be read.
fn opened(
    desk: &Desk,
    ntf: &str,
    body: Option<SealedBody>,
) -> Result<Result<Event, String>, Failure> {
    let Some(sealed) = body else {
        return Ok(Err("its body is not in the ledger any more".to_owned()));
    };
    let key = desk.ledger.vault().data_key(&sealed.person, &sealed.wrapped);
    let body = key
        .and_then(|key| key.open(&intake::body_place(ntf), &sealed.sealed))
        .map_err(start::ledger_failure)?;
    Ok(desk.settings.registry.reopen(&body).map_err(|refusal| {
        format!("its body does not fit the event type as it is now: {}", refusal.rule.as_str())
    }))
}

/// The end of the list: how many, by hour and clinic.
async fn counts(
    desk: &Desk,
    args: &ListArgs,
    span: &Span,
    shown: i64,
    (from, until, zone): (DateTime<Utc>, DateTime<Utc>, Tz),
) -> Result<(), Failure> {
    let config = &desk.settings.config;
    let counts = desk.ledger.due_counts(span).await.map_err(start::ledger_failure)?;
    let all: i64 = counts.iter().map(|count| count.rows).sum();
    let hours = by_hour(&counts, |clinic| zone_of(config, clinic));
    if desk.json {
        for ((hour, clinic, zone), rows) in hours {
            say(json!({ "hour": hour, "zone": zone, "clinic": clinic, "rows": rows }))?;
        }
        return Ok(());
    }
    let between = format!("between {} and {}", wall(from, zone), wall(until, zone));
    if all == 0 {
        let unknown =
            args.clinic.as_ref().filter(|id: &&ClinicId| !config.clinics.contains_key(id));
        let unknown = unknown
            .map(|id| format!("; clinic {id} is not in this configuration: is its id right?"))
            .unwrap_or_default();
        return Ok(say(format_args!("Nothing goes out {between}{unknown}"))?);
    }
    say("")?;
    for ((hour, clinic, zone), rows) in hours {
        say(format_args!("{hour} {zone:<16} {clinic:<16} {rows:>8}"))?;
    }
    let more =
        if all > shown { format!(", {shown} of them are shown: --limit") } else { String::new() };
    Ok(say(format_args!("{all} {between}{more}"))?)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        list: ListArgs,
    }

    fn ends_of(from: &str, until: &str) -> Result<(DateTime<Utc>, DateTime<Utc>), String> {
        let words = ["ulak", "--from", from, "--until", until];
        let args = Command::try_parse_from(words).expect("times").list;
        ends(&args, now(), Tz::Europe__Istanbul).map_err(|failure| failure.lines().join("\n"))
    }

    fn now() -> DateTime<Utc> {
        DateTime::parse_from_rfc3339("2026-11-21T22:30:00+03:00").expect("RFC 3339").to_utc()
    }

    #[test]
    fn a_span_up_to_now_has_now_in_it_wherever_it_begins() {
        for from in ["2026-11-21 08:00", "2026-11-01", "today", "now"] {
            let (from, until) = ends_of(from, "now").expect("a span");
            assert!(from <= now() && now() < until, "{from} {until}");
            assert_eq!((until - now()).num_milliseconds(), 1, "{until}");
        }
        let said = ends_of("+2h", "now").expect_err("it begins later");
        assert!(said.contains("is not after --from"), "{said}");
        let said = ends_of("2026-11-21 08:00", "2026-11-21 09:00").expect_err("it is over");
        assert!(said.contains("that span ended at"), "{said}");
    }
}
