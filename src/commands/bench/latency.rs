//! `latency`: events are published at a pace, whatever becomes of those before, and each is followed from the instant at which it was to
//! be published to its arrival at the provider. What is slow once therefore shows in all that come meanwhile.

use super::installation::{Installation, Told};
use super::line::Line;
use super::outside::Accepted;
use super::place::Place;
use super::throughput::{WARM_UP, percentiles};
use super::{events, feed};
use crate::cli::bench::BenchArgs;

/// The promise (DESIGN §6), milliseconds; with İYS's limits there is a wait for a place in its second, and its round trip.
const MOST_P99_MS: f64 = 25.0;
const MOST_P99_MS_WITH_LIMITS: f64 = 150.0;

/// Measures.
///
/// # Errors
/// Events are not sent.
pub async fn measure(args: &BenchArgs, place: &mut Place) -> anyhow::Result<Line> {
    let told = Told::by(args, "latency");
    let mut installation = Installation::prepare(place, &told).await?;
    let bus = place.bus().await?;
    installation.warm_up(&bus, WARM_UP).await?;
    let now = installation.own.ledger.clock().now();
    let (before, began) = (installation.used().await?, installation.stages().await?);
    let all = WARM_UP + args.per_second.saturating_mul(args.seconds);
    let intended = feed::at_a_pace(&bus, (WARM_UP, all), args.per_second, now).await?;
    installation.until_accepted(u64::from(all), |_, _| ()).await?;
    installation.until_settled().await?;
    let after = installation.used().await?;
    bus.close().await;
    let (stages, peak) = (installation.stages().await?, installation.rss_peak_mib());
    let took = took(&intended, &installation.outside.accepted().await?);
    installation.end().await?;
    feed::purge(place.broker()?, &place.queues()?).await?;
    let line = Line::of("latency")
        .count("messages", took.len())
        .number("per_s", f64::from(args.per_second));
    let line = percentiles(&took, line).number("max_ms", took.last().copied().unwrap_or(0.0));
    let line = before.each(&after, took.len(), line).known("rss_peak_mib", peak);
    let most = if told.iys_limits { MOST_P99_MS_WITH_LIMITS } else { MOST_P99_MS };
    let p99 = line.value("p99_ms").unwrap_or(f64::MAX);
    Ok(line
        .each("stages_us", &began.means_us(&stages))
        .goal(format!("p99_ms <= {most}"), p99 <= most))
}

/// Milliseconds from the intended instant to the arrival, sorted.
fn took(intended: &[f64], accepted: &[Accepted]) -> Vec<f64> {
    took_from(intended, WARM_UP, accepted)
}

/// The same of the events from `first` on.
pub fn took_from(intended: &[f64], first: u32, accepted: &[Accepted]) -> Vec<f64> {
    let of = |message: &Accepted| {
        let n = events::of_number(message.to)?.checked_sub(first)?;
        let intended = intended.get(n as usize)?;
        // the simulator tells whole milliseconds, the fraction cut off
        Some((message.at_ms - intended).max(0.0))
    };
    let mut took: Vec<f64> = accepted.iter().filter_map(of).collect();
    took.sort_unstable_by(f64::total_cmp);
    took
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_compared_with_its_own_instant_and_the_warming_up_is_left_out() {
        let of = |n: u32, at_ms: f64| Accepted { to: events::number(n), at_ms, segments: 1 };
        let accepted = [of(3, 1.0), of(WARM_UP + 1, 130.0), of(WARM_UP, 105.0)];
        assert_eq!(took(&[100.5, 110.0], &accepted), [4.5, 20.0]);
    }
}
