//! The books by clinic and hour, and whether each row is what its records say. For the background check and `ulak log balance`.
//!
//! What was received is counted from records by a reader of its own (PROTOCOL rule 16), a page at a time; what became of it is counted
//! from the state table, in the hour in which a row was made. Both are compared in one snapshot: a difference is no matter of timing.

mod count;
mod parked;
mod row;
mod walk;

pub(crate) use count::Span;
pub use count::{Counted, PAGE};
pub use row::{Fault, Rebuilt, Seen, What, faults, rebuild};
pub use walk::{Astray, Backlog};

use crate::report::FactBooks;
use crate::state::State;
use std::collections::BTreeMap;

/// An hour in milliseconds.
pub const HOUR_MS: i64 = 3_600_000;

/// What one clinic received in one hour, and what has become of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct HourBooks {
    /// Clinic; empty where it could not be read.
    pub clinic: String,
    /// Beginning of the hour, milliseconds since 1970 UTC.
    pub hour: i64,
    /// Events taken in or refused, counted from records.
    pub received: i64,
    /// Notifications in each state, counted from the state table; those of which there is none are left out.
    pub states: BTreeMap<State, i64>,
    /// Copies in this hour of an event that was there already.
    pub duplicates: i64,
    /// Notifications of which a second attempt was accepted in this hour.
    pub sent_twice: i64,
    /// Notifications that a second channel took in this hour, after the first one was lost or not heard of.
    pub two_channel: i64,
    /// The books of facts.
    pub facts: FactBooks,
}

impl HourBooks {
    /// Received minus everything that is somewhere.
    pub fn gap(&self) -> i64 {
        self.received - self.states.values().sum::<i64>()
    }

    /// Notifications that are not final.
    pub fn open(&self) -> i64 {
        self.states.iter().filter(|(state, _)| !state.is_final()).map(|(_, n)| n).sum()
    }

    /// Whether nothing is missing and nothing too many.
    pub fn balances(&self) -> bool {
        self.gap() == 0 && self.facts.gap() == 0
    }

    /// Adds another hour's, or another clinic's.
    pub fn add(&mut self, other: &Self) {
        self.received += other.received;
        for (state, n) in &other.states {
            *self.states.entry(*state).or_default() += n;
        }
        self.duplicates += other.duplicates;
        self.sent_twice += other.sent_twice;
        self.two_channel += other.two_channel;
        self.facts.received += other.facts.received;
        self.facts.applied += other.facts.applied;
        self.facts.stale += other.facts.stale;
        self.facts.refused += other.facts.refused;
        self.facts.duplicates += other.facts.duplicates;
    }
}

/// A number that was counted for a clinic and an hour: of a kind of records, of a state of rows, of a state of facts.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Line {
    /// Clinic.
    pub clinic: String,
    /// Beginning of the hour, milliseconds since 1970 UTC.
    pub hour: i64,
    /// What was counted.
    pub what: String,
    /// How many.
    pub n: i64,
}

/// Puts side by side what records say (`told`) and what is there: `rows` by state and `facts` by state. In the order of hour and clinic.
pub fn compare(told: &[Line], rows: &[Line], facts: &[Line]) -> Vec<HourBooks> {
    let mut hours: BTreeMap<(i64, String), HourBooks> = BTreeMap::new();
    let mut at =
        |line: &Line, add: &dyn Fn(&mut HourBooks)| {
            let books = hours.entry((line.hour, line.clinic.clone())).or_insert_with(|| {
                HourBooks { clinic: line.clinic.clone(), hour: line.hour, ..HourBooks::default() }
            });
            add(books);
        };
    for line in told {
        at(line, &|books| match line.what.as_str() {
            "received" | "event-refused" => books.received += line.n,
            "fact-refused" => {
                books.received += line.n;
                books.facts.received += line.n;
                books.facts.refused += line.n;
            }
            "fact-applied" | "fact-stale" => books.facts.received += line.n,
            "duplicate" => books.duplicates += line.n,
            "fact-duplicate" => books.facts.duplicates += line.n,
            "sent-twice" => books.sent_twice += line.n,
            "two-channel" => books.two_channel += line.n,
            _ => {}
        });
    }
    for line in rows {
        // a state that nobody knows counts nowhere, so that it shows as a gap
        let Some(state) = State::parse(&line.what) else { continue };
        at(line, &|books| *books.states.entry(state).or_default() += line.n);
    }
    for line in facts {
        at(line, &|books| match line.what.as_str() {
            "applied" => books.facts.applied += line.n,
            "stale" => books.facts.stale += line.n,
            _ => {}
        });
    }
    hours.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(clinic: &str, hour: i64, what: &str, n: i64) -> Line {
        Line { clinic: clinic.to_owned(), hour, what: what.to_owned(), n }
    }

    #[test]
    fn each_clinic_and_hour_has_its_own_books() {
        let told = [
            line("a", 0, "received", 3),
            line("a", 0, "event-refused", 1),
            line("b", 0, "received", 2),
            line("a", HOUR_MS, "fact-applied", 1),
            line("a", HOUR_MS, "fact-refused", 1),
        ];
        let rows = [
            line("a", 0, "accepted", 2),
            line("a", 0, "waiting", 1),
            line("a", 0, "dead-lettered", 1),
            line("b", 0, "accepted", 1),
            line("a", HOUR_MS, "dead-lettered", 1),
        ];
        let facts = [line("a", HOUR_MS, "applied", 1)];
        let books = compare(&told, &rows, &facts);
        let seen: Vec<_> =
            books.iter().map(|b| (b.clinic.as_str(), b.hour, b.gap(), b.balances())).collect();
        assert_eq!(seen, [("a", 0, 0, true), ("b", 0, 1, false), ("a", HOUR_MS, 0, true)]);
        assert_eq!((books[0].received, books[0].open()), (4, 1));
        assert_eq!(books[2].facts.gap(), 0);
        assert_eq!(books[2].facts.received, 2);
    }

    #[test]
    fn a_row_in_a_state_that_nobody_knows_is_a_gap() {
        let books = compare(&[line("a", 0, "received", 1)], &[line("a", 0, "lost", 1)], &[]);
        assert_eq!(books[0].gap(), 1);
    }

    proptest! {
        /// Whatever is taken away from, or added to, one clinic's hour shows there and nowhere else.
        #[test]
        fn a_difference_shows_where_it_is(
            counts in proptest::collection::vec((0..4_i64, 0..3_usize, 0..State::ALL.len(), 1..50_i64), 1..40),
            at in 0..40_usize,
            wrong in prop_oneof![-20..0_i64, 1..20_i64],
        ) {
            let clinics = ["a", "b", "c"];
            let rows: Vec<Line> = counts
                .iter()
                .map(|(hour, clinic, state, n)| {
                    line(clinics[*clinic], hour * HOUR_MS, State::ALL[*state].as_str(), *n)
                })
                .collect();
            let mut told: Vec<Line> =
                rows.iter().map(|row| Line { what: "received".to_owned(), ..row.clone() }).collect();
            prop_assert!(compare(&told, &rows, &[]).iter().all(HourBooks::balances));
            let at = at % told.len();
            told[at].n += wrong;
            let (clinic, hour) = (told[at].clinic.clone(), told[at].hour);
            for books in compare(&told, &rows, &[]) {
                let here = books.clinic == clinic && books.hour == hour;
                prop_assert_eq!(books.gap(), if here { wrong } else { 0 });
            }
        }
    }
}
