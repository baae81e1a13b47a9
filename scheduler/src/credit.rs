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
            self.tell(&account, client.credit().await.map(|left| money(&left)));
            self.tell(&account, client.packages().await.map(|left| packages(&left)));
        }
        for (name, client) in &self.twilio {
            let left = client.balance().await;
            let left = left.map(|left| Some((left.currency, left.amount.parse().ok()?)));
            self.tell(&format!("twilio/{name}"), left);
        }
    }

    /// An account that does not say is no trouble of ours: Netgsm's accounts have credit or packages, seldom both.
    fn tell(&self, account: &str, left: Result<Option<(String, f64)>, ProbeTrouble>) {
        match left {
            Ok(Some((unit, left))) => self.metrics.sends.credit(account, &unit, left),
            Ok(None) => {}
            Err(trouble) => {
                let code = &trouble.trouble().code;
                tracing::debug!(account, code, "the provider does not say what is left");
            }
        }
    }
}

/// Credit in the account's own currency.
fn money(left: &Balance) -> Option<(String, f64)> {
    Some(("money".to_owned(), left.credit.as_ref()?.parse().ok()?))
}

/// Messages that are paid for.
fn packages(left: &Balance) -> Option<(String, f64)> {
    let all: i64 = left.packages.iter().map(|of| of.amount).sum();
    (!left.packages.is_empty()).then(|| ("packages".to_owned(), all as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use providers::netgsm::Package;

    #[test]
    fn an_account_has_money_or_packages_and_nothing_is_made_up() {
        let none = Balance { credit: None, packages: vec![] };
        assert_eq!((money(&none), packages(&none)), (None, None));
        let credit = Balance { credit: Some("57.860".to_owned()), ..none.clone() };
        assert_eq!(money(&credit), Some(("money".to_owned(), 57.86)));
        let package = |amount| Package { amount, name: "SMS".to_owned() };
        let both = Balance { packages: vec![package(399), package(1)], ..none.clone() };
        assert_eq!(packages(&both), Some(("packages".to_owned(), 400.0)));
        let broken = Balance { credit: Some("1.2.3".to_owned()), ..none };
        assert_eq!(money(&broken), None);
    }
}
