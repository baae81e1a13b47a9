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
    /// By clinic and type.
    hours: Mutex<HashMap<String, HashMap<String, Hour>>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Hour {
    began: i64,
    decided: u32,
    stopped: u32,
    told: bool,
    /// The share of the hour before, if that one was over the line.
    before: Option<f64>,
}

impl Hour {
    /// Counts one more. `true`: this is the moment to tell, once an hour.
    fn count(&mut self, now_ms: i64, stopped: bool) -> bool {
        let began = now_ms.div_euclid(HOUR_MS);
        if self.began != began {
            let before = self.share().filter(|_| self.began + 1 == began);
            *self = Self { began, before, ..Self::default() };
        }
        self.decided += 1;
        self.stopped += u32::from(stopped);
        let tell = !self.told && self.is_over();
        self.told |= tell;
        tell
    }

    fn is_over(&self) -> bool {
        self.decided >= AT_LEAST && self.stopped * 100 > self.decided * PERCENT
    }

    fn share(&self) -> Option<f64> {
        self.is_over().then(|| f64::from(self.stopped) / f64::from(self.decided))
    }

    /// The share, if it is over the line: of this hour, or of the last one while this one has too few messages to say anything.
    fn over(&self, now_ms: i64) -> Option<f64> {
        match now_ms.div_euclid(HOUR_MS) - self.began {
            0 if self.decided < AT_LEAST => self.before,
            0 | 1 => self.share(),
            _ => None,
        }
    }
}

impl ConsentShare {
    /// Counts a message that was claimed (`stopped: false`) or suppressed for lack of consent.
    pub fn count(&self, clinic: &str, event_type: &str, now_ms: i64, stopped: bool) {
        let mut hours = self.hours.lock().unwrap_or_else(PoisonError::into_inner);
        // every message comes here: only the first one of a clinic and type makes anything
        let known = hours.get_mut(clinic).and_then(|types| types.get_mut(event_type));
        let hour = match known {
            Some(hour) => hour,
            None => {
                let types = hours.entry(clinic.to_owned()).or_default();
                types.entry(event_type.to_owned()).or_default()
            }
        };
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

    /// Clinics and types over the line, each with its share.
    pub fn over(&self, now_ms: i64) -> Vec<(String, String, f64)> {
        let hours = self.hours.lock().unwrap_or_else(PoisonError::into_inner);
        let all = hours.iter().flat_map(|(clinic, types)| {
            types.iter().map(move |(event_type, hour)| (clinic, event_type, hour))
        });
        let over = all.filter_map(|(clinic, event_type, hour)| {
            Some((clinic.clone(), event_type.clone(), hour.over(now_ms)?))
        });
        over.collect()
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

    #[test]
    fn a_share_over_the_line_is_shown_until_another_hour_says_otherwise() {
        let share = ConsentShare::default();
        let shown = |now| share.over(now).into_iter().map(|(.., share)| share).collect::<Vec<_>>();
        for n in 0..30 {
            share.count("a", "t", 0, n % 2 == 0);
            share.count("b", "t", 0, false);
        }
        assert_eq!(shown(0), [0.5]);
        assert_eq!(shown(HOUR_MS), [0.5], "nothing came since");
        share.count("a", "t", HOUR_MS, false);
        assert_eq!(shown(HOUR_MS), [0.5], "one message says nothing");
        (0..19).for_each(|_| share.count("a", "t", HOUR_MS, false));
        assert_eq!(shown(HOUR_MS), [] as [f64; 0]);
        assert_eq!(shown(9 * HOUR_MS), [] as [f64; 0]);
    }
}
