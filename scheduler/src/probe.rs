//! Closed lanes are probed: first by a harmless call, then by one row, then wider with each success (PROTOCOL rule 10).

use crate::settings::Settings;
use ledger::lanes::{Lane, LaneState};
use ledger::{Ledger, LedgerError};
use providers::netgsm::Client;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Pause between two looks at the lanes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// First and longest pause between probes of one lane, milliseconds.
const PAUSE_MS: (i64, i64) = (2_000, 60_000);

/// Probes closed lanes.
pub struct Prober {
    ledger: Ledger,
    netgsm: BTreeMap<String, Client>,
}

impl Prober {
    /// Sets up the harmless clients.
    ///
    /// # Errors
    /// When an account's settings make no client.
    pub fn new(ledger: Ledger, settings: &Settings) -> Result<Self, providers::ClientError> {
        let mut netgsm = BTreeMap::new();
        for (name, (account, _)) in &settings.netgsm {
            netgsm
                .insert(name.clone(), Client::new(account.clone(), providers::Limits::default())?);
        }
        Ok(Self { ledger, netgsm })
    }

    /// Probes until the stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.look().await {
                tracing::debug!(%error, "lanes not looked at");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn look(&self) -> Result<(), LedgerError> {
        let now = self.ledger.clock().now_ms();
        for lane in self.ledger.lanes().await? {
            if lane.state == LaneState::Closed
                && lane.probe_at <= now
                && self.ledger.lease_probe(&lane.lane).await?
            {
                self.probe(&lane).await?;
            }
        }
        Ok(())
    }

    async fn probe(&self, lane: &Lane) -> Result<(), LedgerError> {
        match self.harmless(&lane.lane).await {
            Ok(()) => {
                self.ledger.widen_lane(&lane.lane, LaneState::Closed).await?;
                tracing::info!(lane = lane.lane, "the lane's probe was answered: one message goes");
            }
            Err(why) => {
                let pause = PAUSE_MS.0.saturating_mul(1 << lane.probes.clamp(0, 5)).min(PAUSE_MS.1);
                tracing::info!(
                    lane = lane.lane,
                    why,
                    next_probe_ms = pause,
                    "lane is still closed"
                );
                self.ledger.probe_later(&lane.lane, &why, pause).await?;
            }
        }
        Ok(())
    }

    /// The harmless call: the list of approved senders, which needs the same credentials as a send.
    async fn harmless(&self, lane: &str) -> Result<(), String> {
        let parts: Vec<&str> = lane.splitn(3, '/').collect();
        let ["netgsm", account, sender] = parts[..] else {
            // a consent source is asked by the worker that has a message for it: the row itself is the probe
            return Ok(());
        };
        let Some(client) = self.netgsm.get(account) else {
            return Err(format!("account {account} is not configured any more"));
        };
        match client.headers().await {
            Ok(senders) if senders.iter().any(|name| name == sender) => Ok(()),
            Ok(_) => {
                Err(format!("sender {sender} is not among the approved ones of account {account}"))
            }
            Err(trouble) => Err(trouble.trouble().code.clone()),
        }
    }
}
