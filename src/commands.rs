//! What the commands do. Each ends with `Ok`, or with a `Failure` that says what to do and which exit code that is.

pub mod bench;
pub mod completions;
pub mod config;
pub mod consent;
pub mod dead_letter;
pub mod demo;
pub mod desk;
pub mod doctor;
pub mod explain;
pub mod gateway;
pub mod import;
pub mod lane;
pub mod log;
pub mod migrate;
pub mod publish;
pub mod schedule;
pub mod scheduler;
pub mod simulator;
pub mod template;
pub mod token;
pub mod up;
pub mod worker;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::anyhow;
use ledger::LedgerError;
use schemas::Registry;

use crate::cli::{Cli, Command, Global};
use crate::config::{Config, ConfigError, FILE_VARIABLE, Purpose, Sources, TypeRules};
use crate::lifecycle::Ended;

/// Exit code of a wrong or incomplete configuration.
pub const CONFIG_IS_WRONG: u8 = 64;

/// Why a command did not do its work.
#[derive(Debug)]
pub enum Failure {
    /// The configuration is wrong or incomplete: exit code 64.
    Config(Vec<ConfigError>),
    /// Anything else: exit code 1.
    Failed(anyhow::Error),
    /// It was said already what failed: exit code 1.
    Said,
}

impl Failure {
    /// The exit code: 64 for the configuration, else 1.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) => ExitCode::from(CONFIG_IS_WRONG),
            Self::Failed(_) | Self::Said => ExitCode::FAILURE,
        }
    }

    /// The lines for stderr.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Config(errors) => errors.iter().map(|error| format!("ulak: {error}")).collect(),
            Self::Failed(error) => {
                let line = format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ");
                vec![format!("ulak: {line}")]
            }
            Self::Said => Vec::new(),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// How a long-running command ended, as its result.
impl From<Ended> for Result<(), Failure> {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Drained => Ok(()),
            // The log has said it, with the signal.
            Ended::Cut => Err(Failure::Said),
            Ended::ByItself => {
                Err(Failure::Failed(anyhow!("ended without being asked to; this is a bug in ulak")))
            }
            Ended::Failed(error) => Err(match error.downcast::<LedgerError>() {
                Ok(error) => crate::start::ledger_failure(error),
                Err(error) => match error.downcast::<crate::approved::Unfit>() {
                    Ok(unfit) => Failure::Config(unfit.0),
                    Err(error) => Failure::Failed(error),
                },
            }),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // `ulak log list | head` is no failure worth a line.
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Said
        } else {
            Self::Failed(error.into())
        }
    }
}

/// Runs one command.
///
/// # Errors
/// Why it did not do its work.
pub fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Up(_) => up::run(&cli.global),
        Command::Worker(_) => worker::run(&cli.global),
        Command::Scheduler(_) => scheduler::run(&cli.global),
        Command::Gateway(_) => gateway::run(&cli.global),
        Command::Demo(args) => demo::run(&args),
        Command::Migrate(args) => migrate::run(&cli.global, &args),
        Command::Log(command) => log::run(&cli.global, &command),
        Command::Schedule(command) => schedule::run(&cli.global, &command),
        Command::DeadLetter(command) => dead_letter::run(&cli.global, &command),
        Command::Lane(command) => lane::run(&cli.global, &command),
        Command::Token(command) => token::run(&cli.global, &command),
        Command::Consent(command) => consent::run(&cli.global, &command),
        Command::Doctor(_) => doctor::run(&cli.global),
        Command::Completions(args) => completions::run(&args),
        Command::Config(command) => config::run(&cli.global, &command),
        Command::Template(command) => template::run(&cli.global, &command),
        Command::Publish(args) => publish::run(&cli.global, &args),
        Command::Import(args) => import::run(&cli.global, &args),
        Command::Simulator(args) => simulator::run(&cli.global, &args),
        Command::Bench(args) => bench::run(&cli.global, &args),
    }
}

/// The configuration, with what it was checked against.
#[derive(Debug)]
pub struct Settings {
    /// All settings.
    pub config: Config,
    /// The event types.
    pub registry: Arc<Registry>,
    /// The event types' own consent rules.
    pub types: TypeRules,
}

impl Settings {
    /// Reads the configuration from the command line's file and the process's environment.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(global: &Global) -> Result<Self, Failure> {
        Self::from_sources(&sources(global)?)
    }

    /// Reads the configuration from sources that were read.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_sources(sources: &Sources) -> Result<Self, Failure> {
        let wrong = |error| Failure::Config(vec![error]);
        let read_file = |path: &Path| std::fs::read_to_string(path);
        let folder = Config::types_folder(sources, &read_file).map_err(Failure::Config)?;
        let registry = Arc::new(match folder {
            None => Registry::embedded().map_err(|e| Failure::Failed(e.into()))?,
            Some((folder, origin)) => Registry::with_folder(&folder)
                .map_err(|e| wrong(ConfigError::new("types.folder", origin, e.to_string())))?,
        });
        let types = registry.types().map(|t| (t.name.clone(), t.policy.consent)).collect();
        let config = Config::load(sources, &types, &read_file).map_err(Failure::Config)?;
        Ok(Self { config, registry, types })
    }

    /// Reads the configuration and checks that nothing is missing for `purpose`.
    ///
    /// # Errors
    /// Everything that is wrong or missing.
    pub fn for_purpose(global: &Global, purpose: Purpose) -> Result<Self, Failure> {
        Self::read(global)?.complete_for(purpose)
    }

    /// Checks that nothing is missing for `purpose`.
    ///
    /// # Errors
    /// Everything that is missing.
    pub fn complete_for(self, purpose: Purpose) -> Result<Self, Failure> {
        self.config.check_for(purpose, &self.types).map_err(Failure::Config)?;
        if matches!(purpose, Purpose::Up | Purpose::Worker) {
            crate::start::check_templates(&self)?;
        }
        Ok(self)
    }
}

/// The command line's configuration file and the process's environment, as text.
fn sources(global: &Global) -> Result<Sources, Failure> {
    let wrong = |error| Failure::Config(vec![error]);
    let env = environment().map_err(wrong)?;
    Sources::read(named(global, &env).as_deref(), env).map_err(wrong)
}

/// The configuration file that somebody named.
pub(crate) fn named(global: &Global, env: &BTreeMap<String, String>) -> Option<PathBuf> {
    // Compose files pass `ULAK_CONFIG=` where nothing is set.
    let variable = env.get(FILE_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    global.config.clone().or(variable)
}

/// The environment as text. Variables of others may be anything; ours must be UTF-8.
pub(crate) fn environment() -> Result<BTreeMap<String, String>, ConfigError> {
    let mut env = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => drop(env.insert(name, value)),
            Err(_) if name.starts_with("ULAK_") => {
                let origin = crate::config::Origin::Env(name.clone());
                return Err(ConfigError::new(name, origin, "is not UTF-8; use text"));
            }
            Err(_) => {}
        }
    }
    Ok(env)
}

/// The runtime of commands that talk to anybody.
///
/// # Errors
/// The system gives no threads.
pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Prints one line on standard output.
///
/// # Errors
/// Nobody reads it any more, or the disk behind it is full.
pub fn say(line: impl std::fmt::Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// One line on standard error; if nobody reads it, so be it.
fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
