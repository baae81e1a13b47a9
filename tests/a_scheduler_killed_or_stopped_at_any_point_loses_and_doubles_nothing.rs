//! kill −9 and SIGSTOP of a scheduler at every named point: between a release's commit and its copy, between a copy and its confirm,
//! around the commit of facts, before the ack of what came back, before a cursor moves, between a look at the provider's list and its
//! record. Another scheduler goes on; everybody has one message, facts count once, a dead letter or an outcome that is told twice
//! is the same one.

use std::collections::BTreeMap;

use schemas::hold::Place;
use serde_json::Value;

use crate::harness::installation::SCHEDULER_IS_READY;
use crate::harness::points::TOO_OLD;
use crate::harness::schedulers::{Case, POINTS};
use crate::harness::{Event, Installation, Options, reconcile, reminder};

/// What happens to each scheduler at its point.
#[derive(Clone, Copy, PartialEq)]
enum Struck {
    Killed,
    /// It goes on when another one has been at work for a while.
    Stopped,
}

async fn struck(how: Struck) {
    let mut script = simulator::Script::default();
    reconcile::quick(&mut script);
    let options = Options { schedulers: 0, script, ..Options::default() };
    let options =
        options.set("ULAK_WORKER__QUICK_RETRIES", 0).set("ULAK_WORKER__REQUEST_DEADLINE_S", 2);
    let mut clinic = Installation::start(reconcile::settings(options)).await;
    let mut events: Vec<Event> = vec![];
    for place in POINTS {
        let Case { event, mut scheduler, hold } = clinic.scheduler_at(place).await;
        match how {
            Struck::Killed => scheduler.killed().await,
            Struck::Stopped => {
                scheduler.frozen().await;
                let next = another(&mut clinic).await;
                tokio::time::sleep_until(hold.reached_at() + TOO_OLD).await;
                hold.go();
                scheduler.thawed();
                clinic.schedulers.push(scheduler);
                clinic.schedulers.push(next);
                for mut both in std::mem::take(&mut clinic.schedulers) {
                    assert!(both.stopped().await.success(), "{}", both.tail());
                    clinic.gone.push(both);
                }
                events.extend(event);
                continue;
            }
        }
        clinic.gone.push(scheduler);
        events.extend(event);
    }
    let last = another(&mut clinic).await;
    clinic.schedulers.push(last);
    // what waits for the patience with a copy that never was
    for event in &events {
        let text = format!(
            "UPDATE open SET due_at = 0 WHERE ntf = '{}' AND EXISTS (SELECT 1 FROM notification n \
             WHERE n.ntf = open.ntf AND n.state IN ('released', 'waiting'))",
            event.ntf()
        );
        clinic.run(&text).await;
    }
    everybody_has_one(&clinic, &events).await;
    counted_once(&clinic).await;
    told_the_same(&clinic).await;
    clinic.finish().await;
}

async fn another(clinic: &mut Installation) -> crate::harness::process::Process {
    let mut next = clinic.process("scheduler", &[]);
    next.line(SCHEDULER_IS_READY).await;
    next
}

async fn everybody_has_one(clinic: &Installation, events: &[Event]) {
    let control = reminder("control");
    clinic.publish(&control).await;
    clinic.until_accepted(events.len() + 1).await;
    let open = async || (clinic.number("SELECT count(*) FROM open").await == 0).then_some(());
    clinic.until("nothing open", open).await;
    clinic.nobody_twice();
    for event in events.iter().chain([&control]) {
        let taken = clinic.outside.messages_to(event.national()).len();
        assert_eq!(taken, 1, "{}", event.text("/id"));
    }
}

/// Two payments are two facts, each applied once, whoever was there when.
async fn counted_once(clinic: &Installation) {
    let books = clinic.balance().await;
    let facts = &books["facts"];
    assert_eq!((&facts["received"], &facts["applied"]), (&2.into(), &2.into()), "{books}");
    assert_eq!((&facts["duplicates"], &books["duplicates"]), (&0.into(), &0.into()), "{books}");
}

/// A dead letter and an outcome come at least once; every further copy is the same.
async fn told_the_same(clinic: &Installation) {
    assert_eq!(clinic.dead_letters().await.len(), 1);
    let mut letters = vec![];
    while let Some(message) = clinic.publisher.get("ulak.dead-letter").await {
        letters.push(message.properties.message_id().clone());
    }
    assert!(!letters.is_empty(), "no dead letter on the broker");
    assert!(letters.iter().all(|id| *id == letters[0]), "{letters:?}");
    let mut told: BTreeMap<String, Value> = BTreeMap::new();
    for outcome in clinic.told().await {
        let id = outcome["id"].as_str().expect("an id").to_owned();
        let before = told.insert(id, outcome.clone());
        assert!(before.is_none_or(|before| before == outcome), "{outcome}");
    }
    assert!(!told.is_empty(), "nothing was told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_point() {
    struck(Struck::Killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_at_every_point() {
    struck(Struck::Stopped).await;
}

#[test]
fn a_relay_comes_before_what_waits_for_its_lease() {
    // their turn is a lease of half a minute: it runs out while the other points are tried
    assert_eq!(POINTS[..2], [Place::AfterRelay, Place::AfterTelling]);
}
