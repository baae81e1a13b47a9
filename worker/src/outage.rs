//! The time in which the ledger is down (PROTOCOL rule 11): whoever meets it says so, and the intake stops taking.

use futures::FutureExt;
use ledger::LedgerError;
use tokio::sync::{Notify, watch};

/// What messages and intake tell each other about the ledger's absence.
#[derive(Debug, Default)]
pub struct Outage {
    met: Notify,
    known: watch::Sender<Known>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    now: bool,
    count: u64,
}

impl Outage {
    /// How many outages have begun. Whoever asks the ledger notes it before.
    pub fn count(&self) -> u64 {
        self.known.borrow().count
    }

    /// Says what the ledger answered somebody who had noted `seen` before; only absence is an outage. One that is known, or
    /// was since then, explains it: told again, the intake would pause once more after it, and give back what it holds a
    /// second time.
    pub fn met(&self, seen: u64, error: &LedgerError) {
        let known = *self.known.borrow();
        if matches!(error, LedgerError::Away(_)) && !known.now && known.count == seen {
            self.met.notify_one();
        }
    }

    /// As [`Outage::met`], of an absent ledger; returns when nothing is taken any more, or was not since `seen`.
    pub async fn met_and_known(&self, seen: u64, error: &LedgerError) {
        let mut known = self.known.subscribe();
        self.met(seen, error);
        // the sender lives as long as we do
        let _ = known.wait_for(|known| known.now || known.count > seen).await;
    }

    /// Waits until somebody met it.
    pub(crate) async fn noticed(&self) {
        self.met.notified().await;
    }

    /// Whether nothing is taken now.
    pub fn is_now(&self) -> bool {
        self.known.borrow().now
    }

    /// Waits while nothing may be taken.
    pub(crate) async fn over(&self) {
        let mut known = self.known.subscribe();
        // the sender lives as long as we do
        let _ = known.wait_for(|known| !known.now).await;
    }

    /// Nothing is taken any more.
    pub(crate) fn begins(&self) {
        self.known.send_modify(|known| *known = Known { now: true, count: known.count + 1 });
    }

    /// The ledger answers again; what was said of this outage in its first moments is forgotten.
    pub(crate) fn ends(&self) {
        let _ = self.met.notified().now_or_never();
        self.known.send_modify(|known| known.now = false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away() -> LedgerError {
        LedgerError::Away("gone".to_owned())
    }

    fn is_noticed(outage: &Outage) -> bool {
        outage.noticed().now_or_never().is_some()
    }

    #[tokio::test]
    async fn one_outage_is_noticed_once_however_many_meet_it() {
        let outage = Outage::default();
        let seen = outage.count();
        outage.met(seen, &LedgerError::Conflict);
        assert!(!is_noticed(&outage), "a conflict is no outage");
        outage.met(seen, &away());
        outage.met(seen, &away());
        assert!(is_noticed(&outage));
        // between the notice and the moment in which nothing is taken any more
        outage.met(seen, &away());
        outage.begins();
        outage.met(seen, &away());
        outage.met(outage.count(), &away());
        outage.ends();
        // who had asked before the outage hears of it late
        outage.met(seen, &away());
        assert!(!is_noticed(&outage));
        outage.met(outage.count(), &away());
        assert!(is_noticed(&outage), "the next outage");
    }

    #[tokio::test]
    async fn who_holds_a_message_waits_until_nothing_is_taken() {
        let (outage, away) = (Outage::default(), away());
        let seen = outage.count();
        let mut waits = Box::pin(outage.met_and_known(seen, &away));
        assert!(waits.as_mut().now_or_never().is_none());
        outage.begins();
        waits.await;
        outage.ends();
        outage.met_and_known(seen, &away).await;
    }

    #[tokio::test]
    async fn whoever_takes_waits_until_an_outage_is_over() {
        let outage = Outage::default();
        outage.over().await;
        outage.begins();
        let mut waits = Box::pin(outage.over());
        assert!(waits.as_mut().now_or_never().is_none());
        outage.ends();
        waits.await;
    }
}
