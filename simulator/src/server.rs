//! The accept loop and the life of a connection, down to how it ends.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::faults::{FaultKind, Subject};
use crate::reply::{Reply, TEXT};
use crate::request::Request;
use crate::routes::{Found, Route, Target};
use crate::script::{Script, ScriptError};
use crate::seen::Sighting;
use crate::world::World;
use crate::{Operation, Provider, control, iys, meta, netgsm, routes, twilio};

/// Largest body taken.
const MOST_BODY_BYTES: usize = 8 * 1024 * 1024;
/// How long connections may finish after a stop.
const FINISH: Duration = Duration::from_secs(1);
/// How long to wait when no connection can be taken (no file descriptor left).
const BREATH: Duration = Duration::from_millis(50);

/// Serves all twins and the control API on one port until `shutdown`.
///
/// # Errors
/// The script makes no sense. Nothing that a client does ends it.
pub async fn serve(
    listener: TcpListener,
    script: Script,
    shutdown: CancellationToken,
) -> Result<(), ScriptError> {
    let world = Arc::new(World::new(script, shutdown)?);
    run(listener, world).await;
    Ok(())
}

/// Takes connections until the world shuts down, then waits for those that are open.
pub(crate) async fn run(listener: TcpListener, world: Arc<World>) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = world.shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                connections.spawn(connection(Arc::clone(&world), stream, peer.ip()));
            }
            Err(error) => {
                tracing::warn!(%error, "the simulator cannot take a connection");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// How a struck connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// FIN.
    Close,
    /// RST.
    Reset,
}

/// Where a request says that its connection must end.
#[derive(Debug, Default)]
struct End {
    ending: OnceLock<Ending>,
    told: Notify,
}

impl End {
    /// Ends the connection; never returns, because there is no answer.
    async fn end(&self, ending: Ending) -> Infallible {
        let _ = self.ending.set(ending);
        self.told.notify_one();
        std::future::pending().await
    }
}

async fn connection(world: Arc<World>, stream: TcpStream, peer: IpAddr) {
    world.seen.connections.fetch_add(1, Ordering::Relaxed);
    world.seen.open.fetch_add(1, Ordering::Relaxed);
    // Failing to set it costs latency only.
    let _ = stream.set_nodelay(true);
    let end = Arc::new(End::default());
    let service = {
        let (world, end) = (Arc::clone(&world), Arc::clone(&end));
        service_fn(move |request| {
            let (world, end) = (Arc::clone(&world), Arc::clone(&end));
            async move { Ok::<_, Infallible>(answer(&world, &end, peer, request).await) }
        })
    };
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A client that goes away or talks nonsense is its own affair.
        _ = &mut connection => {}
        () = end.told.notified() => {
            let stream = connection.into_parts().io.into_inner();
            if end.ending.get() == Some(&Ending::Reset) {
                // Linger 0: closing sends RST in the place of FIN.
                let _ = stream.set_zero_linger();
            }
            drop(stream);
        }
        () = world.shutdown.cancelled() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            let _ = tokio::time::timeout(FINISH, &mut connection).await;
        }
    }
    world.seen.open.fetch_sub(1, Ordering::Relaxed);
}

async fn answer(
    world: &Arc<World>,
    end: &End,
    peer: IpAddr,
    request: hyper::Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MOST_BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            return response(Reply::ready(413, "413", TEXT, "the body is too large or was cut\n"));
        }
    };
    let method = head.method;
    let request =
        Request { uri: head.uri, headers: head.headers, body, peer, now_ms: world.clock.now_ms() };
    let path = request.uri.path();
    if control::is_ours(path) {
        return response(control::answer(world, &method, path, &request).await);
    }
    let (route, method) = (routes::find(&method, path), method.as_str());
    match route {
        Found::Twin(route) => twin(world, end, method, path, route, &request).await,
        Found::OtherMethod => {
            let reply = Reply::ready(405, "405", TEXT, "this path takes another method\n");
            note(world, &request, (method, path), None, Some(&reply), None);
            response(reply)
        }
        Found::Nothing => {
            let reply = Reply::ready(404, "404", TEXT, "no twin has this path; see GET /\n");
            note(world, &request, (method, path), None, Some(&reply), None);
            response(reply)
        }
    }
}

/// Works on a call, unless a fault is in the way, and answers it, unless a fault is in the way of that.
async fn twin(
    world: &Arc<World>,
    end: &End,
    method: &str,
    path: &str,
    route: Route<'_>,
    request: &Request,
) -> Response<Full<Bytes>> {
    let struck = world.faults.strike(
        world.prepared().script.seed,
        &Subject {
            provider: route.provider,
            operation: route.operation,
            account: &|| account(world, route.target, request),
            numbers: &|| request.numbers(),
        },
    );
    let work = |code: Option<&str>| match route.target {
        Target::Netgsm => netgsm::answer(world, route.operation, request, code),
        Target::Iys(call, place) => iys::answer(world, call, place, request),
        Target::Twilio(place) => {
            twilio::answer(world, route.operation, place, (method, request), code)
        }
        Target::TwilioContent(call) => twilio::content_answer(world, call, request),
        Target::Meta(call, id) => meta::answer(world, call, id, request),
    };
    let line = (method, path);
    let fault = struck.as_ref().map(FaultKind::as_str);
    let (reply, wait) = match struck {
        None => (Some(work(None)), None),
        Some(FaultKind::Slow { ms }) => (Some(work(None)), Some(Duration::from_millis(ms))),
        Some(FaultKind::Code { code }) => (Some(by_code(world, route, &code, &work)), None),
        Some(FaultKind::Http { status }) => (Some(Reply::bare_http(status)), None),
        Some(FaultKind::Garbage { accept }) => {
            if accept {
                work(None);
            }
            (Some(Reply::garbage()), None)
        }
        Some(FaultKind::Hang { accept, seconds }) => {
            if accept {
                work(None);
            }
            note(world, request, line, Some(route), None, fault);
            pause(world, Duration::from_secs(seconds)).await;
            match end.end(Ending::Close).await {}
        }
        Some(FaultKind::Reset { accept }) => {
            if accept {
                work(None);
            }
            note(world, request, line, Some(route), None, fault);
            match end.end(Ending::Reset).await {}
        }
        Some(FaultKind::Down) => {
            note(world, request, line, Some(route), None, fault);
            match end.end(Ending::Close).await {}
        }
    };
    note(world, request, line, Some(route), reply.as_ref(), fault);
    if let Some(wait) = wait {
        pause(world, wait).await;
    }
    reply.map_or_else(|| response(Reply::bare_http(500)), response)
}

/// A fault of kind `code`: some of Netgsm's and Twilio's codes accept the message.
fn by_code(
    world: &World,
    route: Route<'_>,
    code: &str,
    work: &dyn Fn(Option<&str>) -> Reply,
) -> Reply {
    match route.provider {
        Provider::Netgsm if netgsm::accepts(code) => work(Some(code)),
        Provider::Netgsm => netgsm::refuse_by_fault(world, route.operation, code),
        Provider::Iys => iys::refuse_by_fault(code),
        Provider::Twilio
            if route.operation == Operation::Send
                && code.parse().is_ok_and(twilio::is_of_an_end) =>
        {
            work(Some(code))
        }
        Provider::Twilio => twilio::refuse_by_fault(code),
        Provider::Meta => meta::refuse_by_fault(code),
    }
}

fn account(world: &World, target: Target<'_>, request: &Request) -> Option<String> {
    match target {
        Target::Netgsm => request.basic().map(|(name, _)| name).or_else(|| request.name_in_body()),
        Target::Iys(..) => iys::user_of(world, request).or_else(|| request.name_in_body()),
        Target::Twilio(place) => Some(place.account_sid.to_owned()),
        Target::TwilioContent(_) => twilio::content_account(world, request),
        Target::Meta(_, id) => Some(id.to_owned()),
    }
}

fn note(
    world: &World,
    request: &Request,
    (method, path): (&str, &str),
    route: Option<Route<'_>>,
    reply: Option<&Reply>,
    fault: Option<&'static str>,
) {
    world.seen.note(&Sighting {
        at_ms: request.now_ms,
        method,
        path,
        call: route.map(|route| (route.provider, route.operation)),
        status: reply.map(|reply| reply.status),
        code: reply.map_or("", |reply| reply.code.as_ref()),
        fault,
        traceparent: request.headers.get("traceparent").and_then(|value| value.to_str().ok()),
    });
}

/// Waits, but not beyond the end of the simulator.
async fn pause(world: &World, how_long: Duration) {
    tokio::select! {
        () = tokio::time::sleep(how_long) => {}
        () = world.shutdown.cancelled() => {}
    }
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(reply.body));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    response
}
