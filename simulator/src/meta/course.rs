//! What becomes of a message with time (facts A8).

use crate::messages::Entry;
use crate::script::{MetaEnd, MetaOutcome};
use crate::seed;
use crate::world::Prepared;

/// `status` of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Sent,
    Delivered,
    Read,
    Failed,
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
        }
    }
}

/// The statuses of a message and when it has each, and the code that its `failed` carries (0: none).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Course {
    pub steps: Vec<(i64, Status)>,
    pub error: u32,
}

impl Course {
    /// Draws the course of a message: a function of the script's seed and the message's number.
    pub(super) fn of(prepared: &Prepared, n: u64, entry: &Entry) -> Self {
        let script = &prepared.script;
        let draw = |salt: u64, [low, high]: [u64; 2]| {
            let drawn = seed::between(seed::mix(script.seed, salt), n, low, high);
            i64::try_from(drawn).unwrap_or(i64::MAX / 4)
        };
        let end = match entry.error {
            0 => prepared.meta_outcome(entry.to),
            error_code => MetaOutcome { status: MetaEnd::Failed, error_code, after_sent: false },
        };
        let rules = &script.meta;
        let sent_ms = entry.at_ms.saturating_add(draw(21, rules.send_ms));
        let arrived_ms = sent_ms.saturating_add(draw(22, rules.delivery_ms));
        let read_ms = arrived_ms.saturating_add(draw(23, rules.read_ms));
        let (sent, delivered) = ((sent_ms, Status::Sent), (arrived_ms, Status::Delivered));
        let steps = match end.status {
            MetaEnd::Accepted => Vec::new(),
            MetaEnd::Sent => vec![sent],
            MetaEnd::Delivered => vec![sent, delivered],
            MetaEnd::Read if rules.read_without_delivered => vec![sent, (read_ms, Status::Read)],
            MetaEnd::Read => vec![sent, delivered, (read_ms, Status::Read)],
            MetaEnd::Failed if end.after_sent => vec![sent, (arrived_ms, Status::Failed)],
            MetaEnd::Failed => vec![(sent_ms, Status::Failed)],
        };
        Self { steps, error: end.error_code }
    }
}
