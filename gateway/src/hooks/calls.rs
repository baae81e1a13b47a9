//! The calls themselves.

use super::accounts::{Accounts, NoAccount};
use super::hints;
use super::room::declared;
use crate::body::{self, Bounds};
use crate::door::{Door, Open};
use crate::problem::Problem;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use providers::webhook::{HookTrouble, MOST_BODY_BYTES};
use receipts::{NotTaken, Provider, Told, Via, write_of};
use std::collections::BTreeMap;
use std::time::Duration;

/// Largest body of a form, and of a hint.
const FORM_BYTES: usize = 128 * 1024;
/// How long a body may take: vendors hang up after 15 s (`facts/twilio_turkeysms_smsala.md` A3).
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

/// A hook that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hook {
    TwilioStatus,
    WhatsappStatus,
    NetgsmReport,
}

impl Hook {
    fn at(provider: &str, hook: &str) -> Option<Self> {
        match (provider, hook) {
            ("twilio", "status") => Some(Self::TwilioStatus),
            ("whatsapp", "status") => Some(Self::WhatsappStatus),
            ("netgsm", "report") => Some(Self::NetgsmReport),
            _ => None,
        }
    }

    const fn provider(self) -> Provider {
        match self {
            Self::TwilioStatus => Provider::Twilio,
            Self::WhatsappStatus => Provider::Whatsapp,
            Self::NetgsmReport => Provider::Netgsm,
        }
    }

    const fn bounds(self) -> Bounds {
        let (most, said) = match self {
            Self::WhatsappStatus => (MOST_BODY_BYTES, "2 MiB"),
            Self::TwilioStatus | Self::NetgsmReport => (FORM_BYTES, "128 KiB"),
        };
        Bounds { most, said, within: ARRIVES_WITHIN }
    }
}

/// Why a call was not taken: a word for the metric, and the answer.
#[derive(Debug)]
struct Refused {
    word: &'static str,
    problem: Box<Problem>,
}

impl Refused {
    fn new(word: &'static str, problem: Problem) -> Self {
        Self { word, problem: Box::new(problem) }
    }

    fn forbidden(word: &'static str) -> Self {
        Self::new(word, Problem::not_proven())
    }
}

impl From<NoAccount> for Refused {
    fn from(none: NoAccount) -> Self {
        Self::forbidden(match none {
            NoAccount::Token => "token",
            NoAccount::NotConfigured => "not-configured",
        })
    }
}

impl From<HookTrouble> for Refused {
    fn from(trouble: HookTrouble) -> Self {
        let word = trouble.as_str();
        let problem = match trouble {
            HookTrouble::Unsigned | HookTrouble::Forged => Problem::not_proven(),
            HookTrouble::TooLarge => Problem::too_large(
                "The webhook is larger, or has more fields, than any documented one. Nothing was taken.",
            ),
            HookTrouble::Unreadable => Problem::unreadable(
                "The webhook is none that its vendor documents. Nothing was taken.",
            ),
        };
        Self::new(word, problem)
    }
}

impl From<NotTaken> for Refused {
    fn from(not: NotTaken) -> Self {
        let (word, problem) = match not {
            NotTaken::Full => ("full", Problem::crowded()),
            NotTaken::Away => ("away", Problem::away()),
            NotTaken::Defect => ("defect", Problem::broken()),
        };
        Self::new(word, problem)
    }
}

pub(crate) async fn post(
    State(door): State<Door>,
    Path((provider, hook)): Path<(String, String)>,
    request: Request,
) -> Response {
    answer(&door, (&provider, &hook), None, request).await
}

pub(crate) async fn post_with_token(
    State(door): State<Door>,
    Path((provider, hook, token)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    answer(&door, (&provider, &hook), Some(&token), request).await
}

async fn answer(
    door: &Door,
    (provider, hook): (&str, &str),
    token: Option<&str>,
    request: Request,
) -> Response {
    let Some(hook) = Hook::at(provider, hook) else { return Problem::no_hook().into_response() };
    let taken = take(door, hook, token, request).await;
    told(door, hook, taken.map(|()| StatusCode::OK.into_response()))
}

fn told(door: &Door, hook: Hook, taken: Result<Response, Refused>) -> Response {
    let word = taken.as_ref().map_or_else(|refused| refused.word, |_| "taken");
    if let Some(metrics) = door.metrics() {
        metrics.receipts.webhook(hook.provider().as_str(), word);
    }
    taken.unwrap_or_else(|refused| refused.problem.into_response())
}

async fn take(
    door: &Door,
    hook: Hook,
    token: Option<&str>,
    request: Request,
) -> Result<(), Refused> {
    let (head, body) = request.into_parts();
    let hooks = door.hooks();
    // who it is comes first: of anybody else's body nothing is read
    match hook {
        Hook::TwilioStatus => {
            let (name, account) = account(&hooks.twilio, token)?;
            let url = hooks.public_url.as_deref().ok_or(NoAccount::NotConfigured)?;
            let signature = signed(&head.headers, "x-twilio-signature")?;
            let (open, body) = read(door, hook, &head, body).await?;
            let url = address(url, &head.uri);
            let callback = account.hook.status(&url, &body, Some(signature))?;
            let Some(callback) = callback else {
                ignored(door, hook, "other", 1);
                return Ok(());
            };
            if callback.account_sid != account.account_sid {
                ignored(door, hook, "unmatched", 1);
                return Ok(());
            }
            let told = write_of(hook.provider(), Via::Webhook, &callback.receipt);
            let told = told.map(|told| told.of_account(&format!("twilio/{name}")));
            record(door, open, hook, vec![told]).await
        }
        Hook::WhatsappStatus => {
            let (_, account) = account(&hooks.whatsapp, token)?;
            let signature = Some(signed(&head.headers, "x-hub-signature-256")?);
            let (open, body) = read(door, hook, &head, body).await?;
            let updates = account.hook.updates(&body, signature)?;
            for (why, n) in [
                ("other", updates.other),
                ("unreadable", updates.unreadable),
                ("dropped", updates.dropped),
            ] {
                ignored(door, hook, why, n);
            }
            // an app's one webhook tells of all of its numbers; another app's secret vouches for none of them
            let is_vouched = |id: &str| {
                let mut numbers = hooks.whatsapp.all().filter(|it| it.phone_number_id == id);
                numbers.any(|it| it.hook.is_signed(&body, signature))
            };
            // of the account that it came to it is proven already
            let own_id = (account.phone_number_id.as_str(), true);
            let mut vouched = BTreeMap::from([own_id]);
            let mut own = vec![];
            for update in &updates.statuses {
                let id = update.phone_number_id.as_str();
                if *vouched.entry(id).or_insert_with(|| is_vouched(id)) {
                    let told = write_of(hook.provider(), Via::Webhook, &update.receipt);
                    own.push(told.map(|told| told.of_sender(id)));
                }
            }
            ignored(door, hook, "unmatched", updates.statuses.len() - own.len());
            record(door, open, hook, own).await
        }
        Hook::NetgsmReport => {
            let token = token.ok_or(NoAccount::Token)?;
            let (name, ()) = hooks.netgsm.by_token(token)?;
            let (open, body) = read(door, hook, &head, body).await?;
            open.hints.of(name, hints::jobs(&body));
            Ok(())
        }
    }
}

fn account<'a, A>(
    accounts: &'a Accounts<A>,
    token: Option<&str>,
) -> Result<(&'a str, &'a A), NoAccount> {
    token.map_or_else(|| accounts.flat(), |token| accounts.by_token(token))
}

/// The body, within its limits, once somebody is there to take what it says.
async fn read<'a>(
    door: &'a Door,
    hook: Hook,
    head: &Parts,
    body: axum::body::Body,
) -> Result<(&'a Open, Vec<u8>), Refused> {
    let bounds = hook.bounds();
    if declared(&head.headers).is_some_and(|length| length > bounds.most as u64) {
        return Err(Refused::new("too-large", bounds.too_large()));
    }
    let open = door.opened().map_err(|problem| Refused::new("away", problem))?;
    let place = door.room().place(&head.headers);
    let _place = place.ok_or_else(|| Refused::new("crowded", Problem::crowded()))?;
    let read = body::read_within(body, bounds, door.stop()).await;
    let read = read.map_err(|problem| {
        let word = match problem.status() {
            408 => "slow",
            413 => "too-large",
            503 => "stopping",
            _ => "unreadable",
        };
        Refused::new(word, problem)
    })?;
    Ok((open, read))
}

/// What the vendor signed: our root, and path and query exactly as they came.
fn address(public_url: &str, uri: &Uri) -> String {
    format!("{public_url}{}", uri.path_and_query().map_or("/", |it| it.as_str()))
}

/// The header that holds the signature. Of what carries none no body is read.
fn signed<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Refused> {
    Ok(header(headers, name).filter(|it| !it.is_empty()).ok_or(HookTrouble::Unsigned)?)
}

/// A header that came once.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut given = headers.get_all(name).iter();
    match (given.next(), given.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn ignored(door: &Door, hook: Hook, why: &'static str, n: usize) {
    if let Some(metrics) = door.metrics() {
        metrics.receipts.without_effect_of(hook.provider().as_str(), why, n);
    }
}

/// Those that bring no reference of ours back are `None`.
async fn record(
    door: &Door,
    open: &Open,
    hook: Hook,
    given: Vec<Option<Told>>,
) -> Result<(), Refused> {
    let all = given.len();
    let told: Vec<Told> = given.into_iter().flatten().collect();
    ignored(door, hook, "no-reference", all - told.len());
    open.receipts.take(told).await?;
    Ok(())
}

pub(crate) async fn challenge(
    State(door): State<Door>,
    Path((provider, hook)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    challenged(&door, (&provider, &hook), None, query.as_deref())
}

pub(crate) async fn challenge_with_token(
    State(door): State<Door>,
    Path((provider, hook, token)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    challenged(&door, (&provider, &hook), Some(&token), query.as_deref())
}

/// Meta's question whether the webhook is ours (`facts/netgsm_iys.md` A8). Others ask nothing.
fn challenged(
    door: &Door,
    (provider, hook): (&str, &str),
    token: Option<&str>,
    query: Option<&str>,
) -> Response {
    let Some(hook @ Hook::WhatsappStatus) = Hook::at(provider, hook) else {
        return Problem::no_hook().into_response();
    };
    let given = account(&door.hooks().whatsapp, token).map_err(Refused::from);
    let given = given.and_then(|(_, account)| {
        if !account.may_be_asked {
            return Err(NoAccount::NotConfigured.into());
        }
        let said = account.hook.challenge(query.unwrap_or_default())?;
        Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], said).into_response())
    });
    told(door, hook, given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_our_root_with_path_and_query_as_they_came() {
        for (came, signed) in [
            (
                "/v1/webhooks/twilio/status?m=ntf_a-1",
                "https://k.example/v1/webhooks/twilio/status?m=ntf_a-1",
            ),
            (
                "/v1/webhooks/twilio/status/t%20k?b=It%27s+a",
                "https://k.example/v1/webhooks/twilio/status/t%20k?b=It%27s+a",
            ),
            ("http://other.example/x?y", "https://k.example/x?y"),
        ] {
            assert_eq!(address("https://k.example", &came.parse().unwrap()), signed);
        }
    }

    #[test]
    fn a_header_that_comes_twice_is_none() {
        let mut headers = HeaderMap::new();
        headers.append("x", "1".parse().unwrap());
        assert_eq!(header(&headers, "x"), Some("1"));
        headers.append("x", "1".parse().unwrap());
        assert_eq!(header(&headers, "x"), None);
    }
}
