//! The one place that builds HTTP clients, and the request body that checks its own age.
//!
//! Every client here follows no redirect, retries nothing, takes no proxy from the environment,
//! speaks HTTP/1.1 and has a deadline for the connection and for the whole exchange.
//!
//! # What "not sent" rests on
//!
//! The body of a guarded request is handed to the connection in one piece, through a gate that
//! opens once. hyper polls it only when DNS, TCP and TLS are done and the head stands in the write
//! buffer, not yet flushed, so a body that fails when it is polled leaves no byte of the request on
//! the wire. Whoever closes the gate first decides: the connection that takes the bytes (from then
//! on they may have left), or the caller that gives up (then they never will). hyper-util repeats
//! a request whose pooled connection turned out dead only if the connection had not yet taken it,
//! and the gate makes a second hand-over impossible in any case.
//!
//! # What remains
//!
//! reqwest gives no access to `SO_LINGER`, so a socket is closed at the deadline, not reset: bytes
//! that are in the kernel's send buffer by then may still be delivered. `TCP_USER_TIMEOUT`, set to
//! the request deadline, bounds how long the kernel goes on trying (Linux; elsewhere the system's
//! default holds). Such an attempt is `Unknown`, and reconciliation begins 30 s after its deadline.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, Url};
use schemas::hold::{self, Hold, Place};

use crate::{Freshness, traced, wall};

/// An answer longer than this is not read: no documented answer is near it. (İYS's batch answer,
/// 1,000 numbers of 16 characters, is about 17 KiB; Twilio's lists are longer and say so.)
const ANSWER_BYTES: usize = 64 * 1024;
/// W3C Trace Context.
const TRACEPARENT: &str = "traceparent";
/// The longest wait a `Retry-After` can ask for.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Time limits and size of the connection pool of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// DNS, TCP and TLS together.
    pub connect: Duration,
    /// The whole exchange, from the first look for a connection to the last byte of the answer.
    pub total: Duration,
    /// Idle connections kept, about the number of requests in flight at a time.
    pub connections: usize,
    /// How long an idle connection is kept; short, so that a peer seldom closes it first.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(4),
            total: Duration::from_secs(20),
            connections: 64,
            idle: Duration::from_secs(20),
        }
    }
}

/// Why a client could not be made; found at start, before any request.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is not usable. The value is not shown: it may hold a password.
    #[error(
        "base_url of {account} is not usable: write http(s)://HOST[:PORT][/PATH] without user, query or fragment"
    )]
    BaseUrl {
        /// The service and account it was for, such as `netgsm account default`.
        account: String,
    },
    /// User, password or code cannot be written into a request.
    #[error("{what} of {account} is not usable: {allowed}")]
    Value {
        /// The service and account it was for.
        account: String,
        /// The name of the setting.
        what: &'static str,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The TLS library did not start, such as for want of any trusted certificate.
    #[error("HTTPS cannot be set up ({0}); install the ca-certificates package")]
    Tls(String),
    /// An embedded code table is broken: a defect of this build.
    #[error("embedded table {name} is not readable: {cause}")]
    Table {
        /// The file it was built from.
        name: &'static str,
        /// Where it breaks.
        cause: String,
    },
}

/// The only way to a `reqwest::Client` in this project: deadlines, no redirects, no retries.
///
/// # Errors
/// [`ClientError::Tls`] if the TLS library does not start.
pub fn client(limits: &Limits) -> Result<reqwest::Client, ClientError> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("ulak/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .http1_only()
        .connect_timeout(limits.connect)
        .timeout(limits.total)
        .pool_idle_timeout(limits.idle)
        .pool_max_idle_per_host(limits.connections)
        .tcp_nodelay(true);
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    let builder = builder.tcp_user_timeout(limits.total);
    builder.build().map_err(|error| ClientError::Tls(innermost(&error)))
}

/// The deepest cause of an error; reqwest's own line names only the stage.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// One service of one account: a client and the address it talks to.
#[derive(Clone)]
pub(crate) struct Service {
    client: reqwest::Client,
    base: Url,
    content_type: &'static str,
    answer_bytes: usize,
}

/// A request to a [`Service`].
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    /// Below the base address, with its leading slash.
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) authorization: Option<HeaderValue>,
    /// JSON, or a form where the service [speaks forms](Service::with_forms).
    pub(crate) body: Option<Vec<u8>>,
    /// With it the body is not sent if the decision behind it has become too old.
    pub(crate) fresh: Option<Freshness>,
}

/// What came back: a status, and a body that may have broken off.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// 0 to 1 h.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Result<Vec<u8>, Broken>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Whether bytes of the request may have left this machine.
    pub(crate) may_have_left: bool,
    /// As in `Trouble::code`.
    pub(crate) code: &'static str,
    /// In our own words.
    pub(crate) detail: &'static str,
}

impl Service {
    /// `account` names service and account in an error.
    pub(crate) fn new(base_url: &str, limits: &Limits, account: &str) -> Result<Self, ClientError> {
        let bad = || ClientError::BaseUrl { account: account.to_owned() };
        let base = Url::parse(base_url.trim_end_matches('/')).map_err(|_| bad())?;
        let plain = base.username().is_empty()
            && base.password().is_none()
            && base.query().is_none()
            && base.fragment().is_none();
        if !plain || !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(bad());
        }
        let client = client(limits)?;
        Ok(Self { client, base, content_type: "application/json", answer_bytes: ANSWER_BYTES })
    }

    /// Its bodies are forms, not JSON.
    pub(crate) fn with_forms(self) -> Self {
        Self { content_type: "application/x-www-form-urlencoded", ..self }
    }

    /// Its documented answers may be as long as this.
    pub(crate) fn with_answers_up_to(self, answer_bytes: usize) -> Self {
        Self { answer_bytes, ..self }
    }

    /// Sends one request once and reads its answer.
    pub(crate) async fn ask(&self, ask: Ask<'_>) -> Result<Answer, Broken> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), ask.path));
        if !ask.query.is_empty() {
            url.query_pairs_mut().extend_pairs(ask.query);
        }
        let mut request = self.client.request(ask.method, url);
        if let Some(authorization) = ask.authorization {
            request = request.header(reqwest::header::AUTHORIZATION, authorization);
        }
        if let Some(parent) = traced::parent() {
            request = request.header(TRACEPARENT, parent);
        }
        let gate = Arc::new(Gate::default());
        let guarded = ask.fresh.is_some();
        if let Some(body) = ask.body {
            request = request.header(CONTENT_TYPE, self.content_type);
            request = match ask.fresh {
                Some(fresh) => request.body(reqwest::Body::wrap(GuardedBody {
                    bytes: Some(Bytes::from(body)),
                    fresh,
                    gate: Arc::clone(&gate),
                    hold: None,
                })),
                None => request.body(body),
            };
        }
        match request.send().await {
            Ok(response) => {
                wall::hear(self.base.host_str().unwrap_or_default(), response.headers());
                Ok(read(response, self.answer_bytes).await)
            }
            Err(error) if guarded => Err(gate.shut(&error)),
            Err(error) => Err(broken(&error, !error.is_connect())),
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// The bytes have been neither taken nor given up.
const WAITING: u8 = 0;
/// The connection took them: they may be on the wire.
const TAKEN: u8 = 1;
/// The body refused itself: the decision behind it was too old.
const STALE: u8 = 2;
/// The caller gave up first: they can never leave any more.
const SHUT: u8 = 3;

/// Decides once, between two tasks, whether the bytes of a request may leave.
#[derive(Default)]
struct Gate(AtomicU8);

impl Gate {
    fn moves(&self, to: u8) -> Result<(), u8> {
        self.0.compare_exchange(WAITING, to, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }

    /// Gives up, and says what that means for the request.
    fn shut(&self, error: &reqwest::Error) -> Broken {
        match self.moves(SHUT) {
            Err(TAKEN) => broken(error, true),
            Err(STALE) => Broken {
                may_have_left: false,
                code: "stale",
                detail: "the decision was older than 5 s when the connection stood; nothing was sent",
            },
            _ => broken(error, false),
        }
    }
}

/// A body of known length that leaves in one piece, once, and only while it is fresh.
struct GuardedBody {
    bytes: Option<Bytes>,
    fresh: Freshness,
    gate: Arc<Gate>,
    /// For tests, which hold it when the connection stands.
    hold: Option<Hold>,
}

/// Why a [`GuardedBody`] did not leave.
#[derive(Debug, thiserror::Error)]
#[error("the request body may not leave any more")]
struct MayNotLeave;

impl Body for GuardedBody {
    type Data = Bytes;
    type Error = MayNotLeave;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, MayNotLeave>>> {
        let hold = self.hold.get_or_insert_with(|| hold::at(Place::BeforeBytes));
        if Pin::new(hold).poll(cx).is_pending() {
            return Poll::Pending;
        }
        let Some(bytes) = self.bytes.take() else { return Poll::Ready(None) };
        let (to, leaves) = if self.fresh.too_old() { (STALE, false) } else { (TAKEN, true) };
        if self.gate.moves(to).is_ok() && leaves {
            Poll::Ready(Some(Ok(Frame::data(bytes))))
        } else {
            Poll::Ready(Some(Err(MayNotLeave)))
        }
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// What a transport error means, in words of ours: reqwest's own hold the address.
fn broken(error: &reqwest::Error, may_have_left: bool) -> Broken {
    let (code, detail) = match (may_have_left, error.is_timeout()) {
        (false, true) => ("connect-timeout", "no connection within the time limit"),
        (false, false) => ("connect", "no connection (name, address, port or TLS)"),
        (true, true) => ("timeout", "no whole answer within the time limit"),
        (true, false) => ("cut", "the connection broke off, or the answer was not HTTP"),
    };
    Broken { may_have_left, code, detail }
}

/// Reads status and body; the body chunk by chunk, so that its size is bounded.
async fn read(mut response: Response, most: usize) -> Answer {
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    let mut body = Vec::new();
    let body = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > most => {
                break Err(Broken {
                    may_have_left: true,
                    code: "too-large",
                    detail: "the answer was longer than any documented one",
                });
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break Ok(body),
            Err(error) => break Err(broken(&error, true)),
        }
    };
    Answer { status, retry_after, body }
}

/// `Retry-After` in seconds, or as a date measured against the answer's own `Date`.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let asked = text(RETRY_AFTER)?.trim();
    let seconds = match asked.parse::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let until = chrono::DateTime::parse_from_rfc2822(asked).ok()?;
            let said_at = chrono::DateTime::parse_from_rfc2822(text(DATE)?.trim()).ok()?;
            (until - said_at).num_milliseconds() as f64 / 1_000.0
        }
    };
    if seconds.is_nan() {
        return None;
    }
    Some(Duration::from_secs_f64(seconds.clamp(0.0, LONGEST_WAIT.as_secs_f64())))
}

#[cfg(test)]
mod tests;
