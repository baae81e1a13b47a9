//! Facts from `ulak.facts`: acked once what became of them is durable. One consumer at a time has the queue, so they are applied in
//! the order in which they came.

use super::applier::Arrival;
use super::{Applier, Told, marker};
use crate::trace;
use bus::{Consumer, Deliveries, Delivery};
use futures::FutureExt;
use ledger::intake::refused;
use ledger::refused::RefusedEvent;
use ledger::{Ledger, LedgerError};
use schemas::hold::{self, Place};
use schemas::{ClinicId, FactEvent, Refusal, Rule};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tracing::Span;

/// Facts that may be with this process at the same time.
pub const PREFETCH: u16 = 100;
/// Facts that are applied together.
const TOGETHER: usize = 50;
/// Longest pause between two looks whether the ledger is back.
const LOOK_AT_MOST: Duration = Duration::from_secs(5);

/// Takes facts from the broker.
pub struct Intake {
    applier: Arc<Applier>,
    ledger: Ledger,
    /// Markers that were published up to then say nothing: what stood before them in the queue was given back behind them.
    trusts_after: i64,
}

/// Why nothing can be taken now.
#[derive(Debug)]
pub(super) enum Halt {
    /// The ledger does not answer.
    Away(LedgerError),
    /// Nothing will help but a person.
    Fatal(LedgerError),
}

impl From<LedgerError> for Halt {
    fn from(error: LedgerError) -> Self {
        if error.is_away() { Self::Away(error) } else { Self::Fatal(error) }
    }
}

impl Intake {
    /// Sets up; nothing is taken yet.
    pub fn new(applier: Arc<Applier>, ledger: Ledger) -> Self {
        Self { applier, ledger, trusts_after: i64::MIN }
    }

    /// Takes facts until there are none any more, because `consumer` was told to stop.
    ///
    /// # Errors
    /// When the ledger refuses this process for good: another login, key or schema.
    pub async fn run(
        mut self,
        consumer: Consumer,
        mut deliveries: Deliveries,
    ) -> Result<(), LedgerError> {
        while let Some(first) = deliveries.recv().await {
            let mut batch = vec![first];
            while batch.len() < TOGETHER
                && let Some(Some(next)) = deliveries.recv().now_or_never()
            {
                batch.push(next);
            }
            match self.batch(batch).await {
                Ok(()) => {}
                Err((held, Halt::Fatal(error))) => {
                    give_back(held).await;
                    return Err(error);
                }
                Err((held, Halt::Away(error))) => {
                    tracing::error!(alert = "ledger-down", %error, "facts are not taken until the ledger answers");
                    // PROTOCOL rule 11: nothing new first, then what is not durable goes back once
                    consumer.pause().await;
                    give_back(held).await;
                    self.trusts_after = self.ledger.clock().now_ms();
                    self.wait_for_the_ledger(&consumer).await?;
                    consumer.resume();
                }
            }
        }
        Ok(())
    }

    /// Until the ledger answers, or the consumer was stopped meanwhile.
    async fn wait_for_the_ledger(&self, consumer: &Consumer) -> Result<(), LedgerError> {
        let mut pause = Duration::from_millis(200);
        while let Err(error) = self.ledger.is_back().await {
            if !error.is_away() {
                return Err(error);
            }
            if consumer.state() != bus::ConsumerState::Paused {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK_AT_MOST);
        }
        tracing::info!("the ledger answers again: taking facts");
        Ok(())
    }

    /// Deliveries in their order; those that are not settled come back with the reason.
    pub(super) async fn batch(&self, batch: Vec<Delivery>) -> Result<(), (Vec<Delivery>, Halt)> {
        let mut left = batch.into_iter().peekable();
        while left.peek().is_some() {
            let mut facts = vec![];
            let mut mark = None;
            for delivery in left.by_ref() {
                mark = marker::read(&delivery);
                facts.push(delivery);
                if mark.is_some() {
                    break;
                }
            }
            let marker = mark.is_some().then(|| facts.pop()).flatten();
            let halted = match self.facts(&facts).await {
                Ok(()) => match &mark {
                    Some(mark) if mark.at > self.trusts_after => {
                        self.ledger.facts_are_current(mark.at).await.err().map(Halt::from)
                    }
                    Some(_) | None => None,
                },
                Err(halt) => Some(halt),
            };
            let Some(halt) = halted else {
                if !facts.is_empty() {
                    hold::at(Place::AfterFacts).await;
                }
                for delivery in facts.into_iter().chain(marker) {
                    // lost: it comes again, and is known
                    let _ = delivery.ack().await;
                }
                continue;
            };
            facts.extend(marker);
            facts.extend(left);
            return Err((facts, halt));
        }
        Ok(())
    }

    /// Reads and applies; what cannot be read is recorded as refused. When it returns, all of it is durable.
    async fn facts(&self, deliveries: &[Delivery]) -> Result<(), Halt> {
        let mut facts: Vec<(&Delivery, FactEvent)> = vec![];
        let mut refusals: Vec<(&Delivery, Refusal, Span)> = vec![];
        for delivery in deliveries {
            match self.read(delivery) {
                Ok(fact) => facts.push((delivery, fact)),
                // what it says itself was not read
                Err(refusal) => {
                    let span = trace::span(delivery.headers.traceparent.as_deref());
                    refusals.push((delivery, refusal, span));
                }
            }
        }
        let told = self.apply(&facts).await?;
        for ((delivery, fact), told) in facts.iter().zip(told) {
            let span = trace::span(fact.traceparent.as_deref());
            match told {
                Told::Refused(refusal) => refusals.push((delivery, refusal, span)),
                told => span.in_scope(|| {
                    tracing::debug!(queue = delivery.queue, ?told, "a fact is durable");
                }),
            }
        }
        self.refuse(&refusals).await
    }

    fn read(&self, delivery: &Delivery) -> Result<FactEvent, Refusal> {
        let knows = |clinic: &str| self.applier.knows(clinic);
        let (body, key) = (&delivery.body, Some(delivery.routing_key.as_str()));
        let mut fact = self.applier.registry().read_fact(body, key, &knows)?;
        fact.came_with(delivery.headers.traceparent.as_deref());
        Ok(fact)
    }

    /// Applies facts together, and after a panic or a defect one by one: only the one at fault is parked. An answer for each.
    async fn apply(&self, facts: &[(&Delivery, FactEvent)]) -> Result<Vec<Told>, Halt> {
        if facts.is_empty() {
            return Ok(vec![]);
        }
        let mut told = vec![];
        if let Some(answers) = self.guarded(facts).await {
            for ((_, fact), answer) in facts.iter().zip(answers) {
                told.push(judged(fact, answer)?);
            }
            return Ok(told);
        }
        for one in facts {
            let answer = match self.guarded(std::slice::from_ref(one)).await {
                Some(mut answers) => answers.pop().unwrap_or(Err(LedgerError::Conflict)),
                None => Ok(Told::Refused(parked(&one.1))),
            };
            told.push(judged(&one.1, answer)?);
        }
        Ok(told)
    }

    /// `None`: a panic.
    async fn guarded(
        &self,
        facts: &[(&Delivery, FactEvent)],
    ) -> Option<Vec<Result<Told, LedgerError>>> {
        let arrivals: Vec<Arrival<'_>> = facts
            .iter()
            .map(|(delivery, fact)| Arrival { fact, redelivered: delivery.redelivered, by: None })
            .collect();
        let applied = self.applier.apply_arrived(&arrivals, bus::names::FACTS);
        match AssertUnwindSafe(applied).catch_unwind().await {
            Ok(answers) => Some(answers),
            Err(_) => {
                tracing::error!(facts = facts.len(), "a handler panicked on facts");
                None
            }
        }
    }

    /// Records what no rule accepts; the relay makes the dead letter of it. A redelivery is the same refusal.
    async fn refuse(&self, refusals: &[(&Delivery, Refusal, Span)]) -> Result<(), Halt> {
        let mut events = Vec::with_capacity(refusals.len());
        for (delivery, refusal, span) in refusals {
            let arrived = (delivery.queue.as_str(), delivery.message_id.as_deref().unwrap_or(""));
            events.push(self.refused(arrived, &delivery.body, &delivery.routing_key, refusal)?);
            let (rule, path) = (refusal.rule.as_str(), &refusal.path);
            span.in_scope(|| {
                tracing::warn!(queue = delivery.queue, rule, path, "fact refused");
            });
        }
        for written in self.ledger.refuse_each(&events).await {
            written?;
        }
        Ok(())
    }

    fn refused(
        &self,
        (queue, message_id): (&str, &str),
        body: &[u8],
        routing_key: &str,
        refusal: &Refusal,
    ) -> Result<RefusedEvent, LedgerError> {
        let clinic = refusal.source.as_deref().and_then(|source| ClinicId::of_source(source).ok());
        let clinic = clinic.filter(|clinic| self.applier.knows(clinic.as_str()));
        let clinic = clinic.as_ref().map_or("", ClinicId::as_str);
        let known = self.applier.registry().fact(routing_key);
        let fact_type = known.map_or("", |known| known.name.as_str());
        refused(self.ledger.vault(), (queue, message_id, body), refusal, clinic, fact_type)
    }
}

/// What a fact's answer means for its delivery. What the ledger cannot write of this fact alone, again and again, is a defect.
fn judged(fact: &FactEvent, answer: Result<Told, LedgerError>) -> Result<Told, Halt> {
    match answer {
        Ok(told) => Ok(told),
        Err(
            error @ (LedgerError::Statement(_) | LedgerError::Corrupt(_) | LedgerError::Conflict),
        ) => {
            trace::span(fact.traceparent.as_deref()).in_scope(|| {
                tracing::error!(fact = %fact.fact_id(), %error, "the ledger refuses a fact");
            });
            Ok(Told::Refused(parked(fact)))
        }
        Err(error) => Err(error.into()),
    }
}

fn parked(fact: &FactEvent) -> Refusal {
    Refusal {
        rule: Rule::HandlerPanic,
        path: String::new(),
        source: Some(fact.source.clone()),
        id: Some(fact.id.clone()),
        holds_person: true,
    }
}

async fn give_back(held: Vec<Delivery>) {
    for delivery in held {
        let _ = delivery.requeue().await;
    }
}
