//! Tells ops when the clock that decides about quiet hours is not the one that everybody else has.

use std::time::{Duration, Instant};

use providers::wall;

/// It is told again after so long.
const AGAIN: Duration = Duration::from_hours(1);

/// When it was told last.
#[derive(Debug, Default)]
pub struct Clocks(Option<Instant>);

impl Clocks {
    /// Compares ours, milliseconds since 1970 UTC, with those of whoever answered this process.
    pub fn compare(&mut self, now_ms: i64) {
        let Some(ahead_ms) = wall::wrong_by_ms(&wall::ahead_ms(now_ms)) else {
            self.0 = None;
            return;
        };
        if self.0.is_none_or(|told| told.elapsed() > AGAIN) {
            self.0 = Some(Instant::now());
            tracing::error!(
                alert = "clock-wrong",
                ahead_s = ahead_ms / 1_000,
                "the database's clock differs from those of everybody who answers; quiet hours and due times go by it: set that machine's clock"
            );
        }
    }
}
