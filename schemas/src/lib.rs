//! The contract of Ulak: what a clinic may publish, and what becomes of it.
//!
//! An event type is data: `events/<type>.json` is the JSON Schema of its `data` with its policy under
//! `x-ulak`; `facts/<type>.json` is the one of a fact, from which the scheduler plans. [`Registry`] holds all of
//! them and is the one way from bytes to a typed [`Event`] or [`FactEvent`]; what it refuses, it refuses with a
//! [`Rule`] and a path, never with a value. Personal data leaves this crate only as [`PhoneNumber`] and
//! [`PersonName`], which mask themselves wherever they are printed.
//!
//! `README.md` beside this crate is for the people who publish events, in any language.

mod canonical;
mod check;
mod envelope;
mod event;
mod fact;
mod fields;
pub mod hold;
mod ids;
mod instant;
mod json;
mod person;
mod phone;
mod policy;
mod practitioner;
pub mod quiet;
mod read;
mod refusal;
mod registry;
mod reminder;
mod telling;
pub mod trace;

pub use event::{AppointmentFacts, Event, Incoming, Reference, Version};
pub use fact::{
    AppointmentFact, CancelledFact, ConsentFact, ConsentStatus, Fact, FactEvent, PaymentFact,
};
pub use fields::{Field, FieldKind};
pub use ids::{ClinicId, ClinicIdRefusal, FactId, NotificationId};
pub use instant::{InstantRefusal, parse_instant};
pub use person::{Channel, Language, PersonName, PersonNameRefusal, Recipient, RecipientType};
pub use phone::{PhoneNumber, PhoneRefusal, holds_a_number};
pub use policy::{Class, ConsentRule, Expiry, OnUnknown, Policy, Visit};
pub use practitioner::{PractitionerRefusal, check_practitioner, folded_words};
pub use read::MAX_BODY_BYTES;
pub use refusal::{Refusal, Rule};
pub use registry::{EventType, FactKind, FactType, Registry, RegistryError};
pub use reminder::{Before, ReminderRule, ReminderRuleRefusal};
