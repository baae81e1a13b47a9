//! A look at the broker that changes nothing: for `ulak doctor`.

use lapin::{
    Connection,
    options::{ExchangeDeclareOptions, QueueDeclareOptions},
    types::FieldTable,
    uri::AMQPScheme,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{BusError, BusSettings, Topology, link, topology::short};

/// What the broker is and has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Product and version as it names itself, `RabbitMQ 3.10.8`; empty where it was not heard (behind TLS).
    pub product: String,
    /// Exchanges and queues of the topology that are not there.
    pub missing: Vec<String>,
}

impl Topology {
    /// Connects, asks for the version and for each exchange and queue by name, closes. If nothing is missing, the arguments are
    /// compared too, by declaring everything as every start does: what is there already stays as it is.
    ///
    /// # Errors
    /// As [`Topology::declare`].
    pub async fn inspect(&self, settings: &BusSettings) -> Result<Inspected, BusError> {
        let connection = link::open(settings, "doctor").await?;
        let result = self.inspect_on(&connection, settings).await;
        link::close_connection(&connection, settings).await;
        result
    }

    /// A queue in which somebody's messages lie or from which somebody consumes; `None`: the topology is there and nobody uses it, or
    /// it is not there. It is a look at one moment: messages that are with a consumer are seen by their consumer.
    ///
    /// # Errors
    /// As [`Topology::declare`].
    pub async fn in_use(&self, settings: &BusSettings) -> Result<Option<String>, BusError> {
        let connection = link::open(settings, "look").await?;
        let mut used = None;
        for name in self.queues() {
            // a refused declaration closes its channel, so each has its own
            let channel = link::channel(&connection, settings).await?;
            let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let asked = channel.queue_declare(short(name), options, FieldTable::default());
            match link::within(settings.step_limit, "looking for a queue", asked).await? {
                Ok(queue) if queue.message_count() > 0 || queue.consumer_count() > 0 => {
                    used = Some(name.to_owned());
                }
                Ok(_) => {}
                Err(error) if is_not_found(&error) => continue,
                Err(error) => return Err(BusError::at(&format!("looking for {name}"), &error)),
            }
            link::close_channel(&channel, settings).await;
            if used.is_some() {
                break;
            }
        }
        link::close_connection(&connection, settings).await;
        Ok(used)
    }

    async fn inspect_on(
        &self,
        connection: &Connection,
        settings: &BusSettings,
    ) -> Result<Inspected, BusError> {
        let mut missing = Vec::new();
        let exchanges = self.exchanges().map(|(name, kind)| (name.to_owned(), Some(kind)));
        let queues = self.queues().map(|name| (name.to_owned(), None));
        for (name, kind) in exchanges.chain(queues) {
            // a refused declaration closes its channel, so each has its own
            let channel = link::channel(connection, settings).await?;
            let there = match kind {
                Some(kind) => {
                    let options = ExchangeDeclareOptions {
                        passive: true,
                        ..ExchangeDeclareOptions::default()
                    };
                    let asked = channel.exchange_declare(
                        short(&name),
                        kind,
                        options,
                        FieldTable::default(),
                    );
                    link::within(settings.step_limit, "looking for an exchange", asked).await?
                }
                None => {
                    let options =
                        QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
                    let asked = channel.queue_declare(short(&name), options, FieldTable::default());
                    let asked = link::within(settings.step_limit, "looking for a queue", asked);
                    asked.await?.map(|_| ())
                }
            };
            match there {
                Ok(()) => link::close_channel(&channel, settings).await,
                Err(error) if is_not_found(&error) => {
                    // an exchange and its queue may share a name
                    if !missing.contains(&name) {
                        missing.push(name);
                    }
                }
                Err(error) => return Err(BusError::at(&format!("looking for {name}"), &error)),
            }
        }
        if missing.is_empty() {
            self.declare_on(connection, settings).await?;
        }
        Ok(Inspected { product: greeting(settings).await.unwrap_or_default(), missing })
    }
}

fn is_not_found(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(e) if e.get_id() == 404)
}

/// The greeting of a broker names product and version, but lapin 4.12 does not pass it on: it is read here, before any login.
async fn greeting(settings: &BusSettings) -> Option<String> {
    let address = settings.address().ok()?;
    if address.scheme != AMQPScheme::AMQP {
        return None;
    }
    let heard = async {
        let (host, port) = (address.authority.host.as_str(), address.authority.port);
        let mut stream = TcpStream::connect((host, port)).await.ok()?;
        stream.write_all(b"AMQP\x00\x00\x09\x01").await.ok()?;
        // type, channel, size; then the frame
        let mut head = [0; 7];
        stream.read_exact(&mut head).await.ok()?;
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
        let mut frame = vec![0; usize::try_from(size.min(64 * 1024)).ok()?];
        stream.read_exact(&mut frame).await.ok()?;
        Some(frame)
    };
    let frame = link::within(settings.step_limit, "reading the greeting", heard).await.ok()??;
    Some(format!("{} {}", property(&frame, "product")?, property(&frame, "version")?))
}

/// A text of the server's properties: short name, `S`, length, text.
fn property(frame: &[u8], name: &str) -> Option<String> {
    let mut key = vec![u8::try_from(name.len()).ok()?];
    key.extend(name.as_bytes());
    key.push(b'S');
    let at = frame.windows(key.len()).position(|window| window == key)? + key.len();
    let (size, rest) = frame.get(at..)?.split_first_chunk::<4>()?;
    let text = rest.get(..usize::try_from(u32::from_be_bytes(*size)).ok()?)?;
    let text = String::from_utf8(text.to_vec()).ok()?;
    (text.len() <= 100 && !text.contains(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::property;

    #[test]
    fn a_property_is_read_from_a_greeting_and_nothing_from_noise() {
        let frame = b"\x00\x0a\x00\x0a\x07productS\x00\x00\x00\x08RabbitMQ\x07versionS\x00\x00\x00\x063.10.8";
        assert_eq!(property(frame, "product").as_deref(), Some("RabbitMQ"));
        assert_eq!(property(frame, "version").as_deref(), Some("3.10.8"));
        assert_eq!(property(frame, "platform"), None);
        assert_eq!(property(&frame[..frame.len() - 1], "version"), None);
        assert_eq!(property(b"\x07versionS\xff\xff\xff\xff", "version"), None);
    }
}
