//! What became of each event, told on the exchange `ulak.outcomes` for whoever has bound a queue to it.
//!
//! Made from records, at least once each. Whether anybody listens is found out by publishing: what no queue takes comes
//! back, the cursor stays, and it is tried again later. So a queue that is bound gets what was recorded before, but no
//! further back than `YOUNGEST`: nobody wants the outcomes of last year. The two types have a cursor each, because a
//! clinic may listen to one of them only.

use crate::turn::Turn;
use bus::{Bus, Fate, Outgoing, names};
use ledger::telling::{DELIVERY_UPDATED, EVENT_REFUSED, Message, REFUSALS, UPDATES};
use ledger::{Ledger, LedgerError};
use schemas::hold::{self, Place};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Records older than this are not told any more.
const YOUNGEST: Duration = Duration::from_hours(7 * 24);
/// Pause between two looks at new records.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Pause after the first message that nobody took; it doubles up to [`ASK_AT_LEAST_EVERY`].
const ASK_AFTER: Duration = Duration::from_secs(1);
/// The longest pause until it is seen that somebody has bound a queue.
const ASK_AT_LEAST_EVERY: Duration = Duration::from_secs(15);
const PAGE: i64 = 100;

/// One type of outcome with its own place in the records.
struct Reader {
    /// Name of the cursor.
    name: &'static str,
    kinds: &'static [&'static str],
    /// Whether the last message was taken by a queue.
    heard: bool,
    pause: Duration,
    next: Instant,
}

impl Reader {
    fn new(name: &'static str, kinds: &'static [&'static str]) -> Self {
        Self { name, kinds, heard: false, pause: ASK_AFTER, next: Instant::now() }
    }

    /// A queue took one.
    fn was_heard(&mut self) {
        self.heard = true;
        self.pause = ASK_AFTER;
        self.next = Instant::now();
    }

    /// Nobody took it, or the broker cannot take it now: the same one again later.
    fn later(&mut self) {
        self.heard = false;
        self.next = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(ASK_AT_LEAST_EVERY);
    }
}

/// Tells outcomes while somebody listens.
pub struct Outcomes {
    ledger: Ledger,
    bus: Arc<Bus>,
    turn: Turn,
    readers: [Reader; 2],
}

impl Outcomes {
    /// Sets up; one process at a time tells.
    ///
    /// # Errors
    /// When there is no randomness for a name.
    pub fn new(ledger: Ledger, bus: Arc<Bus>) -> Result<Self, LedgerError> {
        let turn = Turn::at(ledger.clone(), "outcomes")?;
        let readers =
            [Reader::new(DELIVERY_UPDATED, UPDATES), Reader::new(EVENT_REFUSED, REFUSALS)];
        Ok(Self { ledger, bus, turn, readers })
    }

    /// Tells until the stop.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let more = match self.round().await {
                Ok(more) => more,
                Err(error) => {
                    tracing::debug!(%error, "outcomes not told now");
                    false
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(if more { Duration::ZERO } else { LOOK_EVERY }) => {}
            }
        }
    }

    /// One page of each type. Returns whether there may be more.
    async fn round(&mut self) -> Result<bool, LedgerError> {
        let due = |reader: &Reader| reader.next <= Instant::now();
        if !self.readers.iter().any(due) || !self.turn.is_ours().await? {
            return Ok(false);
        }
        let mut more = false;
        for reader in &mut self.readers {
            if reader.next <= Instant::now() {
                more |= slice(&self.ledger, &self.bus, reader).await?;
            }
        }
        Ok(more)
    }
}

/// Tells one page of a type. Returns whether there may be more.
async fn slice(ledger: &Ledger, bus: &Bus, reader: &mut Reader) -> Result<bool, LedgerError> {
    // Whether anybody listens is asked with one message.
    let limit = if reader.heard { PAGE } else { 1 };
    let page = ledger.read_on(reader.name, reader.kinds, limit).await?;
    let oldest = ledger.clock().now_ms().saturating_sub(YOUNGEST.as_millis() as i64);
    let too_old = page.records.first().is_some_and(|first| first.at < oldest);
    if too_old && ledger.read_over(reader.name, oldest).await? {
        return Ok(true);
    }
    let messages = ledger.messages(&page.records).await?;
    let mut told: usize = 0;
    let mut fates = Vec::with_capacity(messages.len());
    for (record, message) in page.records.iter().zip(&messages) {
        fates.push(tell(bus, message.as_ref().filter(|_| record.at >= oldest)));
    }
    for fate in futures::future::join_all(fates).await {
        match fate {
            Some(Fate::Confirmed) => reader.was_heard(),
            // Nothing to tell of this one, or it is too old.
            None => {}
            Some(Fate::Returned(_) | Fate::Nacked | Fate::Unconfirmed) => {
                reader.later();
                break;
            }
        }
        told += 1;
    }
    if told > 0 {
        hold::at(Place::AfterTelling).await;
    }
    let all = told == page.records.len();
    let behind = told.checked_sub(1).and_then(|last| page.records.get(last)).map(|r| (r.xid, r.id));
    if let Some((xid, id)) = if all { page.looked_up_to } else { behind } {
        ledger.read_up_to(reader.name, xid, id).await?;
    }
    Ok(all && page.looked_up_to.is_some())
}

async fn tell(bus: &Bus, message: Option<&Message>) -> Option<Fate> {
    let message = message?;
    let outgoing = Outgoing {
        exchange: names::OUTCOMES.to_owned(),
        routing_key: message.event_type.to_owned(),
        body: message.body.clone(),
        message_id: message.id.clone(),
        headers: Vec::new(),
        mandatory: true,
    };
    Some(bus.publisher().publish(outgoing).await)
}
