//! From bytes to a fact. The checks and their order are those of a notification (`read.rs`); what is here is what only a
//! fact has: times that must fit each other, and reminder rules.

use chrono::{DateTime, FixedOffset, Months, TimeDelta};
use serde_json::Value;

use crate::check::{Person, check_data};
use crate::fields::lookup;
use crate::read::{
    Taken, check_routing, clinic, known_clinic, missing, parse, parse_any_size, recipient,
    recipient_type, text_at, text_of, time, version,
};
use crate::refusal::Fault;
use crate::registry::FactType;
use crate::telling::refusal;
use crate::{
    AppointmentFact, CancelledFact, Channel, ClinicId, ConsentFact, ConsentStatus, Fact, FactEvent,
    FactKind, PaymentFact, Refusal, Registry, ReminderRule, Rule, parse_instant,
};

/// A person who comes without an appointment is written down when they are there already; more than that is a slip.
const BOOKED_LATE: TimeDelta = TimeDelta::hours(1);
/// Nobody books further ahead; what does is a slip of a digit.
const BOOKED_AHEAD: Months = Months::new(24);
/// Within one clinic.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::hours(1);
/// Of somebody who names none. What is planned reads `data` again, so that the policy of its type decides there.
const CHANNELS: [Channel; 2] = [Channel::Sms, Channel::Whatsapp];

impl Registry {
    /// Reads a body from `ulak.facts` or an HTTP request.
    ///
    /// `routing_key` is what it was published with, `None` where there is no such thing.
    ///
    /// # Errors
    /// The body is no fact that a clinic of this installation may publish: the rule and the place, never a value.
    pub fn read_fact(
        &self,
        body: &[u8],
        routing_key: Option<&str>,
        knows_clinic: &dyn Fn(&str) -> bool,
    ) -> Result<FactEvent, Refusal> {
        let value = parse(body)?;
        match self.check_fact(&value, routing_key, knows_clinic) {
            Ok(parts) => Ok(assemble(value, parts)),
            Err(fault) => Err(refusal(&value, fault)),
        }
    }

    /// Reads back what [`FactEvent::envelope_json`] wrote. The fact was valid once, so neither schema nor times are asked
    /// again: a rule that became stricter must not lose what was accepted before.
    ///
    /// # Errors
    /// The body is not one that was written by it.
    pub fn reopen_fact(&self, envelope: &[u8]) -> Result<FactEvent, Refusal> {
        let value = parse_any_size(envelope)?;
        match self.parts_of_accepted_fact(&value) {
            Ok(parts) => Ok(assemble(value, parts)),
            Err(fault) => Err(refusal(&value, fault)),
        }
    }

    fn check_fact(
        &self,
        value: &Value,
        routing_key: Option<&str>,
        knows_clinic: &dyn Fn(&str) -> bool,
    ) -> Result<Parts, Fault> {
        self.check_envelope(value)?;
        let time = time(value)?;
        let fact_type = self.fact_type(value)?;
        check_routing(routing_key, &fact_type.name)?;
        let clinic = known_clinic(value, knows_clinic)?;
        let data = value.get("data").unwrap_or(&Value::Null);
        let mut more = time_faults(fact_type.kind, data, time);
        more.extend(reminder_faults(data));
        let person = check_data(&fact_type.fields, &fact_type.data, data, more)?;
        Ok(Parts { clinic, time, fact: fact(fact_type.kind, data, time, person)? })
    }

    fn parts_of_accepted_fact(&self, value: &Value) -> Result<Parts, Fault> {
        let fact_type = self.fact_type(value)?;
        let (clinic, time) = (clinic(value)?, time(value)?);
        let data = value.get("data").unwrap_or(&Value::Null);
        let person = Person::of_accepted(&fact_type.fields, data)?;
        Ok(Parts { clinic, time, fact: fact(fact_type.kind, data, time, person)? })
    }

    fn fact_type(&self, value: &Value) -> Result<&FactType, Fault> {
        let name = text_of(value, "type").unwrap_or_default();
        self.fact(name).ok_or_else(|| Fault::new(Rule::UnknownType, "/type"))
    }
}

/// What of a fact has to be parsed; the rest is moved out of the JSON.
struct Parts {
    clinic: ClinicId,
    time: DateTime<FixedOffset>,
    fact: Fact,
}

fn assemble(value: Value, parts: Parts) -> FactEvent {
    let kept = Taken::out_of(value);
    FactEvent {
        source: kept.source,
        id: kept.id,
        clinic: parts.clinic,
        fact_type: kept.event_type,
        time: parts.time,
        subject: kept.subject,
        data: kept.data,
        fact: parts.fact,
        traceparent: kept.traceparent,
    }
}

const STARTS_AT: &str = "appointment.starts_at";
const ENDS_AT: &str = "appointment.ends_at";

/// Times that cannot be.
fn time_faults(kind: FactKind, data: &Value, time: DateTime<FixedOffset>) -> Vec<Fault> {
    match kind {
        FactKind::Booked | FactKind::Rescheduled => visit_faults(kind, data, time),
        // A word dated ahead would outlast every later one.
        FactKind::ConsentChanged
            if instant_at(data, "consent.at").is_some_and(|at| at > time + CLOCKS_DIFFER) =>
        {
            vec![Fault::new(Rule::Range, "/data/consent/at")]
        }
        // A cancellation is never refused for its times: that would leave a reminder standing.
        _ => Vec::new(),
    }
}

/// A visit that is moved into the past is accepted: it takes the reminders of its old start with it.
fn visit_faults(kind: FactKind, data: &Value, time: DateTime<FixedOffset>) -> Vec<Fault> {
    let Some(starts_at) = instant_at(data, STARTS_AT) else { return Vec::new() };
    // Instants lie in the years 1970 to 2199: neither sum leaves what chrono can hold.
    let too_late = kind == FactKind::Booked && starts_at + BOOKED_LATE < time;
    let too_early = time.checked_add_months(BOOKED_AHEAD).is_some_and(|most| starts_at > most);
    let mut faults = Vec::new();
    if too_late || too_early {
        faults.push(Fault::new(Rule::Range, "/data/appointment/starts_at"));
    }
    if instant_at(data, ENDS_AT).is_some_and(|ends_at| ends_at < starts_at) {
        faults.push(Fault::new(Rule::Range, "/data/appointment/ends_at"));
    }
    faults
}

const REMINDERS: &str = "appointment.reminders";

fn reminder_faults(data: &Value) -> Vec<Fault> {
    let Some(rules) = lookup(data, REMINDERS).and_then(Value::as_array) else { return Vec::new() };
    let wrong = |rule: &Value| rule.as_str().is_some_and(|text| ReminderRule::parse(text).is_err());
    let places = rules.iter().enumerate().filter(|(_, rule)| wrong(rule));
    places
        .map(|(n, _)| Fault::new(Rule::ReminderRule, format!("/data/appointment/reminders/{n}")))
        .collect()
}

/// The typed fact of a `data` that was checked.
fn fact(
    kind: FactKind,
    data: &Value,
    time: DateTime<FixedOffset>,
    person: Person,
) -> Result<Fact, Fault> {
    Ok(match kind {
        FactKind::Booked => Fact::Booked(appointment(data, time, person)?),
        FactKind::Rescheduled => Fact::Rescheduled(appointment(data, time, person)?),
        FactKind::Cancelled => Fact::Cancelled(cancelled(data, time, person)?),
        FactKind::PaymentReceived => {
            Fact::PaymentReceived(payment(data, person, "payment.paid_at")?)
        }
        FactKind::PaymentRefunded => {
            Fact::PaymentRefunded(payment(data, person, "payment.refunded_at")?)
        }
        FactKind::ConsentChanged => Fact::ConsentChanged(consent(data, person)?),
    })
}

fn appointment(
    data: &Value,
    time: DateTime<FixedOffset>,
    person: Person,
) -> Result<AppointmentFact, Fault> {
    Ok(AppointmentFact {
        recipient: recipient(data, person, &CHANNELS)?,
        id: needed(data, "appointment.id")?,
        version: version(data, time),
        starts_at: needed_instant(data, STARTS_AT)?,
        ends_at: instant_at(data, ENDS_AT),
        with: text_at(data, "appointment.with").map(str::to_owned),
        reminders: reminders(data),
    })
}

fn reminders(data: &Value) -> Option<Vec<ReminderRule>> {
    let rules = lookup(data, REMINDERS)?.as_array()?;
    // A rule that was accepted once and is none today is left out, as nobody can say when it would be.
    Some(rules.iter().filter_map(|rule| ReminderRule::parse(rule.as_str()?).ok()).collect())
}

fn cancelled(
    data: &Value,
    time: DateTime<FixedOffset>,
    person: Person,
) -> Result<CancelledFact, Fault> {
    let told = lookup(data, "recipient").is_some();
    Ok(CancelledFact {
        recipient: told.then(|| recipient(data, person, &CHANNELS)).transpose()?,
        id: needed(data, "appointment.id")?,
        version: version(data, time),
        starts_at: instant_at(data, STARTS_AT),
        with: text_at(data, "appointment.with").map(str::to_owned),
    })
}

fn payment(data: &Value, person: Person, at: &str) -> Result<PaymentFact, Fault> {
    Ok(PaymentFact {
        recipient: recipient(data, person, &CHANNELS)?,
        id: needed(data, "payment.id")?,
        refund_id: text_at(data, "payment.refund_id").map(str::to_owned),
        amount: needed(data, "payment.amount")?,
        currency: needed(data, "payment.currency")?,
        at: needed_instant(data, at)?,
    })
}

fn consent(data: &Value, person: Person) -> Result<ConsentFact, Fault> {
    Ok(ConsentFact {
        name: person.name,
        phone: person.phone.ok_or_else(|| missing("/data/recipient/phone"))?,
        recipient_type: recipient_type(data),
        status: text_at(data, "consent.status")
            .and_then(ConsentStatus::parse)
            .ok_or_else(|| missing("/data/consent/status"))?,
        channel: text_at(data, "consent.channel").and_then(Channel::parse),
        at: needed_instant(data, "consent.at")?,
        evidence: text_at(data, "consent.evidence").map(str::to_owned),
    })
}

fn instant_at(data: &Value, dotted: &str) -> Option<DateTime<FixedOffset>> {
    parse_instant(text_at(data, dotted)?).ok()
}

fn needed(data: &Value, dotted: &str) -> Result<String, Fault> {
    text_at(data, dotted).map(str::to_owned).ok_or_else(|| absent(dotted))
}

fn needed_instant(data: &Value, dotted: &str) -> Result<DateTime<FixedOffset>, Fault> {
    instant_at(data, dotted).ok_or_else(|| absent(dotted))
}

fn absent(dotted: &str) -> Fault {
    missing(&format!("/data/{}", dotted.replace('.', "/")))
}
