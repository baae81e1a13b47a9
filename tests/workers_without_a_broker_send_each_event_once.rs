//! `broker.url = "none"` on PostgreSQL: several workers take due rows from the ledger. One is killed in the middle of its work: nobody
//! is lost, nobody has a message twice, and a scheduler beside them releases nothing.

use std::collections::BTreeMap;

use crate::harness::embedded::UP_IS_READY;
use crate::harness::{Event, Installation, Options, receipt};

const EVENTS: usize = 300;

async fn put_in(clinic: &Installation, events: &[Event]) {
    let all: Vec<_> = events.iter().map(|event| event.json().clone()).collect();
    let file = clinic.folder.join("events.json");
    std::fs::write(&file, serde_json::to_vec(&all).expect("JSON")).expect("written");
    for event in events {
        clinic.hide(event.national());
    }
    let said = clinic.ulak(&["publish", file.to_str().expect("UTF-8")]).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_of_which_one_is_killed() {
    let options = Options { workers: 0, schedulers: 0, ..Options::default() };
    let options = options.set("ULAK_BROKER__URL", "none").set("ULAK_WORKER__IN_FLIGHT", 8);
    let mut clinic = Installation::start(options).await;
    let mut scheduler = clinic.process("scheduler", &[]);
    scheduler.line("health pages").await;
    let events: Vec<Event> = (0..EVENTS).map(|i| receipt(&format!("r{i}"))).collect();
    put_in(&clinic, &events).await;
    assert!(clinic.rows().await.iter().all(|row| row.state == "waiting"), "nobody sends yet");

    let mut first = clinic.process("worker", &[]);
    clinic.outside.wait_for(20, crate::harness::PATIENCE).await;
    first.killed().await;
    clinic.gone.push(first);
    for _ in 0..2 {
        let mut worker = clinic.process("worker", &[]);
        worker.line(UP_IS_READY).await;
        clinic.workers.push(worker);
    }
    // what the killed one had released is due when patience ends, what it was sending when its lease does
    clinic.run("UPDATE open SET due_at = 0 WHERE state IN ('released', 'sending')").await;
    clinic
        .until("everybody sent, or unknown", async || {
            let rows = clinic.rows().await;
            let done = ["accepted", "unknown"];
            rows.iter().all(|row| done.contains(&row.state.as_str())).then_some(())
        })
        .await;
    let states: BTreeMap<_, _> =
        clinic.rows().await.into_iter().map(|row| (row.ntf, row.state)).collect();
    assert_eq!(states.len(), EVENTS);
    for event in &events {
        let messages = clinic.outside.messages_to(event.national()).len();
        match states[&event.ntf()].as_str() {
            "accepted" => assert_eq!(messages, 1, "{}", event.ntf()),
            _ => assert!(messages <= 1, "{}", event.ntf()),
        }
    }
    clinic.schedulers.push(scheduler);
    clinic.finish().await;
}
