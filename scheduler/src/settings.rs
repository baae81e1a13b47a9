//! What a scheduler is told.

use crate::reconcile::ReconcileSettings;
use chrono::TimeDelta;
use ledger::caps::WHOLE;
use metrics::Metrics;
use schemas::ClinicId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Rows of a lane without a cap that may be outside the ledger (DESIGN §4 *Release*).
pub const WINDOW_WITHOUT_CAP: i64 = 2_000;
/// How much of its cap a lane may have outside, seconds: no more than the workers wait for a place in its pace, or rows come back
/// without one (ADR 0006).
pub const WINDOW_S: i64 = 2;

/// How much of its cap a lane may have outside that no worker has claimed, milliseconds: so long somebody else's message waits behind
/// them for a place at a worker. What is claimed is with the provider, however slow it is, and counts in [`WINDOW_S`] only.
pub const UNCLAIMED_MS: i64 = 500;
/// So few rows are no queue, however low the cap.
const UNCLAIMED_ANYWAY: i64 = 10;

/// Everything a scheduler is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Clinics with the gap between their reminders.
    pub clinics: BTreeMap<ClinicId, TimeDelta>,
    /// Netgsm accounts by name: connection and cap in segments a second.
    pub netgsm: BTreeMap<String, (providers::netgsm::Account, Option<u32>)>,
    /// Twilio accounts by name, likewise.
    pub twilio: BTreeMap<String, (providers::twilio::Account, Option<u32>)>,
    /// The Twilio accounts that have a sender on WhatsApp, as they send there.
    pub twilio_whatsapp: BTreeMap<String, providers::twilio::Account>,
    /// Numbers at Meta by account name: connection and cap in messages a second.
    pub whatsapp: BTreeMap<String, (providers::meta::Account, Option<u32>)>,
    /// The lanes of each clinic's messages, in the order in which they are used: those of WhatsApp first where it is its first channel.
    pub lanes: BTreeMap<ClinicId, Vec<String>>,
    /// How attempts with an unknown outcome are looked for.
    pub reconcile: ReconcileSettings,
    /// Pause between two looks at what is due.
    pub tick: Duration,
    /// How long a stop waits for what is in flight.
    pub drain: Duration,
    /// What the process measures.
    pub metrics: Arc<Metrics>,
}

impl Settings {
    /// How many rows of a lane may be outside the ledger at the same time while `share` thousandths of its cap are left.
    pub fn window(&self, lane: &str, share: i64) -> i64 {
        let cap = self.cap(lane);
        cap.map_or(WINDOW_WITHOUT_CAP, |cap| (cap.saturating_mul(WINDOW_S * share) / WHOLE).max(1))
    }

    /// How many of these may be unclaimed at the same time; `None`: the window is all that counts.
    pub fn unclaimed(&self, lane: &str, share: i64) -> Option<i64> {
        let ms = UNCLAIMED_MS * share / WHOLE;
        Some((self.cap(lane)?.saturating_mul(ms) / 1_000).max(UNCLAIMED_ANYWAY))
    }

    /// Whether any account has a cap.
    pub fn is_capped(&self) -> bool {
        self.netgsm.values().any(|of| of.1.is_some())
            || self.twilio.values().any(|of| of.1.is_some())
            || self.whatsapp.values().any(|of| of.1.is_some())
    }

    /// Under which key places in the pace of a lane's account are taken; `None`: it has no cap.
    pub fn pace_key(&self, lane: &str) -> Option<String> {
        self.cap(lane)?;
        let mut parts = lane.split('/');
        Some(format!("rate/{}/{}", parts.next()?, parts.next()?))
    }

    /// The cap of a lane's account, segments a second.
    fn cap(&self, lane: &str) -> Option<i64> {
        let cap = match lane.split('/').collect::<Vec<_>>().as_slice() {
            ["netgsm", account, ..] => self.netgsm.get(*account).and_then(|(_, cap)| *cap),
            ["twilio", account, ..] => self.twilio.get(*account).and_then(|(_, cap)| *cap),
            ["whatsapp", account, ..] => self.whatsapp.get(*account).and_then(|(_, cap)| *cap),
            _ => None,
        };
        cap.map(i64::from)
    }
}
