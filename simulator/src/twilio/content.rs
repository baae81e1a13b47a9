//! Content templates and their approval (facts twilio A6; Twilio's OpenAPI `content_v1`).

use serde_json::{Map, Value, json};

use super::error::TwilioError;
use super::{Refusable, authenticated};
use crate::dates;
use crate::reply::Reply;
use crate::request::Request;
use crate::script::{TwilioAccount, TwilioContent};
use crate::world::World;

/// Where the real service has them; the addresses in an answer name it.
const HOST: &str = "https://content.twilio.com";
/// When the twin's templates were made: 2024-01-01.
const MADE_MS: i64 = 1_704_067_200_000;
/// Rows of a page.
const ROWS: (usize, usize) = (50, 1_000);

/// Which call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentCall<'a> {
    /// `GET /v1/ContentAndApprovals`.
    List,
    /// `GET /v1/Content/{Sid}`.
    One(&'a str),
    /// `GET /v1/Content/{Sid}/ApprovalRequests`.
    Approval(&'a str),
}

/// Answers a call; the account is that of the credentials, since no path names it.
pub(crate) fn answer(world: &World, call: ContentCall<'_>, request: &Request) -> Reply {
    let prepared = world.prepared();
    let answer = authenticated(&prepared, request).and_then(|account| match call {
        ContentCall::List => list(account, request),
        ContentCall::One(sid) => {
            find(account, sid).map(|content| resource(account, content).into())
        }
        ContentCall::Approval(sid) => find(account, sid).map(|content| {
            json!({
                "sid": content.sid,
                "account_sid": account.account_sid,
                "whatsapp": approval(content),
                "url": format!("{HOST}/v1/Content/{}/ApprovalRequests", content.sid),
            })
        }),
    });
    match answer {
        Ok(body) => Reply::json(200, "200", &body),
        Err(refusal) => refusal.reply(),
    }
}

/// The account that the credentials of a request open; nothing where they open none.
pub(crate) fn account_of(world: &World, request: &Request) -> Option<String> {
    authenticated(&world.prepared(), request).ok().map(|account| account.account_sid.clone())
}

fn find<'a>(account: &'a TwilioAccount, sid: &str) -> Refusable<&'a TwilioContent> {
    account.content(sid).ok_or_else(|| {
        let words = format!("The requested resource /v1/Content/{sid} was not found");
        TwilioError::saying(20404, words)
    })
}

fn resource(account: &TwilioAccount, content: &TwilioContent) -> Map<String, Value> {
    let url = format!("{HOST}/v1/Content/{}", content.sid);
    let body = json!({
        "sid": content.sid,
        "account_sid": account.account_sid,
        "friendly_name": content.friendly_name,
        "language": content.language,
        "variables": content.variables,
        "types": { "twilio/text": { "body": content.body } },
        "date_created": dates::to_rfc3339(MADE_MS),
        "date_updated": dates::to_rfc3339(MADE_MS),
        "links": {
            "approval_create": format!("{url}/ApprovalRequests/whatsapp"),
            "approval_fetch": format!("{url}/ApprovalRequests"),
        },
        "url": url,
    });
    match body {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn approval(content: &TwilioContent) -> Value {
    json!({
        "type": "whatsapp",
        "name": content.friendly_name,
        "category": content.category,
        "content_type": "twilio/text",
        "status": content.status,
        "rejection_reason": "",
        "allow_category_change": true,
    })
}

fn list(account: &TwilioAccount, request: &Request) -> Refusable<Value> {
    let number = |key: &str, default: usize| match request.query(key) {
        None => Ok(default),
        Some(text) => text.parse::<usize>().map_err(|_| TwilioError::new(20422)),
    };
    let (rows, page) = (number("PageSize", ROWS.0)?, number("Page", 0)?);
    if rows == 0 || rows > ROWS.1 {
        return Err(TwilioError::new(20007));
    }
    let start = page.saturating_mul(rows);
    let all = account.contents.iter();
    let contents: Vec<Value> = all
        .skip(start)
        .take(rows)
        .map(|content| {
            let mut fields = resource(account, content);
            fields.retain(|name, _| name != "url" && name != "links");
            fields.insert("approval_requests".to_owned(), approval(content));
            fields.into()
        })
        .collect();
    let url = |page: usize| {
        let path = format!("{HOST}/v1/ContentAndApprovals?PageSize={rows}&Page={page}");
        if page == 0 { path } else { format!("{path}&PageToken=PT{page}") }
    };
    let more = start.saturating_add(rows) < account.contents.len();
    Ok(json!({
        "contents": contents,
        "meta": {
            "key": "contents",
            "page": page,
            "page_size": rows,
            "first_page_url": url(0),
            "previous_page_url": (page > 0).then(|| url(page - 1)),
            "next_page_url": more.then(|| url(page + 1)),
            "url": url(page),
        },
    }))
}
