//! How old a decision to send is (`PROTOCOL.md` rule 6).

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Older than this, and the request is not sent.
pub const FRESH_FOR: Duration = Duration::from_secs(5);

/// Counts while the machine sleeps too, so that a suspended process does not send on waking.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: ClockId = ClockId::Boottime;
/// Elsewhere (development on macOS) the monotonic clock, which already counts sleep there or is
/// the best there is.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: ClockId = ClockId::Monotonic;

/// The instant just before the claim statement left.
///
/// Start it before the claim, hand it to the send: the request body checks it when it is polled,
/// which is after DNS, connect and TLS.
/// Of two the older one is the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Freshness {
    /// Time on [`CLOCK`]; signed, because a test may start it before the machine booted.
    started_ns: i128,
}

impl Freshness {
    /// Reads CLOCK_BOOTTIME. Call it before the claim statement leaves.
    #[must_use]
    pub fn start() -> Self {
        Self { started_ns: now_ns() }
    }

    /// As if [`Freshness::start`] had been called `ago` earlier.
    #[must_use]
    pub fn started_ago(ago: Duration) -> Self {
        Self { started_ns: now_ns() - i128::try_from(ago.as_nanos()).unwrap_or(i128::MAX / 2) }
    }

    /// Whether more than [`FRESH_FOR`] has passed.
    #[must_use]
    pub fn too_old(&self) -> bool {
        now_ns() - self.started_ns > FRESH_FOR.as_nanos() as i128
    }
}

fn now_ns() -> i128 {
    let now = clock_gettime(CLOCK);
    i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_fresh_for_five_seconds_and_no_longer() {
        assert!(!Freshness::start().too_old());
        assert!(!Freshness::started_ago(Duration::from_secs(4)).too_old());
        assert!(Freshness::started_ago(Duration::from_millis(5_001)).too_old());
        assert!(Freshness::started_ago(Duration::MAX).too_old());
        assert!(Freshness::started_ago(Duration::from_secs(1)) < Freshness::start());
    }
}
