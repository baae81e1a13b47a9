//! Publishing with confirms: a caller hands over a message and learns its fate.

mod session;
mod window;

use std::{fmt, sync::Arc};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{BusError, LinkState, consumer::Counter, link::Link};

/// One message to publish. It goes out durable (delivery mode 2), as `application/cloudevents+json`.
///
/// Exchange, routing key, message id and header names are AMQP short strings: what is longer than 255 bytes is cut.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Exchange, see [`crate::names`].
    pub exchange: String,
    /// Routing key: the event type.
    pub routing_key: String,
    /// The bytes.
    pub body: Vec<u8>,
    /// Identity of this message towards the broker and in the consumer's hands; stays the same however often it is
    /// published. Two messages with the same id are published one after the other.
    pub message_id: String,
    /// Headers, such as `traceparent`, `x-ulak-reason`. Values over 8 KiB are cut: a header must fit into a frame.
    pub headers: Vec<(String, String)>,
    /// Whether a message that no queue takes comes back as [`Fate::Returned`]. Where the exchange has an alternate
    /// exchange it never does.
    pub mandatory: bool,
}

impl fmt::Debug for Outgoing {
    /// Without body and header values: they may hold a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("exchange", &self.exchange)
            .field("routing_key", &self.routing_key)
            .field("message_id", &self.message_id)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What became of a published message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a message that is not confirmed is not published"]
pub enum Fate {
    /// The broker has it in a queue (or, without `mandatory`, has taken note of it), durably.
    Confirmed,
    /// No queue takes it (`mandatory`); the broker's code, 312 = no route.
    Returned(u16),
    /// The broker refused it, such as a full queue: again later.
    Nacked,
    /// It cannot be known within the limit: broker absent, blocked, or lost in between. It may have arrived. Publish it
    /// again, with the same `message_id`.
    Unconfirmed,
}

/// Hands messages to the broker. Clones share one connection and one window.
#[derive(Clone)]
pub struct Publisher {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
}

struct Shared {
    link: Arc<Link>,
    counts: Counts,
    blocked: watch::Sender<bool>,
    closing: CancellationToken,
    closed: CancellationToken,
}

/// A message with the caller that waits for its fate.
struct Job {
    message: Arc<Outgoing>,
    answer: oneshot::Sender<Fate>,
    attempts: u32,
}

impl Publisher {
    pub(crate) fn start(link: Arc<Link>) -> Self {
        let (jobs, incoming) = mpsc::channel(link.settings().max_in_flight.max(1));
        let shared = Arc::new(Shared {
            link,
            counts: Counts::default(),
            blocked: watch::Sender::new(false),
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
        });
        tokio::spawn(session::supervise(Arc::clone(&shared), incoming));
        Self { jobs, shared }
    }

    /// Publishes and waits for the fate, at most `publish_limit`. In that time a lost session is rebuilt and the
    /// message published again with the same id, so one call may put it into a queue twice: consumers know it by its
    /// id. Dropping the future withdraws a message that has not gone out yet.
    pub async fn publish(&self, mut message: Outgoing) -> Fate {
        // Cut here and not on the wire: a returned message is found by this id.
        message.message_id.truncate(message.message_id.floor_char_boundary(255));
        let deadline = Instant::now() + self.shared.link.settings().publish_limit;
        let (answer, fate) = oneshot::channel();
        let job = Job { message: Arc::new(message), answer, attempts: 0 };
        let asked = async {
            self.jobs.send(job).await.ok()?;
            fate.await.ok()
        };
        let fate = timeout_at(deadline, asked).await.ok().flatten().unwrap_or(Fate::Unconfirmed);
        self.shared.counts.of(fate).one();
        fate
    }

    /// Waits until the connection is up and the topology declared, however long the broker takes.
    ///
    /// # Errors
    /// A permanent one: wrong password or vhost, a queue with other arguments. The process should print it and exit.
    pub async fn ready(&self) -> Result<(), BusError> {
        let mut state = self.shared.link.state();
        let decided = state.wait_for(|state| match state {
            LinkState::Up => true,
            LinkState::Down(error) => error.is_permanent() || *error == BusError::Closed,
            LinkState::Starting => false,
        });
        match decided.await.map(|state| state.clone()) {
            Ok(LinkState::Down(error)) => Err(error),
            Ok(_) => Ok(()),
            Err(_) => Err(BusError::Closed),
        }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.shared.link
    }

    /// State of the publishing connection, for readiness.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.shared.link.state()
    }

    /// Whether the broker holds publishing back (memory or disk alarm): do not begin new work that must publish.
    pub fn blocked(&self) -> watch::Receiver<bool> {
        self.shared.blocked.subscribe()
    }

    /// What happened so far.
    pub fn counts(&self) -> PublishCounts {
        let counts = &self.shared.counts;
        PublishCounts {
            confirmed: counts.confirmed.get(),
            returned: counts.returned.get(),
            nacked: counts.nacked.get(),
            unconfirmed: counts.unconfirmed.get(),
            republished: counts.republished.get(),
            sessions: counts.sessions.get(),
        }
    }

    /// Takes no more messages, waits at most `close_limit` for the confirms that are due, closes the connection.
    pub async fn close(&self) {
        self.shared.closing.cancel();
        self.shared.closed.cancelled().await;
    }
}

/// Counters of one publisher since its start, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishCounts {
    /// Calls that ended [`Fate::Confirmed`].
    pub confirmed: u64,
    /// Calls that ended [`Fate::Returned`].
    pub returned: u64,
    /// Calls that ended [`Fate::Nacked`].
    pub nacked: u64,
    /// Calls that ended [`Fate::Unconfirmed`].
    pub unconfirmed: u64,
    /// Messages published once more, because a session ended or a foreign return hid their fate.
    pub republished: u64,
    /// Sessions built, the first included.
    pub sessions: u64,
}

#[derive(Default)]
struct Counts {
    confirmed: Counter,
    returned: Counter,
    nacked: Counter,
    unconfirmed: Counter,
    republished: Counter,
    sessions: Counter,
}

impl Counts {
    fn of(&self, fate: Fate) -> &Counter {
        match fate {
            Fate::Confirmed => &self.confirmed,
            Fate::Returned(_) => &self.returned,
            Fate::Nacked => &self.nacked,
            Fate::Unconfirmed => &self.unconfirmed,
        }
    }
}
