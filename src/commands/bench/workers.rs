//! What stands in for the workers: takes every copy, notes when it came, and gives its place in the window back. It decides nothing
//! and sends nothing, so that what is measured is the release.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use bus::{Bus, Consumer, Deliveries, Delivery};
use ledger::Ledger;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::place::Place;
use super::scheduler::Scheduler;

/// Copies that it holds at the same time: as many as workers would.
const PREFETCH: u16 = 1_000;
/// Copies that are done with by one statement.
const SLICE: usize = 250;
/// How long nothing may arrive while something is awaited.
const SILENCE: Duration = Duration::from_secs(30);
/// How often the scheduler is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A copy that came.
#[derive(Debug)]
pub struct Arrival {
    /// Notification.
    pub ntf: String,
    /// By the ledger's clock, milliseconds since 1970 UTC.
    pub at: i64,
}

/// It, at work.
pub struct Workers {
    bus: Bus,
    consumer: Consumer,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Workers {
    /// Begins to consume.
    ///
    /// # Errors
    /// The broker refuses.
    pub async fn start(place: &Place, ledger: &Ledger) -> anyhow::Result<Self> {
        let bus = place.bus().await?;
        let (consumer, deliveries) = bus.consume(&place.queue()?, PREFETCH);
        consumer.taking().await?;
        let (to, arrivals) = mpsc::unbounded_channel();
        let task = tokio::spawn(take(deliveries, ledger.clone(), to));
        Ok(Self { bus, consumer, arrivals, task })
    }

    /// Waits for each of these, which are due by now, and gives when it came first. A copy of another one is left out of account.
    /// `half`: is called once half of them are there.
    ///
    /// # Errors
    /// Nothing comes any more, or the scheduler has ended.
    pub async fn all_of(
        &mut self,
        awaited: &[(String, i64)],
        scheduler: &mut Scheduler,
        half: impl FnOnce(&mut Scheduler),
    ) -> anyhow::Result<HashMap<String, i64>> {
        let wanted: HashSet<&str> = awaited.iter().map(|(ntf, _)| ntf.as_str()).collect();
        let mut half = Some(half);
        let mut came = HashMap::with_capacity(awaited.len());
        let mut heard = Instant::now();
        while came.len() < awaited.len() {
            match tokio::time::timeout(LOOK_EVERY, self.arrivals.recv()).await {
                Ok(Some(arrival)) => {
                    heard = Instant::now();
                    if wanted.contains(arrival.ntf.as_str()) {
                        came.entry(arrival.ntf).or_insert(arrival.at);
                    }
                    if came.len() * 2 >= awaited.len()
                        && let Some(half) = half.take()
                    {
                        half(scheduler);
                    }
                }
                Ok(None) => return Err(self.why_ended().await),
                Err(_) => {
                    scheduler.still_runs()?;
                    anyhow::ensure!(
                        heard.elapsed() < SILENCE,
                        "{} of {} rows arrived, and then none for {} s",
                        came.len(),
                        awaited.len(),
                        SILENCE.as_secs()
                    );
                }
            }
        }
        Ok(came)
    }

    async fn why_ended(&mut self) -> anyhow::Error {
        match (&mut self.task).await {
            Ok(Err(error)) => error,
            Ok(Ok(())) => anyhow!("the broker delivers nothing any more"),
            Err(error) => error.into(),
        }
    }

    /// Ends it; what is still on its way is taken first.
    pub async fn end(self) {
        self.consumer.stop_taking().await;
        let _ = self.task.await;
        self.consumer.close(Duration::from_secs(1)).await;
        self.bus.close().await;
    }
}

async fn take(
    mut deliveries: Deliveries,
    ledger: Ledger,
    arrivals: mpsc::UnboundedSender<Arrival>,
) -> anyhow::Result<()> {
    while let Some(first) = deliveries.recv().await {
        let mut slice = vec![];
        let mut next = Some(first);
        while let Some(delivery) = next {
            let at = ledger.clock().now_ms();
            let ntf = notification(&delivery)?;
            // whoever counted them may be gone: the rest is taken all the same
            let _ = arrivals.send(Arrival { ntf: ntf.clone(), at });
            slice.push((ntf, delivery));
            next = if slice.len() < SLICE { at_hand(&mut deliveries).await } else { None };
        }
        let ntfs: Vec<&str> = slice.iter().map(|(ntf, _)| ntf.as_str()).collect();
        ledger.bench_take(&ntfs).await?;
        for (_, delivery) in slice {
            let _ = delivery.ack().await;
        }
    }
    Ok(())
}

/// The next one, if it is there already.
async fn at_hand(deliveries: &mut Deliveries) -> Option<Delivery> {
    tokio::time::timeout(Duration::ZERO, deliveries.recv()).await.ok().flatten()
}

/// A copy's id is `<notification>-r<release>`.
fn notification(delivery: &Delivery) -> anyhow::Result<String> {
    let id = delivery.message_id.as_deref().unwrap_or_default();
    let (ntf, _) = id.rsplit_once("-r").context("a message that the scheduler did not release")?;
    Ok(ntf.to_owned())
}
