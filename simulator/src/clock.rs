//! The simulator's one clock.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use crate::lock::locked;

/// Wall time in milliseconds since 1970 that never runs backwards and can be pushed forward.
///
/// The rules of the vendors are made of hours (a token ban, a token's life), and a test cannot wait for
/// them: [`Clock::advance`] moves every rule at once. [`Clock::freeze`] makes it stand still in between, so
/// that a test about "so many a second" does not depend on how fast the machine is. Real waits (slow,
/// hang) are not touched.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    started_ms: i64,
    moved_ms: AtomicI64,
    /// Where it stands without the moves; nothing while it runs.
    frozen_ms: Mutex<Option<i64>>,
}

impl Clock {
    /// Starts at the machine's time.
    pub(crate) fn start() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the simulator stands for the outside world, whose time is the machine's; \
                      this is the only place that reads it"
        )]
        let now = chrono::Utc::now();
        Self {
            started: Instant::now(),
            started_ms: now.timestamp_millis(),
            moved_ms: AtomicI64::new(0),
            frozen_ms: Mutex::new(None),
        }
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        let base = locked(&self.frozen_ms).unwrap_or_else(|| self.running_ms());
        base.saturating_add(self.moved_ms.load(Ordering::Relaxed))
    }

    fn running_ms(&self) -> i64 {
        let elapsed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.started_ms.saturating_add(elapsed)
    }

    /// Lets the clock stand still, or run again (it then jumps forward by the time it stood).
    pub(crate) fn freeze(&self, frozen: bool) {
        let mut frozen_ms = locked(&self.frozen_ms);
        *frozen_ms = frozen.then(|| frozen_ms.unwrap_or_else(|| self.running_ms()));
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let _ = self.moved_ms.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |moved| {
            Some(moved.saturating_add(by))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_it_is_advanced() {
        let clock = Clock::start();
        clock.freeze(true);
        let before = clock.now_ms();
        clock.advance(Duration::from_secs(5));
        clock.freeze(true);
        assert_eq!(clock.now_ms(), before + 5_000);
        clock.freeze(false);
        assert!(clock.now_ms() >= before + 5_000);
    }

    #[test]
    fn advancing_moves_the_clock_by_that_much_and_never_back() {
        let clock = Clock::start();
        let before = clock.now_ms();
        clock.advance(Duration::from_hours(1));
        let after = clock.now_ms();
        assert!(after - before >= 3_600_000 && after - before < 3_660_000);
    }
}
