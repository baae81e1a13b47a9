//! A clean stop loses no ack (rabbitmq-server issue 10327: without care 1–4 % come again).

use std::{collections::HashSet, time::Duration};

use bus::{Acked, Bus, Delivery};

use crate::node::{Node, QUEUE, fill, within};

/// Twenty in each of the two tests: forty stops (rabbitmq_practice §4.9).
const ROUNDS: usize = 20;
const ACKS: usize = 300;

/// Takes `ACKS` messages, stops, acks them all and closes at once: the order in which acks get lost. The ids.
async fn take_and_close(bus: &Bus) -> Vec<(String, bool)> {
    let (consumer, mut deliveries) = bus.consume(QUEUE, 300);
    let mut held = Vec::new();
    for _ in 0..ACKS {
        held.push(within(deliveries.recv()).await.unwrap());
    }
    within(consumer.stop_taking()).await;
    let seen = held.iter().map(|d| (d.message_id.clone().unwrap(), d.redelivered)).collect();
    for acked in futures::future::join_all(held.into_iter().map(Delivery::ack)).await {
        assert_eq!(acked, Acked::Yes);
    }
    assert_eq!(within(consumer.close(Duration::from_secs(5))).await, 0);
    seen
}

#[tokio::test]
async fn no_acked_message_comes_again_after_a_clean_stop_on_an_emptied_queue() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    let mut acked = HashSet::new();
    for round in 0..ROUNDS {
        fill(&bus, &format!("r{round}"), ACKS).await;
        for (id, redelivered) in take_and_close(&bus).await {
            assert!(!redelivered, "{id} came again");
            assert!(acked.insert(id));
        }
    }
    within(bus.close()).await;
}

#[tokio::test]
async fn no_acked_message_comes_again_after_a_clean_stop_on_a_queue_that_still_has_messages() {
    let node = Node::shared().await;
    let bus = node.bus().await;
    fill(&bus, "m", ROUNDS * ACKS + 200).await;
    let mut acked = HashSet::new();
    for _ in 0..ROUNDS {
        // Unstarted ones are returned and marked redelivered, rightly; acked ones must never be seen again.
        for (id, _) in take_and_close(&bus).await {
            assert!(acked.insert(id.clone()), "{id} came again");
        }
    }
    within(bus.close()).await;
}
