//! `POST …/consents/{recipientType}/status/{type}`: who of up to 1,000 has consented (facts B3).

use std::collections::HashSet;

use serde_json::{Value, json};

use super::IysState;
use super::consent::{Channel, ConsentKey, fits, normal};
use super::error::IysError;
use crate::reply::Reply;
use crate::request::Request;
use crate::script::Consent;

/// Most recipients of a call (facts B3).
const MOST_RECIPIENTS: usize = 1_000;

pub(super) fn batch(
    state: &mut IysState,
    brand: &str,
    recipient_type: &str,
    channel: &str,
    request: &Request,
) -> Result<Reply, Vec<IysError>> {
    let body: Value =
        serde_json::from_slice(&request.body).map_err(|_| vec![IysError::new("H014")])?;
    let tacir = match recipient_type {
        "BIREYSEL" => false,
        "TACIR" => true,
        other => {
            return Err(vec![IysError::at("H116", "recipientType", Some(&json!(other)))]);
        }
    };
    let channel_value = json!(channel);
    let channel = Channel::parse(channel)
        .ok_or_else(|| vec![IysError::at("H117", "type", Some(&channel_value))])?;
    let recipients = recipients(&body, channel)?;
    let mut key = ConsentKey { brand: brand.to_owned(), tacir, channel, recipient: String::new() };
    let mut consented = Vec::new();
    for recipient in recipients {
        key.recipient = normal(recipient);
        if state.find(&key).is_some_and(|record| record.status == Consent::Onay) {
            consented.push(recipient);
        }
    }
    let body = json!({ "requestId": state.new_uuid(), "list": consented });
    Ok(Reply::json(200, "list", &body))
}

/// The list, or everything that is wrong with it.
fn recipients(body: &Value, channel: Channel) -> Result<Vec<&str>, Vec<IysError>> {
    let fields = body.as_object().ok_or_else(|| vec![IysError::new("H097")])?;
    if let Some((name, value)) = fields.iter().find(|(name, _)| *name != "recipients") {
        return Err(vec![IysError::at("H118", name, Some(value))]);
    }
    let list = match fields.get("recipients") {
        None => return Err(vec![IysError::at("H168", "recipients", None)]),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(vec![IysError::at("H478", "recipients", Some(other))]),
    };
    if list.is_empty() {
        return Err(vec![IysError::at("H164", "recipients", Some(&json!([])))]);
    }
    if list.len() > MOST_RECIPIENTS {
        return Err(vec![IysError::at("H125", "recipients", None)]);
    }
    let mut seen = HashSet::new();
    let mut good = Vec::with_capacity(list.len());
    let mut errors = Vec::new();
    for (index, value) in list.iter().enumerate() {
        match value.as_str().ok_or("H121").and_then(|text| fits(channel, text).map(|()| text)) {
            Err(code) => errors.push(IysError::element(code, "recipients", index, value)),
            Ok(text) if !seen.insert(text) => {
                errors.push(IysError::element("H193", "recipients", index, value));
            }
            Ok(text) => good.push(text),
        }
    }
    if errors.is_empty() { Ok(good) } else { Err(errors) }
}
