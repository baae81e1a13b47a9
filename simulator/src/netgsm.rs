//! The Netgsm twin: REST v2 and Netgsm's İYS service (facts A).

use std::collections::{HashMap, HashSet};

use serde_json::json;

use crate::faults::Operation;
use crate::lock::locked;
use crate::reply::{Reply, TEXT};
use crate::request::Request;
use crate::script::{ErrorShape, NetgsmAccount};
use crate::window::Window;
use crate::world::{Prepared, World};

mod account;
mod iys_service;
mod report;
mod send;
mod text;

/// A minute in milliseconds.
const MINUTE_MS: i64 = 60_000;

/// What is counted against the accounts.
#[derive(Debug, Default)]
pub(crate) struct NetgsmState {
    accounts: HashMap<String, Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    segments: Window,
    codes: Window,
    reports: Window,
    /// Calls of the İYS service.
    iys: Window,
    used_credit: u64,
    /// Inbox messages that were handed out without dates, by their place in the script.
    read: HashSet<usize>,
}

impl NetgsmState {
    fn of(&mut self, account: &NetgsmAccount) -> &mut Counted {
        // Only accounts of the script come here, so this is bounded by the scripts.
        self.accounts.entry(account.username.clone()).or_default()
    }

    /// Gives every account its scripted credit and its whole inbox back.
    pub(crate) fn begin_credit_anew(&mut self) {
        for counted in self.accounts.values_mut() {
            counted.used_credit = 0;
            counted.read.clear();
        }
    }
}

/// A code of the fact sheet's tables instead of success.
type Refusal = &'static str;

/// Answers a request. `code`: the acceptance code that a fault wants instead of 00.
pub(crate) fn answer(
    world: &World,
    operation: Operation,
    request: &Request,
    code: Option<&str>,
) -> Reply {
    let prepared = world.prepared();
    let answer = match operation {
        Operation::Balance => account::balance(world, &prepared, request),
        Operation::IysAdd => return iys_service::add(world, &prepared, request),
        Operation::IysSearch => return iys_service::search(world, &prepared, request),
        _ => authorized(&prepared, request).and_then(|account| match operation {
            Operation::Send => send::send(world, &prepared, account, request, code),
            Operation::Otp => send::otp(world, &prepared, account, request, code),
            Operation::Report => report::report(world, &prepared, account, request),
            Operation::Stats => report::stats(world, &prepared, account, request),
            Operation::Cancel => report::cancel(world, account, request),
            Operation::Msgheader => Ok(account::msgheader(account)),
            Operation::Inbox => account::inbox(world, &prepared, account, request),
            _ => Err("70"),
        }),
    };
    answer.unwrap_or_else(|refusal| refuse(&prepared, operation, refusal))
}

/// The codes that accept a message; all others refuse it (facts A1).
pub(crate) fn accepts(code: &str) -> bool {
    matches!(code, "00" | "01" | "02" | "1000")
}

/// The answer that a fault of kind `code` gives.
pub(crate) fn refuse_by_fault(world: &World, operation: Operation, code: &str) -> Reply {
    let prepared = world.prepared();
    if matches!(operation, Operation::IysAdd | Operation::IysSearch) {
        return iys_service::refuse(&prepared, code);
    }
    refuse(&prepared, operation, code)
}

fn authorized<'a>(prepared: &'a Prepared, request: &Request) -> Result<&'a NetgsmAccount, Refusal> {
    let (name, password) = request.basic().ok_or("30")?;
    prepared.account(&name, &password).ok_or("30")
}

/// An error in the shape that the script wants (facts A0).
fn refuse(prepared: &Prepared, operation: Operation, code: &str) -> Reply {
    let description = describe(operation, code);
    let mut body = json!({ "code": code, "description": description });
    if matches!(operation, Operation::Send | Operation::Cancel) {
        body["jobid"] = serde_json::Value::Null;
    }
    shaped(prepared.script.netgsm.errors, code, &body)
}

/// An error's body in a shape.
fn shaped(shape: ErrorShape, code: &str, body: &serde_json::Value) -> Reply {
    let code = code.to_owned();
    match shape {
        ErrorShape::Http406 => Reply::json(406, code, body),
        ErrorShape::Http200 => Reply::json(200, code, body),
        ErrorShape::Text => Reply::ready(200, code.clone(), TEXT, code),
    }
}

/// Words in the manner of the official client's fixtures; nobody should branch on them.
fn describe(operation: Operation, code: &str) -> &'static str {
    match (operation, code) {
        (Operation::Otp, "50" | "51" | "52") => "number format",
        (Operation::Otp, "60") => "otp package not found",
        (Operation::Report, "60") => "no records",
        (Operation::Cancel, "60") => "jobid not found or not cancellable",
        (Operation::Inbox, "40") => "no messages",
        (_, "20") => "Check the message text",
        (_, "30") => "Check the username, password, API permission and IP restriction",
        (_, "40") => "Check the msgheader parameter",
        (_, "50") => "Account is not allowed to send with IYS control",
        (_, "51") => "No IYS brand is defined for the account",
        (_, "62") => "Insufficient balance",
        (_, "70") => "Check the parameters",
        (_, "80") => "Limit exceeded",
        (_, "85") => "More than 20 tasks to the same number in one minute",
        _ => "System error",
    }
}

/// Reads a JSON body; anything of another shape is code 70.
fn read<'a, T: serde::Deserialize<'a>>(request: &'a Request) -> Result<T, Refusal> {
    serde_json::from_slice(&request.body).map_err(|_| "70")
}

/// Counts a report query of the account against its minute.
fn admit_report(world: &World, prepared: &Prepared, account: &NetgsmAccount, now_ms: i64) -> bool {
    let limit = prepared.script.netgsm.report_queries_per_minute;
    locked(&world.netgsm).of(account).reports.admit(now_ms, MINUTE_MS, limit, 1)
}
