//! Facts from RabbitMQ, over HTTP's sibling `ulak publish` and twice: each counts once, is told of by its own id, and stands in the books.

use schemas::FactId;
use serde_json::Value;

use crate::harness::{Event, Installation, Options, clock, receipt, reminder};

/// Exchange that clinics publish facts to.
const FACTS: &str = "clinic.events";

fn booked(id: &str) -> Event {
    reminder(id)
        .set("/type", "clinic.appointment-booked.v1")
        .set("/data/appointment/starts_at", clock::written(clock::turkey(5 * 24 * 60)))
        .set("/data/appointment/version", 1)
}

fn fact_id(event: &Event) -> String {
    FactId::of_event(event.text("/source"), event.text("/id")).as_str().to_owned()
}

async fn tell(clinic: &Installation, fact: &Event, message_id: &str) {
    clinic.hide(fact.national());
    clinic.publisher.body(FACTS, fact.kind(), &fact.body(), message_id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fact_counts_once_and_says_what_it_made() {
    let clinic = Installation::start(Options::default()).await;
    let visit = booked("v1");
    let paid = receipt("p1").set("/type", "clinic.payment-received.v1");
    let moved = visit
        .clone()
        .named("v1-moved")
        .set("/type", "clinic.appointment-rescheduled.v1")
        .set("/data/appointment/version", 2)
        .set("/data/appointment/starts_at", clock::written(clock::turkey(6 * 24 * 60)));
    let conflict = moved.clone().named("v1-again").set("/data/appointment/with", "Dr. Ali Veli");
    for (fact, message_id) in [
        // out of order, and twice
        (&moved, "m1"),
        (&visit, "m2"),
        (&moved, "m3"),
        (&paid, "m4"),
        (&conflict, "m5"),
    ] {
        tell(&clinic, fact, message_id).await;
    }
    let sent = clinic.until_accepted(1).await;
    assert!(sent[0].to.ends_with(paid.national()));
    let dead = clinic.publisher.dead_letters(1).await;
    assert_eq!(
        (dead[0].reason.as_str(), dead[0].path.as_deref()),
        ("version-conflict", Some("/data/appointment/version"))
    );
    let said = clinic.ulak(&["log", "balance", "--json"]).await;
    let facts = &said.json()[0]["facts"];
    let expected = serde_json::json!({
        "received": 4, "applied": 2, "stale": 1, "refused": 1, "duplicates": 1,
    });
    assert_eq!(facts, &expected);
    let told = clinic.ulak(&["log", "explain", &fact_id(&moved), "--json"]).await.json();
    assert_eq!(told[0]["state"], "applied");
    let plan = told[0]["steps"][0]["plan"].as_array().expect("a plan");
    assert!(plan.len() == 2 && plan.iter().all(|line| line.as_str().unwrap().contains("ntf_")));
    let stale = clinic.ulak(&["log", "explain", &fact_id(&visit), "--lang", "tr"]).await;
    assert!(stale.stdout.contains("daha yenisi biliniyordu"), "{}", stale.stdout);
    let shown = clinic.ulak(&["log", "show", &fact_id(&moved), "--json"]).await.json();
    assert_eq!(shown.len(), 3, "the fact, its record, and its copy: {shown:#?}");
    assert!(shown.iter().all(|line| !line.to_string().contains(moved.national())));
    let waiting = clinic.number("SELECT count(*) FROM open WHERE state = 'waiting'").await;
    assert_eq!(waiting, 2);
    replayed_once_it_can_be(&clinic).await;
    clinic.finish().await;
}

/// A refused fact stays refused until something is mended; nothing is lost by asking.
async fn replayed_once_it_can_be(clinic: &Installation) {
    let letters = clinic.dead_letters().await;
    let bad = letters[0]["ntf"].as_str().expect("an id").to_owned();
    let asked = clinic.ulak(&["dead-letter", "replay", &bad, "--json"]).await;
    let foreseen: Value = asked.json().remove(0);
    assert_eq!(foreseen["would"], "nothing");
    assert!(foreseen["said"].as_str().expect("told").contains("version-conflict"), "{foreseen}");
}
