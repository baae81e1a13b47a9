//! `ulak config …`

use clap::{Args, Subcommand, ValueEnum};

use crate::config::Purpose;

pub(super) const EXAMPLES: &str = "\
Examples:
  ulak config check                        is everything there that the processes for this database need?
  ulak --config ulak.toml config check --for publish
  ulak config show                         every value with its origin, secrets masked
  ulak config show --manual                every key, its default and its meaning
  ulak config show --json | jq -r 'select(.origin != \"default\") | .key'";

/// `ulak config …`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// List everything that is wrong or missing; exit code 64 if there is anything
    Check(CheckArgs),
    /// Print every value and where it came from; secrets are never shown
    Show(ShowArgs),
}

/// `ulak config show`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Print the manual instead: every key with its default and its meaning, as TOML
    #[arg(long, conflicts_with = "json")]
    pub manual: bool,
}

/// `ulak config check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Check what this command needs [default: up with a SQLite file; worker and scheduler with PostgreSQL]
    #[arg(long = "for", value_name = "COMMAND")]
    pub purpose: Option<For>,
}

/// A command with needs of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum For {
    /// `ulak up`
    Up,
    /// `ulak worker`
    Worker,
    /// `ulak scheduler`
    Scheduler,
    /// `ulak gateway`
    Gateway,
    /// `ulak publish`
    Publish,
    /// `ulak migrate`
    Migrate,
    /// `ulak log`
    Log,
    /// `ulak dead-letter`
    DeadLetter,
    /// `ulak token`
    Token,
}

impl For {
    /// What that command needs of the configuration.
    pub fn purpose(self) -> Purpose {
        match self {
            Self::Up => Purpose::Up,
            Self::Worker => Purpose::Worker,
            Self::Scheduler => Purpose::Scheduler,
            Self::Gateway => Purpose::Gateway,
            Self::Publish => Purpose::Publish,
            Self::Migrate => Purpose::Migrate,
            Self::Log | Self::DeadLetter | Self::Token => Purpose::Records,
        }
    }
}
