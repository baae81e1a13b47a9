//! `receipts`: events go out at a pace, three times as long: first nothing else happens, then 25,000 receipts of earlier messages come
//! in at once, each a signed callback of its own, then nothing else again. What is told is by how much longer the slowest of a hundred
//! took, and by how much the two times without receipts differ: a machine that others use too makes a difference of its own.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::{StreamExt as _, stream};
use schemas::NotificationId;
use serde_json::Value;

use super::installation::{Installation, Told};
use super::line::{Line, percentile};
use super::place::Place;
use super::settings::{PUBLIC_URL, TWILIO_ACCOUNT, TWILIO_TOKEN};
use super::throughput::WARM_UP;
use super::{events, feed, latency};
use crate::cli::bench::BenchArgs;

/// The promise: unchanged within noise (docs/performance.md).
const MOST_RATIO: f64 = 1.5;
/// Callbacks on their way at a time.
const AT_ONCE: usize = 200;
/// The path that Twilio is told.
const PATH: &str = "/v1/webhooks/twilio/status";
/// When the receipts begin, within the second half.
const AFTER: Duration = Duration::from_secs(1);

/// Measures.
///
/// # Errors
/// Events are not sent, or receipts are not taken.
pub async fn measure(args: &BenchArgs, place: &mut Place) -> anyhow::Result<Line> {
    let told = Told { twilio: true, ..Told::by(args, "receipts") };
    let mut installation = Installation::prepare(place, &told).await?;
    let bus = place.bus().await?;
    installation.warm_up(&bus, WARM_UP).await?;
    let gateway = installation.start_gateway().await?;
    // the messages that the receipts are about
    let earlier = WARM_UP + args.receipts;
    let now = installation.own.ledger.clock().now();
    feed::fill(&bus, (WARM_UP, earlier), now).await?;
    installation.until_accepted(u64::from(earlier), |_, _| ()).await?;
    installation.until_settled().await?;
    installation.own.tidy().await?;
    let ids = installation.outside.ids().await?;
    let callback = |n: u32| {
        let sid = ids.get(&events::number(n)).context("a message without an id")?;
        Callback::of(n, sid, now)
    };
    let callbacks: Vec<Callback> =
        (WARM_UP..earlier).map(callback).collect::<anyhow::Result<_>>()?;
    let each = args.per_second.saturating_mul(args.seconds);
    let [middle, after, end] = [1, 2, 3].map(|times| earlier + times * each);
    let before = feed::at_a_pace(&bus, (earlier, middle), args.per_second, now).await?;
    installation.until_accepted(u64::from(middle), |_, _| ()).await?;
    installation.until_settled().await?;
    let (busy, taken) = tokio::join!(
        feed::at_a_pace(&bus, (middle, after), args.per_second, now),
        post(&gateway, &callbacks)
    );
    let (busy, taken) = (busy?, taken?);
    installation.until_accepted(u64::from(after), |_, _| ()).await?;
    installation.until_settled().await?;
    let again = feed::at_a_pace(&bus, (after, end), args.per_second, now).await?;
    installation.until_accepted(u64::from(end), |_, _| ()).await?;
    installation.until_settled().await?;
    bus.close().await;
    let accepted = installation.outside.accepted().await?;
    let delivered = delivered(&installation).await?;
    installation.end().await?;
    feed::purge(place.broker()?, &place.queues()?).await?;
    anyhow::ensure!(
        delivered == u64::from(args.receipts),
        "{delivered} of {} messages are delivered",
        args.receipts
    );
    let with = latency::took_from(&busy, middle, &accepted);
    let without = [(&before, earlier), (&again, after)]
        .map(|(sent, first)| latency::took_from(sent, first, &accepted));
    let line = Line::of("receipts")
        .count("messages", with.len() + without.iter().map(Vec::len).sum::<usize>())
        .number("per_s", f64::from(args.per_second))
        .count("receipts", callbacks.len())
        .number("receipts_per_s", callbacks.len() as f64 / taken.as_secs_f64());
    Ok(compared(line, &with, &without))
}

/// With receipts beside without. The slower of the two times without is what the machine does by itself.
fn compared(line: Line, with: &[f64], without: &[Vec<f64>; 2]) -> Line {
    let p99 = |took: &[f64]| percentile(took, 0.99);
    let (one, other) = (p99(&without[0]), p99(&without[1]));
    let slower = one.max(other).max(1.0);
    let ratio = p99(with) / slower;
    line.number("p50_ms", percentile(with, 0.5))
        .number("p99_ms", p99(with))
        .number("p50_without_ms", percentile(&without[0], 0.5))
        .number("p99_without_ms", one)
        .number("p99_without_after_ms", other)
        .number("noise_ratio", slower / one.min(other).max(1.0))
        .number("p99_ratio", ratio)
        .goal(format!("p99_ratio <= {MOST_RATIO}"), ratio <= MOST_RATIO)
}

/// A signed callback.
struct Callback {
    path: String,
    body: String,
    signature: String,
}

impl Callback {
    fn of(n: u32, sid: &str, now: chrono::DateTime<chrono::Utc>) -> anyhow::Result<Self> {
        let event: Value = serde_json::from_slice(&events::event(n, now).body)?;
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        let ntf = NotificationId::of_event(text("source"), text("id"));
        let path = format!("{PATH}?m={ntf}-1");
        let form = [
            ("MessageSid", sid),
            ("MessageStatus", "delivered"),
            ("AccountSid", TWILIO_ACCOUNT),
            ("From", "KLINIK"),
            ("ApiVersion", "2010-04-01"),
        ];
        let signed = format!("{PUBLIC_URL}{path}");
        let signature = simulator::outside::signature(TWILIO_TOKEN, &signed, &form);
        let fields: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let signature = signature.context("no signature")?;
        Ok(Self { path, body: fields.join("&"), signature })
    }
}

/// Posts all of them; how long it took.
async fn post(gateway: &str, callbacks: &[Callback]) -> anyhow::Result<Duration> {
    tokio::time::sleep(AFTER).await;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let began = Instant::now();
    let mut posts = stream::iter(callbacks)
        .map(|callback| {
            let post = client.post(format!("http://{gateway}{}", callback.path));
            let post = post.header("content-type", "application/x-www-form-urlencoded");
            let post = post.header("x-twilio-signature", &callback.signature);
            post.body(callback.body.clone()).send()
        })
        .buffer_unordered(AT_ONCE);
    while let Some(answer) = posts.next().await {
        let status = answer.context("the gateway")?.status();
        anyhow::ensure!(status.is_success(), "the gateway answered a receipt with {status}");
    }
    Ok(began.elapsed())
}

/// Messages that are delivered, as the books have them.
async fn delivered(installation: &Installation) -> anyhow::Result<u64> {
    let balance = installation.own.ledger.balance(None).await?;
    let of = balance.states.iter().find(|(state, _)| state.as_str() == "delivered");
    Ok(of.map_or(0, |(_, n)| u64::try_from(*n).unwrap_or(0)))
}
