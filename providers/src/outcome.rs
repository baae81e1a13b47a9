//! What became of one request to a provider.

use std::fmt;
use std::time::Duration;

/// The meaning of one attempt to send (`PROTOCOL.md` rule 8).
///
/// Only [`Outcome::Failed`] may be retried or failed over; [`Outcome::Unknown`] may have arrived
/// and is reconciled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took the message: not yet delivered, but never to be sent again.
    Accepted(Accepted),
    /// The provider refused this message or this recipient for good.
    Refused(Trouble),
    /// Certainly not sent; the kind says what the row waits for.
    Failed(FailedKind, Trouble),
    /// May have been sent: no documented answer came back.
    Unknown(Trouble),
}

/// A documented acceptance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The provider's id of the message (Netgsm `jobid`); empty where it gave none.
    pub provider_ref: String,
    /// The documented code, as in [`Trouble::code`].
    pub code: String,
    /// Our words on what a person should look at, such as a send window the provider replaced.
    pub warning: Option<String>,
}

/// Why an attempt certainly sent nothing, and so what its row waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedKind {
    /// Nothing of the request left this machine.
    NotSent,
    /// The provider said "not now".
    Retry {
        /// At least this long, where the provider or its documentation says so; 0 to 1 h.
        after: Option<Duration>,
    },
    /// The account was refused, not the message: the lane closes and the row waits on it.
    Lane(LaneTrouble),
    /// Not over this channel (no WhatsApp there, template paused, …), and asking again changes
    /// nothing: the next channel may take the message at once. Where there is none, it is refused.
    NextChannel,
}

/// What is wrong with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LaneTrouble {
    /// User, password, API right or IP address.
    Credentials,
    /// The sender name is not approved.
    Sender,
    /// No credit.
    Credit,
    /// Any other setting of the account.
    Account,
}

impl LaneTrouble {
    /// The word for records, logs and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Sender => "sender",
            Self::Credit => "credit",
            Self::Account => "account",
        }
    }
}

impl fmt::Display for LaneTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that went wrong, safe to store, log and count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Bounded, usable as a metric label: `netgsm:30`, `iys:H084`, `http:503`, `timeout`, `stale`.
    /// Codes that no table lists are all `netgsm:unlisted` or `iys:unlisted`.
    pub code: String,
    /// Our words, or the provider's after masking; at most about 300 characters, one line.
    pub detail: String,
}

impl Trouble {
    /// A trouble in our own words.
    pub(crate) fn new(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code: code.into(), detail: detail.into() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

/// Why a call that sends nothing to a person (probe, report, cancel, balance) gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeTrouble {
    /// The account was refused.
    #[error("the account was refused ({0}): {1}")]
    Lane(LaneTrouble, Trouble),
    /// The provider said "not now".
    #[error("the provider is busy: {trouble}")]
    Busy {
        /// At least this long, where known; 0 to 1 h.
        after: Option<Duration>,
        /// What it said.
        trouble: Trouble,
    },
    /// The provider did not accept the question: a defect of ours.
    #[error("the provider refused the question: {0}")]
    Request(Trouble),
    /// Nothing documented came back.
    #[error("no usable answer: {0}")]
    Silent(Trouble),
}

impl ProbeTrouble {
    /// What went wrong, whatever the kind.
    pub const fn trouble(&self) -> &Trouble {
        match self {
            Self::Lane(_, trouble)
            | Self::Busy { trouble, .. }
            | Self::Request(trouble)
            | Self::Silent(trouble) => trouble,
        }
    }
}
