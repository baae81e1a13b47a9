//! Where it happens: databases that are made for it and dropped, a broker that nobody uses, a folder that is gone afterwards.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use bus::{Bus, BusSettings, Topology};
use ledger::bench::OwnDatabase;
use ledger::vault::{Secret32, random_id};
use ledger::{Engine, Ledger, LedgerError, LedgerSettings};
use schemas::Registry;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::super::{Failure, Settings, publish};
use super::events;
use super::settings::{self, Sending};
use crate::cli::Global;
use crate::cli::bench::BenchArgs;
use crate::config::{Address, ConfigError, Origin};

/// What the stand-in for the workers is called at broker and database.
pub const NAME: &str = "bench";
/// As PostgreSQL shows its connections.
pub const APPLICATION: &str = "ulak bench";

/// What it runs on.
pub struct Addresses {
    database: Address,
    broker: Option<Address>,
}

impl Addresses {
    /// Those of the command line, else those of the configuration.
    ///
    /// # Errors
    /// One is none, or one that is needed is missing.
    pub fn of(global: &Global, args: &BenchArgs) -> Result<Self, Failure> {
        let wrong = |option: &str, problem: String| {
            Failure::Config(vec![ConfigError::new(option, Origin::Unset, problem)])
        };
        let parse = |option: &str, url: &Option<String>, schemes: &[&str]| {
            let parsed = url.as_deref().map(|url| Address::parse(url, schemes)).transpose();
            parsed.map_err(|allowed| wrong(option, format!("must be {allowed}")))
        };
        let sqlite = args.database.as_deref().is_some_and(|url| url.starts_with("sqlite://"));
        let database = if sqlite {
            Some(Address::of_file("sqlite://", ""))
        } else {
            parse("--database", &args.database, &["postgres", "postgresql"])?
        };
        let broker = parse("--broker", &args.broker, &["amqp", "amqps"])?;
        let needs_more = args.wants_a_scheduler() || args.wants_sending();
        let addresses = match (database, broker) {
            (Some(database), broker) if broker.is_some() || !needs_more || sqlite => {
                Self { database, broker }
            }
            (database, broker) => {
                let config = Settings::read(global)?.config;
                Self {
                    database: database.unwrap_or(config.database.url),
                    broker: broker.or(config.broker.url),
                }
            }
        };
        if needs_more && addresses.on_sqlite() {
            let problem = "on SQLite only schedule-tick can be measured; use --database postgres://… and --broker amqp://…, or scripts/bench";
            return Err(wrong("--database", problem.to_owned()));
        }
        if needs_more && addresses.broker.is_none() {
            let problem = "is missing; use --broker amqp://…, or scripts/bench";
            return Err(wrong("--broker", problem.to_owned()));
        }
        Ok(addresses)
    }

    fn on_sqlite(&self) -> bool {
        self.database.expose().starts_with("sqlite:")
    }
}

/// All that was made for it.
pub struct Place {
    addresses: Addresses,
    folder: PathBuf,
    /// The folder stays.
    kept: bool,
    key: [u8; 32],
    registry: Registry,
    made: Vec<OwnDatabase>,
}

/// A ledger that is nobody else's.
pub struct Own {
    /// It, open.
    pub ledger: Ledger,
    url: SecretString,
    database: Option<OwnDatabase>,
}

impl Own {
    /// Does the housekeeping that the database would do later, in the middle of a measurement.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn tidy(&self) -> Result<(), LedgerError> {
        match &self.database {
            Some(database) => database.tidy(&self.url).await,
            None => Ok(()),
        }
    }
}

impl Place {
    /// Makes the folder.
    ///
    /// # Errors
    /// There is no place or no randomness.
    pub fn new(addresses: Addresses, keep: Option<&Path>) -> Result<Self, Failure> {
        let name = random_id("ulak-bench-").context("no randomness")?;
        let folder = keep.map_or_else(|| std::env::temp_dir().join(name), Path::to_owned);
        std::fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| anyhow!("no randomness: {error}"))?;
        let registry = Registry::embedded().context("the event types")?;
        Ok(Self { addresses, folder, kept: keep.is_some(), key, registry, made: vec![] })
    }

    /// Makes and opens a ledger.
    ///
    /// # Errors
    /// The server does not answer, or this user may not make databases on it.
    pub async fn ledger(&mut self, what: &str) -> anyhow::Result<Own> {
        let (url, database) = if self.addresses.on_sqlite() {
            (format!("sqlite://{}/{what}.db", self.folder.display()), None)
        } else {
            let server = SecretString::from(self.addresses.database.expose().to_owned());
            let name = random_id(&format!("ulak_bench_{what}_"))?;
            let made = OwnDatabase::make(&server, &name).await.with_context(|| {
                format!(
                    "no database could be made at {}; give --database one whose user may (CREATEDB)",
                    self.addresses.database
                )
            })?;
            self.made.push(made.clone());
            (with_database(&server, made.name())?, Some(made))
        };
        let told = LedgerSettings {
            url: SecretString::from(url),
            master_key: Secret32::new(self.key),
            connections: 2,
            max_mib: None,
            name: APPLICATION.to_owned(),
        };
        ledger::migrate(&told).await?;
        let ledger = Ledger::open(&told).await?;
        Ok(Own { ledger, url: told.url, database })
    }

    /// Refuses a broker on which somebody's queues are in use: what is released here would go to them.
    ///
    /// # Errors
    /// They are, or it does not answer.
    pub async fn refuse_used_broker(&self) -> anyhow::Result<()> {
        match self.topology().in_use(&self.bus_settings()?).await? {
            None => Ok(()),
            Some(queue) => Err(anyhow!(
                "the broker is in use: {queue} has messages or a consumer; give --broker a vhost of its own"
            )),
        }
    }

    /// The broker.
    ///
    /// # Errors
    /// There is none.
    pub async fn bus(&self) -> anyhow::Result<Bus> {
        let bus = Bus::start(self.bus_settings()?, self.topology())?;
        bus.ready().await?;
        Ok(bus)
    }

    /// The queue that all rows are released to.
    ///
    /// # Errors
    /// The event type is not there.
    pub fn queue(&self) -> anyhow::Result<String> {
        let mut types = self.registry.types();
        let found = types.find(|of| of.name == ledger::bench::TYPE).map(|of| of.queue.clone());
        found.context(ledger::bench::TYPE)
    }

    /// Writes the configuration of a process beside its master key.
    ///
    /// # Errors
    /// The folder takes no files.
    pub fn configure(&self, own: &Own) -> anyhow::Result<PathBuf> {
        let text = settings::scheduler(own.url.expose_secret(), self.broker()?);
        self.write(&self.folder, &text)
    }

    /// Writes the configuration of an installation that sends, beside its master key.
    ///
    /// # Errors
    /// The folder takes no files.
    pub fn configure_sending(
        &self,
        own: &Own,
        folder: &Path,
        sending: &Sending<'_>,
    ) -> anyhow::Result<PathBuf> {
        let text = sending.text(own.url.expose_secret(), self.broker()?);
        self.write(folder, &text)
    }

    fn write(&self, folder: &Path, text: &str) -> anyhow::Result<PathBuf> {
        private(&folder.join("master.key"), &data_encoding::BASE64.encode(&self.key))?;
        let file = folder.join("ulak.toml");
        private(&file, text)?;
        Ok(file)
    }

    /// Makes a folder for a scenario.
    ///
    /// # Errors
    /// It is there already, or there is no place.
    pub fn subfolder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join(name);
        std::fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        Ok(folder)
    }

    /// The broker's address, with its password.
    ///
    /// # Errors
    /// There is none.
    pub fn broker(&self) -> anyhow::Result<&str> {
        Ok(self.addresses.broker.as_ref().context("no broker")?.expose())
    }

    /// The port of a broker on this machine.
    pub fn broker_port(&self) -> Option<u16> {
        let url = Url::parse(self.addresses.broker.as_ref()?.expose()).ok()?;
        if !is_here(&url) {
            return None;
        }
        let usual = if url.scheme() == "amqps" { 5671 } else { 5672 };
        Some(url.port().unwrap_or(usual))
    }

    /// The queues of the types whose events are sent, in the order of [`events::TYPES`].
    ///
    /// # Errors
    /// A type is not there.
    pub fn queues(&self) -> anyhow::Result<Vec<String>> {
        queues(&self.registry)
    }

    /// Whether the database's processes can be on this machine.
    pub fn is_local(&self) -> bool {
        Url::parse(self.addresses.database.expose()).is_ok_and(|url| is_here(&url))
    }

    /// Drops and deletes all that was made.
    ///
    /// # Errors
    /// A database is still there; its name is said.
    pub async fn clear(self) -> anyhow::Result<()> {
        for made in self.made {
            let name = made.name().to_owned();
            made.drop().await.with_context(|| format!("the database {name} was not dropped"))?;
        }
        if self.kept {
            return Ok(());
        }
        std::fs::remove_dir_all(&self.folder).with_context(|| self.folder.display().to_string())
    }

    fn topology(&self) -> Topology {
        publish::topology(&self.registry)
    }

    fn bus_settings(&self) -> anyhow::Result<BusSettings> {
        let broker = self.addresses.broker.as_ref().context("no broker")?;
        Ok(BusSettings::new(broker.secret(), NAME))
    }
}

fn is_here(url: &Url) -> bool {
    ["", "localhost", "127.0.0.1", "[::1]"].contains(&url.host_str().unwrap_or_default())
}

/// The queues of the types whose events are sent, in the order of [`events::TYPES`].
///
/// # Errors
/// A type is not there.
pub fn queues(registry: &Registry) -> anyhow::Result<Vec<String>> {
    let queue = |name: &&str| {
        let found = registry.types().find(|of| of.name == **name);
        found.map(|of| of.queue.clone()).with_context(|| (*name).to_owned())
    };
    events::TYPES.iter().map(queue).collect()
}

/// The address of another database on the same server.
fn with_database(server: &SecretString, name: &str) -> anyhow::Result<String> {
    let mut url =
        Url::parse(server.expose_secret()).map_err(|_| anyhow!("--database is no URL"))?;
    url.set_path(name);
    Ok(url.into())
}

fn private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| writeln!(file, "{text}"));
    written.with_context(|| path.display().to_string())
}

/// Whether its processes can be looked at from here at all.
pub fn is_a_server(ledger: &Ledger) -> bool {
    ledger.engine() == Engine::Postgres
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_of_its_own_is_on_the_same_server_with_the_same_login_and_options() {
        let server = SecretString::from("postgres://me:p%40ss@host:5433/postgres?sslmode=require");
        let own = with_database(&server, "ulak_bench_x").unwrap();
        assert_eq!(own, "postgres://me:p%40ss@host:5433/ulak_bench_x?sslmode=require");
    }
}
