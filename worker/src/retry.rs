//! When a message that certainly was not sent is tried again. `backoff` gives the short delays; long ones are rows.

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use std::time::Duration;

/// Longest delay that is waited for in process.
pub const QUICK_AT_MOST: Duration = Duration::from_secs(5);

/// Delays between attempts made under one lease: half a second, doubling, with jitter.
pub fn quick() -> impl FnMut() -> Duration + Send {
    let mut backoff = ExponentialBackoff {
        initial_interval: Duration::from_millis(500),
        current_interval: Duration::from_millis(500),
        multiplier: 2.0,
        randomization_factor: 0.3,
        max_interval: QUICK_AT_MOST,
        // without this the crate stops after 15 minutes; the number of tries is what bounds us
        max_elapsed_time: None,
        ..ExponentialBackoff::default()
    };
    backoff.reset();
    move || backoff.next_backoff().unwrap_or(QUICK_AT_MOST)
}

/// How long a row waits after its `attempts`th attempt failed, where the provider names no time.
pub fn later(attempts: u32) -> Duration {
    Duration::from_secs(match attempts {
        0..=4 => 30,
        5..=8 => 120,
        9..=12 => 600,
        _ => 1_800,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_delays_grow_and_stay_short() {
        let mut next = quick();
        let delays: Vec<_> = (0..8).map(|_| next()).collect();
        assert!(
            delays[0] >= Duration::from_millis(350) && delays[0] <= Duration::from_millis(650),
            "{delays:?}"
        );
        assert!(delays.iter().all(|d| *d <= QUICK_AT_MOST.mul_f64(1.3)), "{delays:?}");
        assert!(delays[5] > delays[0]);
    }

    #[test]
    fn later_delays_never_fall() {
        let all: Vec<_> = (0..40).map(later).collect();
        assert!(all.windows(2).all(|w| w[0] <= w[1]));
    }
}
