//! What commands share that look into the ledger for a person: opening it, finding a notification, keys, times.

use anyhow::anyhow;
use chrono::{DateTime, SecondsFormat, Utc};
use ledger::dead::Act;
use ledger::record::Entry;
use ledger::report::Listed;
use ledger::vault::DataKey;
use ledger::{Ledger, intake};
use scheduler::facts::Applier;
use schemas::Registry;
use serde_json::Value;
pub use story::local;

use std::sync::Arc;

use super::{Failure, Settings, runtime};
use crate::cli::Global;
use crate::cli::records::RevealArgs;
use crate::config::Purpose;
use crate::{operator, start};

/// A ledger opened for a command that ends.
pub struct Desk {
    /// Settings and event types.
    pub settings: Settings,
    /// The ledger.
    pub ledger: Ledger,
    /// Print for machines.
    pub json: bool,
}

/// Opens the ledger, does the work, closes it.
///
/// # Errors
/// The configuration is incomplete, the ledger is not there, or the work failed.
pub fn with_ledger(
    global: &Global,
    work: impl AsyncFnOnce(&Desk) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let settings = Settings::for_purpose(global, Purpose::Records)?;
    let told = start::ledger_settings(&settings.config, "log", 2)?;
    runtime()?.block_on(async {
        let said = start::Said::by(&settings.config);
        let ledger = Ledger::open(&told).await.map_err(|error| said.ledger_failure(error))?;
        let desk = Desk { settings, ledger, json: global.json };
        let done = work(&desk).await;
        desk.ledger.close().await;
        done
    })
}

impl Desk {
    /// One notification, or a line that says that there is none.
    ///
    /// # Errors
    /// There is none, or the ledger does not answer.
    pub async fn find(&self, ntf: &str) -> Result<Listed, Failure> {
        let found = self.ledger.find(ntf).await.map_err(start::ledger_failure)?;
        found.ok_or_else(|| {
            Failure::Failed(anyhow!("{ntf} is not in this ledger; `ulak log list` shows what is"))
        })
    }

    /// The full name of an event type that may be written without `ulak.` and version.
    ///
    /// # Errors
    /// There is none of that name, or several.
    pub fn event_type(&self, written: Option<&str>) -> Result<Option<String>, Failure> {
        written.map(|written| event_type(&self.settings.registry, written)).transpose()
    }

    /// Who takes facts in.
    pub fn applier(&self) -> Arc<Applier> {
        start::applier(&self.settings.config, &self.settings.registry, &self.ledger)
    }

    /// Whether a body says that it is a fact.
    pub fn is_fact(&self, body: &[u8]) -> bool {
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        value["type"].as_str().is_some_and(|name| self.settings.registry.is_fact(name))
    }

    /// If personal data is wanted: records who wants it and why, then gives the key. Nothing is opened without the record.
    ///
    /// # Errors
    /// The record cannot be written: then nothing may be shown.
    pub async fn reveal(
        &self,
        args: &RevealArgs,
        row: &Listed,
        fields: &[&str],
    ) -> Result<Option<Opened>, Failure> {
        let Some(why) = args.reason.as_deref().filter(|_| args.reveal) else { return Ok(None) };
        let who = operator::name();
        let act = Act { who: &who, why };
        let recorded = self.ledger.reveal(&row.clinic, &row.ntf, act, fields).await;
        recorded.map_err(start::ledger_failure)?;
        let sealed = self.ledger.sealed_body(&row.ntf).await.map_err(start::ledger_failure)?;
        let key = match sealed {
            Some(sealed) => Some(
                self.ledger
                    .vault()
                    .data_key(&sealed.person, &sealed.wrapped)
                    .map_err(start::ledger_failure)?,
            ),
            None => None,
        };
        Ok(Some(Opened { key }))
    }

    /// As [`Desk::reveal`], of what a fact says: whether it may be shown.
    ///
    /// # Errors
    /// The record cannot be written: then nothing may be shown.
    pub async fn reveal_fact(
        &self,
        args: &RevealArgs,
        clinic: &str,
        id: &str,
    ) -> Result<bool, Failure> {
        let Some(why) = args.reason.as_deref().filter(|_| args.reveal) else { return Ok(false) };
        let who = operator::name();
        let act = Act { who: &who, why };
        let recorded = self.ledger.reveal(clinic, id, act, &["body"]).await;
        recorded.map_err(start::ledger_failure)?;
        Ok(true)
    }

    /// What a fact says, if this is the record that holds it.
    ///
    /// # Errors
    /// The key does not open it.
    pub async fn fact_body(&self, id: &str, entry: &Entry) -> Result<Option<String>, Failure> {
        let body = self.ledger.fact_body(id, entry).await.map_err(start::ledger_failure)?;
        Ok(body.map(|body| String::from_utf8_lossy(&body).into_owned()))
    }

    /// The body of a refused event, as far as it is text.
    ///
    /// # Errors
    /// The key does not open it.
    pub fn refused_body(&self, ntf: &str, sealed: &str) -> Result<String, Failure> {
        let bytes = self
            .ledger
            .vault()
            .open_own(&intake::body_place(ntf), sealed)
            .map_err(start::ledger_failure)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The right to show personal data of one notification: it was recorded.
pub struct Opened {
    /// The person's key; a refused event has none.
    pub key: Option<DataKey>,
}

impl Opened {
    /// The exact text of an attempt.
    ///
    /// # Errors
    /// The key does not open it.
    pub fn text(&self, ntf: &str, attempt: u32, sealed: &str) -> Result<Option<String>, Failure> {
        self.open(&intake::text_place(ntf, attempt), sealed)
    }

    /// The event.
    ///
    /// # Errors
    /// The key does not open it.
    pub fn body(&self, ntf: &str, sealed: &str) -> Result<Option<String>, Failure> {
        self.open(&intake::body_place(ntf), sealed)
    }

    fn open(&self, place: &str, sealed: &str) -> Result<Option<String>, Failure> {
        let Some(key) = &self.key else { return Ok(None) };
        let bytes = key.open(place, sealed).map_err(start::ledger_failure)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

fn event_type(registry: &Registry, written: &str) -> Result<String, Failure> {
    let short = |name: &str| {
        let name = name.strip_prefix("ulak.").unwrap_or(name);
        name.rsplit_once(".v").map_or(name, |(name, _)| name).to_owned()
    };
    let names: Vec<&str> = registry.types().map(|t| t.name.as_str()).collect();
    let fits: Vec<&str> =
        names.iter().filter(|name| **name == written || short(name) == written).copied().collect();
    match fits.as_slice() {
        [one] => Ok((*one).to_owned()),
        _ => {
            let problem = anyhow!(
                "--type {} names {} event type; use one of {}",
                written.escape_debug(),
                if fits.is_empty() { "no" } else { "more than one" },
                names.join(", ")
            );
            Err(problem.into())
        }
    }
}

/// RFC 3339 in UTC, for machines.
pub fn instant(ms: i64) -> String {
    at(ms).to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_may_be_written_without_its_prefix_and_version() {
        let registry = Registry::embedded().expect("event types");
        for written in ["ulak.payment-receipt.v1", "payment-receipt"] {
            let found = event_type(&registry, written).expect("a type");
            assert_eq!(found, "ulak.payment-receipt.v1");
        }
        let said = event_type(&registry, "payment").expect_err("no type").lines().join("\n");
        assert!(said.contains("ulak.payment-receipt.v1"), "{said}");
    }
}
