//! Messages in work.

use crate::book::{Book, Counters, Gauges, Histograms, Labels, replace};
use crate::cells::{One, Times, Words};
use crate::events::short;
use futures::FutureExt as _;
use prometheus_client::metrics::gauge::Gauge;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// A stage of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Schema, identity, delivery rule, and reading what surrounds it.
    Validate,
    /// The decision with the consent answer that it waits for.
    Consent,
    /// The text.
    Render,
    /// The wait for a place in the lane's pace.
    Permit,
    /// The claim.
    Claim,
    /// The request to the provider, with the connection it waits for.
    Send,
    /// The outcome's write.
    Record,
    /// From the message's place in work to its end.
    Whole,
}

impl Stage {
    const ALL: [Self; 8] = [
        Self::Validate,
        Self::Consent,
        Self::Render,
        Self::Permit,
        Self::Claim,
        Self::Send,
        Self::Record,
        Self::Whole,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Validate => "validate",
            Self::Consent => "consent",
            Self::Render => "render",
            Self::Permit => "permit",
            Self::Claim => "claim",
            Self::Send => "send",
            Self::Record => "record",
            Self::Whole => "whole",
        }
    }
}

/// Stages, places, consent.
#[derive(Debug)]
pub struct Work {
    stages: Histograms,
    /// By [`Stage`], made at the first use.
    times: [OnceLock<Times>; Stage::ALL.len()],
    in_flight: OnceLock<Gauge<f64, AtomicU64>>,
    in_flight_family: Gauges,
    limit: Gauges,
    answers: Vec<(&'static str, Words)>,
    age: Histograms,
    age_cell: OnceLock<Times>,
    panics: One,
    stopped: Gauges,
    /// Of whom it was shown last.
    stopped_of: Mutex<Vec<Labels>>,
}

impl Work {
    pub(crate) fn new(book: &mut Book) -> Self {
        let stages = book.histogram(
            "ulak_stage_duration_seconds",
            &["stage"],
            "Time of each run through a stage of the pipeline: validate (with its reads), consent (with the decision), render, permit (the wait for the lane's pace), claim, send (the provider's answer), record; whole is all of a message, from its place in work to its end.",
        );
        let in_flight_family =
            book.gauge("ulak_in_flight", &[], "Messages that have their place in work now.");
        let limit = book.gauge("ulak_in_flight_limit", &[], "Places in work (`worker.in_flight`).");
        let answers = book.counter(
            "ulak_consent_answers_total",
            &["source", "answer"],
            "Answers of the consent source by what they say: listed, not-listed, onay, ret, no-record …; silent if there was none, later if it may not be asked now.",
        );
        let age = book.histogram(
            "ulak_consent_age_seconds",
            &[],
            "Age of the consent answer when its message was claimed.",
        );
        let panics = book.counter(
            "ulak_handler_failures_total",
            &[],
            "Runs of a message that ended in a panic or in a write that the ledger refuses. After the second one it is parked.",
        );
        let stopped = book.gauge(
            "ulak_consent_stopped_ratio",
            &["clinic", "type"],
            "Share of a clinic's messages of a type that stop for lack of consent in this hour and process, where it is above 30 % of at least 20; each is an alert `no-consent`. 0 without a clinic: none.",
        );
        let of = |source: &'static str| {
            let labels: Labels = vec![("source", source.to_owned())];
            (source, Words::new(&answers, labels, "answer", 16))
        };
        Self {
            stages,
            times: Default::default(),
            in_flight: OnceLock::new(),
            in_flight_family,
            limit,
            answers: ["iys", "netgsm", "registry"].map(of).into(),
            age,
            age_cell: OnceLock::new(),
            panics: one(&panics),
            stopped,
            stopped_of: Mutex::default(),
        }
    }

    /// Of which clinics and types more stops for lack of consent than should: each with its share.
    pub fn consent_stops(&self, over: &[(String, String, f64)]) {
        let clinic = |clinic: &str, event_type: &str| -> Labels {
            vec![("clinic", clinic.to_owned()), ("type", short(event_type).to_owned())]
        };
        let mut values: Vec<(Labels, f64)> =
            over.iter().map(|(of, kind, share)| (clinic(of, kind), *share)).collect();
        if values.is_empty() {
            values.push((clinic("", ""), 0.0));
        }
        let mut known = self.stopped_of.lock().unwrap_or_else(PoisonError::into_inner);
        replace(&self.stopped, &mut known, values);
    }

    /// A stage took so long.
    pub fn took(&self, stage: Stage, time: Duration) {
        let labels = || vec![("stage", stage.as_str().to_owned())];
        let cell = &self.times[stage as usize];
        cell.get_or_init(|| self.stages.get_or_create_owned(&labels())).took(time);
    }

    /// Measures a stage until the timer is dropped.
    pub fn time(&self, stage: Stage) -> Timer<'_> {
        Timer { work: self, stage, began: Instant::now() }
    }

    /// Does a stage and measures it.
    pub fn of<T>(&self, stage: Stage, done: impl FnOnce() -> T) -> T {
        let _timer = self.time(stage);
        done()
    }

    /// Waits for a stage and measures it, from this call on. No `async fn`: that would keep two places for the stage in whatever each
    /// message carries along.
    pub fn timed<T>(&self, stage: Stage, done: impl Future<Output = T>) -> impl Future<Output = T> {
        let timer = self.time(stage);
        done.map(move |done| {
            drop(timer);
            done
        })
    }

    /// A message has its place in work, until the value is dropped.
    pub fn begin(&self) -> InFlight<'_> {
        let gauge = self.gauge();
        gauge.inc();
        InFlight { gauge, _whole: self.time(Stage::Whole) }
    }

    /// How many have their place in work now.
    pub fn in_flight(&self) -> usize {
        self.gauge().get() as usize
    }

    fn gauge(&self) -> &Gauge<f64, AtomicU64> {
        self.in_flight.get_or_init(|| self.in_flight_family.get_or_create_owned(&vec![]))
    }

    /// How many places there are.
    pub fn has_places(&self, places: usize) {
        self.gauge();
        self.limit.get_or_create(&vec![]).set(places as f64);
    }

    /// The consent source answered, or did not.
    pub fn consent(&self, source: &str, answer: &str) {
        if let Some((_, words)) = self.answers.iter().find(|(name, _)| *name == source) {
            words.count(answer);
        }
    }

    /// A message was claimed on a consent answer of this age.
    pub fn consent_age(&self, age: Duration) {
        self.age_cell.get_or_init(|| self.age.get_or_create_owned(&vec![])).took(age);
    }

    /// A run of a message failed.
    pub fn failed(&self) {
        self.panics.count();
    }
}

fn one(family: &Counters) -> One {
    One::new(family, vec![]).shown_at_zero()
}

/// Measures until it is dropped.
#[derive(Debug)]
pub struct Timer<'a> {
    work: &'a Work,
    stage: Stage,
    began: Instant,
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.work.took(self.stage, self.began.elapsed());
    }
}

/// A message in work.
#[derive(Debug)]
pub struct InFlight<'a> {
    gauge: &'a Gauge<f64, AtomicU64>,
    _whole: Timer<'a>,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_where_their_number_says() {
        for (n, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage as usize, n);
        }
    }

    #[test]
    fn counting_more_messages_of_a_kind_makes_nothing_new() {
        let metrics = crate::Metrics::new(["ulak.payment-receipt.v1"]);
        metrics.sends.has_accounts([("netgsm", "default")]);
        let message = || {
            let _in_flight = metrics.work.begin();
            for stage in Stage::ALL {
                metrics.work.took(stage, Duration::from_millis(2));
            }
            metrics.work.consent("iys", "listed");
            metrics.work.consent_age(Duration::from_millis(20));
            metrics.events.received("ulak.payment-receipt.v1");
            metrics.events.ended("ulak.payment-receipt.v1", "accepted", "provider");
            metrics.sends.attempt("netgsm", "default", "accepted", "netgsm:00", 1);
        };
        let series = || {
            let text = metrics.text();
            let names = text.lines().filter(|line| !line.starts_with('#'));
            names.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect::<Vec<_>>()
        };
        message();
        let first = series();
        assert!(first.len() > Stage::ALL.len(), "{first:?}");
        for _ in 0..10_000 {
            message();
        }
        assert_eq!(series(), first, "what is counted has its place after the first message");
        assert!(metrics.text().contains("ulak_in_flight{} 0"), "{}", metrics.text());
    }
}
