//! The database goes away under load and comes back, after a while and at once: workers keep what they hold, take
//! nothing, give the rest back once, and resume by themselves; every event is accepted exactly once.

use std::cell::Cell;

use serde_json::Value;
use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::load::{StubbornPublisher, events};
use crate::harness::own_services::OwnServices;
use crate::harness::process::Process;
use crate::harness::{Installation, Options, PATIENCE};

const QUEUES: [&str; 2] = ["ulak.appointment-reminder", "ulak.payment-receipt"];

/// What a worker says when it has found the ledger away.
const TAKES_NOTHING: &str = "taking nothing until it does";

/// What `/readyz` of a process answers.
async fn ready(process: &mut Process) -> u16 {
    let line = process.log_where("its address", |line| line["listen"].is_string()).await;
    let url = format!("http://{}/readyz", line["listen"].as_str().expect("an address"));
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
    client.get(url).send().await.expect("it answers").status().as_u16()
}

/// How often it has stopped taking.
fn pauses(worker: &Process) -> usize {
    worker.lines().iter().filter(|line| line.contains(TAKES_NOTHING)).count()
}

/// Waits until a worker that has stopped taking has looked for the ledger in vain so many times.
async fn looked_again(worker: &mut Process, times: usize) {
    let left = Cell::new(times);
    let is_the_last = |line: &Value| {
        let is = line["message"] == "the ledger is still away";
        left.set(left.get() - usize::from(is));
        is && left.get() == 0
    };
    worker.log_where("another look at the absent ledger", is_the_last).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_restart_costs_no_message() {
    let own = OwnServices::up().await;
    let services = Some(own.services.clone());
    let options = Options { workers: 2, services, ..Options::default() };
    let mut clinic = Installation::start(options.set("ULAK_WORKER__IN_FLIGHT", 16)).await;
    let slow = Fault::new(Provider::Netgsm, Operation::Send, FaultKind::Slow { ms: 100 });
    clinic.outside.add_fault(slow).expect("a fault");
    let events = events(700);
    clinic.hide_all(&events);
    let mut publisher = StubbornPublisher::of(&clinic);
    for event in &events {
        publisher.publish(event).await;
    }
    clinic.outside.wait_for(40, PATIENCE).await;

    own.services.run("pg-stop", &[]).await;
    for worker in &mut clinic.workers {
        worker.line(TAKES_NOTHING).await;
        looked_again(worker, 3).await;
        assert_eq!(ready(worker).await, 503);
    }
    let sent = usize::try_from(clinic.outside.accepted()).expect("a number");
    assert!(sent < events.len(), "all was sent before the database went: that was no load");
    // Nobody takes a message and gives it back again and again: at most the one delivery that the outage met.
    let mut counts = Vec::new();
    for queue in QUEUES {
        counts.extend(clinic.publisher.delivery_counts(queue).await);
    }
    assert!(!counts.is_empty(), "no message waits for the database: that was no load");
    assert!(counts.contains(&1), "no message was given back: that was no load");
    assert!(counts.iter().all(|count| *count <= 1), "deliveries: {counts:?}");

    own.services.run("pg-start", &[]).await;
    for worker in &mut clinic.workers {
        worker.line("the ledger answers again: taking messages").await;
    }
    for worker in &mut clinic.workers {
        assert_eq!((pauses(worker), ready(worker).await), (1, 200), "{}", worker.name);
    }
    // A short one, after which connections of before are still in everybody's pool: nobody pauses twice for it.
    let sent = usize::try_from(clinic.outside.accepted()).expect("a number");
    assert!(sent + 80 < events.len(), "little is left to be sent: that is no load");
    clinic.outside.wait_for(sent + 40, PATIENCE).await;
    own.services.run("pg-bounce", &[]).await;
    clinic.until_each_was_sent_once(&events).await;
    for worker in &mut clinic.workers {
        assert!(
            pauses(worker) <= 2,
            "{} paused {} times for two outages",
            worker.name,
            pauses(worker)
        );
        assert_eq!(ready(worker).await, 200);
    }
    let books = clinic.balance().await;
    assert_eq!(books["received"], events.len(), "{books}");
    assert_eq!(books["states"]["accepted"], events.len(), "{books}");
    clinic.finish().await;
}
