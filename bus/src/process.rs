//! What a process holds: one publisher, any number of consumers.

use std::sync::{Arc, Mutex, PoisonError};

use lapin::{Channel, options::BasicQosOptions};

use crate::consumer::Tally;
use crate::link::{self, Link};
use crate::{BusError, BusSettings, ConsumeCounts, Consumer, Deliveries, Publisher, Topology};

/// The broker as one process uses it. The connection of the consumers is opened when the first of them starts.
pub struct Bus {
    publisher: Publisher,
    consuming: Arc<Link>,
    tallies: Mutex<Vec<Tally>>,
    /// The channel on which the broker is asked whether it answers.
    asking: Box<tokio::sync::Mutex<Option<Channel>>>,
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
        Ok(Self {
            publisher: Publisher::start(publishing),
            consuming,
            tallies: Mutex::default(),
            asking: Box::default(),
        })
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

    /// Asks the broker something that changes nothing and waits for its answer: a connection that stands may be one to nobody. It needs
    /// no right, and an idle process has no other way to know. While the broker holds publishing back (an alarm) it answers nobody on
    /// that connection, so it is not asked.
    ///
    /// # Errors
    /// There is no connection now, or no answer within the step's limit.
    pub async fn round_trip(&self) -> Result<(), BusError> {
        if *self.publisher.blocked().borrow() {
            return Ok(());
        }
        let mut asking = self.asking.lock().await;
        let link = self.publisher.link();
        let channel = match asking.take().filter(|channel| channel.status().connected()) {
            Some(channel) => channel,
            None => link::channel(&*link.live()?, link.settings()).await?,
        };
        let asked = channel.basic_qos(1, BasicQosOptions::default());
        link::within(link.settings().step_limit, "asking the broker", asked)
            .await?
            .map_err(|error| BusError::at("asking the broker", &error))?;
        *asking = Some(channel);
        Ok(())
    }

    /// Closes both connections. Close every [`Consumer`] first: its acks need the connection.
    pub async fn close(&self) {
        self.publisher.close().await;
        self.consuming.close().await;
    }
}
