//! What hits the whole node: forced closes, a restart, a memory alarm. Each test has the node to itself.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bus::{Acked, Bus, Fate};

use crate::node::{Node, QUEUE, direct, fill, publish, services, settings, types, within};

/// Publishes and consumes without pause while `disturbance` happens; afterwards every confirmed message must have been
/// consumed, and both sides must be at work again.
async fn survive(node: &Node, disturbance: impl Future<Output = ()>) {
    let bus = Arc::new(node.bus().await);
    let (consumer, mut deliveries) = bus.consume(QUEUE, 50);
    // a consumer that begins only after the disturbance would prove nothing
    within(consumer.taking()).await.unwrap();
    let consumed = tokio::spawn(async move {
        let mut ids = HashSet::new();
        while let Some(delivery) = deliveries.recv().await {
            let id = delivery.message_id.clone().unwrap();
            let last = id == "last";
            ids.insert(id);
            let acked = delivery.ack().await;
            if last && acked == Acked::Yes {
                break;
            }
        }
        ids
    });

    let (enough, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let publishers: Vec<_> = (0..40)
        .map(|_| {
            let (bus, enough, next) = (Arc::clone(&bus), Arc::clone(&enough), Arc::clone(&next));
            tokio::spawn(async move {
                while !enough.load(Ordering::Relaxed) {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    publish(&bus, direct(QUEUE, &format!("m-{n}"))).await;
                }
            })
        })
        .collect();
    while bus.publisher().counts().confirmed < 200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    disturbance.await;
    let before = bus.publisher().counts().confirmed;
    within(async {
        while bus.publisher().counts().confirmed < before + 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    enough.store(true, Ordering::Relaxed);
    for publisher in publishers {
        within(publisher).await.unwrap();
    }
    publish(&bus, direct(QUEUE, "last")).await;
    let ids = within(consumed).await.unwrap();
    let missing: Vec<_> = (0..next.load(Ordering::Relaxed))
        .map(|n| format!("m-{n}"))
        .filter(|id| !ids.contains(id))
        .collect();
    // What was returned to the queue in the middle may stand behind "last".
    let (rest, mut left) = bus.consume(QUEUE, 50);
    let mut missing: HashSet<_> = missing.into_iter().collect();
    while !missing.is_empty() {
        let delivery = within(left.recv()).await.unwrap();
        missing.remove(delivery.message_id.as_deref().unwrap());
        let _ = delivery.ack().await;
    }
    let (published, taken) = (bus.publisher().counts(), consumer.counts());
    eprintln!("{} messages; {published:?}; {taken:?}", next.load(Ordering::Relaxed));
    assert!(published.sessions > 1 && taken.sessions > 1);
    within(consumer.close(Duration::from_secs(5))).await;
    within(rest.close(Duration::from_secs(5))).await;
    within(bus.close()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_closed_by_force_under_load_lose_nothing_and_both_sides_come_back() {
    let node = Node::alone().await;
    survive(&node, async {
        for _ in 0..2 {
            services("ctl", &["close_all_connections", "--vhost", &node.vhost, "test"]).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_node_under_load_loses_nothing_and_both_sides_come_back() {
    let node = Node::alone().await;
    survive(&node, async {
        services("bounce", &[]).await;
    })
    .await;
}

/// Takes the alarm back even if the test fails: the node serves others.
async fn with_memory_alarm<F: Future<Output = ()>>(body: F) {
    services("ctl", &["set_vm_memory_high_watermark", "0.000001"]).await;
    let result = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(body)).await;
    services("ctl", &["set_vm_memory_high_watermark", "absolute", "512MB"]).await;
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

#[tokio::test]
async fn a_memory_alarm_gives_unconfirmed_within_the_limit_while_acks_flow_and_ends_by_itself() {
    let node = Node::alone().await;
    let mut settings = settings(&node.url());
    settings.publish_limit = Duration::from_secs(2);
    let bus = Bus::start(settings, types()).unwrap();
    within(bus.ready()).await.unwrap();
    fill(&bus, "before", 20).await;
    let (consumer, mut deliveries) = bus.consume(QUEUE, 10);
    within(consumer.taking()).await.unwrap();
    let mut blocked = bus.publisher().blocked();

    with_memory_alarm(async {
        let began = Instant::now();
        // Far more than fit into the window: nobody may wait longer than the limit.
        let all = (0..500).map(|n| bus.publisher().publish(direct(QUEUE, &format!("alarm-{n}"))));
        let fates = within(futures::future::join_all(all)).await;
        assert!(fates.iter().all(|f| *f == Fate::Unconfirmed), "{fates:?}");
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
        assert!(*within(blocked.wait_for(|b| *b)).await.unwrap());
        for _ in 0..20 {
            assert_eq!(within(deliveries.recv()).await.unwrap().ack().await, Acked::Yes);
        }
    })
    .await;

    within(blocked.wait_for(|b| !*b)).await.unwrap();
    within(publish(&bus, direct(QUEUE, "after"))).await;
    let mut seen = HashSet::new();
    while !seen.contains("after") {
        let delivery = within(deliveries.recv()).await.unwrap();
        seen.insert(delivery.message_id.clone().unwrap());
        assert_eq!(delivery.ack().await, Acked::Yes);
    }
    // What went out before the broker stopped reading arrives; what waited behind the window was withdrawn.
    assert!(seen.len() <= 101, "{}", seen.len());
    assert_eq!(bus.publisher().counts().sessions, 1, "an alarm is no reason to connect again");
    within(consumer.close(Duration::from_secs(5))).await;
    within(bus.close()).await;
}
