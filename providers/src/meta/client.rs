//! The calls.

use std::fmt;
use std::sync::Arc;

use reqwest::Method;
use reqwest::header::HeaderValue;

use super::account::Account;
use super::codes::Codes;
use super::listing::{FIELDS, NextTemplates, PER_PAGE, TemplatePage};
use super::message::{MOST_REFERENCE_CHARS, TemplateMessage};
use super::verdict::Reading;
use crate::fields::Fields;
use crate::http::{Ask, Service};
use crate::template::Listed;
use crate::{ClientError, FailedKind, Freshness, Limits, Outcome, ProbeTrouble, Trouble};

/// A page of 50 templates with long texts and examples stays below it.
const ANSWER_BYTES: usize = 1024 * 1024;
/// Most pages that [`Client::all_templates`] reads; a business account has at most 6,000 templates.
const MOST_PAGES: usize = 120;

/// What Meta says about a number that may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberInfo {
    /// The number itself, as a person writes it; public, since patients see it.
    pub display_phone_number: String,
    /// `GREEN`, `YELLOW`, `RED`, `UNKNOWN`; empty where it was not told.
    pub quality_rating: String,
}

/// The client of one number. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    service: Service,
    account: Arc<Account>,
    codes: Arc<Codes>,
    authorization: HeaderValue,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("meta::Client").field("account", &self.account.name).finish_non_exhaustive()
    }
}

impl Client {
    /// Checks address, ids and token for form; asks nobody.
    pub fn new(account: Account, limits: Limits) -> Result<Self, ClientError> {
        let service = Service::new(&account.base_url, &limits, &account.called())?
            .with_answers_up_to(ANSWER_BYTES);
        let authorization = account.authorization()?;
        let codes = Arc::new(Codes::embedded()?);
        Ok(Self { service, account: Arc::new(account), codes, authorization })
    }

    /// The account's name in the configuration.
    pub fn name(&self) -> &str {
        &self.account.name
    }

    /// The id of the number; the last part of the lane's name.
    pub fn sender(&self) -> &str {
        &self.account.phone_number_id
    }

    /// Sends one template, once. `fresh` was started before the claim left.
    pub async fn send(&self, message: TemplateMessage<'_>, fresh: Freshness) -> Outcome {
        if message.reference.len() > MOST_REFERENCE_CHARS {
            let detail = "the reference is longer than Meta carries; nothing was sent";
            return Outcome::Failed(FailedKind::NotSent, Trouble::new("reference", detail));
        }
        let path = self.path(&self.account.phone_number_id, "/messages");
        let ask = Ask {
            method: Method::POST,
            body: Some(message.json()),
            fresh: Some(fresh),
            ..self.question(&path, &[])
        };
        let answer = self.service.ask(ask).await;
        let mut own = vec![message.to.e164(), message.to.national()];
        own.extend(message.body);
        own.extend(message.buttons.iter().map(|button| button.value));
        self.reading(&own).outcome(answer)
    }

    /// The number itself: the harmless probe of token and lane.
    pub async fn number(&self) -> Result<NumberInfo, ProbeTrouble> {
        let path = self.path(&self.account.phone_number_id, "");
        let query = [("fields", "display_phone_number,quality_rating")];
        number_of(&self.get(&path, &query).await?)
    }

    /// The first page of the account's templates.
    pub async fn templates(&self) -> Result<TemplatePage, ProbeTrouble> {
        self.page(&[]).await
    }

    /// The page after one of [`templates`](Self::templates).
    pub async fn templates_next(&self, next: &NextTemplates) -> Result<TemplatePage, ProbeTrouble> {
        self.page(&[("after", &next.0)]).await
    }

    /// All templates, for [`compare`](crate::template::compare); at most 6,000.
    pub async fn all_templates(&self) -> Result<Vec<Listed>, ProbeTrouble> {
        let mut page = self.templates().await?;
        let mut all = std::mem::take(&mut page.templates);
        for _ in 1..MOST_PAGES {
            let Some(next) = page.next else { break };
            page = self.templates_next(&next).await?;
            all.append(&mut page.templates);
        }
        Ok(all)
    }

    async fn page(&self, more: &[(&str, &str)]) -> Result<TemplatePage, ProbeTrouble> {
        let Some(business) = &self.account.business_account_id else {
            let detail = "business_account_id is not configured; nothing was asked";
            return Err(ProbeTrouble::Request(Trouble::new("empty-question", detail)));
        };
        let mut query = vec![("fields", FIELDS), ("limit", PER_PAGE)];
        query.extend(more);
        let body = self.get(&self.path(business, "/message_templates"), &query).await?;
        TemplatePage::parse(&body).ok_or_else(|| unreadable("no list of templates in the answer"))
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<u8>, ProbeTrouble> {
        let answer = self.service.ask(self.question(path, query)).await;
        self.reading(&[]).good(answer)
    }

    fn path(&self, id: &str, rest: &str) -> String {
        format!("/{}/{id}{rest}", self.account.version)
    }

    /// A question without a body.
    fn question<'a>(&self, path: &'a str, query: &'a [(&'a str, &'a str)]) -> Ask<'a> {
        Ask {
            method: Method::GET,
            path,
            query,
            authorization: Some(self.authorization.clone()),
            body: None,
            fresh: None,
        }
    }

    fn reading<'a>(&'a self, own: &'a [&'a str]) -> Reading<'a> {
        Reading { codes: &self.codes, own }
    }
}

pub(super) fn number_of(body: &[u8]) -> Result<NumberInfo, ProbeTrouble> {
    let fields = Fields::parse(body);
    let text = |name: &str, most: usize| {
        let text = fields.as_ref()?.text(name)?;
        Some(text.chars().filter(|c| !c.is_control()).take(most).collect::<String>())
    };
    let display_phone_number = text("display_phone_number", 32)
        .filter(|number| !number.is_empty())
        .ok_or_else(|| unreadable("no number in the answer"))?;
    let quality_rating = text("quality_rating", 16).unwrap_or_default();
    Ok(NumberInfo { display_phone_number, quality_rating })
}

pub(super) fn unreadable(detail: &str) -> ProbeTrouble {
    ProbeTrouble::Silent(Trouble::new("unreadable", detail))
}
