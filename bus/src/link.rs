//! One supervised connection: opened when somebody needs it, opened again after any fault, with jittered pauses.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff};
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::sync::{Mutex, watch};

use crate::{BusError, BusSettings, Topology};

/// Whether the broker can be talked to on one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Not connected yet, nothing known.
    Starting,
    /// Connected, topology declared.
    Up,
    /// Not connected; why. The link goes on trying unless the error is permanent and it was never up.
    Down(BusError),
}

/// A connection that comes back. It holds no task: whoever needs the connection drives its opening.
pub(crate) struct Link {
    settings: BusSettings,
    topology: Topology,
    role: &'static str,
    slot: Mutex<Slot>,
    state: watch::Sender<LinkState>,
}

struct Slot {
    connection: Option<Arc<Connection>>,
    opened: Instant,
    was_up: bool,
    pauses: Pauses,
}

impl Link {
    pub(crate) fn new(settings: BusSettings, topology: Topology, role: &'static str) -> Arc<Self> {
        let slot = Slot {
            connection: None,
            opened: Instant::now(),
            was_up: false,
            pauses: Pauses::new(&settings),
        };
        let state = watch::Sender::new(LinkState::Starting);
        Arc::new(Self { settings, topology, role, slot: Mutex::new(slot), state })
    }

    pub(crate) fn settings(&self) -> &BusSettings {
        &self.settings
    }

    pub(crate) fn topology(&self) -> &Topology {
        &self.topology
    }

    pub(crate) fn state(&self) -> watch::Receiver<LinkState> {
        self.state.subscribe()
    }

    /// The live connection; waits for the broker as long as it takes. May be dropped at any point.
    ///
    /// # Errors
    /// Only permanent ones, and only before the link was ever up: a process that has worked goes on trying, because a
    /// password may be mended at the broker as well.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>, BusError> {
        let mut slot = self.slot.lock().await;
        if let Some(live) = slot.connection.as_ref().filter(|c| c.status().connected()) {
            return Ok(Arc::clone(live));
        }
        if slot.connection.take().is_some() {
            self.announce_down(BusError::Unreachable {
                said: "the connection was lost".to_owned(),
            });
            if slot.opened.elapsed() > SETTLED {
                slot.pauses.reset();
            }
        }
        loop {
            match self.open_and_declare().await {
                Ok(connection) => {
                    let connection = Arc::new(connection);
                    slot.connection = Some(Arc::clone(&connection));
                    slot.opened = Instant::now();
                    slot.was_up = true;
                    self.announce_up();
                    return Ok(connection);
                }
                Err(error) => {
                    let give_up = error.is_permanent() && !slot.was_up;
                    self.announce_down(error.clone());
                    if give_up {
                        return Err(error);
                    }
                    tokio::time::sleep(slot.pauses.next()).await;
                }
            }
        }
    }

    /// The connection, if it stands now; waits for nothing.
    ///
    /// # Errors
    /// There is none, or it is being opened.
    pub(crate) fn live(&self) -> Result<Arc<Connection>, BusError> {
        let slot = self.slot.try_lock().ok();
        let live = slot.as_ref().and_then(|slot| slot.connection.as_ref());
        live.filter(|connection| connection.status().connected())
            .cloned()
            .ok_or_else(|| BusError::Unreachable { said: "there is no connection now".to_owned() })
    }

    /// Declares everything again on a live connection: after a queue was deleted under its consumer.
    pub(crate) async fn declare_again(&self, connection: &Connection) -> Result<(), BusError> {
        self.topology.declare_on(connection, &self.settings).await
    }

    /// Closes the connection if there is one.
    pub(crate) async fn close(&self) {
        if let Some(connection) = self.slot.lock().await.connection.take() {
            close_connection(&connection, &self.settings).await;
        }
        self.state.send_replace(LinkState::Down(BusError::Closed));
    }

    async fn open_and_declare(&self) -> Result<Connection, BusError> {
        let connection = open(&self.settings, self.role).await?;
        match self.topology.declare_on(&connection, &self.settings).await {
            Ok(()) => Ok(connection),
            Err(error) => {
                close_connection(&connection, &self.settings).await;
                Err(error)
            }
        }
    }

    /// Once per change of state: an absent broker must not fill the log.
    fn announce_down(&self, error: BusError) {
        let role = self.role;
        self.state.send_if_modified(|state| {
            let same = matches!(state, LinkState::Down(old)
                if std::mem::discriminant(old) == std::mem::discriminant(&error));
            if same {
                return false;
            }
            if error.is_permanent() {
                tracing::error!(role, "{error}");
            } else {
                tracing::warn!(role, "{error}: waiting for it");
            }
            *state = LinkState::Down(error);
            true
        });
    }

    fn announce_up(&self) {
        tracing::info!(role = self.role, "connected to RabbitMQ");
        self.state.send_replace(LinkState::Up);
    }
}

/// A session that lived so long was sound: the next fault starts with the short pause again.
pub(crate) const SETTLED: Duration = Duration::from_secs(10);

/// Jittered, growing pauses without end. The one place where the crate `backoff` is used: its default gives up after
/// 15 minutes, so `max_elapsed_time` is `None`.
pub(crate) struct Pauses {
    source: ExponentialBackoff,
    longest: Duration,
}

impl Pauses {
    pub(crate) fn new(settings: &BusSettings) -> Self {
        let source = ExponentialBackoffBuilder::new()
            .with_initial_interval(settings.pause_first)
            .with_max_interval(settings.pause_longest)
            .with_multiplier(2.0)
            .with_randomization_factor(0.5)
            .with_max_elapsed_time(None)
            .build();
        Self { source, longest: settings.pause_longest }
    }

    pub(crate) fn next(&mut self) -> Duration {
        self.source.next_backoff().unwrap_or(self.longest)
    }

    pub(crate) fn reset(&mut self) {
        self.source.reset();
    }
}

/// One attempt to connect. Auto-recover stays off: with it a channel error leaves a consumer that is silent for ever.
pub(crate) async fn open(settings: &BusSettings, role: &str) -> Result<Connection, BusError> {
    let name = format!("ulak {} {role}", settings.name);
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connect = Connection::connect_uri(settings.address()?, properties);
    within(settings.connect_limit, "connecting", connect)
        .await?
        .map_err(|e| BusError::at_connect(&e))
}

/// A new channel within the limit.
pub(crate) async fn channel(
    connection: &Connection,
    settings: &BusSettings,
) -> Result<Channel, BusError> {
    within(settings.step_limit, "opening a channel", connection.create_channel())
        .await?
        .map_err(|e| BusError::at("opening a channel", &e))
}

/// lapin has no time limit on anything: every step of ours has one.
pub(crate) async fn within<F: Future>(
    limit: Duration,
    what: &'static str,
    step: F,
) -> Result<F::Output, BusError> {
    tokio::time::timeout(limit, step).await.map_err(|_| BusError::Timeout { what, limit })
}

/// Closes politely; a broker that does not answer loses its chance after the limit.
pub(crate) async fn close_channel(channel: &Channel, settings: &BusSettings) {
    if !channel.status().connected() {
        return;
    }
    match within(settings.close_limit, "closing a channel", channel.close(200, "OK".into())).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("closing a channel: {error}"),
        Err(error) => tracing::warn!("{error}"),
    }
}

/// As [`close_channel`], for a connection.
pub(crate) async fn close_connection(connection: &Connection, settings: &BusSettings) {
    if !connection.status().connected() {
        return;
    }
    match within(settings.close_limit, "closing the connection", connection.close(200, "OK".into()))
        .await
    {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("closing the connection: {error}"),
        Err(error) => tracing::warn!("{error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_stay_below_their_cap_and_never_end() {
        let settings = BusSettings::new("amqp://localhost".into(), "test");
        let mut pauses = Pauses::new(&settings);
        let first = pauses.next();
        assert!(
            first >= settings.pause_first / 2 && first <= settings.pause_first * 3 / 2,
            "{first:?}"
        );
        let all: Vec<_> = (0..1_000).map(|_| pauses.next()).collect();
        assert!(all.iter().all(|p| *p <= settings.pause_longest * 3 / 2));
        assert!(all[900..].iter().all(|p| *p >= settings.pause_longest / 2));
        assert!(all[900..].windows(2).any(|w| w[0] != w[1]), "no jitter");
        pauses.reset();
        assert!(pauses.next() <= settings.pause_first * 3 / 2);
    }
}
