//! The contract of Ulak: what a clinic may publish, and what becomes of it.
//!
//! An event type is data: `events/<type>.json` is the JSON Schema of its `data` with its policy under
//! `x-ulak`. [`Registry`] holds all of them and is the one way from bytes to a typed [`Event`]; what it
//! refuses, it refuses with a [`Rule`] and a path, never with a value. Personal data leaves this crate only
//! as [`PhoneNumber`] and [`PersonName`], which mask themselves wherever they are printed.
//!
//! `README.md` beside this crate is for the people who publish events, in any language.

mod canonical;
mod check;
mod event;
mod fields;
mod ids;
mod instant;
mod json;
mod person;
mod phone;
mod policy;
mod practitioner;
mod read;
mod refusal;
mod registry;
mod telling;

pub use event::{AppointmentFacts, Event, Incoming, Reference, Version};
pub use fields::{Field, FieldKind};
pub use ids::{ClinicId, ClinicIdRefusal, NotificationId};
pub use instant::{InstantRefusal, parse_instant};
pub use person::{Channel, Language, PersonName, PersonNameRefusal, Recipient, RecipientType};
pub use phone::{PhoneNumber, PhoneRefusal};
pub use policy::{Class, ConsentRule, Expiry, OnUnknown, Policy};
pub use practitioner::{PractitionerRefusal, check_practitioner};
pub use read::MAX_BODY_BYTES;
pub use refusal::{Refusal, Rule};
pub use registry::{EventType, Registry, RegistryError};
