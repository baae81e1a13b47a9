//! `POST /v1/events`: what is answered with 202 is committed. The rest left no trace.

use crate::auth::{self, Caller};
use crate::body::{self, Items};
use crate::door::{Door, within};
use crate::problem::{Fault, Problem};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ledger::door::{TakeIn, Taken};
use schemas::{ClinicId, Event, Incoming, Refusal, Rule};
use serde::Serialize;

/// What records name as the place that these events came from.
pub const VIA: &str = "http";
/// Why a row waits that was just taken in: the worker decides about it.
const WHY: &str = "new";

/// What was taken, in the order of the body.
#[derive(Debug, Serialize)]
struct Answer {
    notifications: Vec<Notification>,
}

#[derive(Debug, Serialize)]
struct Notification {
    id: String,
    source: String,
    event_id: String,
    /// It was there before.
    duplicate: bool,
}

pub(crate) async fn post(State(door): State<Door>, request: Request) -> Response {
    match take(&door, request).await {
        Ok(answer) => (StatusCode::ACCEPTED, Json(answer)).into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn take(door: &Door, request: Request) -> Result<Answer, Problem> {
    let (head, body) = request.into_parts();
    let caller = auth::caller(door, &head.headers).await?;
    body::check(&head.headers)?;
    let body = body::read(body).await?;
    let (events, taken) = match body::items(&body)? {
        Items::One(item) => {
            let events = events(door, &caller.clinic, std::iter::once(item), true)?;
            (names(&events), one(door, &caller, events).await?)
        }
        Items::Many(items) => {
            let items = items.iter().map(|item| item.get().as_bytes());
            let events = events(door, &caller.clinic, items, false)?;
            (names(&events), all(door, &caller, events).await?)
        }
    };
    let reused = taken.iter().enumerate().filter(|(_, taken)| **taken == Taken::IdReused);
    let reused: Vec<Fault> =
        reused.map(|(index, _)| Fault::new(index, "/id", Rule::IdReused)).collect();
    if let Some(first) = reused.first() {
        let detail = format!(
            "The (source, id) of item {} was published before with other content: a new event needs a new id. Nothing was taken.",
            first.index
        );
        return Err(Problem::new(StatusCode::CONFLICT, "id-reused", "An id is used again", detail)
            .with(reused));
    }
    let notifications = events
        .into_iter()
        .zip(taken)
        .map(|(named, taken)| Notification { duplicate: taken == Taken::Same, ..named })
        .collect();
    Ok(Answer { notifications })
}

/// What an answer calls each event.
fn names(events: &[Event]) -> Vec<Notification> {
    let name = |event: &Event| Notification {
        id: event.ntf().as_str().to_owned(),
        source: event.source.clone(),
        event_id: event.id.clone(),
        duplicate: false,
    };
    events.iter().map(name).collect()
}

/// Checks every item; all of them, so that the answer names each one at fault.
fn events<'a>(
    door: &Door,
    clinic: &str,
    items: impl Iterator<Item = &'a [u8]>,
    alone: bool,
) -> Result<Vec<Event>, Problem> {
    let mut events = Vec::new();
    let mut faults = Vec::new();
    for (index, item) in items.enumerate() {
        match event(door, clinic, item) {
            Ok(event) => events.push(event),
            Err(Fallen::NotYours) => return Err(Problem::not_yours(index)),
            Err(Fallen::Refused(refusal)) => faults.push(Fault::of(index, &refusal)),
        }
    }
    let Some(first) = faults.first() else { return Ok(events) };
    let unreadable = [Rule::NotJson, Rule::NotUtf8].map(Rule::as_str);
    if alone && unreadable.contains(&first.reason) {
        return Err(Problem::unreadable(first.meaning).with(faults));
    }
    let detail = match faults.len() {
        1 => format!("Item {} is refused: see errors. Nothing was taken.", first.index),
        n => format!("{n} items are refused: see errors. Nothing was taken."),
    };
    let refused = StatusCode::UNPROCESSABLE_ENTITY;
    Err(Problem::new(refused, "refused", "What was sent is not an event that is taken", detail)
        .with(faults))
}

/// Why an item is not an event of this caller.
enum Fallen {
    NotYours,
    Refused(Refusal),
}

fn event(door: &Door, clinic: &str, item: &[u8]) -> Result<Event, Fallen> {
    // whether another clinic exists here is not this caller's business: its source is refused before anything else is told
    let yours = |source: &str| ClinicId::of_source(source).is_ok_and(|id| id.as_str() == clinic);
    match door.registry().read(item, None, &|id| door.knows(id)) {
        Ok(Incoming::Event(event)) if yours(&event.source) => Ok(*event),
        Ok(Incoming::Event(_)) => Err(Fallen::NotYours),
        Ok(Incoming::Reference(reference)) if !yours(&reference.source) => Err(Fallen::NotYours),
        // only Ulak itself releases
        Ok(Incoming::Reference(reference)) => Err(Fallen::Refused(Refusal {
            rule: Rule::Envelope,
            path: "/ulakrelease".to_owned(),
            source: Some(reference.source),
            id: Some(reference.id),
            holds_person: false,
        })),
        Err(refusal) if refusal.source.as_deref().is_some_and(|source| !yours(source)) => {
            Err(Fallen::NotYours)
        }
        Err(refusal) => Err(Fallen::Refused(refusal)),
    }
}

fn asked(door: &Door, caller: &Caller<'_>, event: Event) -> Result<TakeIn, Problem> {
    let Some(event_type) = door.registry().get(&event.event_type) else {
        // the registry read it a moment ago
        return Err(Problem::broken());
    };
    let gap_ms = door.gap_ms(&event.clinic);
    Ok(TakeIn::new(caller.open.ledger.vault(), event, event_type, gap_ms, VIA, WHY))
}

/// A single event goes in with those that other callers send at the same moment.
async fn one(door: &Door, caller: &Caller<'_>, events: Vec<Event>) -> Result<Vec<Taken>, Problem> {
    let mut taken = Vec::with_capacity(1);
    for event in events {
        let item = asked(door, caller, event)?;
        taken.push(within(caller.open.take_in.ask(item)).await?);
    }
    Ok(taken)
}

/// An array goes in as one transaction of its own.
async fn all(door: &Door, caller: &Caller<'_>, events: Vec<Event>) -> Result<Vec<Taken>, Problem> {
    let items: Result<Vec<TakeIn>, Problem> =
        events.into_iter().map(|event| asked(door, caller, event)).collect();
    let items = items?;
    if items.is_empty() {
        return Ok(Vec::new());
    }
    within(caller.open.ledger.take_in_all(&items)).await
}
