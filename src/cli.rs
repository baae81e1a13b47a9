//! The command line. One file a group of commands; what they do is in `commands`.

pub mod bench;
pub mod completions;
pub mod config;
pub mod consent;
pub mod dead_letter;
pub mod demo;
pub mod doctor;
pub mod import;
pub mod lane;
pub mod process;
pub mod publish;
pub mod records;
pub mod schedule;
pub mod simulator;
pub mod template;
pub mod token;
pub mod up;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// What stands below every help text.
const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   failed; the last line on stderr says why and what to do
  2   wrong usage
  64  the configuration is wrong or incomplete; one line a key

Settings come from the environment, a file and built-in defaults: `ulak config show`.
Manual: docs/cli.md, src/config/default.toml.";

/// Turns what happens at a clinic into one message in correct Turkish: once, with consent, and with proof.
#[derive(Debug, Parser)]
#[command(name = "ulak", version, after_help = EXIT_CODES, propagate_version = true, infer_long_args = false)]
pub struct Cli {
    /// What every command understands.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Configuration file [default: that of ULAK_CONFIG, else ./ulak.toml if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print for machines: one JSON object a line
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run all of it in one process, for one clinic on one machine; the first start writes a configuration
    Up(up::UpArgs),
    /// Show a whole installation at work, with simulated providers
    Demo(demo::DemoArgs),
    /// Consume notifications and send them
    Worker(process::WorkerArgs),
    /// Release what is due, sweep leases, close and open lanes
    Scheduler(process::SchedulerArgs),
    /// Serve the HTTP door: events in, what became of them out
    Gateway(process::GatewayArgs),
    /// Bring the database to this version and declare the broker's queues
    Migrate(process::MigrateArgs),
    /// Read the delivery log
    #[command(subcommand, after_help = records::LOG_EXAMPLES)]
    Log(records::LogCommand),
    /// See what goes out and when, why it was planned so, and stop what has not gone out
    #[command(subcommand, after_help = schedule::EXAMPLES)]
    Schedule(schedule::ScheduleCommand),
    /// Look after what was refused or given up: list, show, put back, drop
    #[command(subcommand, after_help = dead_letter::EXAMPLES)]
    DeadLetter(dead_letter::DeadLetterCommand),
    /// See how each provider account and sender does; hold one back, let it go again
    #[command(subcommand, after_help = lane::EXAMPLES)]
    Lane(lane::LaneCommand),
    /// Make, list and revoke the tokens of the HTTP door
    #[command(subcommand, after_help = token::EXAMPLES)]
    Token(token::TokenCommand),
    /// Write down what people said about being contacted, and ask what is known of a number
    #[command(subcommand, after_help = consent::EXAMPLES)]
    Consent(consent::ConsentCommand),
    /// Check configuration, broker, database, clock, accounts and texts, and say what to do
    Doctor(doctor::DoctorArgs),
    /// Check the texts, or show an event as its person would read it
    #[command(subcommand, after_help = template::EXAMPLES)]
    Template(template::TemplateCommand),
    /// Check or show the configuration
    #[command(subcommand, after_help = config::EXAMPLES)]
    Config(config::ConfigCommand),
    /// Publish events to RabbitMQ, each confirmed; without a broker into the ledger
    Publish(publish::PublishArgs),
    /// Plan the appointments of a CSV or Excel file; shows what would be done first
    Import(import::ImportArgs),
    /// Serve the twins of the outside services, for demo, tests and benchmark
    Simulator(simulator::SimulatorArgs),
    /// Measure how fast it is, and at what cost, on databases of its own
    Bench(bench::BenchArgs),
    /// Print a script that completes the command line in your shell
    Completions(completions::CompletionsArgs),
}

#[cfg(test)]
mod tests;
