//! `GET /{Version}/{WABA-ID}/message_templates` (Meta's OpenAPI v23.0).

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::error::MetaError;
use super::{Refusable, only_fields};
use crate::request::Request;
use crate::script::{MetaAccount, MetaButton, MetaButtonKind, MetaTemplate};

/// Rows of a page: as many without `limit`, at most so many with it.
const ROWS: (usize, usize) = (25, 1_000);

/// The account's templates, page by page; `name` and `status` choose.
pub(super) fn list(account: &MetaAccount, request: &Request) -> Refusable<Value> {
    let limit = match request.query("limit") {
        None => ROWS.0,
        Some(text) => text.parse().map_err(|_| MetaError::about(100, "limit is not a number"))?,
    };
    let limit = limit.clamp(1, ROWS.1);
    let start = match request.query("after") {
        None => 0,
        Some(cursor) => {
            place(&cursor).ok_or_else(|| MetaError::about(100, "after is no cursor"))?
        }
    };
    let (name, status) = (request.query("name"), request.query("status"));
    let fits = |template: &&MetaTemplate| {
        name.as_ref().is_none_or(|name| template.name.contains(name.as_str()))
            && status.as_ref().is_none_or(|status| template.status.eq_ignore_ascii_case(status))
    };
    let all: Vec<(usize, &MetaTemplate)> =
        account.templates.iter().filter(fits).enumerate().collect();
    let rows: Vec<&(usize, &MetaTemplate)> = all.iter().skip(start).take(limit).collect();
    let data: Vec<Value> = rows
        .iter()
        .map(|(index, template)| only_fields(resource(*index, template), request))
        .collect();
    let mut body = json!({ "data": data });
    if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
        body["paging"] =
            json!({ "cursors": { "before": cursor(first.0), "after": cursor(last.0 + 1) } });
        if start + rows.len() < all.len() {
            // The address holds the token, as Meta's does.
            let path = request.uri.path();
            let next = format!(
                "https://graph.facebook.com{path}?access_token={}&limit={limit}&after={}",
                account.access_token,
                cursor(last.0 + 1)
            );
            body["paging"]["next"] = Value::from(next);
        }
    }
    Ok(body)
}

fn cursor(place: usize) -> String {
    BASE64.encode(place.to_string().as_bytes())
}

fn place(cursor: &str) -> Option<usize> {
    String::from_utf8(BASE64.decode(cursor.as_bytes()).ok()?).ok()?.parse().ok()
}

fn resource(index: usize, template: &MetaTemplate) -> Value {
    let mut components = Vec::new();
    if let Some(header) = &template.header {
        components.push(json!({ "type": "HEADER", "format": "TEXT", "text": header }));
    }
    components.push(json!({ "type": "BODY", "text": template.body }));
    if let Some(footer) = &template.footer {
        components.push(json!({ "type": "FOOTER", "text": footer }));
    }
    if !template.buttons.is_empty() {
        let buttons: Vec<Value> = template.buttons.iter().map(button).collect();
        components.push(json!({ "type": "BUTTONS", "buttons": buttons }));
    }
    json!({
        "name": template.name,
        "parameter_format": "POSITIONAL",
        "components": components,
        "language": template.language,
        "status": template.status,
        "category": template.category,
        "id": (1_000_000_000_000_000 + index).to_string(),
    })
}

fn button(button: &MetaButton) -> Value {
    match button.kind {
        MetaButtonKind::QuickReply => json!({ "type": "QUICK_REPLY", "text": button.text }),
        MetaButtonKind::Url => json!({ "type": "URL", "text": button.text, "url": button.url }),
        MetaButtonKind::PhoneNumber => {
            json!({ "type": "PHONE_NUMBER", "text": button.text, "phone_number": "+908500000000" })
        }
    }
}
