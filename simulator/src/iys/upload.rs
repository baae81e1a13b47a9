//! Uploads of consents: one at once, or up to 1,000 for later (facts B3).

use std::collections::HashSet;

use serde_json::{Value, json};

use super::IysState;
use super::consent::{ConsentKey, ConsentUpload, Record};
use super::error::IysError;
use crate::dates;
use crate::reply::{JSON, Reply};
use crate::request::Request;

/// Most consents of a call.
const MOST_CONSENTS: usize = 1_000;
/// Most uploads whose results are kept; the oldest go first.
const MOST_UPLOADS: usize = 1_000;
/// İYS keeps results for 60 days.
const KEPT_MS: i64 = 60 * 24 * 3_600_000;

/// An asynchronous upload and what became of its consents.
#[derive(Debug)]
pub(super) struct Upload {
    brand: String,
    request_id: String,
    at_ms: i64,
    results: Vec<(String, Result<Record, IysError>)>,
}

/// `POST …/consents` (and `/v2`, where an identical repeat gets the first answer again).
pub(super) fn add(
    state: &mut IysState,
    brand: &str,
    request: &Request,
    repeatable: bool,
) -> Result<Reply, Vec<IysError>> {
    let body: Value =
        serde_json::from_slice(&request.body).map_err(|_| vec![IysError::new("H014")])?;
    let upload = ConsentUpload::read(&body, request.now_ms)?;
    let key = ConsentKey {
        brand: brand.to_owned(),
        tacir: upload.tacir,
        channel: upload.channel,
        recipient: upload.recipient.clone(),
    };
    let last = state.find(&key).filter(|last| {
        repeatable
            && last.status == upload.status
            && upload.source.as_ref().is_none_or(|source| *source == last.source)
            && upload.consent_ms.is_none_or(|at| at == last.consent_ms)
    });
    let record = match last {
        Some(record) => record,
        None => state.store(brand, upload, request.now_ms).map_err(|error| vec![error])?,
    };
    let created = dates::to_iys(record.created_ms);
    let body = json!({ "transactionId": record.transaction_id, "creationDate": created });
    Ok(Reply::json(200, "stored", &body))
}

/// `POST …/consents/request`: taken now, known later.
pub(super) fn upload(
    state: &mut IysState,
    brand: &str,
    request: &Request,
) -> Result<Reply, Vec<IysError>> {
    let body: Value =
        serde_json::from_slice(&request.body).map_err(|_| vec![IysError::new("H014")])?;
    let items = body.as_array().filter(|items| !items.is_empty());
    let items = items.ok_or_else(|| vec![IysError::new("H092")])?;
    if items.len() > MOST_CONSENTS {
        return Err(vec![IysError::new("H091")]);
    }
    let mut seen = HashSet::new();
    let mut uploads = Vec::with_capacity(items.len());
    let mut errors = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match ConsentUpload::read(item, request.now_ms) {
            Err(wrong) => errors.extend(wrong.into_iter().map(|error| error.index(index))),
            Ok(upload) => {
                if !seen.insert((upload.tacir, upload.channel, upload.recipient.clone())) {
                    errors.push(IysError::new("H194").index(index));
                }
                uploads.push(upload);
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let created = dates::to_iys(request.now_ms);
    let request_id = state.new_uuid();
    let mut sub_requests = Vec::with_capacity(items.len());
    let mut results = Vec::with_capacity(items.len());
    for (item, upload) in items.iter().zip(uploads) {
        let id = state.new_uuid();
        let mut sub_request = item.clone();
        sub_request["subRequestId"] = json!(id);
        sub_request["creationDate"] = json!(created);
        sub_requests.push(sub_request);
        results.push((id, state.store(brand, upload, request.now_ms)));
    }
    let body = json!({ "requestId": request_id, "subRequests": sub_requests });
    if state.uploads.len() >= MOST_UPLOADS {
        state.uploads.pop_front();
    }
    let brand = brand.to_owned();
    state.uploads.push_back(Upload { brand, request_id, at_ms: request.now_ms, results });
    Ok(Reply::json(202, "taken", &body))
}

/// `GET …/consents/request/{requestId}`; an empty list means "not finished".
pub(super) fn result(
    state: &IysState,
    brand: &str,
    request_id: &str,
    wait_s: u64,
    now_ms: i64,
) -> Reply {
    let wait_ms = i64::try_from(wait_s.saturating_mul(1000)).unwrap_or(i64::MAX);
    let done = state.uploads.iter().find(|upload| {
        let age = now_ms - upload.at_ms;
        upload.brand == brand
            && upload.request_id == request_id
            && (wait_ms..KEPT_MS).contains(&age)
    });
    let Some(upload) = done else { return Reply::ready(200, "unfinished", JSON, "[]") };
    let rows: Vec<Value> = upload
        .results
        .iter()
        .enumerate()
        .map(|(index, (id, result))| match result {
            Ok(record) => json!({
                "index": index, "subRequestId": id, "status": "success",
                "transactionId": record.transaction_id,
                "creationDate": dates::to_iys(record.created_ms),
            }),
            Err(error) => json!({
                "index": index, "subRequestId": id, "status": "failure",
                "error": error.short_json(),
            }),
        })
        .collect();
    Reply::json(200, "finished", &json!(rows))
}
