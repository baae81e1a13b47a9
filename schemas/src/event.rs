//! An event that was accepted, and the reference by which the broker carries it.

use std::cmp::Ordering;
use std::fmt;

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use serde::Serialize;
use serde_json::Value;

use crate::canonical::{canonical, canonical_text};
use crate::envelope::Kept;
use crate::fields::{lookup, names_instant};
use crate::trace::TraceParent;
use crate::{ClinicId, NotificationId, Policy, Recipient, parse_instant};

/// A valid event. `Debug` shows neither `data` nor the recipient.
#[derive(Clone, PartialEq)]
pub struct Event {
    /// `/clinics/<clinic-id>`; with `id` the identity.
    pub source: String,
    /// The publisher's id, 1 to 200 characters.
    pub id: String,
    /// The clinic that `source` names.
    pub clinic: ClinicId,
    /// `ulak.appointment-reminder.v1`.
    pub event_type: String,
    /// When the clinic says it happened.
    pub time: DateTime<FixedOffset>,
    /// Such as `appointment/A-1042`.
    pub subject: Option<String>,
    /// As published.
    pub data: Value,
    /// Whom the message is for.
    pub recipient: Recipient,
    /// `data.appointment`, where the type has one.
    pub appointment: Option<AppointmentFacts>,
    /// W3C Trace Context, if it was well-formed.
    pub traceparent: Option<String>,
}

/// What of an appointment orders and identifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppointmentFacts {
    /// The clinic system's key.
    pub id: String,
    /// When the visit starts.
    pub starts_at: DateTime<FixedOffset>,
    /// Which state of the appointment this is.
    pub version: Version,
}

/// Orders the states of one appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// `appointment.version`.
    Explicit(i64),
    /// Without a version: the event's `time`, in ms since 1970.
    EventTime(i64),
}

impl Version {
    /// Whether this is newer than the other; `None` if one is explicit and the other is not (`version-missing`).
    pub fn newer_than(&self, other: &Self) -> Option<bool> {
        let order = match (self, other) {
            (Self::Explicit(ours), Self::Explicit(theirs))
            | (Self::EventTime(ours), Self::EventTime(theirs)) => ours.cmp(theirs),
            _ => return None,
        };
        Some(order == Ordering::Greater)
    }
}

/// What an absent `reminder.rule` means in `same_as` (DESIGN §3.1).
pub(crate) const REMINDER_RULE: &str = "reminder.rule";
const DIRECT: &str = "direct";
/// Absent in the first word about an appointment; there in each later one, so that a visit moved away and back is told of
/// each time.
pub(crate) const CHANGED_AT: &str = "change.changed_at";

impl Event {
    /// Whether its recipient names channels; else [`Recipient::channels`](crate::Recipient::channels) are those of its type.
    pub fn names_channels(&self) -> bool {
        let named = self.data.pointer("/recipient/channels").and_then(Value::as_array);
        named.is_some_and(|channels| !channels.is_empty())
    }

    /// Which trace it belongs to.
    pub fn trace(&self) -> Option<TraceParent> {
        TraceParent::parse(self.traceparent.as_deref()?)
    }

    /// The header of whoever handed it over said so: that counts where the event itself says nothing of a trace.
    pub fn came_with(&mut self, traceparent: Option<&str>) {
        if self.traceparent.is_none() {
            let parent = traceparent.and_then(TraceParent::parse);
            self.traceparent = parent.map(|parent| parent.to_string());
        }
    }

    /// The notification that this event asks for.
    pub fn ntf(&self) -> NotificationId {
        NotificationId::of_event(&self.source, &self.id)
    }

    /// SHA-256 over RFC 8785 of `type`, `subject` (left out when absent) and `data`: two bodies with the same
    /// `(source, id)` are the same event exactly when their digests are equal.
    pub fn digest(&self) -> [u8; 32] {
        self.kept().digest()
    }

    /// The whole event as canonical JSON, personal data included: to be sealed, and read by
    /// [`Registry::reopen`](crate::Registry::reopen). Foreign extension attributes are not kept.
    pub fn envelope_json(&self) -> Vec<u8> {
        self.kept().to_json()
    }

    fn kept(&self) -> Kept<'_> {
        Kept {
            source: &self.source,
            id: &self.id,
            event_type: &self.event_type,
            time: self.time,
            subject: self.subject.as_deref(),
            data: &self.data,
            traceparent: self.traceparent.as_deref(),
        }
    }

    /// The thing this message is about: a JSON array of the `same_as` values, instants as ms since 1970 in UTC,
    /// an absent `reminder.rule` as `direct`, an absent `change.changed_at` as null. Unique per clinic and type; it holds no personal data, but keep it
    /// only as a keyed hash.
    pub fn same_thing(&self, policy: &Policy) -> String {
        let values: Vec<Value> = policy.same_as.iter().map(|path| self.comparable(path)).collect();
        canonical_text(&values)
    }

    /// What `min_gap` holds apart: appointment and start. `None` if the policy has no gap or the event no appointment.
    pub fn gap_key(&self, policy: &Policy) -> Option<String> {
        let appointment = self.appointment.as_ref().filter(|_| policy.min_gap)?;
        Some(canonical_text(&(&appointment.id, appointment.starts_at.timestamp_millis())))
    }

    /// The instant from which on the message is useless.
    pub fn expires_at(&self, policy: &Policy) -> DateTime<Utc> {
        // The field is required, checked when the policy was loaded; an event made by hand falls back to its time.
        let start = self.instant(&policy.expires.field).unwrap_or(self.time).to_utc();
        TimeDelta::from_std(policy.expires.plus)
            .ok()
            .and_then(|plus| start.checked_add_signed(plus))
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The instant at a dotted path under `data`.
    fn instant(&self, path: &str) -> Option<DateTime<FixedOffset>> {
        parse_instant(lookup(&self.data, path)?.as_str()?).ok()
    }

    /// A value in the one form that all its writings share.
    fn comparable(&self, path: &str) -> Value {
        // By the name alone: what may be an instant and is written as one is compared as one.
        let instant = if names_instant(path) { self.instant(path) } else { None };
        match instant {
            Some(instant) => instant.timestamp_millis().into(),
            None => match lookup(&self.data, path) {
                Some(value) => value.clone(),
                None if path == REMINDER_RULE => DIRECT.into(),
                None => Value::Null,
            },
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("ntf", &self.ntf())
            .field("event_type", &self.event_type)
            .field("clinic", &self.clinic)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

/// What the scheduler releases: an event without its data, which the ledger has (DESIGN §3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The notification, from `dataref`.
    pub ntf: NotificationId,
    /// As in the event.
    pub source: String,
    /// As in the event.
    pub id: String,
    /// As in the event; the routing key.
    pub event_type: String,
    /// As in the event.
    pub subject: Option<String>,
    /// `ulakrelease`: the N of `released(N)`.
    pub release: u64,
    /// `ulakdue`: since when the row was due, milliseconds since 1970 UTC by the database's clock; for measuring only. Absent from
    /// programs that did not tell.
    pub due: Option<i64>,
}

impl Reference {
    /// The body to publish: an envelope with `dataref` and `ulakrelease` and without `data`.
    pub fn to_json(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            dataref: String,
            id: &'a str,
            source: &'a str,
            specversion: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            subject: Option<&'a str>,
            r#type: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            ulakdue: Option<i64>,
            ulakrelease: u64,
        }
        canonical(&Body {
            dataref: format!("{DATAREF}{}", self.ntf),
            id: &self.id,
            source: &self.source,
            specversion: "1.0",
            subject: self.subject.as_deref(),
            r#type: &self.event_type,
            ulakdue: self.due,
            ulakrelease: self.release,
        })
    }
}

/// Scheme of a `dataref` into the ledger.
pub(crate) const DATAREF: &str = "ulak:";

/// What a body on a notification queue turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// Published by a clinic.
    Event(Box<Event>),
    /// Released by the scheduler.
    Reference(Reference),
}
