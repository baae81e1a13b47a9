//! What became of each event at the door, in the lines of the log: with the trace of the clinic's own systems that it belongs to.

use ledger::door::Taken;
use ledger::facts::{Done, Told};
use schemas::trace::TraceParent;
use schemas::{Refusal, Rule};
use serde::Deserialize;
use tracing::Span;

/// What lines about a request's items carry, by the header `traceparent`; nothing without one, or with one that is not well-formed.
pub(crate) fn span(traceparent: Option<&str>) -> Span {
    span_of(traceparent.and_then(TraceParent::parse))
}

fn span_of(trace: Option<TraceParent>) -> Span {
    match trace {
        // of the highest level, so that no level of the log leaves it out where it has a line
        Some(trace) => tracing::error_span!("message", trace_id = %trace.trace_id()),
        None => Span::none(),
    }
}

/// An item that no rule accepts, by what it says itself of its trace. The place and the rule, never a value.
pub(crate) fn refused(clinic: &str, index: usize, item: &[u8], refusal: &Refusal) {
    #[derive(Default, Deserialize)]
    struct Own {
        #[serde(default)]
        traceparent: serde_json::Value,
    }
    let own: Own = serde_json::from_slice(item).unwrap_or_default();
    span(own.traceparent.as_str()).in_scope(|| said(clinic, index, refusal));
}

fn said(clinic: &str, index: usize, refusal: &Refusal) {
    let (rule, path) = (refusal.rule.as_str(), &refusal.path);
    tracing::warn!(clinic, index, rule, path, "event refused at the door");
}

/// Items that were read, and what became of each. Where one of them is refused, nothing of the others was kept.
pub(crate) fn told<'a>(
    clinic: &str,
    names: impl Iterator<Item = (Option<TraceParent>, &'a str)>,
    done: &[Done],
) {
    let kept = !done.iter().any(Done::is_refused);
    for (index, ((trace, id), done)) in names.zip(done).enumerate() {
        let span = span_of(trace);
        span.in_scope(|| match done {
            Done::Event(Taken::IdReused) => {
                let rule = Rule::IdReused.as_str();
                tracing::warn!(
                    ntf = id,
                    clinic,
                    index,
                    rule,
                    path = "/id",
                    "event refused at the door"
                );
            }
            Done::Fact(Told::Refused(refusal)) => said(clinic, index, refusal),
            Done::Event(taken) if kept => {
                let duplicate = *taken == Taken::Same;
                tracing::debug!(ntf = id, clinic, duplicate, "an event is durable");
            }
            Done::Fact(told) if kept => {
                let duplicate = matches!(told, Told::Duplicate { .. });
                tracing::debug!(fact = id, clinic, duplicate, "a fact is durable");
            }
            Done::Event(_) | Done::Fact(_) => {}
        });
    }
}
