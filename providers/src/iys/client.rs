//! The calls.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderValue;
use schemas::{PhoneNumber, RecipientType};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::errors::{Asked, Errors, IysTrouble, Rejection, silent, transport};
use super::wire::{
    BatchAnswer, BatchBody, Brand, ConsentRecord, PasswordBody, RefreshBody, SingleAnswer,
    SingleBody, Tokens, brands,
};
use crate::fields::Fields;
use crate::http::{Answer, Ask, Service};
use crate::{ClientError, Limits, Trouble};

/// Most numbers of one batch question (B3, H091/H125).
pub const MOST_NUMBERS: usize = 1_000;
/// SMS is the channel "MESAJ"; WhatsApp is none of İYS's channels.
const MESSAGE: &str = "MESAJ";
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

/// One account at İYS and the brand it asks for.
#[derive(Clone)]
pub struct Account {
    /// Its name in the configuration.
    pub name: String,
    /// `https://api.iys.org.tr`, or what stands in for it.
    pub base_url: String,
    /// API user.
    pub username: String,
    /// Its password.
    pub password: SecretString,
    /// Number of the service provider; digits.
    pub iys_code: String,
    /// Number of the brand; digits.
    pub brand_code: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("name", &self.name)
            .field("brand_code", &self.brand_code)
            .finish_non_exhaustive()
    }
}

/// The client of one account. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    service: Service,
    account: Arc<Account>,
    errors: Arc<Errors>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("iys::Client").field("account", &self.account.name).finish_non_exhaustive()
    }
}

impl Client {
    /// Checks address, credentials and codes for form; asks nobody.
    pub fn new(account: Account, limits: Limits) -> Result<Self, ClientError> {
        let called = format!("iys account {}", account.name);
        let service = Service::new(&account.base_url, &limits, &called)?;
        if account.username.is_empty() || account.password.expose_secret().is_empty() {
            return Err(ClientError::Value {
                account: called,
                what: "username or password",
                allowed: "neither may be empty",
            });
        }
        for (what, code) in [("iys_code", &account.iys_code), ("brand_code", &account.brand_code)] {
            if !(1..=20).contains(&code.len()) || !code.bytes().all(|b| b.is_ascii_digit()) {
                let allowed = "a number of 1 to 20 digits";
                return Err(ClientError::Value { account: called, what, allowed });
            }
        }
        let errors = Arc::new(Errors::embedded()?);
        Ok(Self { service, account: Arc::new(account), errors })
    }

    /// The account's name in the configuration.
    pub fn account(&self) -> &str {
        &self.account.name
    }

    /// The brand that is asked for, for the evidence.
    pub fn brand_code(&self) -> &str {
        &self.account.brand_code
    }

    /// A token pair by user and password. Count the call against the hour *before* making it.
    pub async fn login(&self) -> Result<Tokens, IysTrouble> {
        let body = PasswordBody {
            username: &self.account.username,
            password: self.account.password.expose_secret(),
            grant_type: "password",
        };
        let own = [self.account.username.as_str(), body.password];
        self.tokens(&body, &own, IysTrouble::Account).await
    }

    /// A new pair for an old refresh token. [`IysTrouble::Reauth`]: it is used up, log in.
    pub async fn refresh(&self, refresh: &SecretString) -> Result<Tokens, IysTrouble> {
        let body =
            RefreshBody { refresh_token: refresh.expose_secret(), grant_type: "refresh_token" };
        self.tokens(&body, &[body.refresh_token], |_| IysTrouble::Reauth).await
    }

    /// Which of at most [`MOST_NUMBERS`] numbers have ONAY for messages of this brand.
    ///
    /// No numbers: nothing is asked, and the answer is empty.
    pub async fn with_consent(
        &self,
        token: &SecretString,
        recipient_type: RecipientType,
        numbers: &[PhoneNumber],
    ) -> Result<BatchAnswer, IysTrouble> {
        if numbers.is_empty() {
            let (request_id, listed) = (String::new(), std::collections::HashSet::new());
            return Ok(BatchAnswer { request_id, listed });
        }
        if numbers.len() > MOST_NUMBERS {
            return Err(refused_here("too-many", "more than 1,000 numbers; nothing was asked"));
        }
        let path = self.path(&format!("/consents/{}/status/{MESSAGE}", recipient_type.as_str()));
        let mut recipients: Vec<&str> = numbers.iter().map(PhoneNumber::e164).collect();
        let body = BatchBody { recipients: recipients.clone() };
        let answer = self.post(&path, Some(token), &body).await?;
        if let (200, Ok(body)) = (answer.status, &answer.body)
            && let Some(answer) = BatchAnswer::parse(body, numbers)
        {
            return Ok(answer);
        }
        recipients.extend(numbers.iter().map(PhoneNumber::national));
        Err(self.trouble(&answer, true, SECOND, &recipients))
    }

    /// What İYS holds about one number; at most 1,000 of these an hour (B0).
    pub async fn status(
        &self,
        token: &SecretString,
        recipient_type: RecipientType,
        number: &PhoneNumber,
    ) -> Result<SingleAnswer, IysTrouble> {
        let body = SingleBody {
            recipient: number.e164(),
            recipient_type: recipient_type.as_str(),
            message_type: MESSAGE,
        };
        let answer = self.post(&self.path("/consents/status"), Some(token), &body).await?;
        match (answer.status, &answer.body) {
            (200, Ok(body)) => {
                if let Some(record) = ConsentRecord::parse(body, number) {
                    return Ok(SingleAnswer::Found(record));
                }
            }
            // The shape of "no record" is documented nowhere (facts C). Two are taken for it, no
            // content, and a 404 in İYS's own form that names no documented error; all else is
            // silence, since a misread "no record" would let a refused number through.
            (204, _) => return Ok(SingleAnswer::NoRecord),
            (404, Ok(body)) if self.is_own_unlisted_error(body) => {
                return Ok(SingleAnswer::NoRecord);
            }
            _ => {}
        }
        Err(self.trouble(&answer, true, HOUR, &[number.e164(), number.national()]))
    }

    /// The brands of the service provider: the harmless probe of token and codes.
    pub async fn brands(&self, token: &SecretString) -> Result<Vec<Brand>, IysTrouble> {
        let path = format!("/sps/{}/brands", self.account.iys_code);
        let answer = self
            .service
            .ask(Ask {
                method: Method::GET,
                path: &path,
                query: &[],
                authorization: Some(bearer(token)?),
                body: None,
                fresh: None,
            })
            .await
            .map_err(|broken| transport(&broken))?;
        if let (200, Ok(body)) = (answer.status, &answer.body)
            && let Some(brands) = brands(body)
        {
            return Ok(brands);
        }
        Err(self.trouble(&answer, true, SECOND, &[]))
    }

    async fn tokens<B: Serialize>(
        &self,
        body: &B,
        own: &[&str],
        refused: impl Fn(Trouble) -> IysTrouble,
    ) -> Result<Tokens, IysTrouble> {
        let answer = self.post("/oauth2/token", None, body).await?;
        if let (200, Ok(body)) = (answer.status, &answer.body)
            && let Some(tokens) = Tokens::parse(body)
        {
            return Ok(tokens);
        }
        // Errors of this call have no H code (B1): {"error":"invalid_grant", …}.
        let error = answer.body.as_ref().ok().and_then(|body| {
            let fields = Fields::parse(body)?;
            fields.text("error").filter(|_| !fields.has("errors"))
        });
        match (answer.status, error.as_deref()) {
            (400 | 401, Some("invalid_grant")) => Err(refused(Trouble::new(
                "iys:invalid_grant",
                "user, password or refresh token not accepted",
            ))),
            (400, Some("invalid_request")) => {
                Err(refused_here("iys:invalid_request", "the token request was not accepted"))
            }
            _ => match self.trouble(&answer, false, HOUR, own) {
                IysTrouble::Account(trouble) => Err(refused(trouble)),
                other => Err(other),
            },
        }
    }

    async fn post<B: Serialize>(
        &self,
        path: &str,
        token: Option<&SecretString>,
        body: &B,
    ) -> Result<Answer, IysTrouble> {
        let body = serde_json::to_vec(body)
            .map_err(|_| refused_here("request", "the question cannot be written as JSON"))?;
        let authorization = token.map(bearer).transpose()?;
        let method = Method::POST;
        self.service
            .ask(Ask { method, path, query: &[], authorization, body: Some(body), fresh: None })
            .await
            .map_err(|broken| transport(&broken))
    }

    fn path(&self, below: &str) -> String {
        format!("/sps/{}/brands/{}{below}", self.account.iys_code, self.account.brand_code)
    }

    fn trouble(
        &self,
        answer: &Answer,
        has_token: bool,
        unread_429_after: Duration,
        own: &[&str],
    ) -> IysTrouble {
        if let (200..=399, Ok(_)) = (answer.status, &answer.body) {
            let detail = format!("HTTP {} with an answer nobody documented", answer.status);
            return silent(answer.retry_after, Trouble::new("unreadable", detail));
        }
        self.errors.trouble(answer, Asked { has_token, unread_429_after, own })
    }

    fn is_own_unlisted_error(&self, body: &[u8]) -> bool {
        let Some(fields) = Fields::parse(body) else { return false };
        let Some((errors, 0)) = fields.objects("errors") else { return false };
        !errors.is_empty()
            && errors.iter().all(|error| {
                let listed = |code: String| self.errors.find(code.trim()).is_some();
                error.has("message") && !error.text("code").is_some_and(listed)
            })
    }
}

fn bearer(token: &SecretString) -> Result<HeaderValue, IysTrouble> {
    let written = format!("Bearer {}", token.expose_secret());
    // A token that no header can carry is none of İYS's.
    let mut value = HeaderValue::try_from(written).map_err(|_| IysTrouble::Reauth)?;
    value.set_sensitive(true);
    Ok(value)
}

fn refused_here(code: &str, detail: &str) -> IysTrouble {
    let trouble = Trouble::new(code, detail);
    IysTrouble::BadRequest(Rejection { trouble, indexes: Vec::new(), of_number: false })
}
