//! What is declared, and what happens where it differs.

use bus::{Bus, BusError, Object, names};
use lapin::{
    ExchangeKind,
    options::{ExchangeDeclareOptions, QueueDeclareOptions},
    types::FieldTable,
};

use crate::node::{Node, QUEUE, TYPE, fill, notification, publish, services, types, within};

/// Runs the command that the error prints, as an operator would.
async fn mend(error: &BusError, from: &str) {
    let text = error.to_string();
    let start = text.find(from).unwrap_or_else(|| panic!("no `{from}` in: {text}"));
    let line = text[start..].split('`').next().unwrap().strip_prefix("rabbitmqctl ").unwrap();
    let mut words = Vec::new();
    for (n, part) in line.split('\'').enumerate() {
        if n % 2 == 1 { words.push(part) } else { words.extend(part.split_whitespace()) }
    }
    services("ctl", &words).await;
}

#[tokio::test]
async fn everything_is_declared_and_declaring_again_at_the_same_time_changes_nothing() {
    let node = Node::shared().await;
    let settings = node.settings();
    let topology = types();
    let all = (0..4).map(|_| topology.declare(&settings));
    for result in within(futures::future::join_all(all)).await {
        result.unwrap();
    }
    let queues = services(
        "ctl",
        &["list_queues", "-p", &node.vhost, "name", "arguments", "durable", "type"],
    )
    .await;
    for queue in topology.queues() {
        assert!(
            queues
                .lines()
                .any(|l| l.starts_with(queue) && l.contains("quorum") && l.contains("true")),
            "{queues}"
        );
    }
    let facts = queues.lines().find(|l| l.starts_with(names::FACTS)).unwrap();
    assert!(
        facts.contains("x-single-active-consumer") && facts.contains("at-least-once"),
        "{facts}"
    );
    within(topology.declare(&settings)).await.unwrap();
    let again = services(
        "ctl",
        &["list_queues", "-p", &node.vhost, "name", "arguments", "durable", "type"],
    )
    .await;
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&queues), sorted(&again));
}

#[tokio::test]
async fn a_queue_with_other_arguments_is_named_with_the_command_that_mends_it() {
    let node = Node::shared().await;
    let (connection, channel) = node.raw().await;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(QUEUE.into(), durable, FieldTable::default()).await.unwrap();
    connection.close(200, "OK".into()).await.unwrap();

    let bus = Bus::start(node.settings(), types()).unwrap();
    let error = within(bus.ready()).await.unwrap_err();
    within(bus.close()).await;
    let BusError::Mismatch { object: Object::Queue, name, vhost, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((name.as_str(), vhost), (QUEUE, &node.vhost));
    let text = error.to_string();
    assert!(
        text.contains("keep its messages")
            && text.contains("inequivalent arg")
            && !text.contains('\n'),
        "{text}"
    );
    mend(&error, "rabbitmqctl -p '").await; // the look
    mend(&error, &format!("rabbitmqctl -p '{vhost}' delete_queue")).await;
    within(types().declare(&node.settings())).await.unwrap();
}

#[tokio::test]
async fn an_exchange_with_other_arguments_is_named_with_the_command_that_mends_it() {
    let node = Node::shared().await;
    let (connection, channel) = node.raw().await;
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel
        .exchange_declare(
            names::NOTIFICATIONS.into(),
            ExchangeKind::Topic,
            durable,
            FieldTable::default(),
        )
        .await
        .unwrap();
    connection.close(200, "OK".into()).await.unwrap();
    let error = within(types().declare(&node.settings())).await.unwrap_err();
    assert!(matches!(&error, BusError::Mismatch { object: Object::Exchange, .. }), "{error}");
    mend(&error, "rabbitmqctl eval").await;
    within(types().declare(&node.settings())).await.unwrap();
}

#[tokio::test]
async fn an_unroutable_event_of_either_exchange_ends_in_the_unroutable_queue() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    publish(&bus, notification("ulak.nobody-knows.v1", "n-1")).await;
    let mut fact = notification("foreign.thing.v1", "f-1");
    fact.exchange = names::CLINIC_EVENTS.to_owned();
    publish(&bus, fact).await;
    let (consumer, mut deliveries) = bus.consume(names::UNROUTABLE, 10);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let delivery = within(deliveries.recv()).await.unwrap();
        seen.push((delivery.exchange.clone(), delivery.routing_key.clone()));
        let _ = delivery.ack().await;
    }
    seen.sort();
    let pair = |exchange: &str, key: &str| (exchange.to_owned(), key.to_owned());
    assert_eq!(
        seen,
        [
            pair(names::CLINIC_EVENTS, "foreign.thing.v1"),
            pair(names::NOTIFICATIONS, "ulak.nobody-knows.v1")
        ]
    );
    within(consumer.close(std::time::Duration::from_secs(5))).await;
    within(bus.close()).await;
}

#[tokio::test]
async fn events_reach_the_queue_of_their_type_and_facts_theirs() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    publish(&bus, notification(TYPE, "receipt")).await;
    publish(&bus, notification("ulak.appointment-reminder.v1", "reminder")).await;
    let mut fact = notification("clinic.appointment-booked.v1", "fact");
    fact.exchange = names::CLINIC_EVENTS.to_owned();
    publish(&bus, fact).await;
    for (queue, id) in
        [(QUEUE, "receipt"), ("ulak.appointment-reminder", "reminder"), (names::FACTS, "fact")]
    {
        assert_eq!(node.take(queue).await.data, id.as_bytes(), "{queue}");
    }
    within(bus.close()).await;
}

#[tokio::test]
async fn a_message_returned_too_often_is_moved_to_the_returned_queue_and_says_from_where() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    fill(&bus, "poison", 1).await;
    let (work, mut deliveries) = bus.consume(QUEUE, 1);
    let (returned, mut thrown_out) = bus.consume(names::RETURNED, 1);
    let (mut times, mut last_count) = (0, 0);
    let moved = loop {
        tokio::select! {
            Some(delivery) = deliveries.recv() => {
                times += 1;
                last_count = delivery.headers.delivery_count;
                let _ = delivery.requeue().await;
            }
            moved = within(thrown_out.recv()) => break moved.unwrap(),
        }
    };
    assert_eq!((times, last_count), (101, 100));
    assert_eq!(moved.message_id.as_deref(), Some("poison-0"));
    assert_eq!((moved.headers.deaths[0].queue.as_str(), moved.headers.death_count()), (QUEUE, 1));
    assert_eq!(moved.headers.deaths[0].reason, "delivery_limit");
    assert_eq!(moved.headers.get("x-first-death-queue"), Some(QUEUE));
    let _ = moved.ack().await;
    for consumer in [work, returned] {
        within(consumer.close(std::time::Duration::from_secs(5))).await;
    }
    within(bus.close()).await;
}
