//! PostgreSQL crashes and recovers from its log, RabbitMQ is killed with −9 and starts again, both several times under load: nothing
//! that anybody was told is lost, and each event is accepted exactly once.

use crate::harness::attack::Attack;
use crate::harness::own_services::OwnServices;
use crate::harness::{Options, PATIENCE};

const TIMES: usize = 3;
const EVENTS: usize = 120;

async fn attack(own: &OwnServices) -> Attack {
    let options = Options { services: Some(own.services.clone()), ..Options::default() };
    Attack::without_a_proxy(options.set("ULAK_WORKER__IN_FLIGHT", 16)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_crashes_three_times() {
    let own = OwnServices::up().await;
    let mut attack = attack(&own).await;
    for time in 1..=TIMES {
        attack.load(EVENTS).await;
        own.services.run("pg-crash", &[]).await;
        assert!(attack.accepted() < attack.events.len(), "all was sent before crash {time}");
        own.services.run("pg-start", &[]).await;
        attack.all_sent_once(&format!("crash {time} of the database")).await;
    }
    // while it recovers nobody is let in: everybody tries again, and nobody ends
    attack.load(EVENTS).await;
    for _ in 0..2 {
        own.services.run("pg-crash", &[]).await;
        own.services.run("pg-start", &[]).await;
    }
    attack.all_sent_once("two crashes in a row").await;
    attack.clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_three_times() {
    let own = OwnServices::up().await;
    let mut attack = attack(&own).await;
    for time in 1..=TIMES {
        attack.load(EVENTS).await;
        own.services.run("kill", &[]).await;
        assert!(attack.accepted() < attack.events.len(), "all was sent before kill {time}");
        own.services.run("start", &[]).await;
        attack.all_sent_once(&format!("kill {time} of the broker")).await;
    }
    attack.clinic.finish().await;
}

/// Both at once: the worker keeps what it holds although it can neither write nor ack.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_at_the_same_time() {
    let own = OwnServices::up().await;
    let mut attack = attack(&own).await;
    attack.load(EVENTS).await;
    tokio::join!(own.services.run("pg-crash", &[]), own.services.run("kill", &[]));
    let sent = attack.accepted();
    assert!(sent < EVENTS, "all was sent before the crash");
    own.services.run("start", &[]).await;
    own.services.run("pg-start", &[]).await;
    attack.clinic.outside.wait_for(sent + 1, PATIENCE).await;
    attack.all_sent_once("a crash of both").await;
    attack.clinic.finish().await;
}
