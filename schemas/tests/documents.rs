//! What is written for people and tools says the same as the code.

use std::fs;
use std::path::Path;

use schemas::{NotificationId, Registry, Rule};

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The rows of the table under a heading: cells, trimmed.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let section = text.split(heading).nth(1).unwrap_or_else(|| panic!("no {heading:?}"));
    section
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

#[test]
fn the_readme_lists_every_rule_with_its_meaning_in_the_order_of_the_checks() {
    let listed = table(&read("README.md"), "## What a refusal means");
    let rules: Vec<Vec<String>> =
        Rule::ALL.iter().map(|rule| vec![format!("`{rule}`"), rule.meaning().to_owned()]).collect();
    assert_eq!(listed, rules);
}

#[test]
fn the_readme_lists_every_event_type_with_its_policy() {
    let registry = Registry::embedded().unwrap();
    let listed = table(&read("README.md"), "## Event types");
    let types: Vec<Vec<String>> = registry
        .types()
        .map(|event_type| {
            let policy = &event_type.policy;
            let same_as: Vec<String> =
                policy.same_as.iter().map(|path| format!("`{path}`")).collect();
            let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
            vec![
                format!("`{}`", event_type.name),
                format!("`{}`", event_type.queue),
                policy.consent.to_string(),
                yes(policy.quiet_hours),
                same_as.join(", "),
            ]
        })
        .collect();
    assert_eq!(listed.iter().map(|row| row[..5].to_vec()).collect::<Vec<_>>(), types);
}

#[test]
fn the_readme_lists_every_fact_with_what_it_says() {
    let registry = Registry::embedded().unwrap();
    let listed = table(&read("README.md"), "## Facts");
    let facts: Vec<Vec<String>> = registry
        .facts()
        .map(|fact_type| {
            let name = &fact_type.name;
            let schema: serde_json::Value =
                serde_json::from_str(&read(&format!("facts/{name}.json"))).unwrap();
            let what = schema["description"].as_str().unwrap();
            let what = what.strip_suffix(" This is the schema of the event's data.").unwrap();
            let parts: Vec<String> = schema["properties"]
                .as_object()
                .unwrap()
                .keys()
                .filter(|part| *part != "recipient")
                .map(|part| format!("`{part}`"))
                .collect();
            vec![format!("`{name}`"), what.to_owned(), parts.join(", ")]
        })
        .collect();
    assert_eq!(listed, facts);
}

#[test]
fn the_readme_lists_every_field() {
    let registry = Registry::embedded().unwrap();
    let listed = table(&read("README.md"), "## Fields of `data`");
    let mut fields: Vec<(String, String)> = registry
        .types()
        .flat_map(|event_type| &event_type.fields)
        .chain(registry.facts().flat_map(|fact_type| &fact_type.fields))
        .map(|field| (format!("`{}`", field.path), field.kind.as_str().to_owned()))
        .collect();
    fields.sort();
    fields.dedup();
    let listed: Vec<_> = listed.iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    assert_eq!(listed, fields);
}

#[test]
fn the_examples_in_the_readme_are_accepted() {
    let text = read("README.md");
    let body =
        |nth| text.split("```json\n").nth(nth).and_then(|rest| rest.split("```").next()).unwrap();
    let registry = Registry::embedded().unwrap();
    let known = |clinic: &str| clinic == "atasehir";
    assert!(registry.read(body(1).as_bytes(), None, &known).is_ok());
    assert!(registry.read_fact(body(2).as_bytes(), None, &known).is_ok());
}

#[test]
fn asyncapi_names_every_type_and_queue_and_refers_only_to_files_that_exist() {
    let text = read("asyncapi.yaml");
    let registry = Registry::embedded().unwrap();
    for event_type in registry.types() {
        for name in [&event_type.name, &event_type.queue] {
            assert!(text.contains(name.as_str()), "{name}");
        }
        assert!(text.contains(&format!("./events/{}.json", event_type.name)));
        assert!(text.contains(&format!("./examples/{}/ok-design.json", event_type.name)));
    }
    for fact_type in registry.facts() {
        assert!(text.contains(&format!("./facts/{}.json", fact_type.name)));
        assert!(text.contains(&format!("./examples/{}/ok-design.json", fact_type.name)));
    }
    let reference = NotificationId::of_event("/clinics/atasehir", "01JD0000000000000000000001");
    assert!(text.contains(&format!("dataref: ulak:{reference}")));
    let mut files = 0;
    for line in text.lines() {
        let Some((_, rest)) = line.split_once("./") else { continue };
        let file = rest.split(['#', '\'', '"', ' ', '}', ',']).next().unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        assert!(path.is_file(), "asyncapi.yaml refers to {file}");
        files += 1;
    }
    assert!(files >= 4);
}

#[test]
fn every_schema_file_says_which_json_schema_it_is() {
    for file in ["envelope.json", "parts.json", "policy.json"] {
        assert!(read(file).contains("https://json-schema.org/draft/2020-12/schema"), "{file}");
    }
}
