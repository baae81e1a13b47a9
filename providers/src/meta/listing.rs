//! The templates of a business account (`GET /{Version}/{WABA-ID}/message_templates`).

use std::fmt;

use super::message::ButtonKind;
use crate::fields::Fields;
use crate::template::{Listed, ListedButton, placeholders};

/// Rows asked for on a page. A template with long texts and examples is about 10 KiB.
pub(super) const PER_PAGE: &str = "50";
/// The fields asked for; without `fields` Meta gives the same and more.
pub(super) const FIELDS: &str = "name,language,status,category,components";
/// Most characters kept of a name.
const MOST_NAME_CHARS: usize = 512;
/// Most buttons of a template that are looked at; Meta allows ten.
const MOST_BUTTONS: usize = 20;

/// Where the next page is; only [`Client::templates_next`](super::Client::templates_next) reads it.
#[derive(Clone, PartialEq, Eq)]
pub struct NextTemplates(pub(super) String);

impl fmt::Debug for NextTemplates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NextTemplates(***)")
    }
}

/// One page of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplatePage {
    /// The templates that could be read, approved or not.
    pub templates: Vec<Listed>,
    /// Entries that could not be read.
    pub unreadable: usize,
    /// The page after this one.
    pub next: Option<NextTemplates>,
}

impl TemplatePage {
    /// `None` if the body has no list.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let fields = Fields::parse(body)?;
        let (objects, mut unreadable) = fields.objects("data")?;
        let mut templates = Vec::with_capacity(objects.len());
        for object in &objects {
            match template(object) {
                Some(template) => templates.push(template),
                None => unreadable += 1,
            }
        }
        Some(Self { templates, unreadable, next: next(&fields) })
    }
}

/// The cursor of the next page. The address in `next` holds the access token, so the cursor is taken, not the address.
fn next(fields: &Fields<'_>) -> Option<NextTemplates> {
    let paging = Fields::parse(fields.raw("paging")?.get().as_bytes())?;
    paging.raw("next")?;
    let cursors = Fields::parse(paging.raw("cursors")?.get().as_bytes())?;
    let after = cursors.text("after")?;
    let fits = (1..=1024).contains(&after.len()) && after.bytes().all(|b| b.is_ascii_graphic());
    fits.then_some(NextTemplates(after))
}

/// A text of at most so many characters, without control characters.
fn short(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(MOST_NAME_CHARS).collect()
}

fn template(fields: &Fields<'_>) -> Option<Listed> {
    let text = |name| fields.text(name).map(|text| short(&text));
    let mut listed = Listed {
        id: text("id").unwrap_or_default(),
        name: text("name").filter(|name| !name.is_empty())?,
        language: text("language")?,
        status: text("status")?.to_ascii_uppercase(),
        category: text("category").unwrap_or_default().to_ascii_uppercase(),
        parameters: Vec::new(),
        buttons: Vec::new(),
        unsupported: Vec::new(),
    };
    let (components, unreadable) = fields.objects("components")?;
    if unreadable > 0 {
        return None;
    }
    for component in &components {
        let kind = component.text("type")?.to_ascii_uppercase();
        let words = component.text("text").unwrap_or_default();
        match kind.as_str() {
            "BODY" => listed.parameters = placeholders(&words),
            "HEADER" => {
                let format = component.text("format").unwrap_or_default().to_ascii_uppercase();
                if !matches!(format.as_str(), "" | "TEXT") {
                    listed.unsupported.push(format!("header {}", format.to_ascii_lowercase()));
                } else if !placeholders(&words).is_empty() {
                    listed.unsupported.push("header with a value".to_owned());
                }
            }
            "BUTTONS" => listed.buttons = buttons(component)?,
            "FOOTER" => {}
            other => listed.unsupported.push(short(other).to_ascii_lowercase()),
        }
    }
    Some(listed)
}

fn buttons(component: &Fields<'_>) -> Option<Vec<ListedButton>> {
    let (objects, unreadable) = component.objects("buttons")?;
    if unreadable > 0 || objects.len() > MOST_BUTTONS {
        return None;
    }
    let one = |button: &Fields<'_>| {
        let kind = button.text("type")?.to_ascii_uppercase();
        let (kind, needs_value) = match kind.as_str() {
            "QUICK_REPLY" => (Some(ButtonKind::QuickReply), false),
            "URL" => {
                let address = button.text("url").unwrap_or_default();
                (Some(ButtonKind::Url), !placeholders(&address).is_empty())
            }
            "PHONE_NUMBER" | "VOICE_CALL" => (None, false),
            // a copy code, a flow, a catalogue: each wants something with every message
            _ => (None, true),
        };
        Some(ListedButton { kind, needs_value })
    };
    objects.iter().map(one).collect()
}
