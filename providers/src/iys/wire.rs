//! The bytes: questions as İYS wants them, answers read strictly, because a misread answer would
//! be a wrong decision about a person.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Europe::Istanbul;
use schemas::PhoneNumber;
use secrecy::SecretString;
use serde::Serialize;

use crate::fields::Fields;

/// Lives of the tokens where the answer does not say them (B1).
const ACCESS_LIFE: Duration = Duration::from_hours(2);
const REFRESH_LIFE: Duration = Duration::from_hours(4);
/// No documented life comes near; a longer one is not believed.
const LONGEST_LIFE: Duration = Duration::from_hours(24);
/// Longest token that is believed to be one.
const TOKEN_BYTES: usize = 16 * 1024;

/// Body of a login (B1).
#[derive(Serialize)]
pub(super) struct PasswordBody<'a> {
    pub(super) username: &'a str,
    pub(super) password: &'a str,
    pub(super) grant_type: &'static str,
}

/// Body of a refresh (B1).
#[derive(Serialize)]
pub(super) struct RefreshBody<'a> {
    pub(super) refresh_token: &'a str,
    pub(super) grant_type: &'static str,
}

/// Body of the batch question (B3).
#[derive(Serialize)]
pub(super) struct BatchBody<'a> {
    pub(super) recipients: Vec<&'a str>,
}

/// Body of the single question (B3).
#[derive(Serialize)]
pub(super) struct SingleBody<'a> {
    pub(super) recipient: &'a str,
    #[serde(rename = "recipientType")]
    pub(super) recipient_type: &'static str,
    #[serde(rename = "type")]
    pub(super) message_type: &'static str,
}

/// A token pair. A refresh replaces both.
#[derive(Clone)]
pub struct Tokens {
    /// For the calls.
    pub access: SecretString,
    /// For the next pair.
    pub refresh: SecretString,
    /// How long `access` lives from the answer on; at most 24 h.
    pub expires_in: Duration,
    /// How long `refresh` lives from the answer on; at most 24 h.
    pub refresh_expires_in: Duration,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("expires_in", &self.expires_in)
            .field("refresh_expires_in", &self.refresh_expires_in)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    /// `None` without two tokens that a header can carry.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let fields = Fields::parse(body)?;
        let token = |name| fields.text(name).filter(|t| is_token(t)).map(SecretString::from);
        let life = |name, documented| {
            fields
                .number::<u64>(name)
                .map_or(documented, |s| Duration::from_secs(s).min(LONGEST_LIFE))
        };
        Some(Self {
            access: token("access_token")?,
            refresh: token("refresh_token")?,
            expires_in: life("expires_in", ACCESS_LIFE),
            refresh_expires_in: life("refresh_expires_in", REFRESH_LIFE),
        })
    }
}

fn is_token(text: &str) -> bool {
    (1..=TOKEN_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Which of the numbers asked about have consent.
#[derive(Clone, PartialEq, Eq)]
pub struct BatchAnswer {
    /// İYS's id of the question, for the evidence.
    pub request_id: String,
    /// Those of the asked numbers that are listed with ONAY, in E.164; all others have none.
    pub listed: HashSet<String>,
}

impl fmt::Debug for BatchAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchAnswer")
            .field("request_id", &self.request_id)
            .field("listed", &self.listed.len())
            .finish()
    }
}

impl BatchAnswer {
    /// `None` unless the answer has both its id and its list of texts: a list that is missing or
    /// holds something else would read as "no consent" for everybody.
    pub(super) fn parse(body: &[u8], asked: &[PhoneNumber]) -> Option<Self> {
        let fields = Fields::parse(body)?;
        let request_id = identifier(&fields, "requestId")?;
        let list = fields.texts("list")?;
        let known: HashSet<&str> = asked.iter().map(PhoneNumber::e164).collect();
        let listed = list
            .into_iter()
            .filter_map(|text| match known.get(text.trim()) {
                Some(same) => Some((*same).to_owned()),
                // Another writing of a number we asked about is still that number.
                None => PhoneNumber::parse(&text).ok().map(|phone| phone.e164().to_owned()),
            })
            .filter(|number| known.contains(number.as_str()))
            .collect();
        Some(Self { request_id, listed })
    }
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentStatus {
    /// Consent given.
    Onay,
    /// Refused.
    Ret,
}

/// What İYS holds about one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRecord {
    /// Yes or no.
    pub status: ConsentStatus,
    /// Where it was given (`HS_WEB`, `IYS_MOBIL`, …).
    pub source: Option<String>,
    /// When it was given.
    pub consent_at: Option<DateTime<Utc>>,
    /// İYS's id of the record.
    pub transaction_id: Option<String>,
}

/// The answer to a single question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SingleAnswer {
    /// There is a record.
    Found(ConsentRecord),
    /// There is none, said in so many words.
    NoRecord,
}

impl ConsentRecord {
    /// `None` without a status that is one of the two, or about another number or type.
    pub(super) fn parse(body: &[u8], asked: &PhoneNumber) -> Option<Self> {
        Self::of_fields(&Fields::parse(body)?, asked)
    }

    /// As `parse`; Netgsm's service passes the same object on inside its own answer.
    pub(crate) fn of_fields(fields: &Fields<'_>, asked: &PhoneNumber) -> Option<Self> {
        let status = match fields.text("status")?.trim() {
            "ONAY" => ConsentStatus::Onay,
            "RET" => ConsentStatus::Ret,
            _ => return None,
        };
        let about = |name, wanted: &str| fields.text(name).is_none_or(|said| said.trim() == wanted);
        let same_number = fields.text("recipient").is_none_or(|said| {
            said.trim() == asked.e164()
                || PhoneNumber::parse(&said).is_ok_and(|phone| phone.e164() == asked.e164())
        });
        (same_number && about("type", "MESAJ")).then(|| Self {
            status,
            source: identifier(fields, "source"),
            consent_at: fields.text("consentDate").and_then(|date| local(&date)),
            transaction_id: identifier(fields, "transactionId"),
        })
    }
}

/// One brand of the service provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brand {
    /// Its number (`brand_code`).
    pub code: String,
    /// Its name.
    pub name: Option<String>,
}

/// The brands of an answer, whether it is a list or an object that holds one.
pub(super) fn brands(body: &[u8]) -> Option<Vec<Brand>> {
    let whole;
    let holder = match Fields::parse(body) {
        Some(fields) => fields,
        None => {
            whole = [br#"{"list":"#, body.trim_ascii(), b"}"].concat();
            Fields::parse(&whole)?
        }
    };
    let (objects, other) = holder.objects("list").or_else(|| holder.objects("brands"))?;
    if other > 0 {
        return None;
    }
    objects
        .iter()
        .map(|brand| {
            let name = brand.text("name").or_else(|| brand.text("brandName"));
            Some(Brand {
                code: identifier(brand, "brandCode")?,
                name: name.map(|name| name.chars().take(120).collect()),
            })
        })
        .collect()
}

/// A short text without blanks: an id, a code, a source.
fn identifier(fields: &Fields<'_>, name: &str) -> Option<String> {
    let text = fields.text(name)?;
    let text = text.trim();
    let fits = (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| text.to_owned())
}

/// `YYYY-MM-DD HH:mm:ss`, Turkey's time (B0).
fn local(text: &str) -> Option<DateTime<Utc>> {
    let at = NaiveDateTime::parse_from_str(text.trim(), "%Y-%m-%d %H:%M:%S").ok()?;
    let sane = at >= DateTime::UNIX_EPOCH.naive_utc() && at.and_utc().timestamp() < 253_000_000_000;
    if !sane {
        return None;
    }
    Some(at.and_local_timezone(Istanbul).earliest()?.to_utc())
}
