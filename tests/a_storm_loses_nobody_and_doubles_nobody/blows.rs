//! What breaks: processes without a word, processes that stand still, the broker and the database.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::size::Size;
use crate::harness::Installation;
use crate::harness::own_services::OwnServices;
use crate::harness::random::Random;

/// One blow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    /// kill −9 of a worker; another one is started.
    Worker,
    /// kill −9 of a scheduler; another one is started.
    Scheduler,
    /// SIGSTOP of a worker for longer than a decision is good for.
    Freeze,
    /// RabbitMQ restarts.
    Broker,
    /// PostgreSQL restarts.
    Database,
}

/// How long a worker stands still: a claim is good for five seconds (PROTOCOL rule 6).
const FROZEN: Duration = Duration::from_secs(7);
/// Longest wait for progress between two blows.
const STANDSTILL: Duration = Duration::from_mins(2);
/// Pause between two looks at progress.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What was done.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Workers killed.
    pub workers: usize,
    /// Schedulers killed.
    pub schedulers: usize,
    /// Workers that stood still.
    pub frozen: usize,
    /// Restarts of RabbitMQ.
    pub broker: usize,
    /// Restarts of PostgreSQL.
    pub database: usize,
}

/// The blows of this size, in the order that its seed gives.
fn plan(size: &Size, random: &mut Random) -> Vec<Blow> {
    let tenth = size.kills.div_ceil(10);
    let mut blows: Vec<Blow> = [
        (Blow::Worker, size.kills),
        (Blow::Scheduler, tenth),
        (Blow::Freeze, tenth),
        (Blow::Broker, size.restarts),
        (Blow::Database, size.restarts),
    ]
    .into_iter()
    .flat_map(|(blow, times)| std::iter::repeat_n(blow, times))
    .collect();
    random.shuffle(&mut blows);
    blows
}

/// Strikes while `busy` messages are taken, evenly; tells `seen` how many were.
pub async fn strike(
    clinic: &mut Installation,
    own: &OwnServices,
    size: &Size,
    busy: usize,
    seen: &AtomicU64,
) -> Done {
    let mut random = Random::of(size.seed);
    let blows = plan(size, &mut random);
    let mut done = Done::default();
    let mut frozen: Option<(String, Instant)> = None;
    for (i, blow) in blows.iter().enumerate() {
        let enough = (busy * (i + 1) / (blows.len() + 2)) as u64;
        progress(clinic, enough, seen).await;
        tokio::time::sleep(Duration::from_millis(random.next() % 150)).await;
        if frozen.as_ref().is_some_and(|(_, since)| since.elapsed() > FROZEN) {
            thaw(clinic, frozen.take());
        }
        match blow {
            Blow::Worker => {
                let at = random.below(clinic.workers.len());
                let mut worker = clinic.workers.swap_remove(at);
                worker.killed().await;
                clinic.gone.push(worker);
                let next = clinic.process("worker", &[]);
                clinic.workers.push(next);
                done.workers += 1;
            }
            Blow::Scheduler => {
                let at = random.below(clinic.schedulers.len());
                let mut scheduler = clinic.schedulers.swap_remove(at);
                scheduler.killed().await;
                clinic.gone.push(scheduler);
                let next = clinic.process("scheduler", &[]);
                clinic.schedulers.push(next);
                done.schedulers += 1;
            }
            Blow::Freeze => {
                thaw(clinic, frozen.take());
                let worker = &clinic.workers[random.below(clinic.workers.len())];
                worker.frozen().await;
                frozen = Some((worker.name.clone(), Instant::now()));
                done.frozen += 1;
            }
            Blow::Broker => {
                own.services.run("bounce", &[]).await;
                done.broker += 1;
            }
            Blow::Database => {
                own.services.run("pg-bounce", &[]).await;
                done.database += 1;
            }
        }
    }
    if let Some((_, since)) = &frozen {
        tokio::time::sleep(FROZEN.saturating_sub(since.elapsed())).await;
    }
    thaw(clinic, frozen);
    seen.store(u64::MAX, Ordering::Relaxed);
    done
}

/// Waits until so many messages were taken.
async fn progress(clinic: &Installation, enough: u64, seen: &AtomicU64) {
    let give_up = Instant::now() + STANDSTILL;
    loop {
        let taken = clinic.outside.accepted();
        seen.store(taken, Ordering::Relaxed);
        if taken >= enough {
            return;
        }
        assert!(Instant::now() < give_up, "{taken} messages, and no further for {STANDSTILL:?}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Lets it run again, unless it was killed meanwhile.
fn thaw(clinic: &Installation, frozen: Option<(String, Instant)>) {
    let Some((name, _)) = frozen else { return };
    if let Some(worker) = clinic.workers.iter().find(|worker| worker.name == name) {
        worker.thawed();
    }
}
