//! The fields of an event type, read off its JSON Schema.
//!
//! They are what a new type brings instead of Rust: templates make their view from them, and reading an event
//! checks each field by its kind.

use serde_json::{Map, Value};

/// What a field holds, beyond its JSON type; `x-ulak-kind` in the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldKind {
    /// Text without control characters.
    Text,
    /// A [`PersonName`](crate::PersonName).
    PersonName,
    /// A [`PhoneNumber`](crate::PhoneNumber).
    Phone,
    /// RFC 3339 with its offset; the field is called `at` or its name ends in `_at`.
    Instant,
    /// A decimal string with a point; its currency is the field `currency` beside it.
    Money,
    /// A JSON integer within ±(2^53−1).
    Integer,
    /// One of the texts that the schema lists.
    Enum,
    /// An array of texts.
    List,
}

impl FieldKind {
    const ALL: [Self; 8] = [
        Self::Text,
        Self::PersonName,
        Self::Phone,
        Self::Instant,
        Self::Money,
        Self::Integer,
        Self::Enum,
        Self::List,
    ];

    /// As the schema writes it: `person-name`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::PersonName => "person-name",
            Self::Phone => "phone",
            Self::Instant => "instant",
            Self::Money => "money",
            Self::Integer => "integer",
            Self::Enum => "enum",
            Self::List => "list",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    fn json_type(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::List => "array",
            _ => "string",
        }
    }
}

/// One leaf under `data`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Dotted path under `data`: `appointment.starts_at`.
    pub path: String,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether every valid event has it.
    pub required: bool,
    /// The texts it may hold; only for [`FieldKind::Enum`] and lists of such.
    pub values: Vec<String>,
    /// Checks of a text beyond its kind.
    pub(crate) checks: Vec<TextCheck>,
}

/// `x-ulak-check` in the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextCheck {
    Title,
    Specialty,
}

impl Field {
    /// The field's value in an event's `data`.
    pub fn value_in<'a>(&self, data: &'a Value) -> Option<&'a Value> {
        lookup(data, &self.path)
    }

    /// The JSON pointer of the field in an event.
    pub(crate) fn pointer(&self) -> String {
        format!("/data/{}", self.path.replace('.', "/"))
    }
}

/// The value at a dotted path.
pub(crate) fn lookup<'a>(data: &'a Value, dotted: &str) -> Option<&'a Value> {
    dotted.split('.').try_fold(data, |value, name| value.as_object()?.get(name))
}

/// Whether a field of this path may be an instant: it is called `at`, or its name ends in `_at`.
pub(crate) fn names_instant(dotted: &str) -> bool {
    let name = dotted.rsplit_once('.').map_or(dotted, |(_, name)| name);
    name == "at" || name.ends_with("_at")
}

/// Something in a schema that is not as it must be: JSON pointer in the file, and what.
pub(crate) type SchemaTrouble = (String, String);

/// Reads the fields off a schema of `data` that holds no more `$ref`.
pub(crate) fn fields_of(schema: &Value) -> Result<Vec<Field>, SchemaTrouble> {
    let mut fields = Vec::new();
    collect(schema, "", "", true, &mut fields)?;
    Ok(fields)
}

fn collect(
    schema: &Value,
    pointer: &str,
    dotted: &str,
    required: bool,
    fields: &mut Vec<Field>,
) -> Result<(), SchemaTrouble> {
    let Some(object) = schema.as_object() else {
        return Err((pointer.to_owned(), "is no schema object".to_owned()));
    };
    if let Some(kind) = object.get("x-ulak-kind") {
        fields.push(leaf(object, kind, pointer, dotted, required)?);
        return Ok(());
    }
    let Some(Value::Object(properties)) = object.get("properties") else {
        let what = "needs x-ulak-kind (text, person-name, phone, instant, money, integer, enum, list) or properties";
        return Err((pointer.to_owned(), what.to_owned()));
    };
    if object.get("type") != Some(&"object".into()) {
        return Err((format!("{pointer}/type"), "must be \"object\"".to_owned()));
    }
    // Without it an unknown field would pass in silence (DESIGN §3.1).
    if object.get("additionalProperties") != Some(&false.into()) {
        return Err((format!("{pointer}/additionalProperties"), "must be false".to_owned()));
    }
    let needed = texts(object.get("required"));
    for (name, property) in properties {
        let below = if dotted.is_empty() { name.clone() } else { format!("{dotted}.{name}") };
        let required = required && needed.contains(name);
        collect(property, &format!("{pointer}/properties/{name}"), &below, required, fields)?;
    }
    Ok(())
}

fn leaf(
    schema: &Map<String, Value>,
    kind: &Value,
    pointer: &str,
    dotted: &str,
    required: bool,
) -> Result<Field, SchemaTrouble> {
    let trouble = |key: &str, what: &str| Err((format!("{pointer}/{key}"), what.to_owned()));
    let Some(kind) = kind.as_str().and_then(FieldKind::parse) else {
        return trouble(
            "x-ulak-kind",
            "must be text, person-name, phone, instant, money, integer, enum or list",
        );
    };
    if schema.get("type") != Some(&kind.json_type().into()) {
        return trouble(
            "type",
            &format!("must be {:?} for kind {}", kind.json_type(), kind.as_str()),
        );
    }
    // `same_as` compares instants as instants and knows them by their name alone.
    let misnamed =
        if kind == FieldKind::Instant { !names_instant(dotted) } else { dotted.ends_with("_at") };
    if misnamed {
        return trouble(
            "x-ulak-kind",
            "an instant is called at or its name ends in _at, and what ends in _at is an instant",
        );
    }
    let listed = match kind {
        FieldKind::List => schema.get("items").and_then(|items| items.get("enum")),
        _ => schema.get("enum"),
    };
    // A list says what its items look like, if it does not list them.
    let described = kind == FieldKind::List
        && schema.get("items").is_some_and(|items| items.get("pattern").is_some());
    if listed.is_none() && !described && matches!(kind, FieldKind::Enum | FieldKind::List) {
        return trouble("enum", "must list the values");
    }
    let mut checks = Vec::new();
    for check in texts(schema.get("x-ulak-check")) {
        checks.push(match check.as_str() {
            "title" => TextCheck::Title,
            "specialty" => TextCheck::Specialty,
            _ => return trouble("x-ulak-check", "must be title or specialty"),
        });
    }
    Ok(Field { path: dotted.to_owned(), kind, required, values: texts(listed), checks })
}

fn texts(value: Option<&Value>) -> Vec<String> {
    value
        .and_then(Value::as_array)
        .map(|items| items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default()
}
