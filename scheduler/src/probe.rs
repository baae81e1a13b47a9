//! Closed lanes are probed: first by a harmless call, then by one row, then wider with each success (PROTOCOL rule 10).

use crate::settings::Settings;
use ledger::lanes::{Lane, LaneState};
use ledger::{Ledger, LedgerError};
use providers::lane::channel_of;
use providers::twilio::ListQuery;
use providers::{Limits, ProbeTrouble, meta, netgsm, twilio};
use schemas::Channel;
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
    netgsm: BTreeMap<String, netgsm::Client>,
    twilio: BTreeMap<String, twilio::Client>,
    twilio_whatsapp: BTreeMap<String, twilio::Client>,
    whatsapp: BTreeMap<String, meta::Client>,
}

impl Prober {
    /// Sets up the harmless clients.
    ///
    /// # Errors
    /// When an account's settings make no client.
    pub fn new(ledger: Ledger, settings: &Settings) -> Result<Self, providers::ClientError> {
        let limits = Limits::default();
        let netgsm = settings.netgsm.iter().map(|(name, (account, _))| {
            Ok((name.clone(), netgsm::Client::new(account.clone(), limits)?))
        });
        let twilio = settings.twilio.iter().map(|(name, (account, _))| {
            Ok((name.clone(), twilio::Client::new(account.clone(), limits)?))
        });
        let twilio_whatsapp = settings.twilio_whatsapp.iter().map(|(name, account)| {
            Ok((name.clone(), twilio::Client::new(account.clone(), limits)?))
        });
        let whatsapp = settings.whatsapp.iter().map(|(name, (account, _))| {
            Ok((name.clone(), meta::Client::new(account.clone(), limits)?))
        });
        Ok(Self {
            ledger,
            netgsm: netgsm.collect::<Result<_, providers::ClientError>>()?,
            twilio: twilio.collect::<Result<_, providers::ClientError>>()?,
            twilio_whatsapp: twilio_whatsapp.collect::<Result<_, providers::ClientError>>()?,
            whatsapp: whatsapp.collect::<Result<_, providers::ClientError>>()?,
        })
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
                && lane.is_due(now)
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

    /// The harmless call, which needs the same credentials as a send.
    async fn harmless(&self, lane: &str) -> Result<(), String> {
        let parts: Vec<&str> = lane.splitn(3, '/').collect();
        let gone = |account: &str| Err(format!("account {account} is not configured any more"));
        match parts[..] {
            ["netgsm", account, sender] => match self.netgsm.get(account) {
                Some(client) => netgsm_answers(client, account, sender).await,
                None => gone(account),
            },
            ["twilio", account, sender] => {
                let whatsapp = channel_of(lane) == Some(Channel::Whatsapp);
                let clients = if whatsapp { &self.twilio_whatsapp } else { &self.twilio };
                match clients.get(account) {
                    Some(client) => twilio_answers(client, account, sender).await,
                    None => gone(account),
                }
            }
            ["whatsapp", account, sender] => match self.whatsapp.get(account) {
                Some(client) => meta_answers(client, account, sender).await,
                None => gone(account),
            },
            // a consent source is asked by the worker that has a message for it: the row itself is the probe
            _ => Ok(()),
        }
    }
}

/// The list of approved senders.
async fn netgsm_answers(
    client: &netgsm::Client,
    account: &str,
    sender: &str,
) -> Result<(), String> {
    let senders = client.headers().await.map_err(|trouble| code_of(&trouble))?;
    if senders.iter().any(|name| name == sender) {
        return Ok(());
    }
    Err(format!("sender {sender} is not among the approved ones of account {account}"))
}

/// One row of the account's list of messages: a standard API key may read it, but not the account itself (Twilio, error 20003 and
/// "API keys overview"), and its lane must open again too. Whether its sender still works only a message shows.
async fn twilio_answers(
    client: &twilio::Client,
    account: &str,
    sender: &str,
) -> Result<(), String> {
    if client.sender().as_str() != sender {
        return Err(format!("account {account} does not send from {sender} any more"));
    }
    let one = ListQuery { per_page: 1, ..ListQuery::of_account() };
    client.list(one).await.map(drop).map_err(|trouble| code_of(&trouble))
}

/// The number itself.
async fn meta_answers(client: &meta::Client, account: &str, sender: &str) -> Result<(), String> {
    if client.sender() != sender {
        return Err(format!("account {account} does not send from {sender} any more"));
    }
    client.number().await.map(drop).map_err(|trouble| code_of(&trouble))
}

fn code_of(trouble: &ProbeTrouble) -> String {
    trouble.trouble().code.clone()
}
