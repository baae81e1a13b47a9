//! `ulak bench`.

use std::ops::RangeInclusive;

use clap::{Args, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  scripts/bench schedule                   on a private RabbitMQ and PostgreSQL that are gone afterwards
  ulak bench schedule --database postgres://… --broker amqp://… --json
  ulak bench schedule-tick --database sqlite:// --rows 100000

Nothing of an installation is touched: the rows are in databases that are made for this and dropped, and a broker whose queues
somebody uses is refused. Numbers mean something on a machine that does nothing else, with a release build.";

/// Most rows of any kind.
const ROWS: RangeInclusive<i64> = 100..=10_000_000;

/// Measure how fast it is, and at what cost
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BenchArgs {
    /// What is measured; `schedule` is all that begin with it
    #[arg(required = true, value_name = "SCENARIO")]
    pub scenarios: Vec<Scenario>,
    /// A server of PostgreSQL on which this user may make databases, or `sqlite://` for schedule-tick [default: database.url]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// RabbitMQ, a vhost that nobody uses [default: broker.url]
    #[arg(long, value_name = "URL")]
    pub broker: Option<String>,
    /// Planned rows; the tick is compared with a hundredth of them
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(ROWS))]
    pub rows: u32,
    /// Rows due at the same instant, for schedule-release
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(ROWS))]
    pub due: u32,
    /// Rows due a second, for schedule-lateness
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub per_second: u32,
    /// How long schedule-lateness and schedule-idle take, each
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub seconds: u32,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// All about time: the four below
    Schedule,
    /// What a look at the ledger costs while nothing is due, with few planned rows and with many
    ScheduleTick,
    /// Rows that are due at the same instant: how many a second reach the broker
    ScheduleRelease,
    /// Rows that are due one after the other: how late each arrives
    ScheduleLateness,
    /// The scheduler's processor time while nothing is due, and its memory
    ScheduleIdle,
}

impl BenchArgs {
    /// Whether it is asked for.
    pub fn wants(&self, scenario: Scenario) -> bool {
        self.scenarios.contains(&scenario) || self.scenarios.contains(&Scenario::Schedule)
    }

    /// Whether anything needs a running scheduler.
    pub fn wants_a_scheduler(&self) -> bool {
        use Scenario::{ScheduleIdle, ScheduleLateness, ScheduleRelease};
        [ScheduleRelease, ScheduleLateness, ScheduleIdle].into_iter().any(|of| self.wants(of))
    }
}
