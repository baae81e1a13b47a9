//! Coming up: the broker absent, deaf, or unwilling.

use std::time::Duration;

use bus::{Bus, BusError, ConsumerState, Fate, LinkState};
use tokio::time::timeout;

use crate::{
    node::{Node, QUEUE, direct, services, settings, types, within},
    wire::{self, Proxy},
};

#[tokio::test]
async fn a_wrong_password_is_a_permanent_error_that_does_not_tell_the_password() {
    let node = Node::shared().await;
    let url = node.url().replace("guest:guest", "guest:hunter2");
    let bus = Bus::start(settings(&url), types()).unwrap();
    let error = within(bus.ready()).await.unwrap_err();
    assert!(matches!(error, BusError::AccessRefused { .. }) && error.is_permanent(), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert_eq!(within(bus.publisher().publish(direct(QUEUE, "m"))).await, Fate::Unconfirmed);
    let (consumer, mut deliveries) = bus.consume(QUEUE, 1);
    assert!(within(deliveries.recv()).await.is_none());
    assert!(matches!(consumer.state(), ConsumerState::Failed(BusError::AccessRefused { .. })));
    assert!(within(consumer.taking()).await.is_err());
    within(async { (consumer.pause().await, consumer.close(Duration::ZERO).await) }).await;
    within(bus.close()).await;
}

#[tokio::test]
async fn a_vhost_that_does_not_exist_is_a_permanent_error() {
    let node = Node::shared().await;
    let bus = Bus::start(settings(&format!("{}-none", node.url())), types()).unwrap();
    let error = within(bus.ready()).await.unwrap_err();
    assert!(
        matches!(&error, BusError::AccessRefused { said } if said.contains(&node.vhost)),
        "{error}"
    );
    within(bus.close()).await;
}

#[tokio::test]
async fn a_user_that_may_not_declare_is_told_so() {
    let node = Node::shared().await;
    services("ctl", &["set_permissions", "-p", &node.vhost, "guest", "^$", ".*", ".*"]).await;
    let error = within(types().declare(&node.settings())).await.unwrap_err();
    assert!(
        matches!(&error, BusError::AccessRefused { said } if said.contains("ulak.unroutable")),
        "{error}"
    );
}

#[tokio::test]
async fn an_absent_broker_is_waited_for_and_then_everything_works() {
    let node = Node::shared().await;
    let at = wire::free_port().await;
    let mut settings = settings(&node.url_at(&at.to_string()));
    settings.publish_limit = Duration::from_millis(300);
    let bus = Bus::start(settings, types()).unwrap();
    let (consumer, mut deliveries) = bus.consume(QUEUE, 5);

    let mut state = bus.publisher().state();
    let down = within(state.wait_for(|s| matches!(s, LinkState::Down(_)))).await.unwrap().clone();
    assert!(matches!(down, LinkState::Down(BusError::Unreachable { .. })), "{down:?}");
    assert_eq!(within(bus.publisher().publish(direct(QUEUE, "early"))).await, Fate::Unconfirmed);
    assert!(
        timeout(Duration::from_millis(300), bus.ready()).await.is_err(),
        "ready without a broker"
    );
    within(consumer.pause()).await; // works while there is nothing to pause
    consumer.resume();

    let _proxy = Proxy::start(at, &node.address).await;
    within(bus.ready()).await.unwrap();
    within(consumer.taking()).await.unwrap();
    assert_eq!(within(bus.publisher().publish(direct(QUEUE, "late"))).await, Fate::Confirmed);
    let delivery = within(deliveries.recv()).await.unwrap();
    assert_eq!(delivery.message_id.as_deref(), Some("late"), "the early one was withdrawn");
    let _ = delivery.ack().await;
    within(consumer.close(Duration::from_secs(5))).await;
    within(bus.close()).await;
}

#[tokio::test]
async fn a_deaf_broker_is_given_up_within_the_limit_and_tried_again() {
    let node = Node::shared().await;
    let at = wire::free_port().await;
    let deaf = wire::deaf(at).await;
    let mut settings = settings(&node.url_at(&at.to_string()));
    settings.connect_limit = Duration::from_millis(300);
    let error = within(types().declare(&settings)).await.unwrap_err();
    assert!(matches!(error, BusError::Timeout { .. } | BusError::Unreachable { .. }), "{error}");

    let bus = Bus::start(settings, types()).unwrap();
    let mut state = bus.publisher().state();
    within(state.wait_for(|s| matches!(s, LinkState::Down(_)))).await.unwrap();
    deaf.abort();
    let _proxy = loop {
        // the aborted listener lets go of its port when its task is dropped
        if tokio::net::TcpStream::connect(at).await.is_err() {
            break Proxy::start(at, &node.address).await;
        }
        tokio::task::yield_now().await;
    };
    within(bus.ready()).await.unwrap();
    within(bus.close()).await;
}
