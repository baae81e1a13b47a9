//! SIGTERM under load, twenty times: each worker ends with 0, and every event is accepted exactly once; so it is where all workers
//! and schedulers are replaced one after the other, and nobody is alerted. A second SIGTERM, or the end of the drain time, does not wait for what is in
//! flight.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use simulator::{Fault, FaultKind, Operation, Provider};
use tokio::sync::watch;

use crate::harness::installation::SCHEDULER_IS_READY;
use crate::harness::load::{StubbornPublisher, events};
use crate::harness::process::Process;
use crate::harness::{Installation, Options, PATIENCE, reminder, scaled};

const STOPS: usize = 20;
const EVENTS_A_STOP: usize = 100;
/// Of the events of one round, so many are not accepted yet when the worker is stopped.
const LOAD: usize = 60;
/// Events of a rolling restart.
const ROLLING: usize = 1_500;
/// Pause between two of them.
const EACH: Duration = Duration::from_millis(8);

/// How many messages a worker had in flight when it was asked to stop.
fn in_flight(lines: &[String]) -> u64 {
    let parsed = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    parsed.filter_map(|line| line["in_flight"].as_u64()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_stops_under_load_lose_and_double_nothing() {
    let mut clinic = Installation::start(Options { workers: 2, ..Options::default() }).await;
    let slow = Fault::new(Provider::Netgsm, Operation::Send, FaultKind::Slow { ms: 50 });
    clinic.outside.add_fault(slow).expect("a fault");
    let events = events(STOPS * EVENTS_A_STOP);
    clinic.hide_all(&events);

    let mut publisher = StubbornPublisher::of(&clinic);
    let (round, mut rounds) = watch::channel(0);
    let publish = async {
        for (i, event) in events.iter().enumerate() {
            rounds.wait_for(|round| i < (round + 1) * EVENTS_A_STOP).await.expect("stops go on");
            publisher.publish(event).await;
        }
    };
    let stop = async {
        let mut carried = 0;
        for stop in 0..STOPS {
            let sent = (stop + 1) * EVENTS_A_STOP - LOAD;
            assert!(clinic.outside.wait_for(sent, PATIENCE).await.len() >= sent, "it stands still");
            let mut oldest = clinic.workers.remove(0);
            let status = oldest.stopped().await;
            assert!(status.success(), "stop {stop} ended with {status}:\n{}", oldest.tail());
            carried += in_flight(&oldest.lines());
            clinic.gone.push(oldest);
            clinic.add_worker(&[]).await;
            round.send_replace(stop + 1);
        }
        carried
    };
    let ((), carried) = tokio::join!(publish, stop);
    assert!(carried > 0, "no worker had anything in flight: that was no load");

    clinic.until_each_was_sent_once(&events).await;
    let books = clinic.balance().await;
    assert_eq!(books["received"], events.len(), "{books}");
    assert_eq!(clinic.number("SELECT count(*) FROM attempt").await, 2_000, "one attempt each");
    clinic.finish().await;
}

/// An update of an installation: each process in turn is stopped and started again, while events come and a tenth of all attempts is
/// throttled, so that the schedulers release too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_of_workers_and_schedulers_loses_and_doubles_nothing() {
    let options = Options { workers: 3, schedulers: 2, ..Options::default() };
    let mut clinic = Installation::start(options.set("ULAK_WORKER__QUICK_RETRIES", 0)).await;
    let slow = Fault::new(Provider::Netgsm, Operation::Send, FaultKind::Slow { ms: 30 });
    let throttled = FaultKind::Code { code: "80".to_owned() };
    let throttled = Fault::new(Provider::Netgsm, Operation::Send, throttled);
    clinic.outside.add_fault(throttled.share(0.1)).expect("a fault");
    clinic.outside.add_fault(slow).expect("a fault");
    let events = events(ROLLING);
    clinic.hide_all(&events);
    let mut publisher = StubbornPublisher::of(&clinic);
    let publish = tokio::spawn({
        let events = events.clone();
        async move {
            for event in &events {
                publisher.publish(event).await;
                tokio::time::sleep(EACH).await;
            }
        }
    });
    // half a minute is what a throttled row waits by itself
    let due_now = tokio::spawn({
        let database = clinic.database.clone();
        async move {
            loop {
                let due = "UPDATE open SET due_at = 0 WHERE state = 'waiting'";
                sqlx::query(due).execute(&database).await.expect("SQL");
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        }
    });
    let mut carried = 0;
    let mut rounds = 0;
    while rounds < 2 || !publish.is_finished() {
        for _ in 0..3 {
            let worker = clinic.workers.remove(0);
            carried += clinic.is_stopped(worker).await;
            clinic.add_worker(&[]).await;
        }
        for _ in 0..2 {
            let scheduler = clinic.schedulers.remove(0);
            clinic.is_stopped(scheduler).await;
            let mut next = clinic.process("scheduler", &[]);
            next.line(SCHEDULER_IS_READY).await;
            clinic.schedulers.push(next);
        }
        rounds += 1;
    }
    publish.await.expect("all are published");
    clinic.until_each_was_sent_once(&events).await;
    due_now.abort();
    assert!(carried > 0, "no worker had anything in flight: that was no load");
    let attempts = clinic.number("SELECT count(*) FROM attempt").await;
    let failed = clinic.number("SELECT count(*) FROM attempt WHERE state = 'failed'").await;
    assert!(failed > 0, "nothing was throttled, so the schedulers released nothing");
    assert_eq!(attempts - failed, ROLLING as i64, "one attempt each, but for those throttled");
    assert_eq!(clinic.balance().await["received"], events.len());
    let processes = clinic.gone.iter().chain(&clinic.workers).chain(&clinic.schedulers);
    let alerts: Vec<String> =
        processes.flat_map(Process::lines).filter(|line| line.contains(r#""alert":"#)).collect();
    assert!(alerts.is_empty(), "nobody needs to be told of an update: {alerts:#?}");
    clinic.finish().await;
}

/// What is still in flight when the drain time is over is cut, and accounted for; what could end has ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_drain_time_cuts_what_hangs_and_nothing_else() {
    let mut clinic = Installation::start(Options::default().set("ULAK_WORKER__DRAIN_S", 2)).await;
    let (hangs, slow) = (reminder("hangs"), reminder("slow"));
    let hang = FaultKind::Hang { accept: true, seconds: 600 };
    let hang = Fault::new(Provider::Netgsm, Operation::Send, hang).number(hangs.national());
    let late = FaultKind::Slow { ms: 1_000 };
    let late = Fault::new(Provider::Netgsm, Operation::Send, late).number(slow.national());
    clinic.outside.add_fault(hang).expect("a fault");
    clinic.outside.add_fault(late).expect("a fault");
    clinic.publish(&hangs).await;
    clinic.publish(&slow).await;
    clinic.until_accepted(2).await;

    let mut worker = clinic.workers.remove(0);
    let asked = Instant::now();
    let status = worker.stopped().await;
    let took = asked.elapsed();
    assert_eq!(status.code(), Some(1), "{}", worker.tail());
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(8), "it took {took:?}");
    clinic.gone.push(worker);
    let row = clinic.row(&slow).await.expect("a row");
    assert_eq!(row.state, "accepted", "it could end, and has: {row:?}");
    let row = clinic.row(&hangs).await.expect("a row");
    assert_eq!((row.state.as_str(), row.attempts), ("sending", 1), "nobody knows: {row:?}");
    clinic.balance().await;
    // its lease says when somebody looks after it; it is not sent again
    clinic.add_worker(&[]).await;
    clinic.make_due(&hangs).await;
    clinic.until_state(&hangs, "unknown", "lease-ran-out").await;
    assert_eq!(clinic.outside.accepted(), 2, "nobody twice");
    clinic.finish().await;
}

impl Installation {
    /// Stops one process; it must end well. Returns how many messages it had in flight.
    async fn is_stopped(&mut self, mut process: Process) -> u64 {
        let status = process.stopped().await;
        assert!(status.success(), "{} ended with {status}:\n{}", process.name, process.tail());
        let carried = in_flight(&process.lines());
        self.gone.push(process);
        carried
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_sigterm_ends_at_once_and_says_so() {
    let mut clinic = Installation::start(scaled::options()).await;
    let hang = Fault::new(
        Provider::Netgsm,
        Operation::Send,
        FaultKind::Hang { accept: true, seconds: 600 },
    );
    clinic.outside.add_fault(hang.times(1)).expect("a fault");
    let silent = Fault::new(Provider::Netgsm, Operation::Report, FaultKind::Http { status: 502 });
    clinic.outside.add_fault(silent).expect("a fault");
    let event = reminder("hangs");
    clinic.publish(&event).await;
    clinic.until_accepted(1).await;

    let mut worker = clinic.workers.remove(0);
    worker.signal(Signal::TERM);
    worker.line("finishing what is in flight; a second signal").await;
    let asked = Instant::now();
    worker.signal(Signal::TERM);
    let status = worker.ended().await;
    assert_eq!(status.code(), Some(1), "{}", worker.tail());
    // The request alone may take 20 s, and the drain 30.
    assert!(asked.elapsed() < Duration::from_secs(8), "it took {:?}", asked.elapsed());
    clinic.gone.push(worker);

    // The message was taken and nobody knows: looked for, and not sent again.
    clinic.add_worker(&[]).await;
    clinic.make_due(&event).await;
    clinic.until_state(&event, "unknown", "lease-ran-out").await;
    clinic.outside.clear_faults();
    let row = clinic.until_state(&event, "accepted", "found").await;
    assert_eq!(row.attempts, 1, "{row:?}");
    clinic.until_accepted(1).await;
    clinic.finish().await;
}
