//! What a process must know to talk to the broker.

use std::time::Duration;

use lapin::uri::AMQPUri;
use secrecy::{ExposeSecret, SecretString};

use crate::BusError;

/// Address, name and limits. The defaults are right for production; tests shorten them.
#[derive(Clone, Debug)]
pub struct BusSettings {
    /// `amqp://…` or `amqps://…`, the key `broker.url`.
    pub url: SecretString,
    /// Name of the process in the broker's lists, such as `worker`.
    pub name: String,
    /// Longest wait for TCP, TLS and the AMQP handshake together.
    pub connect_limit: Duration,
    /// Longest wait for one answer of the broker (declare, qos, consume, cancel, an ack's write).
    pub step_limit: Duration,
    /// From `publish()` to its [`crate::Fate`], whatever happens in between; then it is `Unconfirmed`.
    pub publish_limit: Duration,
    /// Without any confirm for so long, while some are due and the broker has not announced an alarm, the publishing
    /// session counts as dead and is built anew.
    pub stall_limit: Duration,
    /// Longest wait of each step of closing.
    pub close_limit: Duration,
    /// Messages that wait for their confirm at the same time. More makes lapin mix up returned messages more often
    /// and gains nothing.
    pub max_in_flight: usize,
    /// First pause between two attempts to build a session.
    pub pause_first: Duration,
    /// Longest such pause.
    pub pause_longest: Duration,
}

impl BusSettings {
    /// Settings with the limits of production.
    pub fn new(url: SecretString, name: impl Into<String>) -> Self {
        Self {
            url,
            name: name.into(),
            connect_limit: Duration::from_secs(10),
            step_limit: Duration::from_secs(10),
            publish_limit: Duration::from_secs(15),
            stall_limit: Duration::from_secs(20),
            close_limit: Duration::from_secs(5),
            max_in_flight: 100,
            pause_first: Duration::from_millis(200),
            pause_longest: Duration::from_secs(5),
        }
    }

    /// Whether the address can be read, without asking anybody: for the check of the configuration.
    ///
    /// # Errors
    /// [`BusError::Url`].
    pub fn check(&self) -> Result<(), BusError> {
        self.address().map(|_| ())
    }

    /// The address with our defaults: lapin has no limit of its own, and without a heartbeat a dead TCP link goes
    /// unseen.
    pub(crate) fn address(&self) -> Result<AMQPUri, BusError> {
        let mut uri: AMQPUri =
            self.url.expose_secret().parse().map_err(|_: String| BusError::Url)?;
        uri.query.heartbeat.get_or_insert(10);
        let limit_ms = u64::try_from(self.connect_limit.as_millis()).unwrap_or(u64::MAX);
        uri.query.connection_timeout.get_or_insert(limit_ms);
        Ok(uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_refused_without_repeating_it() {
        for wrong in ["", "localhost", "http://user:hunter2@host", "amqp://user:hunter2@host:99999"]
        {
            let settings = BusSettings::new(wrong.into(), "test");
            let error = settings.check().unwrap_err();
            assert_eq!(error, BusError::Url, "{wrong}");
            assert!(error.is_permanent() && !error.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn an_address_gets_a_heartbeat_and_a_limit_unless_it_brings_its_own() {
        let plain = BusSettings::new("amqp://u:p@host/%2f".into(), "test").address().unwrap();
        assert_eq!(
            (plain.query.heartbeat, plain.query.connection_timeout),
            (Some(10), Some(10_000))
        );
        let own =
            BusSettings::new("amqp://u:p@host/v?heartbeat=30".into(), "test").address().unwrap();
        assert_eq!((own.query.heartbeat, own.vhost.as_str()), (Some(30), "v"));
    }

    #[test]
    fn the_password_is_not_in_debug() {
        let settings = BusSettings::new("amqp://u:hunter2@host".into(), "test");
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
