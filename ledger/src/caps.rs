//! Caps that throttle answers have lowered, shared by all processes (ADR 0010).
//!
//! What is kept is how low a cap was set and when; how far it has risen since is a matter of the clock alone, so nobody has to raise it.

use crate::db::Ledger;
use crate::engine::{Row, query, scalar};
use crate::error::LedgerError;
use crate::shared::CLOCK_PUT_BACK_MS;
use crate::write::now;

/// The whole cap; a share is so many thousandths of it.
pub const WHOLE: i64 = 1_000;
/// How long a lowered cap stays where it is, milliseconds.
const HOLD_MS: i64 = 5_000;
/// Then it rises by [`STEP`] thousandths of the whole each time this has passed, milliseconds.
const STEP_MS: i64 = 1_000;
const STEP: i64 = 25;
/// By so many thousandths of itself a cap is lowered at least, and at most: a stray answer is no reason to go at half speed, and a
/// provider that refuses everything for a moment none to stop.
const LEAST: i64 = 50;
const MOST: i64 = 750;
/// Providers count a second: what is refused within one of a lowering belongs to it. Milliseconds.
const APART_MS: i64 = 1_000;

/// How low throttle answers may set a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// The provider counts what the account, or the machine, sends: as low as needed.
    Account,
    /// It counts what one number is sent (`facts/netgsm_iys.md` A1, 85). That may be the fault of one clinic: the others keep half.
    Number,
}

impl Throttle {
    const fn lowest(self) -> i64 {
        match self {
            Self::Account => WHOLE / 32,
            Self::Number => WHOLE / 2,
        }
    }
}

/// A cap that was lowered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lowered {
    /// Under which key places in its pace are taken.
    pub key: String,
    /// Thousandths of the configured cap that were left.
    pub share: i64,
    /// When, milliseconds since 1970 UTC.
    pub at: i64,
    /// The provider's answer, as a bounded code.
    pub why: String,
}

impl Lowered {
    /// Thousandths of the configured cap that may be used at `now`, milliseconds since 1970 UTC: from 1 to [`WHOLE`].
    pub fn share_at(&self, now: i64) -> i64 {
        let passed = now.saturating_sub(self.at);
        if passed < -CLOCK_PUT_BACK_MS {
            // written before the clock was put back: it would last until the clock has come again to where it was
            return WHOLE;
        }
        let steps = match passed.saturating_sub(HOLD_MS) {
            risen @ 0.. => risen / STEP_MS + 1,
            _ => 0,
        };
        self.share.saturating_add(steps.saturating_mul(STEP)).clamp(1, WHOLE)
    }
}

/// An answer "too fast".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFast {
    /// What the provider counted.
    pub throttle: Throttle,
    /// When the cap was lowered that the request's place was taken under, milliseconds since 1970 UTC; 0: it was whole.
    pub under: i64,
    /// How many of a thousand requests it refused lately as too fast: so much is what we send above what it takes.
    pub refused: i64,
}

/// What such an answer sets a cap to, in thousandths of the configured one; `None`: it changes nothing.
///
/// An answer to what was sent under an earlier, higher cap is no reason to lower it again.
pub fn lowered(state: Option<&Lowered>, answer: TooFast, now: i64) -> Option<i64> {
    let TooFast { throttle, under, refused } = answer;
    let share = state.map_or(WHOLE, |state| state.share_at(now));
    if let Some(state) = state {
        let passed = now.saturating_sub(state.at);
        if (share < WHOLE && state.at != under) || (0..APART_MS).contains(&passed) {
            return None;
        }
    }
    let lower = (share * (WHOLE - refused.clamp(LEAST, MOST)) / WHOLE).max(throttle.lowest());
    match throttle {
        // at the lowest it is kept there
        Throttle::Account => Some(lower.min(share)),
        Throttle::Number => (lower < share).then_some(lower),
    }
}

impl Ledger {
    /// All caps that were lowered; of one that has risen again nobody may have told yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lowered_caps(&self) -> Result<Vec<Lowered>, LedgerError> {
        let rows = query("SELECT key, share, at, why FROM cap ORDER BY key")
            .fetch_all(self.db.read())
            .await?;
        rows.iter().map(read).collect()
    }

    /// A provider said "too fast" (see [`lowered`]). Returns what the cap is now, if that has just lowered it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lower_cap(
        &self,
        key: &str,
        why: &str,
        answer: TooFast,
    ) -> Result<Option<Lowered>, LedgerError> {
        let mut tx = self.db.begin().await?;
        let found = query("SELECT key, share, at, why FROM cap WHERE key = $1 {lock}")
            .bind(key)
            .fetch_optional(&mut *tx)
            .await?;
        let found = found.as_ref().map(read).transpose()?;
        let now = now(&mut tx).await?;
        let Some(share) = lowered(found.as_ref(), answer, now) else {
            tx.rollback().await?;
            return Ok(None);
        };
        // two that both found no row: one of them is first
        let ours: Option<i64> = scalar(
            "-- lower cap\nINSERT INTO cap (key, share, at, why) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO UPDATE SET \
             share = excluded.share, at = excluded.at, why = excluded.why WHERE cap.at = $5 RETURNING share",
        )
        .bind(key)
        .bind(share)
        .bind(now)
        .bind(why)
        .bind(found.map_or(-1, |found| found.at))
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        let new = Lowered { key: key.to_owned(), share, at: now, why: why.to_owned() };
        Ok(ours.map(|_| new))
    }

    /// Forgets a cap that has risen to the whole one. `true`: this is the moment to tell.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn cap_is_whole(&self, cap: &Lowered) -> Result<bool, LedgerError> {
        let gone = query("DELETE FROM cap WHERE key = $1 AND at = $2")
            .bind(&cap.key)
            .bind(cap.at)
            .execute(self.db.write())
            .await?;
        Ok(gone == 1)
    }
}

fn read(row: &Row) -> Result<Lowered, LedgerError> {
    Ok(Lowered {
        key: row.try_get("key")?,
        share: row.try_get("share")?,
        at: row.try_get("at")?,
        why: row.try_get("why")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(share: i64, at: i64) -> Lowered {
        Lowered { key: "rate/netgsm/a".to_owned(), share, at, why: "netgsm:80".to_owned() }
    }

    /// Half of what was sent lately was refused.
    fn half(throttle: Throttle, under: i64) -> TooFast {
        TooFast { throttle, under, refused: 500 }
    }

    #[test]
    fn a_cap_is_lowered_stays_and_rises_step_by_step_to_the_whole_one() {
        assert_eq!(lowered(None, half(Throttle::Account, 0), 100_000), Some(500));
        let cap = of(500, 100_000);
        let shares: Vec<i64> = [0, 4_999, 5_000, 6_000, 15_000, 24_000, 3_600_000]
            .map(|ms| cap.share_at(100_000 + ms))
            .into();
        assert_eq!(shares, [500, 500, 525, 550, 775, 1_000, 1_000]);
    }

    #[test]
    fn it_is_lowered_by_what_was_refused_a_little_for_a_stray_answer_and_never_to_nothing() {
        let to = |refused| lowered(None, TooFast { refused, ..half(Throttle::Account, 0) }, 0);
        assert_eq!(
            [0, 20, 50, 300, 625, 750, 1_000].map(to),
            [950, 950, 950, 700, 375, 250, 250].map(Some)
        );
        let again = TooFast { refused: 1_000, ..half(Throttle::Account, 1) };
        assert_eq!(lowered(Some(&of(100, 1)), again, 2_000), Some(31));
        assert_eq!(lowered(Some(&of(31, 1)), again, 2_000), Some(31), "kept there");
    }

    #[test]
    fn what_was_sent_under_the_higher_cap_does_not_lower_it_again() {
        let cap = of(500, 100_000);
        let to = |state, under, now| lowered(state, half(Throttle::Account, under), now);
        assert_eq!(to(Some(&cap), 0, 103_000), None);
        assert_eq!(to(Some(&cap), 100_000, 100_900), None, "the same second");
        assert_eq!(to(Some(&cap), 100_000, 101_000), Some(250));
        // risen to the whole and not told yet: as if nothing had been
        assert_eq!(to(Some(&cap), 0, 200_000), Some(500));
        assert_eq!(to(None, 100_000, 200_000), Some(500));
    }

    #[test]
    fn one_number_takes_no_more_than_half_from_the_others() {
        let all = |under| TooFast { refused: 1_000, ..half(Throttle::Number, under) };
        assert_eq!(lowered(None, all(0), 0), Some(500));
        assert_eq!(lowered(Some(&of(500, 1)), all(1), 2_000), None);
        assert_eq!(lowered(Some(&of(250, 1)), all(1), 2_000), None);
        assert_eq!(lowered(Some(&of(500, 1)), all(1), 10_000), Some(500), "it had risen");
    }

    #[test]
    fn a_clock_that_was_put_back_leaves_nobody_slow() {
        assert_eq!(of(31, 10_000_000).share_at(0), WHOLE);
        assert_eq!(of(31, 10_000).share_at(9_000), 31, "two machines differ by that much");
    }

    proptest! {
        #[test]
        fn a_cap_only_rises_by_itself_and_gets_whole(share in 1i64..=WHOLE, at in 0i64..1 << 42, first in 0i64..200_000, more in 0i64..200_000) {
            let cap = of(share, at);
            let (before, after) = (cap.share_at(at + first), cap.share_at(at + first + more));
            prop_assert!(share <= before && before <= after && after <= WHOLE);
            prop_assert_eq!(cap.share_at(at + HOLD_MS + (WHOLE / STEP) * STEP_MS), WHOLE);
            // step by step: nobody is let loose at once
            prop_assert!(after - before <= STEP * (more / STEP_MS + 1));
        }

        #[test]
        fn throttle_answers_never_raise_a_cap_and_never_stop_an_account(
            answers in proptest::collection::vec((any::<bool>(), any::<bool>(), 0i64..8_000, -10i64..1_010), 1..200)
        ) {
            let (mut state, mut now): (Option<Lowered>, i64) = (None, 1_000_000);
            let mut last = None;
            for (of_number, knows, pause, refused) in answers {
                now += pause;
                let throttle = if of_number { Throttle::Number } else { Throttle::Account };
                let under = state.as_ref().filter(|_| knows).map_or(0, |state| state.at);
                let share = state.as_ref().map_or(WHOLE, |state| state.share_at(now));
                let answer = TooFast { throttle, under, refused };
                let Some(new) = lowered(state.as_ref(), answer, now) else { continue };
                prop_assert!(new <= share && new >= throttle.lowest().min(share) && new >= Throttle::Account.lowest());
                prop_assert!(new >= share * (WHOLE - MOST) / WHOLE);
                prop_assert!(last.is_none_or(|last| now - last >= APART_MS), "twice in a second");
                last = Some(now);
                state = Some(of(new, now));
            }
        }
    }
}
