//! From an event to what the ledger keeps of it: keyed hashes, a new row, the record with the sealed body, a refused event.
//!
//! One place for all doors: worker, scheduler, and later HTTP.

use crate::decision::NewNotification;
use crate::error::LedgerError;
use crate::look::{Keys, SeenAppointment};
use crate::record::Entry;
use crate::refused::RefusedEvent;
use crate::vault::{DataKey, Purpose, Vault, base32};
use schemas::{ClinicId, Event, EventType, NotificationId, OnUnknown, Refusal, Version};

/// Text form of a digest.
pub fn digest(event: &Event) -> String {
    base32(&event.digest())
}

/// Keyed hashes of an event; `number` is left to whoever knows the provider account.
pub fn keys(vault: &Vault, event: &Event, event_type: &EventType) -> Keys {
    let clinic = event.clinic.as_str();
    let phone = event.recipient.phone.e164();
    let thing = event.same_thing(&event_type.policy);
    Keys {
        person: vault.hash(Purpose::Person, &[clinic, phone]),
        suppression: vault.hash(Purpose::Suppression, &[clinic, phone]),
        appointment: event
            .appointment
            .as_ref()
            .map(|a| appointment_key(vault, &event.clinic, &a.id)),
        thing: vault.hash(Purpose::Thing, &[clinic, &event.event_type, &thing]),
        gap: event.gap_key(&event_type.policy).map(|gap| vault.hash(Purpose::Gap, &[clinic, &gap])),
        number: None,
        reach: vec![],
    }
}

/// Keyed hash of an appointment.
pub fn appointment_key(vault: &Vault, clinic: &ClinicId, appointment: &str) -> String {
    vault.hash(Purpose::Appointment, &[clinic.as_str(), appointment])
}

/// The row of a new notification.
pub fn new_row(
    event: &Event,
    event_type: &EventType,
    keys: &Keys,
    person: &str,
    gap_ms: i64,
) -> NewNotification {
    let policy = &event_type.policy;
    let version = event.appointment.as_ref().map(|a| version_parts(a.version));
    let on_unknown = match policy.on_unknown {
        OnUnknown::Resend => "resend",
        OnUnknown::Stop => "stop",
    };
    NewNotification {
        ntf: event.ntf().as_str().to_owned(),
        clinic: event.clinic.as_str().to_owned(),
        event_type: event.event_type.clone(),
        source: event.source.clone(),
        event_id: event.id.clone(),
        subject: event.subject.clone(),
        digest: digest(event),
        person: person.to_owned(),
        appointment: keys.appointment.clone(),
        version: version.map(|(_, n)| n),
        version_kind: version.map(|(kind, _)| kind.to_owned()),
        thing: keys.thing.clone(),
        gap: keys.gap.clone(),
        gap_ms,
        class: policy.class as i64,
        on_unknown: on_unknown.to_owned(),
        expires_at: event.expires_at(policy).timestamp_millis(),
    }
}

/// Kind and number of a version, as kept.
pub fn version_parts(version: Version) -> (&'static str, i64) {
    match version {
        Version::Explicit(n) => ("explicit", n),
        Version::EventTime(n) => ("event-time", n),
    }
}

/// A version as kept.
pub fn version_of(kind: &str, n: i64) -> Version {
    if kind == "explicit" { Version::Explicit(n) } else { Version::EventTime(n) }
}

impl SeenAppointment {
    /// The version that counts.
    pub fn known_version(&self) -> Version {
        version_of(&self.version_kind, self.version)
    }
}

/// The record that keeps an event's whole body, sealed for its person.
///
/// # Errors
/// When there is no randomness.
pub fn received(
    event: &Event,
    person: &str,
    key: &DataKey,
    via: &str,
) -> Result<Entry, LedgerError> {
    let ntf = event.ntf();
    Ok(Entry::Received {
        event_type: event.event_type.clone(),
        source: event.source.clone(),
        id: event.id.clone(),
        digest: digest(event),
        person: person.to_owned(),
        body: key.seal(&body_place(ntf.as_str()), &event.envelope_json())?,
        via: via.to_owned(),
    })
}

/// Place that a body is sealed for.
pub fn body_place(ntf: &str) -> String {
    format!("{ntf}/body")
}

/// Place that the text of an attempt is sealed for.
pub fn text_place(ntf: &str, attempt: u32) -> String {
    format!("{ntf}/text/{attempt}")
}

/// A refused event, its body sealed with the installation's key: whose it is cannot be known.
///
/// `clinic` is empty and `event_type` too where they are not ones that this installation knows.
///
/// # Errors
/// When there is no randomness.
pub fn refused(
    vault: &Vault,
    arrived: (&str, &str, &[u8]),
    refusal: &Refusal,
    clinic: &str,
    event_type: &str,
) -> Result<RefusedEvent, LedgerError> {
    let (queue, message_id, body) = arrived;
    let ntf = NotificationId::of_refused(queue, message_id, body).as_str().to_owned();
    let path = if refusal.path.is_empty() { "/" } else { &refusal.path };
    Ok(RefusedEvent {
        clinic: clinic.to_owned(),
        event_type: event_type.to_owned(),
        why: format!("{} at {path}", refusal.rule.as_str()),
        entry: Entry::EventRefused {
            queue: queue.to_owned(),
            rule: refusal.rule.as_str().to_owned(),
            path: refusal.path.clone(),
            source: refusal.source.clone(),
            id: refusal.id.clone(),
            holds_person: refusal.holds_person,
            body: vault.seal_own(&body_place(&ntf), body)?,
        },
        ntf,
    })
}
