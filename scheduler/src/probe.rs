//! Closed lanes are probed: first by a harmless call, then by one row, then wider with each success (PROTOCOL rule 10).

use crate::credit::left;
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
/// Pause while an account has no credit, milliseconds: Netgsm answers 5 such questions a minute (`facts/netgsm_iys.md` A6), and a probe
/// asks up to two.
const CREDIT_PAUSE_MS: i64 = 60_000;
/// What the reason of a lane says that is closed because its account has no credit. Only a report tells 14 (A4): sends are accepted as
/// before, so a probe that looks at the senders alone would open the lane again.
const NO_CREDIT: [&str; 3] = ["netgsm:62", "netgsm:status-14", "netgsm:no-credit"];
/// So many probes are worth a wait for a balance that does not come or is not understood; then a message is tried.
const WORTH_A_WAIT: i64 = 5;
/// What a probe says that found nothing left.
const NONE_LEFT: &str = "account: netgsm:no-credit";

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
        match self.harmless(lane).await {
            Ok(()) => {
                self.ledger.widen_lane(&lane.lane, LaneState::Closed).await?;
                tracing::info!(lane = lane.lane, "the lane's probe was answered: one message goes");
            }
            Err(why) => {
                let why = as_closed(&lane.why, why);
                let pause = pause_ms(&why, lane.probes);
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
    async fn harmless(&self, closed: &Lane) -> Result<(), String> {
        let lane = closed.lane.as_str();
        let parts: Vec<&str> = lane.splitn(3, '/').collect();
        let gone = |account: &str| Err(format!("account {account} is not configured any more"));
        match parts[..] {
            ["netgsm", account, sender] => match self.netgsm.get(account) {
                Some(client) => {
                    netgsm_answers(client, account, sender).await?;
                    if is_for_credit(&closed.why) {
                        has_credit(client, closed.probes).await
                    } else {
                        Ok(())
                    }
                }
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

/// Why a lane stays closed: one that is closed for credit stays so, whatever else its probe met, until the balance says otherwise.
fn as_closed(before: &str, now: String) -> String {
    if is_for_credit(before) && !is_for_credit(&now) { format!("{NONE_LEFT} ({now})") } else { now }
}

fn is_for_credit(why: &str) -> bool {
    NO_CREDIT.iter().any(|code| why.contains(code))
}

/// How long a lane stays closed after a probe that failed for this reason.
fn pause_ms(why: &str, probes: i64) -> i64 {
    if is_for_credit(why) {
        return CREDIT_PAUSE_MS;
    }
    PAUSE_MS.0.saturating_mul(1 << probes.clamp(0, 5)).min(PAUSE_MS.1)
}

/// What is left on the account: it has credit, or packages.
async fn has_credit(client: &netgsm::Client, probes: i64) -> Result<(), String> {
    let mut known = false;
    for asked in [client.credit().await, client.packages().await] {
        match asked {
            Ok(balance) => match is_anything_left(&balance) {
                Some(true) => return Ok(()),
                left => known |= left.is_some(),
            },
            // asked too often (100): the answer is worth a wait
            Err(busy @ ProbeTrouble::Busy { .. }) => return Err(code_of(&busy)),
            Err(silent @ ProbeTrouble::Silent(_)) if probes < WORTH_A_WAIT => {
                return Err(code_of(&silent));
            }
            // who may send need not be allowed to ask this, or be understood: a message will show
            Err(_) => {}
        }
    }
    if known { Err(NONE_LEFT.to_owned()) } else { Ok(()) }
}

/// `None`: the answer does not say.
fn is_anything_left(balance: &netgsm::Balance) -> Option<bool> {
    let each = left(balance).into_iter().map(|(_, left)| left > 0.0);
    each.reduce(|one, other| one || other)
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

#[cfg(test)]
mod tests {
    use super::*;
    use netgsm::{Balance, Package};

    #[test]
    fn an_account_has_credit_or_packages_or_does_not_say() {
        let of = |credit: Option<&str>, amounts: &[i64]| {
            let package = |amount: &i64| Package { amount: *amount, name: "SMS".to_owned() };
            let packages = amounts.iter().map(package).collect();
            is_anything_left(&Balance { credit: credit.map(str::to_owned), packages })
        };
        assert_eq!(of(None, &[]), None);
        assert_eq!(of(Some("1.2.3"), &[]), None);
        assert_eq!([of(Some("0.00"), &[]), of(Some("-3"), &[]), of(None, &[0])], [Some(false); 3]);
        assert_eq!([of(Some("0.100"), &[]), of(None, &[0, 7])], [Some(true); 2]);
    }

    #[test]
    fn without_credit_a_lane_is_probed_as_often_as_the_balance_may_be_asked() {
        for why in ["account: netgsm:status-14", "account: netgsm:no-credit", "account: netgsm:62"]
        {
            assert_eq!(pause_ms(why, 0), 60_000);
        }
        // what else a probe meets does not make it forget
        let why = as_closed("account: netgsm:status-14", "timeout".to_owned());
        assert_eq!(
            (why.as_str(), pause_ms(&why, 0)),
            ("account: netgsm:no-credit (timeout)", 60_000)
        );
        assert_eq!(as_closed(&why, "x".to_owned()), "account: netgsm:no-credit (x)");
        assert_eq!(as_closed("timeout", "http:500".to_owned()), "http:500");
        assert_eq!([0, 1, 5, 90].map(|n| pause_ms("timeout", n)), [2_000, 4_000, 60_000, 60_000]);
    }
}
