//! `GET /v1/notifications/{id}` and `GET /v1/notifications?source=&id=`: what became of one event, without any person.

use crate::auth;
use crate::door::{Door, within};
use crate::problem::Problem;
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat};
use ledger::door::{Status, StatusAttempt};
use ledger::telling::code_of;
use schemas::NotificationId;
use serde::{Deserialize, Serialize};

/// The identity of an event, as its publisher knows it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ByEvent {
    source: String,
    id: String,
}

/// A notification as its clinic may see it. What is not known is left out.
#[derive(Debug, Serialize)]
struct Shown {
    id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    source: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    event_id: String,
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    event_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    clinic: String,
    state: &'static str,
    #[serde(rename = "final")]
    is_final: bool,
    reason: String,
    received_at: Option<String>,
    changed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    attempts: Vec<ShownAttempt>,
}

#[derive(Debug, Serialize)]
struct ShownAttempt {
    number: i64,
    channel: String,
    provider: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
}

pub(crate) async fn by_id(
    State(door): State<Door>,
    // what is no UTF-8 is no id, and who asks is found out first
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let id = id.ok().and_then(|Path(id)| NotificationId::parse(&id));
    answer(show(&door, &headers, id).await)
}

pub(crate) async fn by_event(
    State(door): State<Door>,
    headers: HeaderMap,
    query: Result<Query<ByEvent>, QueryRejection>,
) -> Response {
    let Ok(Query(event)) = query else {
        // who asks is found out first
        let asked = auth::caller(&door, &headers).await.map(|_| ());
        let wrong = Problem::query(
            "Ask with ?source=/clinics/ID&id=ID, both of the event and percent-encoded.",
        );
        return asked.err().unwrap_or(wrong).into_response();
    };
    let id = NotificationId::of_event(&event.source, &event.id);
    answer(show(&door, &headers, Some(id)).await)
}

fn answer(shown: Result<Shown, Problem>) -> Response {
    match shown {
        Ok(shown) => Json(shown).into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn show(
    door: &Door,
    headers: &HeaderMap,
    id: Option<NotificationId>,
) -> Result<Shown, Problem> {
    let caller = auth::caller(door, headers).await?;
    let id = id.ok_or_else(Problem::not_found)?;
    let status = within(caller.open.ledger.status(&caller.clinic, id.as_str())).await?;
    status.map(shown).ok_or_else(Problem::not_found)
}

fn shown(status: Status) -> Shown {
    let refused = status.source.is_empty();
    Shown {
        reason: code_of(&status.why).to_owned(),
        state: status.state.as_str(),
        is_final: status.state.is_final(),
        received_at: instant(status.created_at),
        changed_at: instant(status.changed_at),
        due_at: status.due_at.and_then(instant),
        // a refused event is of no use from the first moment
        expires_at: instant(status.expires_at).filter(|_| !refused),
        attempts: status.attempts.into_iter().map(attempt).collect(),
        id: status.ntf,
        source: status.source,
        event_id: status.event_id,
        event_type: status.event_type,
        subject: status.subject,
        clinic: status.clinic,
    }
}

fn attempt(attempt: StatusAttempt) -> ShownAttempt {
    let provider = attempt.lane.split('/').next().unwrap_or_default().to_owned();
    ShownAttempt {
        number: attempt.n,
        channel: attempt.channel,
        provider,
        state: attempt.state.as_str(),
        code: attempt.code,
        started_at: instant(attempt.started_at),
        ended_at: attempt.ended_at.and_then(instant),
    }
}

/// UTC with milliseconds; `None` outside the calendar.
fn instant(ms: i64) -> Option<String> {
    let at = DateTime::from_timestamp_millis(ms)?;
    Some(at.to_rfc3339_opts(SecondsFormat::Millis, true))
}
