//! Background work that one process at a time does.

use ledger::{Ledger, LedgerError};

/// How long a process may be silent before another takes the work over.
const LEASE_MS: i64 = 30_000;

/// This process's turn at one piece of background work: a lease in the ledger.
pub struct Turn {
    ledger: Ledger,
    name: &'static str,
    holder: String,
    /// While earlier than this, by the ledger's clock in milliseconds, the lease is ours without asking.
    renew_at: i64,
}

impl Turn {
    /// A claim to the work called `name`.
    ///
    /// # Errors
    /// When there is no randomness for a name.
    pub fn at(ledger: Ledger, name: &'static str) -> Result<Self, LedgerError> {
        let holder = Ledger::holder_name(name)?;
        Ok(Self { ledger, name, holder, renew_at: 0 })
    }

    /// Whether it is ours now. The lease is renewed only when half of it is over: idle work writes little.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_ours(&mut self) -> Result<bool, LedgerError> {
        let now = self.ledger.clock().now_ms();
        if now < self.renew_at {
            return Ok(true);
        }
        let ours = self.ledger.lease(self.name, &self.holder, LEASE_MS).await?;
        self.renew_at = if ours { now.saturating_add(LEASE_MS / 2) } else { 0 };
        Ok(ours)
    }
}
