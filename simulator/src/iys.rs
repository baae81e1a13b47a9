//! The İYS twin: tokens, limits and consents of the official API (facts B).

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use crate::lock::locked;
use crate::reply::Reply;
use crate::request::Request;
use crate::script::{Consent, IysLimits, IysUser};
use crate::seed;
use crate::window::{BanningWindow, Window};
use crate::world::{Prepared, World};

mod batch;
mod consent;
mod error;
mod queries;
mod store;
mod token;
mod upload;

use consent::Record;
pub(crate) use consent::{Channel, ConsentKey, ConsentUpload, fits, normal};
pub(crate) use error::IysError;
use error::refuse;
pub(crate) use error::refuse_by_fault;

const SECOND_MS: i64 = 1_000;
const HOUR_MS: i64 = 3_600_000;
/// Addresses whose calls are counted; more than a test ever has.
const MOST_PEERS: usize = 10_000;

/// A call of the API, with what its path says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IysCall<'a> {
    /// `POST /oauth2/token`.
    Token,
    /// `GET /sps/{iysCode}/brands`.
    Brands,
    /// `POST …/consents`; `repeatable`: the `/v2` form, in which an identical repeat is no error.
    Add { repeatable: bool },
    /// `POST …/consents/request` and its `/v2` form.
    Upload,
    /// `GET …/consents/request/{requestId}`.
    UploadResult { request_id: &'a str },
    /// `POST …/consents/status`.
    Status,
    /// `POST …/consents/{recipientType}/status/{type}`.
    Batch { recipient_type: &'a str, channel: &'a str },
    /// `POST …/consents/history`.
    History,
    /// `GET …/consents/changes`.
    Changes,
}

/// Whose data a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub iys_code: &'a str,
    /// Nothing for the list of brands.
    pub brand_code: Option<&'a str>,
}

/// Tokens, counted calls, consents.
#[derive(Debug)]
pub(crate) struct IysState {
    default: Consent,
    scripted: HashMap<String, Consent>,
    records: HashMap<ConsentKey, Vec<Record>>,
    changes: VecDeque<(ConsentKey, Record)>,
    uploads: VecDeque<upload::Upload>,
    tokens: token::Tokens,
    peers: HashMap<IpAddr, Gate>,
    draws: u64,
}

impl Default for IysState {
    fn default() -> Self {
        Self {
            default: Consent::Onay,
            scripted: HashMap::new(),
            records: HashMap::new(),
            changes: VecDeque::new(),
            uploads: VecDeque::new(),
            tokens: token::Tokens::default(),
            peers: HashMap::new(),
            draws: 0,
        }
    }
}

/// What one address has called.
#[derive(Debug, Default)]
struct Gate {
    requests: Window,
    singles: Window,
    histories: Window,
    tokens: BanningWindow,
}

impl Gate {
    fn admit(
        &mut self,
        limits: IysLimits,
        call: &IysCall<'_>,
        now_ms: i64,
    ) -> Result<(), IysError> {
        if !limits.enabled {
            return Ok(());
        }
        if !self.requests.admit(now_ms, SECOND_MS, limits.requests_per_s, 1) {
            return Err(IysError::new("H124"));
        }
        let (admitted, code) = match call {
            IysCall::Token => (self.tokens.admit(now_ms, HOUR_MS, limits.tokens_per_h), "H084"),
            IysCall::Status => {
                (self.singles.admit(now_ms, HOUR_MS, limits.single_queries_per_h, 1), "H086")
            }
            IysCall::History => {
                (self.histories.admit(now_ms, HOUR_MS, limits.history_queries_per_h, 1), "H089")
            }
            _ => (true, ""),
        };
        if admitted { Ok(()) } else { Err(IysError::new(code)) }
    }
}

impl IysState {
    fn admit(
        &mut self,
        peer: IpAddr,
        limits: IysLimits,
        call: &IysCall<'_>,
        now_ms: i64,
    ) -> Result<(), IysError> {
        if self.peers.len() >= MOST_PEERS && !self.peers.contains_key(&peer) {
            self.peers.clear();
        }
        self.peers.entry(peer).or_default().admit(limits, call, now_ms)
    }

    /// Four random-looking words; no two alike in one process.
    fn draw(&mut self, now_ms: i64) -> [u64; 4] {
        self.draws += 1;
        // The time keeps a token of an earlier simulator from being valid in this one.
        let seed = seed::mix(now_ms as u64, self.draws);
        [0, 1, 2, 3].map(|salt| seed::mix(seed, salt))
    }

    fn hex64(&mut self, now_ms: i64) -> String {
        let [a, b, c, d] = self.draw(now_ms);
        format!("{a:016x}{b:016x}{c:016x}{d:016x}")
    }

    /// A UUID in form.
    pub(crate) fn new_uuid(&mut self) -> String {
        let [a, b, ..] = self.draw(0);
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        )
    }
}

/// Answers a call.
pub(crate) fn answer(
    world: &World,
    call: IysCall<'_>,
    place: Option<Place<'_>>,
    request: &Request,
) -> Reply {
    let prepared = world.prepared();
    let mut state = locked(&world.iys);
    if let Err(error) = state.admit(request.peer, prepared.script.iys.limits, &call, request.now_ms)
    {
        return refuse(&[error]);
    }
    if call == IysCall::Token {
        return token::token(&mut state, &prepared.script.iys, request);
    }
    let brand = match authorized(&state, &prepared, place, request) {
        Ok(user) => user.brand_code.clone(),
        Err(error) => return refuse(&[error]),
    };
    let answer = match call {
        IysCall::Brands => Ok(queries::brands(&state, &brand)),
        IysCall::Add { repeatable } => upload::add(&mut state, &brand, request, repeatable),
        IysCall::Upload => upload::upload(&mut state, &brand, request),
        IysCall::UploadResult { request_id } => {
            let wait_s = prepared.script.iys.upload_result_s;
            Ok(upload::result(&state, &brand, request_id, wait_s, request.now_ms))
        }
        IysCall::Status => queries::status(&state, &brand, request),
        IysCall::Batch { recipient_type, channel } => {
            batch::batch(&mut state, &brand, recipient_type, channel, request)
        }
        IysCall::History => queries::history(&state, &brand, request),
        IysCall::Changes => queries::changes(&state, &brand, request),
        IysCall::Token => Err(vec![IysError::new("H470")]),
    };
    answer.unwrap_or_else(|errors| refuse(&errors))
}

/// The user whose token this is, if the path is his.
fn authorized<'a>(
    state: &IysState,
    prepared: &'a Prepared,
    place: Option<Place<'_>>,
    request: &Request,
) -> Result<&'a IysUser, IysError> {
    let name = request
        .bearer()
        .and_then(|token| state.tokens.user(token, request.now_ms))
        .ok_or(IysError::new("H351"))?;
    let mut users =
        prepared.script.iys.users.iter().filter(|user| user.username == name).peekable();
    if users.peek().is_none() {
        return Err(IysError::new("H351"));
    }
    users
        .find(|user| {
            place.is_some_and(|place| {
                place.iys_code == user.iys_code
                    && place.brand_code.is_none_or(|brand| brand == user.brand_code)
            })
        })
        .ok_or(IysError::new("H353"))
}

/// Name of the user behind a bearer token, for faults that name an account.
pub(crate) fn user_of(world: &World, request: &Request) -> Option<String> {
    let state = locked(&world.iys);
    state.tokens.user(request.bearer()?, request.now_ms).map(str::to_owned)
}
