//! The private node of `scripts/services`, one vhost a test, and the lock that keeps disturbances apart.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use bus::{Bus, BusSettings, Fate, Outgoing, Topology, names};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

pub const TYPE: &str = "ulak.payment-receipt.v1";
pub const QUEUE: &str = "ulak.payment-receipt";

/// Tests read it; a test that disturbs the node writes it.
static NODE: RwLock<()> = RwLock::const_new(());
static NUMBER: AtomicU32 = AtomicU32::new(0);

enum Lock {
    Shared(#[expect(dead_code, reason = "held, not read")] RwLockReadGuard<'static, ()>),
    Alone(#[expect(dead_code, reason = "held, not read")] RwLockWriteGuard<'static, ()>),
}

/// A vhost of its own on the private node; gone when it is dropped.
pub struct Node {
    pub vhost: String,
    /// `host:port` of the broker.
    pub address: String,
    _lock: Lock,
}

fn needed(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set, this test needs a private broker: run scripts/test, or scripts/services run DIR -- cargo test -p bus")
    })
}

/// `scripts/services VERB DIR ARGS…` on this test's node.
pub async fn services(verb: &str, args: &[&str]) -> String {
    let mut command = command(verb, args);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "services {verb} {args:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

fn command(verb: &str, args: &[&str]) -> Command {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/services");
    let mut command = Command::new(script);
    command.arg(verb).arg(needed("ULAK_SERVICES_DIR")).args(args).stdin(Stdio::null());
    command
}

impl Node {
    /// For a test that minds its own vhost.
    pub async fn shared() -> Self {
        let lock = Lock::Shared(NODE.read().await);
        Self::new(lock).await
    }

    /// For a test that disturbs the whole node: alarms, closed connections, a restart.
    pub async fn alone() -> Self {
        let lock = Lock::Alone(NODE.write().await);
        Self::new(lock).await
    }

    async fn new(lock: Lock) -> Self {
        let url = needed("AMQP_URL");
        let address = url.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let vhost = format!("bus-{}-{number}", std::process::id());
        services("ctl", &["add_vhost", &vhost]).await;
        services("ctl", &["set_permissions", "-p", &vhost, "guest", ".*", ".*", ".*"]).await;
        Self { vhost, address, _lock: lock }
    }

    pub fn url(&self) -> String {
        self.url_at(&self.address)
    }

    /// The same vhost by another way, such as a proxy.
    pub fn url_at(&self, address: &str) -> String {
        format!("amqp://guest:guest@{address}/{}", self.vhost)
    }

    pub fn settings(&self) -> BusSettings {
        settings(&self.url())
    }

    /// A bus that is connected.
    pub async fn bus(&self) -> Bus {
        let bus = Bus::start(self.settings(), types()).unwrap();
        within(bus.ready()).await.unwrap();
        bus
    }

    /// A bare lapin channel, to look at the broker past the bus.
    pub async fn raw(&self) -> (lapin::Connection, lapin::Channel) {
        let connection =
            lapin::Connection::connect(&self.url(), lapin::ConnectionProperties::default())
                .await
                .unwrap();
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }

    /// Takes one message from a queue past the bus, waiting for it.
    pub async fn take(&self, queue: &str) -> lapin::message::Delivery {
        use futures::StreamExt;
        let (connection, channel) = self.raw().await;
        channel.basic_qos(1, lapin::options::BasicQosOptions::default()).await.unwrap();
        let options = lapin::options::BasicConsumeOptions::default();
        let mut stream = channel
            .basic_consume(queue.into(), "raw".into(), options, lapin::types::FieldTable::default())
            .await
            .unwrap();
        let delivery = within(stream.next()).await.unwrap().unwrap();
        delivery.ack(lapin::options::BasicAckOptions::default()).await.unwrap();
        channel
            .basic_cancel("raw".into(), lapin::options::BasicCancelOptions::default())
            .await
            .unwrap();
        connection.close(200, "OK".into()).await.unwrap();
        delivery
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut command = command("ctl", &["delete_vhost", &self.vhost]);
        let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

pub fn types() -> Topology {
    Topology::new([("ulak.appointment-reminder.v1", "ulak.appointment-reminder"), (TYPE, QUEUE)])
}

pub fn settings(url: &str) -> BusSettings {
    let mut settings = BusSettings::new(url.to_owned().into(), "test");
    settings.pause_first = Duration::from_millis(50);
    settings.pause_longest = Duration::from_millis(500);
    settings
}

/// A message to a queue of ours by the default exchange: it has no alternate exchange, so `mandatory` means something.
pub fn direct(queue: &str, id: &str) -> Outgoing {
    Outgoing {
        exchange: String::new(),
        routing_key: queue.to_owned(),
        body: id.as_bytes().to_vec(),
        message_id: id.to_owned(),
        headers: Vec::new(),
        mandatory: true,
    }
}

/// A message as a clinic publishes it.
pub fn notification(event_type: &str, id: &str) -> Outgoing {
    Outgoing {
        exchange: names::NOTIFICATIONS.to_owned(),
        mandatory: false,
        ..direct(event_type, id)
    }
}

/// Publishes until it is confirmed, as every caller must.
pub async fn publish(bus: &Bus, message: Outgoing) {
    loop {
        match bus.publisher().publish(message.clone()).await {
            Fate::Confirmed => return,
            Fate::Unconfirmed => {}
            other => panic!("{message:?}: {other:?}"),
        }
    }
}

/// Publishes `count` messages with ids `PREFIX-N` to `QUEUE`.
pub async fn fill(bus: &Bus, prefix: &str, count: usize) {
    let all = (0..count).map(|n| publish(bus, direct(QUEUE, &format!("{prefix}-{n}"))));
    within(futures::future::join_all(all)).await;
}

/// Nothing here may hang: a minute is far more than any step needs.
pub async fn within<F: Future>(step: F) -> F::Output {
    tokio::time::timeout(Duration::from_mins(1), step).await.expect("a step took over a minute")
}
