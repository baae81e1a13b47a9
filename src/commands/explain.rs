//! `ulak log explain`: what became of a notification, why, and what happens next, as a story with its evidence.

mod delivery;
mod english;
mod fact;
mod lookup;
mod turkish;
mod words;

use anyhow::anyhow;
use ledger::lanes::Lane;
use ledger::record::{ConsentEvidence, Entry};
use ledger::report::Listed;
use lookup::Question;
use serde_json::{Value, json};
use words::Situation;

use super::desk::{Desk, Opened, instant, local};
use super::{Failure, say};
use crate::cli::records::{ExplainArgs, NotificationArgs, RevealArgs, Tongue};
use crate::start;

/// Runs the command.
///
/// # Errors
/// Nothing answers the question, or the ledger is not there.
pub async fn run(desk: &Desk, args: &ExplainArgs) -> Result<(), Failure> {
    if args.phone.as_ref().is_some_and(|phone| phone.number().is_none()) {
        return Err(anyhow!(
            "the value of --phone is not a phone number; use +905321234567 or '0532 123 45 67'"
        )
        .into());
    }
    let Some(question) = Question::of(args) else {
        return Err(anyhow!(
            "say what to explain: an id, or --appointment, --payment or --phone with --clinic"
        )
        .into());
    };
    if let Some(row) = lookup::fact(desk, &question).await? {
        return fact::tell(desk, &row, args.lang, &args.reveal).await;
    }
    let hits = lookup::hits(desk, &question).await?;
    let lanes = desk.ledger.lanes().await.map_err(start::ledger_failure)?;
    match hits.as_slice() {
        [] => {
            let known = question
                .clinic()
                .is_none_or(|clinic| desk.settings.config.clinics.contains_key(&clinic));
            Err(anyhow!(question.nothing(known)).into())
        }
        [one] => tell(desk, one, args.lang, &args.reveal, &lanes).await,
        several => {
            for row in several {
                if desk.json || args.reveal.reveal {
                    tell(desk, row, args.lang, &args.reveal, &lanes).await?;
                } else {
                    brief(desk, row, args.lang, &lanes).await?;
                }
            }
            Ok(())
        }
    }
}

/// One notification, whatever it is.
///
/// # Errors
/// There is no such notification, or the ledger is not there.
pub async fn one(desk: &Desk, args: &NotificationArgs) -> Result<(), Failure> {
    let row = desk.find(args.id.as_str()).await?;
    let lanes = desk.ledger.lanes().await.map_err(start::ledger_failure)?;
    tell(desk, &row, Tongue::En, &args.reveal, &lanes).await
}

/// One step of a story.
struct Step {
    at: i64,
    kind: &'static str,
    said: String,
    consent: Option<ConsentEvidence>,
    text: Option<String>,
    body: Option<String>,
}

/// The whole story.
async fn tell(
    desk: &Desk,
    row: &Listed,
    tongue: Tongue,
    reveal: &RevealArgs,
    lanes: &[Lane],
) -> Result<(), Failure> {
    // the record of who looks comes before what is looked at, and is part of the story that is told
    let field = if row.ntf.starts_with("bad_") { "body" } else { "text" };
    let opened = desk.reveal(reveal, row, &[field]).await?;
    let steps = steps(desk, row, tongue, opened.as_ref()).await?;
    let situation = situation(row, lanes, &steps);
    let next = words::next(tongue, situation);
    if desk.json {
        return Ok(say(story_json(row, tongue, &steps, &next, situation.lane))?);
    }
    let frame = words::frame(tongue);
    for line in head(row, tongue) {
        say(line)?;
    }
    for step in steps {
        say(format_args!("  {}  {}", local(step.at), step.said))?;
        if let Some(evidence) = step.consent {
            say(format_args!("      {}: {}", frame.consent, words::consent(tongue, &evidence)))?;
        }
        for (name, clear) in [(frame.text, step.text), (frame.body, step.body)] {
            if let Some(clear) = clear {
                say(format_args!("      {name}: {clear}"))?;
            }
        }
    }
    for line in next {
        say(format_args!("  {}: {line}", frame.next))?;
    }
    Ok(())
}

/// One of several hits: when, what became of it, why, on what evidence, what next.
async fn brief(desk: &Desk, row: &Listed, tongue: Tongue, lanes: &[Lane]) -> Result<(), Failure> {
    let steps = steps(desk, row, tongue, None).await?;
    let situation = situation(row, lanes, &steps);
    let frame = words::frame(tongue);
    say(local(row.created_at))?;
    for line in head(row, tongue) {
        say(format_args!("  {line}"))?;
    }
    if let Some(evidence) = steps.iter().rev().find_map(|step| step.consent.as_ref()) {
        say(format_args!("  {}: {}", frame.consent, words::consent(tongue, evidence)))?;
    }
    for line in words::next(tongue, situation) {
        say(format_args!("  {}: {line}", frame.next))?;
    }
    Ok(())
}

async fn steps(
    desk: &Desk,
    row: &Listed,
    tongue: Tongue,
    opened: Option<&Opened>,
) -> Result<Vec<Step>, Failure> {
    let records = desk.ledger.records(&row.ntf).await.map_err(start::ledger_failure)?;
    records
        .into_iter()
        .map(|record| {
            let (mut text, mut body) = (None, None);
            match (&record.entry, opened) {
                (Entry::Claimed { text: sealed, attempt, .. }, Some(opened)) => {
                    text = opened.text(&row.ntf, *attempt, sealed)?;
                }
                (Entry::EventRefused { body: sealed, .. }, Some(_)) => {
                    body = Some(desk.refused_body(&row.ntf, sealed)?);
                }
                _ => {}
            }
            Ok(Step {
                at: record.at,
                kind: record.entry.kind(),
                said: words::sentence(tongue, &record.entry),
                consent: evidence_of(&record.entry).cloned(),
                text,
                body,
            })
        })
        .collect()
}

fn evidence_of(entry: &Entry) -> Option<&ConsentEvidence> {
    match entry {
        Entry::Claimed { consent, .. } => Some(consent),
        Entry::Ended { consent, .. } | Entry::Waiting { consent, .. } => {
            consent.as_ref().filter(|known| known.source.is_some() || known.opt_in.is_some())
        }
        _ => None,
    }
}

fn situation<'a>(row: &'a Listed, lanes: &'a [Lane], steps: &[Step]) -> Situation<'a> {
    let handled = steps
        .iter()
        .rev()
        .find(|step| {
            ["event-refused", "ended", "replayed", "dropped", "taken-in"].contains(&step.kind)
        })
        .is_some_and(|step| ["dropped", "taken-in"].contains(&step.kind));
    let lane = row.lane.as_ref().and_then(|name| lanes.iter().find(|lane| lane.lane == *name));
    Situation { row, lane, handled }
}

/// Which notification it is, and the answer.
fn head(row: &Listed, tongue: Tongue) -> Vec<String> {
    let frame = words::frame(tongue);
    let or_unknown = |text: &str| -> String {
        if text.is_empty() { frame.unknown.to_owned() } else { text.to_owned() }
    };
    let subject = row.subject.as_ref().map(|s| format!("  {s}")).unwrap_or_default();
    let useful = if row.ntf.starts_with("bad_") {
        String::new()
    } else {
        format!("  {} {}", frame.useful_until, local(row.expires_at))
    };
    let mut lines = vec![
        format!(
            "{}  {}  {} {}  {} {}{subject}{useful}",
            row.ntf,
            or_unknown(&row.event_type),
            frame.clinic,
            or_unknown(&row.clinic),
            frame.event,
            or_unknown(&row.event_id)
        ),
        words::verdict(tongue, row),
    ];
    if let Some(meaning) = words::meaning(tongue, &row.why) {
        lines.push(format!("  {}: {meaning}", frame.because));
    }
    lines
}

fn story_json(
    row: &Listed,
    tongue: Tongue,
    steps: &[Step],
    next: &[String],
    lane: Option<&Lane>,
) -> Value {
    let steps: Vec<_> = steps
        .iter()
        .map(|step| {
            json!({
                "at": instant(step.at), "kind": step.kind, "said": step.said, "consent": step.consent,
                "text": step.text, "body": step.body,
            })
        })
        .collect();
    let lane_state = lane.map(|lane| if lane.is_paused() { "paused" } else { lane.state.as_str() });
    json!({
        "ntf": row.ntf, "clinic": row.clinic, "type": row.event_type, "id": row.event_id,
        "subject": row.subject, "state": row.state, "why": row.why, "attempts": row.attempts,
        "received_at": instant(row.created_at), "expires_at": instant(row.expires_at),
        "due_at": row.due_at.map(instant), "lane": row.lane, "lane_state": lane_state,
        "verdict": words::verdict(tongue, row), "because": words::meaning(tongue, &row.why),
        "steps": steps, "next": next,
    })
}
