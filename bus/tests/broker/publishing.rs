//! Every published message gets its own, true fate.

use std::time::Duration;

use bus::{Bus, Fate, Outgoing};
use futures::{StreamExt, stream};
use lapin::{
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};

use crate::node::{Node, QUEUE, direct, fill, types, within};

#[tokio::test]
async fn with_a_hundred_in_flight_every_return_belongs_to_the_right_message() {
    const MESSAGES: usize = 6_000;
    let node = Node::shared().await;
    let bus = node.bus().await;
    let is_good = |n: usize| n % 5 < 3; // 2,400 of 6,000 come back
    let wrong = stream::iter(0..MESSAGES)
        .map(|n| {
            let queue = if is_good(n) { QUEUE } else { "nowhere" };
            let message = direct(queue, &format!("m-{n}"));
            let publisher = bus.publisher().clone();
            async move { (n, publisher.publish(message).await) }
        })
        .buffer_unordered(300) // always enough to fill the window of 100
        .filter(|(n, fate)| {
            let right = match fate {
                Fate::Confirmed => is_good(*n),
                Fate::Returned(code) => !is_good(*n) && *code == 312,
                Fate::Nacked | Fate::Unconfirmed => false,
            };
            futures::future::ready(!right)
        })
        .take(10)
        .collect::<Vec<_>>();
    assert_eq!(within(wrong).await, []);
    let counts = bus.publisher().counts();
    assert_eq!((counts.returned, counts.confirmed, counts.sessions), (2_400, 3_600, 1));
    eprintln!("published again because of a foreign return: {}", counts.republished);
    within(bus.close()).await;
}

#[tokio::test]
async fn a_message_arrives_durable_with_its_id_type_and_headers() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    let mut message = direct(QUEUE, "ntf_abc-1");
    message.headers = vec![
        (
            "traceparent".to_owned(),
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        ),
        ("x-ulak-reason".to_owned(), "not-json".to_owned()),
        ("x-ulak-path".to_owned(), "ş".repeat(200_000)),
    ];
    assert_eq!(within(bus.publisher().publish(message)).await, Fate::Confirmed);
    let raw = node.take(QUEUE).await;
    assert_eq!(*raw.properties.delivery_mode(), Some(2));
    assert_eq!(raw.properties.message_id().as_ref().unwrap().as_str(), "ntf_abc-1");
    assert_eq!(
        raw.properties.content_type().as_ref().unwrap().as_str(),
        "application/cloudevents+json"
    );
    let headers = raw.properties.headers().as_ref().unwrap().inner();
    assert!(headers.contains_key("traceparent") && headers.contains_key("x-ulak-reason"));
    let AMQPValue::LongString(path) = &headers["x-ulak-path"] else { panic!() };
    assert!(path.as_bytes().len() <= 8 * 1024);
    within(bus.close()).await;
}

#[tokio::test]
async fn names_longer_than_amqp_allows_are_cut_and_harm_nobody() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    let long = "ğ".repeat(200);
    let message = Outgoing { message_id: long.clone(), ..direct(QUEUE, "long") };
    assert_eq!(within(bus.publisher().publish(message)).await, Fate::Confirmed);
    let lost = Outgoing { message_id: long.clone(), routing_key: long, ..direct(QUEUE, "lost") };
    assert_eq!(within(bus.publisher().publish(lost)).await, Fate::Returned(312));
    assert_eq!(bus.publisher().counts().sessions, 1);
    within(bus.close()).await;
}

#[tokio::test]
async fn two_messages_with_one_id_are_published_one_after_the_other_and_both_get_their_fate() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    let all = (0..40).map(|n| {
        let queue = if n % 2 == 0 { QUEUE } else { "nowhere" };
        bus.publisher().publish(direct(queue, "the-same"))
    });
    let fates = within(futures::future::join_all(all)).await;
    for (n, fate) in fates.into_iter().enumerate() {
        assert_eq!(fate, if n % 2 == 0 { Fate::Confirmed } else { Fate::Returned(312) }, "{n}");
    }
    within(bus.close()).await;
}

#[tokio::test]
async fn a_full_queue_refuses_and_the_caller_learns_it() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    let (connection, channel) = node.raw().await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("small".into(), durable, arguments).await.unwrap();
    assert_eq!(within(bus.publisher().publish(direct("small", "one"))).await, Fate::Confirmed);
    assert_eq!(within(bus.publisher().publish(direct("small", "two"))).await, Fate::Nacked);
    connection.close(200, "OK".into()).await.unwrap();
    within(bus.close()).await;
}

#[tokio::test]
async fn a_message_that_kills_its_channel_is_given_back_and_the_others_are_published() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    let poison = Outgoing { exchange: "no.such.exchange".to_owned(), ..direct(QUEUE, "poison") };
    let (fate, ()) =
        within(futures::future::join(bus.publisher().publish(poison), fill(&bus, "good", 300)))
            .await;
    assert_eq!(fate, Fate::Unconfirmed);
    assert!(bus.publisher().counts().sessions > 1);
    assert_eq!(within(bus.publisher().publish(direct(QUEUE, "after"))).await, Fate::Confirmed);
    within(bus.close()).await;
}

#[tokio::test]
async fn an_exchange_deleted_under_the_publisher_is_declared_again() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    let (connection, channel) = node.raw().await;
    let options = lapin::options::ExchangeDeleteOptions::default();
    channel.exchange_delete(bus::names::NOTIFICATIONS.into(), options).await.unwrap();
    connection.close(200, "OK".into()).await.unwrap();
    let fate =
        within(bus.publisher().publish(crate::node::notification(crate::node::TYPE, "m"))).await;
    assert_eq!(fate, Fate::Confirmed);
    assert_eq!(node.take(QUEUE).await.data, b"m");
    within(bus.close()).await;
}

#[tokio::test]
async fn closing_waits_for_the_confirms_that_are_due() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    let publisher = bus.publisher().clone();
    let jobs: Vec<_> = (0..200)
        .map(|n| {
            let publisher = publisher.clone();
            tokio::spawn(async move { publisher.publish(direct(QUEUE, &format!("m-{n}"))).await })
        })
        .collect();
    while publisher.counts().confirmed == 0 {
        tokio::task::yield_now().await;
    }
    within(bus.close()).await;
    let mut confirmed = 0;
    for job in jobs {
        match within(job).await.unwrap() {
            Fate::Confirmed => confirmed += 1,
            Fate::Unconfirmed => {} // handed over after the close began
            other => panic!("{other:?}"),
        }
    }
    let (connection, channel) = node.raw().await;
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare(QUEUE.into(), passive, FieldTable::default()).await.unwrap();
    assert_eq!(queue.message_count(), confirmed);
    connection.close(200, "OK".into()).await.unwrap();
    assert_eq!(publisher.publish(direct(QUEUE, "late")).await, Fate::Unconfirmed);
}

#[tokio::test]
async fn a_caller_that_gives_up_frees_its_place() {
    let node = Node::shared().await;
    let mut settings = node.settings();
    settings.max_in_flight = 2;
    let bus = Bus::start(settings, types()).unwrap();
    for n in 0..50 {
        // Dropped at once: before, while or after it went out.
        let published = bus.publisher().publish(direct(QUEUE, &format!("gone-{n}")));
        let _ = tokio::time::timeout(Duration::from_micros(n * 20), published).await;
    }
    within(bus.ready()).await.unwrap();
    assert_eq!(within(bus.publisher().publish(direct(QUEUE, "last"))).await, Fate::Confirmed);
    within(bus.close()).await;
}
