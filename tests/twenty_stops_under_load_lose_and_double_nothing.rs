//! SIGTERM under load, twenty times: each worker ends with 0, and every event is accepted exactly once. A second SIGTERM
//! does not wait for what is in flight.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use simulator::{Fault, FaultKind, Operation, Provider};
use tokio::sync::watch;

use crate::harness::load::{StubbornPublisher, events};
use crate::harness::{Installation, Options, PATIENCE, reminder};

const STOPS: usize = 20;
const EVENTS_A_STOP: usize = 100;
/// Of the events of one round, so many are not accepted yet when the worker is stopped.
const LOAD: usize = 60;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_sigterm_ends_at_once_and_says_so() {
    let mut clinic = Installation::start(Options::default()).await;
    let hang = Fault::new(
        Provider::Netgsm,
        Operation::Send,
        FaultKind::Hang { accept: true, seconds: 600 },
    );
    clinic.outside.add_fault(hang.times(1)).expect("a fault");
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

    // The message was taken and nobody knows: listed, and not sent again.
    clinic.add_worker(&[]).await;
    clinic.make_due(&event).await;
    clinic.until_state(&event, "unknown", "lease-ran-out").await;
    clinic.make_due(&event).await;
    clinic.until_state(&event, "unresolved", "gave up looking").await;
    clinic.until_accepted(1).await;
    clinic.finish().await;
}
