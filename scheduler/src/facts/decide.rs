//! What becomes of a fact: a pure function of the fact, of what is known and of the clinic's rules. Same inputs, same verdict.

use super::order::{KNOWN, OLDER, Order, known, order};
use super::{Desk, draft, is_open, visit};
use crate::plan::Rules;
use chrono::{DateTime, Utc};
use ledger::facts::{FactCancel, FactGround, MadeRow};
use ledger::intake::version_of;
use schemas::{
    AppointmentFact, CancelledFact, Channel, ConsentFact, ConsentStatus, Event, Fact, FactEvent,
    PaymentFact, Refusal, Rule, Version, Visit,
};

/// Why rows of a cancelled visit end.
const VISIT_CANCELLED: &str = "appointment-cancelled";
/// Why rows end whose visit was moved.
const VISIT_MOVED: &str = "appointment-moved";
/// Why rows end that a newer version of the same visit replaces.
const REPLACED: &str = "superseded-by-newer-version";

/// Everything a decision depends on.
pub struct Case<'a> {
    /// The fact.
    pub fact: &'a FactEvent,
    /// Text form of its digest.
    pub digest: &'a str,
    /// Hash of what it says of its appointment.
    pub content: &'a str,
    /// What is known.
    pub ground: &'a FactGround,
    /// What earlier notifications said.
    pub memory: &'a Memory,
    /// What its clinic wants.
    pub rules: &'a Rules,
    /// Event types.
    pub desk: &'a Desk<'a>,
    /// The database's clock.
    pub now: DateTime<Utc>,
}

/// What earlier notifications of the appointment said, where it matters.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// The newest that told the person when the visit is.
    pub told: Option<Event>,
    /// The newest of all.
    pub newest: Option<Event>,
}

/// What becomes of a fact.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// A fact of this source and id was applied before.
    Known {
        /// It said the same.
        same: bool,
    },
    /// Something newer is known, or the same.
    Stale(&'static str),
    /// It cannot be: nothing of it is kept but that.
    Refuse(Refusal),
    /// It counts.
    Apply(Box<Consequences>),
}

/// What follows from a fact.
#[derive(Debug, Clone, Default)]
pub struct Consequences {
    /// What its appointment becomes.
    pub becomes: Option<Becomes>,
    /// Rows that it cancels.
    pub cancels: Vec<FactCancel>,
    /// What a person said: whether it is a refusal, and for which channels.
    pub word: Option<(bool, Vec<Channel>)>,
    /// What is planned, rule by rule.
    pub plan: Vec<Line>,
}

/// What an appointment becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Becomes {
    /// Its version.
    pub version: Version,
    /// When it starts, milliseconds since 1970 UTC; 0: nobody said.
    pub starts_at: i64,
    /// It is cancelled.
    pub cancelled: bool,
}

/// What one rule of the plan came to.
#[derive(Debug, Clone)]
pub struct Line {
    /// `24h`; `receipt`, `confirmation`, `change`, `cancellation`.
    pub rule: String,
    /// What it came to.
    pub what: What,
}

/// What is made of a rule.
#[derive(Debug, Clone)]
pub enum What {
    /// A notification.
    Make {
        /// Its event, valid against its schema.
        event: Box<Event>,
        /// When it is due.
        at: DateTime<Utc>,
    },
    /// None, and why, in a bounded word.
    Skip(&'static str),
}

/// Decides.
pub fn decide(case: &Case<'_>) -> Verdict {
    if let Some(known) = &case.ground.known {
        return Verdict::Known { same: known == case.digest };
    }
    match &case.fact.fact {
        Fact::Booked(visit) | Fact::Rescheduled(visit) => stands(case, visit),
        Fact::Cancelled(visit) => falls(case, visit),
        Fact::PaymentReceived(payment) | Fact::PaymentRefunded(payment) => {
            paid(case, payment).unwrap_or_else(Verdict::Refuse)
        }
        Fact::ConsentChanged(said) => spoken(case, said),
    }
}

/// A visit that stands, as it now is.
fn stands(case: &Case<'_>, visit: &AppointmentFact) -> Verdict {
    let starts_at = visit.starts_at.timestamp_millis();
    let known = known(case.ground);
    let anew = known.is_none_or(|known| known.cancelled);
    let moved = known.is_some_and(|known| known.starts_at != starts_at);
    of_version(case, visit.version, false, || {
        Ok(Consequences {
            becomes: Some(Becomes { version: visit.version, starts_at, cancelled: false }),
            cancels: replaced(case, visit.version, moved),
            plan: visit::standing(case, visit, anew)?,
            word: None,
        })
    })
}

/// A visit that was cancelled.
fn falls(case: &Case<'_>, visit: &CancelledFact) -> Verdict {
    let starts_at = visit.starts_at.map(|at| at.timestamp_millis());
    let starts_at = starts_at.or(known(case.ground).map(|known| known.starts_at)).unwrap_or(0);
    of_version(case, visit.version, true, || {
        Ok(Consequences {
            becomes: Some(Becomes { version: visit.version, starts_at, cancelled: true }),
            cancels: stopped(case, visit.version),
            plan: visit::cancelled(case, visit)?,
            word: None,
        })
    })
}

/// A fact about an appointment, by its version. `follows` says what follows from it if it counts.
fn of_version(
    case: &Case<'_>,
    version: Version,
    cancels: bool,
    follows: impl FnOnce() -> Result<Consequences, Refusal>,
) -> Verdict {
    match order(case.ground, version, cancels, case.content) {
        Order::Stale(why) => Verdict::Stale(why),
        Order::Refuse(rule) => Verdict::Refuse(refusal(case.fact, rule)),
        Order::First | Order::Newer => match follows() {
            Ok(consequences) => Verdict::Apply(Box::new(consequences)),
            Err(refusal) => Verdict::Refuse(refusal),
        },
    }
}

/// What a fact that contradicts what is known is refused with.
pub fn refusal(fact: &FactEvent, rule: Rule) -> Refusal {
    let path = if rule == Rule::IdReused { "/id" } else { "/data/appointment/version" };
    Refusal {
        rule,
        path: path.to_owned(),
        source: Some(fact.source.clone()),
        id: Some(fact.id.clone()),
        holds_person: true,
    }
}

/// Rows that are about this version or an older one, and that can still be cancelled.
fn not_newer<'a>(case: &'a Case<'_>, version: Version) -> impl Iterator<Item = &'a MadeRow> {
    case.ground.made.iter().filter(move |row| {
        let theirs = row.version.as_ref().map(|(kind, n)| version_of(kind, *n));
        is_open(row.state) && theirs.is_none_or(|theirs| theirs.newer_than(&version) != Some(true))
    })
}

/// What facts planned for older versions. What a clinic published itself stays: the worker decides about it at the send.
fn replaced(case: &Case<'_>, version: Version, moved: bool) -> Vec<FactCancel> {
    let why = if moved { VISIT_MOVED } else { REPLACED };
    not_newer(case, version)
        .filter(|row| row.event_id.starts_with(draft::OURS))
        .map(|row| FactCancel { ntf: row.ntf.clone(), why })
        .collect()
}

/// A cancelled visit cancels all of its rows but the word about the cancellation itself.
fn stopped(case: &Case<'_>, version: Version) -> Vec<FactCancel> {
    let about_a_visit_that_stands = |row: &&MadeRow| {
        let event_type = case.desk.registry.get(&row.event_type);
        event_type.is_none_or(|event_type| event_type.policy.visit != Visit::Cancelled)
    };
    not_newer(case, version)
        .filter(about_a_visit_that_stands)
        .map(|row| FactCancel { ntf: row.ntf.clone(), why: VISIT_CANCELLED })
        .collect()
}

/// A receipt at once, one for each payment or refund however often it is told.
fn paid(case: &Case<'_>, payment: &PaymentFact) -> Result<Verdict, Refusal> {
    if case.ground.told {
        return Ok(Verdict::Stale(KNOWN));
    }
    let (id, event_type) = draft::receipt(payment);
    let event = draft::event(case.desk, case.fact, event_type, &id, &case.fact.data)?;
    let late = case
        .desk
        .registry
        .get(event_type)
        .is_some_and(|event_type| event.expires_at(&event_type.policy) <= case.now);
    let what = if late {
        What::Skip("too-late")
    } else {
        What::Make { event: Box::new(event), at: case.now }
    };
    let plan = vec![Line { rule: "receipt".to_owned(), what }];
    Ok(Verdict::Apply(Box::new(Consequences { plan, ..Consequences::default() })))
}

/// Of two words about a channel the later one holds.
fn spoken(case: &Case<'_>, said: &ConsentFact) -> Verdict {
    let (refused, at) = (said.status == ConsentStatus::Refused, said.at.timestamp_millis());
    let channels = said.channel.map_or_else(|| vec![Channel::Sms, Channel::Whatsapp], |c| vec![c]);
    let before = |channel: &Channel| case.ground.words.iter().find(|w| w.channel == *channel);
    let stands = |channel: &Channel| before(channel).is_some_and(|w| w.stands_against(refused, at));
    if !channels.iter().all(stands) {
        let word = Some((refused, channels));
        return Verdict::Apply(Box::new(Consequences { word, ..Consequences::default() }));
    }
    let same = |w: &ledger::facts::SaidWord| (w.refused, w.said_at) == (refused, at);
    let known = channels.iter().all(|channel| before(channel).is_some_and(same));
    Verdict::Stale(if known { KNOWN } else { OLDER })
}
