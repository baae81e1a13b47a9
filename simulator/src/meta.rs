//! The Meta twin: WhatsApp on the Cloud API (facts netgsm A8, Meta's OpenAPI v23.0).

use std::collections::HashMap;
use std::sync::Arc;

use data_encoding::BASE64;
use serde_json::{Map, Value, json};

use crate::lock::locked;
use crate::reply::Reply;
use crate::request::Request;
use crate::script::MetaAccount;
use crate::seed;
use crate::window::Window;
use crate::world::{Prepared, World};

mod course;
mod error;
mod post;
mod send;
mod templates;
mod webhook;

use error::MetaError;
pub(crate) use post::Webhooks;
pub(crate) use webhook::subscribe;

/// What is counted against the numbers, and where webhooks go by subscription. Both are names of scripts.
#[derive(Debug, Default)]
pub(crate) struct MetaState {
    messages: HashMap<String, Window>,
    /// By business account.
    subscribed: HashMap<String, String>,
}

/// Which call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetaCall {
    /// `POST /{Version}/{Phone-Number-ID}/messages`.
    Send,
    /// `GET /{Version}/{Phone-Number-ID}`.
    Number,
    /// `GET /{Version}/{WABA-ID}/message_templates`.
    Templates,
}

/// What a call gives, or why not.
type Refusable<T> = Result<T, MetaError>;

/// The id of a message: base64 of bytes that hold its number, as long as Meta's.
pub(crate) fn id(at_ms: i64, n: u64) -> String {
    let mut bytes = [0; 42];
    bytes[0] = 0x1c;
    for (place, number) in [(2, at_ms as u64), (10, n), (18, seed::mix(at_ms as u64, n)), (30, n)] {
        bytes[place..place + 8].copy_from_slice(&number.to_be_bytes());
    }
    format!("wamid.{}", BASE64.encode(&bytes))
}

/// Answers a request. `id`: the number or business account of the path.
pub(crate) fn answer(world: &Arc<World>, call: MetaCall, id: &str, request: &Request) -> Reply {
    let prepared = world.prepared();
    let answer = authorized(&prepared, call, id, request).and_then(|account| match call {
        MetaCall::Send => {
            let limit = account.max_messages_per_s;
            let mut state = locked(&world.meta);
            let window = state.messages.entry(account.phone_number_id.clone()).or_default();
            if !window.admit(request.now_ms, 1_000, limit, 1) {
                return Err(MetaError::new(130_429));
            }
            drop(state);
            send::send(world, &prepared, account, request)
        }
        MetaCall::Number => Ok(number(account, request)),
        MetaCall::Templates => templates::list(account, request),
    });
    match answer {
        Ok(body) => Reply::json(200, "200", &body),
        Err(refusal) => refusal.reply(),
    }
}

/// The answer that a fault of kind `code` gives.
pub(crate) fn refuse_by_fault(code: &str) -> Reply {
    MetaError::new(code.parse().unwrap_or(1)).reply()
}

/// The account whose token this is, if the path names one of its things: else as if there were none (A8, page of error
/// codes: 100 with subcode 33).
fn authorized<'a>(
    prepared: &'a Prepared,
    call: MetaCall,
    id: &str,
    request: &Request,
) -> Refusable<&'a MetaAccount> {
    let accounts = &prepared.script.meta.accounts;
    let token = request
        .bearer()
        .ok_or_else(|| MetaError::saying(0, "Authentication Error", "no access token was given"))?;
    if !accounts.iter().any(|account| account.access_token == token) {
        return Err(MetaError::new(190));
    }
    let found = match call {
        MetaCall::Send | MetaCall::Number => prepared.meta_account(id),
        MetaCall::Templates => accounts.iter().find(|account| account.business_account_id == id),
    };
    found.filter(|account| account.access_token == token).ok_or_else(|| MetaError::no_object(id))
}

/// `GET /{Version}/{Phone-Number-ID}`.
fn number(account: &MetaAccount, request: &Request) -> Value {
    let all = json!({
        "verified_name": "Ulak simulator",
        "code_verification_status": "VERIFIED",
        "display_phone_number": account.display_phone_number,
        "quality_rating": "GREEN",
        "platform_type": "CLOUD_API",
        "id": account.phone_number_id,
    });
    only_fields(all, request)
}

/// The fields that `fields` of the query names, and the id; all without it.
fn only_fields(all: Value, request: &Request) -> Value {
    let (Value::Object(all), Some(wanted)) = (all.clone(), request.query("fields")) else {
        return all;
    };
    let wanted: Vec<&str> = wanted.split(',').map(str::trim).collect();
    let keep = |name: &str| name == "id" || wanted.contains(&name);
    let kept: Map<String, Value> = all.into_iter().filter(|(name, _)| keep(name)).collect();
    Value::Object(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_looks_like_metas_and_each_message_has_its_own() {
        let one = id(1_700_000_000_000, 7);
        assert!(one.starts_with("wamid.") && one.len() == 62, "{one}");
        assert_ne!(one, id(1_700_000_000_000, 8));
        assert_ne!(one, id(1_700_000_000_001, 7));
    }
}
