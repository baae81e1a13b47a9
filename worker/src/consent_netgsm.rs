//! Asking Netgsm's İYS service: one number a question, in an even pace that all workers keep.
//!
//! The service is said to take 10 questions a minute (`facts/netgsm_iys.md` A7), so a question is never repeated in process: a row
//! that finds no place is told when to come back, behind those that were told before it. No error is ever "no consent".

use crate::consent::Answer;
use crate::lanes::Lanes;
use chrono::{DateTime, TimeDelta, Utc};
use ledger::{Ledger, LedgerError};
use providers::ProbeTrouble;
use providers::iys::{ConsentStatus, SingleAnswer};
use providers::netgsm::Consents;
use schemas::{ConsentRule, PhoneNumber, RecipientType};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a question waits in process for its place; longer waits are rows.
const PATIENCE: Duration = Duration::from_secs(2);
/// A minute in microseconds and 3 % more: what leaves evenly arrives a little less so, and Netgsm may count any minute.
const PLACE_US: i64 = 61_800_000;
const DAY_US: i64 = 86_400_000_000;
/// How long nothing is asked after "too many" where the answer names no time, milliseconds.
const THROTTLED_MS: i64 = 60_000;
/// How long a number waits whose question was not accepted, so that it does not use up the cap of the others, milliseconds.
const NOT_ACCEPTED_MS: i64 = 10 * 60_000;
/// Nobody is told to come back later than this for want of a place: caps are changed, and other workers take less, milliseconds.
const FARTHEST_MS: i64 = 60 * 60_000;

/// How far apart those come back whom "too many" sent away where no cap is set, milliseconds.
const STEP_WITHOUT_CAP_MS: i64 = 100;

/// Why a row waits for its place in the pace.
const USED_UP: &str = "budget-used-up";
/// Why a row waits after Netgsm said "too many".
const THROTTLED: &str = "throttled";
/// Why a row waits whose question Netgsm did not accept.
const NOT_ACCEPTED: &str = "question-not-accepted";

/// Name of the lane of an account's consent questions.
pub fn lane(account: &str) -> String {
    format!("netgsm-iys/{account}")
}

/// For how many messages a day the cap is enough, one question each; `None`: there is no cap.
pub fn messages_a_day(max_per_minute: Option<u32>) -> Option<i64> {
    max_per_minute.map(|cap| DAY_US / place_us(cap))
}

/// Takes a place in the pace of a lane and waits for it. `false`: the next one is more than `patience` away.
///
/// # Errors
/// When the ledger does not answer.
pub async fn place(
    ledger: &Ledger,
    lane: &str,
    max_per_minute: Option<u32>,
    patience: Duration,
) -> Result<bool, LedgerError> {
    let Some(cap) = max_per_minute else { return Ok(true) };
    let Some(wait) = ledger.pace(&pace_key(lane), place_us(cap), patience).await? else {
        return Ok(false);
    };
    tokio::time::sleep(wait).await;
    Ok(true)
}

fn place_us(max_per_minute: u32) -> i64 {
    PLACE_US / i64::from(max_per_minute.max(1))
}

fn pace_key(lane: &str) -> String {
    format!("rate/{lane}")
}

/// Asks Netgsm's İYS service with one account.
#[derive(Clone)]
pub struct Asker {
    inner: Arc<Inner>,
}

struct Inner {
    service: Consents,
    max_per_minute: Option<u32>,
    lane: String,
    ledger: Ledger,
    lanes: Arc<Lanes>,
    line: Mutex<Line>,
}

impl std::fmt::Debug for Asker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asker").field("lane", &self.inner.lane).finish_non_exhaustive()
    }
}

impl Asker {
    /// Sets up asking with one account; nobody is asked yet. `max_per_minute`: questions a minute of all workers; `None`: no cap.
    pub fn new(
        service: Consents,
        max_per_minute: Option<u32>,
        lane: String,
        ledger: Ledger,
        lanes: Arc<Lanes>,
    ) -> Self {
        let line = Mutex::default();
        Self { inner: Arc::new(Inner { service, max_per_minute, lane, ledger, lanes, line }) }
    }

    /// The account's lane: `netgsm-iys/<account>`.
    pub fn lane(&self) -> &str {
        &self.inner.lane
    }

    /// The brand that is asked for.
    pub fn brand(&self) -> &str {
        self.inner.service.brand_code()
    }

    /// Whether what is on record allows a message under `rule`.
    pub async fn ask(&self, phone: &PhoneNumber, kind: RecipientType, rule: ConsentRule) -> Answer {
        let this = &self.inner;
        if this.line(|line| line.held(this.now_ms())) {
            return this.later(THROTTLED);
        }
        match place(&this.ledger, &this.lane, this.max_per_minute, PATIENCE).await {
            Ok(true) => {}
            Ok(false) => return this.later(USED_UP),
            Err(_) => return Answer::Silent("ledger-away".to_owned()),
        }
        // others may have met an outage while this one waited for its place
        if this.lanes.closed(&this.lane) {
            this.give_back().await;
            return Answer::Silent("lane-closed".to_owned());
        }
        let asked_at = this.ledger.clock().now();
        let heard = heard(this.service.of(kind, phone).await, rule);
        this.answer(heard, asked_at).await
    }
}

impl Inner {
    fn now_ms(&self) -> i64 {
        self.ledger.clock().now_ms()
    }

    fn line<T>(&self, change: impl FnOnce(&mut Line) -> T) -> T {
        change(&mut self.line.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// An instant behind those who were told to come back before.
    fn later(&self, why: &'static str) -> Answer {
        // without a cap only "too many" sends anybody away, and then some order is better than all at once
        let step = self.max_per_minute.map_or(STEP_WITHOUT_CAP_MS, |cap| place_us(cap) / 1_000);
        let at = self.line(|line| line.behind(self.now_ms(), step.max(1)));
        Answer::NotBefore { at: instant(at), why }
    }

    async fn give_back(&self) {
        if let Some(cap) = self.max_per_minute {
            // not worth a failure: the pace is a little slower then
            let _ = self.ledger.give_back(&pace_key(&self.lane), place_us(cap)).await;
        }
    }

    /// What the lane learns from it, and what the asker is told.
    async fn answer(&self, heard: Heard, asked_at: DateTime<Utc>) -> Answer {
        match heard {
            Heard::Said { allowed, word, request_id } => {
                self.lanes.good(&self.ledger, &self.lane).await;
                Answer::Said { allowed, word, asked_at, request_id }
            }
            Heard::Throttled { code, after_ms } => {
                let until = self.now_ms().saturating_add(after_ms);
                self.line(|line| line.hold(until));
                tracing::warn!(
                    lane = self.lane,
                    code,
                    after_ms,
                    "Netgsm's İYS service counts fewer questions a minute than iys_max_per_minute, or somebody else asks with this account"
                );
                self.later(THROTTLED)
            }
            Heard::NotAccepted { code } => {
                // it answered: the trouble is this one question
                self.lanes.good(&self.ledger, &self.lane).await;
                tracing::error!(
                    alert = "consent-question",
                    lane = self.lane,
                    code,
                    "Netgsm's İYS service did not accept a question about a number: its message waits"
                );
                let at = self.now_ms().saturating_add(NOT_ACCEPTED_MS);
                Answer::NotBefore { at: instant(at), why: NOT_ACCEPTED }
            }
            Heard::AccountRefused { code } => {
                self.lanes.refused(&self.ledger, &self.lane, &code).await;
                Answer::Silent(code)
            }
            Heard::Silent { code } => {
                // no connection: no byte of the question left this machine, so nobody counted it
                if matches!(code.as_str(), "connect" | "connect-timeout") {
                    self.give_back().await;
                }
                self.lanes.bad(&self.ledger, &self.lane, &code).await;
                Answer::Silent(code)
            }
        }
    }
}

/// What an answer means, before anybody acts on it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Heard {
    Said { allowed: bool, word: &'static str, request_id: Option<String> },
    Throttled { code: String, after_ms: i64 },
    NotAccepted { code: String },
    AccountRefused { code: String },
    Silent { code: String },
}

/// ONAY allows everything, RET nothing; without a record nobody consented and nobody refused.
fn heard(answer: Result<SingleAnswer, ProbeTrouble>, rule: ConsentRule) -> Heard {
    let trouble = match answer {
        Ok(SingleAnswer::Found(record)) => {
            let (allowed, word) = match record.status {
                ConsentStatus::Onay => (true, "onay"),
                ConsentStatus::Ret => (false, "ret"),
            };
            return Heard::Said { allowed, word, request_id: record.transaction_id };
        }
        Ok(SingleAnswer::NoRecord) => {
            let allowed = rule != ConsentRule::Required;
            return Heard::Said { allowed, word: "no-record", request_id: None };
        }
        Err(trouble) => trouble,
    };
    let code = trouble.trouble().code.clone();
    match trouble {
        ProbeTrouble::Busy { after, .. } if is_throttle(&code) => {
            let named = after.and_then(|after| i64::try_from(after.as_millis()).ok());
            let after_ms = named.unwrap_or(THROTTLED_MS).clamp(1_000, FARTHEST_MS);
            Heard::Throttled { code, after_ms }
        }
        ProbeTrouble::Busy { .. } | ProbeTrouble::Silent(_) => Heard::Silent { code },
        ProbeTrouble::Lane(..) => Heard::AccountRefused { code },
        ProbeTrouble::Request(_) => Heard::NotAccepted { code },
    }
}

/// "Too many", which is no outage; Netgsm's system errors are.
fn is_throttle(code: &str) -> bool {
    matches!(code, "netgsm:80" | "http:429")
}

/// When those come back who found no place, as far as this process knows. All of them at once would take each other's place again
/// and again.
#[derive(Debug, Default, Clone, Copy)]
struct Line {
    last_ms: i64,
    held_until_ms: i64,
}

impl Line {
    /// The instant for one more, `step_ms` behind whoever was told before.
    fn behind(&mut self, now_ms: i64, step_ms: i64) -> i64 {
        let next = self.last_ms.max(now_ms).max(self.held_until_ms).saturating_add(step_ms);
        self.last_ms = next.min(now_ms.saturating_add(FARTHEST_MS));
        self.last_ms
    }

    fn hold(&mut self, until_ms: i64) {
        self.held_until_ms = self.held_until_ms.max(until_ms);
    }

    /// Whether nobody is asked now.
    fn held(&self, now_ms: i64) -> bool {
        self.held_until_ms > now_ms
    }
}

fn instant(ms: i64) -> DateTime<Utc> {
    // a clock outside chrono's range is no clock; the row is looked at again at the earliest then
    DateTime::UNIX_EPOCH
        .checked_add_signed(TimeDelta::try_milliseconds(ms).unwrap_or_default())
        .unwrap_or(DateTime::UNIX_EPOCH)
}

#[cfg(test)]
#[path = "consent_netgsm/tests.rs"]
mod tests;
