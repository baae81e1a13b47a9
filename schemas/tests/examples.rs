//! Every example is read: an `ok-*.json` is accepted, a `bad-*.json` is refused as its `.expect.json` says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use schemas::{Incoming, Refusal, Registry, Rule};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    path: String,
    rule: String,
    /// What it is published with; absent: the type of the folder, if the body says no other.
    routing_key: Option<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// Type and files of each folder, sorted.
fn folders() -> Vec<(String, Vec<PathBuf>)> {
    let sorted = |folder: &Path| {
        let mut paths: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    sorted(&folder())
        .into_iter()
        .filter(|path| path.is_dir())
        .map(|path| (name(&path), sorted(&path)))
        .collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn knows_clinic(clinic: &str) -> bool {
    clinic == "atasehir"
}

/// Reads a body at the door of its type: the type of what was accepted, and whether it is the same when it is opened again.
fn read(
    registry: &Registry,
    folder: &str,
    body: &[u8],
    routing_key: Option<&str>,
) -> Result<(String, bool), Refusal> {
    if registry.is_fact(folder) {
        let fact = registry.read_fact(body, routing_key, &knows_clinic)?;
        let again = registry.reopen_fact(&fact.envelope_json()).as_ref() == Ok(&fact);
        return Ok((fact.fact_type, again));
    }
    match registry.read(body, routing_key, &knows_clinic)? {
        Incoming::Event(event) => {
            let again = registry.reopen(&event.envelope_json()).as_ref() == Ok(&*event);
            Ok((event.event_type, again))
        }
        Incoming::Reference(reference) => panic!("an example is a reference: {reference:?}"),
    }
}

#[test]
fn every_type_has_good_and_bad_examples_and_nothing_else_lies_there() {
    let registry = Registry::embedded().unwrap();
    let facts = registry.facts().map(|fact_type| fact_type.name.clone());
    let types: Vec<_> =
        facts.chain(registry.types().map(|event_type| event_type.name.clone())).collect();
    let folders = folders();
    assert_eq!(folders.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), types);
    for (event_type, files) in folders {
        let names: BTreeSet<String> = files.iter().map(|path| name(path)).collect();
        let count = |prefix: &str| names.iter().filter(|name| name.starts_with(prefix)).count();
        assert!(count("ok-") >= 3 && count("bad-") >= 20, "{event_type}");
        for file in &names {
            let known = file
                .strip_suffix(".json")
                .is_some_and(|stem| stem.starts_with("ok-") || stem.starts_with("bad-"));
            assert!(known, "{event_type}/{file} is neither ok-*.json nor bad-*.json");
            match file.strip_suffix(".expect.json") {
                Some(stem) => {
                    assert!(names.contains(&format!("{stem}.json")), "{file} expects nothing");
                }
                None if file.starts_with("bad-") => {
                    let expectation = file.replace(".json", ".expect.json");
                    assert!(
                        names.contains(&expectation),
                        "{event_type}/{file} has no {expectation}"
                    );
                }
                None => {}
            }
        }
    }
}

#[test]
fn good_examples_are_accepted_and_reopened() {
    let registry = Registry::embedded().unwrap();
    for (event_type, files) in folders() {
        for file in files.iter().filter(|path| name(path).starts_with("ok-")) {
            let body = fs::read(file).unwrap();
            let read = read(&registry, &event_type, &body, Some(&event_type));
            assert_eq!(read, Ok((event_type.clone(), true)), "{}", file.display());
        }
    }
}

#[test]
fn bad_examples_are_refused_with_the_rule_and_path_they_name() {
    let registry = Registry::embedded().unwrap();
    let mut wrong = Vec::new();
    for (event_type, files) in folders() {
        for file in &files {
            let Some(stem) = name(file).strip_suffix(".expect.json").map(str::to_owned) else {
                continue;
            };
            let expected: Expected = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
            assert!(
                Rule::parse(&expected.rule).is_some(),
                "{}: no rule {}",
                file.display(),
                expected.rule
            );
            let body = fs::read(file.with_file_name(format!("{stem}.json"))).unwrap();
            let routing_key = expected.routing_key.as_deref();
            let got = match read(&registry, &event_type, &body, routing_key) {
                Ok(_) => "accepted".to_owned(),
                Err(refusal) => format!("{} {}", refusal.rule, refusal.path),
            };
            let wanted = format!("{} {}", expected.rule, expected.path);
            if got != wanted {
                wrong.push(format!("{event_type}/{stem}: {got}, not {wanted}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_refusal_never_repeats_what_a_person_is_or_has() {
    let registry = Registry::embedded().unwrap();
    for (event_type, files) in folders() {
        for file in files.iter().filter(|path| name(path).starts_with("bad-")) {
            let body = fs::read(file).unwrap();
            if let Err(refusal) = read(&registry, &event_type, &body, None) {
                let told = format!("{refusal}").replace(refusal.rule.meaning(), "");
                for secret in ["Ayşe", "Yılmaz", "Mehmet", "532", "542", "Çağrı", "1250", "A-1042"]
                {
                    assert!(!told.contains(secret), "{}: {told}", file.display());
                }
            }
        }
    }
}

#[test]
fn the_rules_that_reading_can_give_each_have_an_example() {
    // Made in tests/generated.rs because no file could hold them well, or given by the ledger and not by reading.
    let elsewhere = [
        "too-large",
        "not-utf8",
        "too-deep",
        "id-reused",
        "version-conflict",
        "version-missing",
        "unknown-reference",
        "crash-loop",
        "handler-panic",
    ];
    let mut shown: BTreeSet<String> = elsewhere.map(str::to_owned).into();
    for (_, files) in folders() {
        for file in files.iter().filter(|path| name(path).ends_with(".expect.json")) {
            let expected: Expected = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
            shown.insert(expected.rule);
        }
    }
    let all: BTreeSet<String> = Rule::ALL.iter().map(|rule| rule.as_str().to_owned()).collect();
    assert_eq!(shown, all);
}
