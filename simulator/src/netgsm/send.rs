//! `send` and `otp`: what is refused, what is billed, what is logged (facts A1, A3).

use serde::Deserialize;

use super::{MINUTE_MS, Refusal, read, text};
use crate::lock::locked;
use crate::messages::{Draft, Job, Kind, Mark, NO_FILTER};
use crate::reply::{JSON, Reply};
use crate::request::Request;
use crate::script::{BadDates, Consent, NetgsmAccount, NoCredit};
use crate::world::{Prepared, World};
use crate::{dates, number};

const HOUR_MS: i64 = 60 * MINUTE_MS;

#[derive(Deserialize)]
struct SendBody {
    msgheader: Option<String>,
    messages: Option<Vec<SendItem>>,
    encoding: Option<String>,
    iysfilter: Option<String>,
    startdate: Option<String>,
    stopdate: Option<String>,
}

#[derive(Deserialize)]
struct SendItem {
    msg: Option<String>,
    no: Option<String>,
    #[serde(rename = "referansID")]
    reference: Option<String>,
}

#[derive(Deserialize)]
struct OtpBody {
    msgheader: Option<String>,
    msg: Option<String>,
    no: Option<String>,
}

/// `POST /sms/rest/v2/send`.
pub(super) fn send(
    world: &World,
    prepared: &Prepared,
    account: &NetgsmAccount,
    request: &Request,
    code: Option<&str>,
) -> Result<Reply, Refusal> {
    let body: SendBody = read(request)?;
    let sender = body.msgheader.as_deref().ok_or("70")?;
    if !is_approved(account, sender) {
        return Err("40");
    }
    let items = body.messages.filter(|items| !items.is_empty()).ok_or("70")?;
    let turkish = match body.encoding.as_deref() {
        None | Some("") => false,
        Some(encoding) if encoding.eq_ignore_ascii_case("TR") => true,
        Some(_) => return Err("70"),
    };
    let filter = filter(account, body.iysfilter.as_deref())?;
    let mut drafts = Vec::with_capacity(items.len());
    for item in items {
        let text = item.msg.ok_or("70")?;
        if text.is_empty() || text.chars().count() > text::MOST_CHARACTERS {
            return Err("20");
        }
        let to = item.no.as_deref().and_then(number::netgsm).ok_or("70")?;
        let segments = text::segments(&text, turkish) as u16;
        drafts.push(Draft { to, segments, text, reference: item.reference, mark: Mark::Normal });
    }
    let times =
        Times::of(prepared, request.now_ms, body.startdate.as_deref(), body.stopdate.as_deref())?;
    if matches!(filter, 11 | 12) {
        let state = locked(&world.iys);
        for draft in &mut drafts {
            if state.sms_consent(account, filter == 12, draft.to) != Consent::Onay {
                draft.mark = Mark::IysRefused;
            }
        }
    }
    let job = Job {
        at_ms: request.now_ms,
        account: &account.username,
        sender,
        startdate: times.startdate,
        stopdate: times.stopdate,
        start_ms: times.start_ms,
        stop_ms: times.stop_ms,
        turkish,
        filter,
        kind: Kind::Send,
        service: None,
        template: None,
        error: 0,
    };
    let jobid = accept(world, prepared, account, &job, drafts, code)?;
    let code = code.unwrap_or(times.code).to_owned();
    let body = format!(r#"{{"code":"{code}","jobid":"{jobid}","description":"queued"}}"#);
    Ok(Reply::ready(200, code, JSON, body))
}

/// `POST /sms/rest/v2/otp`; its answer spells `jobId` (facts A3).
pub(super) fn otp(
    world: &World,
    prepared: &Prepared,
    account: &NetgsmAccount,
    request: &Request,
    code: Option<&str>,
) -> Result<Reply, Refusal> {
    let body: OtpBody = read(request)?;
    let sender = body.msgheader.as_deref().ok_or("70")?;
    if !is_approved(account, sender) {
        return Err("40");
    }
    let (Some(text), Some(no)) = (body.msg, body.no) else { return Err("70") };
    if text.is_empty() || text.chars().count() > text::MOST_OTP_CHARACTERS {
        return Err("20");
    }
    let to = number::netgsm(&no).ok_or("50")?;
    let limit = prepared.script.netgsm.otp_per_minute;
    let now_ms = request.now_ms;
    if !locked(&world.netgsm).of(account).codes.admit(now_ms, MINUTE_MS, limit, 1) {
        return Err("80");
    }
    let segments = text::segments(&text, false) as u16;
    let job = Job {
        at_ms: now_ms,
        account: &account.username,
        sender,
        startdate: None,
        stopdate: None,
        start_ms: now_ms,
        stop_ms: None,
        turkish: false,
        filter: NO_FILTER,
        kind: Kind::Otp,
        service: None,
        template: None,
        error: 0,
    };
    let draft = Draft { to, text, reference: None, segments, mark: Mark::Normal };
    let jobid = accept(world, prepared, account, &job, vec![draft], code)?;
    let code = code.unwrap_or("00").to_owned();
    let body = format!(r#"{{"code":"{code}","jobId":"{jobid}","description":"success"}}"#);
    Ok(Reply::ready(200, code, JSON, body))
}

/// Whether the account may send under this name; its own number is one (facts A6).
fn is_approved(account: &NetgsmAccount, sender: &str) -> bool {
    sender == account.username || account.senders.iter().any(|approved| approved == sender)
}

fn filter(account: &NetgsmAccount, filter: Option<&str>) -> Result<u8, Refusal> {
    match filter {
        None | Some("") => Ok(NO_FILTER),
        Some("0") => Ok(0),
        Some("11" | "12") if !account.iys => Err("50"),
        Some("11" | "12") if account.brand_code.is_none() => Err("51"),
        Some("11") => Ok(11),
        Some("12") => Ok(12),
        Some(_) => Err("70"),
    }
}

/// When a job may be delivered, and what its answer says about it.
struct Times<'a> {
    startdate: Option<&'a str>,
    stopdate: Option<&'a str>,
    start_ms: i64,
    stop_ms: Option<i64>,
    code: &'static str,
}

impl<'a> Times<'a> {
    /// A start in the past means now: the field has minutes only, so "now" always is a little past.
    fn of(
        prepared: &Prepared,
        now_ms: i64,
        startdate: Option<&'a str>,
        stopdate: Option<&'a str>,
    ) -> Result<Self, Refusal> {
        let rules = &prepared.script.netgsm;
        let mut code = "00";
        let mut startdate = startdate.filter(|text| !text.is_empty());
        let mut stopdate = stopdate.filter(|text| !text.is_empty());
        let asked = startdate.map(dates::netgsm_send);
        let start_ms = match asked {
            Some(Some(start)) => start.max(now_ms),
            None => now_ms,
            Some(None) if rules.bad_dates == BadDates::Replace => {
                (startdate, code) = (None, "01");
                now_ms
            }
            Some(None) => return Err("70"),
        };
        let first = asked.flatten().unwrap_or(start_ms);
        let sensible = |stop: &i64| {
            let gap = stop - first;
            let wanted = HOUR_MS..=21 * HOUR_MS;
            gap > 0 && (!rules.stop_gap_1_to_21_h || wanted.contains(&gap))
        };
        let stop_ms = match stopdate.map(|text| dates::netgsm_send(text).filter(sensible)) {
            Some(Some(stop)) => Some(stop),
            None => None,
            Some(None) if rules.bad_dates == BadDates::Replace => {
                (stopdate, code) = (None, if code == "00" { "02" } else { code });
                None
            }
            Some(None) => return Err("70"),
        };
        // Without a stop Netgsm takes start + 21 h (facts A1).
        let stop_ms = stop_ms.or(Some(start_ms + 21 * HOUR_MS));
        Ok(Self { startdate, stopdate, start_ms, stop_ms, code })
    }
}

/// Counts, bills and logs a job, or says why not.
fn accept(
    world: &World,
    prepared: &Prepared,
    account: &NetgsmAccount,
    job: &Job<'_>,
    mut drafts: Vec<Draft>,
    code: Option<&str>,
) -> Result<String, Refusal> {
    let rules = &prepared.script.netgsm;
    let segments = drafts.iter().map(|draft| u32::from(draft.segments)).sum::<u32>();
    let mut state = locked(&world.netgsm);
    let jobid = world.messages.with(|ring| {
        let limit = rules.same_number_per_minute;
        let since = job.at_ms - MINUTE_MS;
        let is_too_many = |draft: &Draft| {
            limit > 0 && ring.recent_to(&account.username, draft.to, since, limit) >= limit
        };
        if drafts.iter().any(is_too_many) {
            return Err("85");
        }
        let per_s = account.max_segments_per_s;
        let counted = state.of(account);
        if !counted.segments.admit(job.at_ms, 1_000, per_s, segments) {
            return Err("80");
        }
        if let Some(credit) = account.credit {
            let after = counted.used_credit + u64::from(segments);
            if after <= credit {
                counted.used_credit = after;
            } else if rules.no_credit == NoCredit::Code62 {
                return Err("62");
            } else {
                set_mark(&mut drafts, Mark::NoCredit);
            }
        }
        if code == Some("1000") {
            set_mark(&mut drafts, Mark::NotReportable);
        }
        Ok(ring.append(job, drafts))
    })?;
    drop(state);
    world.messages.ring_the_bell();
    Ok(jobid)
}

fn set_mark(drafts: &mut [Draft], mark: Mark) {
    for draft in drafts {
        draft.mark = mark;
    }
}
