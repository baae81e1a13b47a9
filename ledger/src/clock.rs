//! The one clock: the database's (`shared/PROTOCOL.md` rule 15). Processes measure their offset at connect and every minute.

use crate::test_clock;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// How often a process measures its offset; by a test's clock, which jumps, much more often.
pub fn measure_every() -> Duration {
    if test_clock::is_on() { Duration::from_millis(100) } else { Duration::from_mins(1) }
}

/// The database's time as this process knows it.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
    /// How much of it is a test's doing ([`test_clock`]).
    moved_ms: Arc<AtomicI64>,
}

impl Clock {
    /// Now, by the database's clock.
    pub fn now(&self) -> DateTime<Utc> {
        let offset =
            TimeDelta::try_milliseconds(self.offset_ms.load(Ordering::Relaxed)).unwrap_or_default();
        local_now() + offset
    }

    /// Now in milliseconds since 1970 UTC.
    pub fn now_ms(&self) -> i64 {
        self.now().timestamp_millis()
    }

    /// How far this machine's clock is behind the database's, in milliseconds. Above 5,000 a process is not ready.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::Relaxed) - self.moved_ms.load(Ordering::Relaxed)
    }

    /// A test has moved the database's clock by so much.
    pub(crate) fn moved(&self, by_ms: i64) {
        self.moved_ms.store(by_ms, Ordering::Relaxed);
    }

    pub(crate) fn measured(
        &self,
        asked_at: DateTime<Utc>,
        answered_at: DateTime<Utc>,
        database_ms: i64,
    ) {
        let middle = asked_at.timestamp_millis().midpoint(answered_at.timestamp_millis());
        self.offset_ms.store(database_ms - middle, Ordering::Relaxed);
    }
}

/// This machine's own clock.
#[expect(clippy::disallowed_methods, reason = "the one place where a process reads its wall clock")]
pub(crate) fn local_now() -> DateTime<Utc> {
    Utc::now()
}
