//! Many events, published as a careful clinic does: again and again until the broker has confirmed them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

use super::event::{self, Event};
use super::installation::Installation;
use super::process::PATIENCE;
use super::publisher::NOTIFICATIONS;

/// Longest wait for one answer of the broker; then it counts as gone.
const ANSWER: Duration = Duration::from_secs(3);
/// Pause before the broker is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// Reminders and receipts in turn, each for a number of its own.
pub fn events(count: usize) -> Vec<Event> {
    let one = |i: usize| match i % 2 {
        0 => event::reminder(&format!("load-{i}")),
        _ => event::receipt(&format!("load-{i}")),
    };
    (0..count).map(one).collect()
}

/// A clinic's publisher that outlives its connections. What was not confirmed it publishes again, so the broker may
/// get an event twice.
pub struct StubbornPublisher {
    url: String,
    session: Option<(Connection, Channel)>,
}

impl StubbornPublisher {
    /// For this installation's broker.
    pub fn of(clinic: &Installation) -> Self {
        Self { url: clinic.vhost.url(), session: None }
    }

    /// Publishes until it is confirmed.
    pub async fn publish(&mut self, event: &Event) {
        let give_up = Instant::now() + PATIENCE;
        while !self.confirmed(event).await {
            self.session = None;
            assert!(Instant::now() < give_up, "the broker confirmed nothing for a minute");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn confirmed(&mut self, event: &Event) -> bool {
        let publish = async {
            if self.session.is_none() {
                let connection =
                    Connection::connect(&self.url, ConnectionProperties::default()).await?;
                let channel = connection.create_channel().await?;
                channel.confirm_select(ConfirmSelectOptions::default()).await?;
                self.session = Some((connection, channel));
            }
            let (_, channel) = self.session.as_ref().expect("made a moment ago");
            let properties = BasicProperties::default()
                .with_delivery_mode(2)
                .with_message_id(event.text("/id").into());
            let (exchange, key) = (NOTIFICATIONS.into(), event.kind().into());
            let options = BasicPublishOptions::default();
            let body = event.body();
            channel.basic_publish(exchange, key, options, &body, properties).await?.await
        };
        let answer: Result<lapin::Result<Confirmation>, _> =
            tokio::time::timeout(ANSWER, publish).await;
        matches!(answer, Ok(Ok(Confirmation::Ack(None))))
    }
}

impl Installation {
    /// No log may hold any of these numbers.
    pub fn hide_all(&self, events: &[Event]) {
        for event in events {
            self.hide(event.national());
        }
    }

    /// How many rows are in each state.
    pub async fn states(&self) -> BTreeMap<String, usize> {
        let mut states = BTreeMap::new();
        for row in self.rows().await {
            *states.entry(row.state).or_default() += 1;
        }
        states
    }

    /// Waits until every event was accepted, and makes sure that each was accepted once.
    pub async fn until_each_was_sent_once(&self, events: &[Event]) {
        self.outside.wait_for(events.len(), PATIENCE).await;
        let all = [("accepted".to_owned(), events.len())].into();
        self.until("all accepted", async || (self.states().await == all).then_some(())).await;
        self.nobody_twice();
        for event in events {
            let sent = self.outside.messages_to(event.national()).len();
            assert_eq!(sent, 1, "{} ({})", event.text("/id"), event.ntf());
        }
    }

    /// No number got two messages.
    pub fn nobody_twice(&self) {
        let mut to = BTreeMap::<String, usize>::new();
        for message in self.outside.messages() {
            *to.entry(message.to).or_default() += 1;
        }
        let twice: Vec<_> = to.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "sent more than once: {twice:?}");
    }
}
