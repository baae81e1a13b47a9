//! One message to its end: run again after a collision, once more after a panic, given back while the ledger is away.

use super::Floor;
use crate::hold::{self, Place};
use crate::pipeline::{self, Arrived, End, Halt};
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// Runs of one message that ended because another one was in its way, before whoever holds it pauses or gives it back.
pub(super) const AGAIN_AT_MOST: u32 = 5;
/// Pause after that, for a holder whose message would come again only much later.
const AGAIN_PAUSE: Duration = Duration::from_millis(100);

/// What whoever holds the message does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handled {
    /// What became of it is durable.
    Done(End),
    /// Nothing durable has happened: it comes again, from the queue or when patience with its release ends.
    Back,
    /// The same, because the ledger is away; nothing is taken until it answers again.
    Away,
}

impl Floor {
    /// Runs a message that has its place. `again_at_most`: runs that may end in a collision before it is given back.
    pub(super) async fn handle(&self, arrived: &Arrived<'_>, again_at_most: u32) -> Handled {
        let worker = &*self.worker;
        let _in_flight = worker.metrics.work.begin();
        let mut panics = 0;
        let mut again = 0;
        loop {
            // a second run after a panic sees what the first one wrote: no repetition by the clinic
            let arrived = Arrived { redelivered: arrived.redelivered || panics > 0, ..*arrived };
            let seen = worker.outage.count();
            let run = async {
                if panics < 2 {
                    pipeline::run(worker, &arrived).await
                } else {
                    pipeline::record::poison(worker, &arrived).await
                }
            };
            match AssertUnwindSafe(run).catch_unwind().await {
                Ok(Ok(end)) => {
                    hold::at(Place::Handled).await;
                    tracing::debug!(queue = arrived.queue, ?end, "handled");
                    return Handled::Done(end);
                }
                Ok(Err(Halt::Again)) if again < again_at_most => {
                    again += 1;
                    if again > AGAIN_AT_MOST {
                        tokio::time::sleep(AGAIN_PAUSE).await;
                    }
                }
                Ok(Err(Halt::Away(error))) => {
                    tracing::debug!(%error, "a message met an absent ledger");
                    worker.outage.met_and_known(seen, &error).await;
                    return Handled::Away;
                }
                Ok(Err(Halt::Fatal(error))) => {
                    self.fatal.send_replace(Some(error));
                    return Handled::Back;
                }
                Ok(Err(Halt::Poison(error))) if panics < 2 => {
                    panics += 1;
                    worker.metrics.work.failed();
                    tracing::error!(queue = arrived.queue, panics, %error, "the ledger refuses a message");
                }
                Err(_) if panics < 2 => {
                    panics += 1;
                    worker.metrics.work.failed();
                    tracing::error!(
                        queue = arrived.queue,
                        panics,
                        "a handler panicked on a message"
                    );
                }
                // it keeps colliding, or recording it fails too: the queue's delivery limit ends that, or the row's expiry
                Ok(Err(Halt::Again | Halt::Poison(_))) | Err(_) => return Handled::Back,
            }
        }
    }
}
