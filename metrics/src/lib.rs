//! What Ulak measures of itself: every metric of every process with its name, type, labels and meaning, in one place.
//!
//! The table in `docs/metrics.md` is made from here ([`table`]) and a test compares them. A process has one [`Metrics`]; what it never
//! touches is not shown. Labels are bounded and hold no personal data: types, states, rules, reasons, accounts, lanes and codes, never
//! an id, a name or a number; a clinic only where a gap in its books is told.
//!
//! On the way of a message nothing is locked, formatted or allocated: what is counted there was made at its first use.

mod book;
mod cells;
mod costs;
mod events;
mod ledger;
mod price;
mod process;
mod receipts;
mod sends;
mod work;

pub use book::{About, Kind};
pub use cells::{BUCKETS, Times};
pub use costs::Costs;
pub use events::Events;
pub use ledger::{BooksNow, Due, LaneNow, LedgerState};
pub use price::{Currency, MICROS, Price, Prices};
pub use process::{Link, Process};
pub use receipts::Receipts;
pub use sends::{Account, Sends};
pub use work::{InFlight, Stage, Timer, Work};

use book::Book;
use std::sync::Arc;

/// All metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    book: Book,
    /// Events and notifications: what came in and how it ended.
    pub events: Events,
    /// Messages in work: stages, places, consent.
    pub work: Work,
    /// What providers were asked and said.
    pub sends: Sends,
    /// What accepted messages cost.
    pub costs: Costs,
    /// What became of accepted messages.
    pub receipts: Receipts,
    /// The ledger as the scheduler that looks after it sees it: backlog, lanes, books, reconciliation.
    pub ledger: LedgerState,
    /// The process itself: build, broker, ledger.
    pub process: Process,
}

impl Metrics {
    /// Of a process that knows these event types; all others count as `other`.
    pub fn new<'a>(types: impl IntoIterator<Item = &'a str>) -> Arc<Self> {
        let mut book = Book::default();
        let events = Events::new(&mut book, types);
        let work = Work::new(&mut book);
        let sends = Sends::new(&mut book);
        let costs = Costs::new(&mut book);
        let receipts = Receipts::new(&mut book);
        let ledger = LedgerState::new(&mut book);
        let process = Process::new(&mut book);
        Arc::new(Self { book, events, work, sends, costs, receipts, ledger, process })
    }

    /// Prometheus text, format 0.0.4.
    pub fn text(&self) -> String {
        self.book.text()
    }

    /// What there is to measure.
    pub fn about(&self) -> &[About] {
        self.book.about()
    }
}

/// The table of `docs/metrics.md`.
pub fn table() -> String {
    let metrics = Metrics::new([]);
    let mut lines =
        vec!["| name | type | labels | meaning |".to_owned(), "|---|---|---|---|".to_owned()];
    lines.extend(metrics.about().iter().map(About::line));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_table() {
        let document = include_str!("../../docs/metrics.md");
        let table = table();
        assert!(document.contains(&table), "put this into docs/metrics.md:\n{table}");
    }

    #[test]
    fn every_metric_has_a_proper_name_a_unit_and_a_meaning() {
        let metrics = Metrics::new([]);
        let mut names: Vec<_> = metrics.about().iter().map(|about| about.name).collect();
        for about in metrics.about() {
            let name = about.name;
            assert!(name.starts_with("ulak_"), "{name}");
            assert!(name.bytes().all(|b| b == b'_' || b.is_ascii_lowercase()), "{name}");
            assert!(about.help.ends_with('.') && about.help.len() > 20, "{name}: {}", about.help);
            assert_eq!(name.ends_with("_total"), about.kind == Kind::Counter, "{name}");
            assert!(about.kind != Kind::Histogram || name.ends_with("_seconds"), "{name}");
        }
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "a name is taken twice");
    }

    #[test]
    fn what_is_counted_is_told_in_the_text_format_of_prometheus() {
        let metrics = Metrics::new(["ulak.payment-receipt.v1"]);
        // what never happened is left out, but for what alerts at its first time
        let zeros = metrics.text();
        let shown: Vec<_> = zeros.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(shown.iter().all(|line| line.ends_with(" 0")), "{zeros}");
        for name in ["ulak_sent_twice_total", "ulak_handler_failures_total"] {
            assert!(shown.iter().any(|line| line.starts_with(name)), "{name} is not in\n{zeros}");
        }
        assert!(zeros.contains("{provider=\"netgsm\",why=\"contradicts\"} 0"), "{zeros}");
        metrics.events.received("ulak.payment-receipt.v1");
        metrics.events.received("ulak.payment-receipt.v1");
        metrics.events.received("somebody's own");
        metrics.work.took(Stage::Claim, std::time::Duration::from_millis(3));
        let late = std::time::Duration::from_secs(7);
        metrics.sends.accepted_after("netgsm/default/KLİNİK 1", late);
        let text = metrics.text();
        let lines: Vec<&str> = text.lines().collect();
        for line in [
            "# TYPE ulak_events_received_total counter",
            "ulak_events_received_total{type=\"payment-receipt\"} 2",
            "ulak_events_received_total{type=\"other\"} 1",
            "# TYPE ulak_stage_duration_seconds histogram",
            "ulak_stage_duration_seconds_bucket{le=\"0.0025\",stage=\"claim\"} 0",
            "ulak_stage_duration_seconds_bucket{le=\"0.005\",stage=\"claim\"} 1",
            "ulak_stage_duration_seconds_bucket{le=\"+Inf\",stage=\"claim\"} 1",
            "ulak_stage_duration_seconds_count{stage=\"claim\"} 1",
            "ulak_acceptance_delay_seconds_bucket{le=\"10.0\",lane=\"netgsm/default/KLİNİK 1\"} 1",
            "ulak_acceptance_delay_seconds_bucket{le=\"5.0\",lane=\"netgsm/default/KLİNİK 1\"} 0",
        ] {
            assert!(lines.contains(&line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("EOF") && !text.contains("somebody"), "{text}");
        assert_eq!(text.matches("# HELP ulak_events_received_total ").count(), 1);
    }

    #[test]
    fn lanes_are_told_apart_up_to_a_number_and_lose_nobody() {
        let metrics = Metrics::new([]);
        for n in 0..60 {
            let lane = format!("netgsm/default/S{n}");
            metrics.sends.accepted_after(&lane, std::time::Duration::from_secs(1));
        }
        let text = metrics.text();
        let counts: Vec<(&str, u64)> = text
            .lines()
            .filter(|line| line.starts_with("ulak_acceptance_delay_seconds_count"))
            .filter_map(|line| line.rsplit_once(' '))
            .filter_map(|(name, n)| Some((name, n.parse().ok()?)))
            .collect();
        assert_eq!(counts.iter().map(|(_, n)| n).sum::<u64>(), 60);
        let other = counts.iter().find(|(name, _)| name.contains("\"other\""));
        assert_eq!((counts.len(), other.map(|(_, n)| *n)), (49, Some(12)));
    }

    #[test]
    fn a_clinic_is_named_only_while_it_is_over_the_line() {
        let metrics = Metrics::new([]);
        let over = [("a".to_owned(), "ulak.payment-receipt.v1".to_owned(), 0.5)];
        metrics.work.consent_stops(&over);
        let named = "ulak_consent_stopped_ratio{clinic=\"a\",type=\"payment-receipt\"} 0.5";
        assert!(metrics.text().contains(named), "{}", metrics.text());
        metrics.work.consent_stops(&[]);
        assert!(!metrics.text().contains("clinic=\"a\""), "{}", metrics.text());
    }

    #[test]
    fn how_old_facts_are_is_told_by_who_knows_it() {
        let metrics = Metrics::new([]);
        metrics.ledger.show_facts_age(50_000);
        assert!(!metrics.text().contains("ulak_facts_age_seconds"));
        metrics.ledger.facts_are_current(40_000);
        metrics.ledger.show_facts_age(52_500);
        assert!(metrics.text().contains("ulak_facts_age_seconds{} 12.5"), "{}", metrics.text());
    }
}
