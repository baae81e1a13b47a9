//! A place among the requests to İYS that all processes share.

use super::Inner;
use crate::caps::{self, Caps, IYS, Share};
use crate::pace::PLACE_US;
use ledger::Ledger;
use providers::iys::Silence;
use std::time::Duration;

/// How far away a place may be: more processes than this many seconds of the cap ask again.
const AHEAD: Duration = Duration::from_secs(10);

/// Waits for a place among the requests to İYS that all processes share, and returns under what is left of the cap it was taken. The
/// error is a bounded code.
///
/// An even pace: İYS counts any 1,000 ms, and a budget of whole seconds would let twice the cap pass around the turn of one (measured:
/// H124 at a cap of 8 with a limit of 10, and a closed lane).
///
/// # Errors
/// When the ledger does not answer.
pub async fn permit(ledger: &Ledger, caps: &Caps, max_per_s: Option<u32>) -> Result<Share, String> {
    let Some(cap) = max_per_s else { return Ok(Share::ALL) };
    loop {
        let share = caps.share(IYS, ledger.clock().now_ms());
        let us = share.place_us(1, PLACE_US / i64::from(cap.max(1)));
        match ledger.pace(IYS, us, AHEAD).await {
            Ok(Some(wait)) => {
                tokio::time::sleep(wait).await;
                return Ok(share);
            }
            Ok(None) => tokio::time::sleep(AHEAD / 10).await,
            Err(error) if error.is_away() => return Err("ledger-away".to_owned()),
            Err(_) => return Err("ledger".to_owned()),
        }
    }
}

impl Inner {
    pub(super) async fn permit(&self) -> Result<Share, String> {
        // one at a time: many that wait for a place must not all take one, so that other processes come to theirs
        let _turn = self.turn.lock().await;
        permit(&self.ledger, &self.lanes.caps, self.account.max_per_s).await
    }

    /// İYS answered.
    pub(super) fn taken(&self) {
        if self.account.max_per_s.is_some() {
            self.lanes.caps.taken(&self.ledger, IYS);
        }
    }

    /// İYS counted too many requests a second: all processes ask more slowly for a while.
    pub(super) async fn throttled(&self, silence: &Silence, share: Share) {
        let code = silence.trouble.code.as_str();
        let Some(how) = caps::throttle(code) else { return };
        match self.account.max_per_s {
            Some(_) => self.lanes.caps.throttled(&self.ledger, IYS, (code, how), share).await,
            None => self.lanes.caps.throttled_without(IYS, code),
        }
    }
}

/// The limit of a second (`facts/netgsm_iys.md` B4); those of an hour name a longer wait.
pub(super) fn is_throttle(silence: &Silence) -> bool {
    caps::throttle(&silence.trouble.code).is_some()
        && silence.after.is_none_or(|after| after <= crate::retry::QUICK_AT_MOST)
}
