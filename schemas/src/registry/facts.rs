//! The types of facts: what a clinic publishes to the scheduler.

use std::fmt;

use jsonschema::Validator;

use super::{RegistryError, Shape, shape};
use crate::fields::Field;

/// A type of fact: what its `data` may be.
pub struct FactType {
    /// `clinic.appointment-booked.v1`; the routing key.
    pub name: String,
    /// What happened.
    pub kind: FactKind,
    /// Which schema this is: the beginning of the file's SHA-256, in hex.
    pub version: String,
    /// Every leaf under `data`, in the order of the paths.
    pub fields: Vec<Field>,
    pub(crate) data: Validator,
}

impl fmt::Debug for FactType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactType").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What happened in a clinic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactKind {
    /// An appointment was booked, also anew.
    Booked,
    /// An appointment was moved or changed.
    Rescheduled,
    /// An appointment was cancelled.
    Cancelled,
    /// Money came in.
    PaymentReceived,
    /// Money was paid back.
    PaymentRefunded,
    /// A person agreed to be contacted, or refused.
    ConsentChanged,
}

impl FactKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Booked,
        Self::Rescheduled,
        Self::Cancelled,
        Self::PaymentReceived,
        Self::PaymentRefunded,
        Self::ConsentChanged,
    ];

    /// The type without its version: `clinic.appointment-booked`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Booked => "clinic.appointment-booked",
            Self::Rescheduled => "clinic.appointment-rescheduled",
            Self::Cancelled => "clinic.appointment-cancelled",
            Self::PaymentReceived => "clinic.payment-received",
            Self::PaymentRefunded => "clinic.payment-refunded",
            Self::ConsentChanged => "clinic.consent-changed",
        }
    }
}

/// One type of `schemas/facts/<file>`.
pub(super) fn fact_type(file: &str, text: &str) -> Result<FactType, RegistryError> {
    let shown = format!("schemas/facts/{file}");
    let Shape { name, queue, version, fields, data, .. } = shape("facts", file, &shown, text)?;
    let kind = FactKind::ALL.into_iter().find(|kind| kind.as_str() == queue).ok_or_else(|| {
        let what = "is no fact that the scheduler knows what to do with".to_owned();
        RegistryError { file: shown, key: String::new(), what }
    })?;
    Ok(FactType { name, kind, version, fields, data })
}
