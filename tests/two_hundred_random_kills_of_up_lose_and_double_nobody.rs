//! 200 kill −9 of `ulak up` at random moments while a clinic's system posts events and repeats what was not answered: everybody is
//! accounted for, nobody has a message twice, and who is neither unknown nor unresolved has it once.
//!
//! `ULAK_TEST_KILLS` and `ULAK_TEST_SEED` choose another number and replay a run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use simulator::Script;
use tokio::sync::RwLock;

use crate::harness::random::Random;
use crate::harness::{Embedded, Event, receipt};

/// What CI runs at least.
const KILLS: u64 = 200;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// The clinic's system: says each event until somebody has answered that it is taken in.
async fn clinic(machine: Arc<RwLock<Embedded>>, stop: Arc<AtomicBool>) -> Vec<Event> {
    let mut said = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let event = receipt(&format!("r{}", said.len()));
        loop {
            let answer = machine.read().await.try_post(&event).await;
            match answer {
                Ok(answer) if answer.status == 202 => break,
                // it is just starting
                Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.body),
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        said.push(event);
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_random_kills() {
    let (kills, seed) = (setting("ULAK_TEST_KILLS", KILLS), setting("ULAK_TEST_SEED", 4));
    let mut random = Random::of(seed);
    let machine = Embedded::start(Script::default(), &[]).await;
    let machine = Arc::new(RwLock::new(machine));
    let stop = Arc::new(AtomicBool::new(false));
    let clinic = tokio::spawn(clinic(Arc::clone(&machine), Arc::clone(&stop)));
    for _ in 0..kills {
        // from its first instruction to well into its work
        tokio::time::sleep(Duration::from_millis(random.next() % 120)).await;
        let mut machine = machine.write().await;
        machine.killed().await;
        machine.up(&[]).await;
    }
    stop.store(true, Ordering::Relaxed);
    let events = clinic.await.expect("the clinic's system");
    let machine = Arc::into_inner(machine).expect("the only one").into_inner();
    // nothing is left that somebody would still send; what may have arrived waits for its answer
    machine
        .until("nothing left to send", async || {
            let rows = machine.rows().await;
            let open = ["waiting", "released", "sending"];
            rows.iter().all(|row| !open.contains(&row.state.as_str())).then_some(())
        })
        .await;
    let rows: BTreeMap<String, String> =
        machine.rows().await.into_iter().map(|row| (row.ntf, row.state.to_string())).collect();
    assert_eq!(rows.len(), events.len(), "seed {seed}");
    let mut accepted = 0;
    for event in &events {
        let messages = machine.outside.messages_to(event.national()).len();
        let state = rows.get(&event.ntf()).map(String::as_str).expect("nobody is lost");
        match state {
            "accepted" => {
                accepted += 1;
                assert_eq!(messages, 1, "seed {seed}: {}", event.ntf());
            }
            // each kill leaves what it found between claim and answer
            "unknown" | "unresolved" => assert!(messages <= 1, "seed {seed}: {}", event.ntf()),
            other => panic!("seed {seed}: {} is {other}", event.ntf()),
        }
    }
    assert!(accepted > 50, "only {accepted} of {} went through", events.len());
    machine.finish().await;
}
