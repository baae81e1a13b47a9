//! What is left on the accounts of providers, asked now and then, so that somebody can be told before it is used up.

use crate::settings::Settings;
use metrics::Metrics;
use providers::netgsm::Balance;
use providers::{ClientError, Limits, ProbeTrouble, netgsm, twilio};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Nobody is asked sooner after a start: one that crashes again and again must not use up Netgsm's 5 questions a minute
/// (`facts/netgsm_iys.md` A6).
const FIRST: Duration = Duration::from_mins(1);
/// How often each scheduler asks; of a few of them none has to know of the others.
const EVERY: Duration = Duration::from_mins(10);

/// Asks for what is left.
pub struct Credit {
    metrics: Arc<Metrics>,
    netgsm: BTreeMap<String, netgsm::Client>,
    twilio: BTreeMap<String, twilio::Client>,
}

impl Credit {
    /// Sets up; nobody is asked yet.
    ///
    /// # Errors
    /// When an account's settings make no client.
    pub fn new(settings: &Settings) -> Result<Self, ClientError> {
        let limits = Limits::default();
        let netgsm = settings.netgsm.iter().map(|(name, (account, _))| {
            Ok((name.clone(), netgsm::Client::new(account.clone(), limits)?))
        });
        let twilio = settings.twilio.iter().map(|(name, (account, _))| {
            Ok((name.clone(), twilio::Client::new(account.clone(), limits)?))
        });
        Ok(Self {
            metrics: Arc::clone(&settings.metrics),
            netgsm: netgsm.collect::<Result<_, ClientError>>()?,
            twilio: twilio.collect::<Result<_, ClientError>>()?,
        })
    }

    /// Asks until the stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut pause = FIRST;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = EVERY,
            }
            // a provider that hangs holds up no stop
            if stop.run_until_cancelled(self.ask()).await.is_none() {
                return;
            }
        }
    }

    async fn ask(&self) {
        for (name, client) in &self.netgsm {
            let account = format!("netgsm/{name}");
            self.tell(&account, client.credit().await.map(|balance| left(&balance)));
            self.tell(&account, client.packages().await.map(|balance| left(&balance)));
        }
        for (name, client) in &self.twilio {
            let left = client.balance().await.map(|left| {
                let amount = left.amount.parse().ok();
                amount.map(|amount| (left.currency, amount)).into_iter().collect()
            });
            self.tell(&format!("twilio/{name}"), left);
        }
    }

    /// An account that does not say is no trouble of ours: Netgsm's accounts have credit or packages, seldom both.
    fn tell(&self, account: &str, left: Result<Vec<(String, f64)>, ProbeTrouble>) {
        match left {
            Ok(left) => {
                for (unit, left) in left {
                    self.metrics.sends.credit(account, &unit, left);
                }
            }
            Err(trouble) => {
                let code = &trouble.trouble().code;
                tracing::debug!(account, code, "the provider does not say what is left");
            }
        }
    }
}

/// What an answer of Netgsm's says is left, each with its unit: money in the account's own currency, packages in messages. What cannot be
/// read is left out; an answer may say nothing at all.
pub(crate) fn left(balance: &Balance) -> Vec<(String, f64)> {
    let money = balance.credit.as_ref().and_then(|credit| credit.parse().ok());
    let all: i64 = balance.packages.iter().map(|of| of.amount).sum();
    let packages = (!balance.packages.is_empty()).then_some(all as f64);
    let each = [("money", money), ("packages", packages)];
    each.into_iter().filter_map(|(unit, left)| Some((unit.to_owned(), left?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use providers::netgsm::Package;

    #[test]
    fn an_account_has_money_or_packages_and_nothing_is_made_up() {
        let none = Balance { credit: None, packages: vec![] };
        assert_eq!(left(&none), []);
        let money = Balance { credit: Some("57.860".to_owned()), ..none.clone() };
        assert_eq!(left(&money), [("money".to_owned(), 57.86)]);
        let package = |amount| Package { amount, name: "SMS".to_owned() };
        let both = Balance { packages: vec![package(399), package(1)], ..money };
        let packages = ("packages".to_owned(), 400.0);
        assert_eq!(left(&both), [("money".to_owned(), 57.86), packages.clone()]);
        let broken = Balance { credit: Some("1.2.3".to_owned()), ..none };
        assert_eq!(left(&broken), []);
        assert_eq!(left(&Balance { credit: None, ..both }), [packages]);
    }
}
