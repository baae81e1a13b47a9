//! What is counted on the way of a message: found without a lock, made at its first use, and never more of it than there is room.

use crate::book::{Counters, Labels};
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::{MetricType, TypedMetric};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Upper bounds of the buckets, seconds: from a text's rendering to a request's deadline.
pub const BUCKETS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// The same in microseconds.
const BOUNDS_US: [u64; BUCKETS.len()] = {
    let mut bounds = [0; BUCKETS.len()];
    let mut n = 0;
    while n < bounds.len() {
        bounds[n] = (BUCKETS[n] * 1e6) as u64;
        n += 1;
    }
    bounds
};
/// Longest word that becomes a label.
const LONGEST: usize = 40;
/// Stands for words that are too long, or too many.
const OTHER: &str = "other";

/// A histogram of seconds, of atomics alone.
#[derive(Debug, Clone, Default)]
pub struct Times(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// The last one is for what is longer than any bound.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    us: AtomicU64,
}

impl Times {
    /// Counts one more.
    pub fn took(&self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.iter().position(|bound| us <= *bound).unwrap_or(BUCKETS.len());
        self.0.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.0.us.fetch_add(us, Ordering::Relaxed);
    }
}

impl TypedMetric for Times {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Times {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let bounds = BUCKETS.iter().copied().chain([f64::INFINITY]);
        let counts = self.0.buckets.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = self.0.us.load(Ordering::Relaxed) as f64 / 1e6;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

/// A word with its counter, or histogram.
type Known<M> = (Box<str>, M);

/// Counters (or histograms) by a word that is not known before, such as a provider's code: so many of them, and all others together.
#[derive(Debug)]
pub(crate) struct Words<M = Counter> {
    family: Family<Labels, M>,
    label: &'static str,
    fixed: Labels,
    /// Which words are told.
    told: fn(&str) -> bool,
    cells: Box<[OnceLock<Known<M>>]>,
    other: OnceLock<M>,
}

impl Words {
    /// `fixed` stand beside the word on each of them.
    pub fn new(family: &Counters, fixed: Labels, label: &'static str, room: usize) -> Self {
        Self::told_if(is_word, family, fixed, label, room)
    }

    pub fn count(&self, word: &str) {
        self.of(word).inc();
    }
}

impl<M: Clone + Default> Words<M> {
    /// Words that `told` refuses are counted with the others.
    pub fn told_if(
        told: fn(&str) -> bool,
        family: &Family<Labels, M>,
        fixed: Labels,
        label: &'static str,
        room: usize,
    ) -> Self {
        let cells = (0..room).map(|_| OnceLock::new()).collect();
        Self { family: family.clone(), label, fixed, told, cells, other: OnceLock::new() }
    }

    /// The one of this word.
    pub fn of(&self, word: &str) -> &M {
        // whoever was counted before is found without being looked at closely
        for cell in &self.cells {
            match cell.get() {
                Some((known, counter)) if **known == *word => return counter,
                Some(_) => {}
                None => break,
            }
        }
        if (self.told)(word) {
            for cell in &self.cells {
                let (known, counter) = cell.get_or_init(|| (word.into(), self.make(word)));
                if **known == *word {
                    return counter;
                }
            }
        }
        self.other.get_or_init(|| self.make(OTHER))
    }

    fn make(&self, word: &str) -> M {
        let mut labels = self.fixed.clone();
        labels.push((self.label, word.to_owned()));
        self.family.get_or_create_owned(&labels)
    }
}

/// A counter of its own, made at its first use.
#[derive(Debug)]
pub(crate) struct One {
    family: Counters,
    labels: Labels,
    cell: OnceLock<Counter>,
}

impl One {
    pub fn new(family: &Counters, labels: Labels) -> Self {
        Self { family: family.clone(), labels, cell: OnceLock::new() }
    }

    pub fn get(&self) -> &Counter {
        self.cell.get_or_init(|| self.family.get_or_create_owned(&self.labels))
    }

    /// Shows it at 0 before anything was counted: an alert about its first time asks for an increase.
    pub fn shown_at_zero(self) -> Self {
        self.get();
        self
    }

    pub fn count(&self) {
        self.get().inc();
    }
}

/// Words are of our code and of tables of documented codes; what looks like anything else is not told.
fn is_word(word: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b':' | b'_' | b'/' | b'.');
    // a phone number is a run of digits, and no code is that long
    let digits = word.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    !word.is_empty() && word.len() <= LONGEST && digits <= 6 && word.bytes().all(fits)
}

/// The first word of a reason: what comes behind it may name another notification.
pub(crate) fn first_word(why: &str) -> &str {
    why.split([' ', ':']).next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(room: usize) -> Words {
        Words::new(&Counters::default(), vec![], "code", room)
    }

    #[test]
    fn there_are_never_more_words_than_room() {
        let words = words(2);
        for word in ["netgsm:00", "timeout", "http:503", "netgsm:00", "http:500"] {
            words.count(word);
        }
        assert_eq!(words.of("netgsm:00").get(), 2);
        assert_eq!(words.of("timeout").get(), 1);
        assert_eq!(words.of("anything").get(), 2);
        assert_eq!(words.cells.iter().filter(|cell| cell.get().is_some()).count(), 2);
    }

    #[test]
    fn what_may_be_a_number_or_a_name_is_no_label() {
        for wrong in ["905321234567", "+905321234567", "Ayşe", "a b", "", &"x".repeat(41)] {
            assert!(!is_word(wrong), "{wrong}");
        }
        for word in ["netgsm:00", "http:503", "no-consent", "twilio:21211", "netgsm/default"] {
            assert!(is_word(word), "{word}");
        }
        assert_eq!(first_word("superseded by ntf_k5xq"), "superseded");
        assert_eq!(first_word("template: no text"), "template");
    }

    proptest! {
        #[test]
        fn every_word_is_counted_once(said in proptest::collection::vec("[a-z]{0,3}", 0..60)) {
            let words = words(8);
            for word in &said {
                words.count(word);
            }
            let cells = words.cells.iter().filter_map(|cell| cell.get()).map(|(_, c)| c.get());
            let all: u64 = cells.sum::<u64>() + words.other.get().map_or(0, Counter::get);
            prop_assert_eq!(all, said.len() as u64);
        }
    }
}
