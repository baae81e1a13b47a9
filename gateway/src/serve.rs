//! The accept loop: how many connections there may be, how slow they may be, how old they get, how they end.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at a time; further ones wait in the system's queue.
const CONNECTIONS: usize = 1_024;
/// How long headers may take to arrive, and how long a connection may be idle between requests.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);
/// Largest request line and headers, bytes.
const HEADERS_AT_MOST: usize = 16 * 1024;
/// A connection takes no further request after so long. A caller that reads its answers a byte a minute holds its place no
/// longer than this and [`FINISH`].
const OLDEST: Duration = Duration::from_mins(5);
/// How long a connection may go on with what it has begun when it is to end: the longest wait for outcomes and a slow line.
const FINISH: Duration = Duration::from_secs(90);
/// The same once the process stops: waits for outcomes end at once then, a body has its 30 s, an answer its 15.
const FINISH_AT_STOP: Duration = Duration::from_secs(50);
/// Pause when no connection can be taken: no file descriptor is left.
const BREATH: Duration = Duration::from_millis(50);

/// Serves `router` until `stop`, then lets every request that has begun finish.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
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
            Ok((stream, _)) => {
                connections.spawn(connection(stream, router.clone(), stop.clone(), place));
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

async fn connection(
    stream: TcpStream,
    router: Router,
    stop: CancellationToken,
    place: Option<OwnedSemaphorePermit>,
) {
    // failing to set it costs latency only
    let _ = stream.set_nodelay(true);
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_header_size(HEADERS_AT_MOST)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut serving = std::pin::pin!(serving);
    let finish = tokio::select! {
        // a client that goes away or talks nonsense is its own affair
        _ = &mut serving => return drop(place),
        () = tokio::time::sleep(OLDEST) => FINISH,
        () = stop.cancelled() => FINISH_AT_STOP,
    };
    serving.as_mut().graceful_shutdown();
    let mut ending = std::pin::pin!(tokio::time::timeout(finish, &mut serving));
    tokio::select! {
        _ = &mut ending => {}
        // told to end by its age, and now by the stop
        () = stop.cancelled(), if finish == FINISH => {
            let _ = tokio::time::timeout(FINISH_AT_STOP, ending).await;
        }
    }
    drop(place);
}
