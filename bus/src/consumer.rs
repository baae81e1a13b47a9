//! A supervised consumer of one queue: deliveries come out of [`Deliveries`], [`Consumer`] steers it.

pub(crate) mod acks;
mod session;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::task::TaskTracker;

use crate::{BusError, Delivery, link::Link};

/// What the consumer is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerState {
    /// Waiting for the broker, or building its session.
    Opening,
    /// The broker delivers.
    Taking,
    /// Cancelled at the broker; unsettled deliveries can still be settled.
    Paused,
    /// Cancelled for good; unsettled deliveries can still be settled.
    Stopped,
    /// Closed.
    Closed,
    /// It gave up before it ever worked: a permanent error.
    Failed(BusError),
}

/// What the owner wants; a number tells one wish from an equal later one.
#[derive(Clone, Copy, Debug)]
struct Order {
    wish: Wish,
    number: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Take,
    Pause,
    Stop,
    Close { until: Instant },
}

impl Wish {
    /// Stopping and closing cannot be taken back.
    fn may_follow(self, earlier: Self) -> bool {
        match earlier {
            Self::Take | Self::Pause => true,
            Self::Stop => matches!(self, Self::Close { .. }),
            Self::Close { .. } => false,
        }
    }
}

#[derive(Clone, Debug)]
struct Phase {
    state: ConsumerState,
    /// The last order that was carried out.
    number: u64,
}

struct Shared {
    queue: String,
    prefetch: u16,
    link: Arc<Link>,
    order: watch::Sender<Order>,
    phase: watch::Sender<Phase>,
    buffer: Mutex<Buffer>,
    arrived: Notify,
    counts: Arc<Counts>,
    unsettled: TaskTracker,
}

/// Deliveries that no handler has started. Never more than the prefetch, because each is unacked.
#[derive(Default)]
struct Buffer {
    items: VecDeque<Delivery>,
    closed: bool,
}

impl Shared {
    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, delivery: Delivery) {
        self.buffer().items.push_back(delivery);
        self.arrived.notify_one();
    }

    fn take_buffered(&self) -> VecDeque<Delivery> {
        std::mem::take(&mut self.buffer().items)
    }

    fn close_buffer(&self) {
        self.buffer().closed = true;
        self.arrived.notify_one();
    }

    /// The number of the order that stands afterwards.
    fn order(&self, wish: Wish) -> u64 {
        self.order.send_if_modified(|order| {
            let allowed = wish.may_follow(order.wish);
            if allowed {
                *order = Order { wish, number: order.number + 1 };
            }
            allowed
        });
        self.order.borrow().number
    }

    fn report(&self, state: ConsumerState, number: u64) {
        self.phase.send_replace(Phase { state, number });
    }
}

/// The receiving end: deliveries that nobody has started yet.
pub struct Deliveries {
    shared: Arc<Shared>,
}

impl Deliveries {
    /// The next delivery; waits while there is none, also while the broker is away or the consumer is paused. `None`
    /// after [`Consumer::stop_taking`], [`Consumer::close`] or a permanent error. May be dropped at any point.
    pub async fn recv(&mut self) -> Option<Delivery> {
        loop {
            let arrived = self.shared.arrived.notified();
            {
                let mut buffer = self.shared.buffer();
                if buffer.closed {
                    return None;
                }
                // While an order to pause or stop is carried out, what is buffered belongs to the broker again.
                if self.shared.order.borrow().wish == Wish::Take
                    && let Some(delivery) = buffer.items.pop_front()
                {
                    return Some(delivery);
                }
            }
            arrived.await;
        }
    }
}

impl Drop for Deliveries {
    /// Nobody will ask any more: the broker should give the messages to others.
    fn drop(&mut self) {
        self.shared.order(Wish::Stop);
    }
}

/// Steers one consumer. Clones steer the same one; when the last is dropped the consumer closes without waiting.
#[derive(Clone)]
pub struct Consumer {
    shared: Arc<Shared>,
    _last: Arc<CloseOnDrop>,
}

struct CloseOnDrop(Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.order(Wish::Close { until: Instant::now() });
    }
}

impl Consumer {
    /// Starts consuming `queue`, at most `prefetch` (at least 1) unsettled deliveries at a time.
    pub(crate) fn start(link: Arc<Link>, queue: &str, prefetch: u16) -> (Self, Deliveries) {
        let unsettled = TaskTracker::new();
        unsettled.close();
        let shared = Arc::new(Shared {
            queue: queue.to_owned(),
            prefetch: prefetch.max(1), // 0 would mean unlimited
            link,
            order: watch::Sender::new(Order { wish: Wish::Take, number: 0 }),
            phase: watch::Sender::new(Phase { state: ConsumerState::Opening, number: 0 }),
            buffer: Mutex::default(),
            arrived: Notify::new(),
            counts: Arc::default(),
            unsettled,
        });
        tokio::spawn(session::supervise(Arc::clone(&shared)));
        let last = Arc::new(CloseOnDrop(Arc::clone(&shared)));
        (Self { shared: Arc::clone(&shared), _last: last }, Deliveries { shared })
    }

    /// Cancels at the broker and gives back once what no handler has started; returns when that is done. Deliveries in
    /// handlers stay theirs. For the time in which the ledger is down (`PROTOCOL.md` rule 11).
    pub async fn pause(&self) {
        let number = self.shared.order(Wish::Pause);
        self.reached(number).await;
    }

    /// Takes messages again after [`Consumer::pause`]. Without effect on a stopped consumer.
    pub fn resume(&self) {
        self.shared.order(Wish::Take);
    }

    /// As [`Consumer::pause`], for good: [`Deliveries::recv`] then returns `None`. The first step of a stop.
    pub async fn stop_taking(&self) {
        let number = self.shared.order(Wish::Stop);
        self.reached(number).await;
    }

    /// Stops taking, waits at most `grace` for the handlers to settle what they hold, makes sure that the broker has
    /// applied the acks, and closes the channel. Returns how many deliveries were left unsettled: they come again.
    pub async fn close(&self, grace: Duration) -> usize {
        self.shared.order(Wish::Close { until: Instant::now() + grace });
        let mut phase = self.shared.phase.subscribe();
        let done =
            phase.wait_for(|p| matches!(p.state, ConsumerState::Closed | ConsumerState::Failed(_)));
        let _ = done.await;
        self.unsettled()
    }

    /// What it is doing now.
    pub fn state(&self) -> ConsumerState {
        self.shared.phase.borrow().state.clone()
    }

    /// Waits until the broker delivers, or until it never will.
    ///
    /// # Errors
    /// The permanent error, or [`BusError::Closed`].
    pub async fn taking(&self) -> Result<(), BusError> {
        let mut phase = self.shared.phase.subscribe();
        let settled = phase
            .wait_for(|p| !matches!(p.state, ConsumerState::Opening | ConsumerState::Paused))
            .await;
        match settled.map(|p| p.state.clone()) {
            Ok(ConsumerState::Taking) => Ok(()),
            Ok(ConsumerState::Failed(error)) => Err(error),
            _ => Err(BusError::Closed),
        }
    }

    /// Deliveries that are with this process and not settled.
    pub fn unsettled(&self) -> usize {
        self.shared.unsettled.len()
    }

    /// What happened so far.
    pub fn counts(&self) -> ConsumeCounts {
        self.shared.counts.read()
    }

    /// Its counters, which may be read for as long as the process lives and keep nothing open.
    pub(crate) fn tally(&self) -> Tally {
        Tally { queue: self.shared.queue.clone(), counts: Arc::clone(&self.shared.counts) }
    }

    async fn reached(&self, number: u64) {
        let mut phase = self.shared.phase.subscribe();
        let _ = phase
            .wait_for(|p| p.number >= number || matches!(p.state, ConsumerState::Failed(_)))
            .await;
    }
}

/// The counters of a consumer, without the consumer.
pub(crate) struct Tally {
    queue: String,
    counts: Arc<Counts>,
}

impl Tally {
    pub(crate) fn read(&self) -> (String, ConsumeCounts) {
        (self.queue.clone(), self.counts.read())
    }
}

/// Counters of one consumer since its start, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsumeCounts {
    /// Messages handed over by the broker.
    pub delivered: u64,
    /// Acks written.
    pub acked: u64,
    /// Acks that found their channel gone: those messages come again.
    pub lost_acks: u64,
    /// Messages given back.
    pub requeued: u64,
    /// Deliveries dropped unsettled by a handler, then given back.
    pub dropped: u64,
    /// Subscriptions, the first included.
    pub sessions: u64,
}

/// The live counters behind [`ConsumeCounts`].
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) delivered: Counter,
    pub(crate) acked: Counter,
    pub(crate) lost_acks: Counter,
    pub(crate) requeued: Counter,
    pub(crate) dropped: Counter,
    pub(crate) sessions: Counter,
}

impl Counts {
    fn read(&self) -> ConsumeCounts {
        ConsumeCounts {
            delivered: self.delivered.get(),
            acked: self.acked.get(),
            lost_acks: self.lost_acks.get(),
            requeued: self.requeued.get(),
            dropped: self.dropped.get(),
            sessions: self.sessions.get(),
        }
    }
}

/// One number that only grows.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
