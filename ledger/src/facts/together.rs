//! One transaction about facts, and about events that came with them.

use super::{Applied, FactGround, FactWrite};
use crate::db::{Key, Ledger};
use crate::decision::{PersonBasis, Settle};
use crate::door::Taken;
use crate::engine::{Transaction, columns, query, scalar};
use crate::error::LedgerError;
use crate::look::{SealedBody, SeenPerson};
use crate::record::{Entry, NewRecord};
use crate::take_in::{Strangers, TakeIn};
use crate::vault::Purpose;
use crate::write::{append, now};
use schemas::PhoneNumber;
use std::collections::HashMap;

/// An open transaction in which each fact is decided on what stands at its turn, those before it included. Dropped, it leaves no
/// trace.
pub struct FactTx<'a> {
    ledger: &'a Ledger,
    tx: Transaction,
    strangers: Strangers,
}

impl Ledger {
    /// Opens a transaction about facts.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin_facts(&self) -> Result<FactTx<'_>, LedgerError> {
        let tx = self.db.begin().await?;
        Ok(FactTx { ledger: self, tx, strangers: Strangers::default() })
    }
}

impl FactTx<'_> {
    /// What a fact is decided on. `appointment` and `suppression` are the keyed hashes of what it is about, `ntf` the notification
    /// that it would make.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ground(
        &mut self,
        id: &str,
        appointment: Option<&str>,
        suppression: Option<&str>,
        ntf: Option<&str>,
    ) -> Result<FactGround, LedgerError> {
        FactGround::read(&mut self.tx, id, appointment, suppression, ntf).await
    }

    /// The sealed body of a notification with the key that opens it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sealed_body(&mut self, ntf: &str) -> Result<Option<SealedBody>, LedgerError> {
        let received: Option<String> =
            scalar("SELECT bytes FROM record WHERE ntf = $1 AND kind = 'received' LIMIT 1")
                .bind(ntf)
                .fetch_optional(&mut self.tx)
                .await?;
        let Some(Entry::Received { person, body, .. }) =
            received.map(|bytes| Entry::parse(&bytes)).transpose()?
        else {
            return Ok(None);
        };
        let wrapped: Option<String> = scalar("SELECT wrapped FROM person WHERE id = $1")
            .bind(&person)
            .fetch_optional(&mut self.tx)
            .await?;
        Ok(wrapped.map(|wrapped| SealedBody { person, wrapped, sealed: body }))
    }

    /// The person of a number, known or about to be.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn person(
        &mut self,
        clinic: &str,
        phone: &PhoneNumber,
    ) -> Result<PersonBasis, LedgerError> {
        let vault = self.ledger.vault();
        let lookup = vault.hash(Purpose::Person, &[clinic, phone.e164()]);
        let known = self.persons(&[&lookup]).await?.remove(&lookup);
        let person = self.strangers.meet(vault, &lookup, known)?;
        Ok(PersonBasis {
            id: person.id,
            clinic: clinic.to_owned(),
            lookup,
            wrapped: person.wrapped,
            master: vault.master_name().to_owned(),
            rev: person.rev,
        })
    }

    /// Persons as they are known inside this transaction: it asks nobody else, so that many of them never wait for a connection each.
    async fn persons(
        &mut self,
        lookups: &[&str],
    ) -> Result<HashMap<String, SeenPerson>, LedgerError> {
        let keys: Vec<Key<'_>> = lookups.iter().map(|key| Key { key }).collect();
        let rows = query(
            "-- persons\nSELECT lookup, id, wrapped, rev FROM person WHERE lookup IN (SELECT key FROM {rows:key text})",
        )
        .bind(columns(&keys)?)
        .fetch_all(&mut self.tx)
        .await?;
        rows.iter()
            .map(|row| {
                let person = SeenPerson {
                    id: row.try_get("id")?,
                    wrapped: row.try_get("wrapped")?,
                    rev: row.try_get("rev")?,
                };
                Ok((row.try_get("lookup")?, person))
            })
            .collect()
    }

    /// What makes each of these a row; nothing is written yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn drafts(&mut self, items: &[TakeIn]) -> Result<Vec<Settle>, LedgerError> {
        if items.is_empty() {
            return Ok(vec![]);
        }
        let items: Vec<&TakeIn> = items.iter().collect();
        let lookups: Vec<&str> = items.iter().map(|item| item.person()).collect();
        let persons = self.persons(&lookups).await?;
        let known = items.iter().map(|item| persons.get(item.person()).cloned());
        self.ledger.drafts(&items, known, &mut self.strangers)
    }

    /// Writes a fact with everything that follows from it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn write(&mut self, fact: &FactWrite) -> Result<Applied, LedgerError> {
        self.ledger.write_fact(&mut self.tx, fact).await
    }

    /// Takes an event in that came with facts. `None`: somebody else was faster with it or its person, and nothing of this
    /// transaction may stay.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take_in(&mut self, item: &TakeIn) -> Result<Option<Taken>, LedgerError> {
        let known: Option<String> = scalar("SELECT digest FROM notification WHERE ntf = $1")
            .bind(item.ntf())
            .fetch_optional(&mut self.tx)
            .await?;
        let Some(digest) = known else {
            let settles = self.drafts(std::slice::from_ref(item)).await?;
            let settles: Vec<&Settle> = settles.iter().collect();
            let written = self.ledger.settle_in(&mut self.tx, &settles).await? == [true];
            return Ok(written.then_some(Taken::New));
        };
        if digest != item.digest() {
            return Ok(Some(Taken::IdReused));
        }
        self.note(item.clinic(), item.ntf(), item.via()).await?;
        Ok(Some(Taken::Same))
    }

    /// Records that the clinic published something again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note(&mut self, clinic: &str, id: &str, via: &str) -> Result<(), LedgerError> {
        let now = now(&mut self.tx).await?;
        let entry = Entry::Duplicate { via: via.to_owned() };
        append(&mut self.tx, &[NewRecord::of(clinic, id, now, &entry)?]).await
    }

    /// Makes everything durable.
    ///
    /// # Errors
    /// When the database does not answer; whether it is durable is then not known.
    pub async fn commit(self) -> Result<(), LedgerError> {
        self.tx.commit().await
    }
}
