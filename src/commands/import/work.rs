//! Rows into the ledger, or to the broker, or nowhere: what a dry run says is what the same decisions come to.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use bus::{Bus, Fate as Confirmed, Outgoing};
use chrono::DateTime;
use data_encoding::HEXLOWER;
use ledger::record::Planned;
use ledger::{Ledger, LedgerError};
use scheduler::facts::{Applier, FactKeys, Told as Became};
use scheduler::plan::{self, Notice, Outcome, Rules, due_now};
use schemas::{FactEvent, Refusal, Registry, Rule};

use super::fact::{self, Happened, Maker, Names};
use super::fate::{Known, Standing, Step, step};
use super::row::{Bad, Visit};
use super::told::Fate;
use crate::commands::Failure;
use crate::start;

/// What records name as the place that these facts came from.
const VIA: &str = "ulak import";

/// A row that can be read, with its names; or what is wrong with it, or which line it repeats.
pub(super) struct Entry {
    pub(super) line: u64,
    pub(super) visit: Option<Visit>,
    pub(super) names: Option<Names>,
    /// What is known of it without asking anybody.
    pub(super) fate: Option<Fate>,
}

/// What became of a row.
pub(super) struct Outcomes {
    pub(super) fate: Fate,
    pub(super) fact: Option<String>,
    pub(super) plan: Vec<Planned>,
    pub(super) stopped: usize,
}

impl Outcomes {
    pub(super) fn of(fate: Fate) -> Self {
        Self { fate, fact: None, plan: Vec::new(), stopped: 0 }
    }
}

/// Where facts go.
pub(super) enum Way {
    /// Nowhere; with a ledger, what is known is asked for.
    Dry,
    /// Into the ledger.
    Ledger,
    /// To `clinic.events`, for the scheduler.
    Broker(Box<Bus>),
}

/// What rows are held against.
pub(super) struct Work<'a> {
    pub(super) maker: Maker<'a>,
    pub(super) rules: &'a Rules,
    /// The ledger, with what takes facts into it; `None` only in a dry run.
    pub(super) known: Option<(&'a Ledger, &'a Applier)>,
    pub(super) way: &'a Way,
}

/// A row that something is said about.
struct Saying {
    place: usize,
    fate: Fate,
    fact: FactEvent,
}

impl Work<'_> {
    /// Handles rows together: one answer for each.
    ///
    /// # Errors
    /// The ledger or the broker is away; what was answered before that is done.
    pub(super) async fn rows(&self, entries: &[Entry]) -> Result<Vec<Outcomes>, Failure> {
        let known = self.known(entries).await?;
        let mut outcomes = Vec::with_capacity(entries.len());
        let mut sayings = Vec::new();
        for (place, (entry, known)) in entries.iter().zip(known).enumerate() {
            let step = match (&entry.fate, &entry.visit) {
                (Some(fate), _) => Step::Leave(fate.clone()),
                (None, Some(visit)) => step(visit, known, self.maker.now, self.maker.again),
                (None, None) => Step::Leave(Fate::Unchanged),
            };
            outcomes.push(Outcomes::of(match step {
                Step::Leave(fate) => fate,
                Step::Tell(what, fate) => match self.fact(entry, what) {
                    Ok(fact) => {
                        sayings.push(Saying { place, fate, fact });
                        Fate::Unchanged
                    }
                    Err(bad) => Fate::LeftOut(bad),
                },
            }));
        }
        for (place, outcome) in self.say(sayings).await? {
            outcomes[place] = outcome;
        }
        Ok(outcomes)
    }

    fn fact(&self, entry: &Entry, what: Happened) -> Result<FactEvent, Bad> {
        let (Some(visit), Some(names)) = (&entry.visit, &entry.names) else {
            return Err(Bad::row("unreadable", "cannot be read"));
        };
        self.maker.fact(visit, names, what)
    }

    /// What is known of each row's appointment.
    async fn known(&self, entries: &[Entry]) -> Result<Vec<Known>, Failure> {
        let Some((ledger, _)) = self.known else {
            return Ok(vec![Known::default(); entries.len()]);
        };
        let mut tx = ledger.begin_facts().await.map_err(start::ledger_failure)?;
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries {
            let (None, Some(visit), Some(names)) = (&entry.fate, &entry.visit, &entry.names) else {
                all.push(Known::default());
                continue;
            };
            // a change may lie in the past, and says the same as a booking
            let what = if visit.cancelled { Happened::Cancelled } else { Happened::Rescheduled };
            let Ok(fact) = self.maker.fact(visit, names, what) else {
                all.push(Known::default());
                continue;
            };
            let keys = FactKeys::of(ledger.vault(), &fact);
            // under the name that it has without --again
            let id = schemas::FactId::of_event(&fact.source, &names.fact);
            let ground = tx.ground(id.as_str(), keys.appointment.as_deref(), None, None).await;
            let ground = ground.map_err(start::ledger_failure)?;
            let appointment =
                ground.appointment.filter(|known| known.from_fact).map(|known| Standing {
                    starts_at: DateTime::from_timestamp_millis(known.starts_at).unwrap_or_default(),
                    cancelled: known.cancelled,
                });
            all.push(Known {
                imported: ground.known.is_some(),
                same: ground.content.as_deref() == Some(keys.content.as_str()),
                appointment,
            });
        }
        Ok(all)
    }

    /// Says it, and what came of it, by place.
    async fn say(&self, sayings: Vec<Saying>) -> Result<Vec<(usize, Outcomes)>, Failure> {
        let facts: Vec<FactEvent> = sayings.iter().map(|saying| saying.fact.clone()).collect();
        let Some((_, applier)) = self.known else {
            let dry = sayings.into_iter().map(|saying| (saying.place, self.alone(saying)));
            return Ok(dry.collect());
        };
        let became = match self.way {
            Way::Dry => applier.preview(&facts).await.map_err(start::ledger_failure)?,
            Way::Ledger => {
                let done: Result<Vec<Became>, LedgerError> =
                    applier.apply(&facts, VIA).await.into_iter().collect();
                done.map_err(start::ledger_failure)?
            }
            Way::Broker(bus) => {
                let foreseen = applier.preview(&facts).await.map_err(start::ledger_failure)?;
                return published(bus, sayings, foreseen).await;
            }
        };
        Ok(sayings
            .into_iter()
            .zip(became)
            .map(|(saying, became)| (saying.place, outcome(saying, became)))
            .collect())
    }

    /// What a row comes to where no ledger is there to ask: as if nothing were known.
    fn alone(&self, saying: Saying) -> Outcomes {
        let schemas::Fact::Booked(visit) = &saying.fact.fact else {
            return Outcomes::of(saying.fate);
        };
        let confirmed = due_now(
            Notice::Confirmation { starts_at: visit.starts_at },
            self.rules,
            self.maker.now,
        );
        let confirmed = confirmed.map(|outcome| ("confirmation".to_owned(), outcome));
        let reminders = plan::reminders(visit.starts_at, None, self.rules, self.maker.now);
        let all =
            confirmed.into_iter().chain(reminders.into_iter().map(|one| (one.rule, one.outcome)));
        let plan = all.map(|(rule, outcome)| match outcome {
            Outcome::Send { at } => Planned {
                rule,
                ntf: None,
                at: Some(at.timestamp_millis()),
                wall: None,
                skipped: None,
            },
            Outcome::Skip { why } => Planned {
                rule,
                ntf: None,
                at: None,
                wall: None,
                skipped: Some(why.word().to_owned()),
            },
        });
        Outcomes { plan: plan.collect(), ..Outcomes::of(saying.fate) }
    }
}

/// The rows' words for what became of a fact.
fn outcome(saying: Saying, became: Became) -> Outcomes {
    let fact = Some(saying.fact.fact_id().as_str().to_owned());
    match became {
        Became::Applied { plan, cancelled, .. } => {
            Outcomes { fate: saying.fate, fact, plan, stopped: cancelled.len() }
        }
        Became::Duplicate { .. } => Outcomes { fact, ..Outcomes::of(Fate::Unchanged) },
        Became::Stale { why, .. } => Outcomes { fact, ..Outcomes::of(stale(why)) },
        Became::Refused(refusal) => {
            Outcomes { fact, ..Outcomes::of(Fate::LeftOut(refused(&refusal))) }
        }
    }
}

fn stale(why: &str) -> Fate {
    let (rule, said) = match why {
        "known" => return Fate::Unchanged,
        "cancelled" => (
            "cancelled-later",
            "the appointment was cancelled after the file was last changed; --again books it anew",
        ),
        _ => (
            "older",
            "something newer than the file's last change is known of the appointment; --again takes the row at its word",
        ),
    };
    Fate::LeftOut(Bad::row(rule, said))
}

fn refused(refusal: &Refusal) -> Bad {
    match refusal.rule {
        Rule::VersionMissing => Bad::row(
            refusal.rule.as_str(),
            "the clinic's system numbers the changes of this appointment, which a file does not; change it there",
        ),
        Rule::VersionConflict => Bad::row(
            refusal.rule.as_str(),
            "a file of the same moment said something else of this appointment; --again takes the row at its word",
        ),
        _ => fact::refused(refusal),
    }
}

/// Publishes what would count, each confirmed.
async fn published(
    bus: &Bus,
    sayings: Vec<Saying>,
    foreseen: Vec<Became>,
) -> Result<Vec<(usize, Outcomes)>, Failure> {
    let mut waiting = Vec::new();
    let mut done = Vec::new();
    for (saying, foreseen) in sayings.into_iter().zip(foreseen) {
        let (place, counts) = (saying.place, matches!(foreseen, Became::Applied { .. }));
        let message = counts.then(|| message(&saying.fact)).transpose()?;
        let outcome = outcome(saying, foreseen);
        let Some(message) = message else {
            done.push((place, outcome));
            continue;
        };
        let publisher = bus.publisher().clone();
        waiting.push((
            place,
            outcome,
            tokio::spawn(async move { publisher.publish(message).await }),
        ));
    }
    for (place, outcome, confirmed) in waiting {
        let confirmed = confirmed.await.context("publishing was interrupted")?;
        let fate = match confirmed {
            Confirmed::Confirmed => outcome.fate.clone(),
            Confirmed::Returned(_) | Confirmed::Nacked | Confirmed::Unconfirmed => {
                Fate::LeftOut(Bad::row(
                    "unconfirmed",
                    "RabbitMQ did not confirm it; import the file again, what did arrive is known",
                ))
            }
        };
        done.push((place, Outcomes { fate, ..outcome }));
    }
    Ok(done)
}

fn message(fact: &FactEvent) -> anyhow::Result<Outgoing> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|e| anyhow!("the system gives no random bytes: {e}"))?;
    Ok(Outgoing {
        exchange: bus::names::CLINIC_EVENTS.to_owned(),
        routing_key: fact.fact_type.clone(),
        body: fact.envelope_json(),
        message_id: HEXLOWER.encode(&id),
        headers: Vec::new(),
        mandatory: true,
    })
}

/// What takes facts in, by the rules of the configuration.
pub(super) fn applier(
    ledger: &Ledger,
    registry: &Arc<Registry>,
    config: &crate::config::Config,
) -> Applier {
    Applier::new(ledger.clone(), Arc::clone(registry), start::plan_rules(config))
}
