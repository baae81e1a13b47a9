//! The control API under `/_simulator/`, and the page for people at `/`.

use std::time::Duration;

use hyper::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::faults::Fault;
use crate::messages::MOST_IN_ONE_ANSWER;
use crate::meta;
use crate::number;
use crate::reply::{JSON, Reply, TEXT};
use crate::request::Request;
use crate::script::{Consent, Consents, Script};
use crate::world::World;

/// Longest wait of one call.
const MOST_WAIT_S: f64 = 600.0;

const PAGE: &str = "\
Ulak simulator: the outside world in one port. It stands for services that are not ours; nothing is sent.

Twins, under the vendors' own paths
  Netgsm  POST /sms/rest/v2/send    /sms/rest/v2/otp     /sms/rest/v2/report
          POST /sms/rest/v2/stats   /sms/rest/v2/cancel  /balance  /iys/add  /iys/search
          GET  /sms/rest/v2/msgheader                    /sms/rest/v2/inbox
  IYS     POST /oauth2/token
          POST /sps/{iysCode}/brands/{brandCode}/consents/{recipientType}/status/{type}
          POST /sps/{iysCode}/brands/{brandCode}/consents  …/consents/request  …/consents/status  …/consents/history
          GET  /sps/{iysCode}/brands  …/consents/request/{requestId}  …/consents/changes
  Twilio  POST /2010-04-01/Accounts/{AccountSid}/Messages.json      GET (list)
          GET  /2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json  POST (cancel, redact)  DELETE
          GET  /2010-04-01/Accounts/{AccountSid}.json               …/{AccountSid}/Balance.json
          GET  /v1/ContentAndApprovals  /v1/Content/{Sid}  /v1/Content/{Sid}/ApprovalRequests
  Meta    POST /{Version}/{PhoneNumberId}/messages
          GET  /{Version}/{PhoneNumberId}  /{Version}/{BusinessAccountId}/message_templates

What came in
  GET    /_simulator/messages   ?after=N &to=5321234567 &limit=N &wait_s=S &count=K   accepted messages
  GET    /_simulator/requests   ?after=N                                             the last 10,000 requests
  GET    /_simulator/stats                                                           counters

How it behaves
  GET    /_simulator/script     the script in force (with its passwords)
  PUT    /_simulator/script     a whole script in its place
  POST   /_simulator/faults     one fault more
  DELETE /_simulator/faults     none
  POST   /_simulator/consents   {\"default\":\"ONAY\",\"numbers\":{\"+905321234567\":\"RET\"}}
  POST   /_simulator/clock      {\"advance_s\":3600,\"frozen\":true}
  POST   /_simulator/meta/subscribe  {\"business_account_id\":\"200000000000001\",\"url\":\"http://…\",\"verify_token\":\"…\"}
";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsentsBody {
    default: Option<Consent>,
    #[serde(default)]
    numbers: std::collections::BTreeMap<String, Consent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockBody {
    #[serde(default)]
    advance_s: f64,
    frozen: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscribeBody {
    business_account_id: String,
    url: String,
    verify_token: String,
}

/// Whether the path is the simulator's own.
pub(crate) fn is_ours(path: &str) -> bool {
    path == "/" || path.starts_with("/_simulator/")
}

/// Answers a call of the control API.
pub(crate) async fn answer(world: &World, method: &Method, path: &str, request: &Request) -> Reply {
    let answer = match (method.as_str(), path) {
        ("GET", "/") => Ok(Reply::ready(200, "", TEXT, PAGE)),
        ("GET", "/_simulator/messages") => messages(world, request).await,
        ("GET", "/_simulator/requests") => number_of(request, "after", 0)
            .map(|after| Reply::json(200, "", &json!({ "requests": world.seen.list(after) }))),
        ("GET", "/_simulator/stats") => Ok(Reply::json(200, "", &world.stats())),
        ("GET", "/_simulator/script") => Ok(Reply::json(200, "", &json!(world.script()))),
        ("PUT", "/_simulator/script") => put_script(world, request),
        ("POST", "/_simulator/faults") => post_fault(world, request),
        ("DELETE", "/_simulator/faults") => {
            world.faults.replace(Vec::new());
            Ok(done())
        }
        ("POST", "/_simulator/consents") => post_consents(world, request),
        ("POST", "/_simulator/clock") => post_clock(world, request),
        ("POST", "/_simulator/meta/subscribe") => subscribe(world, request).await,
        _ => Err((404, "no such control call; see GET /".to_owned())),
    };
    answer.unwrap_or_else(|(status, wrong)| Reply::json(status, "", &json!({ "error": wrong })))
}

type Wrong = (u16, String);

fn done() -> Reply {
    Reply::json(200, "", &json!({ "ok": true }))
}

fn read<T: DeserializeOwned>(request: &Request) -> Result<T, Wrong> {
    serde_json::from_slice(&request.body).map_err(|error| (400, error.to_string()))
}

fn number_of(request: &Request, key: &str, default: u64) -> Result<u64, Wrong> {
    match request.query(key) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| (400, format!("{key} must be a number"))),
    }
}

async fn messages(world: &World, request: &Request) -> Result<Reply, Wrong> {
    let after = number_of(request, "after", 0)?;
    let most = MOST_IN_ONE_ANSWER as u64;
    let limit = number_of(request, "limit", most)?.min(most) as usize;
    let to = match request.query("to") {
        None => None,
        Some(text) => Some(number::looked_for(&text).ok_or_else(|| {
            (400, "to must be a Turkish mobile number, or +E.164 abroad".to_owned())
        })?),
    };
    let page = match request.query("wait_s") {
        None => world.messages.page(after, to, limit),
        Some(text) => {
            let wait_s = text.parse::<f64>().ok().filter(|wait_s| wait_s.is_finite());
            let wait_s = wait_s.ok_or_else(|| (400, "wait_s must be seconds".to_owned()))?;
            let at_most = Duration::from_secs_f64(wait_s.clamp(0.0, MOST_WAIT_S));
            let count = number_of(request, "count", 1)?.min(most) as usize;
            tokio::select! {
                page = world.messages.wait((after, to, limit), count, at_most) => page,
                () = world.shutdown.cancelled() => world.messages.page(after, to, limit),
            }
        }
    };
    let body = serde_json::to_vec(&page).map_err(|error| (500, error.to_string()))?;
    Ok(Reply::ready(200, "", JSON, body))
}

fn put_script(world: &World, request: &Request) -> Result<Reply, Wrong> {
    let script = Script::from_json(&request.body).map_err(|error| (400, error.to_string()))?;
    world.set_script(script).map_err(|error| (400, error.to_string()))?;
    Ok(done())
}

fn post_fault(world: &World, request: &Request) -> Result<Reply, Wrong> {
    let fault: Fault = read(request)?;
    fault.check().map_err(|wrong| (400, wrong))?;
    if world.faults.add(fault) {
        Ok(done())
    } else {
        Err((409, "too many faults: DELETE /_simulator/faults first".to_owned()))
    }
}

fn post_consents(world: &World, request: &Request) -> Result<Reply, Wrong> {
    let body: ConsentsBody = read(request)?;
    let numbers = Consents { numbers: body.numbers, ..Consents::default() };
    world.merge_consents(body.default, &numbers).map_err(|error| (400, error.to_string()))?;
    Ok(done())
}

async fn subscribe(world: &World, request: &Request) -> Result<Reply, Wrong> {
    let body: SubscribeBody = read(request)?;
    meta::subscribe(world, &body.business_account_id, &body.url, &body.verify_token)
        .await
        .map_err(|wrong| (400, wrong))?;
    Ok(done())
}

fn post_clock(world: &World, request: &Request) -> Result<Reply, Wrong> {
    let body: ClockBody = read(request)?;
    // A year is more than any rule needs, and the dates stay writable.
    if !(0.0..=31_536_000.0).contains(&body.advance_s) {
        return Err((400, "advance_s must be 0 to 31536000".to_owned()));
    }
    if let Some(frozen) = body.frozen {
        world.clock.freeze(frozen);
    }
    world.clock.advance(Duration::from_secs_f64(body.advance_s));
    Ok(done())
}
