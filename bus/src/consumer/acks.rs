//! Acks of one channel: those that come together leave together, with `multiple` up to the lowest delivery that is not finished.
//!
//! An ack with `multiple` settles every delivery of the channel up to its own. So a delivery counts as unfinished from its arrival until
//! it was acked, or until its return to the queue was written; and what lies beyond the lowest unfinished one is acked by itself.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lapin::{Acker, options::BasicAckOptions};
use tokio::sync::{mpsc, oneshot};

use super::Counts;
use crate::delivery::Acked;

/// Acks that are looked at together.
const TOGETHER: usize = 256;

/// A delivery whose handler is through.
struct Done {
    tag: u64,
    acker: Acker,
    answer: oneshot::Sender<Acked>,
}

/// The acks of one channel.
pub(crate) struct Acks {
    unfinished: Arc<Unfinished>,
    to: mpsc::Sender<Done>,
}

#[derive(Default)]
struct Unfinished(Mutex<BTreeSet<u64>>);

impl Unfinished {
    fn tags(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Acks {
    /// Starts writing; ends with the last delivery of the channel. `room` acks wait at most, `limit` is the longest wait for one.
    pub(crate) fn start(room: u16, limit: Duration, counts: Arc<Counts>) -> Arc<Self> {
        let unfinished = Arc::new(Unfinished::default());
        let (to, from) = mpsc::channel(usize::from(room.max(1)));
        tokio::spawn(write(from, Arc::clone(&unfinished), limit, counts));
        Arc::new(Self { unfinished, to })
    }

    /// A delivery arrived.
    pub(crate) fn arrived(&self, tag: u64) {
        self.unfinished.tags().insert(tag);
    }

    /// A delivery's return to its queue was written.
    pub(crate) fn returned(&self, tag: u64) {
        self.unfinished.tags().remove(&tag);
    }

    /// Acks one, with others that are through.
    pub(crate) async fn ack(&self, tag: u64, acker: &Acker) -> Acked {
        let (answer, answered) = oneshot::channel();
        let done = Done { tag, acker: acker.clone(), answer };
        if self.to.send(done).await.is_err() {
            return Acked::Lost;
        }
        answered.await.unwrap_or(Acked::Lost)
    }
}

/// How many of these sorted tags one ack settles: those before the lowest unfinished one.
fn together(tags: &[u64], lowest: Option<u64>) -> usize {
    tags.partition_point(|tag| lowest.is_none_or(|lowest| *tag < lowest))
}

async fn write(
    mut from: mpsc::Receiver<Done>,
    unfinished: Arc<Unfinished>,
    limit: Duration,
    counts: Arc<Counts>,
) {
    let mut done: Vec<Done> = Vec::new();
    while from.recv_many(&mut done, TOGETHER).await > 0 {
        done.sort_unstable_by_key(|done| done.tag);
        let tags: Vec<u64> = done.iter().map(|done| done.tag).collect();
        let lowest = {
            let mut unfinished = unfinished.tags();
            for tag in &tags {
                unfinished.remove(tag);
            }
            unfinished.first().copied()
        };
        let ahead = together(&tags, lowest);
        let alone = done.split_off(ahead);
        let behind = async |one: Done| {
            let acked = settle(&one.acker, false, limit).await;
            answer(one, acked, &counts);
        };
        let first = async {
            let Some(last) = done.last() else { return };
            let acked = settle(&last.acker, ahead > 1, limit).await;
            for one in done.drain(..) {
                answer(one, acked, &counts);
            }
        };
        // written in this order, waited for at the same time
        tokio::join!(first, futures::future::join_all(alone.into_iter().map(behind)));
    }
}

async fn settle(acker: &Acker, multiple: bool, limit: Duration) -> Acked {
    let written = tokio::time::timeout(limit, acker.ack(BasicAckOptions { multiple })).await;
    if matches!(written, Ok(Ok(true))) { Acked::Yes } else { Acked::Lost }
}

fn answer(one: Done, acked: Acked, counts: &Counts) {
    match acked {
        Acked::Yes => counts.acked.one(),
        Acked::Lost => counts.lost_acks.one(),
    }
    // a handler that was cancelled does not want it any more
    let _ = one.answer.send(acked);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn one_ack_settles_nothing_that_is_not_finished(
            done in prop::collection::btree_set(0_u64..40, 1..20),
            unfinished in prop::collection::btree_set(0_u64..40, 0..20),
        ) {
            let unfinished: BTreeSet<u64> = unfinished.difference(&done).copied().collect();
            let tags: Vec<u64> = done.into_iter().collect();
            let ahead = together(&tags, unfinished.first().copied());
            if let Some(last) = tags[..ahead].last() {
                prop_assert!(unfinished.iter().all(|tag| tag > last));
            }
            // and what waits behind an unfinished one is not held up by it
            prop_assert!(tags[ahead..].iter().all(|tag| unfinished.first().is_some_and(|low| tag > low)));
        }
    }

    #[tokio::test]
    async fn what_is_given_back_holds_nobody_up_and_is_not_acked_with_others() {
        let acks = Acks::start(8, Duration::from_secs(1), Arc::default());
        let raw = |tag| lapin::message::Delivery::mock(tag, "".into(), "".into(), false, vec![]);
        for tag in 1..=3 {
            acks.arrived(tag);
        }
        assert_eq!(acks.ack(2, &raw(2).acker).await, Acked::Yes);
        assert_eq!(acks.unfinished.tags().iter().copied().collect::<Vec<_>>(), [1, 3]);
        acks.returned(1);
        assert_eq!(acks.unfinished.tags().first(), Some(&3));
    }
}
