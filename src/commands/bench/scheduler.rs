//! The scheduler that is measured: a process of its own, as an installation has it.

use std::time::Duration;

use anyhow::Context as _;
use ledger::Ledger;

use super::super::demo::process::Process;
use super::place::{APPLICATION, Own, Place, is_a_server};
use super::usage::{Pid, Server};

/// What it says when it is at work.
const READY: &str = "releasing what is due";

/// It, running; killed when this is dropped.
pub struct Scheduler {
    process: Process,
    pid: Pid,
    server: Option<Server>,
    ledger: Ledger,
    at_work_mib: Option<f64>,
}

/// Processor time up to an instant.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    scheduler: Option<Duration>,
    postgres: Option<Duration>,
}

/// Processor time between two instants, for each of so many rows, microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Each {
    /// The scheduler's.
    pub scheduler_us: Option<f64>,
    /// That of all of PostgreSQL's processes but those that serve this command.
    pub postgres_us: Option<f64>,
}

impl Scheduler {
    /// Starts it and waits until it is at work.
    ///
    /// # Errors
    /// It does not start; its last line.
    pub async fn start(place: &Place, own: &Own) -> anyhow::Result<Self> {
        let mut process = Process::start(&place.configure(own)?, "scheduler", &["scheduler"])?;
        process.line(READY).await?;
        let pid = Pid(process.id().context("the scheduler has ended")?);
        let server = if is_a_server(&own.ledger) && place.is_local() {
            let backends = own.ledger.bench_backends(APPLICATION_OF_SCHEDULER).await?;
            backends.first().and_then(|backend| Server::of_backend(*backend))
        } else {
            None
        };
        Ok(Self { process, pid, server, ledger: own.ledger.clone(), at_work_mib: None })
    }

    /// An error with its last line if it has ended.
    ///
    /// # Errors
    /// It has.
    pub fn still_runs(&mut self) -> anyhow::Result<()> {
        self.process.still_runs()
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// It is in the midst of its work: the memory that it has now is what it needs, and must not become more.
    pub fn is_at_work(&mut self) {
        self.at_work_mib = self.pid.rss_mib();
    }

    /// How much more memory it has now than when it was at work, MiB.
    pub fn growth_mib(&self) -> Option<f64> {
        Some((self.pid.rss_mib()? - self.at_work_mib?).max(0.0))
    }

    /// What was spent so far.
    ///
    /// # Errors
    /// The ledger does not answer.
    pub async fn spent(&self) -> anyhow::Result<Spent> {
        let postgres = match self.server {
            Some(server) => server.cpu(&self.ledger.bench_backends(APPLICATION).await?),
            None => None,
        };
        Ok(Spent { scheduler: self.pid.cpu(), postgres })
    }

    /// Asks it to stop and waits.
    ///
    /// # Errors
    /// It did not end well.
    pub async fn end(self) -> anyhow::Result<()> {
        anyhow::ensure!(self.process.end().await?, "the scheduler did not end well");
        Ok(())
    }
}

/// As PostgreSQL shows the scheduler's connections.
const APPLICATION_OF_SCHEDULER: &str = "ulak scheduler";

impl Spent {
    /// What each of `rows` cost until `later`.
    pub fn each(&self, later: &Self, rows: usize) -> Each {
        let each = |from: Option<Duration>, to: Option<Duration>| {
            Some(super::line::micros(to?.saturating_sub(from?)) / rows.max(1) as f64)
        };
        Each {
            scheduler_us: each(self.scheduler, later.scheduler),
            postgres_us: each(self.postgres, later.postgres),
        }
    }
}
