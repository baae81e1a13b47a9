//! Where a released copy goes: to the broker, or without one to the worker in this process (`docs/adr/0007`).
//!
//! Either way the release is committed first and the copy is a hint: one that is lost is released again when patience with it
//! ends.

use bus::{Bus, Fate, LinkState, Outgoing, names};
use futures::StreamExt;
use ledger::sweep::ReleasedCopy;
use schemas::hold::{self, Place};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Copies published at the same time.
const ABREAST: usize = 100;

/// Where a released copy goes.
#[derive(Clone)]
pub enum Outlet {
    /// To RabbitMQ, for any worker.
    Bus(Arc<Bus>),
    /// To the worker in this process. Only one release may hold the other end.
    Here(mpsc::Sender<ReleasedCopy>),
    /// To nobody: time passes, and workers with a release of their own take what is due.
    Nobody,
}

impl Outlet {
    /// How many copies have a chance now: without one a release would only use up patience. A channel's free capacity counts,
    /// so that what is released is soon worked on.
    pub fn room(&self) -> usize {
        match self {
            Self::Bus(bus) => {
                let publisher = bus.publisher();
                let up = *publisher.state().borrow() == LinkState::Up;
                let blocked = *publisher.blocked().borrow();
                if up && !blocked { usize::MAX } else { 0 }
            }
            Self::Here(worker) if !worker.is_closed() => worker.capacity(),
            Self::Here(_) | Self::Nobody => 0,
        }
    }

    /// Whether a release has a chance now.
    pub fn takes(&self) -> bool {
        self.room() > 0
    }

    /// Waits until so many copies have left the channel that a release is worth its while; for ever where that says nothing.
    pub async fn has_drained(&self) {
        if let Self::Here(worker) = self {
            let much = worker.max_capacity().div_ceil(2);
            // the places are given back at once: the release asks for the room when it needs it
            if worker.reserve_many(much).await.is_ok() {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// Hands copies over; how many arrived. One that did not is released again when patience with it ends.
    pub async fn hand_over(&self, copies: Vec<ReleasedCopy>) -> usize {
        if !copies.is_empty() {
            hold::at(Place::AfterRelease).await;
        }
        match self {
            Self::Bus(bus) => publish(bus, copies).await,
            Self::Here(worker) => {
                let all = copies.len();
                let handed = copies.into_iter().map_while(|copy| hand(worker, copy)).count();
                if handed < all {
                    let left = all - handed;
                    tracing::info!(left, "released and not begun: they are released again");
                }
                handed
            }
            Self::Nobody => 0,
        }
    }
}

/// `None`: there is no place, or the worker takes nothing any more.
fn hand(worker: &mpsc::Sender<ReleasedCopy>, copy: ReleasedCopy) -> Option<()> {
    worker.try_reserve().ok().map(|place| place.send(copy))
}

async fn publish(bus: &Bus, copies: Vec<ReleasedCopy>) -> usize {
    let publisher = bus.publisher();
    futures::stream::iter(copies)
        .map(|copy| async move {
            let Some(message) = outgoing(&copy) else { return 0 };
            let fate = publisher.publish(message).await;
            hold::at(Place::AfterPublish).await;
            match fate {
                Fate::Confirmed => 1,
                fate => {
                    tracing::warn!(
                        ntf = copy.ntf,
                        ?fate,
                        "a released copy was not confirmed: it is released again later"
                    );
                    0
                }
            }
        })
        .buffer_unordered(ABREAST)
        .fold(0, |sum, n| async move { sum + n })
        .await
}

fn outgoing(copy: &ReleasedCopy) -> Option<Outgoing> {
    Some(Outgoing {
        exchange: names::NOTIFICATIONS.to_owned(),
        routing_key: copy.event_type.clone(),
        body: copy.reference()?.to_json(),
        message_id: copy.message_id(),
        headers: vec![],
        // the exchange has an alternate one
        mandatory: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn copy(n: u64) -> ReleasedCopy {
        ReleasedCopy {
            ntf: format!("ntf_{n}"),
            fence: n,
            event_type: "ulak.payment-receipt.v1".to_owned(),
            source: "/clinics/atasehir".to_owned(),
            event_id: n.to_string(),
            subject: None,
            due: 0,
        }
    }

    #[tokio::test]
    async fn room_is_what_the_worker_in_this_process_has_not_yet_taken() {
        let (to, mut worker) = mpsc::channel(3);
        let outlet = Outlet::Here(to);
        assert_eq!(outlet.room(), 3);
        assert_eq!(outlet.hand_over(vec![copy(1), copy(2)]).await, 2);
        assert_eq!(outlet.room(), 1);
        // more than there is room for is not waited for: its patience brings it back
        assert_eq!(outlet.hand_over(vec![copy(3), copy(4)]).await, 1);
        assert!(!outlet.takes());
        assert!(outlet.has_drained().now_or_never().is_none());
        assert_eq!(worker.recv().await, Some(copy(1)));
        assert_eq!(outlet.room(), 1);
        assert!(outlet.has_drained().now_or_never().is_none(), "one place is not worth a look");
        assert_eq!(worker.recv().await, Some(copy(2)));
        outlet.has_drained().await;
        assert_eq!(outlet.room(), 2, "waiting for room takes none");
    }

    #[tokio::test]
    async fn where_nobody_works_nothing_is_released() {
        assert!(!Outlet::Nobody.takes());
        assert_eq!(Outlet::Nobody.hand_over(vec![copy(1)]).await, 0);
        let (to, worker) = mpsc::channel(3);
        let outlet = Outlet::Here(to);
        drop(worker);
        assert!(!outlet.takes());
        assert_eq!(outlet.hand_over(vec![copy(1)]).await, 0);
        assert!(outlet.has_drained().now_or_never().is_none());
    }
}
