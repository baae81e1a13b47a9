//! The templates of an account and whether WhatsApp approved them (A6, Twilio's OpenAPI `content_v1`).

use super::client::{Client, unreadable};
use super::listing::NextPage;
use super::verdict::is_missing;
use super::wire::is_sid;
use crate::fields::Fields;
use crate::http::Ask;
use crate::template::{Listed, placeholders};
use crate::{ProbeTrouble, Trouble};

/// The list with approvals.
const PATH: &str = "/v1/ContentAndApprovals";
/// Rows asked for on a page.
const PER_PAGE: &str = "50";
/// Most pages that [`Client::all_templates`] reads.
const MOST_PAGES: usize = 100;
/// Most characters kept of a name.
const MOST_NAME_CHARS: usize = 512;
/// Content types that cannot begin a conversation (A6).
const NO_BEGINNING: [&str; 2] = ["twilio/list-picker", "twilio/location"];

/// One page of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentPage {
    /// The templates that could be read, approved or not; one never submitted is `UNSUBMITTED`.
    pub templates: Vec<Listed>,
    /// Entries that could not be read.
    pub unreadable: usize,
    /// The page after this one.
    pub next: Option<NextPage>,
}

impl ContentPage {
    /// `None` if the body has no list.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let fields = Fields::parse(body)?;
        let (objects, mut unreadable) = fields.objects("contents")?;
        let mut templates = Vec::with_capacity(objects.len());
        for object in &objects {
            let approval = object.raw("approval_requests");
            let approval = approval.and_then(|raw| Fields::parse(raw.get().as_bytes()));
            match template(object, approval.as_ref()) {
                Some(template) => templates.push(template),
                None => unreadable += 1,
            }
        }
        let meta = Fields::parse(fields.raw("meta")?.get().as_bytes())?;
        let next = match meta.text("next_page_url") {
            Some(url) => Some(NextPage::parse(&url, PATH)?),
            None => None,
        };
        Some(Self { templates, unreadable, next })
    }
}

fn short(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(MOST_NAME_CHARS).collect()
}

/// A content resource with what WhatsApp says about it.
pub(super) fn template(content: &Fields<'_>, approval: Option<&Fields<'_>>) -> Option<Listed> {
    let text = |name| content.text(name).map(|text| short(&text)).unwrap_or_default();
    let sid = content.text("sid").filter(|sid| is_sid(sid, "HX"))?;
    let types = content.raw("types")?.get();
    let kinds = Fields::parse(types.as_bytes())?;
    let mut parameters = placeholders(types);
    // by number: the parts of a template stand in no order of their own
    parameters.sort_by_key(|name| (name.len(), name.clone()));
    // the list has the approval bare, the single answer under `whatsapp`
    let nested = approval.and_then(|it| it.raw("whatsapp"));
    let nested = nested.and_then(|raw| Fields::parse(raw.get().as_bytes()));
    let told = |name| {
        let word = nested.as_ref().or(approval).and_then(|fields| fields.text(name));
        word.map(|word| short(&word).to_ascii_uppercase())
    };
    let no_beginning = NO_BEGINNING.iter().filter(|kind| kinds.has(kind));
    Some(Listed {
        id: sid,
        name: text("friendly_name"),
        language: text("language"),
        status: told("status").filter(|it| !it.is_empty()).unwrap_or_else(|| "UNSUBMITTED".into()),
        category: told("category").unwrap_or_default(),
        parameters,
        buttons: Vec::new(),
        unsupported: no_beginning.map(|kind| (*kind).to_owned()).collect(),
    })
}

impl Client {
    /// The first page of the account's templates, with what WhatsApp says about each.
    pub async fn templates(&self) -> Result<ContentPage, ProbeTrouble> {
        self.content_page(&[("PageSize", PER_PAGE)]).await
    }

    /// The page after one of [`templates`](Self::templates).
    pub async fn templates_next(&self, next: &NextPage) -> Result<ContentPage, ProbeTrouble> {
        self.content_page(&next.pairs()).await
    }

    /// All templates, for [`compare`](crate::template::compare); at most 5,000.
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

    /// One template and its approval, in two questions. `None`: the account has none with this `ContentSid`.
    pub async fn template(&self, content_sid: &str) -> Result<Option<Listed>, ProbeTrouble> {
        if !is_sid(content_sid, "HX") {
            let detail = "not the sid of a template; nothing was asked";
            return Err(ProbeTrouble::Request(Trouble::new("empty-question", detail)));
        }
        let path = format!("/v1/Content/{content_sid}");
        let answer = self.content.ask(self.question(&path)).await;
        if answer.as_ref().is_ok_and(is_missing) {
            return Ok(None);
        }
        let content = self.reading(&[]).good(answer)?;
        let path = format!("{path}/ApprovalRequests");
        let answer = self.content.ask(self.question(&path)).await;
        let approval = self.reading(&[]).good(answer)?;
        let listed = Fields::parse(&content)
            .and_then(|content| template(&content, Fields::parse(&approval).as_ref()));
        match listed.filter(|listed| listed.id == content_sid) {
            Some(listed) => Ok(Some(listed)),
            None => Err(unreadable("not the template that was asked for")),
        }
    }

    async fn content_page(&self, pairs: &[(&str, &str)]) -> Result<ContentPage, ProbeTrouble> {
        let answer = self.content.ask(Ask { query: pairs, ..self.question(PATH) }).await;
        let body = self.reading(&[]).good(answer)?;
        ContentPage::parse(&body).ok_or_else(|| unreadable("no list of templates in the answer"))
    }
}
