//! `docs/events.md` is made from the schemas, the examples and `asyncapi.yaml`. This test makes it anew and fails if
//! the page in the tree differs; `UPDATE_DOCS=1 cargo test -p schemas --test contract` writes it.

mod asyncapi;
mod fields;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use fields::{Parts, Row};
use schemas::{EventType, FactType, Field, Registry, Rule};
use serde_json::Value;

const PAGE: &str = "../docs/events.md";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn json(file: &str) -> Value {
    serde_json::from_str(&read(file)).unwrap()
}

#[test]
fn the_page_of_events_says_what_the_schemas_say() {
    let page = page();
    let path = root().join(PAGE);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let differs = page.lines().zip(written.lines()).find(|(new, old)| new != old);
    assert!(
        page == written,
        "docs/events.md is not what the schemas say (first: {differs:?}); \
         UPDATE_DOCS=1 cargo test -p schemas --test contract writes it"
    );
}

const HEAD: &str = "\
<!-- Made from schemas/ by schemas/tests/events_page.rs; UPDATE_DOCS=1 cargo test -p schemas --test contract -->
# Events

For the developers of clinic systems: what to publish, what each refusal means, and what Ulak tells back.

Publish one JSON object in UTF-8, at most 64 KiB, with the event's type as routing key, persistent and confirmed: a
notification, which asks for one message, to the topic exchange `ulak.notifications`; a fact, which tells what happened and
leaves to Ulak what follows, to `clinic.events`. [publishers/](publishers/) does it in ten lines of Python, Node, PHP and C#.
`ulak publish --dry-run FILE` checks a file as a worker would, in the same words, and publishes nothing. The rules that
are easy to miss (identity, the same thing twice, what may stand in ids) are in
[schemas/README.md](../schemas/README.md); types of your own are in [new-event-type.md](new-event-type.md).
";

fn page() -> String {
    let registry = Registry::embedded().unwrap();
    let parts = Parts(json("parts.json"));
    let mut page = HEAD.to_owned();
    envelope(&mut page);
    page.push_str(NOTIFICATIONS);
    for event_type in registry.types() {
        typ(&mut page, event_type, &parts);
    }
    page.push_str(FACTS);
    for fact_type in registry.facts() {
        fact(&mut page, fact_type, &parts);
    }
    refusals(&mut page);
    outcomes(&mut page, &parts);
    asyncapi::section(&mut page, &read("asyncapi.yaml"));
    page
}

fn envelope(page: &mut String) {
    page.push_str(
        "\n## The envelope\n\n[CloudEvents 1.0](https://cloudevents.io), structured JSON.\n\n",
    );
    let mut schema = json("envelope.json");
    // What only a reference has, which clinics do not publish, and what is not an attribute of its own.
    for name in ["dataref", "ulakrelease", "data_base64", "data"] {
        schema["properties"].as_object_mut().unwrap().remove(name);
    }
    let required = schema["required"].as_array_mut().unwrap();
    required.push("time".into());
    fields::table(page, &fields::rows(&schema, &Parts(Value::Null)));
    page.push_str(
        "\nAnd `data`, which the type says. Other attributes are allowed and not kept.\n",
    );
}

const NOTIFICATIONS: &str = "
## Notifications

One message each, asked for outright or planned from a fact.
";

const FACTS: &str = "
## Facts

What happened in the clinic: publish it to the topic exchange `clinic.events`, and Ulak plans what follows from it (which
reminders, when, and what else the clinic wants told). The appointment's `version`, else the event's `time`, orders the
facts of one appointment, in whatever order they arrive: an older one is stale, a cancellation also stops a booking that
arrives after it.
";

fn typ(page: &mut String, event_type: &EventType, parts: &Parts) {
    let schema = json(&format!("events/{}.json", event_type.name));
    heading(page, &event_type.name, &schema);
    policy(page, event_type, &schema["x-ulak"]);
    page.push('\n');
    data(page, &event_type.name, &event_type.fields, &schema, parts);
}

fn fact(page: &mut String, fact_type: &FactType, parts: &Parts) {
    let schema = json(&format!("facts/{}.json", fact_type.name));
    heading(page, &fact_type.name, &schema);
    data(page, &fact_type.name, &fact_type.fields, &schema, parts);
}

fn heading(page: &mut String, name: &str, schema: &Value) {
    let what = schema["description"].as_str().unwrap().split(" This is the schema").next().unwrap();
    let _ = writeln!(page, "\n### `{name}`\n\n{what}\n");
}

fn data(page: &mut String, name: &str, known: &[Field], schema: &Value, parts: &Parts) {
    page.push_str("Fields of `data`:\n\n");
    let rows = fields::rows(schema, parts);
    assert_agree(name, known, &rows);
    fields::table(page, &rows);
    let example = read(&format!("examples/{name}/ok-design.json"));
    let _ = writeln!(page, "\nAn event that is accepted:\n\n```json\n{}\n```", example.trim_end());
    let _ = writeln!(page, "\n[More examples](../schemas/examples/{name}/), good and bad.");
}

fn policy(page: &mut String, event_type: &EventType, policy: &Value) {
    let policy_of = &event_type.policy;
    let same: Vec<String> = policy_of.same_as.iter().map(|path| format!("`{path}`")).collect();
    let expires = &policy["expires"];
    let (field, plus) = (expires["field"].as_str().unwrap(), expires["plus"].as_str().unwrap());
    let useless = if plus.starts_with('0') { String::new() } else { format!(" and {plus}") };
    let quiet = if policy_of.quiet_hours { "waited for" } else { "not waited for" };
    let _ = writeln!(page, "- Queue: `{}`.", event_type.queue);
    let _ = writeln!(
        page,
        "- Consent: `{}`, unless the clinic has set another rule.",
        policy_of.consent
    );
    let _ = writeln!(page, "- Quiet hours of the clinic: {quiet}.");
    let _ = writeln!(page, "- The same thing twice is one message: {}.", same.join(", "));
    let _ = writeln!(page, "- Useless, and not sent any more, after: `{field}`{useless}.");
    let _ = writeln!(page, "- Longest text: {} SMS segments.", policy_of.max_segments);
}

/// The table has the fields that Ulak itself reads off the schema, no more and no fewer.
fn assert_agree(name: &str, known: &[Field], rows: &[Row]) {
    let mut listed: Vec<(&str, &str, bool)> =
        rows.iter().map(|row| (row.path.as_str(), row.kind.as_str(), row.required)).collect();
    listed.sort_unstable();
    let known: Vec<_> =
        known.iter().map(|f| (f.path.as_str(), f.kind.as_str(), f.required)).collect();
    assert_eq!(listed, known, "{name}");
}

const REFUSALS: &str = "
## Refusals

A refused event is never sent and does not take its id: mend it and publish it again under the same one. It is told as
`ulak.event-refused.v1` (below), lies on the queue `ulak.dead-letter` with the headers `x-ulak-reason` (the rule) and
`x-ulak-path` (a JSON pointer into the body, empty for all of it), and ops see it with `ulak dead-letter list`. The value
that was wrong is never repeated. Of several mistakes the first by the order of this list, and then by path, is told.

| rule | what it means and what to do | example |
|---|---|---|
";

fn refusals(page: &mut String) {
    page.push_str(REFUSALS);
    let examples = bad_examples();
    for rule in Rule::ALL {
        let shown = examples.iter().find(|(name, _, _)| name == rule.as_str());
        let example = shown.map(|(_, path, file)| {
            let at = if path.is_empty() { "the body".to_owned() } else { format!("`{path}`") };
            format!("[{at}](../schemas/examples/{file})")
        });
        let _ =
            writeln!(page, "| `{rule}` | {} | {} |", rule.meaning(), example.unwrap_or_default());
    }
    page.push_str(
        "\nThe last six are given by the ledger and the workers, when the body itself could be read.\n",
    );
}

/// Rule, path and file of every bad example, the ones with the shortest names first.
fn bad_examples() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let registry = Registry::embedded().unwrap();
    let types = registry.types().map(|event_type| &event_type.name);
    for type_name in types.chain(registry.facts().map(|fact_type| &fact_type.name)) {
        let folder = root().join("examples").join(type_name);
        for entry in fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let Some(stem) = name.strip_suffix(".expect.json") else { continue };
            let expected = json(&format!("examples/{type_name}/{name}"));
            let text = |key: &str| expected[key].as_str().unwrap().to_owned();
            found.push((text("rule"), text("path"), format!("{type_name}/{stem}.json")));
        }
    }
    found.sort_by_key(|(_, _, file)| (file.len(), file.clone()));
    found
}

const OUTCOMES: &str = "
## What Ulak tells back

On the topic exchange `ulak.outcomes`, routing key = type. Declare a durable queue of your own and bind it:
`ulak.delivery-updated.v1`, `ulak.event-refused.v1`, or `ulak.#` for all. While no queue is bound nothing is published; it
takes at most 15 s until Ulak sees yours, and then you are told what was recorded since, but nothing older than seven
days: a queue that is gone for a weekend loses nothing, and one that is bound after a year is not flooded.

- At least once: the same record always has the same CloudEvents `id`. Drop what you have seen.
- In the order of the records, but after a broken connection some may come again: go by `data.at`.
- All clinics of an installation are told on the one exchange: take what has your `clinic`.
- Limit your queue with `x-max-length` and `x-overflow: drop-head`. A queue that refuses messages
  (`reject-publish`) holds everybody up.
- No name, no number, no text and no value of your event is in it: join by `source` and `id`.
";

fn outcomes(page: &mut String, parts: &Parts) {
    page.push_str(OUTCOMES);
    for (name, example) in
        [("ulak.delivery-updated.v1", "accepted"), ("ulak.event-refused.v1", "phone")]
    {
        let schema = json(&format!("outcomes/{name}.json"));
        let what = schema["description"].as_str().unwrap();
        let what = what.replacen(" This is the schema of the event's data.", "", 1);
        let _ = writeln!(page, "\n### `{name}`\n\n{what}\n");
        fields::table(page, &fields::rows(&schema, parts));
        let example = read(&format!("outcomes/examples/{name}/{example}.json"));
        let _ = writeln!(page, "\n```json\n{}\n```", example.trim_end());
    }
}
