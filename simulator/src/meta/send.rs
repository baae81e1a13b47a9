//! `POST /{Version}/{Phone-Number-ID}/messages`: what is refused, what is logged (facts A8).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::MetaError;
use super::{Refusable, webhook};
use crate::messages::{Draft, Job, Kind, Mark, NO_FILTER};
use crate::request::Request;
use crate::script::{MetaAccount, MetaButtonKind, MetaTemplate};
use crate::world::{Prepared, World};
use crate::{fill, number};

/// Most characters of `biz_opaque_callback_data` (facts A8).
const MOST_OPAQUE: usize = 512;
/// Most characters of a body with its values (Meta's limit of a template body).
const MOST_BODY: usize = 1_024;

/// The request. Unknown fields are ignored, as Meta ignores them.
#[derive(Debug, Deserialize)]
struct Body {
    messaging_product: Option<String>,
    recipient_type: Option<String>,
    to: Option<String>,
    #[serde(rename = "type", default = "text_type")]
    kind: String,
    template: Option<Template>,
    text: Option<Value>,
    biz_opaque_callback_data: Option<String>,
}

fn text_type() -> String {
    "text".to_owned()
}

#[derive(Debug, Deserialize)]
struct Template {
    name: Option<String>,
    language: Option<Language>,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Debug, Deserialize)]
struct Language {
    code: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Component {
    #[serde(rename = "type")]
    kind: String,
    sub_type: Option<String>,
    index: Option<Value>,
    #[serde(default)]
    parameters: Vec<Parameter>,
}

#[derive(Debug, Deserialize)]
struct Parameter {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    payload: Option<String>,
}

/// A message that Meta takes: its words, its template, and the code with which it fails later (0: none).
struct Taken {
    text: String,
    template: Option<String>,
    error: u32,
}

/// `POST …/messages`.
pub(super) fn send(
    world: &Arc<World>,
    prepared: &Arc<Prepared>,
    account: &MetaAccount,
    request: &Request,
) -> Refusable<Value> {
    let body: Body = serde_json::from_slice(&request.body)
        .map_err(|error| MetaError::about(100, format!("Invalid JSON: {error}")))?;
    if body.messaging_product.as_deref() != Some("whatsapp") {
        return Err(MetaError::about(100, "The parameter messaging_product is required."));
    }
    if body.recipient_type.as_deref().is_some_and(|kind| kind != "individual") {
        return Err(MetaError::about(100, "recipient_type must be individual"));
    }
    let input =
        body.to.as_deref().ok_or_else(|| MetaError::about(100, "The parameter to is required."))?;
    let to = recipient(input)?;
    let opaque = body.biz_opaque_callback_data.as_deref();
    if opaque.is_some_and(|text| text.chars().count() > MOST_OPAQUE) {
        return Err(MetaError::about(100, "biz_opaque_callback_data is over 512 characters"));
    }
    let taken = match (body.kind.as_str(), &body.template) {
        ("template", Some(template)) => of_template(account, template)?,
        ("template", None) => return Err(MetaError::about(131_008, "template is required")),
        // Nobody has written to this twin in the last 24 hours: accepted, and fails later (facts A8).
        ("text", _) => {
            let text = body.text.as_ref().and_then(|text| text["body"].as_str());
            let text = text.ok_or_else(|| MetaError::about(131_008, "text.body is required"))?;
            Taken { text: text.to_owned(), template: None, error: 131_047 }
        }
        (kind, _) => return Err(MetaError::about(131_051, format!("type {kind}"))),
    };
    let sender = format!("whatsapp:{}", e164(&account.display_phone_number));
    let job = Job {
        at_ms: request.now_ms,
        account: &account.phone_number_id,
        sender: &sender,
        startdate: None,
        stopdate: None,
        start_ms: request.now_ms,
        stop_ms: None,
        turkish: false,
        filter: NO_FILTER,
        kind: Kind::Meta,
        service: None,
        template: taken.template.as_deref(),
        error: taken.error,
    };
    let (text, reference) = (taken.text, opaque.map(str::to_owned));
    let draft = Draft { to, text, reference, segments: 1, mark: Mark::Normal };
    let (id, n) = world.messages.with(|ring| (ring.append(&job, vec![draft]), ring.newest()));
    world.messages.ring_the_bell();
    webhook::begin(world, prepared, &account.phone_number_id, n);
    Ok(json!({
        "messaging_product": "whatsapp",
        "contacts": [{ "input": input, "wa_id": number::to_e164(to).trim_start_matches('+') }],
        "messages": [{
            "id": id,
            "message_status": prepared.script.meta.message_status.as_str(),
        }],
    }))
}

/// E.164 with or without `+`.
fn recipient(input: &str) -> Refusable<u64> {
    let bare: String =
        input.chars().filter(|c| !matches!(c, '+' | ' ' | '-' | '(' | ')')).collect();
    let wrong = || MetaError::about(131_009, "to is not a phone number");
    number::e164(&format!("+{bare}")).ok_or_else(wrong)
}

fn e164(display: &str) -> String {
    let digits: String = display.chars().filter(char::is_ascii_digit).collect();
    format!("+{digits}")
}

/// The words of an approved template with its values (facts A8: 132000, 132001, 132015, 132016 …).
fn of_template(account: &MetaAccount, asked: &Template) -> Refusable<Taken> {
    let name = asked.name.as_deref().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| MetaError::about(131_008, "template.name is required"))?;
    let language = asked.language.as_ref().and_then(|language| language.code.as_deref());
    let language =
        language.ok_or_else(|| MetaError::about(131_008, "template.language.code is required"))?;
    let missing = || {
        MetaError::about(132_001, format!("template name ({name}) does not exist in {language}"))
    };
    let template = account.template(name, language).ok_or_else(missing)?;
    match template.status.to_ascii_uppercase().as_str() {
        "APPROVED" => {}
        "PAUSED" => return Err(MetaError::new(132_015)),
        "DISABLED" => return Err(MetaError::new(132_016)),
        _ => return Err(missing()),
    }
    let body = values(asked, "body", &template.body)?;
    if let Some(header) = &template.header {
        values(asked, "header", header)?;
    } else if asked.components.iter().any(|component| component.kind == "header") {
        return Err(MetaError::about(132_012, "header: the template has none"));
    }
    buttons(asked, template)?;
    let value = |name: &str| body.get(name.parse::<usize>().ok()?.checked_sub(1)?).copied();
    let text = fill::fill(&template.body, value);
    if text.chars().count() > MOST_BODY {
        return Err(MetaError::new(132_005));
    }
    Ok(Taken { text, template: Some(format!("{name}/{language}")), error: 0 })
}

/// The values of one component, as many as its text has placeholders.
fn values<'a>(asked: &'a Template, kind: &str, text: &str) -> Refusable<Vec<&'a str>> {
    let mut components = asked.components.iter().filter(|component| component.kind == kind);
    let given = components.next().map(|component| &component.parameters[..]).unwrap_or_default();
    if components.next().is_some() {
        return Err(MetaError::about(100, format!("{kind} is there twice")));
    }
    let wanted = fill::names(text).len();
    if given.len() != wanted {
        let (given, details) = (given.len(), "number of localizable_params");
        let details = format!("{kind}: {details} ({given}) does not match the expected ({wanted})");
        return Err(MetaError::about(132_000, details));
    }
    given
        .iter()
        .map(|parameter| match (parameter.kind.as_str(), parameter.text.as_deref()) {
            ("text", None | Some("")) => {
                Err(MetaError::about(131_008, format!("{kind}: a parameter has no text")))
            }
            ("text", Some(value)) if fill::is_one_line(value) => Ok(value),
            ("text", Some(_)) => Err(MetaError::about(
                132_018,
                "Param text cannot have new-line/tab characters or more than 4 consecutive spaces",
            )),
            _ => Err(MetaError::about(132_012, format!("{kind}: a parameter is not of type text"))),
        })
        .collect()
}

/// Every value belongs to a button, and every button that needs one has it.
fn buttons(asked: &Template, template: &MetaTemplate) -> Refusable<()> {
    let mut given = Vec::new();
    for component in asked.components.iter().filter(|component| component.kind == "button") {
        let index = match &component.index {
            Some(Value::String(text)) => text.parse::<usize>().ok(),
            Some(Value::Number(number)) => number.as_u64().and_then(|n| usize::try_from(n).ok()),
            _ => None,
        };
        let index = index.ok_or_else(|| MetaError::about(131_008, "button: index is required"))?;
        let sub_type = component.sub_type.as_deref().unwrap_or("").to_ascii_lowercase();
        let fits = template.buttons.get(index).is_some_and(|button| match button.kind {
            MetaButtonKind::QuickReply => sub_type == "quick_reply",
            MetaButtonKind::Url => sub_type == "url" && takes_value(button.url.as_deref()),
            MetaButtonKind::PhoneNumber => false,
        });
        let parameter = component.parameters.first();
        let has_value = parameter.is_some_and(|parameter| match parameter.kind.as_str() {
            "payload" => sub_type == "quick_reply" && parameter.payload.is_some(),
            "text" => {
                sub_type == "url" && parameter.text.as_deref().is_some_and(|it| !it.is_empty())
            }
            _ => false,
        });
        if !fits || !has_value {
            return Err(MetaError::about(132_012, format!("button {index} does not fit")));
        }
        given.push(index);
    }
    for (index, button) in template.buttons.iter().enumerate() {
        let needs = button.kind == MetaButtonKind::Url && takes_value(button.url.as_deref());
        if needs && !given.contains(&index) {
            let details = format!("Button at index {index} of type Url requires a parameter");
            return Err(MetaError::about(131_008, details));
        }
    }
    Ok(())
}

fn takes_value(url: Option<&str>) -> bool {
    url.is_some_and(|url| !fill::names(url).is_empty())
}
