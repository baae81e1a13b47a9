//! What reconciliation did since this process started, for `/metrics`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one account. They only grow.
#[derive(Debug, Default)]
pub struct AccountCounts {
    /// Looks that were recorded, one an attempt.
    pub looks: AtomicU64,
    /// Attempts that were found.
    pub found: AtomicU64,
    /// Looks that showed absence.
    pub absent: AtomicU64,
    /// Messages that are sent once more.
    pub resent: AtomicU64,
    /// Messages that ended `unresolved`.
    pub unresolved: AtomicU64,
    /// Questions to the provider.
    pub queries: AtomicU64,
    /// Questions that it did not answer or refused.
    pub queries_refused: AtomicU64,
}

impl AccountCounts {
    /// All of them, with the names under which metrics show them.
    pub fn all(&self) -> [(&'static str, u64); 7] {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("looks", read(&self.looks)),
            ("found", read(&self.found)),
            ("absent", read(&self.absent)),
            ("resent", read(&self.resent)),
            ("unresolved", read(&self.unresolved)),
            ("queries", read(&self.queries)),
            ("queries_refused", read(&self.queries_refused)),
        ]
    }
}

/// Adds one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Counters by account (`netgsm/default`). What cannot be asked is counted under `other`.
#[derive(Debug, Default)]
pub struct Counts {
    accounts: BTreeMap<String, AccountCounts>,
    other: AccountCounts,
}

impl Counts {
    /// Counters of these accounts.
    pub fn of(accounts: impl Iterator<Item = String>) -> Self {
        Self {
            accounts: accounts.map(|it| (it, AccountCounts::default())).collect(),
            other: AccountCounts::default(),
        }
    }

    /// Those of an account.
    pub fn account(&self, account: &str) -> &AccountCounts {
        self.accounts.get(account).unwrap_or(&self.other)
    }

    /// All accounts with their counters; `other` is the last.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &AccountCounts)> {
        let named = self.accounts.iter().map(|(name, counts)| (name.as_str(), counts));
        named.chain(std::iter::once(("other", &self.other)))
    }
}
