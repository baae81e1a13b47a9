//! One message as it was handed over, and how it is settled.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use lapin::{
    Acker,
    options::{BasicAckOptions, BasicNackOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::consumer::{Counts, acks::Acks};

/// Whether the broker took the settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a lost ack means that the message comes again"]
pub enum Acked {
    /// It was written to the channel that delivered the message.
    Yes,
    /// The channel is gone: the broker delivers the message again, here or elsewhere.
    Lost,
}

/// A message from a queue, not yet settled.
///
/// It must be settled with [`Delivery::ack`] or [`Delivery::requeue`]. A delivery that is dropped unsettled (a handler
/// that panicked) is logged, counted and returned to the queue, so that it never eats a place of the prefetch.
/// The body is handed over whatever its size; refusing it is the handler's matter.
pub struct Delivery {
    /// Queue it came from.
    pub queue: String,
    /// Exchange it was published to.
    pub exchange: String,
    /// Routing key it was published with; for Ulak the event type.
    pub routing_key: String,
    /// The bytes, untouched.
    pub body: Vec<u8>,
    /// AMQP `message_id`, if the publisher set one.
    pub message_id: Option<String>,
    /// AMQP `content_type`, if the publisher set one.
    pub content_type: Option<String>,
    /// Whether the broker delivered it before (or may have).
    pub redelivered: bool,
    /// The headers that Ulak knows.
    pub headers: Headers,
    /// When it came from the broker: it may have waited here since.
    pub arrived_at: Instant,
    settle: Option<Settle>,
}

struct Settle {
    acker: Acker,
    tag: u64,
    /// Of the channel that delivered it.
    acks: Option<Arc<Acks>>,
    limit: Duration,
    counts: Arc<Counts>,
    /// Lives as long as the message is unsettled: closing waits for it.
    _token: Option<TaskTrackerToken>,
}

impl Delivery {
    pub(crate) fn new(
        queue: &str,
        raw: lapin::message::Delivery,
        acks: Arc<Acks>,
        limit: Duration,
        counts: Arc<Counts>,
        token: TaskTrackerToken,
    ) -> Self {
        acks.arrived(raw.delivery_tag);
        let headers = raw.properties.headers().as_ref().map(Headers::read).unwrap_or_default();
        let word = |value: &Option<lapin::types::ShortString>| {
            value.as_ref().map(|v| v.as_str().to_owned())
        };
        Self {
            queue: queue.to_owned(),
            exchange: raw.exchange.as_str().to_owned(),
            routing_key: raw.routing_key.as_str().to_owned(),
            message_id: word(raw.properties.message_id()),
            content_type: word(raw.properties.content_type()),
            redelivered: raw.redelivered,
            headers,
            arrived_at: Instant::now(),
            body: raw.data,
            settle: Some(Settle {
                acker: raw.acker,
                tag: raw.delivery_tag,
                acks: Some(acks),
                limit,
                counts,
                _token: Some(token),
            }),
        }
    }

    /// A delivery that came from no broker, for tests of handlers; settling it always succeeds.
    pub fn detached(
        queue: &str,
        routing_key: &str,
        message_id: Option<&str>,
        body: Vec<u8>,
    ) -> Self {
        let raw = lapin::message::Delivery::mock(0, "".into(), "".into(), false, Vec::new());
        let settle = Settle {
            acker: raw.acker,
            tag: 0,
            acks: None,
            limit: Duration::from_secs(1),
            counts: Arc::default(),
            _token: None,
        };
        Self {
            queue: queue.to_owned(),
            exchange: String::new(),
            routing_key: routing_key.to_owned(),
            body,
            message_id: message_id.map(str::to_owned),
            content_type: None,
            redelivered: false,
            headers: Headers::default(),
            arrived_at: Instant::now(),
            settle: Some(settle),
        }
    }

    /// Tells the broker that the message is done: only after the durable record.
    pub async fn ack(mut self) -> Acked {
        match self.settle.take() {
            Some(settle) => settle.ack().await,
            None => Acked::Lost,
        }
    }

    /// Gives the message back to its queue, for another worker or a later time. It counts as one delivery, so it must
    /// not become a way of waiting.
    pub async fn requeue(mut self) -> Acked {
        match self.settle.take() {
            Some(settle) => settle.requeue().await,
            None => Acked::Lost,
        }
    }

    /// Whether its channel still stands; if not, an ack will be lost and the message comes again.
    pub fn is_live(&self) -> bool {
        self.settle.as_ref().is_some_and(|settle| settle.acker.usable())
    }
}

impl Settle {
    async fn ack(&self) -> Acked {
        if let Some(acks) = &self.acks {
            return acks.ack(self.tag, &self.acker).await;
        }
        let written =
            tokio::time::timeout(self.limit, self.acker.ack(BasicAckOptions::default())).await;
        if matches!(written, Ok(Ok(true))) {
            self.counts.acked.one();
            Acked::Yes
        } else {
            self.counts.lost_acks.one();
            Acked::Lost
        }
    }

    async fn requeue(&self) -> Acked {
        let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        let written = tokio::time::timeout(self.limit, self.acker.nack(options)).await;
        if matches!(written, Ok(Ok(true))) {
            self.counts.requeued.one();
            if let Some(acks) = &self.acks {
                // not before: an ack of later ones must not settle what goes back
                acks.returned(self.tag);
            }
            Acked::Yes
        } else {
            Acked::Lost
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let Some(settle) = self.settle.take() else { return };
        if !settle.acker.usable() {
            return; // its channel is gone: the broker has the message back already
        }
        settle.counts.dropped.one();
        tracing::warn!(
            queue = self.queue,
            "a delivery was dropped unsettled: it goes back to its queue"
        );
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { settle.requeue().await });
        }
    }
}

impl fmt::Debug for Delivery {
    /// Without the body: it may hold a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("queue", &self.queue)
            .field("routing_key", &self.routing_key)
            .field("bytes", &self.body.len())
            .field("redelivered", &self.redelivered)
            .finish_non_exhaustive()
    }
}

/// The headers that Ulak reads.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// W3C trace context of whoever published.
    pub traceparent: Option<String>,
    /// `x-delivery-count`: earlier deliveries of this message from this quorum queue, as this broker version counts.
    pub delivery_count: u64,
    /// `x-death`: why the broker moved it here, newest first.
    pub deaths: Vec<Death>,
    words: BTreeMap<String, String>,
}

/// One entry of `x-death`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Death {
    /// Queue it was thrown out of.
    pub queue: String,
    /// `delivery_limit`, `rejected`, `expired` or `maxlen`.
    pub reason: String,
    /// How often that happened.
    pub count: u64,
}

impl Headers {
    /// The value of a header `x-ulak-…` or `x-first-death-…`, if it is a text or a number.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.words.get(name).map(String::as_str)
    }

    /// How often the broker threw this body out of work queues, over all queues and reasons.
    pub fn death_count(&self) -> u64 {
        // the table is whatever a publisher put there
        self.deaths.iter().fold(0, |all, death| all.saturating_add(death.count))
    }

    /// Reads the table of a delivery. Public for the fuzz targets.
    #[doc(hidden)]
    pub fn read(table: &FieldTable) -> Self {
        let mut headers = Self::default();
        for (name, value) in table.inner() {
            match name.as_str() {
                "traceparent" => headers.traceparent = word(value).filter(|text| text.len() <= 128),
                "x-delivery-count" => headers.delivery_count = number(value).unwrap_or(0),
                "x-death" => headers.deaths = deaths(value),
                known if known.starts_with("x-ulak-") || known.starts_with("x-first-death-") => {
                    if let Some(text) = word(value) {
                        headers.words.insert(known.to_owned(), text);
                    }
                }
                _ => {}
            }
        }
        headers
    }
}

impl fmt::Debug for Headers {
    /// Names and counts only: values come from outside, those of `x-death` too where a publisher made one up.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Headers")
            .field("traceparent", &self.traceparent.is_some())
            .field("delivery_count", &self.delivery_count)
            .field("deaths", &self.deaths.len())
            .field("words", &self.words.keys())
            .finish()
    }
}

fn deaths(value: &AMQPValue) -> Vec<Death> {
    let AMQPValue::FieldArray(entries) = value else { return Vec::new() };
    let read = |entry: &AMQPValue| {
        let AMQPValue::FieldTable(table) = entry else { return None };
        let get = |name: &str| table.inner().get(name);
        Some(Death {
            queue: get("queue").and_then(word).unwrap_or_default(),
            reason: get("reason").and_then(word).unwrap_or_default(),
            count: get("count").and_then(number).unwrap_or(1),
        })
    };
    entries.as_slice().iter().filter_map(read).collect()
}

fn word(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok().map(str::to_owned),
        AMQPValue::ShortString(text) => Some(text.as_str().to_owned()),
        other => number(other).map(|n| n.to_string()),
    }
}

fn number(value: &AMQPValue) -> Option<u64> {
    match *value {
        AMQPValue::ShortShortInt(n) => u64::try_from(n).ok(),
        AMQPValue::ShortShortUInt(n) => Some(n.into()),
        AMQPValue::ShortInt(n) => u64::try_from(n).ok(),
        AMQPValue::ShortUInt(n) => Some(n.into()),
        AMQPValue::LongInt(n) => u64::try_from(n).ok(),
        AMQPValue::LongUInt(n) => Some(n.into()),
        AMQPValue::LongLongInt(n) => u64::try_from(n).ok(),
        AMQPValue::Timestamp(n) => Some(n),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use lapin::types::FieldArray;

    use super::*;

    fn text(value: &str) -> AMQPValue {
        AMQPValue::LongString(value.into())
    }

    #[test]
    fn headers_are_read_and_unknown_ones_are_left_alone() {
        let mut death = FieldTable::default();
        death.insert("queue".into(), text("ulak.payment-receipt"));
        death.insert("reason".into(), text("delivery_limit"));
        death.insert("count".into(), AMQPValue::LongLongInt(2));
        let mut table = FieldTable::default();
        table.insert("traceparent".into(), text("00-abc-def-01"));
        table.insert("x-delivery-count".into(), AMQPValue::LongLongInt(7));
        table.insert("x-ulak-reason".into(), text("not-json"));
        table.insert("x-ulak-release".into(), AMQPValue::LongUInt(3));
        table.insert("x-other".into(), text("Ayşe"));
        table.insert(
            "x-death".into(),
            AMQPValue::FieldArray(FieldArray::from(vec![
                AMQPValue::FieldTable(death),
                AMQPValue::Void,
            ])),
        );
        let headers = Headers::read(&table);
        assert_eq!(headers.traceparent.as_deref(), Some("00-abc-def-01"));
        assert_eq!((headers.delivery_count, headers.death_count()), (7, 2));
        assert_eq!(headers.deaths[0].reason, "delivery_limit");
        assert_eq!(
            (headers.get("x-ulak-reason"), headers.get("x-ulak-release")),
            (Some("not-json"), Some("3"))
        );
        assert_eq!(headers.get("x-other"), None);
    }

    #[test]
    fn headers_of_a_wrong_type_are_ignored() {
        let mut table = FieldTable::default();
        table.insert("traceparent".into(), AMQPValue::LongString(vec![0xff, 0xfe].into()));
        table.insert("x-delivery-count".into(), AMQPValue::LongLongInt(-1));
        table.insert("x-death".into(), text("nonsense"));
        table.insert("x-ulak-reason".into(), AMQPValue::Boolean(true));
        assert_eq!(Headers::read(&table), Headers::default());
    }

    #[tokio::test]
    async fn a_detached_delivery_is_settled_like_a_real_one_and_never_shows_its_body() {
        let delivery = Delivery::detached("q", "ulak.x.v1", Some("m-1"), b"Ay\xc5\x9fe".to_vec());
        assert!(!format!("{delivery:?}").contains("65") && delivery.is_live());
        assert_eq!(delivery.ack().await, Acked::Yes);
        assert_eq!(Delivery::detached("q", "k", None, Vec::new()).requeue().await, Acked::Yes);
    }
}
