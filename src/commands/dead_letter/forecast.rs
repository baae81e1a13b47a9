//! What would become of a dead letter that is put back now, or of a row at its due time: the same reading, the same text, the same
//! decision as a worker's. Nothing is written and nobody outside is asked.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ledger::intake;
use ledger::lanes::{Lane, LaneState};
use ledger::look::RowAsk;
use ledger::record::Entry;
use ledger::report::Listed;
use ledger::state::State;
use scheduler::facts::Told;
use schemas::{Channel, ClinicId, ConsentRule, Event, EventType, FactEvent, Incoming, Refusal};
use templates::{Message, Renderer};
use worker::pipeline::decide::{Case, Consent, Decision, OptIn, decide, depends_on_consent};
use worker::settings::{Clinic, ConsentSource, SendLane};

use crate::commands::Failure;
use crate::commands::desk::{Desk, local};
use crate::start;

/// What would happen.
pub(super) enum Forecast {
    /// The row waits again, due now.
    Replay { said: String },
    /// The refused event becomes a notification.
    TakeIn { event: Box<Event>, gap_ms: i64, said: String },
    /// The refused fact counts.
    Apply { fact: Box<FactEvent>, said: String },
    /// The refused event is there already: the clinic published it again, or it was taken in before.
    Known { ntf: String, said: String },
    /// Nothing: what has to be mended first.
    Not { said: String },
}

impl Forecast {
    pub(super) fn is_possible(&self) -> bool {
        !matches!(self, Self::Not { .. })
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Replay { .. } => "replay",
            Self::TakeIn { .. } => "take-in",
            Self::Apply { .. } => "apply",
            Self::Known { .. } => "known",
            Self::Not { .. } => "nothing",
        }
    }

    pub(super) fn said(&self) -> &str {
        match self {
            Self::Replay { said }
            | Self::TakeIn { said, .. }
            | Self::Apply { said, .. }
            | Self::Known { said, .. }
            | Self::Not { said } => said,
        }
    }

    /// The notification or the fact that a refused event becomes or is.
    pub(super) fn becomes(&self) -> Option<String> {
        match self {
            Self::TakeIn { event, .. } => Some(event.ntf().as_str().to_owned()),
            Self::Apply { fact, .. } => Some(fact.fact_id().as_str().to_owned()),
            Self::Known { ntf, .. } => Some(ntf.clone()),
            Self::Replay { .. } | Self::Not { .. } => None,
        }
    }
}

fn not(said: impl Into<String>) -> Forecast {
    Forecast::Not { said: said.into() }
}

fn still_refused(refusal: &Refusal) -> Forecast {
    not(format!(
        "it is still refused: {}; the clinic has to publish it corrected, the id is still free",
        refused(refusal)
    ))
}

fn refused(refusal: &Refusal) -> String {
    let place = if refusal.path.is_empty() { "the body" } else { &refusal.path };
    format!("{} at {place}", refusal.rule.as_str())
}

/// What a worker would do with an event at some instant.
pub(in crate::commands) struct Foreseen<'f> {
    pub clinic: &'f Clinic,
    /// The lane it would take; `None`: the clinic has no account or sender.
    pub lane: Option<SendLane>,
    /// The rule by which consent is asked first, if it is.
    pub asks: Option<ConsentRule>,
    pub decision: Decision,
}

/// Foresees with what is configured now.
pub(in crate::commands) struct Forecaster<'a> {
    desk: &'a Desk,
    worker: worker::Settings,
    renderer: Result<Arc<Renderer>, String>,
    lanes: Vec<Lane>,
}

impl<'a> Forecaster<'a> {
    pub(in crate::commands) async fn new(desk: &'a Desk) -> Result<Self, Failure> {
        Ok(Self {
            desk,
            worker: start::worker_settings(&desk.settings.config),
            renderer: start::renderer(&desk.settings).map_err(|error| format!("{error:#}")),
            lanes: desk.ledger.lanes().await.map_err(start::ledger_failure)?,
        })
    }

    pub(super) async fn of(&self, row: &Listed) -> Result<Forecast, Failure> {
        if row.state != State::DeadLettered {
            return Ok(not(format!("it is no dead letter but {}", row.state)));
        }
        if row.ntf.starts_with("bad_") {
            self.of_refused(row).await
        } else {
            self.of_row(row).await
        }
    }

    async fn of_row(&self, row: &Listed) -> Result<Forecast, Failure> {
        let ledger = &self.desk.ledger;
        let Some(sealed) = ledger.sealed_body(&row.ntf).await.map_err(start::ledger_failure)?
        else {
            return Ok(not("its body is not in the ledger any more, so there is nothing to send"));
        };
        let body = ledger
            .vault()
            .data_key(&sealed.person, &sealed.wrapped)
            .and_then(|key| key.open(&intake::body_place(&row.ntf), &sealed.sealed))
            .map_err(start::ledger_failure)?;
        let event = match self.desk.settings.registry.reopen(&body) {
            Ok(event) => event,
            Err(refusal) => {
                let said = format!(
                    "its body does not fit the event type as it is now: {}; let the clinic publish it anew",
                    refused(&refusal)
                );
                return Ok(not(said));
            }
        };
        Ok(match self.decision(&event).await? {
            Ok((_, said)) => Forecast::Replay { said: format!("wait, due now; then {said}") },
            Err(said) => not(said),
        })
    }

    /// A fact is decided on what is known now; what follows from it is counted and not kept.
    async fn of_refused_fact(
        &self,
        body: &[u8],
        knows: &dyn Fn(&str) -> bool,
    ) -> Result<Forecast, Failure> {
        let fact = match self.desk.settings.registry.read_fact(body, None, knows) {
            Ok(fact) => fact,
            Err(refusal) => return Ok(still_refused(&refusal)),
        };
        let told = self.desk.applier().preview(std::slice::from_ref(&fact)).await;
        let told = told.map_err(start::ledger_failure)?.pop();
        Ok(match told {
            Some(Told::Applied { fact: id, plan, cancelled }) => {
                let made = plan.iter().filter(|line| line.ntf.is_some()).count();
                let said = format!(
                    "count as {id}: {made} notifications planned, {} cancelled",
                    cancelled.len()
                );
                Forecast::Apply { fact: Box::new(fact), said }
            }
            Some(Told::Stale { fact: id, why }) => not(format!(
                "something newer than {id} is known, or the same ({why}): there is nothing to do"
            )),
            Some(Told::Duplicate { fact: id }) => {
                let said = format!("be marked: it is there already, as {id}");
                Forecast::Known { ntf: id, said }
            }
            Some(Told::Refused(refusal)) => still_refused(&refusal),
            None => not("it is no fact"),
        })
    }

    async fn of_refused(&self, row: &Listed) -> Result<Forecast, Failure> {
        let bodies =
            self.desk.ledger.refused_body(&row.ntf).await.map_err(start::ledger_failure)?;
        let Some(sealed) = bodies else { return Ok(not("its body is not in the ledger any more")) };
        let records = self.desk.ledger.records(&row.ntf).await.map_err(start::ledger_failure)?;
        for record in &records {
            if let Entry::TakenIn { into, .. } = &record.entry {
                return Ok(not(format!("it was taken in before, as {into}")));
            }
        }
        let place = intake::body_place(&row.ntf);
        let vault = self.desk.ledger.vault();
        let body = vault.open_own(&place, &sealed).map_err(start::ledger_failure)?;
        let clinics = &self.desk.settings.config.clinics;
        let knows = |id: &str| ClinicId::parse(id).is_ok_and(|id| clinics.contains_key(&id));
        if self.desk.is_fact(&body) {
            return self.of_refused_fact(&body, &knows).await;
        }
        // under which routing key it came does not count any more: a person has looked at it
        let event = match self.desk.settings.registry.read(&body, None, &knows) {
            Ok(Incoming::Event(event)) => event,
            Ok(Incoming::Reference(_)) => {
                return Ok(not(
                    "it is a copy that Ulak itself released, of a notification that this ledger does not have",
                ));
            }
            Err(refusal) => {
                return Ok(still_refused(&refusal));
            }
        };
        let ntf = event.ntf().as_str().to_owned();
        let ask = RowAsk { ntf: ntf.clone(), body: 0 };
        let known = self.desk.ledger.rows(&[ask]).await.map_err(start::ledger_failure)?;
        if let Some(known) = known.into_iter().next().flatten() {
            return Ok(if known.digest == intake::digest(&event) {
                let said = format!("be marked as {ntf}, which is in the ledger: nothing is sent");
                Forecast::Known { ntf, said }
            } else {
                not(format!(
                    "its id is taken by another event ({ntf}): id-reused; the clinic has to give it a new id"
                ))
            });
        }
        Ok(match self.decision(&event).await? {
            Ok((clinic, said)) => Forecast::TakeIn {
                gap_ms: clinic.min_gap.num_milliseconds(),
                said: format!("become {ntf}, due now; then {said}"),
                event,
            },
            Err(said) => not(said),
        })
    }

    /// Type and clinic, if both are there and the text can be made.
    fn ready(&self, event: &Event, now: DateTime<Utc>) -> Result<(&EventType, &Clinic), String> {
        let Some(event_type) = self.desk.settings.registry.get(&event.event_type) else {
            return Err(format!("type {} is not known any more", event.event_type));
        };
        let Some(clinic) = self.worker.clinics.get(&event.clinic) else {
            let id = &event.clinic;
            return Err(format!("clinic {id} is not configured: add [clinics.{id}]"));
        };
        let renderer = match &self.renderer {
            Ok(renderer) => renderer,
            Err(error) => return Err(format!("the texts do not load: {error}")),
        };
        renderer
            .render(event, event_type, &clinic.face, Channel::Sms, now)
            .map_err(|error| format!("its text still cannot be made: {}", error.as_str()))?;
        Ok((event_type, clinic))
    }

    /// The decision of this moment in words, or why there cannot be one.
    async fn decision(&self, event: &Event) -> Result<Result<(&Clinic, String), String>, Failure> {
        let foreseen = match self.foresee(event, self.desk.ledger.clock().now()).await? {
            Ok(foreseen) => foreseen,
            Err(said) => return Ok(Err(said)),
        };
        let Some(lane) = &foreseen.lane else {
            let said = "wait: the clinic has no provider account or sender".to_owned();
            return Ok(Ok((foreseen.clinic, said)));
        };
        Ok(match &foreseen.decision {
            Decision::Reject(rule) => {
                Err(format!("it contradicts what is known of the appointment: {}", rule.as_str()))
            }
            decision => {
                let source = self.worker.consent_source;
                Ok((foreseen.clinic, said(decision, &lane.name, foreseen.asks, source)))
            }
        })
    }

    /// The text of an event for the lane it would take.
    ///
    /// # Errors
    /// It cannot be made: why, without a value of the event.
    pub(in crate::commands) fn text(
        &self,
        event: &Event,
        lane: Option<&SendLane>,
        at: DateTime<Utc>,
    ) -> Result<Message, String> {
        let renderer = self.renderer.as_ref().map_err(Clone::clone)?;
        let event_type = self.desk.settings.registry.get(&event.event_type);
        let clinic = self.worker.clinics.get(&event.clinic);
        let (Some(event_type), Some(clinic)) = (event_type, clinic) else {
            return Err("its clinic or type is not configured".to_owned());
        };
        let counts = lane.map_or(templates::Provider::Netgsm, SendLane::counts);
        renderer
            .render_for(counts, event, event_type, &clinic.face, Channel::Sms, at)
            .map_err(|error| error.as_str().to_owned())
    }

    /// What a worker would do with an event at an instant if nothing else happened until then, or why there is no decision.
    pub(in crate::commands) async fn foresee(
        &self,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<Result<Foreseen<'_>, String>, Failure> {
        let (event_type, clinic) = match self.ready(event, now) {
            Ok(ready) => ready,
            Err(said) => return Ok(Err(said)),
        };
        let keys = intake::keys(self.desk.ledger.vault(), event, event_type);
        let seen = self
            .desk
            .ledger
            .surroundings(std::slice::from_ref(&keys))
            .await
            .map_err(start::ledger_failure)?
            .pop()
            .unwrap_or_default();
        let shut = |name: &String| {
            self.lanes.iter().any(|l| l.lane == *name && l.state != LaneState::Open)
        };
        let mut lanes = self.worker.lanes(Channel::Sms, clinic);
        // the next provider takes over where the first one's lane is shut
        let chosen = lanes.iter().position(|lane| !shut(&lane.name)).unwrap_or(0);
        let lane = (!lanes.is_empty()).then(|| lanes.swap_remove(chosen));
        let blocked = lane.as_ref().is_some_and(|lane| shut(&lane.name));
        let rule = rule(clinic, event_type);
        let ntf = event.ntf();
        let case = Case {
            now,
            ntf: ntf.as_str(),
            expires_at: event.expires_at(&event_type.policy),
            appointment: event
                .appointment
                .as_ref()
                .map(|a| (a.version, a.starts_at.timestamp_millis())),
            visit: event_type.policy.visit,
            quiet_hours: clinic.quiet_hours.filter(|_| event_type.policy.quiet_hours),
            zone: clinic.face.zone,
            rule,
            consent: Consent::Given { asked_at: now },
            opt_in: OptIn::NotNeeded,
            lane_blocked: blocked,
            seen: &seen,
        };
        let asks = depends_on_consent(&case).then_some(rule);
        Ok(Ok(Foreseen { clinic, lane, asks, decision: decide(&case) }))
    }
}

fn rule(clinic: &Clinic, event_type: &EventType) -> ConsentRule {
    clinic.consent.get(&event_type.name).map_or(event_type.policy.consent, |own| own.rule)
}

fn said(
    decision: &Decision,
    lane: &str,
    asks: Option<ConsentRule>,
    source: ConsentSource,
) -> String {
    let source = match source {
        ConsentSource::Iys => "İYS",
        ConsentSource::Netgsm => "Netgsm's İYS service",
        ConsentSource::Registry => "the clinic's registry",
    };
    match decision {
        Decision::Send { .. } => match asks {
            Some(rule) => format!(
                "be sent on lane {lane} if {source}, which is asked then, allows it (rule {})",
                rule.as_str()
            ),
            None => format!("be sent on lane {lane}"),
        },
        Decision::Defer { until, why } => {
            format!("wait until {} ({why}), to be decided again", local(until.timestamp_millis()))
        }
        Decision::Suppress(why) => format!("end suppressed: {why}"),
        Decision::Cancel(why) => format!("end cancelled: {why}"),
        Decision::Expire(why) => format!("end expired: {why}"),
        Decision::Reject(rule) => format!("be refused: {}", rule.as_str()),
    }
}
