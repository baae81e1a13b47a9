//! A story put together from records: what each says, where it stands, what follows.

use ledger::facts::FactRow;
use ledger::lanes::Lane;
use ledger::record::{ConsentEvidence, Entry};
use ledger::report::{Dated, Listed};
use ledger::{Ledger, LedgerError};

use crate::Tongue;
use crate::words::{self, Situation};

/// One step of a story.
#[derive(Debug, Clone)]
pub struct Step {
    /// When, milliseconds since 1970 UTC.
    pub at: i64,
    /// What the record says.
    pub said: String,
    /// What a fact planned and skipped, rule by rule.
    pub plan: Vec<String>,
    /// The record itself; what is personal in it is sealed.
    pub entry: Entry,
}

impl Step {
    fn of(tongue: Tongue, record: Dated) -> Self {
        let plan = match &record.entry {
            Entry::FactApplied { plan, .. } => {
                plan.iter().map(|line| words::planned(tongue, line)).collect()
            }
            _ => vec![],
        };
        let said = words::sentence(tongue, &record.entry);
        Self { at: record.at, said, plan, entry: record.entry }
    }

    /// On what evidence it was decided, where consent was asked.
    pub fn consent(&self) -> Option<&ConsentEvidence> {
        match &self.entry {
            Entry::Claimed { consent, .. } => Some(consent),
            Entry::Ended { consent, .. } | Entry::Waiting { consent, .. } => {
                consent.as_ref().filter(|known| known.source.is_some() || known.opt_in.is_some())
            }
            _ => None,
        }
    }

    /// Notifications that a fact cancelled.
    pub fn cancelled(&self) -> &[String] {
        match &self.entry {
            Entry::FactApplied { cancelled, .. } => cancelled,
            _ => &[],
        }
    }
}

/// The story of a notification or of a refused event.
#[derive(Debug, Clone)]
pub struct Story {
    /// Its row.
    pub row: Listed,
    /// The lane that it is on, if that is or was in trouble.
    pub lane: Option<Lane>,
    /// The one line that answers the question.
    pub verdict: String,
    /// What the reason means; `None` where it says so itself.
    pub because: Option<&'static str>,
    /// Every record, oldest first.
    pub steps: Vec<Step>,
    /// What happens next, and when; what a person can do.
    pub next: Vec<String>,
}

impl Story {
    /// Tells it. `lanes` are those that the ledger knows ([`Ledger::lanes`]).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of(
        ledger: &Ledger,
        row: &Listed,
        tongue: Tongue,
        lanes: &[Lane],
    ) -> Result<Self, LedgerError> {
        let records = ledger.records(&row.ntf).await?;
        let steps: Vec<Step> = records.into_iter().map(|one| Step::of(tongue, one)).collect();
        let lane = row.lane.as_ref().and_then(|name| lanes.iter().find(|lane| lane.lane == *name));
        let handled = is_handled(steps.iter().map(|step| &step.entry));
        Ok(Self {
            verdict: words::verdict(tongue, row),
            because: words::meaning(tongue, &row.why),
            next: words::next(tongue, Situation { row, lane, handled }),
            row: row.clone(),
            lane: lane.cloned(),
            steps,
        })
    }

    /// The newest evidence of consent.
    pub fn consent(&self) -> Option<&ConsentEvidence> {
        self.steps.iter().rev().find_map(Step::consent)
    }
}

/// Whether somebody has looked after a dead letter since it became one, by its records, oldest first.
pub fn is_handled<'a>(entries: impl DoubleEndedIterator<Item = &'a Entry>) -> bool {
    let turned = ["event-refused", "ended", "replayed", "dropped", "taken-in"];
    let last = entries.rev().map(Entry::kind).find(|kind| turned.contains(kind));
    last.is_some_and(|kind| ["dropped", "taken-in"].contains(&kind))
}

/// The story of one fact: whether it counts, and what followed from it.
#[derive(Debug, Clone)]
pub struct FactStory {
    /// Its row.
    pub row: FactRow,
    /// Whether it counts.
    pub verdict: String,
    /// Every record, oldest first.
    pub steps: Vec<Step>,
}

impl FactStory {
    /// Tells it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of(ledger: &Ledger, row: &FactRow, tongue: Tongue) -> Result<Self, LedgerError> {
        let records = ledger.records(&row.id).await?;
        Ok(Self {
            verdict: words::fact_verdict(tongue, &row.state, &row.why),
            steps: records.into_iter().map(|one| Step::of(tongue, one)).collect(),
            row: row.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::state::State;

    #[test]
    fn a_dead_letter_is_looked_after_until_it_becomes_one_again() {
        let (who, why) = ("ayse@m".to_owned(), "seen".to_owned());
        let dead = Entry::Ended { state: State::DeadLettered, why: why.clone(), consent: None };
        let dropped = Entry::Dropped { who: who.clone(), why: why.clone() };
        let seen = Entry::Revealed { who: who.clone(), why: why.clone(), fields: vec![] };
        let replayed = Entry::Replayed { who, why };
        assert!(!is_handled([&dead].into_iter()));
        assert!(is_handled([&dead, &dropped, &seen].into_iter()));
        assert!(!is_handled([&dead, &dropped, &replayed, &dead].into_iter()));
        assert!(!is_handled(std::iter::empty()));
    }
}
