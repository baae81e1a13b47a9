//! Delivery reports and balances: the answers with rows in them (A4, A6).

use std::fmt;

use chrono::{DateTime, Utc};
use schemas::PhoneNumber;
use serde::Deserialize;

use super::codes::{Codes, End, StatusRow};
use super::wire::{job_id, seen_date};
use crate::LaneTrouble;
use crate::fields::Fields;
use crate::receipt::{self, Delivery, Failure, Receipt, Remedy};

/// Most rows Netgsm gives on one page (A4).
pub(super) const PAGE_SIZE: u32 = 100;

/// What a report is asked about.
#[derive(Debug, Clone, Copy)]
pub enum ReportQuery<'a> {
    /// By job id, up to 50 (A4).
    Jobs(&'a [String]),
    /// Everything sent in this range; Netgsm keeps about three months.
    Range {
        /// The first second of it.
        from: DateTime<Utc>,
        /// The last second of it.
        to: DateTime<Utc>,
    },
}

/// What a report says about one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatusClass {
    /// Not yet decided, also every status no table lists.
    Pending,
    /// On the phone.
    Delivered,
    /// Time ran out.
    Expired,
    /// Wrong or restricted number.
    BadNumber,
    /// Could not be given to the operator.
    NotSent,
    /// The operator did not take it.
    OperatorRefused,
    /// An error while sending.
    SendError,
    /// An earlier copy exists.
    Duplicate,
    /// No credit.
    NoCredit,
    /// On the account's blacklist.
    Blacklisted,
    /// Refused in İYS.
    IysRefused,
    /// İYS could not be asked.
    IysError,
    /// The whole job failed.
    JobFailed,
}

impl StatusClass {
    /// The word for records, logs and metric labels, as it stands in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Expired => "expired",
            Self::BadNumber => "bad-number",
            Self::NotSent => "not-sent",
            Self::OperatorRefused => "operator-refused",
            Self::SendError => "send-error",
            Self::Duplicate => "duplicate",
            Self::NoCredit => "no-credit",
            Self::Blacklisted => "blacklisted",
            Self::IysRefused => "iys-refused",
            Self::IysError => "iys-error",
            Self::JobFailed => "job-failed",
        }
    }

    /// Whether it stays as it is.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending)
    }
}

/// A status with the number Netgsm gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportStatus {
    /// `status` as it came; `None` if it was no number.
    pub code: Option<u16>,
    /// What it means.
    pub class: StatusClass,
}

/// One message in a report.
#[derive(Clone, PartialEq, Eq)]
pub struct ReportRow {
    /// The job it belongs to.
    pub jobid: String,
    /// The number, where it is a Turkish mobile one.
    pub number: Option<PhoneNumber>,
    /// Its state.
    pub status: ReportStatus,
    /// Segments counted by Netgsm (`msglen`).
    pub segments: Option<u32>,
    /// Operator code, see [`Codes::operators`].
    pub operator: Option<u16>,
    /// When it was delivered.
    pub delivered_at: Option<DateTime<Utc>>,
    /// Reason of the operator, see [`Codes::delivery_errors`]; `None` for 0, "none".
    pub error: Option<u16>,
    /// `referansID`, where the account echoes it.
    pub reference: Option<String>,
}

impl ReportRow {
    /// What the row says in the order of all providers (A4). A status that no table lists says nothing yet.
    ///
    /// The reference stands in it only where the account echoes it; without, several messages of one job are told apart
    /// by [`ReportRow::number`]. Netgsm says when a message was delivered, and of no other state when it was reached.
    pub fn receipt(&self, codes: &Codes) -> Receipt {
        let code = self.status.code;
        let listed = codes.statuses().iter().find(|row| Some(row.code) == code);
        let delivery = listed.map(|row| match row.delivery {
            End::Queued => Delivery::Queued,
            End::Delivered => Delivery::Delivered,
            End::Undelivered => Delivery::Undelivered(self.failure(codes, row)),
            End::Failed => Delivery::Failed(self.failure(codes, row)),
        });
        Receipt {
            provider_ref: self.jobid.clone(),
            reference: self.reference.as_deref().and_then(receipt::reference),
            word: code.map_or_else(String::new, |code| code.to_string()),
            at: self.delivered_at.filter(|_| delivery == Some(Delivery::Delivered)),
            delivery,
        }
    }

    fn failure(&self, codes: &Codes, row: &StatusRow) -> Failure {
        let reason = self.error.map(|error| {
            let listed = codes.delivery_errors().iter().find(|row| row.code == error);
            let meaning = listed.map_or("documented nowhere", |row| row.meaning.as_str());
            (format!("{meaning} ({error})"), listed.is_some_and(|row| row.bad_number))
        });
        let bad_reason = reason.as_ref().is_some_and(|(_, bad)| *bad);
        let detail = match reason {
            Some((reason, _)) => format!("{}: {reason}", row.meaning),
            None => row.meaning.clone(),
        };
        Failure {
            code: format!("netgsm:status-{}", row.code),
            detail,
            remedy: row.remedy.unwrap_or(Remedy::Unclear),
            bad_number: row.bad_number || bad_reason,
            lane: (row.class == StatusClass::NoCredit).then_some(LaneTrouble::Credit),
        }
    }
}

impl fmt::Debug for ReportRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReportRow")
            .field("jobid", &self.jobid)
            .field("status", &self.status)
            .field("segments", &self.segments)
            .finish_non_exhaustive()
    }
}

/// One page of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportPage {
    /// The rows that could be read.
    pub rows: Vec<ReportRow>,
    /// Rows without a job id or that were no objects: a scan with any of them proves no absence.
    pub unreadable: usize,
    /// Whether the page was not full, so that none follows.
    pub last: bool,
}

impl ReportPage {
    /// The documented "no records" (code 60).
    pub(super) const fn none() -> Self {
        Self { rows: Vec::new(), unreadable: 0, last: true }
    }

    /// `None` if the body has no list of jobs.
    pub(super) fn parse(codes: &Codes, body: &[u8]) -> Option<Self> {
        let fields = Fields::parse(body)?;
        let (objects, mut unreadable) = fields.objects("jobs")?;
        let all = objects.len() + unreadable;
        let mut rows = Vec::with_capacity(objects.len());
        for object in &objects {
            match row(codes, object) {
                Some(row) => rows.push(row),
                None => unreadable += 1,
            }
        }
        Some(Self { rows, unreadable, last: all < PAGE_SIZE as usize })
    }
}

fn row(codes: &Codes, fields: &Fields<'_>) -> Option<ReportRow> {
    let jobid = job_id(&fields.text("jobid")?)?;
    let code = fields.number::<u16>("status");
    let listed = code.and_then(|code| codes.statuses().iter().find(|row| row.code == code));
    // A status nobody documented is not final: it is asked again.
    let class = listed.map_or(StatusClass::Pending, |row| row.class);
    Some(ReportRow {
        jobid,
        // `number` is official, `telno` was seen by a third party (A4).
        number: fields.text("number").or_else(|| fields.text("telno")).and_then(|n| phone(&n)),
        status: ReportStatus { code, class },
        segments: fields.number("msglen"),
        operator: fields.number("operator"),
        delivered_at: fields.text("deliveredDate").and_then(|date| seen_date(&date)),
        error: fields.number("errorCode").filter(|error| *error != 0),
        reference: fields.text("referansID").filter(|it| !it.is_empty() && it.len() <= 128),
    })
}

/// `905321234567` and `5321234567` both occur.
fn phone(text: &str) -> Option<PhoneNumber> {
    let digits = text.trim().trim_start_matches('+');
    let national = match digits.len() {
        12 => digits.strip_prefix("90")?,
        11 => digits.strip_prefix('0')?,
        _ => digits,
    };
    PhoneNumber::parse(&format!("+90{national}")).ok()
}

/// What is left on an account (A6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// Credit as a decimal number with a point, in the account's currency.
    pub credit: Option<String>,
    /// Packages.
    pub packages: Vec<Package>,
}

/// One package of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// How much of it is left.
    pub amount: i64,
    /// Netgsm's name for it.
    pub name: String,
}

impl Balance {
    /// `None` if the body has no balance that can be read.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let fields = Fields::parse(body)?;
        if let Some(credit) = fields.text("balance") {
            let credit = credit.trim().replace(',', ".");
            let decimal = !credit.is_empty()
                && credit.len() <= 24
                && credit.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit() || b == b'.');
            return decimal.then(|| Self { credit: Some(credit), packages: Vec::new() });
        }
        let (objects, unreadable) = fields.objects("balance")?;
        let packages = objects.iter().map(package).collect::<Option<Vec<_>>>()?;
        (unreadable == 0).then_some(Self { credit: None, packages })
    }
}

fn package(fields: &Fields<'_>) -> Option<Package> {
    let name: String = fields.text("balance_name")?.chars().take(80).collect();
    Some(Package { amount: fields.number("amount")?, name })
}
