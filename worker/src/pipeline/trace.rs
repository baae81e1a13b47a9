//! The trace of the clinic's own systems that an event belongs to: in the lines of the log, and towards the provider.

use super::validate::Work;
use schemas::trace::{SpanId, TraceParent};
use tracing::Span;

/// What lines about this message carry; nothing, and at hardly a cost, where its event came without a trace.
pub fn span(work: &Work<'_>) -> Span {
    span_of(work.trace)
}

/// The same of a message that was not read: by what came beside it.
pub fn span_beside(traceparent: Option<&str>) -> Span {
    span_of(traceparent.and_then(TraceParent::parse))
}

fn span_of(trace: Option<TraceParent>) -> Span {
    match trace {
        // of the highest level, so that no level of the log leaves it out where it has a line
        Some(trace) => tracing::error_span!("message", trace_id = %trace.trace_id()),
        None => Span::none(),
    }
}

/// What the provider is told with an attempt: the trace, with the attempt as the parent of what it does.
pub fn of_attempt(work: &Work<'_>, n: u32) -> Option<TraceParent> {
    Some(work.trace?.with_span(SpanId::named(&work.ntf, n.into())))
}
