//! What a text says about a clinic.

use chrono_tz::Tz;
use schemas::ClinicId;
use serde::{Deserialize, Serialize};

/// How texts greet a person (`clinics.<id>.name_style`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NameStyle {
    /// `Ayşe`
    #[default]
    First,
    /// `A.Y.`: the least that a stranger who holds the phone can learn (facts/netgsm_iys.md B6).
    Initials,
    /// `Ayşe Yılmaz`
    Full,
}

/// A clinic as its patients see it; from the configuration, never from an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClinicFace {
    /// Chooses the clinic's own texts.
    pub id: ClinicId,
    /// Name under which patients know it.
    pub name: String,
    /// Number that patients may call, as it is to be read.
    pub phone: Option<String>,
    /// Postal address in one line.
    pub address: Option<String>,
    /// Zone of its wall clock.
    pub zone: Tz,
    /// How its texts greet.
    pub name_style: NameStyle,
}
