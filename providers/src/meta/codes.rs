//! What each documented code means: `codes.json`, read once per client (A8).

use std::time::Duration;

use serde::Deserialize;

use crate::mask::mask;
use crate::receipt::{Failure, Remedy};
use crate::{ClientError, FailedKind, LaneTrouble};

/// What a code asks for.
///
/// Nothing here is final for the message: whatever keeps WhatsApp from sending it (a number without WhatsApp, a
/// template that was paused, a defect of ours in a template) says nothing about the next channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Not now.
    Retry,
    /// Not over WhatsApp.
    NextChannel,
    /// Token or permission.
    LaneCredentials,
    /// The number.
    LaneSender,
    /// No means of payment.
    LaneCredit,
    /// The business account.
    LaneAccount,
    /// May have been sent.
    Unknown,
}

impl Class {
    /// The word as it stands in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::NextChannel => "next-channel",
            Self::LaneCredentials => "lane-credentials",
            Self::LaneSender => "lane-sender",
            Self::LaneCredit => "lane-credit",
            Self::LaneAccount => "lane-account",
            Self::Unknown => "unknown",
        }
    }

    /// The account trouble, if it is one.
    pub const fn lane(self) -> Option<LaneTrouble> {
        match self {
            Self::LaneCredentials => Some(LaneTrouble::Credentials),
            Self::LaneSender => Some(LaneTrouble::Sender),
            Self::LaneCredit => Some(LaneTrouble::Credit),
            Self::LaneAccount => Some(LaneTrouble::Account),
            Self::Retry | Self::NextChannel | Self::Unknown => None,
        }
    }

    /// What it asks for where it comes after the message was accepted.
    pub const fn remedy(self) -> Remedy {
        match self {
            Self::Unknown => Remedy::Unclear,
            _ => Remedy::NextChannel,
        }
    }
}

/// One documented code, or a range of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeRow {
    /// As on the wire.
    pub code: u32,
    /// The last code of a range that begins with `code`.
    to: Option<u32>,
    /// Only together with this `error_subcode`.
    pub subcode: Option<u32>,
    /// What it asks for.
    pub class: Class,
    /// The section of the facts it is from; `EP`: Meta's page of error codes.
    pub source: String,
    /// Wait at least this many seconds before the next try.
    after_s: Option<u64>,
    /// Whether the number cannot be reached on WhatsApp, also later.
    #[serde(default)]
    pub bad_number: bool,
    /// In our words.
    pub meaning: String,
    /// What happens then.
    pub action: String,
}

impl CodeRow {
    /// The last code of the row.
    pub fn last(&self) -> u32 {
        self.to.unwrap_or(self.code)
    }

    /// The wait before the next try.
    pub fn after(&self) -> Option<Duration> {
        self.after_s.map(Duration::from_secs)
    }

    /// For a code that says certainly nothing was sent: what the row waits for. `asked` is the
    /// wait in the answer's own head; the longer of the two counts.
    pub(super) fn failed(&self, asked: Option<Duration>) -> Option<FailedKind> {
        match self.class {
            Class::Retry => Some(FailedKind::Retry { after: self.after().max(asked) }),
            Class::NextChannel => Some(FailedKind::NextChannel),
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
            name: "providers/src/meta/codes.json",
            cause: error.to_string(),
        })
    }

    /// All rows, by number; of a code with subcodes the general row first.
    pub fn rows(&self) -> &[CodeRow] {
        &self.0
    }

    /// What a code means; `None` if it is not documented. A row with the subcode goes before the general one.
    pub fn find(&self, code: u32, subcode: Option<u32>) -> Option<&CodeRow> {
        let fits = |row: &&CodeRow| (row.code..=row.last()).contains(&code);
        let rows = || self.0.iter().filter(fits);
        rows()
            .find(|row| row.subcode.is_some() && row.subcode == subcode)
            .or_else(|| rows().find(|row| row.subcode.is_none()))
    }

    /// Why an accepted message failed. Meta's `failed` is definite, so that a code which no table lists, or none at
    /// all, leaves the message to the next channel.
    pub(super) fn failure(&self, code: Option<u32>, words: &str, own: &[&str]) -> Failure {
        let row = code.and_then(|code| self.find(code, None));
        let words = mask(words, own);
        let label = match (code, row) {
            (Some(code), Some(_)) => format!("meta:{code}"),
            (Some(_), None) => "meta:unlisted".to_owned(),
            (None, _) => "meta:failed".to_owned(),
        };
        let meaning = match (code, row) {
            (_, Some(row)) => row.meaning.clone(),
            (Some(code), None) => format!("code {code}, documented nowhere"),
            (None, None) => "failed without a code".to_owned(),
        };
        let detail = if words.is_empty() { meaning } else { format!("{meaning}: {words}") };
        Failure {
            code: label,
            detail,
            remedy: row.map_or(Remedy::NextChannel, |row| row.class.remedy()),
            bad_number: row.is_some_and(|row| row.bad_number),
            lane: row.and_then(|row| row.class.lane()),
        }
    }
}
