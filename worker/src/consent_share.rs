//! Tells ops when a clinic's messages mostly stop for lack of consent: more often a missing setting than a missing consent.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Share of an hour's messages, in percent, above which ops are told (DESIGN §4 *Consent*).
const PERCENT: u32 = 30;
/// Fewer messages than this in an hour say nothing.
const AT_LEAST: u32 = 20;
const HOUR_MS: i64 = 3_600_000;

/// Counts of the current hour, of this process.
#[derive(Debug, Default)]
pub struct ConsentShare {
    hours: Mutex<HashMap<String, Hour>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Hour {
    began: i64,
    decided: u32,
    stopped: u32,
    told: bool,
}

impl Hour {
    /// Counts one more. `true`: this is the moment to tell, once an hour.
    fn count(&mut self, now_ms: i64, stopped: bool) -> bool {
        let began = now_ms.div_euclid(HOUR_MS);
        if self.began != began {
            *self = Self { began, ..Self::default() };
        }
        self.decided += 1;
        self.stopped += u32::from(stopped);
        let tell =
            !self.told && self.decided >= AT_LEAST && self.stopped * 100 > self.decided * PERCENT;
        self.told |= tell;
        tell
    }
}

impl ConsentShare {
    /// Counts a message that was claimed (`stopped: false`) or suppressed for lack of consent.
    pub fn count(&self, clinic: &str, event_type: &str, now_ms: i64, stopped: bool) {
        let mut hours = self.hours.lock().unwrap_or_else(PoisonError::into_inner);
        let hour = hours.entry(format!("{clinic} {event_type}")).or_default();
        if hour.count(now_ms, stopped) {
            tracing::error!(
                alert = "no-consent",
                clinic,
                event_type,
                suppressed = hour.stopped,
                of = hour.decided,
                "many messages of this hour stop for lack of consent; what decides it: clinics.{clinic}.consent.\"{event_type}\""
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ops_are_told_once_an_hour_and_only_above_the_share() {
        let mut hour = Hour::default();
        let told: Vec<bool> = (0..40).map(|i| hour.count(0, i % 3 == 0)).collect();
        assert_eq!(told.iter().filter(|t| **t).count(), 1, "34 % stop");
        assert!(told[19], "as soon as enough messages say so");
        let mut quiet = Hour::default();
        assert!((0..40).all(|i| !quiet.count(0, i % 4 == 0)), "25 % stop");
        assert!((0..19).all(|_| !Hour::default().count(0, true)));
        let again: Vec<bool> = (0..20).map(|_| hour.count(HOUR_MS, true)).collect();
        assert_eq!(again.iter().filter(|t| **t).count(), 1, "the next hour is counted anew");
    }
}
