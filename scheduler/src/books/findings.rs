//! What is wrong with the books now, and what of it is news.

use ledger::books::{Backlog, Fault, HourBooks, What};
use ledger::state::State;
use std::collections::{BTreeMap, BTreeSet};

/// A row that time should have moved is stuck after so long, milliseconds: ten times longer than a busy release, a restarted scheduler
/// or a broker that comes back need.
const STUCK_MS: i64 = 10 * 60_000;
/// What stands is said again after so long, milliseconds.
const AGAIN_MS: i64 = 60 * 60_000;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// What a clinic's hour received is not what is there.
    Hour {
        /// Clinic; empty where it could not be read.
        clinic: String,
        /// Beginning of the hour, milliseconds since 1970 UTC.
        hour: i64,
        /// Events missing; negative: too many.
        gap: i64,
        /// Facts likewise.
        facts: i64,
    },
    /// A notification is not what its records say.
    Row {
        /// Notification.
        ntf: String,
        /// Clinic.
        clinic: String,
        /// When it was received, milliseconds since 1970 UTC.
        at: i64,
        /// What is wrong with it.
        what: What,
    },
    /// A row that should have been moved long ago.
    Stuck {
        /// Lane.
        lane: String,
        /// State.
        state: State,
        /// Clinic.
        clinic: String,
        /// When it was due, milliseconds since 1970 UTC.
        due_at: i64,
    },
}

/// What makes two findings the same one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Hour(i64, String),
    Row(String, What),
    Stuck(String, State, String),
}

impl Finding {
    fn key(&self) -> Key {
        match self {
            Self::Hour { clinic, hour, .. } => Key::Hour(*hour, clinic.clone()),
            Self::Row { ntf, what, .. } => Key::Row(ntf.clone(), *what),
            Self::Stuck { lane, state, clinic, .. } => {
                Key::Stuck(lane.clone(), *state, clinic.clone())
            }
        }
    }
}

/// What is to be said after a look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// New, or another one than before, or standing for another hour.
    pub new: Vec<Finding>,
    /// How many are gone.
    pub mended: usize,
}

/// Everything that is wrong now.
#[derive(Debug, Default)]
pub struct Findings {
    /// With the instant at which it was said, if it was.
    all: BTreeMap<Key, (Finding, Option<i64>)>,
    mended: usize,
}

impl Findings {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Notifications with something wrong.
    pub fn rows(&self) -> impl Iterator<Item = &str> {
        self.all.keys().filter_map(|key| match key {
            Key::Row(ntf, _) => Some(ntf.as_str()),
            _ => None,
        })
    }

    /// Hours that do not balance.
    pub fn hours(&self) -> impl Iterator<Item = i64> {
        let hours = self.all.keys().filter_map(|key| match key {
            Key::Hour(hour, _) => Some(*hour),
            _ => None,
        });
        hours.collect::<BTreeSet<_>>().into_iter()
    }

    /// These notifications were looked at, and this is all that is wrong with them. At most `most` findings are kept.
    pub fn rows_are(&mut self, looked_at: &[String], faults: Vec<Fault>, most: usize) {
        let looked_at: BTreeSet<&str> = looked_at.iter().map(String::as_str).collect();
        let faults = faults.into_iter().map(|fault| Finding::Row {
            ntf: fault.ntf,
            clinic: fault.clinic,
            at: fault.at,
            what: fault.what,
        });
        let room = most.saturating_sub(self.all.len());
        let known = |key: &Key| matches!(key, Key::Row(ntf, _) if looked_at.contains(ntf.as_str()));
        self.replace(known, faults.take(room.max(1)).collect());
    }

    /// The hours from `from` on and before `until` were looked at.
    pub fn hours_are(&mut self, from: i64, until: i64, found: Vec<Finding>) {
        let known = |key: &Key| matches!(key, Key::Hour(hour, _) if (from..until).contains(hour));
        self.replace(known, found);
    }

    /// All lanes were looked at.
    pub fn stuck_are(&mut self, found: Vec<Finding>) {
        self.replace(|key| matches!(key, Key::Stuck(..)), found);
    }

    fn replace(&mut self, looked_at: impl Fn(&Key) -> bool, found: Vec<Finding>) {
        let found: BTreeMap<Key, Finding> = found.into_iter().map(|f| (f.key(), f)).collect();
        let before = self.all.len();
        self.all.retain(|key, _| !looked_at(key) || found.contains_key(key));
        self.mended += before - self.all.len();
        for (key, finding) in found {
            let said =
                self.all.get(&key).and_then(|(old, said)| said.filter(|_| same(old, &finding)));
            self.all.insert(key, (finding, said));
        }
    }

    /// What is to be said now, once.
    pub fn news(&mut self, now: i64) -> News {
        let mut new = vec![];
        for (finding, said) in self.all.values_mut() {
            if said.is_none_or(|at| now.saturating_sub(at) >= AGAIN_MS) {
                *said = Some(now);
                new.push(finding.clone());
            }
        }
        News { new, mended: std::mem::take(&mut self.mended) }
    }

    /// Events that are missing or too many, by clinic.
    pub fn gaps(&self) -> Vec<(String, i64)> {
        let mut gaps: BTreeMap<&str, i64> = BTreeMap::new();
        for (finding, _) in self.all.values() {
            if let Finding::Hour { clinic, gap, facts, .. } = finding {
                *gaps.entry(clinic).or_default() += gap.abs() + facts.abs();
            }
        }
        gaps.into_iter().map(|(clinic, gap)| (clinic.to_owned(), gap)).collect()
    }

    /// Notifications with something wrong, by what it is; of everything that may be.
    pub fn faults(&self) -> Vec<(&'static str, i64)> {
        let of = |what: What| {
            let n = self.all.keys().filter(|key| matches!(key, Key::Row(_, w) if *w == what));
            (what.as_str(), n.count() as i64)
        };
        What::ALL.iter().copied().map(of).collect()
    }

    /// Stuck lanes and clinics by state; of every state that is not final.
    pub fn stuck(&self) -> Vec<(&'static str, i64)> {
        let of = |state: State| {
            let n = self.all.keys().filter(|key| matches!(key, Key::Stuck(_, s, _) if *s == state));
            (state.as_str(), n.count() as i64)
        };
        State::ALL.iter().copied().filter(|state| !state.is_final()).map(of).collect()
    }
}

/// Whether nothing has changed that somebody should hear of.
fn same(old: &Finding, new: &Finding) -> bool {
    match (old, new) {
        // the next row behind the one that was stuck is the same trouble
        (Finding::Stuck { .. }, Finding::Stuck { .. }) => true,
        _ => old == new,
    }
}

/// The hours that do not balance.
pub fn of_hours(hours: &[HourBooks]) -> Vec<Finding> {
    let wrong = hours.iter().filter(|books| !books.balances());
    wrong
        .map(|books| Finding::Hour {
            clinic: books.clinic.clone(),
            hour: books.hour,
            gap: books.gap(),
            facts: books.facts.gap(),
        })
        .collect()
}

/// What time should have moved long ago: patience, leases, looks. What waits may wait for its lane, its number or its pace; how much
/// that is and for how long is measured, and is no fault. Nobody could move anything before `since`.
pub fn of_backlog(backlog: &[Backlog], now: i64, since: i64) -> Vec<Finding> {
    let stuck = backlog.iter().filter(|of| {
        of.state != State::Waiting && now.saturating_sub(of.due_at.max(since)) > STUCK_MS
    });
    stuck
        .map(|of| Finding::Stuck {
            lane: of.lane.clone(),
            state: of.state,
            clinic: of.clinic.clone(),
            due_at: of.due_at,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(ntf: &str, what: What) -> Fault {
        Fault { ntf: ntf.to_owned(), clinic: "c".to_owned(), at: 0, what }
    }

    fn hour(hour: i64, received: i64) -> HourBooks {
        HourBooks { clinic: "c".to_owned(), hour, received, ..HourBooks::default() }
    }

    fn names(ntfs: &[&str]) -> Vec<String> {
        ntfs.iter().map(|ntf| (*ntf).to_owned()).collect()
    }

    #[test]
    fn what_is_wrong_is_said_once_and_again_each_hour_until_it_is_mended() {
        let mut findings = Findings::default();
        findings.hours_are(0, 100, of_hours(&[hour(0, 2), hour(50, 0)]));
        let first = findings.news(0);
        assert_eq!(first.new.len(), 1);
        assert_eq!(findings.gaps(), [("c".to_owned(), 2)]);
        findings.hours_are(0, 100, of_hours(&[hour(0, 2)]));
        assert_eq!(findings.news(AGAIN_MS - 1), News::default());
        assert_eq!(findings.news(AGAIN_MS).new.len(), 1, "it still stands");
        findings.hours_are(0, 100, of_hours(&[hour(0, 3)]));
        assert_eq!(findings.news(AGAIN_MS).new.len(), 1, "it has grown");
        findings.hours_are(100, 200, vec![]);
        assert!(!findings.is_empty(), "another hour was looked at");
        findings.hours_are(0, 100, of_hours(&[hour(0, 0)]));
        assert_eq!(findings.news(AGAIN_MS), News { new: vec![], mended: 1 });
        assert!(findings.is_empty());
    }

    #[test]
    fn only_what_was_looked_at_is_mended() {
        let mut findings = Findings::default();
        let wrong = vec![fault("a", What::Differs), fault("b", What::DueTimeMissing)];
        findings.rows_are(&names(&["a", "b", "c"]), wrong, 10);
        assert_eq!(findings.news(0).new.len(), 2);
        findings.rows_are(&names(&["b"]), vec![fault("b", What::Differs)], 10);
        let news = findings.news(1);
        assert_eq!((news.new.len(), news.mended), (1, 1), "another fault than before");
        assert_eq!(findings.rows().collect::<Vec<_>>(), ["a", "b"]);
        let faults: i64 = findings.faults().iter().map(|(_, n)| n).sum();
        assert_eq!((findings.faults().len(), faults), (What::ALL.len(), 2));
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut findings = Findings::default();
        let all: Vec<String> = (0..50).map(|n| format!("n{n:02}")).collect();
        let wrong = all.iter().map(|ntf| fault(ntf, What::Differs)).collect();
        findings.rows_are(&all, wrong, 10);
        assert_eq!(findings.rows().count(), 10);
    }

    #[test]
    fn what_waits_is_not_stuck_and_nothing_is_before_somebody_could_move_it() {
        let of = |state, due_at| Backlog {
            lane: "l".to_owned(),
            state,
            clinic: "c".to_owned(),
            due: 1,
            outside: 1,
            due_at,
        };
        let backlog = [of(State::Waiting, 0), of(State::Sending, 0), of(State::Unknown, STUCK_MS)];
        let now = STUCK_MS + 1;
        let [Finding::Stuck { state: State::Sending, .. }] = of_backlog(&backlog, now, 0)[..]
        else {
            panic!("{:?}", of_backlog(&backlog, now, 0));
        };
        assert_eq!(of_backlog(&backlog, now, now), [], "this process has just begun");
    }
}
