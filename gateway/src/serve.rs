//! The accept loop: how many connections there may be, how slow they may be, how old they get, how they end.

mod written;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use written::{Counted, Written};

/// Connections at a time; further ones wait in the system's queue.
const CONNECTIONS: usize = 1_024;
/// How long headers may take to arrive, and how long a connection may be idle between requests.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);
/// The same for connections that come while more than half of the places are taken: whoever asks for `/healthz` gets one of them soon.
const HEADERS_WITHIN_A_CROWD: Duration = Duration::from_secs(5);
/// Largest request line and headers, bytes.
const HEADERS_AT_MOST: usize = 16 * 1024;
/// A connection takes no further request after so long.
const OLDEST: Duration = Duration::from_mins(5);
/// How long a connection may go on with what it has begun when it is too old: the longest wait for outcomes and a slow line. It has
/// so long again as often as [`AT_LEAST`] was taken of its answer meanwhile, or all of what there was: a large export is not cut, and a
/// caller that reads a byte a minute holds its place no longer than this and [`OLDEST`].
const FINISH: Duration = Duration::from_secs(90);
/// How old a connection gets.
#[derive(Debug, Clone, Copy)]
struct Age {
    oldest: Duration,
    finish: Duration,
}

const AGE: Age = Age { oldest: OLDEST, finish: FINISH };
/// Least that is taken of an answer within [`FINISH`], bytes: less than a modem's line carries.
const AT_LEAST: u64 = 64 * 1024;
/// The same for a connection that is in no request when the process stops: an answer may be on its way.
const LAST_ANSWER: Duration = Duration::from_secs(3);
/// Pause when no connection can be taken: no file descriptor is left.
const BREATH: Duration = Duration::from_millis(50);

/// Who is at the other end of a connection: an extension of every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub IpAddr);

/// Serves `router` until `stop`; then every request that has begun has `finish` to end, and what has not ended by then is dropped.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    finish: Duration,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        // the place first: whom we cannot serve we do not take from the queue
        let taken = async {
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = stop.cancelled() => break,
            taken = taken => taken,
        };
        match accepted {
            Ok((stream, peer)) => {
                let headers = headers_within(places.available_permits());
                let (from, ends) = (Peer(peer.ip()), (stop.clone(), finish));
                let serving = connection((stream, from), router.clone(), headers, ends);
                connections.spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

fn headers_within(free: usize) -> Duration {
    if free < CONNECTIONS / 2 { HEADERS_WITHIN_A_CROWD } else { HEADERS_WITHIN }
}

/// What a connection has come to.
#[derive(Clone, Default)]
struct Progress(Arc<AtomicU8>);

impl Progress {
    /// No request has arrived with all of its headers.
    const NOTHING: u8 = 0;
    /// A request is in hand: its body arrives, or it waits for its answer.
    const ASKED: u8 = 1;
    /// The last request has its answer, which may still be on its way.
    const ANSWERED: u8 = 2;

    fn is_now(&self, progress: u8) {
        self.0.store(progress, Ordering::Relaxed);
    }

    /// How long the connection may go on when the process stops.
    fn at_stop(&self, finish: Duration) -> Option<Duration> {
        match self.0.load(Ordering::Relaxed) {
            Self::NOTHING => None,
            Self::ASKED => Some(finish),
            _ => Some(LAST_ANSWER.min(finish)),
        }
    }
}

async fn connection(
    (stream, peer): (TcpStream, Peer),
    router: Router,
    headers: Duration,
    (stop, at_stop): (CancellationToken, Duration),
) {
    // failing to set it costs latency only
    let _ = stream.set_nodelay(true);
    over((stream, peer), router, headers, (stop, at_stop), AGE).await;
}

/// The same over any stream.
async fn over(
    (stream, peer): (impl AsyncRead + AsyncWrite + Unpin, Peer),
    router: Router,
    headers: Duration,
    (stop, at_stop): (CancellationToken, Duration),
    age: Age,
) {
    let (stream, written) = Counted::of(stream);
    let progress = Progress::default();
    let (router, of_requests) = (TowerToHyperService::new(router), progress.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        of_requests.is_now(Progress::ASKED);
        let (answer, progress) = (router.call(request), of_requests.clone());
        async move {
            let answer = answer.await;
            progress.is_now(Progress::ANSWERED);
            answer
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(headers)
        .max_header_size(HEADERS_AT_MOST)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        // a client that goes away or talks nonsense is its own affair
        _ = &mut serving => return,
        () = tokio::time::sleep(age.oldest) => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                _ = &mut serving => return,
                () = stalled(&written, age.finish) => return,
                () = stop.cancelled() => {}
            }
        }
        () = stop.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    if let Some(finish) = progress.at_stop(at_stop) {
        let _ = tokio::time::timeout(finish, serving).await;
    }
}

/// Until too little was taken of the answer for so long.
async fn stalled(written: &Written, finish: Duration) {
    loop {
        let before = written.bytes();
        tokio::time::sleep(finish).await;
        let taken = written.bytes().saturating_sub(before);
        // that the ledger finds rows slowly is not the caller's fault, as long as it finds some
        if taken == 0 || (taken < AT_LEAST && written.waits()) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use std::convert::Infallible;
    use std::time::Instant;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::task::JoinHandle;

    /// Bytes of an answer that has no end of its own.
    const LARGE: usize = 8 * 1024 * 1024;
    const PIECE: usize = 8 * 1024;

    /// A connection that has asked for a large answer, and its task. It is too old at once.
    async fn asked(finish: Duration) -> (DuplexStream, JoinHandle<()>) {
        let pieces = vec![Ok::<_, Infallible>(Bytes::from(vec![b'x'; PIECE])); LARGE / PIECE];
        let answer = move || async move { Body::from_stream(futures::stream::iter(pieces)) };
        of(Router::new().route("/", get(answer)), finish).await
    }

    async fn of(router: Router, finish: Duration) -> (DuplexStream, JoinHandle<()>) {
        let (mut ours, theirs) = duplex(2 * PIECE);
        let peer = Peer(IpAddr::from([127, 0, 0, 1]));
        let (end, age) = ((CancellationToken::new(), finish), Age { oldest: finish / 10, finish });
        ours.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
        let serving = over((theirs, peer), router, HEADERS_WITHIN, end, age);
        (ours, tokio::spawn(serving))
    }

    #[tokio::test]
    async fn an_answer_that_is_taken_steadily_is_not_cut_however_old_its_connection_is() {
        let finish = Duration::from_millis(800);
        let (mut caller, serving) = asked(finish).await;
        let (began, mut read, mut buffer) = (Instant::now(), 0, vec![0; 16 * 1024]);
        loop {
            let n = caller.read(&mut buffer).await.unwrap();
            read += n;
            // the connection is too old for another request, and ends with its answer
            if n == 0 {
                break;
            }
            // many times as much as it must be, for several times as long as it may stand still
            if began.elapsed() < finish * 4 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        assert!(read > LARGE, "{read} of more than {LARGE}");
        assert!(began.elapsed() > finish * 3, "it was not slow: {:?}", began.elapsed());
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn an_answer_that_is_slow_to_find_is_not_cut() {
        let finish = Duration::from_millis(800);
        let answer = move || async move {
            let slow = futures::stream::unfold(0, move |n| async move {
                tokio::time::sleep(finish / 8).await;
                (n < 32).then(|| (Ok::<_, Infallible>(Bytes::from_static(b"a row\n")), n + 1))
            });
            Body::from_stream(slow)
        };
        let (mut caller, serving) = of(Router::new().route("/", get(answer)), finish).await;
        let mut said = String::new();
        caller.read_to_string(&mut said).await.unwrap();
        assert_eq!(said.matches("a row").count(), 32);
        assert!(said.ends_with("0\r\n\r\n"), "{said}");
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn an_answer_of_which_nobody_takes_more_is_cut() {
        let finish = Duration::from_millis(200);
        for drop_by_drop in [false, true] {
            let (mut caller, serving) = asked(finish).await;
            let mut read = 0;
            while drop_by_drop && !serving.is_finished() {
                // a few bytes now and then are no progress
                read += caller.read(&mut [0; 16]).await.unwrap();
                tokio::time::sleep(finish / 20).await;
            }
            // nothing else ends it
            tokio::time::timeout(Duration::from_mins(1), serving).await.unwrap().unwrap();
            assert!(read < LARGE / 2, "{read}");
        }
    }

    #[test]
    fn headers_have_less_time_while_more_than_half_of_the_places_are_taken() {
        assert_eq!(headers_within(CONNECTIONS), HEADERS_WITHIN);
        assert_eq!(headers_within(CONNECTIONS / 2), HEADERS_WITHIN);
        assert_eq!(headers_within(CONNECTIONS / 2 - 1), HEADERS_WITHIN_A_CROWD);
        assert_eq!(headers_within(0), HEADERS_WITHIN_A_CROWD);
    }
}
