//! `ulak log explain`: what became of a notification, why, and what happens next, as a story with its evidence. The words are the
//! `story` crate's.

mod fact;

use anyhow::anyhow;
use ledger::lanes::Lane;
use ledger::record::Entry;
use ledger::report::Listed;
use serde_json::{Value, json};
use story::lookup::{self, Question, Where};
use story::{Step, Story};

use super::desk::{Desk, Opened, instant, local};
use super::{Failure, say};
use crate::cli::records::{ExplainArgs, NotificationArgs, RevealArgs, Tongue};
use crate::cli::schedule::Named;
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
    let Some(question) = question(args) else {
        return Err(anyhow!(
            "say what to explain: an id, or --appointment, --payment or --phone with --clinic"
        )
        .into());
    };
    let found = lookup::fact(&desk.ledger, &question).await.map_err(start::ledger_failure)?;
    if let Some(row) = found {
        return fact::tell(desk, &row, args.lang, &args.reveal).await;
    }
    let clinics = &desk.settings.config.clinics;
    let knows = |clinic: &schemas::ClinicId| clinics.contains_key(clinic);
    let of = Where { ledger: &desk.ledger, registry: &desk.settings.registry, knows: &knows };
    let hits = lookup::hits(of, &question).await.map_err(start::ledger_failure)?;
    let lanes = desk.ledger.lanes().await.map_err(start::ledger_failure)?;
    match hits.rows.as_slice() {
        [] => {
            let known = question.clinic().is_none_or(|clinic| knows(&clinic));
            return Err(anyhow!(question.nothing(known, hits.all_refused)).into());
        }
        [one] => tell(desk, one, args.lang, &args.reveal, &lanes).await?,
        several => {
            for row in several {
                if desk.json || args.reveal.reveal {
                    tell(desk, row, args.lang, &args.reveal, &lanes).await?;
                } else {
                    brief(desk, row, args.lang, &lanes).await?;
                }
            }
        }
    }
    // an object of another kind would be taken for a hit by whoever reads JSON
    if let Some(unseen) = hits.unseen().filter(|_| !desk.json) {
        say(unseen)?;
    }
    Ok(())
}

/// What was asked; `None` is excluded by the command line's own rules.
fn question(args: &ExplainArgs) -> Option<Question> {
    if let Some(named) = &args.ntf {
        return Some(match named {
            Named::Notification(ntf) => Question::Notification(ntf.clone()),
            Named::Fact(fact) => Question::Fact(fact.clone()),
        });
    }
    if let (Some(source), Some(id)) = (&args.source, &args.event_id) {
        return Some(Question::Event { source: source.clone(), id: id.clone() });
    }
    let clinic = args.clinic.clone()?;
    match (&args.appointment, &args.payment, &args.phone) {
        (Some(id), _, _) => Some(Question::Appointment(clinic, id.clone())),
        (_, Some(id), _) => Some(Question::Payment(clinic, id.clone())),
        (_, _, Some(phone)) => Some(Question::Phone(clinic, phone.number()?.clone())),
        _ => None,
    }
}

/// The language as the words know it.
const fn spoken(tongue: Tongue) -> story::Tongue {
    match tongue {
        Tongue::Tr => story::Tongue::Tr,
        Tongue::En => story::Tongue::En,
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
    let tongue = spoken(tongue);
    let story = Story::of(&desk.ledger, row, tongue, lanes).await.map_err(start::ledger_failure)?;
    let mut clear = Vec::with_capacity(story.steps.len());
    for step in &story.steps {
        clear.push(in_clear(desk, row, step, opened.as_ref())?);
    }
    if desk.json {
        return Ok(say(story_json(&story, &clear))?);
    }
    let frame = story::frame(tongue);
    for line in head(&story, tongue) {
        say(line)?;
    }
    for (step, (text, body)) in story.steps.iter().zip(clear) {
        say(format_args!("  {}  {}", local(step.at), step.said))?;
        if let Some(evidence) = step.consent() {
            say(format_args!("      {}: {}", frame.consent, story::consent(tongue, evidence)))?;
        }
        for (name, clear) in [(frame.text, text), (frame.body, body)] {
            if let Some(clear) = clear {
                say(format_args!("      {name}: {clear}"))?;
            }
        }
    }
    for line in &story.next {
        say(format_args!("  {}: {line}", frame.next))?;
    }
    Ok(())
}

/// One of several hits: when, what became of it, why, on what evidence, what next.
async fn brief(desk: &Desk, row: &Listed, tongue: Tongue, lanes: &[Lane]) -> Result<(), Failure> {
    let tongue = spoken(tongue);
    let story = Story::of(&desk.ledger, row, tongue, lanes).await.map_err(start::ledger_failure)?;
    let frame = story::frame(tongue);
    say(local(row.created_at))?;
    for line in head(&story, tongue) {
        say(format_args!("  {line}"))?;
    }
    if let Some(evidence) = story.consent() {
        say(format_args!("  {}: {}", frame.consent, story::consent(tongue, evidence)))?;
    }
    for line in &story.next {
        say(format_args!("  {}: {line}", frame.next))?;
    }
    Ok(())
}

/// The text and the body of a step, if they may be shown.
fn in_clear(
    desk: &Desk,
    row: &Listed,
    step: &Step,
    opened: Option<&Opened>,
) -> Result<(Option<String>, Option<String>), Failure> {
    Ok(match (&step.entry, opened) {
        (Entry::Claimed { text, attempt, .. }, Some(opened)) => {
            (opened.text(&row.ntf, *attempt, text)?, None)
        }
        (Entry::EventRefused { body, .. }, Some(_)) => {
            (None, Some(desk.refused_body(&row.ntf, body)?))
        }
        _ => (None, None),
    })
}

/// Which notification it is, and the answer.
fn head(story: &Story, tongue: story::Tongue) -> Vec<String> {
    let (row, frame) = (&story.row, story::frame(tongue));
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
        story.verdict.clone(),
    ];
    if let Some(meaning) = story.because {
        lines.push(format!("  {}: {meaning}", frame.because));
    }
    lines
}

fn story_json(story: &Story, clear: &[(Option<String>, Option<String>)]) -> Value {
    let row = &story.row;
    let steps = story.steps.iter().zip(clear).map(|(step, (text, body))| {
        json!({
            "at": instant(step.at), "kind": step.entry.kind(), "said": step.said, "consent": step.consent(),
            "text": text, "body": body,
        })
    });
    let lane = story.lane.as_ref();
    let lane_state = lane.map(|lane| if lane.is_paused() { "paused" } else { lane.state.as_str() });
    json!({
        "ntf": row.ntf, "clinic": row.clinic, "type": row.event_type, "id": row.event_id,
        "subject": row.subject, "state": row.state, "why": row.why, "attempts": row.attempts,
        "received_at": instant(row.created_at), "expires_at": instant(row.expires_at),
        "due_at": row.due_at.map(instant), "lane": row.lane, "lane_state": lane_state,
        "verdict": story.verdict, "because": story.because,
        "steps": steps.collect::<Vec<_>>(), "next": story.next,
    })
}
