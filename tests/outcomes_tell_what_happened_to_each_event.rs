//! What happened to my event: a clinic binds a queue to `ulak.outcomes` and is told each change of state and each
//! refusal, by its own source and id, with no name, number or text. While nobody listens nothing is lost, and nobody is
//! told what is a week old.

use std::collections::BTreeSet;

use lapin::options::{QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use serde_json::Value;
use simulator::Consent;

use crate::harness::event::PERSONAL;
use crate::harness::{Event, Installation, Options, receipt, reminder};

const UPDATED: &str = "ulak.delivery-updated.v1";
const REFUSED: &str = "ulak.event-refused.v1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outcomes_tell_what_happened_to_each_event() {
    let clinic = Installation::start(Options::default()).await;
    // Nobody listens yet.
    let (ancient, early) = (reminder("ancient"), reminder("early"));
    clinic.publish(&ancient).await;
    clinic.until_state(&ancient, "accepted", "").await;
    age(&clinic, &ancient).await;
    clinic.publish(&early).await;
    clinic.until_state(&early, "accepted", "").await;

    let broker = listen(&clinic, &[("klinik.all", "ulak.#"), ("klinik.refusals", REFUSED)]).await;
    let first = told(&clinic, "klinik.all", 1).await.remove(0);
    assert_eq!(first["subject"], "appointment/A-early");
    let data = &first["data"];
    assert_eq!(data["notification"], early.ntf());
    assert_eq!((&data["source"], &data["id"]), (&early.json()["source"], &early.json()["id"]));
    assert_eq!((&data["state"], &data["final"]), (&"accepted".into(), &true.into()), "{first}");
    assert_eq!((&data["attempt"], &data["channel"]), (&1.into(), &"sms".into()), "{first}");
    assert_eq!((&data["reason"], &data["clinic"]), (&"netgsm:00".into(), &"atasehir".into()));

    let (refused, sent) = (receipt("ret"), receipt("sent"));
    let wrong = reminder("wrong").set("/data/recipient/phone", "+9053212345");
    clinic.outside.set_consent(refused.e164(), Consent::Ret).expect("a number");
    for event in [&refused, &wrong, &sent] {
        clinic.publish(event).await;
    }
    clinic.until_state(&refused, "suppressed", "").await;
    clinic.until_state(&sent, "accepted", "").await;
    let events = told(&clinic, "klinik.all", 3).await;
    let of = |event: &Event| {
        let about = |told: &&Value| told["data"]["id"] == event.json()["id"];
        events.iter().find(about).unwrap_or_else(|| panic!("{event:?} in {events:#?}"))
    };
    assert_eq!(of(&refused)["data"]["state"], "suppressed");
    assert_eq!(of(&refused)["data"]["reason"], "no-consent");
    assert_eq!(of(&sent)["data"]["state"], "accepted");
    let refusal = of(&wrong);
    assert_eq!(refusal["type"], REFUSED);
    assert_eq!(refusal["data"]["rule"], "phone-too-short");
    assert_eq!(refusal["data"]["path"], "/data/recipient/phone");
    assert_eq!(refusal["data"]["source"], "/clinics/atasehir");
    // Who wants refusals only gets those only.
    let only = told(&clinic, "klinik.refusals", 1).await.remove(0);
    assert_eq!(&only, refusal);
    assert!(clinic.publisher.get("klinik.refusals").await.is_none());

    let ids: BTreeSet<&str> =
        events.iter().chain([&first]).filter_map(|told| told["id"].as_str()).collect();
    assert_eq!(ids.len(), 4, "each has an id of its own: {ids:?}");

    // A queue that is gone for a while has missed nothing once it is back.
    let channel = broker.create_channel().await.expect("a channel");
    let gone = channel.queue_delete("klinik.all".into(), QueueDeleteOptions::default());
    gone.await.expect("deleted");
    let meanwhile = reminder("meanwhile");
    clinic.publish(&meanwhile).await;
    clinic.until_state(&meanwhile, "accepted", "").await;
    broker.close(200, "OK".into()).await.expect("closed");
    let broker = listen(&clinic, &[("klinik.all", "ulak.#")]).await;
    let missed = told(&clinic, "klinik.all", 1).await.remove(0);
    assert_eq!(missed["data"]["notification"], meanwhile.ntf());
    broker.close(200, "OK".into()).await.expect("closed");
    clinic.finish().await;
}

/// Makes the records of an event eight days old, past the rule that no record is ever changed.
async fn age(clinic: &Installation, event: &Event) {
    clinic.run("ALTER TABLE record DISABLE TRIGGER USER").await;
    let older = "UPDATE record SET at = at - 8 * 86400000 WHERE ntf";
    assert!(clinic.run(&format!("{older} = '{}'", event.ntf())).await > 0);
    clinic.run("ALTER TABLE record ENABLE TRIGGER USER").await;
}

/// Declares queues of the clinic's own and binds each to one routing key of `ulak.outcomes`.
async fn listen(clinic: &Installation, queues: &[(&str, &str)]) -> Connection {
    let url = clinic.vhost.url();
    let connect = Connection::connect(&url, ConnectionProperties::default());
    let connection = connect.await.expect("RabbitMQ takes us");
    let channel = connection.create_channel().await.expect("a channel");
    for (queue, key) in queues {
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let declared = channel.queue_declare((*queue).into(), options, FieldTable::default());
        declared.await.expect("declared");
        let bound = channel.queue_bind(
            (*queue).into(),
            "ulak.outcomes".into(),
            (*key).into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        bound.await.expect("bound");
    }
    connection
}

/// Waits for `count` outcomes in a queue. None of them names a person.
async fn told(clinic: &Installation, queue: &str, count: usize) -> Vec<Value> {
    let mut events = Vec::new();
    while events.len() < count {
        let what = format!("{count} outcomes in {queue}, have {events:#?}");
        let next = clinic.until(&what, async || clinic.publisher.get(queue).await).await;
        let text = String::from_utf8(next.data).expect("UTF-8");
        for secret in PERSONAL.iter().chain(&["532"]) {
            assert!(!text.contains(secret), "{secret} is told: {text}");
        }
        let event: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(event["type"], next.routing_key.as_str());
        assert!([UPDATED, REFUSED].contains(&next.routing_key.as_str()));
        let message_id = next.properties.message_id().as_ref().map(ToString::to_string);
        assert_eq!(event["id"].as_str(), message_id.as_deref());
        events.push(event);
    }
    events
}
