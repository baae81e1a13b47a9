//! Facts into the ledger: each is decided on what stands at its turn and written with everything that follows from it.

use super::content::FactKeys;
use super::decide::{Case, Memory, Verdict, decide, refusal};
use super::{Desk, draft, was_sent, writing};
use crate::plan::Rules;
use crate::trace;
use ledger::facts::{
    Answer, Applied, Done, FactGround, FactTx, FactWrite, Item, TakesFacts, Told, WordBy,
};
use ledger::intake::{self, body_place};
use ledger::vault::base32;
use ledger::{Ledger, LedgerError};
use schemas::hold::{self, Place};
use schemas::{ClinicId, Event, Fact, FactEvent, NotificationId, Refusal, Registry, Rule};
use std::collections::BTreeMap;
use std::sync::Arc;
use tracing::Instrument as _;

/// Facts that are written in one transaction.
const SLICE: usize = 50;
/// Tries of one transaction that somebody else is in the way of.
const TRIES: u32 = 5;

/// Takes facts in.
#[derive(Debug, Clone)]
pub struct Applier {
    ledger: Ledger,
    registry: Arc<Registry>,
    clinics: BTreeMap<ClinicId, Rules>,
}

/// A fact as it arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub fact: &'a FactEvent,
    /// The broker may have delivered it before: that it is known is no repetition by the clinic.
    pub redelivered: bool,
    /// Who wrote down what a person said, where somebody did.
    pub by: Option<&'a WordBy>,
}

impl Applier {
    /// `clinics`: what each clinic wants.
    pub fn new(
        ledger: Ledger,
        registry: Arc<Registry>,
        clinics: BTreeMap<ClinicId, Rules>,
    ) -> Self {
        Self { ledger, registry, clinics }
    }

    /// Event types.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Whether this installation has a clinic of this id.
    pub fn knows(&self, clinic: &str) -> bool {
        ClinicId::parse(clinic).is_ok_and(|id| self.clinics.contains_key(&id))
    }

    /// Takes facts in that have nothing to do with each other, in their order: each gets an answer of its own, and is durable when it
    /// has it. A refused one leaves no trace here. `via`: where they came from, for the record.
    pub async fn apply(&self, facts: &[FactEvent], via: &str) -> Vec<Result<Told, LedgerError>> {
        let arrivals: Vec<Arrival<'_>> =
            facts.iter().map(|fact| Arrival { fact, redelivered: false, by: None }).collect();
        self.apply_arrived(&arrivals, via).await
    }

    /// As [`Applier::apply`], of what persons said and somebody wrote down. The same again leaves no trace.
    pub async fn apply_written_down(
        &self,
        words: &[(FactEvent, WordBy)],
        via: &str,
    ) -> Vec<Result<Told, LedgerError>> {
        let arrivals: Vec<Arrival<'_>> = words
            .iter()
            .map(|(fact, by)| Arrival { fact, redelivered: true, by: Some(by) })
            .collect();
        self.apply_arrived(&arrivals, via).await
    }

    /// Takes facts and events in as one transaction: all of them, or, if any of them is refused, none.
    ///
    /// # Errors
    /// When the database does not answer. Nothing is written then, unless the answer to the commit was lost.
    pub async fn apply_all(&self, items: &[Item], via: &str) -> Result<Vec<Done>, LedgerError> {
        for _ in 0..TRIES {
            match self.all_at_once(items, via).await {
                Err(LedgerError::Conflict) => {}
                done => return done,
            }
        }
        Err(LedgerError::Conflict)
    }

    /// What [`Applier::apply`] would come to if nothing else happened first: the same decisions, of which nothing is kept.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn preview(&self, facts: &[FactEvent]) -> Result<Vec<Told>, LedgerError> {
        let mut tx = self.ledger.begin_facts().await?;
        let mut told = Vec::with_capacity(facts.len());
        for fact in facts {
            let arrival = Arrival { fact, redelivered: true, by: None };
            told.push(self.one(&mut tx, arrival, "preview").await?);
        }
        Ok(told)
    }

    pub(super) async fn apply_arrived(
        &self,
        arrivals: &[Arrival<'_>],
        via: &str,
    ) -> Vec<Result<Told, LedgerError>> {
        let mut answers = Vec::with_capacity(arrivals.len());
        for slice in arrivals.chunks(SLICE) {
            match self.slice(slice, via).await {
                Ok(told) => answers.extend(told.into_iter().map(Ok)),
                Err(error) if matches!(error, LedgerError::Away(_)) || slice.len() == 1 => {
                    answers.extend(slice.iter().map(|_| Err(error.clone())));
                }
                // one of them must not fail its neighbours
                Err(_) => {
                    for one in slice {
                        let told = self.slice(std::slice::from_ref(one), via).await;
                        let told = told
                            .and_then(|told| told.into_iter().next().ok_or(LedgerError::Conflict));
                        answers.push(told);
                    }
                }
            }
        }
        answers
    }

    async fn slice(&self, slice: &[Arrival<'_>], via: &str) -> Result<Vec<Told>, LedgerError> {
        for _ in 0..TRIES {
            match self.at_once(slice, via).await {
                Err(LedgerError::Conflict) => {}
                told => return told,
            }
        }
        Err(LedgerError::Conflict)
    }

    async fn at_once(&self, slice: &[Arrival<'_>], via: &str) -> Result<Vec<Told>, LedgerError> {
        let mut tx = self.ledger.begin_facts().await?;
        let mut told = Vec::with_capacity(slice.len());
        for arrival in slice {
            told.push(self.one(&mut tx, *arrival, via).await?);
        }
        hold::at(Place::BeforeFacts).await;
        tx.commit().await?;
        Ok(told)
    }

    async fn all_at_once(&self, items: &[Item], via: &str) -> Result<Vec<Done>, LedgerError> {
        let mut tx = self.ledger.begin_facts().await?;
        let mut done = Vec::with_capacity(items.len());
        for item in items {
            done.push(match item {
                Item::Fact(fact) => {
                    let arrival = Arrival { fact, redelivered: false, by: None };
                    Done::Fact(self.one(&mut tx, arrival, via).await?)
                }
                Item::Event(event) => {
                    Done::Event(tx.take_in(event).await?.ok_or(LedgerError::Conflict)?)
                }
            });
        }
        if !done.iter().any(Done::is_refused) {
            tx.commit().await?;
        }
        Ok(done)
    }

    /// One fact inside a transaction. `Conflict`: the whole transaction must be tried again.
    async fn one(
        &self,
        tx: &mut FactTx<'_>,
        arrival: Arrival<'_>,
        via: &str,
    ) -> Result<Told, LedgerError> {
        let span = trace::span(arrival.fact.traceparent.as_deref());
        self.decided(tx, arrival, via).instrument(span).await
    }

    /// See [`Applier::one`].
    async fn decided(
        &self,
        tx: &mut FactTx<'_>,
        arrival: Arrival<'_>,
        via: &str,
    ) -> Result<Told, LedgerError> {
        let fact = arrival.fact;
        hold::panic_at(Place::BeforeFacts, &fact.id);
        let Some(rules) = self.clinics.get(&fact.clinic) else {
            let refused =
                Refusal { path: "/source".to_owned(), ..refusal(fact, Rule::UnknownClinic) };
            return Ok(Told::Refused(refused));
        };
        let vault = self.ledger.vault();
        let (id, mut keys) = (fact.fact_id().as_str().to_owned(), FactKeys::of(vault, fact));
        let receipt = receipt_of(fact);
        let ground = tx
            .ground(
                &id,
                keys.appointment.as_deref(),
                keys.suppression.as_deref(),
                receipt.as_deref(),
            )
            .await?;
        let memory = self.memory(tx, fact, &ground, rules).await?;
        let digest = base32(&fact.digest());
        let thing = |event: &Event, event_type: &_| intake::keys(vault, event, event_type).thing;
        let desk = Desk { registry: &self.registry, thing: &thing };
        keys.about = keys.about.or_else(|| draft::thing_of_receipt(&desk, fact));
        let verdict = decide(&Case {
            fact,
            digest: &digest,
            content: &keys.content,
            ground: &ground,
            memory: &memory,
            rules,
            desk: &desk,
            now: self.ledger.clock().now(),
        });
        let draft = writing::Draft {
            fact,
            id,
            digest,
            keys,
            via,
            by: arrival.by,
            rules,
            ledger: &self.ledger,
        };
        let write = match verdict {
            Verdict::Known { same: true } => {
                if !arrival.redelivered {
                    tx.note(fact.clinic.as_str(), &draft.id, via).await?;
                }
                return Ok(Told::Duplicate { fact: draft.id });
            }
            Verdict::Known { same: false } => {
                return Ok(Told::Refused(refusal(fact, Rule::IdReused)));
            }
            Verdict::Refuse(refusal) => return Ok(Told::Refused(refusal)),
            Verdict::Stale(why) => {
                let write = draft.stale(why);
                self.write(tx, &write, fact).await?;
                return Ok(Told::Stale { fact: draft.id, why });
            }
            Verdict::Apply(consequences) => {
                draft.applied(tx, &self.registry, *consequences, &ground).await?
            }
        };
        let cancelled = self.write(tx, &write, fact).await?;
        let plan = match write.entry {
            ledger::record::Entry::FactApplied { plan, .. } => plan,
            _ => vec![],
        };
        tracing::debug!(
            fact = write.id,
            rules = plan.len(),
            cancelled = cancelled.len(),
            "applied"
        );
        Ok(Told::Applied { fact: write.id, plan, cancelled })
    }

    /// Writes; returns what was cancelled. Whoever was faster, with the same fact or with what it is about, is seen by the next try.
    async fn write(
        &self,
        tx: &mut FactTx<'_>,
        write: &FactWrite,
        fact: &FactEvent,
    ) -> Result<Vec<String>, LedgerError> {
        match tx.write(write).await? {
            Applied::Written { cancelled } => Ok(cancelled),
            Applied::Known { .. } | Applied::LookAgain => {
                tracing::debug!(fact = %fact.fact_id(), "somebody was faster: a fact is decided again");
                Err(LedgerError::Conflict)
            }
        }
    }

    /// What earlier notifications said, where the clinic's rules ask for it.
    async fn memory(
        &self,
        tx: &mut FactTx<'_>,
        fact: &FactEvent,
        ground: &FactGround,
        rules: &Rules,
    ) -> Result<Memory, LedgerError> {
        let mut memory = Memory::default();
        match &fact.fact {
            Fact::Booked(_) | Fact::Rescheduled(_) if rules.change_notice => {
                let of_its_time = [draft::REMINDER, draft::CONFIRMATION];
                let told = ground.made.iter().find(|row| {
                    of_its_time.contains(&row.event_type.as_str()) && was_sent(row.state)
                });
                if let Some(told) = told {
                    memory.told = self.event_of(tx, &told.ntf).await?;
                }
            }
            Fact::Cancelled(_) if rules.cancellation => {
                if let Some(newest) = ground.made.first() {
                    memory.newest = self.event_of(tx, &newest.ntf).await?;
                }
            }
            _ => {}
        }
        Ok(memory)
    }

    /// The event of a notification, as far as it can still be opened.
    async fn event_of(&self, tx: &mut FactTx<'_>, ntf: &str) -> Result<Option<Event>, LedgerError> {
        let Some(sealed) = tx.sealed_body(ntf).await? else { return Ok(None) };
        let key = self.ledger.vault().data_key(&sealed.person, &sealed.wrapped)?;
        let body = key.open(&body_place(ntf), &sealed.sealed)?;
        Ok(self.registry.reopen(&body).ok())
    }
}

impl TakesFacts for Applier {
    fn take_all<'a>(&'a self, items: &'a [Item], via: &'a str) -> Answer<'a> {
        Box::pin(self.apply_all(items, via))
    }
}

/// The notification that a fact about money makes.
fn receipt_of(fact: &FactEvent) -> Option<String> {
    let (Fact::PaymentReceived(payment) | Fact::PaymentRefunded(payment)) = &fact.fact else {
        return None;
    };
    let (id, _) = draft::receipt(payment);
    Some(NotificationId::of_event(&fact.source, &id).as_str().to_owned())
}
