//! Single status, history, changes and brands (facts B3).

use serde_json::{Value, json};

use super::consent::{Channel, ConsentKey, fits, normal};
use super::error::IysError;
use super::{HOUR_MS, IysState};
use crate::reply::Reply;
use crate::request::Request;
use crate::script::Consent;

/// `changes` knows the last seven days, without the last hour.
const CHANGES_MS: i64 = 7 * 24 * HOUR_MS;
/// Most changes of an answer.
const MOST_CHANGES: usize = 1_000;

/// `POST …/consents/status`.
///
/// What İYS answers for a recipient without a record is not published (facts C): here 404 with an error
/// that has no H code of the table.
pub(super) fn status(
    state: &IysState,
    brand: &str,
    request: &Request,
) -> Result<Reply, Vec<IysError>> {
    let key = key(brand, request)?;
    match state.find(&key) {
        Some(record) => {
            let mut body = record.to_json(&key);
            body["retailerCode"] = Value::Null;
            body["retailerTitle"] = Value::Null;
            body["retailerAccessCount"] = json!(0);
            Ok(Reply::json(200, "found", &body))
        }
        None => {
            let body = json!({ "errors": [{ "message": "İzin bulunamadı." }] });
            Ok(Reply::json(404, "not_found", &body))
        }
    }
}

/// `POST …/consents/history`, newest first.
pub(super) fn history(
    state: &IysState,
    brand: &str,
    request: &Request,
) -> Result<Reply, Vec<IysError>> {
    let key = key(brand, request)?;
    let list: Vec<Value> =
        state.movements(&key).iter().rev().map(|record| record.to_json(&key)).collect();
    Ok(Reply::json(200, "found", &json!({ "list": list })))
}

/// `GET …/consents/changes?after&limit&source`; 204 where there is nothing.
pub(super) fn changes(
    state: &IysState,
    brand: &str,
    request: &Request,
) -> Result<Reply, Vec<IysError>> {
    let limit = match request.query("limit").map(|text| (text.parse::<usize>(), text)) {
        None => MOST_CHANGES,
        Some((Ok(limit @ 1..=MOST_CHANGES), _)) => limit,
        Some((Ok(0) | Err(_), text)) => {
            return Err(vec![IysError::at("H182", "limit", Some(&json!(text)))]);
        }
        Some((Ok(_), text)) => return Err(vec![IysError::at("H507", "limit", Some(&json!(text)))]),
    };
    let own = match request.query("source").as_deref() {
        None | Some("IYS") => false,
        Some("HS") => true,
        Some(other) => return Err(vec![IysError::at("H506", "source", Some(&json!(other)))]),
    };
    let window = request.now_ms - CHANGES_MS..request.now_ms - HOUR_MS;
    let mut fitting = state
        .changes
        .iter()
        .filter(|(key, record)| {
            key.brand == brand
                && window.contains(&record.created_ms)
                && record.source.starts_with("HS_") == own
        })
        .peekable();
    if let Some(after) = request.query("after").filter(|text| !text.is_empty()) {
        let id = after.split_once('_').map_or("", |(_, id)| id);
        let known = state.changes.iter().any(|(_, record)| record.transaction_id == id);
        if known {
            for (_, record) in fitting.by_ref() {
                if record.transaction_id == id {
                    break;
                }
            }
        }
    }
    let page: Vec<_> = fitting.take(limit).collect();
    let Some((_, last)) = page.last() else {
        return Ok(Reply::ready(204, "none", crate::reply::JSON, ""));
    };
    let after = format!("{}_{}", last.created_ms / 1000, last.transaction_id);
    let list: Vec<Value> = page.iter().map(|(key, record)| record.to_json(key)).collect();
    Ok(Reply::json(200, "found", &json!({ "after": after, "list": list })))
}

/// `GET /sps/{iysCode}/brands`, with the counters of what was uploaded.
pub(super) fn brands(state: &IysState, brand: &str) -> Reply {
    let of_brand = state.records.iter().filter(|(key, _)| key.brand == brand);
    let standing = of_brand.filter_map(|(_, movements)| Some(movements.last()?.status));
    let (approval, rejection) = standing.fold((0, 0), |(yes, no), status| match status {
        Consent::Ret => (yes, no + 1),
        _ => (yes + 1, no),
    });
    let code = brand.parse::<u64>().map_or_else(|_| json!(brand), |number| json!(number));
    let consents =
        json!({ "approval": approval, "rejection": rejection, "total": approval + rejection });
    let stats = json!({ "consents": consents, "retailers": { "total": 0 } });
    let body =
        json!([{ "brandCode": code, "name": "Ulak Test Markası", "master": true, "stats": stats }]);
    Reply::json(200, "found", &body)
}

/// The key that a query names.
fn key(brand: &str, request: &Request) -> Result<ConsentKey, Vec<IysError>> {
    let body: Value =
        serde_json::from_slice(&request.body).map_err(|_| vec![IysError::new("H014")])?;
    let fields = body.as_object().ok_or_else(|| vec![IysError::new("H097")])?;
    let allowed = ["recipient", "recipientType", "type", "limit", "offset"];
    if let Some((name, value)) = fields.iter().find(|(name, _)| !allowed.contains(&name.as_str())) {
        return Err(vec![IysError::at("H118", name, Some(value))]);
    }
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let wrong = |code, name: &str| vec![IysError::at(code, name, body.get(name))];
    let channel = text("type").ok_or_else(|| wrong("H111", "type"))?;
    let channel = Channel::parse(channel).ok_or_else(|| wrong("H117", "type"))?;
    let tacir = match text("recipientType") {
        None => return Err(wrong("H170", "recipientType")),
        Some("BIREYSEL") => false,
        Some("TACIR") => true,
        Some(_) => return Err(wrong("H116", "recipientType")),
    };
    let recipient = text("recipient").ok_or_else(|| wrong("H114", "recipient"))?;
    fits(channel, recipient).map_err(|code| wrong(code, "recipient"))?;
    let recipient = normal(recipient);
    Ok(ConsentKey { brand: brand.to_owned(), tacir, channel, recipient })
}
