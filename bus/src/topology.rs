//! Every exchange, queue and binding of Ulak as data (`DESIGN.md` §3.2), and their declaration.

use lapin::{
    Channel, Connection, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};

use crate::{BusError, BusSettings, Object, link};

/// The names that do not depend on event types.
pub mod names {
    /// Exchange to which clinics publish facts (topic, routing key = event type).
    pub const CLINIC_EVENTS: &str = "clinic.events";
    /// Exchange of notifications (topic, routing key = event type).
    pub const NOTIFICATIONS: &str = "ulak.notifications";
    /// Alternate exchange of both (fanout), and its queue.
    pub const UNROUTABLE: &str = "ulak.unroutable";
    /// Exchange (fanout) and queue of what the broker itself throws out of work queues.
    pub const RETURNED: &str = "ulak.returned";
    /// Exchange (fanout) of refused and poison messages.
    pub const DEAD: &str = "ulak.dead";
    /// Queue of refused and poison messages.
    pub const DEAD_LETTER: &str = "ulak.dead-letter";
    /// Exchange (topic) of what Ulak tells back. Clinics bind their own queues.
    pub const OUTCOMES: &str = "ulak.outcomes";
    /// Queue of facts, with a single active consumer.
    pub const FACTS: &str = "ulak.facts";
}

/// Returns of one message before the broker moves it out of a work queue: a guard against crash loops only.
const WORK_DELIVERY_LIMIT: i64 = 100;
/// The other queues have nowhere to move a message to, so a limit would *delete* it, and RabbitMQ 4 has a limit of 20
/// unless one is given. `-1` switches it off there but means "at once" on 3.10 (measured), hence a number never reached.
const NO_DELIVERY_LIMIT: i64 = 1_000_000;

/// One exchange.
#[derive(Clone, Debug, PartialEq)]
struct Exchange {
    name: &'static str,
    kind: ExchangeKind,
    alternate: Option<&'static str>,
}

/// One durable quorum queue.
#[derive(Clone, Debug, PartialEq)]
struct Queue {
    name: String,
    work: bool,
    single_active_consumer: bool,
}

/// One binding.
#[derive(Clone, Debug, PartialEq)]
struct Binding {
    exchange: &'static str,
    queue: String,
    key: String,
}

/// Everything that must exist on the broker. Declaring it again changes nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    exchanges: Vec<Exchange>,
    queues: Vec<Queue>,
    bindings: Vec<Binding>,
}

impl Topology {
    /// The topology for these notification types: pairs of event type (`ulak.payment-receipt.v1`) and its queue
    /// (`ulak.payment-receipt`). Several versions of a type may share a queue.
    pub fn new<T: Into<String>, Q: Into<String>>(types: impl IntoIterator<Item = (T, Q)>) -> Self {
        use names::{
            CLINIC_EVENTS, DEAD, DEAD_LETTER, FACTS, NOTIFICATIONS, OUTCOMES, RETURNED, UNROUTABLE,
        };
        let exchange = |name, kind, alternate| Exchange { name, kind, alternate };
        let keep =
            |name: &str| Queue { name: name.into(), work: false, single_active_consumer: false };
        let bind = |exchange, queue: &str, key: &str| Binding {
            exchange,
            queue: queue.into(),
            key: key.into(),
        };
        let mut topology = Self {
            exchanges: vec![
                exchange(UNROUTABLE, ExchangeKind::Fanout, None),
                exchange(RETURNED, ExchangeKind::Fanout, None),
                exchange(DEAD, ExchangeKind::Fanout, None),
                exchange(CLINIC_EVENTS, ExchangeKind::Topic, Some(UNROUTABLE)),
                exchange(NOTIFICATIONS, ExchangeKind::Topic, Some(UNROUTABLE)),
                exchange(OUTCOMES, ExchangeKind::Topic, None),
            ],
            queues: vec![
                keep(UNROUTABLE),
                keep(RETURNED),
                keep(DEAD_LETTER),
                Queue { name: FACTS.into(), work: true, single_active_consumer: true },
            ],
            bindings: vec![
                bind(UNROUTABLE, UNROUTABLE, ""),
                bind(RETURNED, RETURNED, ""),
                bind(DEAD, DEAD_LETTER, ""),
                bind(CLINIC_EVENTS, FACTS, "clinic.#"),
            ],
        };
        for (event_type, queue) in types {
            let (event_type, queue) = (event_type.into(), queue.into());
            if !topology.queues.iter().any(|known| known.name == queue) {
                topology.queues.push(Queue {
                    name: queue.clone(),
                    work: true,
                    single_active_consumer: false,
                });
            }
            topology.bindings.push(bind(NOTIFICATIONS, &queue, &event_type));
        }
        topology
    }

    /// The queues, in the order of their declaration.
    pub fn queues(&self) -> impl Iterator<Item = &str> {
        self.queues.iter().map(|queue| queue.name.as_str())
    }

    /// The exchanges with their kinds, in the order of their declaration.
    pub(crate) fn exchanges(&self) -> impl Iterator<Item = (&'static str, ExchangeKind)> {
        self.exchanges.iter().map(|exchange| (exchange.name, exchange.kind.clone()))
    }

    /// Whether this queue serves one consumer at a time (`basic.get` is refused there).
    pub(crate) fn has_single_consumer(&self, queue: &str) -> bool {
        self.queues.iter().any(|known| known.name == queue && known.single_active_consumer)
    }

    /// Connects once, declares everything, closes: for `ulak migrate` and `ulak doctor`.
    ///
    /// # Errors
    /// [`BusError::Mismatch`] names the queue or exchange that exists with other arguments and the command that mends
    /// it; [`BusError::AccessRefused`], [`BusError::Unreachable`], [`BusError::Timeout`].
    pub async fn declare(&self, settings: &BusSettings) -> Result<(), BusError> {
        let connection = link::open(settings, "declare").await?;
        let result = self.declare_on(&connection, settings).await;
        link::close_connection(&connection, settings).await;
        result
    }

    /// Declares everything on a channel of its own: a refused declaration closes its channel, and nobody else may be
    /// on that one.
    pub(crate) async fn declare_on(
        &self,
        connection: &Connection,
        settings: &BusSettings,
    ) -> Result<(), BusError> {
        let channel = link::channel(connection, settings).await?;
        let vhost = connection.status().vhost();
        for exchange in &self.exchanges {
            declare_exchange(&channel, exchange, vhost.as_str(), settings).await?;
        }
        for queue in &self.queues {
            declare_queue(&channel, queue, vhost.as_str(), settings).await?;
        }
        for binding in &self.bindings {
            let bound = channel.queue_bind(
                short(&binding.queue),
                short(binding.exchange),
                short(&binding.key),
                QueueBindOptions::default(),
                FieldTable::default(),
            );
            link::within(settings.step_limit, "binding a queue", bound)
                .await?
                .map_err(|e| BusError::at(&format!("binding queue {}", binding.queue), &e))?;
        }
        link::close_channel(&channel, settings).await;
        Ok(())
    }
}

async fn declare_exchange(
    channel: &Channel,
    exchange: &Exchange,
    vhost: &str,
    settings: &BusSettings,
) -> Result<(), BusError> {
    let mut arguments = FieldTable::default();
    if let Some(alternate) = exchange.alternate {
        arguments.insert("alternate-exchange".into(), text(alternate));
    }
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let declared =
        channel.exchange_declare(short(exchange.name), exchange.kind.clone(), options, arguments);
    link::within(settings.step_limit, "declaring an exchange", declared)
        .await?
        .map_err(|e| BusError::at_declare(Object::Exchange, exchange.name, vhost, &e))
}

async fn declare_queue(
    channel: &Channel,
    queue: &Queue,
    vhost: &str,
    settings: &BusSettings,
) -> Result<(), BusError> {
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let declared = channel.queue_declare(short(&queue.name), options, arguments_of(queue));
    link::within(settings.step_limit, "declaring a queue", declared)
        .await?
        .map(|_| ())
        .map_err(|e| BusError::at_declare(Object::Queue, &queue.name, vhost, &e))
}

/// `reject-publish` belongs to at-least-once dead lettering: with the default overflow the broker falls back to
/// at-most-once, which may lose.
fn arguments_of(queue: &Queue) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    if queue.work {
        arguments.insert("x-dead-letter-exchange".into(), text(names::RETURNED));
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        arguments.insert("x-overflow".into(), text("reject-publish"));
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(WORK_DELIVERY_LIMIT));
    } else {
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(NO_DELIVERY_LIMIT));
    }
    if queue.single_active_consumer {
        arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    }
    arguments
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// AMQP's short string holds 255 bytes, and lapin panics beyond: what comes from outside is cut at a character.
pub(crate) fn short(value: &str) -> ShortString {
    let end = value.floor_char_boundary(255);
    ShortString::try_new(&value[..end]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_types() -> Topology {
        Topology::new([
            ("ulak.appointment-reminder.v1", "ulak.appointment-reminder"),
            ("ulak.payment-receipt.v1", "ulak.payment-receipt"),
            ("ulak.payment-receipt.v2", "ulak.payment-receipt"),
        ])
    }

    #[test]
    fn each_type_has_a_work_queue_of_its_own_and_versions_share_it() {
        let topology = two_types();
        let queues: Vec<_> = topology.queues().collect();
        assert_eq!(
            queues,
            [
                "ulak.unroutable",
                "ulak.returned",
                "ulak.dead-letter",
                "ulak.facts",
                "ulak.appointment-reminder",
                "ulak.payment-receipt"
            ]
        );
        let keys: Vec<_> = topology
            .bindings
            .iter()
            .filter(|b| b.queue == "ulak.payment-receipt")
            .map(|b| &b.key)
            .collect();
        assert_eq!(keys, ["ulak.payment-receipt.v1", "ulak.payment-receipt.v2"]);
        assert!(
            topology.has_single_consumer("ulak.facts")
                && !topology.has_single_consumer("ulak.returned")
        );
    }

    #[test]
    fn work_queues_carry_the_stated_arguments_and_no_other_queue_can_drop_a_message() {
        for queue in &two_types().queues {
            let arguments = arguments_of(queue);
            let get = |name: &str| arguments.inner().get(name).cloned();
            assert_eq!(get("x-queue-type"), Some(text("quorum")));
            if queue.work {
                assert_eq!(get("x-dead-letter-exchange"), Some(text("ulak.returned")));
                assert_eq!(get("x-dead-letter-strategy"), Some(text("at-least-once")));
                assert_eq!(get("x-overflow"), Some(text("reject-publish")));
                assert_eq!(get("x-delivery-limit"), Some(AMQPValue::LongLongInt(100)));
            } else {
                assert_eq!(get("x-delivery-limit"), Some(AMQPValue::LongLongInt(1_000_000)));
            }
            assert_eq!(get("x-single-active-consumer").is_some(), queue.name == "ulak.facts");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_becomes_a_short_string_of_at_most_255_bytes(value in ".{0,300}") {
            let cut = short(&value);
            proptest::prop_assert!(cut.as_str().len() <= 255 && value.starts_with(cut.as_str()));
            proptest::prop_assert!(value.len() > 255 || cut.as_str() == value);
        }
    }
}
