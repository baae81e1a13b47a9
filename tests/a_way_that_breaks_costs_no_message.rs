//! The network to RabbitMQ and to PostgreSQL breaks in every manner under load: refused, reset, silent, deaf in one direction, slow,
//! cut in the middle of a frame, forgotten. The services themselves are well. When the way is open again everything goes on by
//! itself, and each event was accepted exactly once.

use std::time::Duration;

use crate::harness::attack::{Attack, Neighbour};
use crate::harness::process::Process;
use crate::harness::proxy::Way;
use crate::harness::{Options, PATIENCE};

/// Events before each break, and in the middle of it.
const BEFORE: usize = 60;
const MEANWHILE: usize = 30;
/// In which a way is silent and nobody gives it up.
const A_MOMENT: Duration = Duration::from_millis(1_500);
/// Heartbeats of the broker's connections come every two seconds here; who misses them is gone after this.
const HEARTBEATS_MISSED: Duration = Duration::from_secs(7);

/// What a worker says when it has found the ledger away, and back.
const TAKES_NOTHING: &str = "taking nothing until it does";
const TAKES_AGAIN: &str = "the ledger answers again: taking messages";

fn options() -> Options {
    Options::default().set("ULAK_WORKER__IN_FLIGHT", 16)
}

/// How often all processes together have said this.
fn said(attack: &Attack, what: &str) -> usize {
    let processes = attack.clinic.workers.iter().chain(&attack.clinic.schedulers);
    processes.flat_map(Process::lines).filter(|line| line.contains(what)).count()
}

/// Load, a break of this manner for so long while more comes, and then the way is open again.
async fn breaks(attack: &mut Attack, way: Way, lasts: Duration, reset: bool) {
    attack.load(BEFORE).await;
    attack.way.set(way);
    attack.publish(MEANWHILE).await;
    // the break lasts: that is the attack, not a wait for something
    tokio::time::sleep(lasts).await;
    attack.heal(reset);
    attack.all_sent_once(&format!("{way:?} for {lasts:?}, reset: {reset}")).await;
}

/// Each connection ends in the middle of something, at another byte each time.
async fn is_cut_at_bytes(attack: &mut Attack, cuts: &[u64]) {
    for bytes in cuts {
        let before = attack.way.resets();
        attack.load(BEFORE).await;
        attack.way.set(Way::CutAfter(*bytes));
        attack.publish(MEANWHILE).await;
        let what = format!("connections cut after {bytes} bytes");
        attack.clinic.until(&what, async || (attack.way.resets() > before).then_some(())).await;
        attack.heal(false);
        attack.all_sent_once(&what).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_to_rabbitmq_that_is_cut_slow_or_silent_for_a_moment() {
    let mut attack = Attack::on(Neighbour::Broker, options()).await;
    breaks(&mut attack, Way::Cut, A_MOMENT, false).await;
    breaks(&mut attack, Way::Silent, A_MOMENT, false).await;
    breaks(&mut attack, Way::Silent, A_MOMENT, true).await;
    breaks(&mut attack, Way::Slow(Duration::from_millis(30)), A_MOMENT, false).await;
    is_cut_at_bytes(&mut attack, &[8, 700, 4_321, 9_001]).await;
    attack.clinic.finish().await;
}

/// The socket stands and nothing comes: only the missing heartbeats tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_to_rabbitmq_that_is_silent_until_the_heartbeats_are_missed() {
    let mut attack = Attack::on(Neighbour::Broker, options()).await;
    for way in [Way::Silent, Way::DeafService, Way::DeafClient] {
        let sessions = said(&attack, "connected to RabbitMQ");
        breaks(&mut attack, way, HEARTBEATS_MISSED, false).await;
        // what a deaf broker had delivered may all be sent before anybody is connected again
        let noticed = || said(&attack, "connected to RabbitMQ") > sessions;
        let what = format!("{way:?} is noticed");
        attack.clinic.until(&what, async || noticed().then_some(())).await;
    }
    // the machine is gone, and another one has its address: nobody resets the old connections
    attack.load(BEFORE).await;
    attack.way.forget_all();
    attack.publish(MEANWHILE).await;
    attack.all_sent_once("connections that were forgotten").await;
    attack.clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_to_postgresql_that_is_cut_slow_or_silent_for_a_moment() {
    let mut attack = Attack::on(Neighbour::Database, options()).await;
    breaks(&mut attack, Way::Cut, A_MOMENT, false).await;
    assert!(said(&attack, TAKES_NOTHING) > 0, "no worker found the ledger away");
    breaks(&mut attack, Way::Silent, A_MOMENT, false).await;
    breaks(&mut attack, Way::Silent, A_MOMENT, true).await;
    breaks(&mut attack, Way::Slow(Duration::from_millis(30)), A_MOMENT, false).await;
    is_cut_at_bytes(&mut attack, &[60, 3_000, 11_111, 40_009]).await;
    assert_eq!(attack.workers_ready().await, [200, 200]);
    attack.clinic.finish().await;
}

/// A silent database, in this direction or both, until the workers have noticed: they keep what they hold, take nothing, and say so.
async fn is_silent_until_it_is_noticed(way: Way) {
    let mut attack = Attack::on(Neighbour::Database, options()).await;
    attack.load(BEFORE).await;
    attack.way.set(way);
    attack.publish(MEANWHILE).await;
    assert_eq!(attack.workers_ready().await, [503, 503], "{way:?}");
    for worker in &mut attack.clinic.workers {
        worker.line(TAKES_NOTHING).await;
    }
    assert_eq!(attack.workers_ready().await, [503, 503], "{way:?}");
    let held = attack.accepted();
    attack.heal(false);
    for worker in &mut attack.clinic.workers {
        worker.line(TAKES_AGAIN).await;
    }
    attack.clinic.outside.wait_for(held + 1, PATIENCE).await;
    attack.all_sent_once(&format!("{way:?} until it was noticed")).await;
    assert_eq!(attack.workers_ready().await, [200, 200], "{way:?}");
    attack.clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_postgresql_is_noticed() {
    is_silent_until_it_is_noticed(Way::Silent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_that_hears_nothing_is_noticed() {
    is_silent_until_it_is_noticed(Way::DeafService).await;
}

/// Statements are carried out and their answers are lost: claims and outcomes are in doubt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_whose_answers_are_lost_is_noticed() {
    is_silent_until_it_is_noticed(Way::DeafClient).await;
}

/// The server's machine is gone and another one has its address: no RST ever comes for the connections of before, and whoever waits
/// for an answer on one of them must not wait for ever, nor may the pool.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_postgresql_that_are_forgotten_without_a_word() {
    let mut attack = Attack::on(Neighbour::Database, options()).await;
    attack.load(BEFORE).await;
    attack.way.forget_all();
    attack.publish(MEANWHILE).await;
    attack.all_sent_once("connections that were forgotten").await;
    assert_eq!(attack.workers_ready().await, [200, 200]);
    // the pool has all its connections again: it carries the same load
    attack.load(BEFORE).await;
    attack.all_sent_once("the load after it").await;
    attack.clinic.finish().await;
}
