//! What happened in a clinic, as the scheduler takes it: the plan follows from it.

mod read;

use std::fmt;

use chrono::{DateTime, FixedOffset};
use serde_json::Value;

use crate::envelope::Kept;
use crate::trace::TraceParent;
use crate::{
    Channel, ClinicId, FactId, PersonName, PhoneNumber, Recipient, RecipientType, ReminderRule,
    Version,
};

/// A valid fact. `Debug` shows neither `data` nor anybody.
#[derive(Clone, PartialEq)]
pub struct FactEvent {
    /// `/clinics/<clinic-id>`; with `id` the identity.
    pub source: String,
    /// The publisher's id, 1 to 200 characters.
    pub id: String,
    /// The clinic that `source` names.
    pub clinic: ClinicId,
    /// `clinic.appointment-booked.v1`.
    pub fact_type: String,
    /// When the clinic says it happened.
    pub time: DateTime<FixedOffset>,
    /// Such as `appointment/A-1042`.
    pub subject: Option<String>,
    /// As published.
    pub data: Value,
    /// What it says.
    pub fact: Fact,
    /// W3C Trace Context, if it was well-formed.
    pub traceparent: Option<String>,
}

/// What a fact says.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// An appointment was booked, also anew after it was cancelled.
    Booked(AppointmentFact),
    /// An appointment was moved or changed; it is told whole.
    Rescheduled(AppointmentFact),
    /// An appointment was cancelled.
    Cancelled(CancelledFact),
    /// Money came in.
    PaymentReceived(PaymentFact),
    /// Money was paid back.
    PaymentRefunded(PaymentFact),
    /// A person agreed to be contacted, or refused.
    ConsentChanged(ConsentFact),
}

/// An appointment as it now is.
#[derive(Clone, PartialEq, Eq)]
pub struct AppointmentFact {
    /// Who comes. Somebody who names no channels has SMS and WhatsApp.
    pub recipient: Recipient,
    /// The clinic system's key.
    pub id: String,
    /// Which state of the appointment this is.
    pub version: Version,
    /// When the visit starts: at most two years after the fact's `time`.
    pub starts_at: DateTime<FixedOffset>,
    /// When it ends, not before it starts.
    pub ends_at: Option<DateTime<FixedOffset>>,
    /// Who sees the person: a title and a name.
    pub with: Option<String>,
    /// Reminders instead of the clinic's; an empty list: none. `None`: the clinic's.
    pub reminders: Option<Vec<ReminderRule>>,
}

/// An appointment that was cancelled. Only its id and version must be known; a visit of the past may be cancelled too.
#[derive(Clone, PartialEq, Eq)]
pub struct CancelledFact {
    /// Who would have come, if the fact says it.
    pub recipient: Option<Recipient>,
    /// The clinic system's key.
    pub id: String,
    /// Up to which state of the appointment it is cancelled.
    pub version: Version,
    /// When the visit would have started, if the fact says it.
    pub starts_at: Option<DateTime<FixedOffset>>,
    /// Who would have seen the person, if the fact says it.
    pub with: Option<String>,
}

/// Money that came in or was paid back.
#[derive(Clone, PartialEq, Eq)]
pub struct PaymentFact {
    /// Who paid. Somebody who names no channels has SMS and WhatsApp.
    pub recipient: Recipient,
    /// The clinic system's key of the payment; of a refund, of the payment that was paid back.
    pub id: String,
    /// The key of the refund; `None`: money came in.
    pub refund_id: Option<String>,
    /// A decimal string with a point, more than zero, in `currency`.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
    /// When the money came or went: `paid_at` or `refunded_at`.
    pub at: DateTime<FixedOffset>,
}

/// What a person said about being contacted.
#[derive(Clone, PartialEq, Eq)]
pub struct ConsentFact {
    /// The person's name, if the fact says it.
    pub name: Option<PersonName>,
    /// The number it is about.
    pub phone: PhoneNumber,
    /// How İYS knows the number.
    pub recipient_type: RecipientType,
    /// What was said.
    pub status: ConsentStatus,
    /// The channel that it holds for; `None`: all.
    pub channel: Option<Channel>,
    /// When the person said so.
    pub at: DateTime<FixedOffset>,
    /// Where the proof lies: a short word.
    pub evidence: Option<String>,
}

/// Whether a person may be contacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConsentStatus {
    /// The person agreed.
    Given,
    /// The person does not want it, or no longer.
    Refused,
}

impl ConsentStatus {
    /// `given`, `refused`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Refused => "refused",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Given, Self::Refused].into_iter().find(|status| status.as_str() == text)
    }
}

impl FactEvent {
    /// As [`Event::came_with`](crate::Event::came_with).
    pub fn came_with(&mut self, traceparent: Option<&str>) {
        if self.traceparent.is_none() {
            let parent = traceparent.and_then(TraceParent::parse);
            self.traceparent = parent.map(|parent| parent.to_string());
        }
    }

    /// The name of this fact, by which its rows and records know it.
    pub fn fact_id(&self) -> FactId {
        FactId::of_event(&self.source, &self.id)
    }

    /// SHA-256 over RFC 8785 of `type`, `subject` (left out when absent) and `data`: two bodies with the same
    /// `(source, id)` are the same fact exactly when their digests are equal.
    pub fn digest(&self) -> [u8; 32] {
        self.kept().digest()
    }

    /// The whole fact as canonical JSON, personal data included: to be sealed, and read by
    /// [`Registry::reopen_fact`](crate::Registry::reopen_fact). Foreign extension attributes are not kept.
    pub fn envelope_json(&self) -> Vec<u8> {
        self.kept().to_json()
    }

    fn kept(&self) -> Kept<'_> {
        Kept {
            source: &self.source,
            id: &self.id,
            event_type: &self.fact_type,
            time: self.time,
            subject: self.subject.as_deref(),
            data: &self.data,
            traceparent: self.traceparent.as_deref(),
        }
    }
}

impl Fact {
    /// The number that the fact is about; a cancellation need not name one.
    pub fn phone(&self) -> Option<&PhoneNumber> {
        match self {
            Self::Booked(fact) | Self::Rescheduled(fact) => Some(&fact.recipient.phone),
            Self::Cancelled(fact) => fact.recipient.as_ref().map(|recipient| &recipient.phone),
            Self::PaymentReceived(fact) | Self::PaymentRefunded(fact) => {
                Some(&fact.recipient.phone)
            }
            Self::ConsentChanged(fact) => Some(&fact.phone),
        }
    }

    /// Id and version of the appointment that the fact is about.
    pub fn appointment(&self) -> Option<(&str, Version)> {
        match self {
            Self::Booked(fact) | Self::Rescheduled(fact) => Some((&fact.id, fact.version)),
            Self::Cancelled(fact) => Some((&fact.id, fact.version)),
            _ => None,
        }
    }
}

impl fmt::Debug for FactEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactEvent")
            .field("fact_id", &self.fact_id())
            .field("fact_type", &self.fact_type)
            .field("clinic", &self.clinic)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

/// Writes the fields that name nobody: who comes, and whom they see, are left out.
macro_rules! shows {
    ($name:ident: $($field:ident),+) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($field), &self.$field))+
                    .finish_non_exhaustive()
            }
        }
    };
}

shows!(AppointmentFact: id, version, starts_at, ends_at, reminders);
shows!(CancelledFact: id, version, starts_at);
shows!(PaymentFact: id, refund_id, currency, at);
shows!(ConsentFact: status, channel, at);

#[cfg(test)]
mod tests;
