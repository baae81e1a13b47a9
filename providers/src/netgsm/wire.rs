//! The bytes: requests as Netgsm wants them, answers as tolerantly as they come.

use chrono::{DateTime, Datelike, Duration, NaiveDateTime, Utc};
use chrono_tz::Europe::Istanbul;
use serde::Serialize;

use crate::fields::Fields;

/// `startdate`, `stopdate` of a send (A1); Turkey's local time.
const MINUTE: &str = "%d%m%Y%H%M";
/// Dates of a report query (A4): dotted, with seconds.
const DOTTED: &str = "%d.%m.%Y %H:%M:%S";
/// The forms seen in answers (A4: the sources differ).
const SEEN: [&str; 6] = [
    DOTTED,
    "%Y-%m-%d %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S%.f",
    "%d%m%Y%H%M%S",
];
/// The longest send window Netgsm takes (A6, code 49); its own default as well (A1).
const LONGEST_WINDOW: Duration = match Duration::try_hours(21) {
    Some(hours) => hours,
    None => Duration::MAX,
};

/// Body of `send` (A1).
#[derive(Serialize)]
pub(super) struct SendBody<'a, M> {
    pub(super) msgheader: &'a str,
    /// Only with letters that need it: it changes length and price. Without it Netgsm
    /// transliterates Turkish letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encoding: Option<&'static str>,
    /// Always "0": reminders and receipts are informational, and consent was checked before.
    /// Left out it would mean "without filter" (A1, note 1).
    pub(super) iysfilter: &'static str,
    pub(super) startdate: &'a str,
    pub(super) stopdate: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) appname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) partnercode: Option<&'a str>,
    /// One message or several (ADR 0011).
    pub(super) messages: M,
}

/// One message of a `send`.
#[derive(Serialize)]
pub(super) struct MessageBody<'a> {
    pub(super) msg: &'a str,
    /// Ten digits, `5XXXXXXXXX`.
    pub(super) no: &'a str,
    #[serde(rename = "referansID", skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<&'a str>,
}

/// Body of `otp` (A3): no dates, no encoding, no filter.
#[derive(Serialize)]
pub(super) struct OtpBody<'a> {
    pub(super) msgheader: &'a str,
    pub(super) msg: &'a str,
    pub(super) no: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) appname: Option<&'a str>,
}

/// Body of `report` (A4).
#[derive(Serialize)]
pub(super) struct ReportBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jobids: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) startdate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stopdate: Option<String>,
    pub(super) pagenumber: u32,
    pub(super) pagesize: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) appname: Option<&'a str>,
}

/// Body of `cancel` (A6).
#[derive(Serialize)]
pub(super) struct CancelBody<'a> {
    pub(super) jobid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) appname: Option<&'a str>,
}

/// Body of `balance` (A6): the one call with the credentials in its body.
#[derive(Serialize)]
pub(super) struct BalanceBody<'a> {
    pub(super) usercode: &'a str,
    pub(super) password: &'a str,
    /// 1 packages, 2 credit, 3 both.
    pub(super) stip: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) appkey: Option<&'a str>,
}

/// `startdate` and `stopdate` of a send in whole minutes of Turkey's time; `None` if no minute is
/// left between them (Netgsm would put its own end there and might deliver at night).
///
/// The end is rounded down, so never later than asked, and at most 21 h after the start.
pub(super) fn window(starts: DateTime<Utc>, stops: DateTime<Utc>) -> Option<(String, String)> {
    let sane = |at: DateTime<Utc>| (1971..9_999).contains(&at.year());
    if !sane(starts) || !sane(stops) {
        return None;
    }
    let stops = stops.min(starts.checked_add_signed(LONGEST_WINDOW)?);
    let whole_minute = |at: DateTime<Utc>| at.timestamp().div_euclid(60);
    if whole_minute(stops) <= whole_minute(starts) {
        return None;
    }
    let written = |at: DateTime<Utc>| at.with_timezone(&Istanbul).format(MINUTE).to_string();
    Some((written(starts), written(stops)))
}

/// A date of a report query.
pub(super) fn dotted(at: DateTime<Utc>) -> Option<String> {
    (1971..9_999)
        .contains(&at.year())
        .then(|| at.with_timezone(&Istanbul).format(DOTTED).to_string())
}

/// A date of an answer, Turkey's local time, in any form seen.
pub(super) fn seen_date(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let local = SEEN.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())?;
    if !(1971..9_999).contains(&local.year()) {
        return None;
    }
    Some(local.and_local_timezone(Istanbul).earliest()?.to_utc())
}

/// What every answer of Netgsm has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// One to four digits.
    pub(super) code: String,
    /// `jobid`; only letters, digits, dashes, commas, at most 64.
    pub(super) job: Option<String>,
    /// The provider's own words, not yet masked.
    pub(super) words: String,
}

impl Reply {
    /// Reads `{"code","jobid","description"}`, `{"code":70,"error":"…"}` and the bare texts `30`
    /// and `00 1311033503`; `None` if there is no code in it.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        match Fields::parse(body) {
            Some(fields) => Self::of_fields(&fields),
            None => Self::of_text(body),
        }
    }

    pub(super) fn of_fields(fields: &Fields<'_>) -> Option<Self> {
        let code = code(&fields.text("code")?)?;
        let words = ["description", "error", "message"]
            .iter()
            .filter_map(|name| fields.text(name))
            .collect::<Vec<_>>()
            .join(" ");
        Some(Self { code, job: fields.text("jobid").and_then(|job| job_id(&job)), words })
    }

    fn of_text(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?.trim_start_matches('\u{feff}').trim();
        let text = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
        let mut words = text.split_whitespace();
        let code = code(words.next()?)?;
        let job = match words.next() {
            Some(job) => Some(job_id(job).filter(|job| job.bytes().all(|b| b.is_ascii_digit()))?),
            None => None,
        };
        words.next().is_none().then_some(Self { code, job, words: String::new() })
    }
}

fn code(text: &str) -> Option<String> {
    let code = text.trim();
    let digits = (1..=4).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| code.to_owned())
}

/// A job id that is worth storing; `0` and the empty text stand for "none".
pub(super) fn job_id(text: &str) -> Option<String> {
    let job = text.trim();
    let fits = (1..=64).contains(&job.len())
        && job.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b','))
        && job.bytes().any(|b| b != b'0');
    fits.then(|| job.to_owned())
}
