//! The leaves of a JSON Schema as a table for people.

use std::fmt::Write as _;

use serde_json::Value;

/// `parts.json`, to which the schemas refer.
pub struct Parts(pub Value);

/// One leaf.
pub struct Row {
    pub path: String,
    pub kind: String,
    pub required: bool,
    allowed: Vec<String>,
    what: String,
}

impl Parts {
    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let Some(to) = schema["$ref"].as_str() else { return schema };
        let pointer = to.split_once('#').unwrap().1;
        let found = self.0.pointer(pointer).unwrap_or_else(|| panic!("{to} is not in parts.json"));
        self.resolve(found)
    }
}

/// The leaves below an object, in the order of the schema.
pub fn rows(schema: &Value, parts: &Parts) -> Vec<Row> {
    let mut rows = Vec::new();
    collect(schema, parts, "", true, &mut rows);
    rows
}

fn collect(schema: &Value, parts: &Parts, path: &str, required: bool, rows: &mut Vec<Row>) {
    let schema = parts.resolve(schema);
    let Some(properties) = schema["properties"].as_object() else {
        rows.push(row(schema, path, required));
        return;
    };
    let needed = |name: &str| {
        schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
    };
    for (name, property) in properties {
        let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        collect(property, parts, &below, required && needed(name), rows);
    }
}

fn row(schema: &Value, path: &str, required: bool) -> Row {
    let kind = match (&schema["x-ulak-kind"], &schema["format"], &schema["type"]) {
        (Value::String(kind), _, _) => kind.clone(),
        (_, Value::String(_), _) => "instant".to_owned(),
        (_, _, Value::String(kind)) if kind == "string" => "text".to_owned(),
        (_, _, Value::String(kind)) => kind.clone(),
        (_, _, Value::Array(_)) => "text".to_owned(),
        _ => "enum".to_owned(),
    };
    let what = schema["description"].as_str().unwrap_or_default().to_owned();
    Row { path: path.to_owned(), kind, required, allowed: allowed(schema), what }
}

/// What the schema allows, as far as a person can read it: the rest is said by the description.
fn allowed(schema: &Value) -> Vec<String> {
    let mut allowed = Vec::new();
    for listed in [&schema["enum"], &schema["items"]["enum"]] {
        if let Some(values) = listed.as_array() {
            let values: Vec<String> = values.iter().map(code).collect();
            allowed.push(values.join(", "));
        }
    }
    if !schema["const"].is_null() {
        allowed.push(code(&schema["const"]));
    }
    let number = |key: &str| schema[key].as_i64();
    match (number("minLength"), number("maxLength")) {
        (Some(least), Some(most)) => allowed.push(format!("{least} to {most} characters")),
        (None, Some(most)) => allowed.push(format!("at most {most} characters")),
        _ => {}
    }
    if let (None, Some(most)) = (number("minItems"), number("maxItems")) {
        allowed.push(format!("at most {most}"));
    }
    match (number("minimum"), number("maximum")) {
        (Some(least), Some(most)) => allowed.push(format!("{least} to {most}")),
        (Some(least), None) => allowed.push(format!("{least} or more")),
        _ => {}
    }
    if let Some(default) = schema.get("default") {
        allowed.push(format!("absent: {}", code(default)));
    }
    allowed
}

fn code(value: &Value) -> String {
    value.as_str().map_or_else(|| format!("`{value}`"), |text| format!("`{text}`"))
}

/// Writes the rows as a Markdown table.
pub fn table(page: &mut String, rows: &[Row]) {
    page.push_str("| field | kind | required | allowed | meaning |\n|---|---|---|---|---|\n");
    for Row { path, kind, required, allowed, what } in rows {
        let required = if *required { "yes" } else { "" };
        let (allowed, what) = (allowed.join("; "), what.replace('|', "\\|"));
        let _ = writeln!(page, "| `{path}` | {kind} | {required} | {allowed} | {what} |");
    }
}
