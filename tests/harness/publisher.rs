//! A clinic's publisher, and a look at queues past the product: bare lapin.

use futures::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions,
    ConfirmSelectOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

use super::event::Event;
use super::process::PATIENCE;
use super::services::random_name;

/// Exchange that clinics publish notifications to.
pub const NOTIFICATIONS: &str = "ulak.notifications";

/// A connection with a confirming channel.
pub struct Publisher {
    connection: Connection,
    channel: Channel,
}

/// A dead letter on the broker.
#[derive(Debug)]
pub struct DeadCopy {
    /// AMQP message id.
    pub message_id: String,
    /// Header `x-ulak-reason`.
    pub reason: String,
    /// Header `x-ulak-path`; `None`: it is missing.
    pub path: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Publisher {
    /// Connects.
    pub async fn connect(url: &str) -> Self {
        let connect = Connection::connect(url, ConnectionProperties::default());
        let connection = within(connect).await.expect("RabbitMQ takes us");
        let channel = within(connection.create_channel()).await.expect("a channel");
        within(channel.confirm_select(ConfirmSelectOptions::default())).await.expect("confirms");
        Self { connection, channel }
    }

    /// Publishes an event by its own type.
    pub async fn event(&self, event: &Event) {
        self.body(NOTIFICATIONS, event.kind(), &event.body(), &random_name()).await;
    }

    /// Publishes an event with a trace context beside it.
    pub async fn traced(&self, event: &Event, traceparent: &str) {
        self.traced_to(NOTIFICATIONS, event, traceparent).await;
    }

    /// The same to another exchange.
    pub async fn traced_to(&self, exchange: &str, event: &Event, traceparent: &str) {
        let mut headers = FieldTable::default();
        headers.insert("traceparent".into(), AMQPValue::LongString(traceparent.into()));
        let place = (exchange, event.kind());
        self.with_headers(place, &event.body(), &random_name(), headers).await;
    }

    /// Publishes any bytes; returns when the broker has confirmed them.
    pub async fn body(&self, exchange: &str, routing_key: &str, body: &[u8], message_id: &str) {
        let place = (exchange, routing_key);
        self.with_headers(place, body, message_id, FieldTable::default()).await;
    }

    async fn with_headers(
        &self,
        (exchange, routing_key): (&str, &str),
        body: &[u8],
        message_id: &str,
        headers: FieldTable,
    ) {
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_content_type("application/cloudevents+json".into())
            .with_headers(headers)
            .with_message_id(message_id.into());
        let publish = self.channel.basic_publish(
            exchange.into(),
            routing_key.into(),
            BasicPublishOptions::default(),
            body,
            properties,
        );
        let confirm = within(async { publish.await.expect("published").await }).await;
        let confirm = confirm.expect("a confirm");
        assert!(matches!(confirm, Confirmation::Ack(None)), "not confirmed: {confirm:?}");
    }

    /// Takes exactly `count` dead letters; another one beyond them is a failure.
    pub async fn dead_letters(&self, count: usize) -> Vec<DeadCopy> {
        let channel = within(self.connection.create_channel()).await.expect("a channel");
        // Without acks: RabbitMQ forgets some of those that come just before a channel is closed
        // (facts/rabbitmq_practice.md §2.11), and their messages would look like further copies.
        let consume = channel.basic_consume(
            "ulak.dead-letter".into(),
            "e2e".into(),
            BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() },
            FieldTable::default(),
        );
        let mut stream = within(consume).await.expect("the queue is there");
        let mut copies = Vec::with_capacity(count);
        while copies.len() < count {
            let next = tokio::time::timeout(PATIENCE, stream.next()).await;
            let Ok(Some(Ok(delivery))) = next else {
                panic!("{} of {count} dead letters came within a minute", copies.len());
            };
            copies.push(dead_copy(delivery));
        }
        let cancel = channel.basic_cancel("e2e".into(), BasicCancelOptions::default());
        within(cancel).await.expect("cancelled");
        let more = within(stream.next()).await.map(|delivery| dead_copy(delivery.expect("one")));
        assert!(more.is_none(), "one too many: {more:?}");
        within(channel.close(200, "OK".into())).await.expect("closed");
        let more = self.get("ulak.dead-letter").await.map(dead_copy);
        assert!(more.is_none(), "one too many: {more:?}");
        copies
    }

    /// One message of a queue, taken; `None`: there is none.
    pub async fn get(&self, queue: &str) -> Option<Delivery> {
        let options = BasicGetOptions { no_ack: true };
        let got = within(self.channel.basic_get(queue.into(), options)).await.expect("the queue");
        got.map(|message| message.delivery)
    }

    /// How often each message that is ready in a queue was delivered before. All stay in the queue; this look counts as
    /// another delivery of each.
    pub async fn delivery_counts(&self, queue: &str) -> Vec<i64> {
        let channel = within(self.connection.create_channel()).await.expect("a channel");
        let mut counts = Vec::new();
        let get = || channel.basic_get(queue.into(), BasicGetOptions::default());
        while let Some(message) = within(get()).await.expect("the queue") {
            let headers = message.delivery.properties.headers().as_ref();
            let count = headers.and_then(|headers| headers.inner().get("x-delivery-count"));
            counts.push(count.and_then(AMQPValue::as_long_long_int).unwrap_or(0));
        }
        // What was not acked goes back with its channel.
        within(channel.close(200, "OK".into())).await.expect("closed");
        counts
    }

    /// Empties a queue; returns how many messages were ready in it.
    pub async fn purge(&self, queue: &str) -> u64 {
        let purge = self.channel.queue_purge(queue.into(), QueuePurgeOptions::default());
        u64::from(within(purge).await.expect("the queue is there"))
    }
}

fn dead_copy(delivery: Delivery) -> DeadCopy {
    let header = |name: &str| {
        let headers = delivery.properties.headers().as_ref()?;
        let text = headers.inner().get(name)?.as_long_string()?.to_string();
        Some(text)
    };
    let message_id = delivery.properties.message_id().as_ref();
    DeadCopy {
        message_id: message_id.map(ToString::to_string).unwrap_or_default(),
        reason: header("x-ulak-reason").unwrap_or_default(),
        path: header("x-ulak-path"),
        body: delivery.data,
    }
}

/// Nothing here may hang.
async fn within<F: Future>(step: F) -> F::Output {
    tokio::time::timeout(PATIENCE, step).await.expect("RabbitMQ answers within a minute")
}
