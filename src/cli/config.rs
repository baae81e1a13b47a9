//! `ulak config …`

use clap::{Args, Subcommand, ValueEnum};

use crate::config::Purpose;

pub(super) const EXAMPLES: &str = "\
Examples:
  ulak config check                        is everything there that worker and scheduler need?
  ulak --config ulak.toml config check --for publish
  ulak config show                         every value with its origin, secrets masked
  ulak config show --json | jq -r 'select(.origin != \"default\") | .key'";

/// `ulak config …`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// List everything that is wrong or missing; exit code 64 if there is anything
    Check(CheckArgs),
    /// Print every value and where it came from; secrets are never shown
    Show,
}

/// `ulak config check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Check what this command needs [default: worker and scheduler]
    #[arg(long = "for", value_name = "COMMAND")]
    pub purpose: Option<For>,
}

/// A command with needs of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum For {
    /// `ulak worker`
    Worker,
    /// `ulak scheduler`
    Scheduler,
    /// `ulak publish`
    Publish,
    /// `ulak migrate`
    Migrate,
    /// `ulak log`
    Log,
    /// `ulak dead-letter`
    DeadLetter,
}

impl For {
    /// What that command needs of the configuration.
    pub fn purpose(self) -> Purpose {
        match self {
            Self::Worker => Purpose::Worker,
            Self::Scheduler => Purpose::Scheduler,
            Self::Publish => Purpose::Publish,
            Self::Migrate => Purpose::Migrate,
            Self::Log | Self::DeadLetter => Purpose::Records,
        }
    }
}
