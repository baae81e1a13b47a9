//! The Twilio twin: Programmable Messaging (facts twilio A).

use std::collections::HashMap;
use std::sync::Arc;

use hyper::Method;

use crate::faults::Operation;
use crate::lock::locked;
use crate::messages::{Entry, Mark, Ring};
use crate::reply::Reply;
use crate::request::Request;
use crate::script::{TwilioAccount, TwilioKeyKind};
use crate::seed;
use crate::window::Window;
use crate::world::{Prepared, World};

mod callback;
mod content;
mod error;
mod list;
mod message;
pub mod outside;
mod send;
mod sender;
mod signature;
mod single;
mod text;

pub(crate) use callback::Callbacks;
pub(crate) use content::{ContentCall, account_of as content_account, answer as content_answer};
use error::TwilioError;
pub(crate) use error::is_of_an_end;

/// The API's version, first part of every path.
const API_VERSION: &str = "2010-04-01";

/// What is counted against the accounts and their senders. Both are names of scripts, so this is bounded.
#[derive(Debug, Default)]
pub(crate) struct TwilioState {
    requests: HashMap<String, Window>,
    /// When a sender's queue is empty, by account and sender.
    senders: HashMap<String, i64>,
}

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TwilioPlace<'a> {
    pub account_sid: &'a str,
    /// `{Sid}` of one message.
    pub message_sid: Option<&'a str>,
}

/// What a call gives, or why not.
type Refusable<T> = Result<T, TwilioError>;

/// The sid of a message: its number can be read from it, so nothing is searched for.
pub(crate) fn sid(at_ms: i64, n: u64) -> String {
    format!("SM{:016x}{n:016x}", seed::mix(at_ms as u64, n))
}

/// The number in a sid; whether it is that message's sid is for [`sid`] to say.
fn number_of(sid: &str) -> Option<u64> {
    let digits = sid.strip_prefix("SM").filter(|digits| digits.len() == 32)?;
    u64::from_str_radix(digits.get(16..)?, 16).ok()
}

/// Whether this is a message of a Twilio account that it still shows.
fn is_of(ring: &Ring, entry: &Entry, account_sid: &str) -> bool {
    entry.kind.is_twilio() && entry.mark != Mark::Deleted && ring.is_of(entry, account_sid)
}

/// Answers a request. `code`: the code of an end that a fault wants for an accepted message.
pub(crate) fn answer(
    world: &Arc<World>,
    operation: Operation,
    place: TwilioPlace<'_>,
    (method, request): (&str, &Request),
    code: Option<&str>,
) -> Reply {
    let prepared = world.prepared();
    let answer = authorized(&prepared, operation, place, request).and_then(|account| {
        let limit = account.max_requests_per_s;
        if limit > 0 {
            let mut state = locked(&world.twilio);
            let window = state.requests.entry(account.account_sid.clone()).or_default();
            if !window.admit(request.now_ms, 1_000, limit, 1) {
                return Err(TwilioError::new(20429));
            }
        }
        let sid = place.message_sid.unwrap_or("");
        match operation {
            Operation::Send => {
                let end = code.and_then(|code| code.parse().ok()).unwrap_or(0);
                send::send(world, &prepared, account, request, end)
            }
            Operation::List => list::list(world, &prepared, account, request),
            Operation::Fetch => single::fetch(world, &prepared, account, sid, request),
            Operation::Update if method == Method::DELETE.as_str() => {
                single::delete(world, &prepared, account, sid, request)
            }
            Operation::Update => single::update(world, &prepared, account, sid, request),
            Operation::Account => Ok(single::account(account)),
            Operation::Balance => Ok(single::balance(account)),
            _ => Err(TwilioError::new(20404)),
        }
    });
    answer.unwrap_or_else(|refusal| refusal.reply())
}

/// The answer that a fault of kind `code` gives.
pub(crate) fn refuse_by_fault(code: &str) -> Reply {
    TwilioError::new(code.parse().unwrap_or(20500)).reply()
}

/// The account whose AuthToken or API key this is, if the path is its (facts A1).
fn authorized<'a>(
    prepared: &'a Prepared,
    operation: Operation,
    place: TwilioPlace<'_>,
    request: &Request,
) -> Refusable<&'a TwilioAccount> {
    let denied = TwilioError::new(20003);
    let Some(account) = prepared.twilio_account(place.account_sid) else { return Err(denied) };
    let Some((user, password)) = request.basic() else { return Err(denied) };
    let is_account = user == account.account_sid && password == account.auth_token;
    if !is_account {
        let mut keys = account.api_keys.iter();
        match keys.find(|key| key.sid == user && key.secret == password) {
            None => return Err(denied),
            // Only a Main key may look at the account itself.
            Some(key) if key.kind == TwilioKeyKind::Standard && operation == Operation::Account => {
                let words = "Authentication Error - invalid username";
                return Err(TwilioError::saying(20003, words));
            }
            Some(_) => {}
        }
    }
    if account.active { Ok(account) } else { Err(denied) }
}

/// The account whose AuthToken or API key this is.
fn authenticated<'a>(prepared: &'a Prepared, request: &Request) -> Refusable<&'a TwilioAccount> {
    let denied = TwilioError::new(20003);
    let Some((user, password)) = request.basic() else { return Err(denied) };
    let opens = |account: &&TwilioAccount| {
        (user == account.account_sid && password == account.auth_token)
            || account.api_keys.iter().any(|key| key.sid == user && key.secret == password)
    };
    let mut accounts = prepared.script.twilio.accounts.iter();
    accounts.find(opens).filter(|account| account.active).ok_or(denied)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sid_looks_like_twilios_and_holds_its_number() {
        let one = sid(1_700_000_000_000, 7);
        assert!(sender::is_sid(&one, "SM"), "{one}");
        assert_eq!(number_of(&one), Some(7));
        assert_ne!(one, sid(1_700_000_000_001, 7));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_of_sids_panic(text in "(SM)?\\PC{0,40}") {
            let _ = number_of(&text);
        }
    }
}
