//! Personal data of the rows of an export: masked, or opened with the persons' keys.

use crate::db::{Key, Ledger};
use crate::engine::{columns, query_as};
use crate::error::LedgerError;
use crate::intake;
use crate::record::Entry;
use crate::search::Found;
use schemas::PhoneNumber;
use serde_json::Value;
use std::collections::HashMap;
use zeroize::Zeroizing;

/// What stands for personal data that was not opened.
const MASK: &str = "***";

/// What a notification's records keep, sealed.
#[derive(Default)]
struct Sealed {
    body: Option<String>,
    /// Of the last attempt, with its number.
    text: Option<(u32, String)>,
}

/// Whom a row is about and what was written to that person. Does not print itself.
#[derive(Default)]
pub(super) struct Person {
    pub name: Zeroizing<String>,
    pub phone: Zeroizing<String>,
    pub text: Zeroizing<String>,
}

impl Person {
    /// The same masks for every row, so that nothing can be told from them; none where there is nothing to mask.
    pub(super) fn masked(found: &Found) -> Self {
        let mask = |is: bool| Zeroizing::new(if is { MASK } else { "" }.to_owned());
        // whom a refused event is about is known to nobody
        let known = found.row.ntf.starts_with("ntf_");
        Self { name: mask(known), phone: mask(known), text: mask(known && found.attempts > 0) }
    }

    fn read_body(&mut self, body: &[u8]) {
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return };
        let text = |pointer: &str| {
            body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        self.name = Zeroizing::new(text("/data/recipient/name"));
        let phone = text("/data/recipient/phone");
        let phone = PhoneNumber::parse(&phone).map_or(phone, |phone| phone.e164().to_owned());
        self.phone = Zeroizing::new(phone);
    }
}

impl Ledger {
    /// Opens whom these rows are about, and the last text that each was written with.
    pub(super) async fn persons_of(&self, rows: &[Found]) -> Result<Vec<Person>, LedgerError> {
        let keys: Vec<_> = rows.iter().map(|found| Key { key: &found.row.ntf }).collect();
        let keys = columns(&keys)?;
        let wrapped: Vec<(String, String, String)> = query_as(
            "-- export: keys\nSELECT n.ntf, p.id, p.wrapped FROM notification n JOIN person p ON p.id = n.person \
             WHERE n.ntf IN (SELECT key FROM {rows:key text})",
        )
        .bind(&keys)
        .fetch_all(self.db.read())
        .await?;
        let wrapped: HashMap<String, (String, String)> =
            wrapped.into_iter().map(|(ntf, id, wrapped)| (ntf, (id, wrapped))).collect();
        let records: Vec<(String, String)> = query_as(
            "-- export: sealed\nSELECT ntf, bytes FROM record WHERE kind IN ('received', 'claimed') \
             AND ntf IN (SELECT key FROM {rows:key text}) ORDER BY ntf, id",
        )
        .bind(&keys)
        .fetch_all(self.db.read())
        .await?;
        let mut sealed: HashMap<String, Sealed> = HashMap::new();
        for (ntf, bytes) in records {
            let of = sealed.entry(ntf).or_default();
            match Entry::parse(&bytes)? {
                Entry::Received { body, .. } => of.body = Some(body),
                Entry::Claimed { attempt, text, .. } => of.text = Some((attempt, text)),
                _ => {}
            }
        }
        rows.iter()
            .map(|found| {
                let ntf = &found.row.ntf;
                let (Some((id, wrapped)), Some(Sealed { body, text })) =
                    (wrapped.get(ntf), sealed.get(ntf))
                else {
                    return Ok(Person::default());
                };
                let key = self.vault().data_key(id, wrapped)?;
                let mut person = Person::default();
                if let Some(body) = body {
                    person.read_body(&key.open(&intake::body_place(ntf), body)?);
                }
                if let Some((attempt, text)) = text {
                    let text = key.open(&intake::text_place(ntf, *attempt), text)?;
                    person.text = Zeroizing::new(String::from_utf8_lossy(&text).into_owned());
                }
                Ok(person)
            })
            .collect()
    }
}
