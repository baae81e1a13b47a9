//! The calls.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderValue;
use schemas::PhoneNumber;

use super::account::{Account, From};
use super::codes::Codes;
use super::listing::{ListQuery, MessagePage, NextPage};
use super::message::MessageRow;
use super::verdict::{Reading, is_missing};
use super::wire::{callback, form, message_sid};
use crate::fields::Fields;
use crate::http::{Ask, Service};
use crate::receipt::Receipt;
use crate::{ClientError, FailedKind, Freshness, LaneTrouble, Limits};
use crate::{Outcome, ProbeTrouble, Trouble};

/// The longest `ValidityPeriod`, which is also what Twilio takes without one (A1).
pub const LONGEST_VALIDITY: Duration = Duration::from_hours(10);
/// A page of 50 of the longest texts is about half a MiB.
const ANSWER_BYTES: usize = 1024 * 1024;

/// One text to one number.
#[derive(Clone, Copy)]
pub struct TwilioSms<'a> {
    /// Whom to.
    pub to: &'a PhoneNumber,
    /// What to say, at most 1,600 characters.
    pub text: &'a str,
    /// How long Twilio may still send it: whole seconds, rounded down, at most
    /// [`LONGEST_VALIDITY`]. Below one second nothing is sent.
    pub validity: Duration,
    /// `<ntf>-<n>`; Twilio hears it in the status callback only.
    pub reference: &'a str,
    /// Which attempt of this message it is, whatever the provider; for Twilio's statistics.
    pub attempt: u32,
    /// Where Twilio reports: an absolute address whose host has no underscore; the reference is
    /// added to its query as `m`. Without it nothing but the list tells what became of an attempt
    /// in doubt.
    pub status_callback: Option<&'a str>,
}

impl fmt::Debug for TwilioSms<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwilioSms")
            .field("reference", &self.reference)
            .field("validity", &self.validity)
            .finish_non_exhaustive()
    }
}

/// What Twilio says about an account that may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountInfo {
    /// A trial account: it reaches verified numbers only and puts a sentence before each text.
    pub trial: bool,
}

/// What is left on an account (A2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// A decimal number with a point.
    pub amount: String,
    /// Three letters, such as `USD`.
    pub currency: String,
}

/// The client of one account. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    pub(super) service: Service,
    /// The host of the content templates (A6).
    pub(super) content: Service,
    pub(super) account: Arc<Account>,
    pub(super) codes: Arc<Codes>,
    authorization: HeaderValue,
    /// `/2010-04-01/Accounts/AC…`
    root: Arc<str>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("twilio::Client")
            .field("account", &self.account.name)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Checks address, credentials and sender for form; asks nobody.
    pub fn new(account: Account, limits: Limits) -> Result<Self, ClientError> {
        let service = Service::new(&account.base_url, &limits, &account.called())?
            .with_forms()
            .with_answers_up_to(ANSWER_BYTES);
        let content = Service::new(&account.content_url(), &limits, &account.called())?
            .with_answers_up_to(ANSWER_BYTES);
        let authorization = account.authorization()?;
        let codes = Arc::new(Codes::embedded()?);
        let root = format!("/2010-04-01/Accounts/{}", account.account_sid).into();
        Ok(Self { service, content, account: Arc::new(account), codes, authorization, root })
    }

    /// The account's name in the configuration.
    pub fn name(&self) -> &str {
        &self.account.name
    }

    /// Who its messages are from.
    pub fn sender(&self) -> &From {
        &self.account.from
    }

    /// Sends one message, once (A1). `fresh` was started before the claim left.
    pub async fn send(&self, sms: TwilioSms<'_>, fresh: Freshness) -> Outcome {
        let seconds = sms.validity.min(LONGEST_VALIDITY).as_secs();
        if seconds == 0 {
            let detail = "no whole second is left to deliver in; nothing was sent";
            return Outcome::Failed(FailedKind::NotSent, Trouble::new("window-closed", detail));
        }
        let (seconds, attempt) = (seconds.to_string(), sms.attempt.to_string());
        let callback = sms.status_callback.map(|address| callback(address, sms.reference));
        let mut fields = vec![
            ("To", sms.to.e164()),
            self.account.from.field(),
            ("Body", sms.text),
            ("ValidityPeriod", seconds.as_str()),
            ("SmartEncoded", "false"),
            ("Attempt", attempt.as_str()),
        ];
        fields.extend(callback.as_deref().map(|address| ("StatusCallback", address)));
        let path = self.messages();
        let ask = Ask { method: Method::POST, body: Some(form(&fields)), ..self.question(&path) };
        let answer = self.service.ask(Ask { fresh: Some(fresh), ..ask }).await;
        let own = [sms.text, sms.to.e164(), sms.to.national()];
        self.reading(&own).outcome(answer)
    }

    /// The account itself: the harmless probe of credentials and lane. An account that is
    /// suspended or closed is [`ProbeTrouble::Lane`].
    pub async fn account(&self) -> Result<AccountInfo, ProbeTrouble> {
        let body = self.get(&format!("{}.json", self.root), &[]).await?;
        account_of(&body)
    }

    /// The balance of the account (A2).
    pub async fn balance(&self) -> Result<Balance, ProbeTrouble> {
        let body = self.get(&format!("{}/Balance.json", self.root), &[]).await?;
        balance_of(&body)
    }

    /// The first page of a list (A2).
    pub async fn list(&self, query: ListQuery<'_>) -> Result<MessagePage, ProbeTrouble> {
        let pairs = query.pairs();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.page(&pairs).await
    }

    /// The page after one of [`list`](Self::list).
    pub async fn list_next(&self, next: &NextPage) -> Result<MessagePage, ProbeTrouble> {
        self.page(&next.pairs()).await
    }

    /// One message (A2). `None`: Twilio knows no such sid in this account, which proves nothing
    /// about an attempt.
    pub async fn fetch(&self, sid: &str) -> Result<Option<MessageRow>, ProbeTrouble> {
        let Some(sid) = message_sid(sid) else {
            let detail = "not the sid of a message; nothing was asked";
            return Err(ProbeTrouble::Request(Trouble::new("empty-question", detail)));
        };
        let path = format!("{}/Messages/{sid}.json", self.root);
        let answer = self.service.ask(self.question(&path)).await;
        if answer.as_ref().is_ok_and(is_missing) {
            return Ok(None);
        }
        let body = self.reading(&[]).good(answer)?;
        let row = Fields::parse(&body).and_then(|fields| MessageRow::of_fields(&fields));
        match row.filter(|row| row.state.sid == sid) {
            Some(row) => Ok(Some(row)),
            None => Err(unreadable("not the message that was asked for")),
        }
    }

    /// What a message that Twilio has means for the attempt that made it: the same as if its state
    /// had been the answer to the send.
    pub fn outcome_of(&self, row: &MessageRow) -> Outcome {
        self.reading(&[row.text.expose()]).of_message(&row.state)
    }

    /// What a message that Twilio has says about its delivery: the same as a status callback would.
    pub fn receipt_of(&self, row: &MessageRow) -> Receipt {
        row.state.receipt(&self.codes)
    }

    async fn page(&self, pairs: &[(&str, &str)]) -> Result<MessagePage, ProbeTrouble> {
        let path = self.messages();
        let body = self.get(&path, pairs).await?;
        MessagePage::parse(&body, &path)
            .ok_or_else(|| unreadable("no list of messages in the answer, or no end to it"))
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<u8>, ProbeTrouble> {
        let answer = self.service.ask(Ask { query, ..self.question(path) }).await;
        self.reading(&[]).good(answer)
    }

    /// A question without a body.
    pub(super) fn question<'a>(&self, path: &'a str) -> Ask<'a> {
        Ask {
            method: Method::GET,
            path,
            query: &[],
            authorization: Some(self.authorization.clone()),
            body: None,
            fresh: None,
        }
    }

    pub(super) fn messages(&self) -> String {
        format!("{}/Messages.json", self.root)
    }

    pub(super) fn reading<'a>(&'a self, own: &'a [&'a str]) -> Reading<'a> {
        Reading { codes: &self.codes, own }
    }
}

pub(super) fn account_of(body: &[u8]) -> Result<AccountInfo, ProbeTrouble> {
    let fields = Fields::parse(body);
    let text = |name| fields.as_ref().and_then(|fields| fields.text(name));
    let status = text("status").unwrap_or_default();
    let trial = text("type").is_some_and(|kind| kind.trim().eq_ignore_ascii_case("trial"));
    match status.trim().to_ascii_lowercase().as_str() {
        "active" => Ok(AccountInfo { trial }),
        "suspended" => Err(closed("twilio:suspended", "Twilio suspended the account")),
        "closed" => Err(closed("twilio:closed", "the account is closed")),
        _ => Err(unreadable("no state of the account in the answer")),
    }
}

pub(super) fn balance_of(body: &[u8]) -> Result<Balance, ProbeTrouble> {
    let fields = Fields::parse(body);
    let text = |name| fields.as_ref().and_then(|fields| fields.text(name));
    let amount = text("balance").filter(|amount| is_decimal(amount));
    let currency = text("currency").filter(|word| is_currency(word));
    match (amount, currency) {
        (Some(amount), Some(currency)) => Ok(Balance { amount, currency }),
        _ => Err(unreadable("no balance in the answer")),
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (1..=24).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().any(|b| b.is_ascii_digit())
}

fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())
}

fn closed(code: &str, detail: &str) -> ProbeTrouble {
    ProbeTrouble::Lane(LaneTrouble::Account, Trouble::new(code, detail))
}

pub(super) fn unreadable(detail: &str) -> ProbeTrouble {
    ProbeTrouble::Silent(Trouble::new("unreadable", detail))
}
