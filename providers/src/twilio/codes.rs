//! What each documented code means: `codes.json`, read once per client (A7).

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;

use crate::mask::mask;
use crate::receipt::{Failure, Remedy};
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
    /// Not over this channel: certainly not sent, and another channel may do it.
    NextChannel,
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
            Self::NextChannel => "next-channel",
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
            Self::Refused
            | Self::Retry
            | Self::Failover
            | Self::NextChannel
            | Self::Unknown
            | Self::Nothing => None,
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
    /// What it asks for where it comes after the message was accepted, if not what its class does.
    after_acceptance: Option<Remedy>,
    /// Whether the number cannot be reached on its channel, also later.
    #[serde(default)]
    pub bad_number: bool,
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
            Class::NextChannel => Some(FailedKind::NextChannel),
            class => class.lane().map(FailedKind::Lane),
        }
    }

    /// What may be done about a message that was accepted and ended with this code.
    pub fn remedy(&self) -> Remedy {
        self.after_acceptance.unwrap_or(match self.class {
            Class::Refused => Remedy::Stop,
            Class::Unknown | Class::Nothing => Remedy::Unclear,
            _ => Remedy::NextChannel,
        })
    }
}

/// Codes of the channels behind Twilio, WhatsApp among them. With one of these `failed` is definite; those of the SMS
/// side include 30410, which may have been delivered.
const CHANNEL_CODES: RangeInclusive<u32> = 63_000..=63_999;

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

    /// Why an accepted message did not arrive. `left`: it is `undelivered`, so that it certainly did not, whatever the
    /// code; of a `failed` one without a code of the table nobody knows (30410 is `failed` too).
    pub(super) fn failure(
        &self,
        code: Option<u32>,
        left: bool,
        words: &str,
        own: &[&str],
    ) -> Failure {
        let row = code.and_then(|code| self.find(code));
        let words = mask(words, own);
        let definite = left || code.is_some_and(|code| CHANNEL_CODES.contains(&code));
        let otherwise = if definite { Remedy::NextChannel } else { Remedy::Unclear };
        let (label, meaning) = match (code, row) {
            (Some(code), Some(row)) => (format!("twilio:{code}"), row.meaning.clone()),
            (Some(code), None) => {
                ("twilio:unlisted".to_owned(), format!("code {code}, documented nowhere"))
            }
            (None, _) => {
                let word = if left { "undelivered" } else { "failed" };
                (format!("twilio:{word}"), format!("{word} without a code"))
            }
        };
        let detail = if words.is_empty() { meaning } else { format!("{meaning}: {words}") };
        Failure {
            code: label,
            detail,
            remedy: row.map_or(otherwise, CodeRow::remedy),
            bad_number: row.is_some_and(|row| row.bad_number),
            lane: row.and_then(|row| row.class.lane()),
        }
    }
}
