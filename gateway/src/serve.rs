//! The accept loop: how many connections there may be, how slow they may be, how old they get, how they end.

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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at a time; further ones wait in the system's queue.
const CONNECTIONS: usize = 1_024;
/// How long headers may take to arrive, and how long a connection may be idle between requests.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);
/// The same for connections that come while more than half of the places are taken: whoever asks for `/healthz` gets one of them soon.
const HEADERS_WITHIN_A_CROWD: Duration = Duration::from_secs(5);
/// Largest request line and headers, bytes.
const HEADERS_AT_MOST: usize = 16 * 1024;
/// A connection takes no further request after so long. A caller that reads its answers a byte a minute holds its place no
/// longer than this and [`FINISH`].
const OLDEST: Duration = Duration::from_mins(5);
/// How long a connection may go on with what it has begun when it is to end: the longest wait for outcomes and a slow line.
const FINISH: Duration = Duration::from_secs(90);
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
        () = tokio::time::sleep(OLDEST) => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                _ = tokio::time::timeout(FINISH, &mut serving) => return,
                () = stop.cancelled() => {}
            }
        }
        () = stop.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    if let Some(finish) = progress.at_stop(at_stop) {
        let _ = tokio::time::timeout(finish, serving).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_less_time_while_more_than_half_of_the_places_are_taken() {
        assert_eq!(headers_within(CONNECTIONS), HEADERS_WITHIN);
        assert_eq!(headers_within(CONNECTIONS / 2), HEADERS_WITHIN);
        assert_eq!(headers_within(CONNECTIONS / 2 - 1), HEADERS_WITHIN_A_CROWD);
        assert_eq!(headers_within(0), HEADERS_WITHIN_A_CROWD);
    }
}
