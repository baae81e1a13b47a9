//! Where consents are kept: scripted ones first, uploaded ones over them.

use super::consent::{Channel, ConsentKey, ConsentUpload, Record};
use super::error::IysError;
use super::{HOUR_MS, IysState};
use crate::script::{Consent, Consents, NetgsmAccount, iys};
use crate::{dates, seed};

/// Most consents kept; an upload of a further one gets H525.
const MOST_RECORDS: usize = 500_000;
/// Most movements kept of one consent; the oldest go first.
const MOST_MOVEMENTS: usize = 100;
/// Most changes kept for `changes`; the oldest go first.
const MOST_CHANGES: usize = 100_000;

impl IysState {
    /// Begins with these consents; uploaded ones are forgotten.
    pub(crate) fn scripted(&mut self, consents: &Consents) {
        self.default = consents.default;
        self.scripted = consents
            .numbers
            .iter()
            .filter_map(|(text, consent)| Some((iys::recipient(text)?, *consent)))
            .collect();
        self.records.clear();
        self.changes.clear();
    }

    /// The consents in force, as a script would write them.
    pub(crate) fn script_of_consents(&self) -> Consents {
        let numbers = self.scripted.iter().map(|(key, consent)| (key.clone(), *consent)).collect();
        Consents { default: self.default, numbers }
    }

    /// What holds for all who are not named.
    pub(crate) fn set_default(&mut self, consent: Consent) {
        self.default = consent;
    }

    /// What holds for one recipient from now on, whatever was uploaded before.
    pub(crate) fn set_consent(&mut self, recipient: String, consent: Consent) {
        self.records.retain(|key, _| key.recipient != recipient);
        self.scripted.insert(recipient, consent);
    }

    /// What a Netgsm send with `iysfilter` 11 or 12 meets.
    pub(crate) fn sms_consent(&self, account: &NetgsmAccount, tacir: bool, to: u64) -> Consent {
        let key = ConsentKey {
            brand: account.brand_code.clone().unwrap_or_default(),
            tacir,
            channel: Channel::Mesaj,
            recipient: format!("+90{to}"),
        };
        self.find(&key).map_or(Consent::None, |record| record.status)
    }

    /// The record in force. A scripted consent has one too: made of its key, so it never changes.
    pub(crate) fn find(&self, key: &ConsentKey) -> Option<Record> {
        if let Some(record) = self.records.get(key).and_then(|movements| movements.last()) {
            return Some(record.clone());
        }
        // `+9005…` was stored by somebody, and nobody finds it (facts B2).
        if key.recipient.starts_with("+900") {
            return None;
        }
        let status = self.scripted.get(&key.recipient).copied().unwrap_or(self.default);
        if status == Consent::None {
            return None;
        }
        let salt = key.recipient.bytes().fold(0, |hash, byte| seed::mix(hash, u64::from(byte)));
        let consent_ms = dates::iys("2025-01-06 10:00:00").unwrap_or_default();
        Some(Record {
            status,
            source: "HS_WEB".to_owned(),
            consent_ms,
            created_ms: consent_ms + HOUR_MS,
            transaction_id: format!(
                "{:016x}{:016x}{:016x}{:016x}",
                seed::mix(salt, 0),
                seed::mix(salt, 1),
                seed::mix(salt, 2),
                seed::mix(salt, 3)
            ),
        })
    }

    /// All movements of a consent, newest last.
    pub(super) fn movements(&self, key: &ConsentKey) -> Vec<Record> {
        match self.records.get(key) {
            Some(movements) => movements.clone(),
            None => self.find(key).into_iter().collect(),
        }
    }

    /// Stores an upload by the business rules (facts B2, B4).
    ///
    /// # Errors
    /// H174 same status, H175 first record RET, H178 older than stored, H462/H463, H486, H525.
    pub(crate) fn store(
        &mut self,
        brand: &str,
        upload: ConsentUpload,
        now_ms: i64,
    ) -> Result<Record, IysError> {
        let key = ConsentKey {
            brand: brand.to_owned(),
            tacir: upload.tacir,
            channel: upload.channel,
            recipient: upload.recipient,
        };
        let stored = self.find(&key);
        match &stored {
            None if upload.source.as_deref() == Some("HS_KARAR") => {
                return Err(IysError::new("H486"));
            }
            None if upload.status == Consent::Ret => return Err(IysError::new("H175")),
            Some(_) if upload.consent_ms.is_none() => return Err(IysError::new("H462")),
            Some(_) if upload.source.is_none() => return Err(IysError::new("H463")),
            Some(stored) if stored.status == upload.status => return Err(IysError::new("H174")),
            Some(stored) if upload.consent_ms.is_some_and(|at| at <= stored.consent_ms) => {
                return Err(IysError::new("H178"));
            }
            None | Some(_) => {}
        }
        if self.records.len() >= MOST_RECORDS && !self.records.contains_key(&key) {
            return Err(IysError::new("H525"));
        }
        let record = Record {
            status: upload.status,
            source: upload.source.unwrap_or_else(|| "HS_WEB".to_owned()),
            consent_ms: upload.consent_ms.unwrap_or(now_ms),
            created_ms: now_ms,
            transaction_id: self.hex64(now_ms),
        };
        let movements =
            self.records.entry(key.clone()).or_insert_with(|| stored.into_iter().collect());
        if movements.len() >= MOST_MOVEMENTS {
            movements.remove(0);
        }
        movements.push(record.clone());
        if self.changes.len() >= MOST_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back((key, record.clone()));
        Ok(record)
    }
}
