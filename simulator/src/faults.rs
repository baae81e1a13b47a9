//! Faults on order: which request is struck, and by what.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::lock::locked;
use crate::{number, seed};

/// Whose twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Netgsm SMS and Netgsm's İYS service.
    Netgsm,
    /// İYS itself.
    Iys,
    /// Twilio Programmable Messaging, and its content templates.
    Twilio,
    /// WhatsApp on Meta's Cloud API.
    Meta,
}

impl Provider {
    /// As it is written in faults and statistics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Netgsm => "netgsm",
            Self::Iys => "iys",
            Self::Twilio => "twilio",
            Self::Meta => "meta",
        }
    }
}

/// Which call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Netgsm send; Twilio `POST …/Messages.json`; Meta `POST …/messages`.
    Send,
    /// Netgsm one-time code.
    Otp,
    /// Netgsm delivery report.
    Report,
    /// Netgsm statistics of a job.
    Stats,
    /// Netgsm cancel.
    Cancel,
    /// Netgsm sender names.
    Msgheader,
    /// Netgsm inbox.
    Inbox,
    /// Netgsm balance, Twilio balance.
    Balance,
    /// Netgsm's İYS service: both of the following.
    Iys,
    /// Upload of consents through Netgsm.
    IysAdd,
    /// Query of a consent through Netgsm.
    IysSearch,
    /// İYS token, by password or refresh.
    Token,
    /// Everything about consents at İYS: batch, single, upload, history, changes.
    Consents,
    /// İYS brands.
    Brands,
    /// Twilio `GET …/Messages.json`.
    List,
    /// Twilio `GET …/Messages/{Sid}.json`.
    Fetch,
    /// Twilio `POST` (cancel, redact) or `DELETE` of `…/Messages/{Sid}.json`.
    Update,
    /// Twilio `GET /2010-04-01/Accounts/{AccountSid}.json`; Meta `GET /{Version}/{Phone-Number-ID}`.
    Account,
    /// Twilio's content templates and approvals; Meta `GET …/message_templates`.
    Templates,
    /// What the twin posts to us: a status callback of Twilio, a status webhook of Meta. Only `down` (lost) and `slow`
    /// (late) strike it, and `any` does not cover it.
    Callback,
    /// Every call of the provider.
    #[default]
    Any,
}

impl Operation {
    /// As it is written in faults and statistics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Otp => "otp",
            Self::Report => "report",
            Self::Stats => "stats",
            Self::Cancel => "cancel",
            Self::Msgheader => "msgheader",
            Self::Inbox => "inbox",
            Self::Balance => "balance",
            Self::Iys => "iys",
            Self::IysAdd => "iys_add",
            Self::IysSearch => "iys_search",
            Self::Token => "token",
            Self::Consents => "consents",
            Self::Brands => "brands",
            Self::List => "list",
            Self::Fetch => "fetch",
            Self::Update => "update",
            Self::Account => "account",
            Self::Templates => "templates",
            Self::Callback => "callback",
            Self::Any => "any",
        }
    }

    /// Whether a fault on this operation is one on that call.
    fn covers(self, call: Self) -> bool {
        match self {
            Self::Any => call != Self::Callback,
            Self::Iys => matches!(call, Self::IysAdd | Self::IysSearch),
            named => named == call,
        }
    }
}

/// A fault and whom it strikes. The first fault of the list that fits, and has times left, applies.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Whose twin.
    pub provider: Provider,
    /// Which call.
    #[serde(default)]
    pub operation: Operation,
    /// Only requests about this number, in any Turkish writing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Only requests of this account (Netgsm username, İYS username, Twilio `AccountSid`, Meta's phone number id).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Only this share (0 to 1) of the fitting requests, drawn with the script's seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Only so many times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// What happens.
    pub fault: FaultKind,
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fault")
            .field("provider", &self.provider)
            .field("operation", &self.operation)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

/// What happens to a struck request. `accept`: it is worked on first (logged, billed), as if all were well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// The vendor's answer with this code. Netgsm's 00, 01, 02 and 1000 are acceptances and are logged; so are
    /// Twilio's codes of a delivery (30001 to 30999, 63001 to 63999) at a send: the message then ends with it.
    Code {
        /// `"30"`, `"H103"`, `"invalid_grant"`, `"20429"`.
        code: String,
    },
    /// A bare HTTP status with a short HTML page, as a proxy in front of the vendor would give.
    Http {
        /// 400 to 599.
        status: u16,
    },
    /// No answer; after `seconds` the connection is closed.
    Hang {
        /// Whether the request was worked on.
        #[serde(default)]
        accept: bool,
        /// How long.
        #[serde(default = "ten_minutes")]
        seconds: u64,
    },
    /// TCP RST instead of an answer.
    Reset {
        /// Whether the request was worked on.
        #[serde(default)]
        accept: bool,
    },
    /// 200 with a body that is neither JSON nor text.
    Garbage {
        /// Whether the request was worked on.
        #[serde(default)]
        accept: bool,
    },
    /// Worked on at once; the true answer comes so much later.
    Slow {
        /// Milliseconds.
        ms: u64,
    },
    /// The connection is closed at once, without work and without answer.
    Down,
}

fn ten_minutes() -> u64 {
    600
}

impl FaultKind {
    /// As it is written in the request log.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Code { .. } => "code",
            Self::Http { .. } => "http",
            Self::Hang { .. } => "hang",
            Self::Reset { .. } => "reset",
            Self::Garbage { .. } => "garbage",
            Self::Slow { .. } => "slow",
            Self::Down => "down",
        }
    }
}

impl Fault {
    /// A fault that strikes every call of an operation.
    pub fn new(provider: Provider, operation: Operation, fault: FaultKind) -> Self {
        Self { provider, operation, number: None, account: None, share: None, times: None, fault }
    }

    /// Only so many times.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Only requests about this number.
    #[must_use]
    pub fn number(mut self, number: &str) -> Self {
        self.number = Some(number.to_owned());
        self
    }

    /// Only requests of this account.
    #[must_use]
    pub fn account(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }

    /// Only this share of the fitting requests.
    #[must_use]
    pub fn share(mut self, share: f64) -> Self {
        self.share = Some(share);
        self
    }

    /// Says what makes no sense.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return Err("share must be 0 to 1".to_owned());
        }
        if self.number.as_deref().is_some_and(|text| number::written_by_a_person(text).is_none()) {
            return Err("number is not a Turkish mobile number: write 5XXXXXXXXX".to_owned());
        }
        let told = self.operation == Operation::Callback;
        if told && !matches!(self.provider, Provider::Twilio | Provider::Meta) {
            return Err("only twilio and meta have a callback".to_owned());
        }
        if told && !matches!(self.fault, FaultKind::Down | FaultKind::Slow { .. }) {
            return Err("a callback can be down (lost) or slow (late)".to_owned());
        }
        match &self.fault {
            FaultKind::Http { status } if !(400..=599).contains(status) => {
                Err(format!("status {status} must be 400 to 599"))
            }
            FaultKind::Code { code }
                if code.is_empty()
                    || code.len() > 32
                    || !code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') =>
            {
                Err("code must be 1 to 32 letters, digits or underscores".to_owned())
            }
            FaultKind::Code { code }
                if matches!(self.provider, Provider::Twilio | Provider::Meta)
                    && code.parse::<u32>().is_err() =>
            {
                Err("code must be a number, as 20429 (Twilio) or 131026 (Meta)".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// What a fault looks at. The slow parts are asked for only where a fault names them.
pub(crate) struct Subject<'a> {
    pub provider: Provider,
    pub operation: Operation,
    pub account: &'a dyn Fn() -> Option<String>,
    pub numbers: &'a dyn Fn() -> Vec<u64>,
}

/// What happens to a callback or webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Posted when its time has come.
    Prompt,
    /// Posted so much later, others overtaking it.
    Late(Duration),
    /// Never posted.
    Lost,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    number: Option<u64>,
    left: Option<u64>,
    salt: u64,
    fitting: u64,
}

/// The armed faults, in their order.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    armed: Mutex<Vec<Armed>>,
    count: AtomicUsize,
}

/// More than this many armed faults are a mistake of the caller, and cost every request.
const MOST_FAULTS: usize = 10_000;

impl Faults {
    /// Puts these in the place of all others.
    pub(crate) fn replace(&self, faults: Vec<Fault>) {
        let mut armed = locked(&self.armed);
        armed.clear();
        for fault in faults {
            arm(&mut armed, fault);
        }
        self.count.store(armed.len(), Ordering::Release);
    }

    /// Adds one at the end; false where there are too many.
    pub(crate) fn add(&self, fault: Fault) -> bool {
        let mut armed = locked(&self.armed);
        if armed.len() >= MOST_FAULTS {
            armed.retain(|fault| fault.left != Some(0));
            if armed.len() >= MOST_FAULTS {
                return false;
            }
        }
        arm(&mut armed, fault);
        self.count.store(armed.len(), Ordering::Release);
        true
    }

    /// Those that are armed, with the times they have left.
    pub(crate) fn list(&self) -> Vec<Fault> {
        let armed = locked(&self.armed);
        armed.iter().map(|armed| Fault { times: armed.left, ..armed.fault.clone() }).collect()
    }

    /// What happens to something that a twin is about to post to us about this number.
    pub(crate) fn fate_of_callback(
        &self,
        seed: u64,
        provider: Provider,
        account: &str,
        to: u64,
    ) -> Fate {
        let subject = Subject {
            provider,
            operation: Operation::Callback,
            account: &|| Some(account.to_owned()),
            numbers: &|| vec![to],
        };
        match self.strike(seed, &subject) {
            None => Fate::Prompt,
            Some(FaultKind::Slow { ms }) => Fate::Late(Duration::from_millis(ms)),
            Some(_) => Fate::Lost,
        }
    }

    /// The fault that strikes this request.
    pub(crate) fn strike(&self, seed: u64, subject: &Subject<'_>) -> Option<FaultKind> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut armed = locked(&self.armed);
        let (mut account, mut numbers) = (None, None);
        for candidate in armed.iter_mut() {
            let fault = &candidate.fault;
            if fault.provider != subject.provider
                || !fault.operation.covers(subject.operation)
                || candidate.left == Some(0)
            {
                continue;
            }
            if fault.account.is_some()
                && *account.get_or_insert_with(|| (subject.account)()) != fault.account
            {
                continue;
            }
            if let Some(number) = candidate.number
                && !numbers.get_or_insert_with(|| (subject.numbers)()).contains(&number)
            {
                continue;
            }
            candidate.fitting += 1;
            if let Some(share) = fault.share
                && !seed::chance(seed::mix(seed, candidate.salt), candidate.fitting, share)
            {
                continue;
            }
            if let Some(left) = &mut candidate.left {
                *left -= 1;
            }
            return Some(candidate.fault.fault.clone());
        }
        None
    }
}

fn arm(armed: &mut Vec<Armed>, fault: Fault) {
    let number = fault.number.as_deref().and_then(number::written_by_a_person);
    let salt = armed.len() as u64;
    armed.push(Armed { left: fault.times, number, salt, fitting: 0, fault });
}

#[cfg(test)]
mod tests;
