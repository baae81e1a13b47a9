//! Attempts as spans of the clinic's trace, for whoever exports them. Only those of a trace that its beginner records.

use crate::pipeline::route::Route;
use crate::pipeline::validate::Work;
use crate::worker::Worker;
use chrono::{DateTime, Utc};
use providers::Outcome;
use schemas::trace::TraceParent;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// An attempt that has ended. It names no person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The trace with the attempt as its span.
    pub trace: TraceParent,
    /// What it is a part of: the span that the event came with.
    pub parent: TraceParent,
    /// The notification.
    pub ntf: String,
    /// Its clinic.
    pub clinic: String,
    /// Its lane.
    pub lane: String,
    /// Number of the attempt.
    pub attempt: u32,
    /// What became of it: `accepted`, `refused`, `failed`, `unknown`.
    pub outcome: &'static str,
    /// The provider's code, or ours.
    pub code: String,
    /// When it ended, by the ledger's clock.
    pub ended: DateTime<Utc>,
    /// How long it took, from the wait for its place to the answer.
    pub took: Duration,
}

/// Where spans go; by default nowhere.
#[derive(Debug, Default)]
pub struct Spans(Option<mpsc::Sender<Finished>>);

impl Spans {
    /// They go there. What finds no room is dropped: a trace is no record.
    pub fn to(exporter: mpsc::Sender<Finished>) -> Self {
        Self(Some(exporter))
    }

    /// An attempt begins; `None`: nobody wants to know of it.
    pub fn begins(&self, work: &Work<'_>) -> Option<Instant> {
        self.0.as_ref()?;
        work.trace?.is_sampled().then(Instant::now)
    }
}

/// An attempt that began so has its answer.
pub fn ended(
    worker: &Worker,
    (work, route): (&Work<'_>, &Route<'_>),
    n: u32,
    outcome: &Outcome,
    began: Option<Instant>,
) {
    let (Some(exporter), Some(began), Some(parent)) = (&worker.spans.0, began, work.trace) else {
        return;
    };
    let Some(trace) = crate::pipeline::of_attempt(work, n) else { return };
    let (word, code) = crate::measure::word_and_code(outcome);
    let finished = Finished {
        trace,
        parent,
        ntf: work.ntf.clone(),
        clinic: work.event.clinic.as_str().to_owned(),
        lane: route.lane.name.clone(),
        attempt: n,
        outcome: word,
        code: code.to_owned(),
        ended: worker.ledger.clock().now(),
        took: began.elapsed(),
    };
    let _ = exporter.try_send(finished);
}
