//! `floor`: the raw limit. Each event is consumed, one request is made, and it is acked; nothing is looked at, nothing durable. With the
//! HTTP client, the prefetch and the number in flight that the worker has, in a process of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use futures::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use providers::Limits;
use schemas::Registry;
use serde_json::json;
use tokio::sync::Semaphore;

use super::super::demo::process::Process;
use super::line::Line;
use super::meters::{Meters, Processes};
use super::outside::Outside;
use super::place::{self, Place};
use super::throughput::{WARM_UP, per_s, waits};
use super::usage::Pid;
use super::{events, feed};
use crate::cli::bench::BenchArgs;
use crate::commands::say;

/// What it says when it consumes.
const TAKING: &str = "taking";
/// How often the simulator is asked, and how long nothing may arrive.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_mins(2);
/// As the worker's limits.
const TOTAL: Duration = Duration::from_secs(20);

/// Measures.
///
/// # Errors
/// Events are not sent.
pub async fn measure(args: &BenchArgs, place: &mut Place) -> anyhow::Result<Line> {
    // nothing is written into it: it is there to look at the server
    let own = place.ledger("floor").await?;
    let folder = place.subfolder("floor")?;
    let script = json!({ "netgsm": { "same_number_per_minute": 0 } });
    let outside = Outside::start(&folder, &script).await?;
    let bus = place.bus().await?;
    let (in_flight, prefetch) = (args.in_flight.to_string(), args.prefetch.to_string());
    #[rustfmt::skip]
    let arguments = [
        "bench", "floor-process", "--broker", place.broker()?, "--outside", outside.url(),
        "--in-flight", &in_flight, "--prefetch", &prefetch,
    ];
    let mut process = Process::start(&folder.join("ulak.toml"), "floor", &arguments)?;
    process.line(TAKING).await?;
    let pid = [Pid(process.id().context("the floor has ended")?)];
    let meters = Meters::of(place, &own).await?;
    let of = Processes { own: &pid, scheduler: None, simulator: Some(outside.pid()) };
    // as the worker of `throughput`: a few events first, then all are there before it goes on
    let now = own.ledger.clock().now();
    feed::fill(&bus, (0, WARM_UP), now).await?;
    until_accepted(&outside, &mut process, WARM_UP).await?;
    pid[0].halts()?;
    let all = WARM_UP + args.messages;
    feed::fill(&bus, (WARM_UP, all), now).await?;
    bus.close().await;
    let (before, began_ms) = (meters.read(&own, of).await?, feed::now_ms());
    pid[0].goes_on()?;
    until_accepted(&outside, &mut process, all).await?;
    let after = meters.read(&own, of).await?;
    let peak = pid[0].rss_peak_mib();
    let accepted = outside.accepted().await?.split_off(WARM_UP as usize);
    drop(process);
    feed::purge(place.broker()?, &place.queues()?).await?;
    let line =
        Line::of("floor").count("messages", accepted.len()).number("per_s", per_s(&accepted));
    let line = before.each(&after, accepted.len(), waits(began_ms, &accepted, line));
    Ok(line.known("rss_peak_mib", peak))
}

async fn until_accepted(
    outside: &Outside,
    process: &mut Process,
    wanted: u32,
) -> anyhow::Result<()> {
    let all = async {
        while outside.counted().await?.accepted < u64::from(wanted) {
            process.still_runs()?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, all).await.context("the floor does not end")?
}

/// Consumes, posts and acks until it is killed.
///
/// # Errors
/// Broker or provider refuse.
pub async fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let broker = args.broker.as_deref().context("--broker is missing")?;
    let outside = args.outside.as_deref().context("--outside is missing")?;
    let limits = Limits { total: TOTAL, connections: args.in_flight as usize, ..Limits::default() };
    let post = Arc::new(Post {
        client: providers::http::client(&limits)?,
        url: format!("{outside}/sms/rest/v2/send"),
        next: AtomicU64::new(0),
    });
    let connection = Connection::connect(broker, ConnectionProperties::default()).await?;
    let places = Arc::new(Semaphore::new(args.in_flight as usize));
    let mut tasks = tokio::task::JoinSet::new();
    for queue in place::queues(&Registry::embedded()?)? {
        let channel = connection.create_channel().await?;
        channel.basic_qos(args.prefetch, BasicQosOptions::default()).await?;
        let options = BasicConsumeOptions::default();
        let consumer = channel.basic_consume(
            queue.as_str().into(),
            "floor".into(),
            options,
            FieldTable::default(),
        );
        let mut consumer = consumer.await?;
        let (post, places) = (Arc::clone(&post), Arc::clone(&places));
        tasks.spawn(async move {
            while let Some(delivery) = consumer.next().await {
                let (delivery, post) = (delivery?, Arc::clone(&post));
                let place = Arc::clone(&places).acquire_owned().await?;
                tokio::spawn(async move {
                    // what was not accepted is missing at the simulator, and the measurement fails
                    let _ = post.one(&delivery).await;
                    drop(place);
                });
            }
            anyhow::Ok(())
        });
    }
    say(TAKING)?;
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

struct Post {
    client: reqwest::Client,
    url: String,
    next: AtomicU64,
}

impl Post {
    async fn one(&self, delivery: &Delivery) -> anyhow::Result<()> {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let to = events::number(u32::try_from(n)?);
        let body = format!(
            r#"{{"msgheader":"KLINIK","encoding":"TR","iysfilter":"0","appname":"ulak","messages":[{{"msg":"Sayın Ayşe, Özel Işık Kliniği randevunuz yarın 14:30. Değişiklik için: 0216 123 45 67","no":"{to}"}}]}}"#
        );
        let request = self.client.post(&self.url).basic_auth("8501234567", Some("netgsm-secret"));
        let answer = request.header("content-type", "application/json").body(body).send().await?;
        answer.error_for_status()?.bytes().await?;
        delivery.ack(BasicAckOptions::default()).await?;
        Ok(())
    }
}
