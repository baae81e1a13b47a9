//! The life of the publisher: one channel in confirm mode, built anew after every fault.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use super::{
    Fate, Job, Outgoing, Shared,
    window::{Confirm, Verdict, Window},
};
use crate::{
    BusError,
    link::{self, Pauses, SETTLED},
    topology::short,
};

/// How often connection, alarm and confirms are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A message that took this many sessions with it is not tried again: it may be what kills them.
const MOST_ATTEMPTS: u32 = 5;
const PERSISTENT: u8 = 2;
const CONTENT_TYPE: &str = "application/cloudevents+json";
const LONGEST_HEADER: usize = 8 * 1024;

/// A published message, and what its confirm said.
type Sent = (Arc<Outgoing>, lapin::Result<Confirmation>);
type InFlight = FuturesUnordered<BoxFuture<'static, Sent>>;

/// What outlives a session.
struct Supervisor {
    shared: Arc<Shared>,
    incoming: mpsc::Receiver<Job>,
    /// Messages to be published before new ones: their session ended, or a foreign return hid their fate.
    again: VecDeque<Job>,
    /// Messages whose id is in flight already: one id at a time, or a return could not be told apart.
    parked: Vec<Job>,
    /// Set when closing began.
    close_by: Option<Instant>,
    /// No caller is left and the channel of jobs is drained.
    drained: bool,
}

/// Runs until it is closed or every [`super::Publisher`] is gone.
pub(super) async fn supervise(shared: Arc<Shared>, incoming: mpsc::Receiver<Job>) {
    let _closed = shared.closed.clone().drop_guard();
    let mut pauses = Pauses::new(shared.link.settings());
    let mut supervisor = Supervisor {
        shared,
        incoming,
        again: VecDeque::new(),
        parked: Vec::new(),
        close_by: None,
        drained: false,
    };
    let mut before: Option<Arc<Connection>> = None;
    let mut last_said = None;
    while let Some(connection) = supervisor.connect().await {
        let began = Instant::now();
        let known = before.as_ref().is_some_and(|b| Arc::ptr_eq(b, &connection));
        let Err(error) = supervisor.session(&connection, known).await else { break };
        before = Some(connection);
        if began.elapsed() > SETTLED {
            pauses.reset();
        }
        let said = error.to_string();
        if last_said.as_ref() != Some(&said) {
            tracing::warn!("{said}: publishing again soon");
            last_said = Some(said);
        }
        tokio::select! {
            () = sleep(pauses.next()) => {}
            () = supervisor.shared.closing.cancelled() => {}
        }
    }
    // Whoever still waits learns `Unconfirmed` from the dropped answers.
    supervisor.incoming.close();
    supervisor.shared.link.close().await;
}

impl Supervisor {
    /// The connection, or `None` when there is nothing to connect for: closing, or a permanent error.
    async fn connect(&mut self) -> Option<Arc<Connection>> {
        let opened = tokio::select! {
            biased;
            () = self.shared.closing.cancelled() => return None,
            opened = self.shared.link.connection() => opened,
        };
        match opened {
            Ok(connection) => Some(connection),
            Err(_) => {
                // Said by the link. Nothing can be published: every caller learns it at once, until the process stops.
                loop {
                    tokio::select! {
                        () = self.shared.closing.cancelled() => return None,
                        job = self.incoming.recv() => drop(job?),
                    }
                }
            }
        }
    }

    /// Publishes until the session fails (`Err`) or closing is done (`Ok`).
    async fn session(&mut self, connection: &Connection, known: bool) -> Result<(), BusError> {
        let settings = self.shared.link.settings().clone();
        if known {
            // The connection stands but its channel died: perhaps an exchange is gone.
            self.shared.link.declare_again(connection).await?;
        }
        let channel = link::channel(connection, &settings).await?;
        let confirm = channel.confirm_select(ConfirmSelectOptions::default());
        link::within(settings.step_limit, "asking for confirms", confirm)
            .await?
            .map_err(|e| BusError::at("asking for confirms", &e))?;
        self.shared.counts.sessions.one();
        let mut window = Window::new();
        let result = self.pump(connection, &channel, &mut window).await;
        self.again.extend(window.into_waiting());
        self.again.extend(self.parked.drain(..));
        self.shared.blocked.send_replace(false);
        if result.is_ok() {
            link::close_channel(&channel, &settings).await;
        }
        result
    }

    async fn pump(
        &mut self,
        connection: &Connection,
        channel: &Channel,
        window: &mut Window<Job>,
    ) -> Result<(), BusError> {
        let settings = self.shared.link.settings().clone();
        let mut in_flight = InFlight::new();
        let mut progress = Instant::now();
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let room = in_flight.len() < settings.max_in_flight && !connection.status().blocked();
            if room && let Some(job) = self.again.pop_front() {
                self.start(job, channel, window, &in_flight);
                continue;
            }
            if self.drained && in_flight.is_empty() && self.again.is_empty() {
                return Ok(());
            }
            tokio::select! {
                biased;
                Some(first) = in_flight.next(), if !in_flight.is_empty() => {
                    // Every confirm that is ready, before any is judged: see `window`.
                    let (mut ready, mut fault) = (Vec::new(), None);
                    let mut next = Some(first);
                    while let Some(sent) = next {
                        match confirm(sent) {
                            Ok(confirm) => ready.push(confirm),
                            Err(error) => fault = Some(error),
                        }
                        next = in_flight.next().now_or_never().flatten();
                    }
                    progress = Instant::now();
                    self.settle(window.judge(ready));
                    self.again.extend(self.parked.drain(..));
                    if let Some(error) = fault {
                        return Err(error);
                    }
                }
                job = self.incoming.recv(), if room && !self.drained => match job {
                    Some(job) => self.start(job, channel, window, &in_flight),
                    None => self.drained = true,
                },
                _ = look.tick() => {
                    if !(connection.status().connected() && channel.status().connected()) {
                        return Err(BusError::Broken { what: "publishing".into(), said: "not connected".into() });
                    }
                    let blocked = connection.status().blocked();
                    self.announce_blocked(blocked);
                    if blocked || in_flight.is_empty() {
                        progress = Instant::now();
                    } else if progress.elapsed() > settings.stall_limit {
                        return Err(BusError::Timeout { what: "confirming messages", limit: settings.stall_limit });
                    }
                    if self.close_by.is_some_and(|by| Instant::now() > by) {
                        return Ok(());
                    }
                }
                () = self.shared.closing.cancelled(), if self.close_by.is_none() => {
                    self.incoming.close();
                    self.close_by = Some(Instant::now() + settings.close_limit);
                }
            }
        }
    }

    /// Publishes one message, unless nobody waits for it any more.
    fn start(
        &mut self,
        mut job: Job,
        channel: &Channel,
        window: &mut Window<Job>,
        in_flight: &InFlight,
    ) {
        if job.answer.is_closed() {
            return;
        }
        if window.contains(&job.message.message_id) {
            self.parked.push(job);
            return;
        }
        if job.attempts == MOST_ATTEMPTS {
            tracing::warn!(
                exchange = job.message.exchange,
                message_id = job.message.message_id,
                "a message was published {MOST_ATTEMPTS} times and its session ended each time: given back as unconfirmed"
            );
            return;
        }
        if job.attempts > 0 {
            self.shared.counts.republished.one();
        }
        job.attempts += 1;
        let message = Arc::clone(&job.message);
        window.publish(message.message_id.clone(), job);
        in_flight.push(Box::pin(send(channel.clone(), message)));
    }

    fn settle(&mut self, judged: Vec<(Job, Verdict)>) {
        for (job, verdict) in judged {
            let fate = match verdict {
                Verdict::Confirmed => Fate::Confirmed,
                Verdict::Returned(code) => Fate::Returned(code),
                Verdict::Nacked => Fate::Nacked,
                Verdict::Unknown => {
                    self.again.push_back(job);
                    continue;
                }
            };
            let _ = job.answer.send(fate); // the caller may have stopped waiting
        }
    }

    fn announce_blocked(&self, blocked: bool) {
        let changed = self
            .shared
            .blocked
            .send_if_modified(|state| std::mem::replace(state, blocked) != blocked);
        match (changed, blocked) {
            (true, true) => tracing::warn!(
                "RabbitMQ holds publishing back (memory or disk alarm): waiting for it"
            ),
            (true, false) => tracing::info!("RabbitMQ takes messages again"),
            _ => {}
        }
    }
}

/// Both halves have to be waited for: while the broker holds publishing back the first one waits as well.
async fn send(channel: Channel, message: Arc<Outgoing>) -> Sent {
    let options =
        BasicPublishOptions { mandatory: message.mandatory, ..BasicPublishOptions::default() };
    let published = channel.basic_publish(
        short(&message.exchange),
        short(&message.routing_key),
        options,
        &message.body,
        properties(&message),
    );
    let confirmation = match published.await {
        Ok(confirm) => confirm.await,
        Err(error) => Err(error),
    };
    (message, confirmation)
}

fn properties(message: &Outgoing) -> BasicProperties {
    let mut headers = FieldTable::default();
    for (name, value) in &message.headers {
        let end = value.floor_char_boundary(LONGEST_HEADER);
        headers.insert(short(name), AMQPValue::LongString(value[..end].into()));
    }
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type(CONTENT_TYPE.into())
        .with_message_id(short(&message.message_id))
        .with_headers(headers)
}

fn confirm((message, result): Sent) -> Result<Confirm, BusError> {
    let (nack, returned) = match result.map_err(|e| BusError::at("publishing", &e))? {
        Confirmation::Ack(returned) => (false, returned),
        Confirmation::Nack(returned) => (true, returned),
        Confirmation::NotRequested => return Err(BusError::ConfirmsOff),
    };
    let returned = returned.map(|back| {
        let id = back.delivery.properties.message_id().as_ref().map_or("", |id| id.as_str());
        (id.to_owned(), back.reply_code)
    });
    Ok(Confirm { id: message.message_id.clone(), nack, returned })
}
