//! From bytes to an event, or to a rule and a path.
//!
//! The order of the checks is part of the contract (`README.md`): size, UTF-8, JSON, envelope and `time`, type,
//! routing key, clinic, `data`. Within `data` the smallest path in byte order is reported, and at one path what
//! the field's kind says before what the schema says, so that one body always gets one answer.

use chrono::{DateTime, FixedOffset};
use serde_json::{Map, Value};

use crate::check::{Person, check_data, first_envelope_fault};
use crate::event::DATAREF;
use crate::fields::lookup;
use crate::json::{self, JsonTrouble};
use crate::refusal::{Fault, push_segment};
use crate::telling::{refusal, unread};
use crate::trace::TraceParent;
use crate::{
    AppointmentFacts, Channel, ClinicId, Event, EventType, Incoming, Language, NotificationId,
    Recipient, RecipientType, Reference, Refusal, Registry, Rule, Version, parse_instant,
};

/// Longest body of an event, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

impl Registry {
    /// Reads a body from a notification queue or an HTTP request.
    ///
    /// `routing_key` is what it was published with, `None` where there is no such thing. `knows_clinic` is asked
    /// for events only: a reference belongs to a row that was accepted once, whatever the configuration says now.
    pub fn read(
        &self,
        body: &[u8],
        routing_key: Option<&str>,
        knows_clinic: &dyn Fn(&str) -> bool,
    ) -> Result<Incoming, Refusal> {
        let value = parse(body)?;
        match self.check(&value, routing_key, knows_clinic) {
            Ok(Checked::Reference(reference)) => Ok(Incoming::Reference(reference)),
            Ok(Checked::Event(parts)) => Ok(Incoming::Event(Box::new(assemble(value, parts)))),
            Err(fault) => Err(refusal(&value, fault)),
        }
    }

    /// Reads back what [`Event::envelope_json`] wrote. The event was valid once, so the schema is not asked
    /// again: a rule that became stricter must not lose what was accepted before.
    pub fn reopen(&self, envelope: &[u8]) -> Result<Event, Refusal> {
        let value = parse_any_size(envelope)?;
        match self.parts_of_accepted(&value) {
            Ok(parts) => Ok(assemble(value, parts)),
            Err(fault) => Err(refusal(&value, fault)),
        }
    }

    fn check(
        &self,
        value: &Value,
        routing_key: Option<&str>,
        knows_clinic: &dyn Fn(&str) -> bool,
    ) -> Result<Checked, Fault> {
        self.check_envelope(value)?;
        let is_reference = value.get("data").is_none_or(Value::is_null)
            && value.get("ulakrelease").is_some_and(Value::is_number);
        let time = if is_reference { None } else { Some(time(value)?) };
        let event_type = self.event_type(value)?;
        check_routing(routing_key, &event_type.name)?;
        let Some(time) = time else { return reference(value).map(Checked::Reference) };
        let clinic = known_clinic(value, knows_clinic)?;
        let data = value.get("data").unwrap_or(&Value::Null);
        let person = check_data(&event_type.fields, &event_type.data, data, Vec::new())?;
        parts(event_type, clinic, time, data, person).map(Checked::Event)
    }

    fn parts_of_accepted(&self, value: &Value) -> Result<Parts, Fault> {
        let event_type = self.event_type(value)?;
        let (clinic, time) = (clinic(value)?, time(value)?);
        let data = value.get("data").unwrap_or(&Value::Null);
        let person = Person::of_accepted(&event_type.fields, data)?;
        parts(event_type, clinic, time, data, person)
    }

    pub(crate) fn check_envelope(&self, value: &Value) -> Result<(), Fault> {
        if self.envelope.is_valid(value) {
            return Ok(());
        }
        Err(first_envelope_fault(self.envelope.iter_errors(value)))
    }

    fn event_type(&self, value: &Value) -> Result<&EventType, Fault> {
        let name = value.get("type").and_then(Value::as_str).unwrap_or_default();
        self.get(name).ok_or_else(|| Fault::new(Rule::UnknownType, "/type"))
    }
}

/// A body that passed every check.
enum Checked {
    Event(Parts),
    Reference(Reference),
}

/// What of an event has to be parsed; the rest is moved out of the JSON.
struct Parts {
    clinic: ClinicId,
    time: DateTime<FixedOffset>,
    recipient: Recipient,
    appointment: Option<AppointmentFacts>,
}

pub(crate) fn parse(body: &[u8]) -> Result<Value, Refusal> {
    if body.len() > MAX_BODY_BYTES {
        return Err(unread(Fault::new(Rule::TooLarge, ""), body));
    }
    parse_any_size(body)
}

pub(crate) fn parse_any_size(body: &[u8]) -> Result<Value, Refusal> {
    json::parse(body).map_err(|trouble| {
        let fault = match trouble {
            JsonTrouble::NotUtf8 => Fault::new(Rule::NotUtf8, ""),
            JsonTrouble::NotJson => Fault::new(Rule::NotJson, ""),
            JsonTrouble::TooDeep => Fault::new(Rule::TooDeep, ""),
            JsonTrouble::Duplicate(segments) => {
                let mut path = String::new();
                for segment in &segments {
                    push_segment(&mut path, segment);
                }
                Fault::new(Rule::DuplicateField, path)
            }
        };
        unread(fault, body)
    })
}

pub(crate) fn time(value: &Value) -> Result<DateTime<FixedOffset>, Fault> {
    let text = text_of(value, "time").ok_or_else(|| Fault::new(Rule::Envelope, "/time"))?;
    parse_instant(text).map_err(|refusal| Fault::new(refusal, "/time"))
}

pub(crate) fn clinic(value: &Value) -> Result<ClinicId, Fault> {
    text_of(value, "source")
        .and_then(|source| ClinicId::of_source(source).ok())
        .ok_or_else(|| Fault::new(Rule::Envelope, "/source"))
}

pub(crate) fn known_clinic(
    value: &Value,
    knows_clinic: &dyn Fn(&str) -> bool,
) -> Result<ClinicId, Fault> {
    let clinic = clinic(value)?;
    if knows_clinic(clinic.as_str()) {
        Ok(clinic)
    } else {
        Err(Fault::new(Rule::UnknownClinic, "/source"))
    }
}

pub(crate) fn check_routing(routing_key: Option<&str>, name: &str) -> Result<(), Fault> {
    if routing_key.is_some_and(|key| key != name) {
        return Err(Fault::new(Rule::TypeMismatch, "/type"));
    }
    Ok(())
}

fn reference(value: &Value) -> Result<Reference, Fault> {
    let text = |name: &str| text_of(value, name).unwrap_or_default().to_owned();
    let (source, id) = (text("source"), text("id"));
    let ntf = text_of(value, "dataref")
        .and_then(|dataref| dataref.strip_prefix(DATAREF))
        .and_then(NotificationId::parse)
        // Only Ulak writes references: one that does not fit its own identity was made or changed by somebody else.
        .filter(|ntf| *ntf == NotificationId::of_event(&source, &id))
        .ok_or_else(|| Fault::new(Rule::Envelope, "/dataref"))?;
    let release = value
        .get("ulakrelease")
        .and_then(integer)
        .and_then(|release| u64::try_from(release).ok())
        .ok_or_else(|| Fault::new(Rule::Envelope, "/ulakrelease"))?;
    let subject = text_of(value, "subject").map(str::to_owned);
    let due = value.get("ulakdue").and_then(integer);
    Ok(Reference { ntf, source, id, event_type: text("type"), subject, release, due })
}

pub(crate) fn text_of<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// A JSON integer; `3.0` is one too (JSON Schema 2020-12, core 4.2.3).
fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        // Up to 2^53 every whole double is exactly an i64.
        value
            .as_f64()
            .filter(|number| number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0)
            .map(|number| number as i64)
    })
}

/// `3.0` and `-0.0` as the integers that they are: the sealed body is canonical and has them so, and an event must be the same
/// whether it was just read or opened again.
fn with_whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(_) => integer(&value).map_or(value, Value::from),
        Value::Array(items) => items.into_iter().map(with_whole_numbers).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, with_whole_numbers(value))).collect()
        }
        other => other,
    }
}

fn parts(
    event_type: &EventType,
    clinic: ClinicId,
    time: DateTime<FixedOffset>,
    data: &Value,
    person: Person,
) -> Result<Parts, Fault> {
    let recipient = recipient(data, person, &event_type.policy.channels)?;
    Ok(Parts { clinic, time, recipient, appointment: appointment(data, time) })
}

/// Whom `data.recipient` names; `channels` are those of somebody who names none.
pub(crate) fn recipient(
    data: &Value,
    person: Person,
    channels: &[Channel],
) -> Result<Recipient, Fault> {
    Ok(Recipient {
        name: person.name.ok_or_else(|| missing("/data/recipient/name"))?,
        phone: person.phone.ok_or_else(|| missing("/data/recipient/phone"))?,
        channels: own_channels(data).unwrap_or_else(|| channels.to_vec()),
        language: text_at(data, "recipient.language").and_then(Language::parse).unwrap_or_default(),
        recipient_type: recipient_type(data),
    })
}

pub(crate) fn recipient_type(data: &Value) -> RecipientType {
    text_at(data, "recipient.type").and_then(RecipientType::parse).unwrap_or_default()
}

pub(crate) fn missing(path: &str) -> Fault {
    Fault::new(Rule::Required, path)
}

pub(crate) fn text_at<'a>(data: &'a Value, path: &str) -> Option<&'a str> {
    lookup(data, path).and_then(Value::as_str)
}

fn own_channels(data: &Value) -> Option<Vec<Channel>> {
    let named = lookup(data, "recipient.channels")?.as_array()?;
    let channels: Vec<Channel> =
        named.iter().filter_map(Value::as_str).filter_map(Channel::parse).collect();
    (!channels.is_empty()).then_some(channels)
}

fn appointment(data: &Value, time: DateTime<FixedOffset>) -> Option<AppointmentFacts> {
    Some(AppointmentFacts {
        id: text_at(data, "appointment.id")?.to_owned(),
        starts_at: parse_instant(text_at(data, "appointment.starts_at")?).ok()?,
        version: version(data, time),
    })
}

/// Which state of `data.appointment` this is; without a version of its own the event's time orders.
pub(crate) fn version(data: &Value, time: DateTime<FixedOffset>) -> Version {
    lookup(data, "appointment.version")
        .and_then(integer)
        .map_or(Version::EventTime(time.timestamp_millis()), Version::Explicit)
}

fn assemble(value: Value, parts: Parts) -> Event {
    let kept = Taken::out_of(value);
    Event {
        source: kept.source,
        id: kept.id,
        clinic: parts.clinic,
        event_type: kept.event_type,
        time: parts.time,
        subject: kept.subject,
        data: kept.data,
        recipient: parts.recipient,
        appointment: parts.appointment,
        traceparent: kept.traceparent,
    }
}

/// What need not be parsed, moved out of the JSON. It has been checked: nothing is missing.
pub(crate) struct Taken {
    pub(crate) source: String,
    pub(crate) id: String,
    pub(crate) event_type: String,
    pub(crate) subject: Option<String>,
    pub(crate) data: Value,
    pub(crate) traceparent: Option<String>,
}

impl Taken {
    pub(crate) fn out_of(value: Value) -> Self {
        let mut envelope = match value {
            Value::Object(envelope) => envelope,
            _ => Map::new(),
        };
        Self {
            source: take_text(&mut envelope, "source").unwrap_or_default(),
            id: take_text(&mut envelope, "id").unwrap_or_default(),
            event_type: take_text(&mut envelope, "type").unwrap_or_default(),
            subject: take_text(&mut envelope, "subject"),
            data: with_whole_numbers(envelope.remove("data").unwrap_or_default()),
            traceparent: take_text(&mut envelope, "traceparent")
                .and_then(|text| TraceParent::parse(&text))
                .map(|parent| parent.to_string()),
        }
    }
}

fn take_text(envelope: &mut Map<String, Value>, name: &str) -> Option<String> {
    match envelope.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
