//! What the demo plays on: a folder, the providers' twins, an installation of `ulak` processes.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Europe::Istanbul;
use ledger::vault::{Secret32, random_id};
use ledger::{Ledger, LedgerError, LedgerSettings};
use secrecy::SecretString;
use simulator::{Script, Simulator};
use tokio::process::Command;

use super::events::Events;
use super::process::{self, Process};
use super::{Failure, say};
use crate::cli::demo::DemoArgs;
use crate::start;

const SETTINGS: &str = include_str!("../../../demo/ulak.toml");
const SCRIPT: &str = include_str!("../../../demo/simulator.toml");
/// What stands between `@` in `demo/ulak.toml` while there is no broker.
const NO_BROKER: &str = "none";
/// Why a database is not touched.
const USED: &str = "the database is in use by an installation; give --database an empty one";

/// The clinics of `demo/ulak.toml`.
pub const CLINICS: [&str; 4] = ["atasehir", "besiktas", "umraniye", "kartal"];

/// Everything that runs.
pub struct Stage {
    /// The beginning, by the ledger's clock.
    pub now: DateTime<Utc>,
    /// The twins.
    pub outside: Simulator,
    /// The ledger, to look into.
    pub ledger: Ledger,
    /// Address of the HTTP door; `None`: the events go through the broker.
    pub door: Option<String>,
    config: PathBuf,
    processes: RefCell<Vec<Process>>,
}

impl Stage {
    /// Starts everything.
    ///
    /// # Errors
    /// What does not start, and why.
    pub async fn set(args: &DemoArgs) -> Result<Self, Failure> {
        let script = Script::from_toml(SCRIPT).context("demo/simulator.toml")?;
        let outside = Simulator::start_with("127.0.0.1:0", script).await.context("the twins")?;
        let folder = std::env::temp_dir().join(random_id("ulak-demo-").context("no randomness")?);
        std::fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        let config = folder.join("ulak.toml");
        let database = args
            .database
            .clone()
            .unwrap_or_else(|| format!("sqlite://{}/ulak.db", folder.display()));
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| anyhow!("no randomness: {error}"))?;
        let told = LedgerSettings {
            url: SecretString::from(database.clone()),
            master_key: Secret32::new(key),
            connections: 2,
            max_mib: None,
            name: "ulak demo".to_owned(),
        };
        // the same clock as everybody else's: quiet hours begin before it and events are dated by it
        ledger::migrate(&told).await.map_err(|error| match error {
            LedgerError::Key(_) => anyhow!(USED).into(),
            other => start::ledger_failure(other),
        })?;
        let ledger = Ledger::open(&told).await.map_err(start::ledger_failure)?;
        refuse_used(&ledger).await?;
        let now = ledger.clock().now();
        private(&folder.join("master.key"), &data_encoding::BASE64.encode(&key))?;
        let broker = args.broker.as_deref().unwrap_or(NO_BROKER);
        private(&config, &settings(&database, broker, &outside.url(), now))?;
        let mut stage =
            Self { now, outside, ledger, door: None, config, processes: RefCell::new(vec![]) };
        stage.start(args.broker.is_some()).await?;
        Ok(stage)
    }

    async fn start(&mut self, with_broker: bool) -> anyhow::Result<()> {
        let mut started = vec![];
        if with_broker {
            let declared = self.command(&["migrate"])?.output().await?;
            if !declared.status.success() {
                let said = String::from_utf8_lossy(&declared.stderr);
                return Err(anyhow!("{}", said.lines().last().unwrap_or("ulak migrate failed")));
            }
            for name in ["scheduler", "worker-1", "worker-2"] {
                let verb = name.split('-').next().unwrap_or(name);
                started.push(Process::start(&self.config, name, &[verb])?);
            }
            started[0].line("releasing what is due").await?;
            for worker in &mut started[1..] {
                worker.line("taking messages from all queues").await?;
            }
        } else {
            let mut up = Process::start(&self.config, "up", &["up"])?;
            let line = up.line("\"listen\"").await?;
            let line: serde_json::Value =
                serde_json::from_str(&line).context("the log of `ulak up`")?;
            let listen = line.pointer("/fields/listen").or_else(|| line.get("listen"));
            let listen =
                listen.and_then(serde_json::Value::as_str).context("no address in the log")?;
            self.door = Some(format!("http://{listen}"));
            up.line("releasing what is due").await?;
            started.push(up);
        }
        self.processes.replace(started);
        Ok(())
    }

    /// Where everything is written.
    pub fn folder(&self) -> &Path {
        self.config.parent().unwrap_or(Path::new("."))
    }

    /// `ulak` with the demo's configuration.
    pub fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = process::command(&self.config)?;
        command.args(arguments);
        Ok(command)
    }

    /// Shows a command as a person would type it, and what it says. `false`: it failed.
    pub async fn shows(&self, arguments: &[&str]) -> anyhow::Result<bool> {
        say(format_args!("\n$ ulak {}", arguments.join(" ")))?;
        let done = self.command(arguments)?.output().await?;
        say(String::from_utf8_lossy(&done.stdout).trim_end())?;
        if !done.status.success() {
            say(format_args!(
                "NOT AS FORESEEN: {}",
                String::from_utf8_lossy(&done.stderr).trim_end()
            ))?;
        }
        Ok(done.status.success())
    }

    /// An error if a process has ended.
    pub fn still_runs(&self) -> anyhow::Result<()> {
        self.processes.borrow_mut().iter_mut().try_for_each(Process::still_runs)
    }

    /// Whether no log holds a name or a number.
    pub fn logs_hold_nothing_of(&self, events: &Events) -> anyhow::Result<bool> {
        let words = events.personal();
        let mut silent = true;
        for process in self.processes.borrow().iter() {
            let said = process.said()?;
            for line in said.lines().filter(|line| words.iter().any(|word| line.contains(word))) {
                say(format_args!("NOT AS FORESEEN: a log line holds a name or a number: {line}"))?;
                silent = false;
            }
        }
        Ok(silent)
    }

    /// Stops everything; whether each process ended well.
    pub async fn end(&self) -> anyhow::Result<bool> {
        let mut well = true;
        for process in self.processes.take() {
            well &= process.end().await?;
        }
        Ok(well)
    }

    /// Where a person finds what was written.
    pub fn says_where_it_is(&self) -> anyhow::Result<()> {
        let folder = self.folder();
        say(format_args!(
            "\nConfiguration, logs and ledger stay in {}:\n  export ULAK_CONFIG={}; ulak log list; ulak dead-letter list\n  rm -r {}",
            folder.display(),
            self.config.display(),
            folder.display()
        ))?;
        Ok(())
    }
}

/// The demo's clinics are nobody's: it never writes between somebody's own rows.
async fn refuse_used(ledger: &Ledger) -> Result<(), Failure> {
    let balance = ledger.balance(None).await.map_err(start::ledger_failure)?;
    if balance.received == 0 {
        return Ok(());
    }
    Err(anyhow!(USED).into())
}

fn settings(database: &str, broker: &str, simulator: &str, now: DateTime<Utc>) -> String {
    let clock = |hours: i64| {
        let at = now + TimeDelta::try_hours(hours).unwrap_or_default();
        at.with_timezone(&Istanbul).format("%H:%M").to_string()
    };
    SETTINGS
        .replace("@database@", database)
        .replace("@broker@", broker)
        .replace("@simulator@", simulator)
        .replace("@quiet@", &format!("{}-{}", clock(-1), clock(2)))
}

fn private(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| writeln!(file, "{text}"));
    written.with_context(|| path.display().to_string())
}
