//! What an account can ask about itself: `msgheader`, `inbox`, `balance` (facts A5, A6).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, read};
use crate::dates;
use crate::lock::locked;
use crate::reply::Reply;
use crate::request::Request;
use crate::script::NetgsmAccount;
use crate::world::{Prepared, World};

/// Credit that an account without limit shows.
const PLENTY: u64 = 1_000_000;
/// The longest range of an inbox query (facts A5).
const MOST_INBOX_MS: i64 = 30 * 24 * 3600 * 1000;

#[derive(Deserialize)]
struct BalanceBody {
    usercode: Option<String>,
    password: Option<String>,
    stip: Option<Value>,
}

/// `GET /sms/rest/v2/msgheader`: the subscriber number and the approved names.
pub(super) fn msgheader(account: &NetgsmAccount) -> Reply {
    let mut names = vec![account.username.as_str()];
    names.extend(account.senders.iter().map(String::as_str));
    let body = json!({ "code": "00", "description": "success", "msgheaders": names });
    Reply::json(200, "00", &body)
}

/// `GET /sms/rest/v2/inbox`. Without dates every message is handed out once.
pub(super) fn inbox(
    world: &World,
    prepared: &Prepared,
    account: &NetgsmAccount,
    request: &Request,
) -> Result<Reply, Refusal> {
    let date = |key: &str| match request.query(key).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => dates::netgsm_inbox(&text).map(Some).ok_or("70"),
    };
    let range = match (date("startdate")?, date("stopdate")?) {
        (None, None) => None,
        (Some(from), Some(to)) if from <= to => {
            if to - from > MOST_INBOX_MS {
                return Err("60");
            }
            Some((from, to))
        }
        _ => return Err("70"),
    };
    let mut state = locked(&world.netgsm);
    let read = &mut state.of(account).read;
    let mut found = Vec::new();
    for (index, message) in prepared.script.netgsm.inbox.iter().enumerate() {
        let wanted = match range {
            Some((from, to)) => {
                dates::netgsm_report(&message.datetime).is_some_and(|at| (from..=to).contains(&at))
            }
            None => !read.contains(&index),
        };
        if message.account != account.username || !wanted {
            continue;
        }
        if range.is_none() {
            read.insert(index);
        }
        found.push(json!({ "message": message.message, "sender": message.sender,
                           "receiver": account.username, "datetime": message.datetime }));
    }
    if found.is_empty() {
        return Err("40");
    }
    let body = json!({ "code": "00", "description": "success", "messages": found });
    Ok(Reply::json(200, "00", &body))
}

/// `POST /balance`: credentials stand in the body.
pub(super) fn balance(
    world: &World,
    prepared: &Prepared,
    request: &Request,
) -> Result<Reply, Refusal> {
    let body: BalanceBody = read(request)?;
    let (Some(name), Some(password)) = (body.usercode, body.password) else { return Err("70") };
    let account = prepared.account(&name, &password).ok_or("30")?;
    let stip = body.stip.as_ref().and_then(|stip| match stip {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    });
    let used = locked(&world.netgsm).of(account).used_credit;
    let left = account.credit.unwrap_or(PLENTY).saturating_sub(used);
    let packages = json!({ "amount": left, "balance_name": "SMS Count" });
    // Lira with a decimal comma and three places; a segment costs a tenth of one here.
    let credit = format!("{},{:03}", left / 10, left % 10 * 100);
    let body = match stip {
        Some(1) => json!({ "balance": [packages] }),
        Some(2) => json!({ "code": "00", "balance": credit }),
        Some(3) => json!({ "balance": [packages, { "amount": credit, "balance_name": "TL" }] }),
        _ => return Err("70"),
    };
    Ok(Reply::json(200, "00", &body))
}
