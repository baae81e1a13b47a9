//! `/audit/lanes`: the ways to the providers, what waits on each, and a person's brake. For whoever sees all clinics.

use crate::audit::call::Call;
use crate::audit::guard::{Shell, Turned, form_guard, guard};
use crate::audit::when::When;
use crate::audit::{page, reason, when};
use crate::door::Door;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono_tz::Europe::Istanbul;
use ledger::access::{Access, AccessKind, Right};
use ledger::caps::{Lowered, WHOLE};
use ledger::lanes::{Lane, LaneState, PAUSED};
use ledger::pauses::{LaneLoad, Resumed};
use serde::Serialize;
use std::collections::BTreeMap;
use story::Tongue;
use tera::Context;

/// Where rows wait that nobody has decided about again; no lane, and nothing that could be paused.
const NOBODYS: &str = "none";
/// What stands before the account in the key of its cap.
const CAP: &str = "rate/";

/// A lane with what is known of it.
#[derive(Debug, Default)]
struct Known {
    configured: bool,
    trouble: Option<Lane>,
    load: Option<LaneLoad>,
    lowered: Option<Lowered>,
}

/// A lane as it is shown.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Line {
    name: String,
    /// The same for a link.
    href: String,
    /// `open`, `closed`, `trying`, `paused`, `nobodys`.
    state: &'static str,
    /// Key of the state's name.
    key: &'static str,
    since: Option<When>,
    why: String,
    probe: Option<When>,
    waiting: i64,
    outside: i64,
    next_due: Option<When>,
    /// How much of its account's cap is left, percent; 100: all.
    cap: i64,
    configured: bool,
}

/// `GET /audit/lanes`, with `?pause=LANE` or `?resume=LANE` the form for it.
pub(super) async fn get(State(door): State<Door>, call: Call) -> Result<Response, Turned> {
    let shell = guard(&door, call, Right::Read).await?;
    sees_all(&shell).await?;
    let lanes = known(&shell).await?;
    for verb in ["pause", "resume"] {
        let name = shell.call.asked(verb);
        if !name.is_empty() && shell.may(Right::Operate) {
            if name == NOBODYS || !lanes.contains_key(name) {
                return Err(shell.missing(false).await);
            }
            return Ok(confirm(&shell, verb, name, &lanes, "", None));
        }
    }
    let (now, tongue) = (shell.ledger.clock().now_ms(), shell.call.tongue);
    let lines: Vec<Line> = lanes.iter().map(|(name, of)| line(name, of, now, tongue)).collect();
    let mut context = Context::new();
    context.insert("lanes", &lines);
    context.insert("may_act", &shell.may(Right::Operate));
    Ok(page::page(&shell, "lanes.html", context))
}

/// `POST /audit/lanes/pause`
pub(super) async fn pause(
    State(door): State<Door>,
    call: Call,
    body: Body,
) -> Result<Response, Turned> {
    steer(&door, call, body, "pause").await
}

/// `POST /audit/lanes/resume`
pub(super) async fn resume(
    State(door): State<Door>,
    call: Call,
    body: Body,
) -> Result<Response, Turned> {
    steer(&door, call, body, "resume").await
}

async fn steer(
    door: &Door,
    call: Call,
    body: Body,
    verb: &'static str,
) -> Result<Response, Turned> {
    let (shell, form) = form_guard(door, call, Right::Operate, body).await?;
    sees_all(&shell).await?;
    let (name, reason) = (form.get("lane"), form.get("reason"));
    let lanes = known(&shell).await?;
    // a misspelt lane would be paused in vain
    if name == NOBODYS || !lanes.contains_key(name) {
        return Err(shell.missing(false).await);
    }
    let fault = reason::fault(reason);
    if fault.is_some() {
        return Ok(confirm(&shell, verb, name, &lanes, reason, fault));
    }
    let who = shell.visitor.who();
    let said = if verb == "pause" {
        let new = shell.asked(shell.ledger.pause_lane(name, reason, &who)).await?;
        if new { "lanes.paused" } else { "lanes.was-paused" }
    } else {
        match shell.asked(shell.ledger.resume_lane(name, reason, &who)).await? {
            Resumed::Open => "lanes.opened",
            Resumed::Probed => "lanes.probed",
            Resumed::WasOpen => "lanes.was-open",
        }
    };
    let what = AccessKind::Acted { what: format!("{verb} {name}") };
    shell.note(&Access::by(&shell.visitor, what)).await?;
    Ok(shell.call.see(&format!("/audit/lanes?said={said}")))
}

/// Lanes are of all clinics.
async fn sees_all(shell: &Shell) -> Result<(), Turned> {
    if shell.visitor.clinic.is_none() { Ok(()) } else { Err(shell.missing(true).await) }
}

/// Why a lane is to be paused or resumed: nothing is done yet.
fn confirm(
    shell: &Shell,
    verb: &'static str,
    name: &str,
    lanes: &BTreeMap<String, Known>,
    reason: &str,
    fault: Option<&'static str>,
) -> Response {
    let (now, tongue) = (shell.ledger.clock().now_ms(), shell.call.tongue);
    let mut context = Context::new();
    context.insert("verb", verb);
    context.insert("lane", &lanes.get(name).map(|known| line(name, known, now, tongue)));
    context.insert("reason", reason);
    context.insert("longest", &reason::LONGEST);
    context.insert("fault", fault.unwrap_or_default());
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page::page_with(shell, status, "lane_check.html", context)
}

/// Every lane that is configured, was ever in trouble, or holds rows.
async fn known(shell: &Shell) -> Result<BTreeMap<String, Known>, Turned> {
    let ledger = &shell.ledger;
    let mut lanes: BTreeMap<String, Known> = BTreeMap::new();
    for name in &shell.call.settings().lanes {
        lanes.entry(name.clone()).or_default().configured = true;
    }
    for lane in shell.asked(ledger.lanes()).await? {
        let known = lanes.entry(lane.lane.clone()).or_default();
        known.trouble = Some(lane);
    }
    for load in shell.asked(ledger.lane_loads()).await? {
        let known = lanes.entry(load.lane.clone()).or_default();
        known.load = Some(load);
    }
    let lowered = shell.asked(ledger.lowered_caps()).await?;
    for (name, lane) in &mut lanes {
        lane.lowered = lowered.iter().find(|cap| is_of(&cap.key, name)).cloned();
    }
    Ok(lanes)
}

/// Whether a cap is of a lane's account: the lane is the account's key and the sender behind it.
fn is_of(cap: &str, lane: &str) -> bool {
    let account = cap.strip_prefix(CAP).unwrap_or(cap);
    lane.strip_prefix(account).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn line(name: &str, known: &Known, now: i64, tongue: Tongue) -> Line {
    let trouble = known.trouble.as_ref().filter(|lane| lane.state != LaneState::Open);
    let (state, key) = match trouble {
        _ if name == NOBODYS => ("nobodys", "lane.nobodys"),
        Some(lane) if lane.is_paused() => ("paused", "lane.paused"),
        Some(lane) if lane.state == LaneState::Trying => ("trying", "lane.trying"),
        Some(_) => ("closed", "lane.closed"),
        None => ("open", "lane.open"),
    };
    let said = |at: i64| when::shown(at, Istanbul, tongue);
    let why = trouble.map_or("", |lane| lane.why.strip_prefix(PAUSED).unwrap_or(&lane.why));
    let probe = trouble.filter(|_| state == "closed").map(|lane| lane.probe_at);
    let load = known.load.as_ref();
    Line {
        name: name.to_owned(),
        href: form_urlencoded::byte_serialize(name.as_bytes()).collect(),
        state,
        key,
        since: trouble.map(|lane| said(lane.since)),
        why: why.to_owned(),
        probe: probe.map(said),
        waiting: load.map_or(0, |load| load.waiting),
        outside: load.map_or(0, |load| load.outside),
        next_due: load.and_then(|load| load.next_due).map(said),
        cap: known.lowered.as_ref().map_or(WHOLE, |cap| cap.share_at(now)) / 10,
        configured: known.configured || name == NOBODYS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(state: LaneState, why: &str) -> Known {
        let trouble = Lane {
            lane: "netgsm/default/KLINIK".to_owned(),
            state,
            why: why.to_owned(),
            since: 0,
            probe_at: i64::MAX,
            probes: 0,
            width: None,
        };
        Known { configured: true, trouble: Some(trouble), ..Known::default() }
    }

    #[test]
    fn a_lane_says_what_holds_it() {
        let shown = |known: Known| {
            let line = line("netgsm/default/KLINIK", &known, 0, Tongue::Tr);
            (line.state, line.why)
        };
        assert_eq!(shown(Known::default()), ("open", String::new()));
        assert_eq!(shown(lane(LaneState::Open, "recovered")), ("open", String::new()));
        assert_eq!(shown(lane(LaneState::Closed, "paused: fair")), ("paused", "fair".to_owned()));
        assert_eq!(shown(lane(LaneState::Closed, "30")), ("closed", "30".to_owned()));
        assert_eq!(shown(lane(LaneState::Trying, "30")), ("trying", "30".to_owned()));
    }

    #[test]
    fn a_cap_is_of_the_lanes_of_its_account_only() {
        assert!(is_of("rate/netgsm/default", "netgsm/default/KLINIK"));
        assert!(is_of("rate/netgsm/default", "netgsm/default"));
        assert!(!is_of("rate/netgsm/def", "netgsm/default/KLINIK"));
        assert!(!is_of("rate/netgsm/other", "netgsm/default/KLINIK"));
    }
}
