//! Markers: how a scheduler learns that every fact published so far is applied (PROTOCOL rule 12).
//!
//! A marker is published straight into `ulak.facts` and carries the instant at which it was. The queue has a single active consumer
//! and keeps its order, so when the marker comes back, everything that stood before it has been handed out. It is a barrier: whoever
//! consumes calls [`read`] on each delivery, and calls `ledger.facts_are_current(marker.at)` only once every delivery before it is in
//! the ledger (applied, refused, or kept as refused); then it acks the marker.
//!
//! While facts come, a marker every two seconds keeps `facts_current_at` young; the release of what is about a visit stops when it
//! is older than ten. One scheduler publishes for all; another one steps in when that one is silent, and every one publishes at its own
//! start. Markers that do not come back are not piled up.

use crate::turn::Turn;
use bus::{Bus, Delivery, Fate, Outgoing, names};
use ledger::{Ledger, LedgerError};
use metrics::Metrics;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often a marker is wanted.
const EVERY: Duration = Duration::from_secs(2);
/// A little less, so that one look in two does not come a millisecond too early.
const WANTED_AFTER_MS: i64 = 1_800;
/// How old the last word may be before one publishes whose turn it is not.
const STEP_IN_AFTER_MS: i64 = 5_000;
/// How long a marker that was published is waited for before another one is, milliseconds.
const ONE_AT_A_TIME_MS: i64 = 30_000;
/// Pause after the broker or the ledger was away.
const AGAIN: Duration = Duration::from_millis(500);
/// The one key of a marker's body.
const KEY: &str = "ulakmarker";

/// A marker that came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    /// When it was published, by the database's clock, milliseconds since 1970 UTC.
    pub at: i64,
}

/// The marker that a delivery is; `None`: it is something else. Clinics publish to exchanges, markers come without one.
pub fn read(delivery: &Delivery) -> Option<Marker> {
    if !delivery.exchange.is_empty() || delivery.body.len() > 64 {
        return None;
    }
    let body: serde_json::Value = serde_json::from_slice(&delivery.body).ok()?;
    let fields = body.as_object().filter(|fields| fields.len() == 1)?;
    Some(Marker { at: fields.get(KEY)?.as_i64()? })
}

/// Publishes markers.
pub struct Markers {
    ledger: Ledger,
    bus: Arc<Bus>,
    turn: Turn,
    metrics: Arc<Metrics>,
    /// When this process published its last one.
    last: Option<i64>,
}

impl Markers {
    /// Sets up; nothing happens yet.
    ///
    /// # Errors
    /// When there is no randomness for a name.
    pub fn new(ledger: Ledger, bus: Arc<Bus>, metrics: Arc<Metrics>) -> Result<Self, LedgerError> {
        let turn = Turn::at(ledger.clone(), "facts-marker")?;
        Ok(Self { ledger, bus, turn, metrics, last: None })
    }

    /// Publishes until the stop.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let pause = match self.look().await {
                Ok(true) => EVERY,
                Ok(false) => AGAIN,
                Err(error) => {
                    tracing::debug!(%error, "no marker published now");
                    AGAIN
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Publishes a marker if one is wanted; `false`: the broker did not take it.
    async fn look(&mut self) -> Result<bool, LedgerError> {
        // its own start is marked by every process, at once
        if self.last.is_some() {
            let ours = self.turn.is_ours().await?;
            let current_at = self.ledger.facts_current_at().await?;
            if current_at > 0 {
                self.metrics.ledger.facts_are_current(current_at);
            }
            if !wanted(ours, self.last, current_at, self.ledger.clock().now_ms()) {
                return Ok(true);
            }
        }
        // before it leaves: what is published after this instant may stand behind it
        let at = self.ledger.clock().now_ms();
        if self.bus.publisher().publish(outgoing(at)).await != Fate::Confirmed {
            return Ok(false);
        }
        self.last = Some(at);
        Ok(true)
    }
}

/// Whether another marker is wanted at `now`.
fn wanted(ours: bool, last: Option<i64>, current_at: i64, now: i64) -> bool {
    let on_its_way = last.is_some_and(|last| {
        last > current_at && (0..ONE_AT_A_TIME_MS).contains(&now.saturating_sub(last))
    });
    let age = now.saturating_sub(current_at);
    // a word from the future is of a clock that was put back since
    let old = age < 0 || age >= if ours { WANTED_AFTER_MS } else { STEP_IN_AFTER_MS };
    old && !on_its_way
}

fn outgoing(at: i64) -> Outgoing {
    Outgoing {
        // the broker's own: the routing key is the queue
        exchange: String::new(),
        routing_key: names::FACTS.to_owned(),
        body: format!("{{\"{KEY}\":{at}}}").into_bytes(),
        message_id: format!("marker-{at}"),
        headers: vec![],
        mandatory: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    #[test]
    fn a_marker_is_read_back_and_nothing_else_is_one() {
        let back = |body: &[u8]| {
            read(&Delivery::detached(names::FACTS, names::FACTS, Some("m"), body.to_vec()))
        };
        assert_eq!(back(&outgoing(NOW).body), Some(Marker { at: NOW }));
        for body in [
            &b""[..],
            b"{}",
            b"[1]",
            b"{\"ulakmarker\":\"1\"}",
            b"{\"ulakmarker\":1,\"data\":{}}",
            b"{\"specversion\":\"1.0\",\"type\":\"clinic.appointment-booked.v1\"}",
            &[0xff; 10],
        ] {
            assert_eq!(back(body), None);
        }
        let mut of_a_clinic =
            Delivery::detached(names::FACTS, "clinic.marker", Some("m"), outgoing(NOW).body);
        of_a_clinic.exchange = names::CLINIC_EVENTS.to_owned();
        assert_eq!(read(&of_a_clinic), None, "what clinics publish is no marker");
    }

    #[test]
    fn one_process_marks_every_two_seconds_and_another_steps_in_when_it_is_silent() {
        assert!(wanted(true, Some(NOW - 2_000), NOW - 2_000, NOW));
        assert!(!wanted(false, Some(NOW - 60_000), NOW - 2_000, NOW));
        assert!(wanted(false, Some(NOW - 60_000), NOW - 5_000, NOW));
        assert!(!wanted(true, Some(NOW - 2_000), NOW - 1_000, NOW), "somebody else's came back");
    }

    #[test]
    fn markers_that_do_not_come_back_are_not_piled_up() {
        let (last, current_at) = (Some(NOW), NOW - 3_600_000);
        let published =
            (0..120).filter(|second| wanted(true, last, current_at, NOW + second * 1_000));
        assert_eq!(published.min(), Some(30));
    }

    #[test]
    fn a_clock_that_was_put_back_stops_no_markers() {
        let (last, current_at) = (Some(NOW), NOW);
        assert!(wanted(true, last, current_at, NOW - 600_000));
    }
}
