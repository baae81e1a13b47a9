//! From a decision to what the ledger writes.

use super::PLAN;
use super::content::FactKeys;
use super::decide::{Consequences, What};
use crate::plan::Rules;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use ledger::door::TakeIn;
use ledger::facts::{FactAppointment, FactGround, FactState, FactTx, FactWord, FactWrite, WordBy};
use ledger::intake::{body_place, version_parts};
use ledger::record::{Entry, Planned};
use ledger::vault::{Purpose, Vault};
use ledger::{Ledger, LedgerError};
use schemas::{Fact, FactEvent, Registry};

/// Why a number is on the suppression list that a fact put there.
const ASKED: &str = "consent-refused";

/// A fact on its way into the ledger.
pub struct Draft<'a> {
    pub fact: &'a FactEvent,
    pub id: String,
    pub digest: String,
    pub keys: FactKeys,
    pub via: &'a str,
    /// Who wrote down what a person said, where somebody did.
    pub by: Option<&'a WordBy>,
    pub rules: &'a Rules,
    pub ledger: &'a Ledger,
}

impl Draft<'_> {
    /// A fact that came after something newer, or said again what was known.
    pub fn stale(&self, why: &'static str) -> FactWrite {
        let entry = Entry::FactStale {
            fact_type: self.fact.fact_type.clone(),
            source: self.fact.source.clone(),
            id: self.fact.id.clone(),
            why: why.to_owned(),
            via: self.via.to_owned(),
        };
        FactWrite { why: why.to_owned(), ..self.bare(FactState::Stale, entry) }
    }

    /// A fact that counts, with everything that follows from it.
    pub async fn applied(
        &self,
        tx: &mut FactTx<'_>,
        registry: &Registry,
        follows: Consequences,
        ground: &FactGround,
    ) -> Result<FactWrite, LedgerError> {
        let (plan, items) = self.planned(registry, follows.plan);
        let person = match self.fact.fact.phone() {
            Some(phone) => Some(tx.person(self.fact.clinic.as_str(), phone).await?),
            None => None,
        };
        let (vault, place) = (self.ledger.vault(), body_place(&self.id));
        let body = self.fact.envelope_json();
        let body = match &person {
            Some(person) => vault.data_key(&person.id, &person.wrapped)?.seal(&place, &body)?,
            None => vault.seal_own(&place, &body)?,
        };
        let entry = Entry::FactApplied {
            fact_type: self.fact.fact_type.clone(),
            source: self.fact.source.clone(),
            id: self.fact.id.clone(),
            digest: self.digest.clone(),
            person: person.as_ref().map(|person| person.id.clone()),
            body,
            via: self.via.to_owned(),
            plan,
            cancelled: vec![],
        };
        let seen_rev = ground.appointment.as_ref().map_or(0, |known| known.rev);
        let appointment =
            self.keys.appointment.as_ref().zip(follows.becomes).map(|(key, to)| FactAppointment {
                key: key.clone(),
                seen_rev,
                version: version_parts(to.version),
                starts_at: to.starts_at,
                cancelled: to.cancelled,
                content: self.keys.content.clone(),
            });
        let word = follows.word.and_then(|word| self.word(vault, word));
        let plan = tx.drafts(&items).await?;
        Ok(FactWrite {
            appointment,
            cancels: follows.cancels,
            word,
            person,
            plan,
            ..self.bare(FactState::Applied, entry)
        })
    }

    fn bare(&self, state: FactState, entry: Entry) -> FactWrite {
        FactWrite {
            id: self.id.clone(),
            clinic: self.fact.clinic.as_str().to_owned(),
            fact_type: self.fact.fact_type.clone(),
            source: self.fact.source.clone(),
            event_id: self.fact.id.clone(),
            digest: self.digest.clone(),
            state,
            why: String::new(),
            about: self.keys.about.clone(),
            appointment: None,
            cancels: vec![],
            word: None,
            person: None,
            plan: vec![],
            entry,
        }
    }

    /// The plan as it is recorded, and the rows that it makes.
    fn planned(&self, registry: &Registry, lines: Vec<super::Line>) -> (Vec<Planned>, Vec<TakeIn>) {
        let gap_ms = self.rules.min_gap.num_milliseconds();
        let mut items = vec![];
        let plan = lines
            .into_iter()
            .map(|line| {
                let bare =
                    Planned { rule: line.rule, ntf: None, at: None, wall: None, skipped: None };
                let (event, at) = match line.what {
                    What::Make { event, at } => (event, at),
                    What::Skip(why) => return Planned { skipped: Some(why.to_owned()), ..bare },
                };
                let Some(event_type) = registry.get(&event.event_type) else {
                    // the registry read it a moment ago
                    return Planned { skipped: Some("unknown-type".to_owned()), ..bare };
                };
                let vault = self.ledger.vault();
                let item = TakeIn::new(vault, *event, event_type, gap_ms, PLAN, PLAN);
                let item = item.due_at(at.timestamp_millis());
                let planned = Planned {
                    ntf: Some(item.ntf().to_owned()),
                    at: Some(at.timestamp_millis()),
                    wall: Some(wall(at, self.rules.zone)),
                    ..bare
                };
                items.push(item);
                planned
            })
            .collect();
        (plan, items)
    }

    fn word(
        &self,
        vault: &Vault,
        (refused, channels): (bool, Vec<schemas::Channel>),
    ) -> Option<FactWord> {
        let Fact::ConsentChanged(said) = &self.fact.fact else { return None };
        let phone = said.phone.e164();
        Some(FactWord {
            key: self.keys.suppression.clone()?,
            person: vault.hash(Purpose::Person, &[self.fact.clinic.as_str(), phone]),
            channels,
            refused,
            said_at: said.at.timestamp_millis(),
            why: ASKED.to_owned(),
            evidence: said.evidence.clone(),
            by: self.by.cloned(),
        })
    }
}

/// An instant as it is on the clinic's wall.
fn wall(at: DateTime<Utc>, zone: Tz) -> String {
    format!("{} {}", at.with_timezone(&zone).format("%Y-%m-%dT%H:%M:%S"), zone.name())
}
