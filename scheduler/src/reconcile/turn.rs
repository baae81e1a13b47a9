//! One turn at an account: its hold, and its place in the budget of questions. Neither is taken by surprise: the hold is renewed
//! before and during every wait, and a question is asked only while it is held.

use super::counts::{AccountCounts, count};
use ledger::reconcile::Hold;
use ledger::{Ledger, LedgerError};
use providers::ProbeTrouble;
use std::time::Duration;
use tokio::time::Instant;

/// How long an account is held without being renewed: longer than a question may take ([`ANSWER_WITHIN`]) and a slice of a wait
/// ([`SLICE`]) together, and short enough that another process takes over soon.
pub const HOLD_MS: i64 = 30_000;
/// Longest question to a provider.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// The hold is renewed at least this often while a place in the budget is waited for.
const SLICE: Duration = Duration::from_secs(5);
/// Pause of an account whose provider said "not now" without saying until when, and the longest one.
const BUSY: (Duration, Duration) = (Duration::from_secs(10), Duration::from_mins(1));
/// A minute in microseconds and 3 % more: what leaves evenly arrives a little less so, and the provider counts every minute.
const MINUTE_US: i64 = 61_800_000;

/// Why a turn ends early. What it has not recorded is looked for again.
#[derive(Debug)]
pub enum Halt {
    /// Another process looks after the account now.
    HoldLost,
    /// The ledger.
    Ledger(LedgerError),
}

impl From<LedgerError> for Halt {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// A process's turn at an account.
#[derive(Debug)]
pub struct Turn<'a> {
    ledger: &'a Ledger,
    hold: Hold,
    per_min: u32,
    counts: &'a AccountCounts,
    /// The provider wants to be left alone for so long.
    rest: Duration,
}

impl<'a> Turn<'a> {
    /// Takes the account. `None`: another process has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take(
        ledger: &'a Ledger,
        account: &str,
        holder: &str,
        per_min: u32,
        counts: &'a AccountCounts,
    ) -> Result<Option<Self>, LedgerError> {
        let hold = ledger.hold_account(account, holder, HOLD_MS).await?;
        Ok(hold.map(|hold| Self { ledger, hold, per_min, counts, rest: Duration::ZERO }))
    }

    /// What is held.
    pub const fn hold(&self) -> &Hold {
        &self.hold
    }

    /// Provider and account.
    pub fn account(&self) -> &str {
        &self.hold.account
    }

    /// The ledger.
    pub const fn ledger(&self) -> &'a Ledger {
        self.ledger
    }

    /// The account's counters.
    pub const fn counts(&self) -> &'a AccountCounts {
        self.counts
    }

    /// How long the account is to be left alone, if its provider said so.
    pub const fn rest(&self) -> Duration {
        self.rest
    }

    /// Asks the provider once its budget has a place. The inner error names in bounded words why there is no answer.
    ///
    /// # Errors
    /// When the hold or the ledger is lost; nothing was asked then.
    pub async fn ask<T>(
        &mut self,
        question: impl Future<Output = Result<T, ProbeTrouble>>,
    ) -> Result<Result<T, String>, Halt> {
        self.place().await?;
        count(&self.counts.queries);
        let trouble = match question.await {
            Ok(answer) => return Ok(Ok(answer)),
            Err(trouble) => trouble,
        };
        count(&self.counts.queries_refused);
        if let ProbeTrouble::Busy { after, .. } = &trouble {
            self.rest = after.unwrap_or(BUSY.0).min(BUSY.1);
        }
        let code = &trouble.trouble().code;
        tracing::warn!(account = self.account(), code, "a question got no answer: {trouble}");
        Ok(Err(format!("no answer: {code}")))
    }

    /// Waits for a place in the pace that all processes keep, an even one: a provider counts any minute, not ours.
    async fn place(&mut self) -> Result<(), Halt> {
        let us = MINUTE_US / i64::from(self.per_min.max(1));
        let ahead = Duration::from_micros(us.unsigned_abs());
        let key = pace_key(self.account());
        loop {
            self.renew().await?;
            match self.ledger.pace(&key, us, ahead).await? {
                Some(wait) => return self.sleep(wait).await,
                None => self.sleep(ahead.min(SLICE)).await?,
            }
        }
    }

    async fn sleep(&mut self, long: Duration) -> Result<(), Halt> {
        let until = Instant::now() + long;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            tokio::time::sleep(left.min(SLICE)).await;
            self.renew().await?;
        }
    }

    async fn renew(&mut self) -> Result<(), Halt> {
        let held = self.ledger.hold_account(&self.hold.account, &self.hold.holder, HOLD_MS).await?;
        // another fence: it was another's meanwhile, and what this turn has seen may be old
        if held.is_some_and(|held| held.fence == self.hold.fence) {
            return Ok(());
        }
        Err(Halt::HoldLost)
    }
}

/// Name of the budget of an account's questions. Receipts share it, after reconciliation.
pub fn pace_key(account: &str) -> String {
    format!("report/{account}")
}
