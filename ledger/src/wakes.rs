//! What a release is woken by, so that it sleeps until the next due time and not for a fixed while.

use crate::db::{Changes, Ledger};
use crate::engine::Bell;

/// A row that is due within this time, milliseconds, wakes whoever releases; for one that is due later nobody is woken. So whoever
/// releases looks at least this often. It is shorter than the least Defer (5 s, PROTOCOL rule 15): what a worker puts off wakes nobody.
pub const WAKES_WITHIN_MS: i64 = 4_000;

/// Tells that a row may be due earlier than was known.
#[derive(Debug)]
pub struct Wakes {
    changes: Changes,
    /// On PostgreSQL.
    bell: Option<Bell>,
}

impl Ledger {
    /// Whoever releases what is due. To be called on a runtime, where the listening goes on in the background.
    pub fn wakes(&self) -> Wakes {
        Wakes { changes: self.changes(), bell: self.db.bell() }
    }
}

impl Wakes {
    /// Waits until a row may have become due at once, or within [`WAKES_WITHIN_MS`], since the last call: because of this process or
    /// another one. With `progress` every commit of this process counts, for what has given a place free.
    ///
    /// On SQLite every commit counts anyway. On PostgreSQL it returns every half second while nobody can be heard.
    pub async fn next(&mut self, progress: bool) {
        let Some(bell) = &mut self.bell else { return self.changes.next().await };
        tokio::select! {
            () = bell.rung() => {}
            () = self.changes.of_this_process(), if progress => {}
        }
    }
}
