//! `throughput` and `slow-provider`: events wait in the queues of one worker, and every one of them is sent. Only what it does for each
//! event is in it: it has sent a few before, and is halted (SIGSTOP) until all events are there.

use anyhow::Context as _;
use serde_json::json;

use super::feed;
use super::installation::{Installation, Told};
use super::line::{Line, Lines, percentile};
use super::outside::Accepted;
use super::place::Place;
use crate::cli::bench::BenchArgs;

/// The promises (DESIGN §6).
const LEAST_OF_FLOOR: f64 = 0.6;
const MOST_CPU_US: f64 = 100.0;
const LEAST_OF_IN_FLIGHT: f64 = 0.9;
/// Events that are not counted: connections are made, statements prepared.
pub const WARM_UP: u32 = 200;
/// How long the slow provider takes, milliseconds.
pub const SLOW_MS: f64 = 200.0;

/// `throughput`. Compared with `floor` if that was measured before.
///
/// # Errors
/// Events are not sent.
pub async fn measure(args: &BenchArgs, place: &mut Place, lines: &Lines) -> anyhow::Result<Line> {
    let told = Told::by(args, "throughput");
    let done = all_sent(args, place, &told).await?;
    let line = Line::of("throughput")
        .count("messages", done.accepted.len())
        .number("per_s", per_s(&done.accepted));
    let line = waits(done.began_ms, &done.accepted, line);
    let floor = lines.value("floor", "per_s");
    let of_floor = floor.map(|floor| per_s(&done.accepted) / floor);
    let line = done.costs(line).known("of_floor", of_floor);
    let cpu = ["cpu_us_per_message", "postgres_cpu_us_per_message"];
    let line = cpu.into_iter().fold(line, |line, field| match line.value(field) {
        Some(us) => line.goal(format!("{field} <= {MOST_CPU_US}"), us <= MOST_CPU_US),
        None => line,
    });
    // the floor asks nobody for consent
    Ok(match of_floor {
        Some(of) if !told.iys_limits => {
            line.goal(format!("of_floor >= {LEAST_OF_FLOOR}"), of >= LEAST_OF_FLOOR)
        }
        _ => line,
    })
}

/// `slow-provider`.
///
/// # Errors
/// Events are not sent.
pub async fn measure_slow(args: &BenchArgs, place: &mut Place) -> anyhow::Result<Line> {
    let fault = json!({ "kind": "slow", "ms": SLOW_MS as u64 });
    let told = Told { fault: Some(fault), ..Told::by(args, "slow_provider") };
    let done = all_sent(args, place, &told).await?;
    let most = f64::from(told.at_a_time()) / (SLOW_MS / 1_000.0);
    // how it begins and ends is not how it goes
    let per_s = middle_per_s(&done.accepted);
    let of_most = per_s / most;
    let line = Line::of("slow-provider")
        .count("messages", done.accepted.len())
        .number("per_s", per_s)
        .count("in_flight", told.at_a_time() as usize)
        .number("provider_ms", SLOW_MS)
        .number("of_in_flight", of_most);
    let line = waits(done.began_ms, &done.accepted, line);
    let goal = format!("of_in_flight >= {LEAST_OF_IN_FLIGHT}");
    Ok(done.costs(line).goal(goal, of_most >= LEAST_OF_IN_FLIGHT))
}

/// What came of it.
struct Done {
    accepted: Vec<Accepted>,
    began_ms: f64,
    costs: Box<dyn FnOnce(Line) -> Line + Send>,
}

impl Done {
    fn costs(self, line: Line) -> Line {
        (self.costs)(line)
    }
}

async fn all_sent(args: &BenchArgs, place: &mut Place, told: &Told) -> anyhow::Result<Done> {
    let mut installation = Installation::prepare(place, told).await?;
    let bus = place.bus().await?;
    installation.warm_up(&bus, WARM_UP).await?;
    let now = installation.own.ledger.clock().now();
    let worker = installation.workers().first().copied().context("no worker")?;
    let began = installation.stages().await?;
    worker.halts()?;
    let all = WARM_UP + args.messages;
    feed::fill(&bus, (WARM_UP, all), now).await?;
    bus.close().await;
    installation.own.tidy().await?;
    let (before, began_ms) = (installation.used().await?, feed::now_ms());
    worker.goes_on()?;
    installation.until_accepted(u64::from(all), |_, _| ()).await?;
    installation.until_settled().await?;
    let after = installation.used().await?;
    let (stages, peak) = (installation.stages().await?, installation.rss_peak_mib());
    let accepted = installation.outside.accepted().await?.split_off(WARM_UP as usize);
    let messages = accepted.len();
    installation.end().await?;
    feed::purge(place.broker()?, &place.queues()?).await?;
    let costs = move |line: Line| {
        before
            .each(&after, messages, line)
            .known("rss_peak_mib", peak)
            .each("stages_us", &began.means_us(&stages))
    };
    Ok(Done { accepted, began_ms, costs: Box::new(costs) })
}

/// Messages a second from the first to the last.
pub fn per_s(accepted: &[Accepted]) -> f64 {
    let (Some(first), Some(last)) = (accepted.first(), accepted.last()) else { return 0.0 };
    rate(accepted.len() - 1, last.at_ms - first.at_ms)
}

/// Messages a second, the first and the last tenth left out.
pub fn middle_per_s(accepted: &[Accepted]) -> f64 {
    let tenth = accepted.len() / 10;
    per_s(accepted.get(tenth..accepted.len() - tenth).unwrap_or_default())
}

fn rate(messages: usize, ms: f64) -> f64 {
    messages as f64 * 1_000.0 / ms.max(1.0)
}

/// Adds how long after the beginning a message was accepted: of events that all wait from the beginning on, half the total and so on.
pub fn waits(began_ms: f64, accepted: &[Accepted], line: Line) -> Line {
    let mut waited: Vec<f64> =
        accepted.iter().map(|message| (message.at_ms - began_ms).max(0.0)).collect();
    waited.sort_unstable_by(f64::total_cmp);
    percentiles(&waited, line)
}

/// Adds `p50_ms`, `p95_ms`, `p99_ms` of sorted milliseconds.
pub fn percentiles(sorted: &[f64], line: Line) -> Line {
    [("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)]
        .into_iter()
        .fold(line, |line, (name, part)| line.number(name, percentile(sorted, part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(at_ms: &[f64]) -> Vec<Accepted> {
        at_ms.iter().map(|at_ms| Accepted { to: 1, at_ms: *at_ms, segments: 1 }).collect()
    }

    #[test]
    fn a_rate_is_counted_between_the_first_and_the_last() {
        assert!((per_s(&accepted(&[100.0, 110.0, 120.0])) - 100.0).abs() < 1e-9);
        assert!(per_s(&[]).abs() < 1e-9);
        assert!(per_s(&accepted(&[5.0])).abs() < 1e-9);
    }

    #[test]
    fn how_it_begins_and_ends_is_left_out_of_the_middle() {
        // ten a tenth of a second apart, the first and the last one far away
        let mut at: Vec<f64> = (0..10).map(|n| 10_000.0 + f64::from(n) * 100.0).collect();
        at[0] = 0.0;
        at[9] = 99_000.0;
        assert!((middle_per_s(&accepted(&at)) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn waits_count_from_the_beginning() {
        let line = waits(50.0, &accepted(&[40.0, 60.0, 150.0]), Line::of("x"));
        assert_eq!((line.value("p50_ms"), line.value("p99_ms")), (Some(10.0), Some(100.0)));
    }
}
