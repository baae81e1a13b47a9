use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ScriptError, check_range, senseless};
use crate::number;

/// How the Netgsm twin behaves. Limits: 0 turns one off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetgsmScript {
    /// Who may call.
    pub accounts: Vec<NetgsmAccount>,
    /// How an error looks on the wire (facts A0).
    pub errors: ErrorShape,
    /// How an error of `/iys/add` and `/iys/search` looks (facts A7 shows its body only).
    pub iys_errors: ErrorShape,
    /// What a malformed `startdate` or `stopdate` does (facts A1 codes 01, 02; C4).
    pub bad_dates: BadDates,
    /// Whether a send must have 1 to 21 hours between start and stop (facts A6 code 49; in v2 unverified).
    pub stop_gap_1_to_21_h: bool,
    /// How an exhausted account shows (facts A1: 62 is third-party, 14 official).
    pub no_credit: NoCredit,
    /// Sends to one number within a minute before code 85 (facts A1: 20).
    pub same_number_per_minute: u32,
    /// One-time codes of an account within a minute before code 80 (facts A3: 100).
    pub otp_per_minute: u32,
    /// Report queries of an account within a minute before code 80 (facts A4: 10).
    pub report_queries_per_minute: u32,
    /// Calls of `/iys/add` and `/iys/search` together, of an account within a minute, before code 80 (facts A7:
    /// 10, second-hand; the code is our guess).
    pub iys_requests_per_minute: u32,
    /// Most rows of a report page (facts A4: 100).
    pub page_rows: u32,
    /// Least and most milliseconds before a message shows up in the report (code 60 until then).
    pub report_delay_ms: [u64; 2],
    /// Least and most milliseconds after that during which its status is 0 (pending).
    pub delivery_ms: [u64; 2],
    /// Whether report rows carry `referansID` (facts A1, A4: unverified on send, hence off).
    pub echo_reference: bool,
    /// How messages end, by number (ten digits).
    pub outcomes: BTreeMap<String, Outcome>,
    /// How all others end.
    pub default_outcome: Outcome,
    /// `operator` of report rows (facts A4: 30 is Turkcell).
    pub operator: u32,
    /// What `inbox` holds.
    pub inbox: Vec<InboundMessage>,
}

impl Default for NetgsmScript {
    fn default() -> Self {
        Self {
            accounts: vec![
                NetgsmAccount::new("8501234567", "netgsm-secret", &["KLINIK", "DISKLINIGI"]),
                NetgsmAccount::new("8507654321", "other-secret", &["OTHER"]),
            ],
            errors: ErrorShape::Http406,
            iys_errors: ErrorShape::Http200,
            bad_dates: BadDates::Refuse,
            stop_gap_1_to_21_h: false,
            no_credit: NoCredit::Status14,
            same_number_per_minute: 20,
            otp_per_minute: 100,
            report_queries_per_minute: 10,
            iys_requests_per_minute: 10,
            page_rows: 100,
            report_delay_ms: [5_000, 40_000],
            delivery_ms: [1_000, 10_000],
            echo_reference: false,
            outcomes: BTreeMap::new(),
            default_outcome: Outcome::default(),
            operator: 30,
            inbox: Vec::new(),
        }
    }
}

impl NetgsmScript {
    pub(super) fn check(&self) -> Result<(), ScriptError> {
        check_range("netgsm.report_delay_ms", self.report_delay_ms)?;
        check_range("netgsm.delivery_ms", self.delivery_ms)?;
        if !(1..=100).contains(&self.page_rows) {
            return Err(senseless("netgsm.page_rows", "must be 1 to 100"));
        }
        let mut names = HashSet::new();
        for (index, account) in self.accounts.iter().enumerate() {
            let key = format!("netgsm.accounts[{index}].username");
            if account.username.is_empty() || account.username.contains(':') {
                return Err(senseless(key, "must be neither empty nor contain a colon"));
            }
            if !names.insert(&account.username) {
                return Err(senseless(key, "is there twice: give each account its own"));
            }
        }
        for number in self.outcomes.keys() {
            if number::written_by_a_person(number).is_none() {
                return Err(senseless(
                    "netgsm.outcomes",
                    "a key is not a Turkish mobile number: write ten digits, 5XXXXXXXXX",
                ));
            }
        }
        Ok(())
    }
}

/// An API user of Netgsm.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetgsmAccount {
    /// Subscriber number, `850…`.
    pub username: String,
    /// Its API password.
    pub password: String,
    /// Approved sender names; the subscriber number itself always is one (facts A6).
    #[serde(default)]
    pub senders: Vec<String>,
    /// Whether the account may send with İYS control (`iysfilter` 11, 12); else code 50.
    #[serde(default = "yes")]
    pub iys: bool,
    /// Its İYS brand; without one `iysfilter` 11 and 12 get code 51.
    #[serde(default = "brand")]
    pub brand_code: Option<String>,
    /// Segments left; unset: without end.
    #[serde(default)]
    pub credit: Option<u64>,
    /// Segments within any second before code 80; 0: no limit (Netgsm does not publish its own).
    #[serde(default)]
    pub max_segments_per_s: u32,
}

impl NetgsmAccount {
    /// An account with İYS, without credit limit and without rate limit.
    pub fn new(username: &str, password: &str, senders: &[&str]) -> Self {
        Self {
            username: username.to_owned(),
            password: password.to_owned(),
            senders: senders.iter().map(|sender| (*sender).to_owned()).collect(),
            iys: true,
            brand_code: brand(),
            credit: None,
            max_segments_per_s: 0,
        }
    }
}

impl fmt::Debug for NetgsmAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetgsmAccount").field("username", &self.username).finish_non_exhaustive()
    }
}

fn yes() -> bool {
    true
}

#[expect(clippy::unnecessary_wraps, reason = "serde's default for an optional field")]
fn brand() -> Option<String> {
    Some("100001".to_owned())
}

/// How Netgsm's errors look on the wire (facts A0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorShape {
    /// 406 with a JSON body, as the official clients document.
    Http406,
    /// 200 with a JSON body whose `code` is not `00`.
    Http200,
    /// 200 with the bare code as text.
    Text,
}

/// What a malformed date of a send does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadDates {
    /// Code 70.
    Refuse,
    /// As the legacy API: sent at once with code 01 (start) or 02 (stop).
    Replace,
}

/// How an exhausted account shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoCredit {
    /// Accepted with 00; the report says status 14.
    Status14,
    /// Refused with code 62.
    Code62,
}

/// How a message ends in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outcome {
    /// `status` (facts A4); 0 stays pending for ever.
    pub status: u32,
    /// `errorCode` (facts A4).
    pub error_code: u32,
}

impl Default for Outcome {
    fn default() -> Self {
        Self { status: 1, error_code: 0 }
    }
}

/// A message that a patient sent to an account.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboundMessage {
    /// Username of the account that received it.
    pub account: String,
    /// Its text.
    pub message: String,
    /// Who sent it.
    pub sender: String,
    /// `dd.MM.yyyy HH:mm:ss`, Turkish time.
    pub datetime: String,
}

impl fmt::Debug for InboundMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundMessage").field("account", &self.account).finish_non_exhaustive()
    }
}
