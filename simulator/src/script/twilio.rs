use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ScriptError, check_range, senseless};
use crate::number;

/// How the Twilio twin behaves. Limits: 0 turns one off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TwilioScript {
    /// Who may call.
    pub accounts: Vec<TwilioAccount>,
    /// Least and most milliseconds from acceptance to `sent`.
    pub send_ms: [u64; 2],
    /// Least and most milliseconds from `sent` to the end.
    pub delivery_ms: [u64; 2],
    /// Least and most milliseconds before a message shows up in the list (facts A2: not published).
    pub list_lag_ms: [u64; 2],
    /// Segments a second that leave a sender; the rest queues (facts A9: 10 for an alphanumeric one). 0: no queue.
    pub sender_segments_per_s: u32,
    /// What an alphanumeric sender that is not registered gets in Türkiye (facts A8).
    pub unregistered_sender: UnregisteredSender,
    /// How often each status callback comes (facts A3: consumers dedupe); 1 to 5.
    pub callback_copies: u32,
    /// Whether all callbacks of a message come with the last, in the wrong order (facts A3: none is promised).
    pub callbacks_reversed: bool,
    /// Numbers that opted out: 21610.
    pub opted_out: Vec<String>,
    /// How messages end, by number.
    pub outcomes: BTreeMap<String, TwilioOutcome>,
    /// How all others end.
    pub default_outcome: TwilioOutcome,
    /// How WhatsApp messages end, by number.
    pub whatsapp_outcomes: BTreeMap<String, TwilioOutcome>,
    /// How all other WhatsApp messages end.
    pub whatsapp_default_outcome: TwilioOutcome,
    /// `price` of a segment once it is sent, without its sign.
    pub price_per_segment: f64,
}

impl Default for TwilioScript {
    fn default() -> Self {
        Self {
            accounts: vec![TwilioAccount {
                account_sid: "AC00000000000000000000000000000001".to_owned(),
                auth_token: "twilio-token".to_owned(),
                api_keys: vec![TwilioApiKey {
                    sid: "SK00000000000000000000000000000001".to_owned(),
                    secret: "twilio-key-secret".to_owned(),
                    kind: TwilioKeyKind::Standard,
                }],
                from: vec!["+13185550100".to_owned()],
                alphanumeric: vec!["KLINIK".to_owned()],
                messaging_services: vec![TwilioService {
                    sid: "MG00000000000000000000000000000001".to_owned(),
                    senders: vec!["KLINIK".to_owned(), "+13185550100".to_owned()],
                }],
                whatsapp: vec!["+13185550100".to_owned()],
                contents: vec![TwilioContent {
                    sid: "HX00000000000000000000000000000001".to_owned(),
                    friendly_name: "randevu_hatirlatma".to_owned(),
                    language: "tr".to_owned(),
                    body: "Sayın {{1}}, {{2}} günü saat {{3}} randevunuzu hatırlatırız.".to_owned(),
                    variables: BTreeMap::new(),
                    category: utility(),
                    status: approved(),
                }],
                countries: turkiye(),
                active: true,
                max_requests_per_s: 0,
                balance: balance(),
            }],
            send_ms: [200, 1_000],
            delivery_ms: [1_000, 10_000],
            list_lag_ms: [0, 0],
            sender_segments_per_s: 0,
            unregistered_sender: UnregisteredSender::Code21657,
            callback_copies: 1,
            callbacks_reversed: false,
            opted_out: Vec::new(),
            outcomes: BTreeMap::new(),
            default_outcome: TwilioOutcome::default(),
            whatsapp_outcomes: BTreeMap::new(),
            whatsapp_default_outcome: TwilioOutcome::default(),
            price_per_segment: 0.042,
        }
    }
}

impl TwilioScript {
    pub(super) fn check(&self) -> Result<(), ScriptError> {
        check_range("twilio.send_ms", self.send_ms)?;
        check_range("twilio.delivery_ms", self.delivery_ms)?;
        check_range("twilio.list_lag_ms", self.list_lag_ms)?;
        if !(0.0..=1_000.0).contains(&self.price_per_segment) {
            return Err(senseless("twilio.price_per_segment", "must be 0 to 1000"));
        }
        if !(1..=5).contains(&self.callback_copies) {
            return Err(senseless("twilio.callback_copies", "must be 1 to 5"));
        }
        let (mut accounts, mut keys) = (HashSet::new(), HashSet::new());
        for (index, account) in self.accounts.iter().enumerate() {
            let key = |name: &str| format!("twilio.accounts[{index}].{name}");
            check_sid(&key("account_sid"), "AC", &account.account_sid, &mut accounts)?;
            for api_key in &account.api_keys {
                check_sid(&key("api_keys"), "SK", &api_key.sid, &mut keys)?;
            }
            let mut services = HashSet::new();
            for service in &account.messaging_services {
                check_sid(&key("messaging_services"), "MG", &service.sid, &mut services)?;
                if !service.senders.iter().all(|sender| account.owns(sender)) {
                    let wrong = "a sender is in neither from nor alphanumeric of its account";
                    return Err(senseless(key("messaging_services"), wrong));
                }
            }
            for (name, numbers) in [("from", &account.from), ("whatsapp", &account.whatsapp)] {
                if !numbers.iter().all(|number| number::e164(number).is_some()) {
                    return Err(senseless(key(name), "must be numbers in E.164, as +13185550100"));
                }
            }
            let mut contents = HashSet::new();
            for content in &account.contents {
                check_sid(&key("contents"), "HX", &content.sid, &mut contents)?;
            }
            if !account.countries.iter().all(|prefix| prefix.starts_with('+')) {
                return Err(senseless(key("countries"), "must be calling codes, as +90"));
            }
        }
        for (key, mut numbers) in [
            ("twilio.outcomes", self.outcomes.keys().collect::<Vec<_>>().into_iter()),
            (
                "twilio.whatsapp_outcomes",
                self.whatsapp_outcomes.keys().collect::<Vec<_>>().into_iter(),
            ),
            ("twilio.opted_out", self.opted_out.iter().collect::<Vec<_>>().into_iter()),
        ] {
            if numbers.any(|number| number::looked_for(number).is_none()) {
                let wrong = "a number is neither a Turkish mobile nor E.164: write +905XXXXXXXXX";
                return Err(senseless(key, wrong));
            }
        }
        Ok(())
    }
}

/// Two letters and 32 hexadecimal digits, and no other like it.
fn check_sid<'a>(
    key: &str,
    letters: &str,
    sid: &'a str,
    seen: &mut HashSet<&'a str>,
) -> Result<(), ScriptError> {
    let digits = sid.strip_prefix(letters).unwrap_or("");
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(senseless(key, format!("must be {letters} and 32 hexadecimal digits")));
    }
    if !seen.insert(sid) {
        return Err(senseless(key, "is there twice: give each its own"));
    }
    Ok(())
}

/// An account of Twilio.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwilioAccount {
    /// `AC` and 32 hexadecimal digits.
    pub account_sid: String,
    /// Its AuthToken: a password of the API, and the key of every `X-Twilio-Signature`.
    pub auth_token: String,
    /// Its API keys.
    #[serde(default)]
    pub api_keys: Vec<TwilioApiKey>,
    /// Its numbers, in E.164.
    #[serde(default)]
    pub from: Vec<String>,
    /// Its alphanumeric sender ids, registered in Türkiye (facts A8).
    #[serde(default)]
    pub alphanumeric: Vec<String>,
    /// Its Messaging Services.
    #[serde(default)]
    pub messaging_services: Vec<TwilioService>,
    /// Its WhatsApp senders, in E.164 without `whatsapp:`.
    #[serde(default)]
    pub whatsapp: Vec<String>,
    /// Its content templates.
    #[serde(default)]
    pub contents: Vec<TwilioContent>,
    /// Calling codes that its geo permissions allow; others get 21408.
    #[serde(default = "turkiye")]
    pub countries: Vec<String>,
    /// Not suspended and not closed; else every call gets 20003 (facts A7).
    #[serde(default = "yes")]
    pub active: bool,
    /// Requests within any second before 20429; 0: no limit (Twilio does not publish its own, facts A9).
    #[serde(default)]
    pub max_requests_per_s: u32,
    /// What its balance says, in USD.
    #[serde(default = "balance")]
    pub balance: String,
}

impl TwilioAccount {
    /// Whether a sender is one of the account's.
    pub(crate) fn owns(&self, sender: &str) -> bool {
        match sender.strip_prefix("whatsapp:") {
            Some(number) => self.whatsapp.iter().any(|own| own == number),
            None => self.from.iter().chain(&self.alphanumeric).any(|own| own == sender),
        }
    }

    /// The content template with this sid.
    pub(crate) fn content(&self, sid: &str) -> Option<&TwilioContent> {
        self.contents.iter().find(|content| content.sid == sid)
    }
}

impl fmt::Debug for TwilioAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwilioAccount")
            .field("account_sid", &self.account_sid)
            .finish_non_exhaustive()
    }
}

fn yes() -> bool {
    true
}

fn turkiye() -> Vec<String> {
    vec!["+90".to_owned()]
}

fn balance() -> String {
    "100.00".to_owned()
}

/// An API key of a Twilio account.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwilioApiKey {
    /// `SK` and 32 hexadecimal digits.
    pub sid: String,
    /// Its secret.
    pub secret: String,
    /// What it may do.
    #[serde(default)]
    pub kind: TwilioKeyKind,
}

impl fmt::Debug for TwilioApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwilioApiKey").field("sid", &self.sid).finish_non_exhaustive()
    }
}

/// What an API key may do (twilio.com/docs/iam/api-keys and the page of error 20003).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TwilioKeyKind {
    /// Everything but the account itself: `GET /Accounts/{AccountSid}.json` gets 401 with 20003.
    #[default]
    Standard,
    /// Everything.
    Main,
}

/// A content template, of type `twilio/text` (facts twilio A6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwilioContent {
    /// `HX` and 32 hexadecimal digits.
    pub sid: String,
    /// Its name in the console.
    #[serde(default)]
    pub friendly_name: String,
    /// ISO 639-1.
    #[serde(default)]
    pub language: String,
    /// Its text with placeholders `{{1}}`.
    pub body: String,
    /// Values of placeholders that a message gives none for.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// `UTILITY`, `MARKETING`, `AUTHENTICATION`.
    #[serde(default = "utility")]
    pub category: String,
    /// What WhatsApp says: `approved`, `unsubmitted`, `pending`, `rejected`, `paused`, `disabled`.
    #[serde(default = "approved")]
    pub status: String,
}

fn utility() -> String {
    "UTILITY".to_owned()
}

fn approved() -> String {
    "approved".to_owned()
}

/// A Messaging Service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwilioService {
    /// `MG` and 32 hexadecimal digits.
    pub sid: String,
    /// Its sender pool; the first that can reach the number is taken. A WhatsApp sender is `whatsapp:+E164`.
    #[serde(default)]
    pub senders: Vec<String>,
}

/// What an alphanumeric sender that is not registered gets in Türkiye.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnregisteredSender {
    /// Refused with 21657.
    Code21657,
    /// Accepted and delivered, with the warning 30018 (facts A7).
    Warning30018,
}

/// How a message ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TwilioOutcome {
    /// Its last status.
    pub status: TwilioEnd,
    /// Its `error_code`; 0: null.
    pub error_code: u32,
}

/// The last status of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TwilioEnd {
    /// Arrived.
    #[default]
    Delivered,
    /// Left Twilio and did not arrive.
    Undelivered,
    /// Did not leave Twilio.
    Failed,
    /// Left Twilio, and nobody tells more (facts A3).
    Sent,
    /// Stays in Twilio's queue for ever.
    Queued,
    /// Arrived and was read (WhatsApp).
    Read,
}
