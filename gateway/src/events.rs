//! `POST /v1/events`: what is answered with 202 is committed. The rest left no trace.

use crate::auth::{self, Caller};
use crate::body::{self, Items};
use crate::door::{Door, within};
use crate::problem::{Fault, Problem};
use crate::trace;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ledger::door::{TakeIn, Taken};
use ledger::facts::{Done, Item, Told};
use schemas::trace::TraceParent;
use schemas::{ClinicId, Event, FactEvent, Incoming, Refusal, Registry, Rule};
use serde::{Deserialize, Serialize};

/// What records name as the place that these events came from.
pub const VIA: &str = "http";
/// Why a row waits that was just taken in: the worker decides about it.
const WHY: &str = "new";

/// What was taken, in the order of the body.
#[derive(Debug, Default, Serialize)]
struct Answer {
    notifications: Vec<Notification>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    facts: Vec<Fact>,
}

#[derive(Debug, Serialize)]
struct Notification {
    id: String,
    source: String,
    event_id: String,
    /// It was there before.
    duplicate: bool,
}

#[derive(Debug, Serialize)]
struct Fact {
    id: String,
    source: String,
    event_id: String,
    /// `applied`, `stale`, `duplicate`.
    state: &'static str,
    /// Why it is stale.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Notifications that it made.
    made: Vec<String>,
    /// Notifications that it cancelled.
    cancelled: Vec<String>,
}

/// One item of the body.
pub(crate) enum Sent {
    Event(Box<Event>),
    Fact(Box<FactEvent>),
}

/// What an answer and the log call an item.
struct Name {
    id: String,
    source: String,
    event_id: String,
    trace: Option<TraceParent>,
}

pub(crate) async fn post(State(door): State<Door>, request: Request) -> Response {
    match take(&door, request).await {
        Ok(answer) => (StatusCode::ACCEPTED, Json(answer)).into_response(),
        Err(problem) => {
            if let Some(metrics) = door.metrics() {
                // of several items each one's rule; what type it claims to be says nothing
                problem.rules().for_each(|rule| metrics.events.refused("", rule));
            }
            problem.into_response()
        }
    }
}

async fn take(door: &Door, request: Request) -> Result<Answer, Problem> {
    let (head, body) = request.into_parts();
    let caller = auth::caller(door, &head.headers).await?;
    body::check(&head.headers)?;
    let body = body::read(body, door.stop()).await?;
    let (registry, knows) = (door.registry(), |id: &str| door.knows(id));
    let parent = head.headers.get("traceparent").and_then(|value| value.to_str().ok());
    // lines about an item that names no trace are of the request's own
    let (sent, alone) = trace::span(parent).in_scope(|| match body::items(&body)? {
        Items::One(item) => {
            let item = std::iter::once(item);
            Ok((read(registry, &knows, &caller.clinic, item, true)?, true))
        }
        Items::Many(items) => {
            let items = items.iter().map(|item| item.get().as_bytes());
            Ok((read(registry, &knows, &caller.clinic, items, false)?, false))
        }
    })?;
    let sent = of_trace(sent, parent);
    let names: Vec<Name> = sent.iter().map(name).collect();
    let types: Vec<String> = sent.iter().map(type_of).collect();
    let done = taken(door, &caller, sent, alone).await?;
    trace::told(&caller.clinic, names.iter().map(|it| (it.trace, it.id.as_str())), &done);
    refuse(&done)?;
    count(door, &types, &done);
    Ok(answer(names, done))
}

/// The request's own trace is that of every item that names none.
fn of_trace(mut sent: Vec<Sent>, parent: Option<&str>) -> Vec<Sent> {
    for item in &mut sent {
        match item {
            Sent::Event(event) => event.came_with(parent),
            Sent::Fact(fact) => fact.came_with(parent),
        }
    }
    sent
}

fn type_of(sent: &Sent) -> String {
    match sent {
        Sent::Event(event) => event.event_type.clone(),
        Sent::Fact(fact) => fact.fact_type.clone(),
    }
}

fn count(door: &Door, types: &[String], done: &[Done]) {
    let Some(metrics) = door.metrics() else { return };
    for (event_type, done) in types.iter().zip(done) {
        match done {
            Done::Event(Taken::New) => metrics.events.received(event_type),
            Done::Event(Taken::Same) => metrics.events.duplicate(event_type),
            Done::Fact(Told::Applied { .. }) => metrics.events.fact("applied"),
            Done::Fact(Told::Stale { .. }) => metrics.events.fact("stale"),
            Done::Fact(Told::Duplicate { .. }) => metrics.events.fact("duplicate"),
            // refused ones never come here
            Done::Event(Taken::IdReused) | Done::Fact(Told::Refused(_)) => {}
        }
    }
}

fn name(sent: &Sent) -> Name {
    match sent {
        Sent::Event(event) => Name {
            id: event.ntf().as_str().to_owned(),
            source: event.source.clone(),
            event_id: event.id.clone(),
            trace: event.trace(),
        },
        Sent::Fact(fact) => Name {
            id: fact.fact_id().as_str().to_owned(),
            source: fact.source.clone(),
            event_id: fact.id.clone(),
            trace: fact.traceparent.as_deref().and_then(TraceParent::parse),
        },
    }
}

/// Takes what was read: a single event together with those that other callers send at the same moment, all else as one transaction
/// of its own.
async fn taken(
    door: &Door,
    caller: &Caller<'_>,
    sent: Vec<Sent>,
    alone: bool,
) -> Result<Vec<Done>, Problem> {
    let mut items = Vec::with_capacity(sent.len());
    for sent in sent {
        items.push(match sent {
            Sent::Event(event) => Item::Event(Box::new(asked(door, caller, *event)?)),
            Sent::Fact(fact) => Item::Fact(fact),
        });
    }
    if items.iter().any(|item| matches!(item, Item::Fact(_))) {
        return within(caller.open.facts.take_all(&items, VIA)).await;
    }
    let events = items.into_iter().filter_map(|item| match item {
        Item::Event(event) => Some(*event),
        Item::Fact(_) => None,
    });
    let taken = if alone {
        let mut taken = vec![];
        for event in events {
            taken.push(within(caller.open.take_in.ask(event)).await?);
        }
        taken
    } else {
        let events: Vec<TakeIn> = events.collect();
        if events.is_empty() {
            return Ok(vec![]);
        }
        within(caller.open.ledger.take_in_all(&events)).await?
    };
    Ok(taken.into_iter().map(Done::Event).collect())
}

/// Anything refused, and nothing was taken: 409 where ids stand for something else, 422 where facts contradict what is known.
fn refuse(done: &[Done]) -> Result<(), Problem> {
    let faults: Vec<Fault> = done
        .iter()
        .enumerate()
        .filter_map(|(index, done)| match done {
            Done::Event(Taken::IdReused) => Some(Fault::new(index, "/id", Rule::IdReused)),
            Done::Fact(Told::Refused(refusal)) => Some(Fault::of(index, refusal)),
            Done::Event(_) | Done::Fact(_) => None,
        })
        .collect();
    let reused = |fault: &&Fault| fault.reason == Rule::IdReused.as_str();
    if let Some(first) = faults.iter().find(reused) {
        let detail = format!(
            "The (source, id) of item {} was published before with other content: a new event needs a new id. Nothing was taken.",
            first.index
        );
        return Err(Problem::new(StatusCode::CONFLICT, "id-reused", "An id is used again", detail)
            .with(faults));
    }
    if faults.is_empty() { Ok(()) } else { Err(refused(faults)) }
}

fn answer(names: Vec<Name>, done: Vec<Done>) -> Answer {
    let mut answer = Answer::default();
    for (name, done) in names.into_iter().zip(done) {
        let Name { id, source, event_id, trace: _ } = name;
        match done {
            Done::Event(taken) => answer.notifications.push(Notification {
                id,
                source,
                event_id,
                duplicate: taken == Taken::Same,
            }),
            Done::Fact(told) => {
                let made = told.made().into_iter().map(str::to_owned).collect();
                let (state, reason, cancelled) = match told {
                    Told::Applied { cancelled, .. } => ("applied", None, cancelled),
                    Told::Stale { why, .. } => ("stale", Some(why), vec![]),
                    // refused ones never come here
                    Told::Duplicate { .. } | Told::Refused(_) => ("duplicate", None, vec![]),
                };
                answer.facts.push(Fact { id, source, event_id, state, reason, made, cancelled });
            }
        }
    }
    answer
}

/// Checks every item; all of them, so that the answer names each one at fault.
pub(crate) fn read<'a>(
    registry: &Registry,
    knows: &dyn Fn(&str) -> bool,
    clinic: &str,
    items: impl Iterator<Item = &'a [u8]>,
    alone: bool,
) -> Result<Vec<Sent>, Problem> {
    let mut sent = Vec::new();
    let mut faults = Vec::new();
    for (index, item) in items.enumerate() {
        match one(registry, knows, clinic, item) {
            Ok(one) => sent.push(one),
            Err(Fallen::NotYours) => return Err(Problem::not_yours(index)),
            Err(Fallen::Refused(refusal)) => {
                trace::refused(clinic, index, item, &refusal);
                faults.push(Fault::of(index, &refusal));
            }
        }
    }
    let Some(first) = faults.first() else { return Ok(sent) };
    let unreadable = [Rule::NotJson, Rule::NotUtf8].map(Rule::as_str);
    if alone && unreadable.contains(&first.reason) {
        return Err(Problem::unreadable(first.meaning).with(faults));
    }
    Err(refused(faults))
}

/// 422 with what is wrong with each item at fault.
fn refused(faults: Vec<Fault>) -> Problem {
    let detail = match &faults[..] {
        [first] => format!("Item {} is refused: see errors. Nothing was taken.", first.index),
        several => format!("{} items are refused: see errors. Nothing was taken.", several.len()),
    };
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let title = "What was sent is not an event that is taken";
    Problem::new(status, "refused", title, detail).with(faults)
}

/// Why an item is not an event of this caller.
enum Fallen {
    NotYours,
    Refused(Refusal),
}

/// What of an item says which of both it is.
#[derive(Default, Deserialize)]
struct Head {
    #[serde(default, rename = "type")]
    event_type: serde_json::Value,
}

fn one(
    registry: &Registry,
    knows: &dyn Fn(&str) -> bool,
    clinic: &str,
    item: &[u8],
) -> Result<Sent, Fallen> {
    // whether another clinic exists here is not this caller's business: its source is refused before anything else is told
    let yours = |source: &str| ClinicId::of_source(source).is_ok_and(|id| id.as_str() == clinic);
    let head: Head = serde_json::from_slice(item).unwrap_or_default();
    let read = if head.event_type.as_str().is_some_and(|name| registry.is_fact(name)) {
        registry.read_fact(item, None, knows).map(|fact| Sent::Fact(Box::new(fact)))
    } else {
        registry.read(item, None, knows).and_then(|read| match read {
            Incoming::Event(event) => Ok(Sent::Event(event)),
            // only Ulak itself releases
            Incoming::Reference(reference) => Err(Refusal {
                rule: Rule::Envelope,
                path: "/ulakrelease".to_owned(),
                source: Some(reference.source),
                id: Some(reference.id),
                holds_person: false,
            }),
        })
    };
    let source = match &read {
        Ok(Sent::Event(event)) => Some(&event.source),
        Ok(Sent::Fact(fact)) => Some(&fact.source),
        Err(refusal) => refusal.source.as_ref(),
    };
    if source.is_some_and(|source| !yours(source)) {
        return Err(Fallen::NotYours);
    }
    read.map_err(Fallen::Refused)
}

fn asked(door: &Door, caller: &Caller<'_>, event: Event) -> Result<TakeIn, Problem> {
    let Some(event_type) = door.registry().get(&event.event_type) else {
        // the registry read it a moment ago
        return Err(Problem::broken());
    };
    let gap_ms = door.gap_ms(&event.clinic);
    Ok(TakeIn::new(caller.open.ledger.vault(), event, event_type, gap_ms, VIA, WHY))
}
