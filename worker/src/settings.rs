//! What a worker is told: clinics, accounts, limits.

use crate::quiet::QuietHours;
use chrono::TimeDelta;
use schemas::{ClinicId, ConsentRule};
use std::collections::BTreeMap;
use std::time::Duration;
use templates::ClinicFace;

/// A clinic as the worker sees it.
#[derive(Debug, Clone)]
pub struct Clinic {
    /// What texts show of it.
    pub face: ClinicFace,
    /// Approved sender name; `None`: the account's own.
    pub sender: Option<String>,
    /// Whose Netgsm account serves it.
    pub netgsm: String,
    /// Whose İYS account and brand serve it.
    pub iys: String,
    /// `None`: any hour.
    pub quiet_hours: Option<QuietHours>,
    /// No second accepted reminder of one appointment and start within this.
    pub min_gap: TimeDelta,
    /// Consent rules that differ from the types' own.
    pub consent: BTreeMap<String, ClinicConsent>,
}

/// A clinic's own consent rule for a type.
#[derive(Debug, Clone)]
pub struct ClinicConsent {
    /// The rule.
    pub rule: ConsentRule,
    /// Its legal basis in words, recorded with each decision.
    pub basis: Option<String>,
}

/// A Netgsm account with what the pipeline needs to know of it.
#[derive(Debug, Clone)]
pub struct NetgsmAccount {
    /// Connection and credentials.
    pub account: providers::netgsm::Account,
    /// Sender for clinics that have none of their own.
    pub sender: Option<String>,
    /// Its reports repeat our reference, so that a number needs no slot.
    pub echoes_reference: bool,
    /// Cap in segments a second, shared by all workers; `None`: no cap.
    pub max_per_s: Option<u32>,
}

/// An İYS account with its budgets.
#[derive(Debug, Clone)]
pub struct IysAccount {
    /// Connection and credentials.
    pub account: providers::iys::Account,
    /// Requests a second, shared by all workers (10 are allowed per IP); `None`: no limit.
    pub max_per_s: Option<u32>,
    /// Single status queries an hour (1,000 are allowed); `None`: no limit.
    pub max_single_per_hour: Option<u32>,
}

/// Who is asked for consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentSource {
    /// İYS, directly.
    Iys,
    /// The clinic's own records: here the suppression list.
    Registry,
}

/// Everything a worker is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Clinics by id.
    pub clinics: BTreeMap<ClinicId, Clinic>,
    /// Netgsm accounts by name.
    pub netgsm: BTreeMap<String, NetgsmAccount>,
    /// İYS accounts by name.
    pub iys: BTreeMap<String, IysAccount>,
    /// Who is asked for consent.
    pub consent_source: ConsentSource,
    /// Messages in work at the same time.
    pub in_flight: usize,
    /// Unsettled deliveries of each queue.
    pub prefetch: u16,
    /// Further attempts made in process after a certain failure.
    pub quick_retries: u32,
    /// Longest time from the first byte to the last of the answer.
    pub request_deadline: Duration,
    /// How long an unknown attempt is looked for.
    pub give_up: Duration,
    /// How long a stop waits for what is in flight.
    pub drain: Duration,
}

impl Settings {
    /// The lane of a clinic's SMS: provider, account and sender.
    pub fn sms_lane(&self, clinic: &Clinic) -> Option<SmsLane> {
        let account = self.netgsm.get(&clinic.netgsm)?;
        let sender = clinic.sender.clone().or_else(|| account.sender.clone())?;
        let name = format!("netgsm/{}/{sender}", clinic.netgsm);
        Some(SmsLane {
            name,
            account: clinic.netgsm.clone(),
            sender,
            echoes_reference: account.echoes_reference,
            max_per_s: account.max_per_s,
        })
    }

    /// The lane of a clinic's consent questions.
    pub fn iys_lane(&self, clinic: &Clinic) -> String {
        format!("iys/{}", clinic.iys)
    }
}

/// Where an SMS goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsLane {
    /// Name of the lane: `netgsm/<account>/<sender>`.
    pub name: String,
    /// Netgsm account.
    pub account: String,
    /// Sender name.
    pub sender: String,
    /// The provider echoes our reference, so the number needs no slot.
    pub echoes_reference: bool,
    /// Cap in segments a second.
    pub max_per_s: Option<u32>,
}
