//! The trace of the clinic's own systems that a fact or an event belongs to, in the lines of the log about it.

use schemas::trace::TraceParent;
use tracing::Span;

/// What lines about it carry, by the `traceparent` that came with it; nothing, and at hardly a cost, without one or with one that is
/// not well-formed.
pub(crate) fn span(traceparent: Option<&str>) -> Span {
    match traceparent.and_then(TraceParent::parse) {
        // of the highest level, so that no level of the log leaves it out where it has a line
        Some(trace) => tracing::error_span!("message", trace_id = %trace.trace_id()),
        None => Span::none(),
    }
}
