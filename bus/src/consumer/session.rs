//! The life of one consumer: one channel, built anew after every fault.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use lapin::{
    Channel, Connection,
    options::{
        BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions,
        BasicQosOptions, QueueDeclareOptions,
    },
    types::FieldTable,
};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout_at},
};

use super::{ConsumerState, Order, Shared, Wish, acks::Acks};
use crate::{
    BusError, Delivery,
    link::{self, Pauses, SETTLED},
    topology::short,
};

/// A stream can stay silent although its connection died: look this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Time that the broker gets to apply the last acks where no round trip can prove it (measured: without it 1–4 % of the
/// acked messages of a quorum queue come again, rabbitmq_practice §2.11).
const ACKS_SETTLE: Duration = Duration::from_millis(250);

struct Session {
    connection: Arc<Connection>,
    channel: Channel,
    /// `None` while cancelled.
    stream: Option<lapin::Consumer>,
    /// How its deliveries are acked.
    acks: Arc<Acks>,
}

impl Session {
    fn is_live(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }
}

struct Supervisor {
    shared: Arc<Shared>,
    orders: watch::Receiver<Order>,
    session: Option<Session>,
    /// When it last began to take.
    since: Instant,
    pauses: Pauses,
    /// After a fault on a live connection the queue may be gone.
    declare_again: bool,
    last_said: Option<String>,
}

/// Runs until the consumer is closed or failed for good.
pub(super) async fn supervise(shared: Arc<Shared>) {
    let mut supervisor = Supervisor {
        orders: shared.order.subscribe(),
        session: None,
        since: Instant::now(),
        pauses: Pauses::new(shared.link.settings()),
        declare_again: false,
        last_said: None,
        shared,
    };
    loop {
        let Order { wish, number } = *supervisor.orders.borrow_and_update();
        match wish {
            Wish::Take => {
                if let Err(error) = supervisor.take(number).await {
                    supervisor.fail(error, number);
                    return;
                }
            }
            Wish::Pause => {
                supervisor.quiet().await;
                supervisor.shared.report(ConsumerState::Paused, number);
                let _ = supervisor.orders.changed().await;
            }
            Wish::Stop => {
                supervisor.stop(number).await;
                let _ = supervisor.orders.changed().await;
            }
            Wish::Close { until } => {
                supervisor.stop(number).await;
                supervisor.close(until).await;
                supervisor.shared.report(ConsumerState::Closed, number);
                return;
            }
        }
    }
}

impl Supervisor {
    /// Takes deliveries until the order changes or the session ends. An error is permanent.
    async fn take(&mut self, number: u64) -> Result<(), BusError> {
        if self.session.as_ref().is_some_and(|s| !s.is_live()) {
            self.session = None;
        }
        let subscribed = if let Some(session) = &mut self.session {
            // Not in a select: half a subscription on a channel that is kept would deliver to nobody.
            match session.stream {
                Some(_) => Ok(()), // paused and resumed before we looked
                None => subscribe(&self.shared, session, self.declare_again).await,
            }
        } else {
            self.shared.report(ConsumerState::Opening, number);
            let opened = tokio::select! {
                biased;
                _ = self.orders.changed() => return Ok(()),
                opened = open(&self.shared, self.declare_again) => opened,
            };
            opened.map(|session| self.session = Some(session))
        };
        if let Err(error) = subscribed {
            self.session = None;
            let never_worked = self.shared.counts.sessions.get() == 0;
            if error.is_permanent() && never_worked {
                return Err(error);
            }
            self.fault(&error).await;
            return Ok(());
        }
        self.declare_again = false;
        self.last_said = None;
        self.since = Instant::now();
        self.shared.counts.sessions.one();
        self.shared.report(ConsumerState::Taking, number);
        if let Err(error) = self.pump().await {
            if self.since.elapsed() > SETTLED {
                self.pauses.reset();
            }
            self.shared.report(ConsumerState::Opening, number);
            self.fault(&error).await;
        }
        Ok(())
    }

    /// Moves deliveries into the buffer. `Ok`: another order came.
    async fn pump(&mut self) -> Result<(), BusError> {
        let broken =
            |said: &str| BusError::Broken { what: "consuming".to_owned(), said: said.to_owned() };
        let Some(session) = &mut self.session else { return Ok(()) };
        let Some(stream) = &mut session.stream else { return Ok(()) };
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = self.orders.changed() => return Ok(()),
                _ = look.tick() => {
                    if !(session.connection.status().connected() && session.channel.status().connected()) {
                        self.session = None;
                        return Err(broken("not connected"));
                    }
                }
                delivered = stream.next() => match delivered {
                    Some(Ok(raw)) => {
                        self.shared.counts.delivered.one();
                        let delivery = wrap(&self.shared, &session.acks, raw);
                        self.shared.push(delivery);
                    }
                    Some(Err(error)) => {
                        self.session = None;
                        return Err(broken(&error.to_string()));
                    }
                    None => {
                        // The broker cancelled us (its queue was deleted). The channel stands, and handlers may still
                        // hold deliveries of it: keep it and subscribe again.
                        session.stream = None;
                        return Err(broken("the broker cancelled the consumer: was the queue deleted?"));
                    }
                },
            }
        }
    }

    /// Says what happened (not the same thing twice in a row), forgets what the lost session had buffered, waits.
    async fn fault(&mut self, error: &BusError) {
        let said = error.to_string();
        if self.last_said.as_ref() != Some(&said) {
            tracing::warn!(queue = self.shared.queue, "{said}: consuming again soon");
            self.last_said = Some(said);
        }
        if self.session.is_none() {
            // The broker delivers these again; handing them out too would only make duplicates. Their channel is gone,
            // so dropping them is silent.
            drop(self.shared.take_buffered());
        }
        self.declare_again = true;
        tokio::select! {
            () = sleep(self.pauses.next()) => {}
            _ = self.orders.changed() => {} // read again by `supervise`
        }
    }

    /// Cancels at the broker, then returns once what nobody has started.
    async fn quiet(&mut self) {
        let limit = self.shared.link.settings().step_limit;
        if let Some(session) = &mut self.session
            && let Some(mut stream) = session.stream.take()
        {
            let cancel = session.channel.basic_cancel(stream.tag(), BasicCancelOptions::default());
            let cancelled = link::within(limit, "cancelling a consumer", cancel).await;
            if matches!(cancelled, Ok(Ok(()))) {
                // After the cancel the stream ends by itself, behind what was already on the way.
                while let Ok(Some(Ok(raw))) = tokio::time::timeout(limit, stream.next()).await {
                    self.shared.counts.delivered.one();
                    let _ = wrap(&self.shared, &session.acks, raw).requeue().await;
                }
            } else {
                self.session = None; // closing the channel returns everything
            }
        }
        for delivery in self.shared.take_buffered() {
            let _ = delivery.requeue().await;
        }
    }

    async fn stop(&mut self, number: u64) {
        self.quiet().await;
        self.shared.close_buffer();
        if !matches!(self.orders.borrow().wish, Wish::Close { .. }) {
            self.shared.report(ConsumerState::Stopped, number);
        }
    }

    /// Handlers finish, acks are applied, the channel closes: in this order.
    async fn close(&mut self, until: Instant) {
        if timeout_at(until, self.shared.unsettled.wait()).await.is_err() {
            tracing::warn!(
                queue = self.shared.queue,
                unsettled = self.shared.unsettled.len(),
                "closing with unsettled deliveries: they will be delivered again"
            );
        }
        if let Some(session) = self.session.take().filter(Session::is_live) {
            flush_acks(&self.shared, &session.channel).await;
            link::close_channel(&session.channel, self.shared.link.settings()).await;
        }
    }

    fn fail(&self, error: BusError, number: u64) {
        tracing::error!(queue = self.shared.queue, "{error}");
        self.shared.report(ConsumerState::Failed(error), number);
        self.shared.close_buffer();
    }
}

fn wrap(shared: &Arc<Shared>, acks: &Arc<Acks>, raw: lapin::message::Delivery) -> Delivery {
    let limit = shared.link.settings().step_limit;
    let (acks, counts) = (Arc::clone(acks), Arc::clone(&shared.counts));
    Delivery::new(&shared.queue, raw, acks, limit, counts, shared.unsettled.token())
}

/// A new channel with its subscription. Dropping this future half-way drops the channel, which closes it.
async fn open(shared: &Shared, declare_again: bool) -> Result<Session, BusError> {
    let connection = shared.link.connection().await?;
    let channel = link::channel(&connection, shared.link.settings()).await?;
    let limit = shared.link.settings().step_limit;
    let acks = Acks::start(shared.prefetch, limit, Arc::clone(&shared.counts));
    let mut session = Session { connection, channel, stream: None, acks };
    subscribe(shared, &mut session, declare_again).await?;
    Ok(session)
}

/// The prefetch comes before the consumer: lapin's own buffer has no bound.
async fn subscribe(
    shared: &Shared,
    session: &mut Session,
    declare_again: bool,
) -> Result<(), BusError> {
    if declare_again {
        shared.link.declare_again(&session.connection).await?;
    }
    let limit = shared.link.settings().step_limit;
    let qos = session.channel.basic_qos(shared.prefetch, BasicQosOptions::default());
    link::within(limit, "setting the prefetch", qos)
        .await?
        .map_err(|e| BusError::at("setting the prefetch", &e))?;
    let options = BasicConsumeOptions::default();
    // another tag each time: a quorum queue of RabbitMQ 3.10 takes one that is used again on a channel with unacked messages for the
    // consumer of before, and dies of it with the whole connection (541 INTERNAL_ERROR, function_clause in rabbit_channel)
    let tag = format!("ulak-{}", shared.counts.sessions.get());
    let consume = session.channel.basic_consume(
        short(&shared.queue),
        short(&tag),
        options,
        FieldTable::default(),
    );
    let stream = link::within(limit, "starting a consumer", consume)
        .await?
        .map_err(|e| BusError::at(&format!("consuming {}", shared.queue), &e))?;
    session.stream = Some(stream);
    Ok(())
}

/// A `basic.get` answers only after the queue has applied every ack before it. On a queue with messages it would take
/// one and count a delivery, and a queue with a single active consumer refuses it: there, time must do.
async fn flush_acks(shared: &Shared, channel: &Channel) {
    let settings = shared.link.settings();
    let passive =
        QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
    let asked = channel.queue_declare(short(&shared.queue), passive, FieldTable::default());
    let empty = matches!(
        link::within(settings.step_limit, "looking at a queue", asked).await,
        Ok(Ok(queue)) if queue.message_count() == 0
    );
    if empty && !shared.link.topology().has_single_consumer(&shared.queue) {
        let get = channel.basic_get(short(&shared.queue), BasicGetOptions::default());
        if let Ok(Ok(found)) = link::within(settings.step_limit, "flushing acks", get).await {
            let Some(message) = found else { return };
            let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
            let _ = link::within(settings.step_limit, "returning a message", message.nack(options))
                .await;
        }
    }
    sleep(ACKS_SETTLE).await;
}
