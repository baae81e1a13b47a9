//! What no queue took and what the broker threw out of work queues comes back here: nothing is dropped, nothing loops.

use crate::facts::{Applier, Told};
use crate::settings::Settings;
use crate::trace;
use bus::{Delivery, names};
use futures::FutureExt;
use ledger::intake;
use ledger::look::RowAsk;
use ledger::record::Entry;
use ledger::{Ledger, LedgerError};
use schemas::hold::{self, Place};
use schemas::{ClinicId, Event, FactEvent, Incoming, Reference, Refusal, Registry, Rule};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument as _;

/// Returns of one body after which it is parked (DESIGN §3.2).
const RETURNS: i64 = 3;

/// Takes returned messages in.
pub struct Returns {
    /// The ledger.
    pub ledger: Ledger,
    /// Event types.
    pub registry: Arc<Registry>,
    /// Known clinics.
    pub settings: Arc<Settings>,
    /// Takes facts in.
    pub applier: Arc<Applier>,
}

impl Returns {
    /// Handles deliveries until there are none any more.
    pub async fn run(self: Arc<Self>, mut deliveries: bus::Deliveries) {
        while let Some(delivery) = deliveries.recv().await {
            let mut pause = Duration::from_millis(200);
            while let Err(error) = self.guarded(&delivery).await {
                if matches!(error, LedgerError::Statement(_) | LedgerError::Corrupt(_)) {
                    // what this message would write is refused, and nothing else
                    tracing::error!(queue = delivery.queue, %error, "a returned message cannot be taken in");
                    let refusal = Refusal {
                        rule: Rule::HandlerPanic,
                        path: String::new(),
                        source: None,
                        id: None,
                        holds_person: true,
                    };
                    if self.refuse(&delivery, &refusal).await.is_ok() {
                        break;
                    }
                }
                tracing::warn!(queue = delivery.queue, %error, "a returned message waits for the ledger");
                if !delivery.is_live() {
                    break;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
            hold::at(Place::AfterReturn).await;
            if delivery.is_live() {
                let _ = delivery.ack().await;
            }
        }
    }

    /// A panic is the message's, as a defect of what it would write is: its neighbours are taken in all the same.
    async fn guarded(&self, delivery: &Delivery) -> Result<(), LedgerError> {
        match AssertUnwindSafe(self.take(delivery)).catch_unwind().await {
            Ok(taken) => taken,
            Err(_) => Err(LedgerError::Corrupt("a handler panicked on it".to_owned())),
        }
    }

    async fn take(&self, delivery: &Delivery) -> Result<(), LedgerError> {
        let knows =
            |id: &str| ClinicId::parse(id).is_ok_and(|id| self.settings.clinics.contains_key(&id));
        let traceparent = delivery.headers.traceparent.as_deref();
        if self.registry.is_fact(&delivery.routing_key) {
            let key = Some(delivery.routing_key.as_str());
            return match self.registry.read_fact(&delivery.body, key, &knows) {
                Ok(mut fact) => {
                    fact.came_with(traceparent);
                    let span = trace::span(fact.traceparent.as_deref());
                    self.fact(delivery, fact).instrument(span).await
                }
                Err(refusal) => {
                    let span = trace::span(traceparent);
                    self.refuse(delivery, &refusal).instrument(span).await
                }
            };
        }
        match self.registry.read(&delivery.body, Some(&delivery.routing_key), &knows) {
            Ok(Incoming::Reference(reference)) => self.reference(delivery, &reference).await,
            Ok(Incoming::Event(mut event)) => {
                event.came_with(traceparent);
                let span = trace::span(event.traceparent.as_deref());
                self.event(delivery, &event).instrument(span).await
            }
            Err(refusal) => {
                let span = trace::span(traceparent);
                self.refuse(delivery, &refusal).instrument(span).await
            }
        }
    }

    /// A copy by reference: its row is due again by itself. The third return of one body parks it.
    async fn reference(
        &self,
        delivery: &Delivery,
        reference: &Reference,
    ) -> Result<(), LedgerError> {
        let ntf = reference.ntf.as_str().to_owned();
        let ask = RowAsk { ntf: ntf.clone(), body: 0 };
        let Some(row) = self.ledger.rows(&[ask]).await?.pop().flatten() else {
            let refusal = Refusal {
                rule: Rule::UnknownReference,
                path: "/dataref".to_owned(),
                source: None,
                id: None,
                holds_person: false,
            };
            return self.refuse(delivery, &refusal).await;
        };
        tracing::warn!(
            alert = "returned",
            ntf,
            queue = delivery.queue,
            "a released copy came back: its row is due again by itself"
        );
        // only what the broker threw out of a work queue counts: an unroutable copy says nothing about the message
        if delivery.queue != names::RETURNED {
            return Ok(());
        }
        let note = (row.clinic, ntf.clone(), Entry::Returned { queue: delivery.queue.clone() });
        self.ledger.note(&[note]).await?;
        if self.ledger.count_records(&ntf, "returned").await? >= RETURNS {
            let why = Rule::CrashLoop.as_str();
            for ntf in self.ledger.dead_letter(&[ntf], why).await? {
                tracing::error!(alert = "dead-letter", ntf, why, "dead-lettered");
            }
        }
        Ok(())
    }

    /// A clinic's own copy: it becomes a due row.
    async fn event(&self, delivery: &Delivery, event: &Event) -> Result<(), LedgerError> {
        hold::panic_at(Place::AfterReturn, &event.id);
        let ntf = event.ntf().as_str().to_owned();
        let ask = RowAsk { ntf: ntf.clone(), body: 0 };
        if let Some(row) = self.ledger.rows(&[ask]).await?.pop().flatten() {
            if row.digest != intake::digest(event) {
                let refusal = Refusal {
                    rule: Rule::IdReused,
                    path: "/id".to_owned(),
                    source: Some(event.source.clone()),
                    id: Some(event.id.clone()),
                    holds_person: true,
                };
                return self.refuse(delivery, &refusal).await;
            }
            return Ok(());
        }
        tracing::warn!(
            alert = "returned",
            ntf,
            queue = delivery.queue,
            "an event came back from the broker: taken in as a due row"
        );
        let Some(event_type) = self.registry.get(&event.event_type) else { return Ok(()) };
        let clinics = &self.settings.clinics;
        let gap_ms = clinics.get(&event.clinic).map_or(0, chrono::TimeDelta::num_milliseconds);
        let why = "returned by the broker";
        self.ledger.take_in(event, event_type, gap_ms, &delivery.queue, why).await?;
        let note = (
            event.clinic.as_str().to_owned(),
            ntf,
            Entry::Returned { queue: delivery.queue.clone() },
        );
        self.ledger.note(&[note]).await
    }

    /// A fact that reached no queue of its own, or was thrown out of it: it is applied here.
    async fn fact(&self, delivery: &Delivery, fact: FactEvent) -> Result<(), LedgerError> {
        tracing::warn!(
            alert = "returned",
            fact = %fact.fact_id(),
            queue = delivery.queue,
            "a fact came back from the broker: applied"
        );
        match self.applier.apply(&[fact], &delivery.queue).await.pop() {
            Some(Ok(Told::Refused(refusal))) => self.refuse(delivery, &refusal).await,
            Some(Ok(_)) | None => Ok(()),
            Some(Err(error)) => Err(error),
        }
    }

    async fn refuse(&self, delivery: &Delivery, refusal: &Refusal) -> Result<(), LedgerError> {
        let clinic = refusal.source.as_deref().and_then(|source| ClinicId::of_source(source).ok());
        let clinic = clinic.filter(|clinic| self.settings.clinics.contains_key(clinic));
        let message_id = delivery.message_id.as_deref().unwrap_or("");
        let key = &delivery.routing_key;
        let event_type = self.registry.get(key).map(|t| t.name.as_str());
        let event_type = event_type.or_else(|| self.registry.fact(key).map(|t| t.name.as_str()));
        let event = intake::refused(
            self.ledger.vault(),
            (&delivery.queue, message_id, &delivery.body),
            refusal,
            clinic.as_ref().map_or("", ClinicId::as_str),
            event_type.unwrap_or_default(),
        )?;
        let (rule, path) = (refusal.rule.as_str(), &refusal.path);
        tracing::warn!(ntf = event.ntf, queue = delivery.queue, rule, path, "event refused");
        self.ledger.refuse(&[event]).await.map(|_| ())
    }
}
