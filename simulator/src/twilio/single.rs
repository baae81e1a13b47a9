//! One message, the account, the balance (facts twilio A2).

use serde_json::json;

use super::error::{TwilioError, json_reply};
use super::message::{Course, MessageBody};
use super::{API_VERSION, Refusable, is_of, number_of, sid};
use crate::dates;
use crate::messages::{Entry, Mark, Ring};
use crate::reply::{JSON, Reply};
use crate::request::Request;
use crate::script::TwilioAccount;
use crate::world::{Prepared, World};

/// When the twin's accounts were opened: 2024-01-01.
const OPENED_MS: i64 = 1_704_067_200_000;

/// The account's message with this sid.
fn find<'a>(ring: &'a Ring, account_sid: &str, wanted: &str) -> Refusable<(u64, &'a Entry)> {
    number_of(wanted)
        .and_then(|n| Some((n, ring.get(n)?)))
        .filter(|(n, entry)| is_of(ring, entry, account_sid) && sid(entry.at_ms, *n) == wanted)
        .ok_or_else(|| {
            let path = format!("/{API_VERSION}/Accounts/{account_sid}/Messages/{wanted}.json");
            TwilioError::saying(20404, format!("The requested resource {path} was not found"))
        })
}

/// `GET …/Messages/{Sid}.json`.
pub(super) fn fetch(
    world: &World,
    prepared: &Prepared,
    account: &TwilioAccount,
    wanted: &str,
    request: &Request,
) -> Refusable<Reply> {
    let account_sid = &account.account_sid;
    world.messages.with(|ring| {
        let row = find(ring, account_sid, wanted)?;
        let body = MessageBody::of(prepared, ring, account_sid, row, request.now_ms);
        Ok(json_reply(200, "200", &body))
    })
}

/// `POST …/Messages/{Sid}.json`: `Status=canceled` or an empty `Body`, not both.
pub(super) fn update(
    world: &World,
    prepared: &Prepared,
    account: &TwilioAccount,
    wanted: &str,
    request: &Request,
) -> Refusable<Reply> {
    let account_sid = &account.account_sid;
    let (status, body) = (request.form("Status"), request.form("Body"));
    let now_ms = request.now_ms;
    world.messages.with(|ring| {
        let (n, entry) = find(ring, account_sid, wanted)?;
        let standing = Course::of(prepared, n, entry).at(entry, now_ms).status;
        match (status.as_deref(), body.as_deref()) {
            (Some("canceled"), None) => {
                if !standing.can_be_canceled() {
                    return Err(TwilioError::new(30409));
                }
                if let Some(entry) = ring.get_mut(n) {
                    (entry.mark, entry.stop_ms) = (Mark::Cancelled, now_ms);
                }
            }
            (None, Some("")) => {
                if let Some(entry) = ring.get_mut(n) {
                    entry.redacted = true;
                }
            }
            _ => return Err(TwilioError::new(30400)),
        }
        let row = find(ring, account_sid, wanted)?;
        let body = MessageBody::of(prepared, ring, account_sid, row, now_ms);
        Ok(json_reply(200, "200", &body))
    })
}

/// `DELETE …/Messages/{Sid}.json`: 204, once the message has ended.
pub(super) fn delete(
    world: &World,
    prepared: &Prepared,
    account: &TwilioAccount,
    wanted: &str,
    request: &Request,
) -> Refusable<Reply> {
    world.messages.with(|ring| {
        let (n, entry) = find(ring, &account.account_sid, wanted)?;
        if !Course::of(prepared, n, entry).at(entry, request.now_ms).status.is_final() {
            return Err(TwilioError::new(20009));
        }
        ring.mark(&[n], Mark::Deleted);
        Ok(Reply::ready(204, "204", JSON, ""))
    })
}

/// `GET /2010-04-01/Accounts/{AccountSid}.json`.
pub(super) fn account(account: &TwilioAccount) -> Reply {
    let sid = &account.account_sid;
    let path = format!("/{API_VERSION}/Accounts/{sid}");
    let opened = dates::to_rfc2822(OPENED_MS);
    let body = json!({
        "sid": sid,
        "owner_account_sid": sid,
        "friendly_name": "Ulak simulator",
        "status": "active",
        "type": "Full",
        "auth_token": account.auth_token,
        "date_created": opened,
        "date_updated": opened,
        "uri": format!("{path}.json"),
        "subresource_uris": {
            "messages": format!("{path}/Messages.json"),
            "balance": format!("{path}/Balance.json"),
        },
    });
    Reply::json(200, "200", &body)
}

/// `GET …/Balance.json`.
pub(super) fn balance(account: &TwilioAccount) -> Reply {
    let body = json!({ "account_sid": account.account_sid, "balance": account.balance, "currency": "USD" });
    Reply::json(200, "200", &body)
}
