//! What providers were asked and said.

use crate::book::{Book, Counters, Gauges, Labels};
use crate::cells::{One, Times, Words};
use std::sync::OnceLock;
use std::time::Duration;

/// Codes that are told apart, for each account and outcome.
const CODES: usize = 48;
/// Lanes that are told apart: as many as clinics have senders of their own, and a histogram is 18 numbers.
const LANES: usize = 48;
/// Longest name of a lane that is told, bytes.
const LONGEST_LANE: usize = 100;
/// What becomes of an attempt.
const OUTCOMES: [&str; 4] = ["accepted", "refused", "failed", "unknown"];

/// What is counted of providers, by account of the configuration.
#[derive(Debug)]
pub struct Sends {
    attempts: Counters,
    segments: Counters,
    permits: Counters,
    caps: Gauges,
    delays: Words<Times>,
    quota_used: Gauges,
    quota: Gauges,
    credit: Gauges,
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
        let delays = book.histogram(
            "ulak_acceptance_delay_seconds",
            &["lane"],
            "Time from the moment that a message was due (its arrival here, where it came straight from a clinic), or that the account's cap allowed it if that is later, to its acceptance by the provider: what the SLO is about. Told of accepted messages; what waits for its retry, its lane or an answer is due again when that is over. `other` stands for lanes beyond the first 48.",
        );
        // lanes are names of the configuration
        let delays =
            Words::told_if(|lane| lane.len() <= LONGEST_LANE, &delays, vec![], "lane", LANES);
        let used = "How much of a budget that all processes share is used in its hour: iys-tokens (log-ins at İYS), iys-single (questions about one number). Told by every worker, once a minute: take max.";
        let quota_used = book.gauge("ulak_quota_used", &["quota", "account"], used);
        let quota = book.gauge(
            "ulak_quota_limit",
            &["quota", "account"],
            "How much of it there is; İYS bans an account for an hour beyond 10 log-ins, Ulak stops at 8.",
        );
        let credit = book.gauge(
            "ulak_provider_credit",
            &["account", "unit"],
            "What the provider says is left, asked every 10 minutes by every scheduler: money in the account's currency, or `packages` (messages). Accounts whose provider does not say are left out.",
        );
        let accounts = OnceLock::new();
        Self { attempts, segments, permits, caps, delays, quota_used, quota, credit, accounts }
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

    /// The provider accepted a message of this lane so long after it was due and its cap allowed it.
    pub fn accepted_after(&self, lane: &str, delay: Duration) {
        self.delays.of(lane).took(delay);
    }

    /// How much of a shared budget is used, of how much.
    pub fn quota(&self, quota: &'static str, account: &str, used: i64, limit: i64) {
        let labels = vec![("quota", quota.to_owned()), ("account", account.to_owned())];
        self.quota_used.get_or_create(&labels).set(used as f64);
        self.quota.get_or_create(&labels).set(limit as f64);
    }

    /// What a provider says is left of an account's credit.
    pub fn credit(&self, account: &str, unit: &str, left: f64) {
        let labels = vec![("account", account.to_owned()), ("unit", unit.to_owned())];
        self.credit.get_or_create(&labels).set(left);
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
