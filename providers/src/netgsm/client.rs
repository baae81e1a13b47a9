//! The calls.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use data_encoding::BASE64;
use reqwest::Method;
use reqwest::header::HeaderValue;
use schemas::PhoneNumber;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::codes::{Codes, Operation};
use super::report::{Balance, PAGE_SIZE, ReportPage, ReportQuery, ReportRow};
use super::verdict::Reading;
use super::wire::{
    BalanceBody, CancelBody, MessageBody, OtpBody, ReportBody, SendBody, dotted, window,
};
use crate::fields::Fields;
use crate::http::{Answer, Ask, Broken, Service};
use crate::receipt::Receipt;
use crate::{ClientError, FailedKind, Freshness, Limits, Outcome, ProbeTrouble, Trouble};

/// One account at Netgsm and how it behaves.
#[derive(Clone)]
pub struct Account {
    /// Its name in the configuration.
    pub name: String,
    /// `https://api.netgsm.com.tr`, or what stands in for it.
    pub base_url: String,
    /// API user (850…, 312…), not the login of the panel.
    pub username: String,
    /// Its password.
    pub password: SecretString,
    /// Label of this application at Netgsm.
    pub app_name: Option<String>,
    /// Reseller code.
    pub partner_code: Option<String>,
    /// Send our reference as `referansID`; only where the account is known to echo it.
    pub echoes_reference: bool,
    /// Take a 503 without any code for "not taken" (default in the configuration: true).
    pub bare_503_failed: bool,
}

impl Account {
    /// An account at the real service with everything optional left out.
    pub fn new(name: &str, username: &str, password: SecretString) -> Self {
        Self {
            name: name.to_owned(),
            base_url: "https://api.netgsm.com.tr".to_owned(),
            username: username.to_owned(),
            password,
            app_name: None,
            partner_code: None,
            echoes_reference: false,
            bare_503_failed: true,
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One text to one number.
#[derive(Clone, Copy)]
pub struct Sms<'a> {
    /// Whom to.
    pub to: &'a PhoneNumber,
    /// What to say.
    pub text: &'a str,
    /// Whether the text has letters that need `encoding: "TR"` (ç ğ ı ş Ğ İ Ş).
    pub turkish: bool,
    /// The approved sender name.
    pub sender: &'a str,
    /// `<ntf>-<n>`.
    pub reference: &'a str,
    /// From when on Netgsm may deliver; a past instant means at once.
    pub starts: DateTime<Utc>,
    /// Until when, rounded down to the minute, at most 21 h after `starts`.
    pub stops: DateTime<Utc>,
}

impl fmt::Debug for Sms<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sms")
            .field("sender", &self.sender)
            .field("reference", &self.reference)
            .finish_non_exhaustive()
    }
}

/// A one-time code by the paid OTP route (A3): delivered within 3 minutes, at most about 150
/// characters without Turkish letters, no dates.
#[derive(Clone, Copy)]
pub struct OneTimeCode<'a> {
    /// Whom to.
    pub to: &'a PhoneNumber,
    /// What to say.
    pub text: &'a str,
    /// The approved sender name.
    pub sender: &'a str,
}

impl fmt::Debug for OneTimeCode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneTimeCode").field("sender", &self.sender).finish_non_exhaustive()
    }
}

/// What became of a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It will not be sent.
    Yes,
    /// Unknown to Netgsm, or already on its way.
    TooLate,
}

/// The client of one account. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    service: Service,
    account: Arc<Account>,
    codes: Arc<Codes>,
    authorization: HeaderValue,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("netgsm::Client")
            .field("account", &self.account.name)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Checks address and credentials for form; asks nobody.
    pub fn new(account: Account, limits: Limits) -> Result<Self, ClientError> {
        let called = format!("netgsm account {}", account.name);
        let service = Service::new(&account.base_url, &limits, &called)?;
        let password = account.password.expose_secret();
        if account.username.is_empty() || account.username.contains(':') || password.is_empty() {
            return Err(ClientError::Value {
                account: called,
                what: "username or password",
                allowed: "neither may be empty, and the username has no colon",
            });
        }
        let pair = SecretString::from(format!("{}:{password}", account.username));
        let basic = format!("Basic {}", BASE64.encode(pair.expose_secret().as_bytes()));
        let mut authorization = HeaderValue::try_from(basic).map_err(|_| ClientError::Value {
            account: called,
            what: "username or password",
            allowed: "text that Basic authentication can carry",
        })?;
        authorization.set_sensitive(true);
        let codes = Arc::new(Codes::embedded()?);
        Ok(Self { service, account: Arc::new(account), codes, authorization })
    }

    /// The account's name in the configuration.
    pub fn account(&self) -> &str {
        &self.account.name
    }

    /// User and password, for the calls that want them in their body.
    pub(super) fn credentials(&self) -> (&str, &SecretString) {
        (&self.account.username, &self.account.password)
    }

    /// Sends one message, once (A1). `fresh` was started before the claim left.
    pub async fn send(&self, sms: Sms<'_>, fresh: Freshness) -> Outcome {
        let Some((startdate, stopdate)) = window(sms.starts, sms.stops) else {
            let detail = "no whole minute is left to deliver in; nothing was sent";
            return Outcome::Failed(FailedKind::NotSent, Trouble::new("window-closed", detail));
        };
        let messages = [MessageBody {
            msg: sms.text,
            no: sms.to.national(),
            reference: self.account.echoes_reference.then_some(sms.reference),
        }];
        let body = self.send_body(&sms, (&startdate, &stopdate), messages);
        self.once(Operation::Send, &body, sms.to, sms.text, fresh).await
    }

    /// A send with what stands in it once.
    pub(super) fn send_body<'a, M>(
        &'a self,
        sms: &Sms<'a>,
        (startdate, stopdate): (&'a str, &'a str),
        messages: M,
    ) -> SendBody<'a, M> {
        SendBody {
            msgheader: sms.sender,
            encoding: sms.turkish.then_some("TR"),
            iysfilter: "0",
            startdate,
            stopdate,
            appname: self.account.app_name.as_deref(),
            partnercode: self.account.partner_code.as_deref(),
            messages,
        }
    }

    /// Whether requests carry our reference, and what a 503 without a code means.
    pub(super) fn account_settings(&self) -> (bool, bool) {
        (self.account.echoes_reference, self.account.bare_503_failed)
    }

    /// Sends one one-time code, once (A3).
    pub async fn otp(&self, code: OneTimeCode<'_>, fresh: Freshness) -> Outcome {
        let body = OtpBody {
            msgheader: code.sender,
            msg: code.text,
            no: code.to.national(),
            appname: self.account.app_name.as_deref(),
        };
        self.once(Operation::Otp, &body, code.to, code.text, fresh).await
    }

    /// Sender names of the account; also the harmless probe of credentials and lane (A6).
    pub async fn headers(&self) -> Result<Vec<String>, ProbeTrouble> {
        let query: Vec<(&str, &str)> =
            self.account.app_name.iter().map(|name| ("appname", name.as_str())).collect();
        let answer = self
            .service
            .ask(Ask {
                method: Method::GET,
                path: Operation::Msgheader.path(),
                query: &query,
                authorization: Some(self.authorization.clone()),
                body: None,
                fresh: None,
            })
            .await;
        let body = self.reading(Operation::Msgheader, &[]).good(answer)?.unwrap_or_default();
        Fields::parse(&body)
            .and_then(|fields| fields.texts("msgheaders"))
            .ok_or_else(|| unreadable("no list of sender names in the answer"))
    }

    /// What a row of a report says in the order of all providers.
    pub fn receipt_of(&self, row: &ReportRow) -> Receipt {
        row.receipt(&self.codes)
    }

    /// One page (from 0) of the delivery report (A4). Netgsm allows 10 of these a minute.
    pub async fn report(
        &self,
        query: ReportQuery<'_>,
        page: u32,
    ) -> Result<ReportPage, ProbeTrouble> {
        let (jobids, startdate, stopdate) = match query {
            ReportQuery::Jobs(jobs) => (Some(jobs), None, None),
            ReportQuery::Range { from, to } => (None, dotted(from), dotted(to)),
        };
        let empty = match jobids {
            Some(jobs) => jobs.is_empty(),
            None => startdate.is_none() || stopdate.is_none(),
        };
        if empty {
            let detail = "a report needs job ids or a range of dates; nothing was asked";
            return Err(ProbeTrouble::Request(Trouble::new("empty-question", detail)));
        }
        let appname = self.account.app_name.as_deref();
        let body = ReportBody {
            jobids,
            startdate,
            stopdate,
            pagenumber: page,
            pagesize: PAGE_SIZE,
            appname,
        };
        let answer = self.post(Operation::Report, &body, None).await;
        match self.reading(Operation::Report, &[]).good(answer)? {
            None => Ok(ReportPage::none()),
            Some(body) => ReportPage::parse(&self.codes, &body)
                .ok_or_else(|| unreadable("no list of jobs in the answer")),
        }
    }

    /// Cancels a job that has not begun (A6).
    pub async fn cancel(&self, jobid: &str) -> Result<Cancelled, ProbeTrouble> {
        let body = CancelBody { jobid, appname: self.account.app_name.as_deref() };
        let answer = self.post(Operation::Cancel, &body, None).await;
        let done = self.reading(Operation::Cancel, &[]).good(answer)?;
        Ok(if done.is_some() { Cancelled::Yes } else { Cancelled::TooLate })
    }

    /// The credit left on the account (A6).
    pub async fn credit(&self) -> Result<Balance, ProbeTrouble> {
        self.balance(2).await
    }

    /// The packages left on the account (A6).
    pub async fn packages(&self) -> Result<Balance, ProbeTrouble> {
        self.balance(1).await
    }

    async fn balance(&self, stip: u8) -> Result<Balance, ProbeTrouble> {
        let body = BalanceBody {
            usercode: &self.account.username,
            password: self.account.password.expose_secret(),
            stip,
            appkey: None,
        };
        let answer = self.post(Operation::Balance, &body, None).await;
        match self.reading(Operation::Balance, &[]).good(answer)? {
            None => Ok(Balance { credit: None, packages: Vec::new() }),
            Some(body) => {
                Balance::parse(&body).ok_or_else(|| unreadable("no balance in the answer"))
            }
        }
    }

    async fn once<B: Serialize>(
        &self,
        operation: Operation,
        body: &B,
        to: &PhoneNumber,
        text: &str,
        fresh: Freshness,
    ) -> Outcome {
        let answer = self.post(operation, body, Some(fresh)).await;
        let own = [text, to.e164(), to.national()];
        self.reading(operation, &own).outcome(answer, self.account.bare_503_failed)
    }

    pub(super) async fn post<B: Serialize>(
        &self,
        operation: Operation,
        body: &B,
        fresh: Option<Freshness>,
    ) -> Result<Answer, Broken> {
        let body = serde_json::to_vec(body).map_err(|_| Broken {
            may_have_left: false,
            code: "request",
            detail: "the request cannot be written as JSON; nothing was sent",
        })?;
        // The official client sends no Basic header with a balance (A6).
        let authorization = (operation != Operation::Balance).then(|| self.authorization.clone());
        let method = Method::POST;
        let ask = Ask {
            method,
            path: operation.path(),
            query: &[],
            authorization,
            body: Some(body),
            fresh,
        };
        self.service.ask(ask).await
    }

    pub(super) fn reading<'a>(&'a self, operation: Operation, own: &'a [&'a str]) -> Reading<'a> {
        Reading { codes: &self.codes, operation, own }
    }
}

pub(super) fn unreadable(detail: &str) -> ProbeTrouble {
    ProbeTrouble::Silent(Trouble::new("unreadable", detail))
}
