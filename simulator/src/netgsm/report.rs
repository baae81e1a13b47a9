//! `report`, `stats` and `cancel`: what Netgsm tells about a message afterwards (facts A4, A6).
//!
//! The report knows neither text nor send time, and nothing at all at first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Refusal, admit_report, read};
use crate::messages::{Entry, Mark, Ring, jobid};
use crate::reply::Reply;
use crate::request::Request;
use crate::script::{NetgsmAccount, Outcome};
use crate::world::{Prepared, World};
use crate::{dates, seed};

/// Jobids in one query (facts A4, second-hand).
const MOST_JOBIDS: usize = 50;
/// Reports are kept for three months (facts A4).
const KEPT_MS: i64 = 92 * 24 * 3600 * 1000;

#[derive(Deserialize)]
struct ReportBody {
    jobids: Option<Vec<String>>,
    startdate: Option<String>,
    stopdate: Option<String>,
    pagenumber: Option<u64>,
    pagesize: Option<u64>,
}

#[derive(Deserialize)]
struct JobBody {
    jobid: Option<String>,
}

#[derive(Serialize)]
struct Row<'a> {
    jobid: String,
    number: String,
    status: u32,
    operator: u32,
    msglen: u16,
    #[serde(rename = "deliveredDate", skip_serializing_if = "Option::is_none")]
    delivered: Option<String>,
    #[serde(rename = "errorCode")]
    error_code: u32,
    #[serde(rename = "referansID", skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
}

/// Where a message stands at an instant.
struct Standing {
    outcome: Outcome,
    /// When it got there; nothing while it is pending.
    since_ms: Option<i64>,
}

/// `POST /sms/rest/v2/report`.
pub(super) fn report(
    world: &World,
    prepared: &Prepared,
    account: &NetgsmAccount,
    request: &Request,
) -> Result<Reply, Refusal> {
    if !admit_report(world, prepared, account, request.now_ms) {
        return Err("80");
    }
    let body: ReportBody = read(request)?;
    let most = u64::from(prepared.script.netgsm.page_rows);
    let size = body.pagesize.unwrap_or(most);
    if !(1..=most).contains(&size) {
        return Err("70");
    }
    let skip =
        usize::try_from(body.pagenumber.unwrap_or(0).saturating_mul(size)).unwrap_or(usize::MAX);
    let range = range(&body)?;
    let oldest = request.now_ms - KEPT_MS;
    let rows: Vec<Value> = world.messages.with(|ring| {
        let row = |(n, entry): (u64, &Entry)| {
            let wanted = range.is_none_or(|(from, to)| (from..=to).contains(&entry.at_ms));
            if !wanted || entry.at_ms < oldest || !ring.is_of(entry, &account.username) {
                return None;
            }
            row(prepared, n, entry, request.now_ms)
        };
        match (&body.jobids, range) {
            (Some(jobids), _) if !jobids.is_empty() => {
                if jobids.len() > MOST_JOBIDS {
                    return Err("70");
                }
                let numbers = jobids.iter().flat_map(|job| ring.job(&account.username, job));
                let entries = numbers.filter_map(|n| ring.get(n).map(|entry| (n, entry)));
                Ok(entries.filter_map(row).skip(skip).take(size as usize).collect())
            }
            (_, Some((from, to))) => {
                Ok(ring.between(from, to).filter_map(row).skip(skip).take(size as usize).collect())
            }
            (_, None) => Err("70"),
        }
    })?;
    if rows.is_empty() {
        return Err("60");
    }
    Ok(Reply::json(200, "00", &json!({ "code": "00", "description": "success", "jobs": rows })))
}

/// Both dates, or neither.
fn range(body: &ReportBody) -> Result<Option<(i64, i64)>, Refusal> {
    let date = |text: &Option<String>| match text.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => dates::netgsm_report(text).map(Some).ok_or("70"),
    };
    match (date(&body.startdate)?, date(&body.stopdate)?) {
        (None, None) => Ok(None),
        // A second of the report's own format ends with its last millisecond.
        (Some(from), Some(to)) if from <= to => Ok(Some((from, to + 999))),
        _ => Err("70"),
    }
}

fn row(prepared: &Prepared, n: u64, entry: &Entry, now_ms: i64) -> Option<Value> {
    let rules = &prepared.script.netgsm;
    let standing = standing(prepared, n, entry, now_ms)?;
    let row = Row {
        jobid: jobid(entry.at_ms, entry.job),
        number: format!("90{}", entry.to),
        status: standing.outcome.status,
        operator: rules.operator,
        msglen: entry.segments,
        delivered: standing.since_ms.map(dates::to_netgsm_report),
        error_code: standing.outcome.error_code,
        reference: entry.reference.as_deref().filter(|_| rules.echo_reference),
    };
    serde_json::to_value(row).ok()
}

/// Where a message stands; nothing while the report does not know it.
fn standing(prepared: &Prepared, n: u64, entry: &Entry, now_ms: i64) -> Option<Standing> {
    let script = &prepared.script;
    let draw = |salt: u64, [low, high]: [u64; 2]| {
        let drawn = seed::between(seed::mix(script.seed, salt), n, low, high);
        i64::try_from(drawn).unwrap_or(i64::MAX / 4)
    };
    let visible_ms = entry.at_ms.saturating_add(draw(1, script.netgsm.report_delay_ms));
    if now_ms < visible_ms || matches!(entry.mark, Mark::NotReportable | Mark::Cancelled) {
        return None;
    }
    let ended = |status, error_code, at_ms| {
        Some(Standing { outcome: Outcome { status, error_code }, since_ms: Some(at_ms) })
    };
    match entry.mark {
        Mark::NoCredit => return ended(14, 0, visible_ms),
        Mark::IysRefused => return ended(16, 0, visible_ms),
        _ => {}
    }
    let ends_ms = visible_ms.max(entry.start_ms).saturating_add(draw(2, script.netgsm.delivery_ms));
    let scripted = prepared.outcome(entry.to);
    // Netgsm gives up at the stop date whatever would have come later (facts A1, A4 status 2).
    if entry.stop_ms > 0 && entry.stop_ms < ends_ms.min(now_ms) {
        return ended(2, 111, entry.stop_ms);
    }
    if now_ms < ends_ms || scripted.status == 0 {
        return Some(Standing { outcome: Outcome { status: 0, error_code: 0 }, since_ms: None });
    }
    Some(Standing { outcome: scripted, since_ms: Some(ends_ms) })
}

/// `POST /sms/rest/v2/stats`.
pub(super) fn stats(
    world: &World,
    prepared: &Prepared,
    account: &NetgsmAccount,
    request: &Request,
) -> Result<Reply, Refusal> {
    let wanted = read::<JobBody>(request)?.jobid.ok_or("70")?;
    let mut by_status: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    world.messages.with(|ring| {
        for n in ring.job(&account.username, &wanted) {
            let standing = ring.get(n).map(|e| (e, standing(prepared, n, e, request.now_ms)));
            let Some((entry, standing)) = standing else { continue };
            let status = standing.map_or(0, |standing| standing.outcome.status);
            let sums = by_status.entry(status).or_default();
            sums.0 += 1;
            sums.1 += u64::from(entry.segments);
        }
    });
    if by_status.is_empty() {
        return Err("70");
    }
    let stats: Vec<Value> = by_status
        .iter()
        .map(|(status, (messages, segments))| {
            json!({ "status": status.to_string(), "totalMessageLength": segments, "totalSms": messages,
                    "chargeStatement": "charged", "statement": "SMS", "domestic": true })
        })
        .collect();
    Ok(Reply::json(200, "00", &json!({ "code": "00", "description": "success", "stats": stats })))
}

/// `POST /sms/rest/v2/cancel`: only what has not begun yet.
pub(super) fn cancel(
    world: &World,
    account: &NetgsmAccount,
    request: &Request,
) -> Result<Reply, Refusal> {
    let wanted = read::<JobBody>(request)?.jobid.ok_or("70")?;
    let cancelled = world.messages.with(|ring: &mut Ring| {
        let numbers = ring.job(&account.username, &wanted);
        let first = numbers.first().and_then(|n| ring.get(*n));
        let may = first
            .is_some_and(|entry| entry.start_ms > request.now_ms && entry.mark != Mark::Cancelled);
        if may {
            ring.mark(&numbers, Mark::Cancelled);
        }
        may
    });
    if !cancelled {
        return Err("60");
    }
    let body = json!({ "code": "00", "jobid": wanted, "description": "cancelled" });
    Ok(Reply::json(200, "00", &body))
}
