//! `asyncapi.yaml` as a section of the page: who publishes what, and where it goes.

use std::fmt::Write as _;

use serde_json::Value;

/// Writes the section.
pub fn section(page: &mut String, yaml: &str) {
    let document: Value = serde_saphyr::from_str(yaml).unwrap();
    let version = document["asyncapi"].as_str().unwrap();
    let _ = writeln!(
        page,
        "\n## The broker\n\n[schemas/asyncapi.yaml](../schemas/asyncapi.yaml) (AsyncAPI {version}) for your tools; its contents:\n"
    );
    page.push_str("| address | what | messages |\n|---|---|---|\n");
    for (_, channel) in object(&document["channels"]) {
        let messages: Vec<String> = object(&channel["messages"])
            .map(|(_, message)| {
                let message = follow(&document, message);
                format!("`{}`", text(&message["name"]))
            })
            .collect();
        let (title, what) = (text(&channel["title"]), text(&channel["description"]));
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        let address = text(&channel["address"]);
        let kind = kind(&document, channel);
        let _ =
            writeln!(page, "| `{address}`{kind} | **{title}.** {what} | {} |", messages.join(", "));
    }
    page.push_str("\n| Ulak | at | what |\n|---|---|---|\n");
    for (_, operation) in object(&document["operations"]) {
        let verb = if operation["action"] == "send" { "publishes" } else { "takes" };
        let channel = follow(&document, &operation["channel"]);
        let _ = writeln!(
            page,
            "| {verb} | `{}` | {} |",
            text(&channel["address"]),
            text(&operation["summary"])
        );
    }
}

/// What the address is on the broker.
fn kind(document: &Value, channel: &Value) -> String {
    let amqp = &follow(document, &channel["bindings"])["amqp"];
    match amqp["is"].as_str() {
        Some("queue") => " (queue)".to_owned(),
        Some("routingKey") => format!(" ({} exchange)", text(&amqp["exchange"]["type"])),
        _ => String::new(),
    }
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What a reference within the document means.
fn follow<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let Some(to) = value["$ref"].as_str() else { return value };
    let pointer = to.strip_prefix('#').unwrap();
    let found = document.pointer(pointer).unwrap_or_else(|| panic!("{to} is not there"));
    follow(document, found)
}
