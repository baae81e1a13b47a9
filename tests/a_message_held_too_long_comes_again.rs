//! The broker takes a delivery back whose ack it waited for too long (`consumer_timeout`; 30 minutes in life, 3 s here): the channel
//! dies with everything on it. The worker consumes again by itself, the message comes a second time, and it is sent once.
//!
//! `facts/rabbitmq_practice.md` §4.11 asks for 60 s because a value below the interval of the broker's look is unsupported. That
//! interval is a setting of the node too (`channel_tick_interval`, 60 s in life), so on a node of its own the same look takes 1 s.

use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::attack::Attack;
use crate::harness::held::says_stale;
use crate::harness::own_services::OwnServices;
use crate::harness::{Installation, Options, reminder};

/// For channels that are opened from now on.
const SHORT: &str = "application:set_env(rabbit, consumer_timeout, 3000), \
                     application:set_env(rabbit, channel_tick_interval, 1000).";

async fn short_of_patience() -> OwnServices {
    let own = OwnServices::up().await;
    own.services.run("ctl", &["eval", SHORT]).await;
    own
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_holds_one_message_too_long_loses_its_channel_and_no_message() {
    let own = short_of_patience().await;
    let services = Some(own.services.clone());
    let options = Options { workers: 0, services, ..Options::default() };
    let mut clinic = Installation::start(options).await;
    let held = reminder("held");
    clinic.publish(&held).await;
    let (mut worker, mut hold) = clinic.held_worker("before-claim");
    hold.reached().await;
    // neighbours on the same channel
    let neighbours: Vec<_> = (0..20).map(|n| reminder(&format!("neighbour-{n}"))).collect();
    for neighbour in &neighbours {
        clinic.publish(neighbour).await;
    }
    worker.line("consuming again soon").await;
    // its second copy finds no row and is sent, by the worker that still holds the first one
    clinic.until_state(&held, "accepted", "").await;
    for neighbour in &neighbours {
        clinic.until_state(neighbour, "accepted", "").await;
    }
    hold.go();
    worker.log_where("the first copy is stale", says_stale).await;
    clinic.until_accepted(21).await;
    clinic.workers.push(worker);
    clinic.finish().await;
}

/// A provider that takes longer than the broker waits: every message comes again, and again, and is sent once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_slower_than_the_broker_is_patient() {
    let own = short_of_patience().await;
    let options = Options { services: Some(own.services.clone()), ..Options::default() };
    let mut attack = Attack::without_a_proxy(options).await;
    attack.clinic.outside.clear_faults();
    let slow = Fault::new(Provider::Netgsm, Operation::Send, FaultKind::Slow { ms: 6_000 });
    attack.clinic.outside.add_fault(slow.times(20)).expect("a fault");
    attack.publish(60).await;
    attack.clinic.workers[0].line("consuming again soon").await;
    attack.all_sent_once("answers that came after the broker's patience").await;
    attack.clinic.finish().await;
}
