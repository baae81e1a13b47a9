//! What each documented code means: `codes.json`, read once per client.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::report::StatusClass;
use crate::receipt::Remedy;
use crate::{ClientError, FailedKind, LaneTrouble};

/// The calls of Netgsm; one code may mean two things in two calls (50 in send and in otp).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `POST /sms/rest/v2/send`
    Send,
    /// `POST /sms/rest/v2/otp`
    Otp,
    /// `POST /sms/rest/v2/report`
    Report,
    /// `POST /sms/rest/v2/cancel`
    Cancel,
    /// `GET /sms/rest/v2/msgheader`
    Msgheader,
    /// `POST /balance`
    Balance,
    /// `POST /iys/search`
    IysSearch,
}

impl Operation {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 7] = [
        Self::Send,
        Self::Otp,
        Self::Report,
        Self::Cancel,
        Self::Msgheader,
        Self::Balance,
        Self::IysSearch,
    ];

    /// The word for logs and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Otp => "otp",
            Self::Report => "report",
            Self::Cancel => "cancel",
            Self::Msgheader => "msgheader",
            Self::Balance => "balance",
            Self::IysSearch => "iys-search",
        }
    }

    /// The path below the base address.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Send => "/sms/rest/v2/send",
            Self::Otp => "/sms/rest/v2/otp",
            Self::Report => "/sms/rest/v2/report",
            Self::Cancel => "/sms/rest/v2/cancel",
            Self::Msgheader => "/sms/rest/v2/msgheader",
            Self::Balance => "/balance",
            Self::IysSearch => "/iys/search",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a code asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Taken.
    Accepted,
    /// Final for this message, recipient or question.
    Refused,
    /// Not now.
    Retry,
    /// User, password, API right or IP address.
    LaneCredentials,
    /// Sender name.
    LaneSender,
    /// Credit.
    LaneCredit,
    /// Another setting of the account.
    LaneAccount,
    /// A documented "there is none", no failure.
    Nothing,
}

impl Class {
    /// The word as it stands in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Retry => "retry",
            Self::LaneCredentials => "lane-credentials",
            Self::LaneSender => "lane-sender",
            Self::LaneCredit => "lane-credit",
            Self::LaneAccount => "lane-account",
            Self::Nothing => "nothing",
        }
    }

    /// The account trouble, if it is one.
    pub const fn lane(self) -> Option<LaneTrouble> {
        match self {
            Self::LaneCredentials => Some(LaneTrouble::Credentials),
            Self::LaneSender => Some(LaneTrouble::Sender),
            Self::LaneCredit => Some(LaneTrouble::Credit),
            Self::LaneAccount => Some(LaneTrouble::Account),
            Self::Accepted | Self::Refused | Self::Retry | Self::Nothing => None,
        }
    }
}

/// One documented code of one call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeRow {
    /// As on the wire, with its leading zero.
    pub code: String,
    /// What it asks for.
    pub class: Class,
    /// Wait at least this many seconds before the next try.
    after_s: Option<u64>,
    /// What a person should look at although the message was taken.
    pub warning: Option<String>,
    /// In our words.
    pub meaning: String,
    /// What happens then.
    pub action: String,
}

impl CodeRow {
    /// The documented wait before the next try.
    pub fn after(&self) -> Option<Duration> {
        self.after_s.map(Duration::from_secs)
    }

    /// For a code that says certainly nothing was sent: what the row waits for. `asked` is the
    /// wait in the answer's own head; the longer of the two counts.
    pub(super) fn failed(&self, asked: Option<Duration>) -> Option<FailedKind> {
        match self.class {
            Class::Retry => Some(FailedKind::Retry { after: self.after().max(asked) }),
            class => class.lane().map(FailedKind::Lane),
        }
    }
}

/// A [`Delivery`](crate::receipt::Delivery) as the table writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Netgsm has it.
    Queued,
    /// On the phone.
    Delivered,
    /// It left Netgsm and did not arrive.
    Undelivered,
    /// It never left Netgsm.
    Failed,
}

impl End {
    /// The word as it stands in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
        }
    }
}

/// One state of a delivery report (A4).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusRow {
    /// `status` in the report.
    pub code: u16,
    /// What it means for the message.
    pub class: StatusClass,
    /// The same in the order of all providers.
    pub delivery: End,
    /// What may be done about a message that ended so; only of `undelivered` and `failed`.
    pub remedy: Option<Remedy>,
    /// Whether the number cannot be reached by SMS, also later.
    #[serde(default)]
    pub bad_number: bool,
    /// In our words.
    pub meaning: String,
    /// Whether the message may be tried again.
    pub again: String,
}

/// One reason of an operator (`errorCode`, A4).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryErrorRow {
    /// `errorCode` in the report.
    pub code: u16,
    /// Whether it may be otherwise later.
    pub transient: bool,
    /// Whether the number cannot be reached by SMS, also later.
    #[serde(default)]
    pub bad_number: bool,
    /// In our words.
    pub meaning: String,
}

/// One operator (A4).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorRow {
    /// `operator` in the report.
    pub code: u16,
    /// Its name.
    pub name: String,
}

/// All documented codes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Codes {
    send: Vec<CodeRow>,
    otp: Vec<CodeRow>,
    report: Vec<CodeRow>,
    cancel: Vec<CodeRow>,
    msgheader: Vec<CodeRow>,
    balance: Vec<CodeRow>,
    iys_search: Vec<CodeRow>,
    statuses: Vec<StatusRow>,
    delivery_errors: Vec<DeliveryErrorRow>,
    operators: Vec<OperatorRow>,
}

impl Codes {
    /// The table built into this binary.
    ///
    /// # Errors
    /// Only if the table itself is broken, which a test excludes.
    pub fn embedded() -> Result<Self, ClientError> {
        serde_json::from_str(include_str!("codes.json")).map_err(|error| ClientError::Table {
            name: "providers/src/netgsm/codes.json",
            cause: error.to_string(),
        })
    }

    /// All codes of one call.
    pub fn rows(&self, operation: Operation) -> &[CodeRow] {
        match operation {
            Operation::Send => &self.send,
            Operation::Otp => &self.otp,
            Operation::Report => &self.report,
            Operation::Cancel => &self.cancel,
            Operation::Msgheader => &self.msgheader,
            Operation::Balance => &self.balance,
            Operation::IysSearch => &self.iys_search,
        }
    }

    /// What a code means in a call; `None` if it is not documented there.
    pub fn find(&self, operation: Operation, code: &str) -> Option<&CodeRow> {
        self.rows(operation).iter().find(|row| row.code == code)
    }

    /// All states of a delivery report.
    pub fn statuses(&self) -> &[StatusRow] {
        &self.statuses
    }

    /// All reasons of operators.
    pub fn delivery_errors(&self) -> &[DeliveryErrorRow] {
        &self.delivery_errors
    }

    /// All operators.
    pub fn operators(&self) -> &[OperatorRow] {
        &self.operators
    }
}
