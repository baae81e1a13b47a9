//! The trace that a request belongs to, as the header `traceparent`.
//!
//! It is the task's and not an argument of each client: it changes nothing of what is asked or answered, and a client that knew of it
//! would have to pass it on through every call. A request that is made in another task, such as a job that several messages share,
//! belongs to no single trace and carries none.

use reqwest::header::HeaderValue;
use schemas::trace::TraceParent;
use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static PARENT: Option<HeaderValue>;
}

/// Makes the requests of `work` carry `parent`.
pub fn traced<W: Future>(
    parent: Option<TraceParent>,
    work: W,
) -> TaskLocalFuture<Option<HeaderValue>, W> {
    // hexadecimal digits and dashes always fit
    let parent = parent.and_then(|parent| HeaderValue::try_from(parent.to_string()).ok());
    PARENT.scope(parent, work)
}

/// What a request of this task carries.
pub(crate) fn parent() -> Option<HeaderValue> {
    PARENT.try_with(Clone::clone).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[tokio::test]
    async fn only_what_is_traced_carries_a_parent() {
        let seen = || async { parent().map(|value| value.to_str().unwrap_or("").to_owned()) };
        assert_eq!(seen().await, None);
        assert_eq!(traced(TraceParent::parse(GOOD), seen()).await.as_deref(), Some(GOOD));
        assert_eq!(traced(None, seen()).await, None);
        let inner = traced(None, seen());
        assert_eq!(traced(TraceParent::parse(GOOD), inner).await, None, "the inner one counts");
    }
}
