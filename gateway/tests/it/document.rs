//! `openapi.json` says what the door does, in examples that are true.

use crate::house::{booking, open, receipt, with};
use gateway::{OPENAPI, ROUTES};
use schemas::{Incoming, Registry};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

fn document() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

/// A part with its references followed, one level.
fn follow<'a>(document: &'a Value, part: &'a Value) -> &'a Value {
    match part["$ref"].as_str() {
        Some(to) => document.pointer(to.trim_start_matches('#')).unwrap_or_else(|| panic!("{to}")),
        None => part,
    }
}

/// Checks a value against a schema of the document.
fn assert_fits(document: &Value, name: &str, value: &Value) {
    let mut schema = json!({ "$ref": format!("#/components/schemas/{name}") });
    schema["components"] = document["components"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(value).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{name}: {errors:?} in {value:#}");
}

#[test]
fn paths_methods_and_statuses_are_those_of_the_router() {
    let document = document();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let statuses = operation["responses"].as_object().unwrap().iter();
            let statuses = statuses.map(|(status, response)| {
                assert!(follow(&document, response)["description"].is_string(), "{path} {status}");
                status.parse().unwrap()
            });
            described.insert((path.clone(), method.clone(), statuses.collect::<Vec<u16>>()));
        }
    }
    let routed =
        ROUTES.iter().map(|r| (r.path.to_owned(), r.method.to_owned(), r.statuses.to_vec()));
    assert_eq!(described, routed.collect());
}

#[test]
fn examples_are_what_they_stand_for() {
    let document = document();
    let examples = document["components"]["examples"].as_object().unwrap();
    for (name, example) in examples {
        let schema = match name.as_str() {
            "Reminder" | "Receipt" | "Booking" => "Event",
            "TakenFact" => "Taken",
            "Both" => "Events",
            "IdReused" | "Refused" => "Problem",
            other => other,
        };
        assert_fits(&document, schema, &example["value"]);
    }
    let registry = Registry::embedded().unwrap();
    let events = [&examples["Reminder"]["value"], &examples["Receipt"]["value"]];
    let both = examples["Both"]["value"].as_array().unwrap();
    for event in events.into_iter().chain(both) {
        let read = registry.read(event.to_string().as_bytes(), None, &|_| true);
        assert!(matches!(read, Ok(Incoming::Event(_))), "{read:?}");
    }
    let booking = examples["Booking"]["value"].to_string();
    let read = registry.read_fact(booking.as_bytes(), None, &|_| true);
    assert!(read.is_ok(), "{read:?}");
    for event in examples["Outcomes"]["value"]["events"].as_array().unwrap() {
        let file = format!("../schemas/outcomes/{}.json", event["type"].as_str().unwrap());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        assert!(validator.is_valid(&event["data"]), "{event}");
    }
}

#[tokio::test]
async fn what_is_answered_fits_its_schema_and_the_document_is_served() {
    let house = open().await;
    let document = document();
    let served = house.ask(house.get("/openapi.json")).await;
    assert_eq!((served.status, served.json()), (200, document.clone()));
    let taken = house.send(&receipt("e1")).await.json();
    assert_fits(&document, "Taken", &taken);
    let facts = house.send(&json!([booking("f1"), receipt("e3")])).await.json();
    assert_fits(&document, "Taken", &facts);
    let id = taken["notifications"][0]["id"].as_str().unwrap();
    let shown = house.ask(house.get(&format!("/v1/notifications/{id}"))).await.json();
    assert_fits(&document, "Notification", &shown);
    let outcomes = house.ask(house.get("/v1/outcomes")).await.json();
    assert_fits(&document, "Outcomes", &outcomes);
    let refused = house.send(&with(receipt("e2"), "/data/recipient/phone", "12")).await.json();
    assert_fits(&document, "Problem", &refused);
    let reused = house.send(&with(receipt("e1"), "/subject", "x")).await.json();
    assert_fits(&document, "Problem", &reused);
}
