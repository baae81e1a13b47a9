//! What throttle answers have left of each cap, as this process knows it (ADR 0010). Places in a pace are as long as that asks for.

use ledger::caps::{self, Lowered, Throttle, TooFast, WHOLE};
use ledger::{Ledger, LedgerError};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Longest place of one unit, however low the cap, microseconds: a message waits so long for one, and its row comes back for nothing
/// if there is none. A cap that is slower itself stays what it is.
const SLOWEST_US: i64 = 2_000_000;

/// Key of the pace of questions to İYS: it counts the requests of an IP, whatever the account (`facts/netgsm_iys.md` B4).
pub const IYS: &str = "rate/iys";

/// Which answers say "too fast", and what the provider counted (`facts/netgsm_iys.md` A1, A8, B4; `facts/twilio_turkeysms_smsala.md`
/// A7, B). An hourly quota (H084, H086, H089) is no matter of pace.
pub fn throttle(code: &str) -> Option<Throttle> {
    match code {
        "http:429" | "netgsm:80" | "twilio:20429" | "twilio:21611" | "twilio:30001"
        | "iys:H083" | "iys:H124" | "turkeysms:TS-1060" | "meta:4" | "meta:80007"
        | "meta:130429" => Some(Throttle::Account),
        "netgsm:85" | "meta:131056" => Some(Throttle::Number),
        _ => None,
    }
}

/// Key of the pace of an account's messages.
pub fn key(provider: &str, account: &str) -> String {
    format!("rate/{provider}/{account}")
}

/// Providers count a second: so far back answers are looked at, milliseconds.
const RECENT_MS: i64 = 1_000;
/// But never fewer than these, where they are not older than this, milliseconds.
const AT_LEAST: usize = 10;
const OLDEST_MS: i64 = 10_000;
/// One answer "too fast" among so many, itself included, is a stray one.
const STRAY_AMONG: usize = 4;

/// The latest answers of a provider: when, and whether it said "too fast".
#[derive(Debug, Default)]
struct Recent(VecDeque<(i64, bool)>);

impl Recent {
    fn heard(&mut self, now: i64, too_fast: bool) {
        self.0.push_back((now, too_fast));
        while let Some((at, _)) = self.0.front() {
            let age = now.saturating_sub(*at);
            // an answer of the future: the clock was put back
            let few = (0..=OLDEST_MS).contains(&age) && self.0.len() <= AT_LEAST;
            if (0..=RECENT_MS).contains(&age) || few {
                break;
            }
            self.0.pop_front();
        }
    }

    /// How many of a thousand were "too fast"; 0 where a single one was among others that were not: two requests may have met on their
    /// way, which says nothing of how much too fast we are.
    fn refused(&self) -> i64 {
        let all = self.0.len();
        let refused = self.0.iter().filter(|(_, too_fast)| *too_fast).count();
        if refused == 1 && all >= STRAY_AMONG {
            return 0;
        }
        i64::try_from(refused * 1_000 / all.max(1)).unwrap_or(1_000)
    }
}

/// How much of a cap may be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Thousandths of the configured cap.
    pub thousandths: i64,
    /// When it was lowered, milliseconds since 1970 UTC; 0: it was not.
    pub under: i64,
}

impl Share {
    /// All of it.
    pub const ALL: Self = Self { thousandths: WHOLE, under: 0 };

    /// How long a place for `units` is, microseconds, if one of the whole cap is `whole_us` long.
    pub fn place_us(self, units: i64, whole_us: i64) -> i64 {
        let slower = whole_us.saturating_mul(WHOLE) / self.thousandths.max(1);
        slower.min(SLOWEST_US).max(whole_us).saturating_mul(units.max(1))
    }
}

/// Caps as this process knows them.
#[derive(Debug, Default)]
pub struct Caps {
    lowered: Mutex<HashMap<String, Lowered>>,
    /// Of many answers at once one asks the ledger.
    turn: tokio::sync::Mutex<()>,
    /// By key.
    recent: Mutex<HashMap<String, Recent>>,
    /// Accounts without a cap whose throttling was told.
    told: Mutex<HashSet<String>>,
}

impl Caps {
    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Lowered>> {
        self.lowered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much of a cap may be used at `now`, milliseconds since 1970 UTC.
    pub fn share(&self, key: &str, now: i64) -> Share {
        self.known()
            .get(key)
            .map_or(Share::ALL, |cap| Share { thousandths: cap.share_at(now), under: cap.at })
    }

    /// Reads what all processes share, and tells of what is whole again.
    ///
    /// # Errors
    /// When the ledger does not answer; the last known state stands.
    pub async fn read(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        let now = ledger.clock().now_ms();
        let caps = ledger.lowered_caps().await?;
        let (whole, lower): (Vec<_>, Vec<_>) =
            caps.into_iter().partition(|cap| cap.share_at(now) >= WHOLE);
        *self.known() = lower.into_iter().map(|cap| (cap.key.clone(), cap)).collect();
        for cap in whole {
            if ledger.cap_is_whole(&cap).await? {
                tracing::info!(cap = cap.key, "the cap is whole again");
            }
        }
        Ok(())
    }

    /// The provider answered a request, whatever it said, but not "too fast".
    pub fn taken(&self, ledger: &Ledger, key: &str) {
        self.heard(key, ledger.clock().now_ms(), false);
    }

    fn heard(&self, key: &str, now: i64, too_fast: bool) -> i64 {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if !recent.contains_key(key) {
            recent.insert(key.to_owned(), Recent::default());
        }
        recent.get_mut(key).map_or(0, |recent| {
            recent.heard(now, too_fast);
            recent.refused()
        })
    }

    /// The provider said "too fast" to a request whose place was taken under this share: the cap is lowered for all processes, once.
    pub async fn throttled(
        &self,
        ledger: &Ledger,
        key: &str,
        (code, throttle): (&str, Throttle),
        taken: Share,
    ) {
        let refused = self.heard(key, ledger.clock().now_ms(), true);
        let answer = TooFast { throttle, under: taken.under, refused };
        // whoever asks now lowers it for all; nobody's outcome waits behind that
        let Ok(_turn) = self.turn.try_lock() else { return };
        let now = ledger.clock().now_ms();
        // heard already, of all that were sent with it
        if caps::lowered(self.known().get(key), answer, now).is_none() {
            return;
        }
        let before = self.share(key, now).thousandths;
        match ledger.lower_cap(key, code, answer).await {
            // kept at its lowest
            Ok(Some(cap)) if cap.share == before => drop(self.known().insert(key.to_owned(), cap)),
            Ok(Some(cap)) => {
                tracing::warn!(
                    cap = key,
                    code,
                    percent = cap.share / 10,
                    "the provider says that it is asked too fast: all workers use so much of the cap, which rises again by itself"
                );
                self.known().insert(key.to_owned(), cap);
            }
            // another process was first, or it says nothing new
            Ok(None) => drop(self.read(ledger).await),
            // the next such answer tries again
            Err(error) => tracing::debug!(cap = key, %error, "the cap was not lowered"),
        }
    }

    /// As [`Caps::throttled`], of an account that has no cap: there is nothing to lower, and somebody should know.
    pub fn throttled_without(&self, key: &str, code: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(key.to_owned()) {
            tracing::warn!(
                account = key,
                code,
                "the provider says that it is asked too fast, and no cap is configured for this account that could be lowered: set its max_per_s"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_slower_takes_longer_places_and_none_beyond_patience() {
        let of = |thousandths| Share { thousandths, under: 1 };
        assert_eq!(Share::ALL.place_us(3, 20_600), 61_800);
        assert_eq!(of(500).place_us(1, 20_600), 41_200);
        assert_eq!(of(31).place_us(1, 1_030_000), 2_000_000);
        assert_eq!(of(31).place_us(1, 6_180_000), 6_180_000);
    }

    #[test]
    fn of_many_answers_those_of_a_second_count_and_of_a_few_the_last_ones() {
        let mut many = Recent::default();
        (0..100).for_each(|n| many.heard(n, true));
        assert_eq!(many.refused(), 1_000);
        (0..60).for_each(|n| many.heard(1_150 + n * 10, n % 4 == 0));
        assert_eq!((many.0.len(), many.refused()), (60, 250));
        let mut few = Recent::default();
        (0..30).for_each(|n| few.heard(n * 900, n == 25 || n == 27));
        assert_eq!((few.0.len(), few.refused()), (10, 200));
        few.heard(60_000, false);
        assert_eq!((few.0.len(), few.refused()), (1, 0));
    }

    #[test]
    fn a_single_answer_among_others_is_a_stray_one_and_the_first_of_all_is_not() {
        let heard = |answers: &[bool]| {
            let mut recent = Recent::default();
            for too_fast in answers {
                recent.heard(1, *too_fast);
            }
            recent.refused()
        };
        assert_eq!(heard(&[true]), 1_000);
        assert_eq!(heard(&[false, false, true]), 333);
        assert_eq!(heard(&[false, false, false, true]), 0);
        assert_eq!(heard(&[false, true, false, false, true]), 400);
    }

    #[test]
    fn an_hourly_quota_is_no_matter_of_pace() {
        assert_eq!(["iys:H084", "iys:H086", "iys:H089"].map(throttle), [None; 3]);
        assert_eq!(throttle("netgsm:85"), Some(Throttle::Number));
        assert_eq!(throttle("netgsm:100"), None);
    }

    proptest! {
        #[test]
        fn a_place_is_never_shorter_than_the_whole_cap_allows(share in 0i64..=WHOLE, units in 0i64..20, whole_us in 1i64..10_000_000) {
            let us = Share { thousandths: share, under: 0 }.place_us(units, whole_us);
            prop_assert!(us >= whole_us * units.max(1));
            prop_assert!(us <= whole_us.max(SLOWEST_US) * units.max(1));
        }
    }
}
