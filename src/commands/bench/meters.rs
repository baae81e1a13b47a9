//! What all processes of a scenario have used.

use std::time::Duration;

use super::line::{Line, micros};
use super::place::{APPLICATION, Own, Place, is_a_server};
use super::usage::{self, Pid, Server};

/// What is looked at: `None` where it cannot be told.
pub struct Meters {
    server: Option<Server>,
    rabbitmq: Option<Pid>,
}

/// Processor time up to an instant.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    own: Option<Duration>,
    scheduler: Option<Duration>,
    postgres: Option<Duration>,
    rabbitmq: Option<Duration>,
    simulator: Option<Duration>,
    wal_bytes: Option<i64>,
}

/// Whose processor time is counted beside that of the services.
#[derive(Debug, Clone, Copy, Default)]
pub struct Processes<'a> {
    /// Workers, or what stands in for them.
    pub own: &'a [Pid],
    /// The scheduler.
    pub scheduler: Option<Pid>,
    /// The simulator.
    pub simulator: Option<Pid>,
}

impl Meters {
    /// Finds the services' processes.
    ///
    /// # Errors
    /// The ledger does not answer.
    pub async fn of(place: &Place, own: &Own) -> anyhow::Result<Self> {
        let backends = if is_a_server(&own.ledger) && place.is_local() {
            own.ledger.bench_backends(APPLICATION).await?
        } else {
            vec![]
        };
        let server = backends.first().and_then(|backend| Server::of_backend(*backend));
        Ok(Self { server, rabbitmq: place.broker_port().and_then(usage::listener) })
    }

    /// Reads them.
    ///
    /// # Errors
    /// The ledger does not answer.
    pub async fn read(&self, own: &Own, of: Processes<'_>) -> anyhow::Result<Used> {
        let postgres = match self.server {
            Some(server) => server.cpu(&own.ledger.bench_backends(APPLICATION).await?),
            None => None,
        };
        Ok(Used {
            own: of.own.iter().map(|pid| pid.cpu()).sum(),
            scheduler: of.scheduler.and_then(Pid::cpu),
            postgres,
            rabbitmq: self.rabbitmq.and_then(Pid::cpu),
            simulator: of.simulator.and_then(Pid::cpu),
            wal_bytes: own.ledger.bench_wal_bytes().await?,
        })
    }
}

impl Used {
    /// Adds to a line what each of `messages` cost from this instant until `later`.
    pub fn each(&self, later: &Self, messages: usize, line: Line) -> Line {
        let many = messages.max(1) as f64;
        let each = |from: Option<Duration>, to: Option<Duration>| {
            Some(micros(to?.saturating_sub(from?)) / many)
        };
        let wal = self.wal_bytes.zip(later.wal_bytes).map(|(from, to)| (to - from) as f64 / many);
        line.known("cpu_us_per_message", each(self.own, later.own))
            .known("postgres_cpu_us_per_message", each(self.postgres, later.postgres))
            .known("rabbitmq_cpu_us_per_message", each(self.rabbitmq, later.rabbitmq))
            .known("scheduler_cpu_us_per_message", each(self.scheduler, later.scheduler))
            .known("simulator_cpu_us_per_message", each(self.simulator, later.simulator))
            .known("wal_bytes_per_message", wal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out_and_the_rest_is_for_each_message() {
        let at = |ms: u64| Used {
            own: Some(Duration::from_millis(ms)),
            scheduler: None,
            postgres: Some(Duration::from_millis(2 * ms)),
            rabbitmq: None,
            simulator: None,
            wal_bytes: Some(ms as i64 * 10),
        };
        let line = at(100).each(&at(300), 1_000, Line::of("x"));
        assert_eq!(line.value("cpu_us_per_message"), Some(200.0));
        assert_eq!(line.value("postgres_cpu_us_per_message"), Some(400.0));
        assert_eq!(line.value("wal_bytes_per_message"), Some(2.0));
        assert_eq!(line.value("rabbitmq_cpu_us_per_message"), None);
    }
}
