//! What providers were asked and said.

use crate::book::{Book, Counters, Gauges, Labels};
use crate::cells::{One, Words};
use std::sync::OnceLock;

/// Codes that are told apart, for each account and outcome.
const CODES: usize = 48;
/// What becomes of an attempt.
const OUTCOMES: [&str; 4] = ["accepted", "refused", "failed", "unknown"];

/// What is counted of providers, by account of the configuration.
#[derive(Debug)]
pub struct Sends {
    attempts: Counters,
    segments: Counters,
    permits: Counters,
    caps: Gauges,
    accounts: OnceLock<Vec<Account>>,
}

/// One account of a provider.
#[derive(Debug)]
pub struct Account {
    provider: &'static str,
    name: String,
    outcomes: Vec<(&'static str, Words)>,
    segments: One,
    taken: One,
    none: One,
}

impl Sends {
    pub(crate) fn new(book: &mut Book) -> Self {
        let attempts = book.counter(
            "ulak_attempts_total",
            &["account", "outcome", "code"],
            "Attempts by what became of them and the code: the provider's (`netgsm:00`), `http:…`, or ours (`timeout`, `stale`, …); `other` stands for codes beyond the first 48 of an outcome.",
        );
        let segments = book.counter(
            "ulak_segments_total",
            &["account"],
            "Segments of accepted messages: what is billed.",
        );
        let permits = book.counter(
            "ulak_rate_permits_total",
            &["account", "result"],
            "Places in the pace of an account with a cap (`max_per_s`): taken, or none in time, so that the row waits.",
        );
        let caps = book.gauge(
            "ulak_rate_cap_per_second",
            &["account"],
            "Cap of an account as this process uses it now: `max_per_s` in segments, or what throttle answers have left of it for a while; `iys`: requests to İYS. Accounts without a cap are left out.",
        );
        Self { attempts, segments, permits, caps, accounts: OnceLock::new() }
    }

    /// The accounts that this process sends through. Told once.
    pub fn has_accounts<'a>(&self, accounts: impl IntoIterator<Item = (&'static str, &'a str)>) {
        let accounts = accounts.into_iter().map(|(provider, account)| {
            let labels: Labels = vec![("account", format!("{provider}/{account}"))];
            let with = |label: &'static str, value: &str| {
                let mut labels = labels.clone();
                labels.push((label, value.to_owned()));
                labels
            };
            let outcome = |outcome: &'static str| {
                (outcome, Words::new(&self.attempts, with("outcome", outcome), "code", CODES))
            };
            Account {
                provider,
                name: account.to_owned(),
                outcomes: OUTCOMES.map(outcome).into(),
                segments: One::new(&self.segments, labels.clone()),
                taken: One::new(&self.permits, with("result", "taken")),
                none: One::new(&self.permits, with("result", "none")),
            }
        });
        let _ = self.accounts.set(accounts.collect());
    }

    fn of(&self, provider: &str, account: &str) -> Option<&Account> {
        let accounts = self.accounts.get()?;
        accounts.iter().find(|of| of.provider == provider && of.name == account)
    }

    /// An attempt of `segments` segments ended.
    pub fn attempt(&self, provider: &str, account: &str, outcome: &str, code: &str, segments: u32) {
        let Some(of) = self.of(provider, account) else { return };
        if let Some((_, words)) = of.outcomes.iter().find(|(name, _)| *name == outcome) {
            words.count(code);
        }
        if outcome == "accepted" {
            of.segments.get().inc_by(u64::from(segments));
        }
    }

    /// How much of the cap of an account may be used now, a second.
    pub fn cap_is(&self, account: &str, per_s: f64) {
        self.caps.get_or_create(&vec![("account", account.to_owned())]).set(per_s);
    }

    /// A place in the pace of an account was taken, or there was none in time.
    pub fn permit(&self, provider: &str, account: &str, taken: bool) {
        if let Some(of) = self.of(provider, account) {
            if taken { of.taken.count() } else { of.none.count() }
        }
    }
}
