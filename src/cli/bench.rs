//! `ulak bench`.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  scripts/bench throughput floor           on a private RabbitMQ and PostgreSQL that are gone afterwards
  scripts/bench schedule                   everything about time
  bench/compare                            beside what others would write instead, in one run
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
    /// What is measured; `schedule` is all that begin with it, `all` is everything
    #[arg(required = true, value_name = "SCENARIO")]
    pub scenarios: Vec<Scenario>,
    /// A server of PostgreSQL on which this user may make databases, or `sqlite://` for schedule-tick and search [default: database.url]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// RabbitMQ, a vhost that nobody uses [default: broker.url]
    #[arg(long, value_name = "URL")]
    pub broker: Option<String>,
    /// Planned rows; the tick is compared with a hundredth of them. For search: notifications that are searched
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(ROWS))]
    pub rows: u32,
    /// Rows due at the same instant, for schedule-release
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(ROWS))]
    pub due: u32,
    /// Rows due a second for schedule-lateness, events a second for latency and receipts
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub per_second: u32,
    /// How long schedule-lateness, schedule-idle, latency, shared-cap and each third of receipts take
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub seconds: u32,
    /// Events that lie in the queues before throughput, floor and slow-provider begin
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(ROWS))]
    pub messages: u32,
    /// Events that lie in the queues before backlog begins
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(ROWS))]
    pub waiting: u32,
    /// Receipts that come in at once in receipts, each of a message of its own
    #[arg(long, value_name = "N", default_value_t = 25_000, value_parser = clap::value_parser!(u32).range(ROWS))]
    pub receipts: u32,
    /// worker.in_flight of the workers
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub in_flight: u32,
    /// worker.prefetch of the workers, for each of the two queues
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u16).range(1..))]
    pub prefetch: u16,
    /// Whether İYS's limits (10 requests a second) are kept by the workers and enforced by the simulator
    #[arg(long, value_name = "WHEN", default_value = "off")]
    pub iys_limits: Switch,
    /// Without a scheduler beside the workers, where nothing depends on one
    #[arg(long)]
    pub no_scheduler: bool,
    /// Keep what the processes logged and were told, in this folder, which is made
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,
    /// Where the bare consumer posts to
    #[arg(long, value_name = "URL", hide = true)]
    pub outside: Option<String>,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Everything below
    All,
    /// How fast events that wait in the queues reach the provider
    Throughput,
    /// How long an event takes from the broker to the provider, at a pace
    Latency,
    /// How much of what the in-flight limit allows is reached while the provider takes 200 ms
    SlowProvider,
    /// A worker's memory with many events waiting, and while the provider hangs
    Backlog,
    /// How much of a cap that four workers share is used, and whether it is crossed
    SharedCap,
    /// How much more two and four workers send than one at a provider that takes 200 ms
    Scaling,
    /// How long an event takes from the broker to the provider while 25,000 receipts come in at once, beside how long it takes without
    Receipts,
    /// How long the first page of each kind of search takes among as many notifications as --rows says, and the books of a day and a month
    Search,
    /// The raw limit: consume, one POST, ack, nothing durable
    Floor,
    /// The bare consumer of `floor`: a process of its own
    #[value(hide = true)]
    FloorProcess,
    /// What other programs are measured against (bench/compare)
    #[value(hide = true)]
    StandIn,
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
        use Scenario::{
            All, Schedule, ScheduleIdle, ScheduleLateness, ScheduleRelease, ScheduleTick,
        };
        let of_schedule =
            [ScheduleTick, ScheduleRelease, ScheduleLateness, ScheduleIdle].contains(&scenario);
        self.scenarios.contains(&scenario)
            || self.scenarios.contains(&All)
            || of_schedule && self.scenarios.contains(&Schedule)
    }

    /// Whether any of these is asked for.
    pub fn wants_any_of(&self, scenarios: &[Scenario]) -> bool {
        scenarios.iter().any(|scenario| self.wants(*scenario))
    }

    /// Whether anything needs a scheduler with planned rows.
    pub fn wants_a_scheduler(&self) -> bool {
        use Scenario::{ScheduleIdle, ScheduleLateness, ScheduleRelease};
        self.wants_any_of(&[ScheduleRelease, ScheduleLateness, ScheduleIdle])
    }

    /// Whether anything is about time.
    pub fn wants_the_schedule(&self) -> bool {
        self.wants_a_scheduler() || self.wants(Scenario::ScheduleTick)
    }

    /// Whether anything is about sending.
    pub fn wants_sending(&self) -> bool {
        use Scenario::{
            Backlog, Floor, Latency, Receipts, Scaling, SharedCap, SlowProvider, Throughput,
        };
        let steady = [Throughput, Latency, SlowProvider, Backlog, Floor];
        self.wants_any_of(&steady) || self.wants_any_of(&[SharedCap, Scaling, Receipts])
    }
}
