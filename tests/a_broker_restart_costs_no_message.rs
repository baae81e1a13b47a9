//! The broker drops everybody, or restarts, while messages are published and sent: its sessions are built anew, what was
//! unsettled comes again, and every event is accepted exactly once.

use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::load::{StubbornPublisher, events};
use crate::harness::own_services::OwnServices;
use crate::harness::{Installation, Options, PATIENCE};

/// Slow sends and few places, so that there is work in every moment of the disturbance.
async fn busy(services: &OwnServices) -> Installation {
    let services = Some(services.services.clone());
    let options = Options { workers: 2, services, ..Options::default() };
    let clinic = Installation::start(options.set("ULAK_WORKER__IN_FLIGHT", 8)).await;
    let slow = Fault::new(Provider::Netgsm, Operation::Send, FaultKind::Slow { ms: 100 });
    clinic.outside.add_fault(slow).expect("a fault");
    clinic
}

/// Every process has lost its consuming session at least so often, and built it anew.
fn everybody_came_back(clinic: &Installation, times: usize) {
    for process in clinic.workers.iter().chain(&clinic.schedulers) {
        let connected = |line: &String| {
            line.contains("connected to RabbitMQ") && line.contains(r#""role":"consumer""#)
        };
        let sessions = process.lines().iter().filter(|line| connected(line)).count();
        assert!(sessions > times, "{} had {sessions} sessions:\n{}", process.name, process.tail());
    }
}

/// What the disturbance cost: nothing that can be seen from outside.
async fn nothing_was_lost(clinic: &Installation, count: usize) {
    let books = clinic.balance().await;
    assert_eq!((&books["received"], &books["states"]["accepted"]), (&count.into(), &count.into()));
    let attempts = clinic.number("SELECT count(*) FROM attempt").await;
    assert_eq!(usize::try_from(attempts), Ok(count), "one attempt each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_closes_all_connections_costs_no_message() {
    const TIMES: usize = 3;
    let own = OwnServices::up().await;
    let clinic = busy(&own).await;
    let events = events(600);
    clinic.hide_all(&events);
    let mut publisher = StubbornPublisher::of(&clinic);
    let publish = async {
        for event in &events {
            publisher.publish(event).await;
        }
    };
    let disturb = async {
        for time in 1..=TIMES {
            clinic.outside.wait_for(time * 40, PATIENCE).await;
            clinic.vhost.ctl("close_all_connections", &["a test"]).await;
            let sent = usize::try_from(clinic.outside.accepted()).expect("a number");
            assert!(sent < events.len(), "all was sent before time {time}: that was no load");
        }
    };
    tokio::join!(publish, disturb);
    clinic.until_each_was_sent_once(&events).await;
    everybody_came_back(&clinic, TIMES - 1);
    nothing_was_lost(&clinic, events.len()).await;
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_restarts_costs_no_message() {
    let own = OwnServices::up().await;
    let clinic = busy(&own).await;
    let events = events(400);
    clinic.hide_all(&events);
    let mut publisher = StubbornPublisher::of(&clinic);
    let publish = async {
        for event in &events {
            publisher.publish(event).await;
        }
    };
    let disturb = async {
        clinic.outside.wait_for(60, PATIENCE).await;
        own.services.run("bounce", &[]).await;
        let sent = usize::try_from(clinic.outside.accepted()).expect("a number");
        assert!(sent < events.len(), "all was sent before the restart: that was no load");
    };
    tokio::join!(publish, disturb);
    clinic.until_each_was_sent_once(&events).await;
    everybody_came_back(&clinic, 1);
    nothing_was_lost(&clinic, events.len()).await;
    clinic.finish().await;
}
