//! A consent: its key, its record, and the rules that an upload must keep (facts B2).

use chrono::{Datelike, Days, Weekday};
use serde_json::{Value, json};

use super::error::IysError;
use crate::script::Consent;
use crate::{dates, number};

/// Sources that a service provider may give (facts A7).
const SOURCES: &[&str] = &[
    "HS_FIZIKSEL_ORTAM",
    "HS_ISLAK_IMZA",
    "HS_WEB",
    "HS_CAGRI_MERKEZI",
    "HS_SOSYAL_MEDYA",
    "HS_EPOSTA",
    "HS_MESAJ",
    "HS_MOBIL",
    "HS_EORTAM",
    "HS_ETKINLIK",
    "HS_2015",
    "HS_ATM",
    "HS_KARAR",
];
/// Fields that an upload may have.
const FIELDS: &[&str] = &[
    "recipientType",
    "retailerAccess",
    "recipient",
    "retailerCode",
    "source",
    "type",
    "consentDate",
    "status",
];
/// 2015-05-01 00:00:00 in Türkiye.
const FIRST_OF_MAY_2015_MS: i64 = 1_430_427_600_000;

/// `type`: what may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Channel {
    Arama,
    Mesaj,
    Eposta,
}

impl Channel {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "ARAMA" => Some(Self::Arama),
            "MESAJ" => Some(Self::Mesaj),
            "EPOSTA" => Some(Self::Eposta),
            _ => None,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Arama => "ARAMA",
            Self::Mesaj => "MESAJ",
            Self::Eposta => "EPOSTA",
        }
    }
}

/// What identifies a consent.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct ConsentKey {
    pub brand: String,
    pub tacir: bool,
    pub channel: Channel,
    pub recipient: String,
}

impl std::fmt::Debug for ConsentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsentKey").field("channel", &self.channel).finish_non_exhaustive()
    }
}

/// One movement of a consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub status: Consent,
    pub source: String,
    pub consent_ms: i64,
    pub created_ms: i64,
    pub transaction_id: String,
}

impl Record {
    pub(crate) fn to_json(&self, key: &ConsentKey) -> Value {
        json!({
            "consentDate": dates::to_iys(self.consent_ms),
            "source": self.source,
            "recipient": key.recipient,
            "recipientType": type_name(key.tacir),
            "status": if self.status == Consent::Ret { "RET" } else { "ONAY" },
            "type": key.channel.as_str(),
            "creationDate": dates::to_iys(self.created_ms),
            "transactionId": self.transaction_id,
        })
    }
}

pub(super) fn type_name(tacir: bool) -> &'static str {
    if tacir { "TACIR" } else { "BIREYSEL" }
}

/// E-mails are kept in lower case, phones as they are (facts B0).
pub(crate) fn normal(recipient: &str) -> String {
    if recipient.contains('@') { recipient.to_ascii_lowercase() } else { recipient.to_owned() }
}

/// Whether the recipient is an address of this channel.
pub(crate) fn fits(channel: Channel, recipient: &str) -> Result<(), &'static str> {
    let email = recipient.contains('@');
    match (channel, email) {
        (Channel::Eposta, true) if number::iys_email(recipient) => Ok(()),
        (Channel::Eposta, true) => Err("H120"),
        (Channel::Eposta, false) | (_, true) => Err("H464"),
        (_, false) if recipient.len() > 16 => Err("H166"),
        (_, false) if number::iys_phone(recipient) => Ok(()),
        (_, false) => Err("H121"),
    }
}

/// An upload whose form is right.
#[derive(Debug, Clone)]
pub(crate) struct ConsentUpload {
    pub tacir: bool,
    pub channel: Channel,
    pub recipient: String,
    pub status: Consent,
    /// May be absent for TACIR's first record.
    pub source: Option<String>,
    pub consent_ms: Option<i64>,
}

impl ConsentUpload {
    /// Reads one object of an upload.
    ///
    /// # Errors
    /// Everything that is wrong with its form, as İYS lists it.
    pub(crate) fn read(item: &Value, now_ms: i64) -> Result<Self, Vec<IysError>> {
        let Some(fields) = item.as_object() else { return Err(vec![IysError::new("H085")]) };
        let mut errors: Vec<IysError> = fields
            .iter()
            .filter(|(name, _)| !FIELDS.contains(&name.as_str()))
            .map(|(name, value)| IysError::at("H118", name, Some(value)))
            .collect();
        let text = |name: &str| item.get(name).and_then(Value::as_str);
        let mut wrong = |code, name: &str| errors.push(IysError::at(code, name, item.get(name)));
        let tacir = match text("recipientType") {
            None | Some("BIREYSEL") => false,
            Some("TACIR") => true,
            Some(_) => {
                wrong("H116", "recipientType");
                false
            }
        };
        let channel = match text("type").map(Channel::parse) {
            Some(Some(channel)) => Some(channel),
            Some(None) => {
                wrong("H117", "type");
                None
            }
            None => {
                wrong("H111", "type");
                None
            }
        };
        let status = match text("status") {
            Some("ONAY") => Some(Consent::Onay),
            Some("RET") => Some(Consent::Ret),
            Some(_) => {
                wrong("H115", "status");
                None
            }
            None => {
                wrong("H110", "status");
                None
            }
        };
        match (text("recipient"), channel) {
            (None, _) => wrong("H114", "recipient"),
            (Some(recipient), Some(channel)) => {
                if let Err(code) = fits(channel, recipient) {
                    wrong(code, "recipient");
                }
            }
            (Some(_), None) => {}
        }
        let source = text("source").map(str::to_owned);
        match source.as_deref() {
            None if !tacir => wrong("H113", "source"),
            Some(source) if !SOURCES.contains(&source) => wrong("H119", "source"),
            Some("HS_KARAR") if status == Some(Consent::Onay) => wrong("H408", "status"),
            _ => {}
        }
        let consent_ms = match text("consentDate").map(dates::iys) {
            None if !tacir => {
                wrong("H112", "consentDate");
                None
            }
            None => None,
            Some(None) => {
                wrong("H157", "consentDate");
                None
            }
            Some(Some(at)) => {
                if let Err(code) = check_date(at, source.as_deref(), now_ms) {
                    wrong(code, "consentDate");
                }
                Some(at)
            }
        };
        match (channel, status, text("recipient")) {
            (Some(channel), Some(status), Some(recipient)) if errors.is_empty() => {
                let recipient = normal(recipient);
                Ok(Self { tacir, channel, recipient, status, source, consent_ms })
            }
            _ => Err(errors),
        }
    }
}

fn check_date(at_ms: i64, source: Option<&str>, now_ms: i64) -> Result<(), &'static str> {
    if source == Some("HS_2015") {
        return if at_ms == FIRST_OF_MAY_2015_MS { Ok(()) } else { Err("H155") };
    }
    if at_ms < FIRST_OF_MAY_2015_MS {
        Err("H156")
    } else if at_ms > now_ms {
        Err("H162")
    } else if is_older_than_three_business_days(at_ms, now_ms) {
        Err("H467")
    } else {
        Ok(())
    }
}

/// Saturdays and Sundays do not count; public holidays are not known here.
fn is_older_than_three_business_days(at_ms: i64, now_ms: i64) -> bool {
    let mut day = dates::day(now_ms);
    let mut business_days = 0;
    while business_days < 3 {
        let Some(before) = day.checked_sub_days(Days::new(1)) else { return false };
        day = before;
        if !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) {
            business_days += 1;
        }
    }
    dates::day(at_ms) < day
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_business_days_leave_the_weekend_out() {
        let monday = dates::iys("2026-03-09 10:00:00").unwrap();
        for (text, old) in [
            ("2026-03-04 00:00:00", false), // Wednesday: Fri, Thu, Wed
            ("2026-03-03 23:59:59", true),
            ("2026-03-08 12:00:00", false),
        ] {
            let at = dates::iys(text).unwrap();
            assert_eq!(is_older_than_three_business_days(at, monday), old, "{text}");
        }
    }

    #[test]
    fn everything_wrong_with_an_upload_is_named() {
        let now = dates::iys("2026-03-09 10:00:00").unwrap();
        let codes = |item: Value| {
            let errors = ConsentUpload::read(&item, now).unwrap_err();
            errors.iter().map(|error| error.code).collect::<Vec<_>>()
        };
        assert_eq!(codes(json!({})), ["H111", "H110", "H114", "H113", "H112"]);
        let good = json!({"recipient":"+905321234567","type":"MESAJ","source":"HS_WEB","status":"ONAY",
                          "consentDate":"2026-03-09 09:00:00"});
        assert!(ConsentUpload::read(&good, now).is_ok());
        for (field, value, code) in [
            ("recipient", "5321234567", "H121"),
            ("recipient", "a@b.com", "H464"),
            ("type", "SMS", "H117"),
            ("source", "WEB", "H119"),
            ("source", "HS_KARAR", "H408"),
            ("source", "HS_2015", "H155"),
            ("status", "EVET", "H115"),
            ("recipientType", "SAHIS", "H116"),
            ("consentDate", "09.03.2026 09:00:00", "H157"),
            ("consentDate", "2014-01-01 00:00:00", "H156"),
            ("consentDate", "2026-03-09 10:00:01", "H162"),
            ("consentDate", "2026-03-01 10:00:00", "H467"),
            ("phone", "1", "H118"),
        ] {
            let mut item = good.clone();
            item[field] = json!(value);
            assert_eq!(codes(item), [code], "{field} = {value}");
        }
    }

    #[test]
    fn the_first_of_may_is_where_it_should_be() {
        assert_eq!(dates::iys("2015-05-01 00:00:00"), Some(FIRST_OF_MAY_2015_MS));
    }
}
