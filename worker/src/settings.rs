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
    /// Whose Twilio account serves it, where it may be used.
    pub twilio: String,
    /// Whose İYS account and brand serve it.
    pub iys: String,
    /// `None`: any hour.
    pub quiet_hours: Option<QuietHours>,
    /// No second accepted reminder of one appointment and start within this.
    pub min_gap: TimeDelta,
    /// Consent rules that differ from the types' own.
    pub consent: BTreeMap<String, ClinicConsent>,
    /// The legal basis, in words, on which its patients' data may leave Türkiye; `None`: no provider abroad is used for it.
    pub transfer_abroad: Option<String>,
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
    /// Most messages of one job; 1: each goes alone (ADR 0011).
    pub batch: u32,
    /// Its İYS service; `None`: no brand is configured for it.
    pub consent: Option<NetgsmConsent>,
}

/// What Netgsm's İYS service is asked with (`facts/netgsm_iys.md` A7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetgsmConsent {
    /// The brand's number; digits.
    pub brand_code: String,
    /// Questions a minute, shared by all workers; `None`: no cap.
    pub max_per_minute: Option<u32>,
}

/// A provider of SMS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SmsProvider {
    /// Netgsm, in Türkiye.
    Netgsm,
    /// Twilio, in the USA.
    Twilio,
}

impl SmsProvider {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Netgsm, Self::Twilio];

    /// Its name in lanes, rate keys and codes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Netgsm => "netgsm",
            Self::Twilio => "twilio",
        }
    }

    /// The provider of a lane; `None`: it is no lane of SMS.
    pub fn of_lane(lane: &str) -> Option<Self> {
        let (name, _) = lane.split_once('/')?;
        Self::ALL.into_iter().find(|provider| provider.as_str() == name)
    }

    /// Whether a person's data leaves Türkiye with a message: only for a clinic that names its legal basis.
    pub const fn is_abroad(self) -> bool {
        match self {
            Self::Netgsm => false,
            Self::Twilio => true,
        }
    }

    /// Whose rules count a text's segments.
    pub const fn counts(self) -> templates::Provider {
        match self {
            Self::Netgsm => templates::Provider::Netgsm,
            Self::Twilio => templates::Provider::Twilio,
        }
    }
}

/// A Twilio account with what the pipeline needs to know of it. Twilio never repeats a reference of ours.
#[derive(Debug, Clone)]
pub struct TwilioAccount {
    /// Connection, credentials, and what it sends from.
    pub account: providers::twilio::Account,
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
    /// İYS through Netgsm's service, with the account that serves the clinic.
    Netgsm,
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
    /// Twilio accounts by name.
    pub twilio: BTreeMap<String, TwilioAccount>,
    /// In which order providers of SMS are used; one that is not named is not used.
    pub sms_order: Vec<SmsProvider>,
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
    /// How long after its deadline an attempt that may have arrived is first looked for.
    pub first_look: Duration,
    /// How long a stop waits for what is in flight.
    pub drain: Duration,
}

impl Settings {
    /// The lanes of a clinic's SMS in the order in which they are used. A provider abroad has one only with the clinic's
    /// legal basis.
    pub fn sms_lanes(&self, clinic: &Clinic) -> Vec<SmsLane> {
        self.sms_order.iter().filter_map(|provider| self.sms_lane(*provider, clinic)).collect()
    }

    /// The lane of a clinic's SMS at one provider; `None`: it has no account or sender there, or may not use it.
    pub fn sms_lane(&self, provider: SmsProvider, clinic: &Clinic) -> Option<SmsLane> {
        if provider.is_abroad() && clinic.transfer_abroad.is_none() {
            return None;
        }
        let (account, sender, echoes_reference, max_per_s) = match provider {
            SmsProvider::Netgsm => {
                let account = self.netgsm.get(&clinic.netgsm)?;
                let sender = clinic.sender.clone().or_else(|| account.sender.clone())?;
                (&clinic.netgsm, sender, account.echoes_reference, account.max_per_s)
            }
            SmsProvider::Twilio => {
                let account = self.twilio.get(&clinic.twilio)?;
                let sender = account.account.from.as_str().to_owned();
                (&clinic.twilio, sender, false, account.max_per_s)
            }
        };
        Some(SmsLane {
            provider,
            name: format!("{}/{account}/{sender}", provider.as_str()),
            account: account.clone(),
            sender,
            echoes_reference,
            max_per_s,
        })
    }

    /// The lane of a clinic's consent questions.
    pub fn consent_lane(&self, clinic: &Clinic) -> String {
        match self.consent_source {
            ConsentSource::Netgsm => crate::consent_netgsm::lane(&clinic.netgsm),
            // nobody is asked for the registry's answer, so nothing ever waits for it
            ConsentSource::Iys | ConsentSource::Registry => format!("iys/{}", clinic.iys),
        }
    }

    /// Whether an account is there that a clinic's consent questions can be asked with.
    pub fn has_consent_account(&self, clinic: &Clinic) -> bool {
        match self.consent_source {
            ConsentSource::Iys => self.iys.contains_key(&clinic.iys),
            ConsentSource::Netgsm => {
                self.netgsm.get(&clinic.netgsm).is_some_and(|account| account.consent.is_some())
            }
            ConsentSource::Registry => false,
        }
    }
}

/// Where an SMS goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsLane {
    /// The provider.
    pub provider: SmsProvider,
    /// Name of the lane: `<provider>/<account>/<sender>`.
    pub name: String,
    /// Account at the provider.
    pub account: String,
    /// Sender name, number or service.
    pub sender: String,
    /// The provider echoes our reference, so the number needs no slot.
    pub echoes_reference: bool,
    /// Cap in segments a second.
    pub max_per_s: Option<u32>,
}
