//! `backlog`: many events wait in the queues, and a worker's memory must neither depend on that nor grow, also while the provider hangs.

use std::time::{Duration, Instant};

use serde_json::json;

use super::feed;
use super::installation::{Installation, Told};
use super::line::Line;
use super::place::Place;
use super::stages::Sums;
use super::throughput::{per_s, waits};
use super::usage::Pid;
use crate::cli::bench::BenchArgs;

/// How long the provider hangs, and how often memory is looked at meanwhile.
const HANGS: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Growth is counted from here on: before, caches fill and connections are made.
const FROM: f64 = 0.2;
/// The promises (DESIGN §6, issue 7). Memory that grows by less than an eighth of what is allowed is called flat.
const MOST_RSS_MIB: f64 = 64.0;
const FLAT_MIB: f64 = 8.0;

/// Measures: first with a provider that hangs, then the same events again with one that answers.
///
/// # Errors
/// Events are not sent.
pub async fn measure(args: &BenchArgs, place: &mut Place) -> anyhow::Result<Line> {
    let bus = place.bus().await?;
    let hanging = hanging(args, place, &bus).await?;
    bus.close().await;
    let mut installation = Installation::prepare(place, &Told::by(args, "backlog")).await?;
    let (before, began_ms) = (installation.used().await?, feed::now_ms());
    installation.start_workers(1).await?;
    let mut memory = Memory::default();
    let wanted = u64::from(args.waiting);
    let look = |of: &Installation, accepted: u64| {
        let now = of.workers().first().copied().and_then(Pid::rss_mib);
        memory.note(accepted as f64 / wanted as f64, now);
    };
    installation.until_accepted(wanted, look).await?;
    installation.until_settled().await?;
    let after = installation.used().await?;
    let (stages, peak) = (installation.stages().await?, installation.rss_peak_mib());
    let accepted = installation.outside.accepted().await?;
    installation.end().await?;
    feed::purge(place.broker()?, &place.queues()?).await?;
    let line =
        Line::of("backlog").count("messages", accepted.len()).number("per_s", per_s(&accepted));
    let line = before.each(&after, accepted.len(), waits(began_ms, &accepted, line));
    let line = line
        .known("rss_peak_mib", peak)
        .known("rss_growth_mib", memory.growth())
        .known("rss_peak_hanging_mib", hanging.peak)
        .known("rss_growth_hanging_mib", hanging.growth())
        .each("stages_us", &Sums::default().means_us(&stages));
    let most = [
        ("rss_peak_mib", MOST_RSS_MIB),
        ("rss_growth_mib", FLAT_MIB),
        ("rss_peak_hanging_mib", MOST_RSS_MIB),
        ("rss_growth_hanging_mib", FLAT_MIB),
    ];
    Ok(most.into_iter().fold(line, |line, (field, most)| match line.value(field) {
        Some(mib) => line.goal(format!("{field} <= {most}"), mib <= most),
        None => line,
    }))
}

/// The memory of a worker whose requests are never answered. What it held comes back to the queues.
async fn hanging(args: &BenchArgs, place: &mut Place, bus: &bus::Bus) -> anyhow::Result<Memory> {
    let fault = json!({ "kind": "hang", "accept": false, "seconds": 600 });
    let told = Told { fault: Some(fault), ..Told::by(args, "hanging") };
    let mut installation = Installation::prepare(place, &told).await?;
    let now = installation.own.ledger.clock().now();
    feed::fill(bus, (0, args.waiting), now).await?;
    installation.start_workers(1).await?;
    let worker = installation.workers().first().copied();
    let mut memory = Memory::default();
    let began = Instant::now();
    while began.elapsed() < HANGS {
        let done = began.elapsed().as_secs_f64() / HANGS.as_secs_f64();
        memory.note(done, worker.and_then(Pid::rss_mib));
        installation.still_runs()?;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let sends = installation.outside.counted().await?.sends;
    anyhow::ensure!(sends > 0, "nothing was sent to the provider that hangs");
    memory.peak = installation.rss_peak_mib();
    Ok(memory)
}

/// Memory over time.
#[derive(Debug, Default)]
struct Memory {
    /// The first since [`FROM`], and the most.
    range: Option<(f64, f64)>,
    /// The most ever.
    peak: Option<f64>,
}

impl Memory {
    /// `done`: how much of everything is behind it.
    fn note(&mut self, done: f64, now_mib: Option<f64>) {
        let Some(now) = now_mib.filter(|_| done >= FROM) else { return };
        let (first, most) = self.range.unwrap_or((now, now));
        self.range = Some((first, most.max(now)));
    }

    /// How much more it became than it was at [`FROM`].
    fn growth(&self) -> Option<f64> {
        self.range.map(|(first, most)| most - first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_counts_from_a_fifth_on() {
        let mut memory = Memory::default();
        for (done, mib) in [(0.0, 5.0), (0.19, 30.0), (0.2, 40.0), (0.5, 43.0), (1.0, 41.0)] {
            memory.note(done, Some(mib));
        }
        assert_eq!(memory.growth(), Some(3.0));
        memory.note(1.0, None);
        assert_eq!(memory.growth(), Some(3.0));
        assert_eq!(Memory::default().growth(), None);
    }
}
