//! What clinics publish: many events at once, or one after the other at a pace; and queues emptied afterwards.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, anyhow};
use bus::{Bus, Fate};
use chrono::{DateTime, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use lapin::options::{QueueDeclareOptions, QueuePurgeOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use tokio::task::JoinSet;

use super::events;

/// Events on their way at one time; the bus takes no more.
const IN_FLIGHT: u32 = 100;
/// How long what was with a consumer that is gone may take to come back to its queue.
const PATIENCE: Duration = Duration::from_secs(20);

/// Publishes events `from` up to, and without, `to`; all are confirmed.
///
/// # Errors
/// One was not confirmed.
pub async fn fill(bus: &Bus, (from, to): (u32, u32), now: DateTime<Utc>) -> anyhow::Result<()> {
    let bar = ProgressBar::new(u64::from(to - from));
    if let Ok(style) =
        ProgressStyle::with_template("published {bar:40} {human_pos} of {human_len}, {eta}")
    {
        bar.set_style(style);
    }
    let mut tasks = JoinSet::new();
    for lane in 0..IN_FLIGHT {
        let (publisher, bar) = (bus.publisher().clone(), bar.clone());
        tasks.spawn(async move {
            for n in (from + lane..to).step_by(IN_FLIGHT as usize) {
                confirmed(publisher.publish(events::event(n, now)).await)?;
                bar.inc(1);
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    bar.finish_and_clear();
    Ok(())
}

fn confirmed(fate: Fate) -> anyhow::Result<()> {
    match fate {
        Fate::Confirmed => Ok(()),
        fate => Err(anyhow!("RabbitMQ did not confirm an event: {fate:?}")),
    }
}

/// Publishes events `from` up to, and without, `to`, `per_s` a second, whatever becomes of those before: nothing is left out or put off
/// because something is slow. Returns when each was to be published, milliseconds since 1970 by this machine's clock.
///
/// # Errors
/// One was not confirmed.
pub async fn at_a_pace(
    bus: &Bus,
    (from, to): (u32, u32),
    per_s: u32,
    now: DateTime<Utc>,
) -> anyhow::Result<Vec<f64>> {
    let (start, start_ms) = (Instant::now(), now_ms());
    let mut tasks = JoinSet::new();
    let mut intended = vec![];
    for n in from..to {
        let after = Duration::from_secs_f64(f64::from(n - from) / f64::from(per_s));
        tokio::time::sleep_until((start + after).into()).await;
        intended.push(start_ms + after.as_secs_f64() * 1_000.0);
        let publisher = bus.publisher().clone();
        tasks.spawn(async move { confirmed(publisher.publish(events::event(n, now)).await) });
        while let Some(done) = tasks.try_join_next() {
            done??;
        }
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(intended)
}

/// Milliseconds since 1970 by this machine's clock, which is the simulator's too.
pub fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1_000.0)
}

/// Empties queues that nobody consumes any more, also of what the last consumer held.
///
/// # Errors
/// The broker refuses, or there is still a consumer.
pub async fn purge(broker: &str, queues: &[String]) -> anyhow::Result<()> {
    let connection = Connection::connect(broker, ConnectionProperties::default()).await;
    let connection = connection.context("RabbitMQ")?;
    let channel = connection.create_channel().await?;
    let give_up = Instant::now() + PATIENCE;
    for queue in queues {
        loop {
            let look = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let there =
                channel.queue_declare(queue.as_str().into(), look, FieldTable::default()).await?;
            if there.consumer_count() == 0 {
                channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default()).await?;
                break;
            }
            anyhow::ensure!(Instant::now() < give_up, "{queue} still has a consumer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    connection.close(200, "OK".into()).await?;
    Ok(())
}
