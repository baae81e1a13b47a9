//! An installation whose sending is measured: simulator, scheduler and workers as processes of their own, each a child of this one, with
//! a ledger of its own.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bus::Bus;
use serde_json::{Value, json};

use super::super::demo::process::Process;
use super::feed;
use super::meters::{Meters, Processes, Used};
use super::outside::Outside;
use super::place::{Own, Place};
use super::settings::Sending;
use super::stages::Sums;
use super::usage::Pid;
use crate::cli::bench::{BenchArgs, Switch};

/// What a worker says when it consumes.
pub const TAKING: &str = "taking messages from all queues";
/// What a scheduler says when it is at work.
const RELEASING: &str = "releasing what is due";
/// What a gateway says once its ledger is there.
const OPEN: &str = "events come in at";
/// How often the simulator is asked how much it has accepted.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long nothing may arrive while something is awaited.
const SILENCE: Duration = Duration::from_mins(1);
/// How long outcomes may take to be recorded once all is sent.
const SETTLES_WITHIN: Duration = Duration::from_mins(1);

/// What is particular to a scenario.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its name, for its files and its database; letters, digits and `_`.
    pub name: &'static str,
    /// `worker.in_flight`.
    pub in_flight: u32,
    /// `worker.prefetch`.
    pub prefetch: u16,
    /// Whether İYS's limits are kept and enforced.
    pub iys_limits: bool,
    /// Segments a second of the Netgsm account, kept by the workers and enforced by the simulator.
    pub cap: Option<u32>,
    /// What befalls the sends, as the simulator's scripts say it.
    pub fault: Option<Value>,
    /// Whether a scheduler runs.
    pub scheduler: bool,
    /// Whether Twilio sends, whose callbacks come through a gateway.
    pub twilio: bool,
}

impl Told {
    /// As the command line says.
    pub fn by(args: &BenchArgs, name: &'static str) -> Self {
        Self {
            name,
            in_flight: args.in_flight,
            prefetch: args.prefetch,
            iys_limits: args.iys_limits == Switch::On,
            cap: None,
            fault: None,
            scheduler: !args.no_scheduler,
            twilio: false,
        }
    }

    /// Messages that a worker can work on at a time: it is handed no more than its prefetch from each queue.
    pub fn at_a_time(&self) -> u32 {
        self.in_flight.min(u32::from(self.prefetch) * super::events::TYPES.len() as u32)
    }

    fn script(&self) -> Value {
        let fault = |fault| json!({ "provider": "netgsm", "operation": "send", "fault": fault });
        let mut faults: Vec<Value> = self.fault.iter().map(fault).collect();
        if self.twilio {
            // what Twilio would tell is told by the benchmark
            faults.push(json!({ "provider": "twilio", "operation": "callback", "fault": { "kind": "down" } }));
        }
        json!({
            "netgsm": {
                "same_number_per_minute": 0,
                "accounts": [{
                    "username": "8501234567", "password": "netgsm-secret", "senders": ["KLINIK"], "iys": true,
                    "brand_code": "100001", "max_segments_per_s": self.cap.unwrap_or(0),
                }],
            },
            "iys": { "limits": { "enabled": self.iys_limits } },
            "faults": faults,
        })
    }
}

/// It. Its processes are killed when it is dropped.
pub struct Installation {
    /// Its ledger.
    pub own: Own,
    /// Provider and İYS.
    pub outside: Outside,
    scheduler: Option<Process>,
    gateway: Option<Process>,
    workers: Vec<Process>,
    config: PathBuf,
    meters: Meters,
}

impl Installation {
    /// Everything but the workers.
    ///
    /// # Errors
    /// Something does not start.
    pub async fn prepare(place: &mut Place, told: &Told) -> anyhow::Result<Self> {
        let own = place.ledger(told.name).await?;
        let folder = place.subfolder(told.name)?;
        let outside = Outside::start(&folder, &told.script()).await?;
        let sending = Sending {
            outside: outside.url(),
            in_flight: told.in_flight,
            prefetch: told.prefetch,
            iys_limits: told.iys_limits,
            cap: told.cap,
            twilio: told.twilio,
        };
        let config = place.configure_sending(&own, &folder, &sending)?;
        let scheduler = if told.scheduler {
            let mut process = Process::start(&config, "scheduler", &["scheduler"])?;
            process.line(RELEASING).await?;
            Some(process)
        } else {
            None
        };
        let meters = Meters::of(place, &own).await?;
        Ok(Self { own, outside, scheduler, gateway: None, workers: vec![], config, meters })
    }

    /// Starts so many workers and waits until each consumes.
    ///
    /// # Errors
    /// One does not start.
    pub async fn start_workers(&mut self, count: usize) -> anyhow::Result<()> {
        for _ in 0..count {
            let name = format!("worker-{}", self.workers.len() + 1);
            self.workers.push(Process::start(&self.config, &name, &["worker"])?);
        }
        for worker in &mut self.workers {
            worker.line(TAKING).await?;
        }
        Ok(())
    }

    /// Starts a gateway; its address.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_gateway(&mut self) -> anyhow::Result<String> {
        let mut gateway = Process::start(&self.config, "gateway", &["gateway"])?;
        let address = address(&mut gateway).await?;
        gateway.line(OPEN).await?;
        self.gateway = Some(gateway);
        Ok(address)
    }

    /// Starts a worker and lets it send the first `events` of all, so that connections, statements and caches are there.
    ///
    /// # Errors
    /// They are not sent.
    pub async fn warm_up(&mut self, bus: &Bus, events: u32) -> anyhow::Result<()> {
        self.start_workers(1).await?;
        feed::fill(bus, (0, events), self.own.ledger.clock().now()).await?;
        self.until_accepted(u64::from(events), |_, _| ()).await?;
        self.until_settled().await
    }

    /// The workers' processes.
    pub fn workers(&self) -> Vec<Pid> {
        self.workers.iter().filter_map(Process::id).map(Pid).collect()
    }

    /// What was used so far.
    ///
    /// # Errors
    /// The ledger does not answer.
    pub async fn used(&self) -> anyhow::Result<Used> {
        let own = self.workers();
        let of = Processes {
            own: &own,
            scheduler: self.scheduler.as_ref().and_then(Process::id).map(Pid),
            simulator: Some(self.outside.pid()),
        };
        self.meters.read(&self.own, of).await
    }

    /// Waits until the simulator has accepted so many messages; `look` is told the count at each look.
    ///
    /// # Errors
    /// No more come, or a process has ended.
    pub async fn until_accepted(
        &mut self,
        wanted: u64,
        mut look: impl FnMut(&Self, u64),
    ) -> anyhow::Result<()> {
        let mut heard = (Instant::now(), 0);
        loop {
            let accepted = self.outside.counted().await?.accepted;
            look(self, accepted);
            if accepted >= wanted {
                return Ok(());
            }
            if accepted > heard.1 {
                heard = (Instant::now(), accepted);
            }
            self.still_runs()?;
            anyhow::ensure!(
                heard.0.elapsed() < SILENCE,
                "{accepted} of {wanted} messages were sent, and then none for {} s",
                SILENCE.as_secs()
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until what was sent is final in the ledger.
    ///
    /// # Errors
    /// It does not become so.
    pub async fn until_settled(&mut self) -> anyhow::Result<()> {
        let give_up = Instant::now() + SETTLES_WITHIN;
        loop {
            let open = self.own.ledger.bench_open().await?;
            if open == 0 {
                return Ok(());
            }
            self.still_runs()?;
            anyhow::ensure!(Instant::now() < give_up, "{open} messages stay open");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// An error if any process has ended.
    ///
    /// # Errors
    /// One has.
    pub fn still_runs(&mut self) -> anyhow::Result<()> {
        self.outside.still_runs()?;
        let mut all = self.workers.iter_mut().chain(&mut self.scheduler).chain(&mut self.gateway);
        all.try_for_each(Process::still_runs)
    }

    /// The most memory that any worker ever held, MiB.
    pub fn rss_peak_mib(&self) -> Option<f64> {
        let peaks: Option<Vec<f64>> = self.workers().into_iter().map(Pid::rss_peak_mib).collect();
        peaks?.into_iter().reduce(f64::max)
    }

    /// Where the first worker's time went so far; empty if it does not say.
    ///
    /// # Errors
    /// Its pages do not answer.
    pub async fn stages(&mut self) -> anyhow::Result<Sums> {
        let worker = self.workers.first_mut().context("no worker")?;
        let listen = address(worker).await?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let answer = client.get(format!("http://{listen}/metrics")).send().await?;
        if !answer.status().is_success() {
            return Ok(Sums::default());
        }
        Ok(Sums::read(&answer.text().await?))
    }

    /// Stops workers and scheduler and waits for them.
    ///
    /// # Errors
    /// One did not end well.
    pub async fn end(self) -> anyhow::Result<()> {
        for process in self.workers.into_iter().chain(self.scheduler).chain(self.gateway) {
            anyhow::ensure!(process.end().await?, "a process did not end well");
        }
        Ok(())
    }
}

/// Where a process serves its pages, as it says itself.
async fn address(process: &mut Process) -> anyhow::Result<String> {
    let line: Value = serde_json::from_str(&process.line("\"listen\"").await?)?;
    let listen = line.pointer("/fields/listen").or_else(|| line.get("listen"));
    Ok(listen.and_then(Value::as_str).context("no address in the log")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> Told {
        Told {
            name: "x",
            in_flight: 256,
            prefetch: 128,
            iys_limits: false,
            cap: Some(50),
            fault: Some(json!({ "kind": "slow", "ms": 200 })),
            scheduler: true,
            twilio: false,
        }
    }

    #[test]
    fn the_script_is_one_that_the_simulator_takes() {
        let text = told().script().to_string();
        let script = simulator::Script::from_json(text.as_bytes()).expect("a script");
        assert!(!script.iys.limits.enabled);
        assert_eq!(script.netgsm.accounts[0].max_segments_per_s, 50);
        assert_eq!(script.faults.len(), 1);
    }

    #[test]
    fn no_more_are_in_flight_than_are_handed_out() {
        assert_eq!(told().at_a_time(), 256);
        assert_eq!(Told { prefetch: 50, ..told() }.at_a_time(), 100);
        assert_eq!(Told { in_flight: 8, ..told() }.at_a_time(), 8);
    }
}
