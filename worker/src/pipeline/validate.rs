//! From bytes to a notification that may go on: schema, identity, the delivery rule, and what surrounds it.

use super::decide::Consent;
use super::route::Way;
use super::{Arrived, End, Halt, record};
use crate::consent::opt_in;
use crate::settings::Clinic;
use crate::worker::Worker;
use ledger::LedgerError;
use ledger::intake;
use ledger::look::{Keys, RowAsk, SealedBody, SeenRow, Surroundings, Tried};
use ledger::opt_in::Words;
use ledger::protocol::{self, Copy};
use ledger::record::{ConsentEvidence, Entry};
use ledger::vault::{DataKey, random_id};
use schemas::trace::TraceParent;
use schemas::{Channel, ClinicId, Event, EventType, Incoming, Reference, Refusal, Rule};
use std::time::Duration;
use tokio::time::Instant;

/// A notification in work.
#[derive(Debug)]
pub struct Work<'a> {
    /// Identity.
    pub ntf: String,
    /// The copy that this worker holds.
    pub copy: Copy,
    /// Where it came from, for the record.
    pub via: String,
    /// The event.
    pub event: Event,
    /// Its type.
    pub event_type: &'a EventType,
    /// Its clinic.
    pub clinic: &'a Clinic,
    /// Attempts made so far.
    pub attempts: u32,
    /// Where they were made and what became of them.
    pub tried: Vec<Tried>,
    /// The lane on which it waited, as far as there is a row.
    pub waited_on: Option<String>,
    /// Keyed hashes.
    pub keys: Keys,
    /// Whose data it is.
    pub person: Person,
    /// What the ledger knows around it.
    pub seen: Surroundings,
    /// The consent answer with its evidence; used again after a claim that wrote nothing, while it is young enough.
    pub consent: Option<(Consent, ConsentEvidence)>,
    /// What the registry says of the number, if this look asked it ([`crate::consent::opt_in`]).
    pub words: Option<Words>,
    /// Channels for which it cannot be written.
    pub unfit: Vec<Channel>,
    /// The trace that its event belongs to.
    pub trace: Option<TraceParent>,
    /// Since when it could have gone out: it was due, or came straight from the clinic.
    pub since: Instant,
    /// AMQP message id and body as they arrived, should the ledger find that the event contradicts what is known.
    pub arrived: (String, Vec<u8>),
}

/// A person with the key open.
#[derive(Debug, Clone)]
pub struct Person {
    /// Identifier.
    pub id: String,
    /// Wrapped key.
    pub wrapped: String,
    /// The key.
    pub key: DataKey,
    /// Revision; 0: not in the ledger yet.
    pub rev: i64,
}

/// What reading a copy led to.
#[derive(Debug)]
pub enum Read<'a> {
    /// It may go on.
    Work(Box<Work<'a>>),
    /// It is done.
    End(End),
}

/// Reads a copy: schema, identity, delivery rule.
///
/// # Errors
/// [`Halt`] while the ledger is away.
pub async fn read<'a>(worker: &'a Worker, arrived: &Arrived<'_>) -> Result<Read<'a>, Halt> {
    let knows = |id: &str| ClinicId::parse(id).is_ok_and(|id| worker.clinic(&id).is_some());
    match worker.registry.read(arrived.body, Some(arrived.routing_key), &knows) {
        Ok(Incoming::Event(event)) => first(worker, arrived, *event).await,
        Ok(Incoming::Reference(reference)) => released(worker, arrived, &reference).await,
        Err(refusal) => Ok(Read::End(record::refused(worker, arrived, &refusal).await?)),
    }
}

async fn first<'a>(
    worker: &'a Worker,
    arrived: &Arrived<'_>,
    mut event: Event,
) -> Result<Read<'a>, Halt> {
    event.came_with(arrived.traceparent);
    let ntf = event.ntf().as_str().to_owned();
    let ask = RowAsk { ntf: ntf.clone(), body: 0 };
    if let Some(row) = worker.asks.rows.ask(ask).await? {
        return Ok(Read::End(again(worker, arrived, &event, &ntf, &row).await?));
    }
    let (Some(event_type), Some(clinic)) =
        (worker.registry.get(&event.event_type), worker.clinic(&event.clinic))
    else {
        // the registry refused both a moment ago
        let refusal = refusal(Rule::UnknownType, "/type", Some(&event));
        return Ok(Read::End(record::refused(worker, arrived, &refusal).await?));
    };
    let keys = intake::keys(worker.ledger.vault(), &event, event_type);
    let person = new_person(worker)?;
    Ok(Read::Work(Box::new(Work {
        trace: event.trace(),
        since: arrived.at,
        ntf,
        copy: Copy::First,
        via: arrived.queue.to_owned(),
        event,
        event_type,
        clinic,
        attempts: 0,
        tried: vec![],
        waited_on: None,
        keys,
        person,
        seen: Surroundings::default(),
        consent: None,
        words: None,
        unfit: vec![],
        arrived: (arrived.message_id.to_owned(), arrived.body.to_vec()),
    })))
}

/// The same `(source, id)` again: the same event, or another one under its name.
async fn again(
    worker: &Worker,
    arrived: &Arrived<'_>,
    event: &Event,
    ntf: &str,
    row: &SeenRow,
) -> Result<End, Halt> {
    if row.digest != intake::digest(event) {
        let refusal = refusal(Rule::IdReused, "/id", Some(event));
        return record::refused(worker, arrived, &refusal).await;
    }
    // a redelivery is the broker's copy of one publication; only the clinic's own repetition is a duplicate
    if !arrived.redelivered {
        let note = (
            row.clinic.clone(),
            ntf.to_owned(),
            Entry::Duplicate { via: arrived.queue.to_owned() },
        );
        worker.ledger.note(&[note]).await?;
        worker.metrics.events.duplicate(&event.event_type);
    }
    Ok(End::Stale)
}

async fn released<'a>(
    worker: &'a Worker,
    arrived: &Arrived<'_>,
    reference: &Reference,
) -> Result<Read<'a>, Halt> {
    let ntf = reference.ntf.as_str().to_owned();
    let copy = Copy::Numbered(reference.release);
    let Some(row) = worker.asks.rows.ask(RowAsk { ntf: ntf.clone(), body: 1 }).await? else {
        let refusal = refusal(Rule::UnknownReference, "/dataref", None);
        return Ok(Read::End(record::refused(worker, arrived, &refusal).await?));
    };
    if !protocol::may_go_on(Some(&row.row), copy) {
        return Ok(Read::End(End::Stale));
    }
    let Some(sealed) = row.body else {
        return Ok(Read::End(
            record::dead_letter(worker, &ntf, copy, "its body is missing").await?,
        ));
    };
    let (event, person) = match open(worker, &ntf, &sealed)? {
        Ok(opened) => opened,
        Err(refusal) => {
            let why = format!("its body no longer fits the schema: {}", refusal.rule.as_str());
            return Ok(Read::End(record::dead_letter(worker, &ntf, copy, &why).await?));
        }
    };
    let (Some(event_type), Some(clinic)) =
        (worker.registry.get(&event.event_type), worker.clinic(&event.clinic))
    else {
        return Ok(Read::End(
            record::dead_letter(worker, &ntf, copy, "its clinic or type is not configured").await?,
        ));
    };
    let keys = intake::keys(worker.ledger.vault(), &event, event_type);
    Ok(Read::Work(Box::new(Work {
        trace: event.trace(),
        since: due_since(worker, arrived, reference),
        ntf,
        copy,
        via: arrived.queue.to_owned(),
        event,
        event_type,
        clinic,
        attempts: row.row.last(),
        tried: row.tried,
        waited_on: row.lane,
        keys,
        person,
        seen: Surroundings::default(),
        consent: None,
        words: None,
        unfit: vec![],
        arrived: (arrived.message_id.to_owned(), arrived.body.to_vec()),
    })))
}

/// When a released row was due, on this process's own clock.
fn due_since(worker: &Worker, arrived: &Arrived<'_>, reference: &Reference) -> Instant {
    let Some(due) = reference.due else { return arrived.at };
    let age = worker.ledger.clock().now_ms().saturating_sub(due);
    let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
    // before this machine began there is nothing to measure from
    Instant::now().checked_sub(age).unwrap_or(arrived.at)
}

fn open(
    worker: &Worker,
    ntf: &str,
    sealed: &SealedBody,
) -> Result<Result<(Event, Person), Refusal>, Halt> {
    let key = worker.ledger.vault().data_key(&sealed.person, &sealed.wrapped)?;
    let body = key.open(&intake::body_place(ntf), &sealed.sealed)?;
    Ok(worker.registry.reopen(&body).map(|event| {
        // the revision is read with the surroundings
        (event, Person { id: sealed.person.clone(), wrapped: sealed.wrapped.clone(), key, rev: 1 })
    }))
}

/// Reads what surrounds the notification, for the ways that it could take.
///
/// # Errors
/// [`Halt`] while the ledger is away.
pub async fn look_around(
    worker: &Worker,
    work: &mut Work<'_>,
    ways: &[Way<'_>],
) -> Result<(), Halt> {
    if ways.iter().any(|way| way.channel == Channel::Whatsapp) {
        // not what most messages carry along
        Box::pin(opt_in::look(worker, work)).await?;
    }
    work.keys.number = ways.iter().find_map(|way| way.number_slot.clone());
    // whether a number was reached matters where another channel is left
    let several = ways.len() > 1;
    work.keys.reach = ways.iter().filter(|_| several).map(Way::reach_key).collect();
    work.seen = worker.asks.surroundings.ask(work.keys.clone()).await?;
    match &work.seen.person {
        Some(known) => {
            if known.id != work.person.id {
                work.person.key = worker.ledger.vault().data_key(&known.id, &known.wrapped)?;
                work.person.id.clone_from(&known.id);
                work.person.wrapped.clone_from(&known.wrapped);
            }
            work.person.rev = known.rev;
        }
        None => work.person.rev = 0,
    }
    // where the registry was asked before this, what was said in between stops the claim
    work.person.rev = opt_in::basis(work.person.rev, work.words.as_ref());
    Ok(())
}

/// Looks at the row again after a claim that wrote nothing. `Some`: it is no longer ours.
///
/// # Errors
/// [`Halt`] while the ledger is away.
pub async fn look_again(worker: &Worker, work: &mut Work<'_>) -> Result<Option<End>, Halt> {
    work.words = None;
    let row = worker.asks.rows.ask(RowAsk { ntf: work.ntf.clone(), body: 0 }).await?;
    if !protocol::may_go_on(row.as_ref().map(|r| &r.row), work.copy) {
        // another copy of a first one took the row meanwhile: whether this one is its duplicate or another event under its
        // id is found as if it had come later
        return if work.copy == Copy::First { Err(Halt::Again) } else { Ok(Some(End::Stale)) };
    }
    if let Some(row) = row {
        work.attempts = row.row.last();
        work.tried = row.tried;
        work.waited_on = row.lane;
    }
    Ok(None)
}

fn new_person(worker: &Worker) -> Result<Person, LedgerError> {
    let id = random_id("per_")?;
    let (key, wrapped) = worker.ledger.vault().new_data_key(&id)?;
    Ok(Person { id, wrapped, key, rev: 0 })
}

/// A refusal that only the ledger could find.
pub fn refusal(rule: Rule, path: &str, event: Option<&Event>) -> Refusal {
    Refusal {
        rule,
        path: path.to_owned(),
        source: event.map(|e| e.source.clone()),
        id: event.map(|e| e.id.clone()),
        holds_person: event.is_some(),
    }
}
