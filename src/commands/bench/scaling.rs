//! `scaling`: the same number of events for each worker, for one, two and four workers, at a provider that takes 200 ms. How much more
//! four send than one does.

use serde_json::json;

use super::feed;
use super::installation::{Installation, Told};
use super::line::Line;
use super::place::Place;
use super::throughput::{SLOW_MS, middle_per_s};
use crate::cli::bench::BenchArgs;

/// Numbers of workers, each with a name for its files and for its rate.
const WORKERS: [(u32, &str, &str); 3] = [
    (1, "scaling_1", "per_s_of_1"),
    (2, "scaling_2", "per_s_of_2"),
    (4, "scaling_4", "per_s_of_4"),
];
/// Messages that one worker works on at a time: few enough that the provider's time bounds four of them, not this machine's.
const IN_FLIGHT: u32 = 16;
/// Events for each worker at most: some fifteen seconds of work.
const EVENTS: u32 = 1_200;
/// The promise (issue 9): of four times as much.
const LEAST: f64 = 0.9;

/// Measures.
///
/// # Errors
/// Events are not sent.
pub async fn measure(args: &BenchArgs, place: &mut Place) -> anyhow::Result<Line> {
    let mut line = Line::of("scaling")
        .number("provider_ms", SLOW_MS)
        .count("in_flight_each", IN_FLIGHT as usize);
    let (mut one, mut of_linear) = (0.0, 0.0);
    for (workers, name, field) in WORKERS {
        let per_s = rate(args, place, workers, name).await?;
        line = line.number(field, per_s);
        if workers == 1 {
            one = per_s;
        }
        of_linear = per_s / (one * f64::from(workers)).max(1.0);
    }
    Ok(line
        .number("of_linear", of_linear)
        .goal(format!("of_linear >= {LEAST}"), of_linear >= LEAST))
}

/// Messages a second of so many workers, how it begins and ends left out.
async fn rate(
    args: &BenchArgs,
    place: &mut Place,
    workers: u32,
    name: &'static str,
) -> anyhow::Result<f64> {
    let fault = json!({ "kind": "slow", "ms": SLOW_MS as u64 });
    // half of it from each of the two queues, so that none is handed more than it works on
    let prefetch = (IN_FLIGHT / 2) as u16;
    let told = Told { fault: Some(fault), in_flight: IN_FLIGHT, prefetch, ..Told::by(args, name) };
    let mut installation = Installation::prepare(place, &told).await?;
    let bus = place.bus().await?;
    let all = workers * args.messages.min(EVENTS);
    feed::fill(&bus, (0, all), installation.own.ledger.clock().now()).await?;
    bus.close().await;
    installation.start_workers(workers as usize).await?;
    installation.until_accepted(u64::from(all), |_, _| ()).await?;
    installation.until_settled().await?;
    let accepted = installation.outside.accepted().await?;
    installation.end().await?;
    feed::purge(place.broker()?, &place.queues()?).await?;
    Ok(middle_per_s(&accepted))
}
