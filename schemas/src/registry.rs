//! All event types, compiled once.

mod facts;
mod folder;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;

use jsonschema::{Draft, Retrieve, Uri, Validator};
use serde_json::Value;

use crate::event::{CHANGED_AT, REMINDER_RULE};
use crate::fields::{Field, FieldKind, fields_of};
use crate::policy::Policy;

pub use facts::{FactKind, FactType};

/// The files of `events/`, listed by `build.rs`.
const EVENTS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/events.rs"));
/// The files of `facts/`, likewise.
const FACTS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/facts.rs"));
const ENVELOPE: &str = include_str!("../envelope.json");
const PARTS: &str = include_str!("../parts.json");
const POLICY: &str = include_str!("../policy.json");

/// A type of event: what its `data` may be and how it is treated.
pub struct EventType {
    /// `ulak.appointment-reminder.v1`; the routing key.
    pub name: String,
    /// The type's own queue: `ulak.appointment-reminder`, shared by its versions.
    pub queue: String,
    /// Which policy and schema these are: the beginning of the file's SHA-256, in hex (`sha256sum FILE | cut -c1-16`).
    pub version: String,
    /// How it is treated.
    pub policy: Policy,
    /// Every leaf under `data`, in the order of the paths.
    pub fields: Vec<Field>,
    pub(crate) data: Validator,
}

impl EventType {
    /// The field at a dotted path under `data`.
    pub fn field(&self, path: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.path == path)
    }
}

impl fmt::Debug for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventType")
            .field("name", &self.name)
            .field("queue", &self.queue)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// The event types of this build and the one way from bytes to an event ([`read`](Self::read)).
#[derive(Debug)]
pub struct Registry {
    pub(crate) envelope: Validator,
    types: BTreeMap<String, EventType>,
    facts: BTreeMap<String, FactType>,
}

/// A schema file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {}: {what}; mend the file", if key.is_empty() { "the file" } else { key })]
pub struct RegistryError {
    /// Path of the file: `schemas/…` for what is built in.
    pub file: String,
    /// JSON pointer in the file, `""` for all of it.
    pub key: String,
    /// What is wrong with it.
    pub what: String,
}

impl Registry {
    /// The types that were built in: every file of `schemas/events/`.
    pub fn embedded() -> Result<Self, RegistryError> {
        Self::load(EVENTS.iter().copied())
    }

    /// Builds a registry from event files: (file name, text).
    pub fn load<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, RegistryError> {
        const SHOWN: &str = "schemas/envelope.json";
        let envelope = compile(SHOWN, &json(SHOWN, ENVELOPE)?)?;
        let policy = policy_schema()?;
        let mut types = BTreeMap::new();
        for (file, text) in files {
            let event_type = event_type(file, &format!("schemas/events/{file}"), text, &policy)?;
            types.insert(event_type.name.clone(), event_type);
        }
        let mut facts = BTreeMap::new();
        for &(file, text) in FACTS {
            let fact_type = facts::fact_type(file, text)?;
            facts.insert(fact_type.name.clone(), fact_type);
        }
        Ok(Self { envelope, types, facts })
    }

    /// Every type, by name.
    pub fn types(&self) -> impl Iterator<Item = &EventType> {
        self.types.values()
    }

    /// Every type of fact, by name. A fact is taken by the scheduler and has neither policy nor queue of its own.
    pub fn facts(&self) -> impl Iterator<Item = &FactType> {
        self.facts.values()
    }

    /// Whether a type of this name is a fact, to be read by [`read_fact`](Self::read_fact).
    pub fn is_fact(&self, event_type: &str) -> bool {
        self.facts.contains_key(event_type)
    }

    /// The type of fact of this name.
    pub fn fact(&self, name: &str) -> Option<&FactType> {
        self.facts.get(name)
    }

    /// The type of this name.
    pub fn get(&self, name: &str) -> Option<&EventType> {
        self.types.get(name)
    }
}

fn policy_schema() -> Result<Validator, RegistryError> {
    const SHOWN: &str = "schemas/policy.json";
    compile(SHOWN, &json(SHOWN, POLICY)?)
}

/// One type of its `file`, which errors call `shown`.
fn event_type(
    file: &str,
    shown: &str,
    text: &str,
    policy: &Validator,
) -> Result<EventType, RegistryError> {
    let trouble = |key: &str, what: String| RegistryError {
        file: shown.to_owned(),
        key: key.to_owned(),
        what,
    };
    let Shape { name, queue, version, schema, fields, data } = shape("events", file, shown, text)?;
    let policy = read_policy(&schema, policy).map_err(|(key, what)| trouble(&key, what))?;
    check_fields(&fields).map_err(|what| trouble("/properties", what))?;
    check_policy(&policy, &fields).map_err(|(key, what)| trouble(key, what))?;
    Ok(EventType { name, queue, version, policy, fields, data })
}

/// What a file says of its `data`, be it a notification or a fact.
struct Shape {
    name: String,
    /// The name without its version.
    queue: String,
    version: String,
    /// Refers to nothing outside itself.
    schema: Value,
    fields: Vec<Field>,
    data: Validator,
}

/// Reads `<folder>/<file>`, which errors call `shown`.
fn shape(folder: &str, file: &str, shown: &str, text: &str) -> Result<Shape, RegistryError> {
    let trouble = |key: &str, what: String| RegistryError {
        file: shown.to_owned(),
        key: key.to_owned(),
        what,
    };
    let (name, queue) = names(file).ok_or_else(|| {
        trouble("", "the name of the file must be <type>.v<n>.json in a-z, 0-9, . and -".to_owned())
    })?;
    let schema = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_base_uri(format!("{BASE}{folder}/{file}"))
        .with_retriever(Parts)
        .dereference(&json(shown, text)?)
        .map_err(|error| trouble("", error.to_string()))?;
    let data = compile(shown, &schema)?;
    let fields = fields_of(&schema).map_err(|(key, what)| trouble(&key, what))?;
    let version = HEXLOWER.encode(&Sha256::digest(text.as_bytes())[..8]);
    Ok(Shape { name, queue, version, schema, fields, data })
}

/// `ulak.payment-receipt.v1.json` → type and queue.
fn names(file: &str) -> Option<(String, String)> {
    let name = file.strip_suffix(".json")?;
    let (queue, version) = name.rsplit_once(".v")?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let good = !queue.is_empty()
        && queue.bytes().all(plain)
        && !version.is_empty()
        && version.bytes().all(|b| b.is_ascii_digit());
    good.then(|| (name.to_owned(), queue.to_owned()))
}

fn read_policy(schema: &Value, validator: &Validator) -> Result<Policy, (String, String)> {
    let key = |below: &str| format!("/x-ulak{below}");
    let policy = schema.get("x-ulak").ok_or_else(|| (key(""), "is missing".to_owned()))?;
    if let Some(error) =
        validator.iter_errors(policy).min_by_key(|error| error.instance_path().to_string())
    {
        return Err((key(error.instance_path().as_str()), error.to_string()));
    }
    Policy::deserialize_from(policy).map_err(|error| (key(""), error.to_string()))
}

impl Policy {
    fn deserialize_from(value: &Value) -> serde_json::Result<Self> {
        serde::Deserialize::deserialize(value)
    }
}

/// What reading an event relies on whatever its type.
fn check_fields(fields: &[Field]) -> Result<(), String> {
    let has = |path: &str, kind: FieldKind, required: bool| {
        fields
            .iter()
            .any(|field| field.path == path && field.kind == kind && (field.required || !required))
    };
    if !has("recipient.name", FieldKind::PersonName, true) {
        return Err("recipient.name must be there, required, of kind person-name".to_owned());
    }
    if !has("recipient.phone", FieldKind::Phone, true) {
        return Err("recipient.phone must be there, required, of kind phone".to_owned());
    }
    let visit = fields.iter().any(|field| field.path.starts_with("appointment."));
    if visit
        && !(has("appointment.id", FieldKind::Text, false)
            && has("appointment.starts_at", FieldKind::Instant, false))
    {
        return Err("an appointment has an id (text) and starts_at (instant)".to_owned());
    }
    Ok(())
}

/// Fields of `same_as` that an event may lack: what their absence means is fixed.
const MAY_BE_ABSENT: [&str; 2] = [REMINDER_RULE, CHANGED_AT];

/// What a policy says about fields that a schema of the policy alone cannot know.
fn check_policy(policy: &Policy, fields: &[Field]) -> Result<(), (&'static str, String)> {
    let field = |path: &str| fields.iter().find(|field| field.path == path);
    let expires = &policy.expires.field;
    if !field(expires).is_some_and(|field| field.required && field.kind == FieldKind::Instant) {
        return Err((
            "/x-ulak/expires/field",
            format!("{expires} must be a required field of kind instant"),
        ));
    }
    for path in &policy.same_as {
        let usable = field(path).is_some_and(|field| {
            let personal = matches!(field.kind, FieldKind::PersonName | FieldKind::Phone);
            (field.required || MAY_BE_ABSENT.contains(&path.as_str())) && !personal
        });
        if !usable {
            let what = format!(
                "{path} must be a required field that names no person (only {} may be absent)",
                MAY_BE_ABSENT.join(" and ")
            );
            return Err(("/x-ulak/same_as", what));
        }
    }
    if policy.min_gap && field("appointment.starts_at").is_none() {
        return Err(("/x-ulak/min_gap", "needs appointment.starts_at in data".to_owned()));
    }
    Ok(())
}

fn json(file: &str, text: &str) -> Result<Value, RegistryError> {
    serde_json::from_str(text).map_err(|error| RegistryError {
        file: file.to_owned(),
        key: String::new(),
        what: error.to_string(),
    })
}

/// Compiles a schema that refers to nothing outside itself. Formats stay annotations: kinds do that work.
fn compile(file: &str, schema: &Value) -> Result<Validator, RegistryError> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(false)
        .offline()
        .build(schema)
        .map_err(|error| RegistryError {
            file: file.to_owned(),
            key: error.instance_path().to_string(),
            what: error.to_string(),
        })
}

/// The folder `schemas/` as a URI, so that `../parts.json` in an event file is found where it lies.
const BASE: &str = "ulak:///";

/// Answers the one reference that leaves an event file.
struct Parts;

impl Retrieve for Parts {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        match uri.as_str().strip_prefix(BASE) {
            Some("parts.json") => Ok(serde_json::from_str(PARTS)?),
            _ => Err(format!("{uri} cannot be referred to: only ../parts.json can").into()),
        }
    }
}

#[cfg(test)]
mod tests;
