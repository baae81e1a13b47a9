//! What each documented code means: `codes.json`, read once per client (A7).

use std::time::Duration;

use serde::Deserialize;

use crate::{ClientError, FailedKind, LaneTrouble};

/// What a code asks for. The facts' `PERM` is [`Refused`](Self::Refused), `RETRY` and `LATER` are
/// [`Retry`](Self::Retry), `CONFIG` is one of the lanes.
///
/// No source has a code for want of funds alone: Twilio suspends such an account, so it comes as
/// 20003 or 30002.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Final for this message or recipient.
    Refused,
    /// Not now.
    Retry,
    /// Not from here: certainly not sent, and another provider may do it.
    Failover,
    /// Credentials.
    LaneCredentials,
    /// Sender or messaging service.
    LaneSender,
    /// Another setting of the account, or its state.
    LaneAccount,
    /// May have been sent.
    Unknown,
    /// Says nothing about a send.
    Nothing,
}

impl Class {
    /// The word as it stands in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Retry => "retry",
            Self::Failover => "failover",
            Self::LaneCredentials => "lane-credentials",
            Self::LaneSender => "lane-sender",
            Self::LaneAccount => "lane-account",
            Self::Unknown => "unknown",
            Self::Nothing => "nothing",
        }
    }

    /// The account trouble, if it is one.
    pub const fn lane(self) -> Option<LaneTrouble> {
        match self {
            Self::LaneCredentials => Some(LaneTrouble::Credentials),
            Self::LaneSender => Some(LaneTrouble::Sender),
            Self::LaneAccount => Some(LaneTrouble::Account),
            Self::Refused | Self::Retry | Self::Failover | Self::Unknown | Self::Nothing => None,
        }
    }
}

/// One documented code.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeRow {
    /// As on the wire.
    pub code: u32,
    /// What it asks for.
    pub class: Class,
    /// The section of the facts it is from; `EC`: Twilio's own dictionary as mirrored there, for
    /// codes that a request of this client can cause.
    pub source: String,
    /// Wait at least this many seconds before the next try with this provider.
    after_s: Option<u64>,
    /// In our words.
    pub meaning: String,
    /// What happens then.
    pub action: String,
}

impl CodeRow {
    /// The wait before the next try with this provider.
    pub fn after(&self) -> Option<Duration> {
        self.after_s.map(Duration::from_secs)
    }

    /// For a code that says certainly nothing was sent: what the row waits for. `asked` is the
    /// wait in the answer's own head; the longer of the two counts.
    pub(super) fn failed(&self, asked: Option<Duration>) -> Option<FailedKind> {
        match self.class {
            Class::Retry | Class::Failover => {
                Some(FailedKind::Retry { after: self.after().max(asked) })
            }
            class => class.lane().map(FailedKind::Lane),
        }
    }
}

/// All documented codes, by number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Codes(Vec<CodeRow>);

impl Codes {
    /// The table built into this binary.
    ///
    /// # Errors
    /// Only if the table itself is broken, which a test excludes.
    pub fn embedded() -> Result<Self, ClientError> {
        serde_json::from_str(include_str!("codes.json")).map_err(|error| ClientError::Table {
            name: "providers/src/twilio/codes.json",
            cause: error.to_string(),
        })
    }

    /// All rows, by number.
    pub fn rows(&self) -> &[CodeRow] {
        &self.0
    }

    /// What a code means; `None` if it is not documented.
    pub fn find(&self, code: u32) -> Option<&CodeRow> {
        let at = self.0.binary_search_by_key(&code, |row| row.code).ok()?;
        self.0.get(at)
    }
}
