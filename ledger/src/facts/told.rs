//! What became of facts, and the one door through which they come wherever they come from.

use crate::door::{TakeIn, Taken};
use crate::error::LedgerError;
use crate::record::Planned;
use schemas::{FactEvent, Refusal};
use std::fmt::Debug;
use std::pin::Pin;

/// What became of a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It counts.
    Applied {
        /// The fact.
        fact: String,
        /// What was planned, rule by rule.
        plan: Vec<Planned>,
        /// Notifications that it cancelled.
        cancelled: Vec<String>,
    },
    /// Something newer is known, or the same.
    Stale {
        /// The fact.
        fact: String,
        /// Which of both, in a bounded word.
        why: &'static str,
    },
    /// The same fact was there before.
    Duplicate {
        /// The fact.
        fact: String,
    },
    /// It contradicts what is known, or nothing could be planned by it. Nothing was written.
    Refused(Refusal),
}

impl Told {
    /// Notifications that it made.
    pub fn made(&self) -> Vec<&str> {
        match self {
            Self::Applied { plan, .. } => {
                plan.iter().filter_map(|line| line.ntf.as_deref()).collect()
            }
            _ => vec![],
        }
    }
}

/// One of several that are taken all or not at all.
#[derive(Debug, Clone)]
pub enum Item {
    /// A fact.
    Fact(Box<FactEvent>),
    /// An event that asks for a message outright.
    Event(Box<TakeIn>),
}

/// What became of one of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// Of a fact.
    Fact(Told),
    /// Of an event.
    Event(Taken),
}

impl Done {
    /// Whether it stands in the way of the others.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Fact(Told::Refused(_)) | Self::Event(Taken::IdReused))
    }
}

/// An answer on its way.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<Done>, LedgerError>> + Send + 'a>>;

/// Decides about facts and writes what follows. The scheduler's part of an installation does; doors only know that somebody does.
pub trait TakesFacts: Debug + Send + Sync {
    /// Takes facts and events in as one transaction: all of them, or, if any of them is refused, none. The answers are in the order
    /// of the items. `via`: where they came from, for the record.
    fn take_all<'a>(&'a self, items: &'a [Item], via: &'a str) -> Answer<'a>;
}
