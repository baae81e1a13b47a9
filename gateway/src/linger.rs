//! The rest of a body that nobody wants: it is read for a while beside the answer. A connection that is closed while bytes lie in it
//! unread is reset, and the caller loses the answer that says what was wrong.

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::EXPECT;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::runtime::Handle;

/// Most that is read of a body that nobody wants, bytes: ten megabytes still get their answer.
const AT_MOST: usize = 12 * 1024 * 1024;
/// How long it is read.
const WITHIN: Duration = Duration::from_secs(2);

/// A body whose rest is read when it is dropped.
struct Lingering {
    body: Body,
    /// The caller sends it without being asked to, or was asked.
    comes: bool,
}

/// Lets the rest of a body come.
pub(crate) fn linger(headers: &HeaderMap, body: Body) -> Body {
    // whoever waits for `100 Continue` sends nothing before the body is read
    Body::new(Lingering { body, comes: !headers.contains_key(EXPECT) })
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.comes = true;
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            // over, or cut off: nothing more comes
            self.comes = false;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if self.comes
            && !self.body.is_end_stream()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(drain(std::mem::take(&mut self.body)));
        }
    }
}

async fn drain(mut body: Body) {
    let read = async {
        let mut left = AT_MOST;
        while let Some(Ok(frame)) = body.frame().await {
            let read = frame.data_ref().map_or(0, Bytes::len);
            let Some(rest) = left.checked_sub(read) else { return };
            left = rest;
        }
    };
    // what takes longer is not worth its place
    let _ = tokio::time::timeout(WITHIN, read).await;
}
