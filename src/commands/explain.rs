//! `ulak log explain`: what became of a notification and why, in sentences, with the evidence.

use ledger::Ledger;
use ledger::record::{ConsentEvidence, Entry};
use ledger::state::State;
use ledger::vault::DataKey;
use serde_json::json;

use super::log::{data_key, find, instant, local, text_of};
use super::{Failure, say};
use crate::cli::Global;
use crate::cli::records::NotificationArgs;
use crate::start;

/// Runs the command.
///
/// # Errors
/// There is no such notification, or the ledger is not there.
pub async fn run(global: &Global, ledger: &Ledger, args: &NotificationArgs) -> Result<(), Failure> {
    let ntf = args.id.as_str();
    let row = find(ledger, ntf).await?;
    let key = if args.reveal { data_key(ledger, ntf).await? } else { None };
    let mut steps = vec![];
    for record in ledger.records(ntf).await.map_err(start::ledger_failure)? {
        let said = sentence(&record.entry);
        let evidence = evidence_of(&record.entry).cloned();
        steps.push((record.at, said, evidence, text(&record.entry, ntf, key.as_ref())?));
    }
    let verdict = verdict(row.state, &row.why);
    if global.json {
        let steps: Vec<_> = steps
            .iter()
            .map(|(at, said, consent, text)| {
                json!({ "at": instant(*at), "said": said, "consent": consent, "text": text })
            })
            .collect();
        say(json!({
            "ntf": ntf, "clinic": row.clinic, "type": row.event_type, "id": row.event_id, "state": row.state,
            "why": row.why, "attempts": row.attempts, "verdict": verdict, "steps": steps,
        }))?;
        return Ok(());
    }
    say(format_args!(
        "{ntf}  {}  clinic {}  event {}",
        row.event_type,
        or_unknown(&row.clinic),
        or_unknown(&row.event_id)
    ))?;
    say(format_args!("{verdict}"))?;
    for (at, said, evidence, text) in steps {
        say(format_args!("  {}  {said}", local(at)))?;
        if let Some(evidence) = evidence {
            say(format_args!("      consent: {}", consent(&evidence)))?;
        }
        if let Some(text) = text {
            say(format_args!("      text: {text}"))?;
        }
    }
    if let Some(due) = row.due_at {
        say(format_args!(
            "  next: due {} on lane {}",
            local(due),
            row.lane.as_deref().unwrap_or("?")
        ))?;
    }
    Ok(())
}

fn or_unknown(text: &str) -> &str {
    if text.is_empty() { "unknown" } else { text }
}

fn text(entry: &Entry, ntf: &str, key: Option<&DataKey>) -> Result<Option<String>, Failure> {
    match (entry, key) {
        (Entry::Claimed { text, attempt, .. }, Some(key)) => {
            text_of(key, ntf, *attempt, text).map(Some)
        }
        _ => Ok(None),
    }
}

fn evidence_of(entry: &Entry) -> Option<&ConsentEvidence> {
    match entry {
        Entry::Claimed { consent, .. } => Some(consent),
        Entry::Ended { consent, .. } | Entry::Waiting { consent, .. } => {
            consent.as_ref().filter(|evidence| evidence.source.is_some())
        }
        _ => None,
    }
}

/// The one line that answers the question.
fn verdict(state: State, why: &str) -> String {
    match state {
        State::Accepted => "Sent: the provider accepted it.".to_owned(),
        State::Delivered => "Sent and delivered.".to_owned(),
        State::Undelivered => "Sent, but it will not arrive.".to_owned(),
        State::Refused => format!("Not sent: the provider refused it ({why})."),
        State::Suppressed if why == "no-consent" => {
            "Not sent: no consent (ONAY) is on record for this number and brand.".to_owned()
        }
        State::Suppressed => format!("Not sent: {why}."),
        State::Cancelled => format!("Not sent: cancelled ({why})."),
        State::Expired => format!("Not sent: its time had passed ({why})."),
        State::Unresolved => {
            "May have been sent: the provider's answer was lost and could not be found out; it is not sent again.".to_owned()
        }
        State::DeadLettered => format!("Not sent: it could not be handled ({why})."),
        State::Waiting => format!("Not sent yet: it waits ({why})."),
        State::Released => "Not sent yet: released to the workers.".to_owned(),
        State::Sending => "Being sent now.".to_owned(),
        State::Unknown => format!("May have been sent: the outcome is unknown ({why})."),
    }
}

/// What a record says.
fn sentence(entry: &Entry) -> String {
    match entry {
        Entry::Received { via, .. } => format!("received by {via}"),
        Entry::Waiting { why, until, lane, .. } => {
            format!("waits until {} on {lane}: {why}", local(*until))
        }
        Entry::Released { n } => format!("released to the workers, copy {n}"),
        Entry::Claimed {
            attempt, channel, lane, template, segments, encoding, stops_at, ..
        } => format!(
            "attempt {attempt} by {channel} on {lane}: {template}, {segments} segment(s) {encoding}, to be delivered before {}",
            local(*stops_at)
        ),
        Entry::Outcome { attempt, outcome, code, detail, provider_ref, late, .. } => {
            let late = if *late { " (late)" } else { "" };
            let reference =
                provider_ref.as_ref().map(|r| format!(", provider's id {r}")).unwrap_or_default();
            let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            format!("attempt {attempt} {outcome}{late}, {code}{detail}{reference}")
        }
        Entry::Ended { state, why, .. } => format!("ended {state}: {why}"),
        Entry::LeaseRanOut { attempt, then } => {
            format!("the worker of attempt {attempt} did not come back in time: {then}")
        }
        Entry::NotFound { attempt, resend, why } => {
            let then = if *resend { "sent again" } else { "not sent again" };
            format!("attempt {attempt} could not be found ({why}): {then}")
        }
        Entry::Duplicate { via } => {
            format!("the clinic published the same event again ({via}): nothing was done")
        }
        Entry::SentTwice { attempt } => {
            format!("attempt {attempt} was accepted although another one was: SENT TWICE")
        }
        Entry::EventRefused { queue, rule, path, .. } => {
            let place = if path.is_empty() { "the body" } else { path };
            format!("refused from {queue}: {rule} at {place}")
        }
        Entry::Returned { queue } => format!("came back from the broker by {queue}"),
        Entry::Replayed { who, why } => format!("replayed by {who}: {why}"),
        Entry::TakenIn { into, who, why } => format!("taken in as {into} by {who}: {why}"),
        Entry::Dropped { who, why } => format!("dropped by {who}: {why}"),
        Entry::Revealed { who, why, fields } => {
            format!("{} shown to {who}: {why}", fields.join(", "))
        }
        Entry::Lane { lane, state, why, .. } => format!("lane {lane} {state}: {why}"),
        Entry::PersonSuppressed { why } => format!("number suppressed: {why}"),
    }
}

fn consent(evidence: &ConsentEvidence) -> String {
    let mut parts = vec![format!("rule {} (of the {})", evidence.rule, evidence.rule_from)];
    parts.extend(evidence.basis.as_ref().map(|basis| format!("legal basis: {basis}")));
    parts.extend(evidence.source.as_ref().map(|source| format!("asked {source}")));
    parts.extend(evidence.brand.as_ref().map(|brand| format!("brand {brand}")));
    parts.extend(evidence.asked_at.map(|at| format!("at {}", local(at))));
    parts.extend(evidence.request_id.as_ref().map(|id| format!("request {id}")));
    parts.extend(evidence.answer.as_ref().map(|answer| format!("answer: {answer}")));
    parts.join(", ")
}
