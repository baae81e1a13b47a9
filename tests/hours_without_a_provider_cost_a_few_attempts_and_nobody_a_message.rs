//! A provider is down for hours while a clinic goes on publishing: everything waits on the closed lane, another clinic's messages
//! go out as before, and when the provider is back everything goes, each once, and no faster than the account's cap.
//!
//! 5,000 wait in CI; `ULAK_OUTAGE_MESSAGES=100000` makes them 100,000. No fewer: the test must not shrink.

use std::time::{Duration, Instant};

use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::load::events;
use crate::harness::outage::{fullest, passed_by};
use crate::harness::{Installation, Options, receipt};

const LANE: &str = "netgsm/default/KLINIK";
const LEAST: usize = 5_000;
const WORKERS: usize = 2;
/// Messages that one worker has in flight at most.
const IN_FLIGHT: usize = 64;
/// Messages of the other clinic that are timed in each phase.
const TIMED: usize = 60;
/// The cap is looked at over so long: a request that this busy machine held up behind its place comes together with those behind it, and
/// what a second of the simulator's has then says nothing of when they left.
const SPAN: Duration = Duration::from_secs(10);
/// Nobody is held up for longer than this; two workers that each took the whole cap would send twice as much.
const HELD_UP_S: usize = 2;
/// Fewer would be measured by the noise of a machine that does other things too.
const SLOWEST_ANYWAY_MS: i64 = 150;

fn size() -> usize {
    let asked = std::env::var("ULAK_OUTAGE_MESSAGES").ok();
    let asked = asked.map_or(LEAST, |n| n.parse().expect("ULAK_OUTAGE_MESSAGES is a number"));
    assert!((LEAST..=100_000).contains(&asked), "ULAK_OUTAGE_MESSAGES is 5000 to 100000");
    asked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "what was measured")]
async fn hours_without_a_provider_cost_a_few_attempts_and_nobody_a_message() {
    let (waiting, began) = (size(), Instant::now());
    let cap = (waiting / 20).min(500);
    // Alone: latencies are compared.
    let options = Options { alone: true, workers: WORKERS, ..Options::default() }
        .set("ULAK_PROVIDERS__NETGSM__MAX_PER_S", cap)
        .set("ULAK_PROVIDERS__NETGSM__ACCOUNTS__OTHER__MAX_PER_S", 1_000)
        .set("ULAK_TEST_CLOCK", 1)
        .set("ULAK_LOG__LEVEL", "info");
    let mut clinic = Installation::start(options).await;
    let warm = receipt("warm");
    clinic.publish(&warm).await;
    clinic.until_state(&warm, "accepted", "").await;
    clinic.latency_of_others("warm-up", 10).await;
    let before = clinic.latency_of_others("before", TIMED).await;

    let down = FaultKind::Http { status: 503 };
    let down = Fault::new(Provider::Netgsm, Operation::Any, down).account("8501234567");
    clinic.outside.add_fault(down).expect("a fault");
    let events = events(waiting);
    clinic.publish_all(&events).await;
    let wait = format!("SELECT count(*) FROM open WHERE lane = '{LANE}' AND state = 'waiting'");
    clinic.until_number("rows on the closed lane", &wait, waiting as i64).await;
    let filled = began.elapsed();
    let alert = clinic.alert("lane-closed").await;
    assert_eq!(alert["lane"], LANE, "{alert}");

    let burnt = clinic.attempts_on_our_lane().await - 1;
    let hours = clinic.four_hours().await;
    let during = clinic.latency_of_others("during", TIMED).await;
    let memory = clinic.memory();
    assert_eq!(clinic.number(&wait).await, waiting as i64, "all of them wait");
    assert_eq!(clinic.attempts_on_our_lane().await - 1, burnt, "hours cost no attempt");

    // The provider is back; a minute later at the latest somebody has seen it.
    clinic.outside.clear_faults();
    clinic.clock_is_ahead(hours + Duration::from_secs(61)).await;
    let back = Instant::now();
    clinic.until_sent((1 + 10 + 2 * TIMED + waiting / 10) as u64).await;
    let ways = clinic.ways_of_others("recovery", TIMED).await;
    let left = (waiting + 1).saturating_sub(clinic.accepted_of_ours());
    let all = 1 + 10 + 3 * TIMED + waiting;
    clinic.until_sent(all as u64).await;
    let recovered = back.elapsed();
    clinic
        .until("nothing is open", async || {
            (clinic.number("SELECT count(*) FROM open").await == 0).then_some(())
        })
        .await;

    assert_eq!(clinic.outside.accepted(), all as u64, "each once");
    clinic.nobody_twice();
    let messages = clinic.outside.messages();
    let fullest = fullest(&messages, "KLINIK", SPAN);
    let passed_by = passed_by(&messages, "KLINIK", &ways);
    let most_passed_by = passed_by.iter().max().copied().unwrap_or_default();
    let books = clinic.balance().await;
    assert_eq!(books["states"]["dead-lettered"], 0, "{books}");
    assert_eq!(books["states"]["accepted"], all, "{books}");
    let attempts = clinic.attempts_on_our_lane().await - 1;
    // what a starved machine was too slow for never left, and says nothing of the provider
    let stale = format!("SELECT count(*) FROM attempt WHERE lane = '{LANE}' AND code = 'stale'");
    let lost = attempts - waiting as i64 - clinic.number(&stale).await;
    let releases = clinic.number("SELECT count(*) FROM record WHERE kind = 'released'").await;
    eprintln!(
        "{waiting} waited {} h; filled in {filled:.1?}, sent in {recovered:.1?} at a cap of {cap}/s, fullest {SPAN:?} {fullest}; \
         {burnt} attempts failed when the lane closed, {lost} in all; {releases} releases; another clinic's messages: before \
         {before:?}, during {during:?}, while it recovers at most {most_passed_by} of the backlog go before one; memory (most, now) MiB: {memory}; {:.1?} in all",
        hours.as_secs() / 3_600,
        began.elapsed(),
    );
    let most = cap * (SPAN.as_secs() as usize + HELD_UP_S);
    assert!(fullest as usize <= most, "{fullest} segments in {SPAN:?}, not {most}");
    // What is in flight when a provider goes away fails, in each worker; nothing else does.
    assert!(burnt <= (2 * WORKERS * IN_FLIGHT) as i64, "{burnt} attempts before the lane closed");
    let in_vain = clinic.in_vain_on_our_lane().await;
    assert!(lost <= burnt + 1, "{lost} attempts in vain, {burnt} when it closed: {in_vain}");
    assert!(releases <= (waiting + waiting / 10) as i64, "{releases} releases of {waiting} rows");
    let bound = (3 * before.median_ms).max(SLOWEST_ANYWAY_MS);
    assert!(
        during.median_ms <= bound,
        "another clinic waits: {before:?} before, {during:?} during"
    );
    assert!(
        left > waiting / 10,
        "{left} were left when the other clinic's had gone: that was no recovery"
    );
    // What stands before another clinic's message is what is outside (in flight, and half a second of the cap unclaimed), never the
    // backlog. As much again may come after it and overtake it. That is counted, not timed: how fast the machine is says nothing.
    let outside = WORKERS * IN_FLIGHT + cap / 2;
    assert!(
        most_passed_by <= 2 * outside,
        "another clinic waits for the backlog: {passed_by:?} of it went before each of its messages, {outside} are outside"
    );
    clinic.finish().await;
}

impl Installation {
    async fn attempts_on_our_lane(&self) -> i64 {
        self.number(&format!("SELECT count(*) FROM attempt WHERE lane = '{LANE}'")).await
    }

    /// What became of those that were not accepted, by code, newest last.
    async fn in_vain_on_our_lane(&self) -> String {
        self.text(&format!(
            "SELECT coalesce(string_agg(code || ' x' || n, ', ' ORDER BY last), '') FROM (SELECT coalesce(code, state) AS code, \
             count(*) AS n, max(started_at) AS last FROM attempt WHERE lane = '{LANE}' AND state <> 'accepted' GROUP BY 1) AS a"
        ))
        .await
    }

    fn accepted_of_ours(&self) -> usize {
        self.outside.messages().iter().filter(|message| message.sender == "KLINIK").count()
    }

    /// Four hours in quarters; in each of them the lane is probed, and stays closed. Returns by how much the clock is ahead.
    async fn four_hours(&self) -> Duration {
        let mut ahead = Duration::ZERO;
        for _ in 0..16 {
            ahead = self.clock_is_ahead_and_probed(LANE, ahead + Duration::from_mins(15)).await;
        }
        ahead
    }

    fn memory(&self) -> String {
        let processes = self.workers.iter().chain(&self.schedulers);
        let all: Vec<_> = processes
            .map(|process| format!("{} {:?}", process.name, process.memory_mib()))
            .collect();
        all.join(", ")
    }
}
