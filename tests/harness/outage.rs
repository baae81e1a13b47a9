//! What outages are measured with: many events at once, a clock that passes hours, the provider's own records of who came when.

use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::DateTime;
use futures::StreamExt as _;
use simulator::MessageView;
use tokio::time::Instant;

use super::clock;
use super::event::{Event, receipt};
use super::installation::Installation;
use super::process::PATIENCE;

/// Publications that wait for their confirm at the same time.
const ABREAST: usize = 100;
/// Of how many events the numbers are looked for in the logs.
const HIDDEN: usize = 500;
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Longest wait for a probe that is due.
const PROBED_WITHIN: Duration = Duration::from_secs(5);
/// Pause between the events whose way is timed.
const EACH: Duration = Duration::from_millis(25);

/// Another clinic's messages, on their way from the broker to the provider.
#[derive(Debug, Clone, Copy)]
pub struct Latency {
    /// Half of them were faster, milliseconds.
    pub median_ms: i64,
}

impl Installation {
    /// Publishes all of these; every one is confirmed when it returns.
    pub async fn publish_all(&self, events: &[Event]) {
        for event in events.iter().take(HIDDEN) {
            self.hide(event.national());
        }
        let published = events.iter().map(|event| self.publisher.event(event));
        futures::stream::iter(published).buffer_unordered(ABREAST).collect::<Vec<()>>().await;
    }

    /// Waits until a number is at least so much, for as long as it grows.
    pub async fn until_number(&self, what: &str, text: &str, least: i64) {
        let (mut last, mut grew_at) = (i64::MIN, Instant::now());
        loop {
            let now = self.number(text).await;
            if now >= least {
                return;
            }
            if now > last {
                (last, grew_at) = (now, Instant::now());
            }
            assert!(grew_at.elapsed() < PATIENCE, "{what}: stands at {now} of {least}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until the provider has accepted so many, for as long as it gets more.
    pub async fn until_sent(&self, count: u64) {
        let (mut last, mut grew_at) = (0, Instant::now());
        while self.outside.accepted() < count {
            if self.outside.accepted() > last {
                (last, grew_at) = (self.outside.accepted(), Instant::now());
            }
            let stands = grew_at.elapsed() >= PATIENCE;
            assert!(
                !stands,
                "{last} of {count} are sent; the ledger has {:?}",
                self.states().await
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Moves the clock of every process (`ULAK_TEST_CLOCK`) to so much after the machine's; nothing may be in flight.
    pub async fn clock_is_ahead(&self, by: Duration) {
        self.run(&format!(
            "INSERT INTO meta (key, value) VALUES ('test-clock', '{}') ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            by.as_millis()
        ))
        .await;
        // whoever sleeps until the next due time has slept by the old clock
        self.run("SELECT pg_notify('ulak_due', '')").await;
    }

    /// Moves the clock so far ahead, and further if need be, until a closed lane was probed again. Returns how far.
    pub async fn clock_is_ahead_and_probed(&self, lane: &str, by: Duration) -> Duration {
        let probed = format!("SELECT probes FROM lane WHERE lane = '{lane}'");
        let (before, mut ahead) = (self.number(&probed).await, by);
        let began = Instant::now();
        loop {
            self.clock_is_ahead(ahead).await;
            let moved = Instant::now();
            while moved.elapsed() < PROBED_WITHIN {
                if self.number(&probed).await > before {
                    return ahead;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
            // one that was under way when the clock was moved has put the next one a minute after the new time
            assert!(began.elapsed() < PATIENCE, "{lane} is not probed any more");
            ahead += Duration::from_secs(61);
        }
    }

    /// Publishes receipts of Beşiktaş, which has an account of its own, and times them: from before the publication until the
    /// provider has accepted them, by the one clock of this machine.
    pub async fn latency_of_others(&self, name: &str, count: usize) -> Latency {
        let ways = self.ways_of_others(name, count).await;
        let mut took: Vec<i64> = ways.iter().map(|way| way.end() - way.start()).collect();
        took.sort_unstable();
        Latency { median_ms: took[count / 2] }
    }

    /// The same; of each when it was published and when it was accepted, milliseconds since 1970 UTC.
    pub async fn ways_of_others(&self, name: &str, count: usize) -> Vec<RangeInclusive<i64>> {
        let mut published = Vec::with_capacity(count);
        for n in 0..count {
            let event = receipt(&format!("{name}-{n}")).of_clinic("besiktas");
            published.push((clock::now_ms(), event.national().to_owned()));
            self.publish(&event).await;
            tokio::time::sleep(EACH).await;
        }
        let mut ways = Vec::with_capacity(count);
        for (at, to) in &published {
            let messages = self.outside.wait_for_to(to, 1, PATIENCE).await;
            assert_eq!(messages.len(), 1, "{name}: one of them was not sent");
            ways.push(*at..=accepted_ms(&messages[0]));
        }
        ways
    }
}

/// How many messages of this sender the provider accepted on each of these ways.
pub fn passed_by(
    messages: &[MessageView],
    sender: &str,
    ways: &[RangeInclusive<i64>],
) -> Vec<usize> {
    let of_sender = messages.iter().filter(|message| message.sender == sender);
    let mut at: Vec<i64> = of_sender.map(accepted_ms).collect();
    at.sort_unstable();
    let before = |ms: i64| at.partition_point(|it| *it < ms);
    ways.iter().map(|way| before(*way.end()).saturating_sub(before(*way.start()))).collect()
}

/// When the provider accepted it, milliseconds since 1970 UTC.
pub fn accepted_ms(message: &MessageView) -> i64 {
    DateTime::parse_from_rfc3339(&message.at).expect("RFC 3339").timestamp_millis()
}

/// The most segments that this sender's messages have in any span so long, wherever it begins.
pub fn fullest(messages: &[MessageView], sender: &str, span: Duration) -> u32 {
    let span_ms = i64::try_from(span.as_millis()).expect("not so long");
    let of_sender = messages.iter().filter(|message| message.sender == sender);
    let mut at: Vec<(i64, u32)> = of_sender.map(|m| (accepted_ms(m), m.segments)).collect();
    at.sort_unstable();
    let (mut first, mut sum, mut most) = (0, 0, 0);
    for (ms, segments) in &at {
        sum += segments;
        while at[first].0 <= ms - span_ms {
            sum -= at[first].1;
            first += 1;
        }
        most = most.max(sum);
    }
    most
}
