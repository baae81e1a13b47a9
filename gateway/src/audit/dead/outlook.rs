//! What would become of a dead letter that is put back now: the same reading as at its arrival, with today's schemas and clinics.
//! Nobody outside is asked, and nothing that a person wrote or is called leaves this place.
//!
//! When it would go is not foreseen here, but by `ulak dead-letter replay` without `--yes`: that is the worker's decision, which
//! needs the texts, the routes, the quiet hours and the consent rules of the clinics. The gateway is configured with none of them, and
//! half a forecast would be believed. Only what no decision can change is said: that its time is over.

use crate::audit::guard::Shell;
use crate::door::Door;
use ledger::dead::Act;
use ledger::door::{TakeIn, Taken};
use ledger::facts::{Done, Item, Told};
use ledger::look::RowAsk;
use ledger::record::Entry;
use ledger::report::Listed;
use ledger::state::State;
use ledger::{Ledger, LedgerError, intake};
use schemas::{FactEvent, Incoming, Refusal};
use serde_json::Value;

/// Why of a row that comes of a refused event.
const WHY: &str = "taken in after a refusal";

/// What would happen.
#[derive(Debug)]
pub(super) enum Outlook {
    /// The row waits again, due now; every decision is made anew.
    Replay,
    /// The same, and the end of its use is over: whatever is decided, it is not sent.
    ReplayLate,
    /// The refused event becomes this notification.
    TakeIn(Box<TakeIn>),
    /// The refused fact is decided about.
    Fact(Box<FactEvent>, String),
    /// The refused event is there already, as this notification.
    Known(String),
    /// It leaves the list.
    Drop,
    /// Nothing.
    Not(&'static str),
    /// Nothing: this rule refuses it still, at this place.
    Refused { rule: &'static str, place: String },
}

impl Outlook {
    pub fn is_possible(&self) -> bool {
        !matches!(self, Self::Not(_) | Self::Refused { .. })
    }

    /// Key of what is said before it is done.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Replay => "dead.would.replay",
            Self::ReplayLate => "dead.would.replay-late",
            Self::TakeIn(_) => "dead.would.take-in",
            Self::Fact(..) => "dead.would.fact",
            Self::Known(_) => "dead.would.known",
            Self::Drop => "dead.would.drop",
            Self::Not(why) => why,
            Self::Refused { .. } => "dead.not.refused",
        }
    }

    /// Key of what is said when it was done.
    pub fn done(&self) -> &'static str {
        match self {
            Self::Replay | Self::ReplayLate => "dead.done.replay",
            Self::TakeIn(_) | Self::Fact(..) => "dead.done.take-in",
            Self::Known(_) => "dead.done.known",
            Self::Drop => "dead.done.drop",
            Self::Not(_) | Self::Refused { .. } => self.key(),
        }
    }

    /// The notification or fact that a refused event becomes or is.
    pub fn becomes(&self) -> Option<&str> {
        match self {
            Self::TakeIn(event) => Some(event.ntf()),
            Self::Fact(_, id) | Self::Known(id) => Some(id),
            _ => None,
        }
    }

    /// The rule that still refuses it, and where.
    pub fn refusal(&self) -> Option<(&str, &str)> {
        match self {
            Self::Refused { rule, place } => Some((rule, place)),
            _ => None,
        }
    }

    fn refused(refusal: &Refusal) -> Self {
        let place = if refusal.path.is_empty() { "/" } else { &refusal.path };
        Self::Refused { rule: refusal.rule.as_str(), place: place.to_owned() }
    }
}

/// What dropping does.
pub(super) fn dropping(row: &Listed) -> Outlook {
    if row.state == State::DeadLettered { Outlook::Drop } else { Outlook::Not("dead.not.dead") }
}

/// What putting back does.
///
/// # Errors
/// When the ledger does not answer, or a body cannot be opened.
pub(super) async fn replay(
    door: &Door,
    ledger: &Ledger,
    row: &Listed,
) -> Result<Outlook, LedgerError> {
    if row.state != State::DeadLettered {
        return Ok(Outlook::Not("dead.not.dead"));
    }
    if row.ntf.starts_with("bad_") {
        of_refused(door, ledger, row).await
    } else {
        of_row(door, ledger, row).await
    }
}

async fn of_row(door: &Door, ledger: &Ledger, row: &Listed) -> Result<Outlook, LedgerError> {
    let Some(sealed) = ledger.sealed_body(&row.ntf).await? else {
        return Ok(Outlook::Not("dead.not.body"));
    };
    let key = ledger.vault().data_key(&sealed.person, &sealed.wrapped)?;
    let body = key.open(&intake::body_place(&row.ntf), &sealed.sealed)?;
    let event = match door.registry().reopen(&body) {
        Ok(event) => event,
        Err(refusal) => return Ok(Outlook::refused(&refusal)),
    };
    Ok(if door.registry().get(&event.event_type).is_none() {
        Outlook::Not("dead.not.type")
    } else if !door.knows(event.clinic.as_str()) {
        Outlook::Not("dead.not.clinic")
    } else if row.expires_at <= ledger.clock().now_ms() {
        Outlook::ReplayLate
    } else {
        Outlook::Replay
    })
}

async fn of_refused(door: &Door, ledger: &Ledger, row: &Listed) -> Result<Outlook, LedgerError> {
    let Some(sealed) = ledger.refused_body(&row.ntf).await? else {
        return Ok(Outlook::Not("dead.not.body"));
    };
    let records = ledger.records(&row.ntf).await?;
    if records.iter().any(|record| matches!(record.entry, Entry::TakenIn { .. })) {
        return Ok(Outlook::Not("dead.not.again"));
    }
    let body = ledger.vault().open_own(&intake::body_place(&row.ntf), &sealed)?;
    let registry = door.registry();
    let knows = |clinic: &str| door.knows(clinic);
    // under which routing key it came does not count any more: a person has looked at it
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    if value["type"].as_str().is_some_and(|name| registry.is_fact(name)) {
        return Ok(match registry.read_fact(&body, None, &knows) {
            Ok(fact) => {
                let id = fact.fact_id().as_str().to_owned();
                Outlook::Fact(Box::new(fact), id)
            }
            Err(refusal) => Outlook::refused(&refusal),
        });
    }
    let event = match registry.read(&body, None, &knows) {
        Ok(Incoming::Event(event)) => event,
        Ok(Incoming::Reference(_)) => return Ok(Outlook::Not("dead.not.copy")),
        Err(refusal) => return Ok(Outlook::refused(&refusal)),
    };
    let ntf = event.ntf().as_str().to_owned();
    let ask = RowAsk { ntf: ntf.clone(), body: 0 };
    if let Some(known) = ledger.rows(&[ask]).await?.into_iter().next().flatten() {
        let same = known.digest == intake::digest(&event);
        return Ok(if same { Outlook::Known(ntf) } else { Outlook::Not("dead.not.id") });
    }
    let Some(event_type) = registry.get(&event.event_type) else {
        return Ok(Outlook::Not("dead.not.type"));
    };
    let (via, gap_ms) = (via(row), door.gap_ms(&event.clinic));
    let item = TakeIn::new(ledger.vault(), *event, event_type, gap_ms, &via, WHY);
    Ok(Outlook::TakeIn(Box::new(item)))
}

/// Does what was foreseen. `false`: somebody else was faster, or something newer is known.
///
/// # Errors
/// When the ledger does not answer.
pub(super) async fn put_back(
    door: &Door,
    shell: &Shell,
    row: &Listed,
    outlook: &Outlook,
    act: Act<'_>,
) -> Result<bool, LedgerError> {
    let ledger = &shell.ledger;
    let item = match outlook {
        Outlook::Replay | Outlook::ReplayLate => {
            return Ok(!ledger.replay(std::slice::from_ref(&row.ntf), act).await?.is_empty());
        }
        Outlook::Known(ntf) => return ledger.mark_taken_in(&row.ntf, ntf, act).await,
        Outlook::TakeIn(event) => Item::Event(event.clone()),
        Outlook::Fact(fact, _) => Item::Fact(fact.clone()),
        Outlook::Drop | Outlook::Not(_) | Outlook::Refused { .. } => return Ok(false),
    };
    let Ok(open) = door.opened() else { return Ok(false) };
    // the mark comes second: after a crash between the two the next replay finds what became of it, and marks it then
    let done = open.facts.take_all(&[item], &via(row)).await?;
    let into = match done.into_iter().next() {
        Some(Done::Event(Taken::New | Taken::Same)) => outlook.becomes().map(str::to_owned),
        Some(Done::Fact(Told::Applied { fact, .. } | Told::Duplicate { fact })) => Some(fact),
        _ => None,
    };
    match into {
        Some(into) => ledger.mark_taken_in(&row.ntf, &into, act).await,
        None => Ok(false),
    }
}

/// Where it comes from, for its record.
fn via(row: &Listed) -> String {
    format!("replay of {}", row.ntf)
}
