//! Background work that one process at a time does.

use ledger::{Ledger, LedgerError};

/// How long a process may be silent before another takes the work over.
const LEASE_MS: i64 = 30_000;

/// This process's turn at one piece of background work: a lease in the ledger.
#[derive(Debug)]
pub struct Turn {
    ledger: Ledger,
    name: &'static str,
    holder: String,
    /// Whether the lease was ours when it was asked for last.
    ours: bool,
    /// While earlier than this, by the ledger's clock in milliseconds, that stands without asking.
    ask_at: i64,
}

impl Turn {
    /// A claim to the work called `name`.
    ///
    /// # Errors
    /// When there is no randomness for a name.
    pub fn at(ledger: Ledger, name: &'static str) -> Result<Self, LedgerError> {
        let holder = Ledger::holder_name(name)?;
        Ok(Self { ledger, name, holder, ours: false, ask_at: 0 })
    }

    /// Whether it is ours now. The lease is renewed when half of it is over, and somebody else's asked for every few seconds: idle
    /// work writes little.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_ours(&mut self) -> Result<bool, LedgerError> {
        let now = self.ledger.clock().now_ms();
        // a clock that was put back must not make us wait until it has come again to where it was
        if now >= self.ask_at || self.ask_at - now > LEASE_MS {
            self.ours = self.ledger.lease(self.name, &self.holder, LEASE_MS).await?;
            self.ask_at = now.saturating_add(if self.ours { LEASE_MS / 2 } else { LEASE_MS / 6 });
        }
        Ok(self.ours)
    }
}
