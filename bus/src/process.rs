//! What a process holds: one publisher, any number of consumers.

use std::sync::{Arc, Mutex, PoisonError};

use crate::consumer::Tally;
use crate::{
    BusError, BusSettings, ConsumeCounts, Consumer, Deliveries, Publisher, Topology, link::Link,
};

/// The broker as one process uses it. The connection of the consumers is opened when the first of them starts.
pub struct Bus {
    publisher: Publisher,
    consuming: Arc<Link>,
    tallies: Mutex<Vec<Tally>>,
}

impl Bus {
    /// Begins to connect; returns at once, whether or not a broker is there. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`BusError::Url`].
    pub fn start(settings: BusSettings, topology: Topology) -> Result<Self, BusError> {
        settings.check()?;
        let publishing = Link::new(settings.clone(), topology.clone(), "publisher");
        let consuming = Link::new(settings, topology, "consumer");
        Ok(Self { publisher: Publisher::start(publishing), consuming, tallies: Mutex::default() })
    }

    /// Waits until the broker is there and the topology declared, however long that takes; the log says that it waits.
    ///
    /// # Errors
    /// A permanent one ([`BusError::is_permanent`]): print it and exit.
    pub async fn ready(&self) -> Result<(), BusError> {
        self.publisher.ready().await
    }

    /// The publisher of this process.
    pub fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// Consumes `queue` on a channel of its own, with at most `prefetch` unsettled deliveries.
    pub fn consume(&self, queue: &str, prefetch: u16) -> (Consumer, Deliveries) {
        let (consumer, deliveries) = Consumer::start(Arc::clone(&self.consuming), queue, prefetch);
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.push(consumer.tally());
        (consumer, deliveries)
    }

    /// What was consumed so far, by queue; in the order in which the consumers were started.
    pub fn consumed(&self) -> Vec<(String, ConsumeCounts)> {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.iter().map(Tally::read).collect()
    }

    /// State of the consumers' connection, for readiness. That of the publisher: [`Publisher::state`].
    pub fn consuming_state(&self) -> tokio::sync::watch::Receiver<crate::LinkState> {
        self.consuming.state()
    }

    /// Closes both connections. Close every [`Consumer`] first: its acks need the connection.
    pub async fn close(&self) {
        self.publisher.close().await;
        self.consuming.close().await;
    }
}
