use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ScriptError, check_range, senseless};
use crate::number;

/// How the Meta twin behaves. Limits: 0 turns one off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetaScript {
    /// Business numbers, and who may send from them.
    pub accounts: Vec<MetaAccount>,
    /// `message_status` of the answer to a send.
    pub message_status: MetaMessageStatus,
    /// Least and most milliseconds from acceptance to `sent` (or to `failed`).
    pub send_ms: [u64; 2],
    /// Least and most milliseconds from `sent` to `delivered` (or to a `failed` that comes after `sent`).
    pub delivery_ms: [u64; 2],
    /// Least and most milliseconds from `delivered` to `read`.
    pub read_ms: [u64; 2],
    /// Whether `delivered` is left out where the message is read (facts A8: it may be).
    pub read_without_delivered: bool,
    /// How often each status comes; 1 to 5.
    pub webhook_copies: u32,
    /// Whether all statuses of a message come with the last, in the wrong order (facts A8: none is promised).
    pub webhooks_reversed: bool,
    /// Most statuses in one webhook; 1 to 1000.
    pub statuses_per_webhook: usize,
    /// How long statuses are gathered where more than one goes into a webhook.
    pub gather_ms: u64,
    /// Waits before a webhook that was not answered 200 is posted again.
    pub webhook_retry_ms: Vec<u64>,
    /// How messages end, by number.
    pub outcomes: BTreeMap<String, MetaOutcome>,
    /// How all others end.
    pub default_outcome: MetaOutcome,
}

impl Default for MetaScript {
    fn default() -> Self {
        Self {
            accounts: vec![MetaAccount {
                phone_number_id: "100000000000001".to_owned(),
                display_phone_number: "+90 850 123 45 67".to_owned(),
                business_account_id: "200000000000001".to_owned(),
                access_token: "meta-token".to_owned(),
                app_secret: "meta-app-secret".to_owned(),
                webhook_url: None,
                max_messages_per_s: 0,
                templates: vec![MetaTemplate {
                    name: "randevu_hatirlatma".to_owned(),
                    language: "tr".to_owned(),
                    status: approved(),
                    category: utility(),
                    header: None,
                    body: "Sayın {{1}}, {{2}} günü saat {{3}} randevunuzu hatırlatırız.".to_owned(),
                    footer: None,
                    buttons: Vec::new(),
                }],
            }],
            message_status: MetaMessageStatus::Accepted,
            send_ms: [200, 1_000],
            delivery_ms: [500, 5_000],
            read_ms: [1_000, 20_000],
            read_without_delivered: false,
            webhook_copies: 1,
            webhooks_reversed: false,
            statuses_per_webhook: 1,
            gather_ms: 50,
            webhook_retry_ms: vec![1_000, 5_000, 25_000],
            outcomes: BTreeMap::new(),
            default_outcome: MetaOutcome::default(),
        }
    }
}

impl MetaScript {
    pub(super) fn check(&self) -> Result<(), ScriptError> {
        check_range("meta.send_ms", self.send_ms)?;
        check_range("meta.delivery_ms", self.delivery_ms)?;
        check_range("meta.read_ms", self.read_ms)?;
        if !(1..=5).contains(&self.webhook_copies) {
            return Err(senseless("meta.webhook_copies", "must be 1 to 5"));
        }
        if !(1..=1_000).contains(&self.statuses_per_webhook) {
            return Err(senseless("meta.statuses_per_webhook", "must be 1 to 1000"));
        }
        if self.webhook_retry_ms.len() > 10 {
            return Err(senseless("meta.webhook_retry_ms", "must be at most 10 waits"));
        }
        if self.outcomes.keys().any(|number| number::looked_for(number).is_none()) {
            let wrong = "a number is neither a Turkish mobile nor E.164: write +905XXXXXXXXX";
            return Err(senseless("meta.outcomes", wrong));
        }
        let mut seen = HashSet::new();
        for (index, account) in self.accounts.iter().enumerate() {
            account.check(&format!("meta.accounts[{index}]"))?;
            if !seen.insert(&account.phone_number_id) {
                let key = format!("meta.accounts[{index}].phone_number_id");
                return Err(senseless(key, "is there twice: give each its own"));
            }
        }
        Ok(())
    }
}

/// A business number at Meta.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetaAccount {
    /// The id of the number: digits.
    pub phone_number_id: String,
    /// The number as people write it.
    #[serde(default)]
    pub display_phone_number: String,
    /// The id of the business account (WABA), which has the templates: digits.
    pub business_account_id: String,
    /// The token that opens both.
    pub access_token: String,
    /// The key of every `X-Hub-Signature-256`.
    pub app_secret: String,
    /// Where status webhooks go; absent: nowhere, until a subscription names an address.
    #[serde(default)]
    pub webhook_url: Option<String>,
    /// Messages within any second before 130429.
    #[serde(default)]
    pub max_messages_per_s: u32,
    /// The templates of its business account.
    #[serde(default)]
    pub templates: Vec<MetaTemplate>,
}

impl MetaAccount {
    fn check(&self, key: &str) -> Result<(), ScriptError> {
        for (name, id) in [
            ("phone_number_id", &self.phone_number_id),
            ("business_account_id", &self.business_account_id),
        ] {
            if !(1..=32).contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_digit()) {
                return Err(senseless(format!("{key}.{name}"), "must be digits"));
            }
        }
        let url = self.webhook_url.as_deref().map(reqwest::Url::parse);
        if url.is_some_and(|url| !url.is_ok_and(|url| matches!(url.scheme(), "http" | "https"))) {
            return Err(senseless(format!("{key}.webhook_url"), "must be an http(s) address"));
        }
        Ok(())
    }

    /// The template of this name in this language.
    pub(crate) fn template(&self, name: &str, language: &str) -> Option<&MetaTemplate> {
        let is_it = |it: &&MetaTemplate| it.name == name && it.language == language;
        self.templates.iter().find(is_it)
    }
}

impl fmt::Debug for MetaAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetaAccount")
            .field("phone_number_id", &self.phone_number_id)
            .finish_non_exhaustive()
    }
}

/// A message template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetaTemplate {
    /// Its name.
    pub name: String,
    /// Its language, as `tr` or `en_US`.
    pub language: String,
    /// `APPROVED`, `PENDING`, `REJECTED`, `PAUSED`, `DISABLED`.
    #[serde(default = "approved")]
    pub status: String,
    /// `UTILITY`, `MARKETING`, `AUTHENTICATION`.
    #[serde(default = "utility")]
    pub category: String,
    /// A text above the body, perhaps with a placeholder.
    #[serde(default)]
    pub header: Option<String>,
    /// Its text with placeholders `{{1}}`.
    pub body: String,
    /// A text below the body.
    #[serde(default)]
    pub footer: Option<String>,
    /// Its buttons.
    #[serde(default)]
    pub buttons: Vec<MetaButton>,
}

/// A button of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetaButton {
    /// What it does.
    pub kind: MetaButtonKind,
    /// What stands on it.
    pub text: String,
    /// The address of a `url`, perhaps with `{{1}}` at its end.
    #[serde(default)]
    pub url: Option<String>,
}

/// What a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetaButtonKind {
    /// Answers with a payload.
    QuickReply,
    /// Opens an address.
    Url,
    /// Calls a number.
    PhoneNumber,
}

/// `message_status` of the answer to a send (Meta's OpenAPI).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetaMessageStatus {
    /// Being worked on.
    Accepted,
    /// Held until its quality was assessed.
    HeldForQualityAssessment,
    /// Its delivery is paused.
    Paused,
}

impl MetaMessageStatus {
    /// As it is written.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::HeldForQualityAssessment => "held_for_quality_assessment",
            Self::Paused => "paused",
        }
    }
}

/// How a message ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetaOutcome {
    /// Its last status.
    pub status: MetaEnd,
    /// The code of a `failed` one; 0: `errors` is absent.
    pub error_code: u32,
    /// Whether a `failed` comes after `sent` (facts A8: it may).
    pub after_sent: bool,
}

/// The last status of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetaEnd {
    /// Accepted, and nobody tells more.
    Accepted,
    /// Left Meta, and nobody tells more: the user blocked the sender, or the phone is off.
    Sent,
    /// Arrived.
    #[default]
    Delivered,
    /// Arrived and was read.
    Read,
    /// Did not arrive.
    Failed,
}

fn approved() -> String {
    "APPROVED".to_owned()
}

fn utility() -> String {
    "UTILITY".to_owned()
}
