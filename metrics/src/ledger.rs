//! The ledger as the one scheduler sees it that looks after it: told by that process alone, so nothing is told twice.

use crate::book::{Book, Counters, Gauges, Labels, replace};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What is due, and what is outside the ledger, of one lane and state.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    /// The lane.
    pub lane: String,
    /// The state.
    pub state: &'static str,
    /// Rows whose time has come.
    pub due: i64,
    /// For how long the oldest of them has been due, seconds.
    pub oldest_s: f64,
    /// Rows that are outside the ledger or were: released, sending, unknown.
    pub outside: i64,
}

/// A lane that is, or was, in trouble.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneNow {
    /// The lane.
    pub lane: String,
    /// `open`, `closed`, `trying`; `paused` if a person closed it.
    pub state: &'static str,
    /// Rows that may be outside while it is being tried.
    pub width: Option<i64>,
    /// Probes since it closed.
    pub probes: i64,
}

/// What the check of the books knows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BooksNow {
    /// Clinics whose hours do not balance, and by how many events in all.
    pub gaps: Vec<(String, i64)>,
    /// Notifications with something wrong, by what it is.
    pub faults: Vec<(&'static str, i64)>,
    /// Groups of rows that are overdue by far, by state.
    pub stuck: Vec<(&'static str, i64)>,
}

/// Everything that the one who looks after the ledger tells.
#[derive(Debug)]
pub struct LedgerState {
    held: Gauges,
    due: Gauges,
    oldest: Gauges,
    outside: Gauges,
    lanes: Gauges,
    width: Gauges,
    probes: Gauges,
    gap: Gauges,
    faults: Gauges,
    stuck: Gauges,
    counted: Counters,
    checked: Counters,
    moved: Counters,
    reconciled: Counters,
    parked: Gauges,
    facts_age: Gauges,
    /// Up to when facts are applied, milliseconds; [`i64::MIN`]: this process does not know.
    facts_at: AtomicI64,
    known: Mutex<Vec<Vec<Labels>>>,
}

impl LedgerState {
    pub(crate) fn new(book: &mut Book) -> Self {
        let lane_state: &[&str] = &["lane", "state"];
        Self {
            held: book.gauge("ulak_books_holder", &[], "1 while this process compares the books; the metrics about backlog, lanes and books come from it alone."),
            due: book.gauge("ulak_due_rows", lane_state, "Notifications whose time has come and that have not moved on; of each lane, state and clinic counted up to 10,000."),
            oldest: book.gauge("ulak_due_oldest_age_seconds", lane_state, "For how long the oldest of them has been due."),
            outside: book.gauge("ulak_outside_rows", lane_state, "Notifications that are released, sending (open leases) or unknown; counted as ulak_due_rows."),
            lanes: book.gauge("ulak_lane_state", lane_state, "1 for the state that the lane is in: open, closed, trying, paused. Lanes that never were in trouble are left out."),
            width: book.gauge("ulak_lane_width_rows", &["lane"], "Rows that may be outside while the lane is being tried."),
            probes: book.gauge("ulak_lane_probes", &["lane"], "Probes of the lane since it closed."),
            gap: book.gauge("ulak_books_gap_events", &["clinic"], "Events that are missing in the books (or too many) of the clinic's hours that do not balance; each hour is an alert `books-gap`. 0 without a clinic: none."),
            faults: book.gauge("ulak_books_faults", &["what"], "Notifications whose row, due time or attempts are not what their records say; each is an alert `books-gap`."),
            stuck: book.gauge("ulak_stuck_groups", &["state"], "Lanes and clinics whose oldest row of this state is overdue by far; each is an alert `stuck`."),
            counted: book.counter("ulak_books_counted_records_total", &[], "Records that the books have gone over."),
            checked: book.counter("ulak_books_checked_rows_total", &[], "Notifications that were compared with their records."),
            moved: book.counter("ulak_swept_rows_total", &["from", "to"], "Rows that the passing of time moved: releases, leases that ran out, expiry. Told by every scheduler of what it moved."),
            reconciled: book.counter("ulak_reconciliation_total", &["account", "what"], "What reconciliation did for an account: looks at unknown attempts, found, absent (looks that showed absence), resent, unresolved, queries to the provider, queries_refused. How many are unknown now: ulak_outside_rows."),
            parked: book.gauge("ulak_dead_letters_unhandled", &[], "Dead letters that nobody has put back, taken in or dropped, as far as records are counted."),
            facts_age: book.gauge("ulak_facts_age_seconds", &[], "How far the facts that are applied are behind what clinics have published: the age of the newest marker that came back through ulak.facts. One is sent every 2 s; at 10 s messages about visits begin to wait, after 5 min they go out all the same. Told by every scheduler with a broker."),
            facts_at: AtomicI64::new(i64::MIN),
            known: Mutex::default(),
        }
    }

    /// Facts are applied up to then, milliseconds since 1970 UTC.
    pub fn facts_are_current(&self, at_ms: i64) {
        self.facts_at.store(at_ms, Ordering::Relaxed);
    }

    /// Shows how old they are at `now_ms`, where this process knows it.
    pub fn show_facts_age(&self, now_ms: i64) {
        let at = self.facts_at.load(Ordering::Relaxed);
        if at != i64::MIN {
            let age = now_ms.saturating_sub(at).max(0) as f64 / 1_000.0;
            self.facts_age.get_or_create(&vec![]).set(age);
        }
    }

    /// Dead letters that nobody has looked after.
    pub fn now_parked(&self, unhandled: i64) {
        self.set(9, &self.parked, vec![(vec![], unhandled as f64)]);
    }

    fn set(&self, place: usize, family: &Gauges, values: Vec<(Labels, f64)>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() <= place {
            known.resize_with(place + 1, Vec::new);
        }
        replace(family, &mut known[place], values);
    }

    /// This process looks after the ledger, or another one does: then it tells nothing of it.
    pub fn holds(&self, held: bool) {
        self.held.get_or_create(&vec![]).set(f64::from(u8::from(held)));
        if !held {
            self.now_due(&[]);
            self.now_lanes(&[]);
            let theirs = [(6, &self.gap), (7, &self.faults), (8, &self.stuck), (9, &self.parked)];
            for (place, family) in theirs {
                self.set(place, family, vec![]);
            }
        }
    }

    /// What is due and outside.
    pub fn now_due(&self, due: &[Due]) {
        let labels = |of: &Due| -> Labels {
            vec![("lane", of.lane.clone()), ("state", of.state.to_owned())]
        };
        let all = |value: fn(&Due) -> f64| due.iter().map(|of| (labels(of), value(of))).collect();
        self.set(0, &self.due, all(|of| of.due as f64));
        self.set(1, &self.oldest, all(|of| of.oldest_s));
        let outside = due.iter().filter(|of| of.state != "waiting");
        let outside = outside.map(|of| (labels(of), of.outside as f64)).collect();
        self.set(2, &self.outside, outside);
    }

    /// Lanes that are, or were, in trouble.
    pub fn now_lanes(&self, lanes: &[LaneNow]) {
        let lane = |of: &LaneNow| ("lane", of.lane.clone());
        let states = lanes.iter().flat_map(|of| {
            ["open", "closed", "trying", "paused"].map(|state| {
                let labels = vec![lane(of), ("state", state.to_owned())];
                (labels, f64::from(u8::from(state == of.state)))
            })
        });
        self.set(3, &self.lanes, states.collect());
        let width = lanes.iter().filter_map(|of| Some((vec![lane(of)], of.width? as f64)));
        self.set(4, &self.width, width.collect());
        let probes = lanes.iter().map(|of| (vec![lane(of)], of.probes as f64));
        self.set(5, &self.probes, probes.collect());
    }

    /// How the books stand.
    pub fn now_books(&self, books: &BooksNow) {
        let mut gaps: Vec<(Labels, f64)> = vec![];
        for (clinic, gap) in &books.gaps {
            gaps.push((vec![("clinic", clinic.clone())], *gap as f64));
        }
        if gaps.is_empty() {
            gaps.push((vec![("clinic", String::new())], 0.0));
        }
        self.set(6, &self.gap, gaps);
        let of = |label: &'static str, values: &[(&'static str, i64)]| {
            let value =
                |(what, n): &(&'static str, i64)| (vec![(label, (*what).to_owned())], *n as f64);
            values.iter().map(value).collect()
        };
        self.set(7, &self.faults, of("what", &books.faults));
        self.set(8, &self.stuck, of("state", &books.stuck));
    }

    /// So many records were counted.
    pub fn counted(&self, records: u64) {
        self.counted.get_or_create(&vec![]).inc_by(records);
    }

    /// So many notifications were compared with their records.
    pub fn checked(&self, rows: u64) {
        self.checked.get_or_create(&vec![]).inc_by(rows);
    }

    /// Time moved a row.
    pub fn swept(&self, from: &'static str, to: &'static str) {
        let labels = vec![("from", from.to_owned()), ("to", to.to_owned())];
        self.moved.get_or_create(&labels).inc();
    }

    /// What reconciliation did for an account since the start.
    pub fn now_reconciled(&self, account: &str, counts: &[(&'static str, u64)]) {
        for (what, n) in counts {
            let labels = vec![("account", account.to_owned()), ("what", (*what).to_owned())];
            self.reconciled.get_or_create(&labels).inner().store(*n, Ordering::Relaxed);
        }
    }
}
