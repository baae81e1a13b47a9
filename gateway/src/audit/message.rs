//! One message's story, and one fact's: the answer first, then on what evidence, then everything that was recorded.
//!
//! They take no place among the heavy questions ([`crate::audit::places`]): every statement finds the rows of one id by an index, and
//! a message has some dozen records, whatever the size of the ledger. Whoever reads a story while others search should not wait.

use crate::audit::call::Call;
use crate::audit::filter::Asked;
use crate::audit::guard::{Shell, Turned, guard};
use crate::audit::opened::Opened;
use crate::audit::page;
use crate::audit::search;
use crate::audit::when::{self, When};
use crate::door::Door;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use ledger::access::Right;
use ledger::door::StatusAttempt;
use ledger::record::Entry;
use ledger::report::Listed;
use ledger::state::AttemptState;
use schemas::{FactId, NotificationId};
use serde::Serialize;
use story::{FactStory, Step, Story};
use tera::Context;

/// One record.
#[derive(Serialize)]
struct StepView {
    at: When,
    said: String,
    consent: Option<String>,
    plan: Vec<String>,
    cancelled: Vec<String>,
    /// What is sealed in it: `text`, `body`.
    sealed: Option<&'static str>,
    /// That, opened.
    clear: Option<String>,
}

/// One attempt.
#[derive(Serialize)]
struct AttemptView {
    n: i64,
    channel: String,
    lane: String,
    state: &'static str,
    code: Option<String>,
    began: When,
    ended: Option<When>,
}

/// A fact with what followed from it.
#[derive(Serialize)]
pub(super) struct FactView {
    id: String,
    clinic: String,
    fact_type: String,
    event_id: String,
    received: When,
    verdict: String,
    steps: Vec<StepView>,
}

pub(super) async fn get(
    State(door): State<Door>,
    id: Result<Path<String>, PathRejection>,
    call: Call,
) -> Result<Response, Turned> {
    let shell = guard(&door, call, Right::Read).await?;
    let row = row_of(&shell, id).await?;
    show(&shell, &row, StatusCode::OK, None, None).await
}

/// The row of a message that the visitor may see.
///
/// # Errors
/// 404: it is not there, or another clinic's.
pub(super) async fn row_of(
    shell: &Shell,
    id: Result<Path<String>, PathRejection>,
) -> Result<Listed, Turned> {
    let id = id.ok().and_then(|Path(id)| NotificationId::parse(&id));
    let Some(id) = id else { return Err(shell.missing(false).await) };
    match shell.asked(shell.ledger.find(id.as_str())).await? {
        Some(row) if shell.sees(&row.clinic) => Ok(row),
        other => Err(shell.missing(other.is_some()).await),
    }
}

/// The page of a message. `opened`: what may be shown in clear; `fault`: what was wrong with the wish to open it.
pub(super) async fn show(
    shell: &Shell,
    row: &Listed,
    status: StatusCode,
    opened: Option<&Opened>,
    fault: Option<(&'static str, &str)>,
) -> Result<Response, Turned> {
    let tongue = shell.call.tongue;
    let lanes = shell.asked(shell.ledger.lanes()).await?;
    let story = shell.asked(Story::of(&shell.ledger, row, tongue, &lanes)).await?;
    let zone = shell.call.zone(&row.clinic);
    let mut context = Context::new();
    let bad = row.ntf.starts_with("bad_");
    context.insert("ntf", &row.ntf);
    context.insert("bad", &bad);
    context.insert("state", row.state.as_str());
    context.insert("state_said", story::state(tongue, row.state));
    context.insert("verdict", &story::answer(tongue, row));
    context.insert("because", &story::because(tongue, &row.why));
    context.insert("why", &row.why);
    context.insert("related", &related(&row.why));
    let next = story.next.iter().map(|line| story::begun(tongue, line));
    context.insert("next", &next.collect::<Vec<_>>());
    context.insert("clinic", shell.call.settings().name(&row.clinic));
    context.insert("event_type", &search::type_name(shell, &row.event_type));
    context.insert("event_id", &row.event_id);
    context.insert("subject", &row.subject);
    context.insert("received", &when::shown(row.created_at, zone, tongue));
    context.insert("changed", &when::shown(row.changed_at, zone, tongue));
    let expires = (!bad).then(|| when::shown(row.expires_at, zone, tongue));
    context.insert("expires", &expires);
    context.insert("zone", zone.name());
    let consent = story.consent().map(|one| story::begun(tongue, &story::consent(tongue, one)));
    context.insert("consent", &consent);
    context.insert("attempts", &attempts(shell, row).await?);
    let steps = story.steps.iter().map(|step| step_view(shell, &row.clinic, step, opened));
    context.insert("steps", &steps.collect::<Vec<_>>());
    context.insert("about", &about(shell, row).await?);
    context.insert("may_open", &shell.may(Right::Open));
    context.insert("open_at", &format!("/audit/messages/{}/open", row.ntf));
    context.insert("opened", &opened);
    context.insert("fault", fault.map_or("", |(key, _)| key));
    context.insert("reason", fault.map_or("", |(_, reason)| reason));
    Ok(page::page_with(shell, status, "message.html", context))
}

/// The message that a reason names: `duplicate of ntf_…`.
fn related(why: &str) -> Option<String> {
    let named = why.split(' ').find_map(NotificationId::parse)?;
    Some(named.as_str().to_owned())
}

async fn attempts(shell: &Shell, row: &Listed) -> Result<Vec<AttemptView>, Turned> {
    let status = shell.asked(shell.ledger.status(&row.clinic, &row.ntf)).await?;
    let zone = shell.call.zone(&row.clinic);
    let tongue = shell.call.tongue;
    let view = |one: StatusAttempt| AttemptView {
        n: one.n,
        channel: search::channel_name(&shell.call, &one.channel),
        lane: one.lane,
        state: attempt(one.state),
        code: one.code,
        began: when::shown(one.started_at, zone, tongue),
        ended: one.ended_at.map(|at| when::shown(at, zone, tongue)),
    };
    Ok(status.map(|status| status.attempts.into_iter().map(view).collect()).unwrap_or_default())
}

/// The key of an attempt's state in words.
const fn attempt(state: AttemptState) -> &'static str {
    match state {
        AttemptState::Open => "attempt.open",
        AttemptState::Accepted => "attempt.accepted",
        AttemptState::Refused => "attempt.refused",
        AttemptState::Failed => "attempt.failed",
        AttemptState::Unknown => "attempt.unknown",
        AttemptState::Absent => "attempt.absent",
    }
}

/// The search for everything about the same appointment or payment.
async fn about(shell: &Shell, row: &Listed) -> Result<Option<String>, Turned> {
    let known = shell.asked(shell.ledger.about(&row.ntf)).await?;
    let Some(known) = known else { return Ok(None) };
    let asked = Asked {
        kind: "message".to_owned(),
        clinic: row.clinic.clone(),
        things: known.thing.filter(|_| known.appointment.is_none()).into_iter().collect(),
        appointment: known.appointment,
        ..Asked::default()
    };
    if asked.appointment.is_none() && asked.things.is_empty() {
        return Ok(None);
    }
    let sealed = asked.sealed(shell).await?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("asked", &sealed);
    Ok(Some(format!("/audit?{}", query.finish())))
}

fn step_view(shell: &Shell, clinic: &str, step: &Step, opened: Option<&Opened>) -> StepView {
    let tongue = shell.call.tongue;
    let sealed = match &step.entry {
        Entry::Claimed { .. } => Some("text"),
        Entry::EventRefused { .. } | Entry::FactApplied { .. } => Some("body"),
        _ => None,
    };
    let clear = match (&step.entry, opened) {
        (Entry::Claimed { attempt, .. }, Some(opened)) => opened.texts.get(attempt).cloned(),
        (Entry::EventRefused { .. } | Entry::FactApplied { .. }, Some(opened)) => {
            opened.body.clone()
        }
        _ => None,
    };
    StepView {
        at: when::shown(step.at, shell.call.zone(clinic), tongue),
        said: step.said.clone(),
        consent: step.consent().map(|evidence| story::consent(tongue, evidence)),
        plan: step.plan.clone(),
        cancelled: step.cancelled().to_vec(),
        sealed,
        clear,
    }
}

pub(super) async fn fact(
    State(door): State<Door>,
    id: Result<Path<String>, PathRejection>,
    call: Call,
) -> Result<Response, Turned> {
    let shell = guard(&door, call, Right::Read).await?;
    let told = fact_of(&shell, id).await?;
    Ok(show_fact(&shell, &told, StatusCode::OK, None, None))
}

/// The story of a fact that the visitor may see.
///
/// # Errors
/// 404: it is not there, or another clinic's.
pub(super) async fn fact_of(
    shell: &Shell,
    id: Result<Path<String>, PathRejection>,
) -> Result<FactStory, Turned> {
    let id = id.ok().and_then(|Path(id)| FactId::parse(&id));
    let Some(id) = id else { return Err(shell.missing(false).await) };
    match shell.asked(shell.ledger.fact(id.as_str())).await? {
        Some(row) if shell.sees(&row.clinic) => {
            shell.asked(FactStory::of(&shell.ledger, &row, shell.call.tongue)).await
        }
        other => Err(shell.missing(other.is_some()).await),
    }
}

/// The page of a fact.
pub(super) fn show_fact(
    shell: &Shell,
    told: &FactStory,
    status: StatusCode,
    opened: Option<&Opened>,
    fault: Option<(&'static str, &str)>,
) -> Response {
    let mut context = Context::new();
    let view = fact_view(shell, told, opened);
    context.insert("steps", &view.steps);
    context.insert("fact", &view);
    context.insert("zone", shell.call.zone(&told.row.clinic).name());
    context.insert("may_open", &shell.may(Right::Open));
    context.insert("open_at", &format!("/audit/facts/{}/open", told.row.id));
    context.insert("opened", &opened);
    context.insert("fault", fault.map_or("", |(key, _)| key));
    context.insert("reason", fault.map_or("", |(_, reason)| reason));
    page::page_with(shell, status, "fact.html", context)
}

/// A fact for a page.
pub(super) fn fact_view(shell: &Shell, told: &FactStory, opened: Option<&Opened>) -> FactView {
    let row = &told.row;
    let steps = told.steps.iter().map(|step| step_view(shell, &row.clinic, step, opened));
    FactView {
        received: when::shown(row.created_at, shell.call.zone(&row.clinic), shell.call.tongue),
        clinic: shell.call.settings().name(&row.clinic).to_owned(),
        fact_type: search::type_name(shell, &row.fact_type),
        verdict: told.verdict.clone(),
        steps: steps.collect(),
        id: row.id.clone(),
        event_id: row.event_id.clone(),
    }
}
