//! A consumer that takes, pauses, stops, and comes back.

use std::{collections::HashSet, time::Duration};

use bus::{Acked, Bus, ConsumerState, names};
use lapin::options::QueueDeleteOptions;

use crate::{
    node::{
        Node, QUEUE, TYPE, direct, fill, notification, publish, services, settings, types, within,
    },
    wire::{self, Proxy},
};

const GRACE: Duration = Duration::from_secs(5);

/// Ready and unacked messages of a queue.
async fn counted(node: &Node, queue: &str) -> (u64, u64) {
    let columns =
        ["list_queues", "-p", &node.vhost, "name", "messages_ready", "messages_unacknowledged"];
    let listed = services("ctl", &columns).await;
    let line = listed.lines().find(|l| l.split_whitespace().next() == Some(queue)).unwrap();
    let mut numbers = line.split_whitespace().skip(1).map(|n| n.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// The broker's numbers lag behind by a moment: asks until they are so.
async fn until_counted(node: &Node, queue: &str, wanted: (u64, u64)) {
    within(async { while counted(node, queue).await != wanted {} }).await;
}

#[tokio::test]
async fn a_channel_error_brings_the_consumer_back_and_late_acks_are_counted_as_lost() {
    let node = Node::shared().await;
    let proxy = Proxy::start(wire::free_port().await, &node.address).await;
    let direct_bus = node.bus().await;
    fill(&direct_bus, "m", 2).await;
    let bus = Bus::start(settings(&node.url_at(&proxy.address.to_string())), types()).unwrap();
    let (consumer, mut deliveries) = bus.consume(QUEUE, 2);
    let first = within(deliveries.recv()).await.unwrap();
    let second = within(deliveries.recv()).await.unwrap();
    let id = second.message_id.clone();

    proxy.ack_a_wrong_tag();
    assert_eq!(first.ack().await, Acked::Yes); // the frame behind which the wrong one goes out
    let again = within(deliveries.recv()).await.unwrap();
    assert_eq!(
        (again.message_id.clone(), again.redelivered, again.headers.delivery_count),
        (id, true, 1)
    );
    assert!(!second.is_live() && again.is_live());
    assert_eq!(second.ack().await, Acked::Lost);
    assert_eq!(again.ack().await, Acked::Yes);
    fill(&direct_bus, "later", 1).await;
    let third = within(deliveries.recv()).await.unwrap();
    assert_eq!(third.message_id.as_deref(), Some("later-0"));
    assert_eq!(third.ack().await, Acked::Yes);
    let counts = consumer.counts();
    assert_eq!((counts.acked, counts.lost_acks, counts.sessions), (3, 1, 2));
    assert_eq!(within(consumer.close(GRACE)).await, 0);
    within(futures::future::join(bus.close(), direct_bus.close())).await;
}

#[tokio::test]
async fn a_queue_deleted_under_the_consumer_is_declared_and_consumed_again() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    let (consumer, mut deliveries) = bus.consume(QUEUE, 5);
    fill(&bus, "before", 1).await;
    let held = within(deliveries.recv()).await.unwrap();

    let (connection, channel) = node.raw().await;
    channel.queue_delete(QUEUE.into(), QueueDeleteOptions::default()).await.unwrap();
    connection.close(200, "OK".into()).await.unwrap();
    within(async {
        while consumer.counts().sessions < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    within(consumer.taking()).await.unwrap();
    publish(&bus, notification(TYPE, "after")).await; // by its binding, which went with the queue
    let delivery = within(deliveries.recv()).await.unwrap();
    assert_eq!(delivery.message_id.as_deref(), Some("after"));
    assert_eq!(delivery.ack().await, Acked::Yes);
    let _ = held.ack().await; // its queue is gone; the ack must not hurt the session
    fill(&bus, "last", 1).await;
    assert_eq!(within(deliveries.recv()).await.unwrap().ack().await, Acked::Yes);
    assert_eq!(consumer.counts().sessions, 2);
    assert_eq!(within(consumer.close(GRACE)).await, 0);
    within(bus.close()).await;
}

#[tokio::test]
async fn no_more_than_the_prefetch_is_ever_with_the_process() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    fill(&bus, "m", 50).await;
    let (consumer, mut deliveries) = bus.consume(QUEUE, 7);
    let mut held = Vec::new();
    for _ in 0..7 {
        held.push(within(deliveries.recv()).await.unwrap());
    }
    until_counted(&node, QUEUE, (43, 7)).await;
    assert_eq!((consumer.unsettled(), consumer.counts().delivered), (7, 7));
    for delivery in held {
        assert_eq!(delivery.ack().await, Acked::Yes);
    }
    assert!(within(deliveries.recv()).await.is_some());
    within(consumer.close(Duration::ZERO)).await;
    within(bus.close()).await;
}

#[tokio::test]
async fn a_paused_consumer_gives_back_what_nobody_started_and_resumes() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    fill(&bus, "m", 20).await;
    let (consumer, mut deliveries) = bus.consume(QUEUE, 10);
    let started = within(deliveries.recv()).await.unwrap();
    within(consumer.pause()).await;
    assert_eq!(consumer.state(), ConsumerState::Paused);
    assert_eq!(consumer.unsettled(), 1);
    until_counted(&node, QUEUE, (19, 1)).await;
    assert_eq!(started.ack().await, Acked::Yes); // still on its channel

    fill(&bus, "new", 1).await;
    let idle = tokio::time::timeout(Duration::from_millis(200), deliveries.recv()).await;
    assert!(idle.is_err(), "a delivery while paused");
    consumer.resume();
    within(consumer.taking()).await.unwrap();
    let mut seen = HashSet::new();
    for _ in 0..20 {
        let delivery = within(deliveries.recv()).await.unwrap();
        assert!(delivery.headers.delivery_count <= 1, "given back more than once");
        seen.insert(delivery.message_id.clone().unwrap());
        assert_eq!(delivery.ack().await, Acked::Yes);
    }
    assert_eq!(seen.len(), 20);
    assert_eq!((consumer.counts().lost_acks, within(consumer.close(GRACE)).await), (0, 0));
    within(bus.close()).await;
}

/// As in an outage of the ledger: handlers keep what they hold, and the broker must not die of it (see `consumer::session`).
#[tokio::test]
async fn a_consumer_that_pauses_and_resumes_while_messages_are_held_keeps_its_connection() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    fill(&bus, "m", 60).await;
    let (consumer, mut deliveries) = bus.consume(QUEUE, 50);
    let mut held = Vec::new();
    for round in 1..=5 {
        for _ in 0..4 {
            held.push(within(deliveries.recv()).await.unwrap());
        }
        within(consumer.pause()).await;
        consumer.resume();
        within(async {
            while consumer.counts().sessions <= round {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
    for _ in held.len()..60 {
        let next = within(deliveries.recv()).await.unwrap();
        assert_eq!(next.ack().await, Acked::Yes);
        if let Some(delivery) = held.pop() {
            assert_eq!(delivery.ack().await, Acked::Yes, "its channel died");
        }
    }
    let counts = consumer.counts();
    assert_eq!((counts.sessions, counts.lost_acks), (6, 0));
    assert_eq!(within(consumer.close(GRACE)).await, 0);
    within(bus.close()).await;
}

#[tokio::test]
async fn pausing_and_resuming_in_haste_ends_in_a_consumer_that_takes() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    let (consumer, mut deliveries) = bus.consume(QUEUE, 10);
    for round in 0..30 {
        if round % 3 == 0 {
            consumer.resume(); // while it takes
            let _ = tokio::time::timeout(Duration::from_micros(round * 40), consumer.pause()).await;
        } else {
            within(consumer.pause()).await;
        }
        consumer.resume();
    }
    fill(&bus, "m", 3).await;
    for _ in 0..3 {
        assert_eq!(within(deliveries.recv()).await.unwrap().ack().await, Acked::Yes);
    }
    assert_eq!(within(consumer.close(GRACE)).await, 0);
    within(bus.close()).await;
}

#[tokio::test]
async fn a_stopped_consumer_returns_unstarted_messages_at_once_and_started_ones_can_still_be_acked()
{
    let node = Node::shared().await;
    let bus = node.bus().await;
    fill(&bus, "m", 10).await;
    let (consumer, mut deliveries) = bus.consume(QUEUE, 10);
    let started = within(deliveries.recv()).await.unwrap();
    within(consumer.stop_taking()).await;
    assert!(within(deliveries.recv()).await.is_none());
    until_counted(&node, QUEUE, (9, 1)).await;
    consumer.resume(); // too late
    let closing = tokio::spawn({
        let consumer = consumer.clone();
        async move { consumer.close(Duration::from_secs(30)).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(started.ack().await, Acked::Yes);
    assert_eq!(within(closing).await.unwrap(), 0);
    assert_eq!(consumer.state(), ConsumerState::Closed);
    until_counted(&node, QUEUE, (9, 0)).await;
    within(bus.close()).await;
}

#[tokio::test]
async fn closing_does_not_wait_longer_than_its_grace_and_says_what_was_left() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    fill(&bus, "m", 2).await;
    let (consumer, mut deliveries) = bus.consume(QUEUE, 10);
    let stuck = within(deliveries.recv()).await.unwrap();
    assert_eq!(within(consumer.close(Duration::from_millis(100))).await, 1);
    assert_eq!(stuck.ack().await, Acked::Lost);
    until_counted(&node, QUEUE, (2, 0)).await;
    within(bus.close()).await;
}

#[tokio::test]
async fn a_delivery_dropped_unsettled_goes_back_and_its_place_is_free_again() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    fill(&bus, "m", 1).await;
    let (consumer, mut deliveries) = bus.consume(QUEUE, 1);
    let delivery = within(deliveries.recv()).await.unwrap();
    let handler = tokio::spawn(async move {
        let _held = delivery;
        panic!("a handler's bug");
    });
    assert!(handler.await.unwrap_err().is_panic());
    let again = within(deliveries.recv()).await.unwrap();
    assert_eq!((again.redelivered, consumer.counts().dropped), (true, 1));
    assert_eq!(again.ack().await, Acked::Yes);
    assert_eq!(within(consumer.close(GRACE)).await, 0);
    within(bus.close()).await;
}

#[tokio::test]
async fn a_body_of_a_megabyte_and_an_empty_one_are_handed_over_whole() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    let mut large = direct(QUEUE, "large");
    large.body = vec![b'x'; 1 << 20];
    let mut empty = direct(QUEUE, "empty");
    empty.body = Vec::new();
    publish(&bus, large).await;
    publish(&bus, empty).await;
    let (consumer, mut deliveries) = bus.consume(QUEUE, 5);
    for size in [1 << 20, 0] {
        let delivery = within(deliveries.recv()).await.unwrap();
        assert_eq!(delivery.body.len(), size);
        assert_eq!(delivery.ack().await, Acked::Yes);
    }
    assert_eq!(within(consumer.close(GRACE)).await, 0);
    within(bus.close()).await;
}

#[tokio::test]
async fn facts_go_to_one_consumer_and_the_next_takes_over() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    let (first, mut one) = bus.consume(names::FACTS, 10);
    within(first.taking()).await.unwrap();
    let (second, mut two) = bus.consume(names::FACTS, 10);
    within(second.taking()).await.unwrap();
    for n in 0..3 {
        let mut fact = notification("clinic.appointment-booked.v1", &format!("f-{n}"));
        fact.exchange = names::CLINIC_EVENTS.to_owned();
        publish(&bus, fact).await;
        assert_eq!(within(one.recv()).await.unwrap().ack().await, Acked::Yes);
    }
    assert_eq!(second.counts().delivered, 0);
    assert_eq!(within(first.close(GRACE)).await, 0);
    let mut fact = notification("clinic.appointment-booked.v1", "f-3");
    fact.exchange = names::CLINIC_EVENTS.to_owned();
    publish(&bus, fact).await;
    let taken = within(two.recv()).await.unwrap();
    assert_eq!((taken.message_id.as_deref(), taken.redelivered), (Some("f-3"), false));
    assert_eq!(taken.ack().await, Acked::Yes);
    assert_eq!(within(second.close(GRACE)).await, 0);
    within(bus.close()).await;
}
