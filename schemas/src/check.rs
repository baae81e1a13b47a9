//! What an event is held to: its kinds, its schema, and the rule that each breach is called by.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use crate::fields::{Field, FieldKind, TextCheck};
use crate::person::steers_text;
use crate::practitioner::{begins_with_title, folded_words, names_specialty};
use crate::refusal::{Fault, push_segment};
use crate::{PersonName, PhoneNumber, Rule, parse_instant};

/// The person whom the fields name, found while they are checked, so that nothing is parsed twice.
#[derive(Default)]
pub(crate) struct Person {
    pub(crate) name: Option<PersonName>,
    pub(crate) phone: Option<PhoneNumber>,
}

impl Person {
    /// The person of a `data` that was accepted once: read, but held to no rule that came later.
    pub(crate) fn of_accepted(fields: &[Field], data: &Value) -> Result<Self, Fault> {
        let mut person = Self::default();
        for field in fields {
            if let Some(text) = field.value_in(data).and_then(Value::as_str) {
                person.take(field, text).map_err(|rule| Fault::new(rule, field.pointer()))?;
            }
        }
        Ok(person)
    }

    pub(crate) fn take(&mut self, field: &Field, text: &str) -> Result<(), Rule> {
        match field.kind {
            FieldKind::PersonName => {
                let name = PersonName::parse(text)?;
                if field.path == "recipient.name" {
                    self.name = Some(name);
                }
            }
            FieldKind::Phone => {
                let phone = PhoneNumber::parse(text)?;
                if field.path == "recipient.phone" {
                    self.phone = Some(phone);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Checks `data` by kinds and by schema, in that order at one path; the smallest path wins. `more` is what was found wrong
/// beside them, and counts as found by kind.
pub(crate) fn check_data(
    fields: &[Field],
    schema: &Validator,
    data: &Value,
    more: Vec<Fault>,
) -> Result<Person, Fault> {
    let mut person = Person::default();
    let mut first: Option<(String, bool, Rule)> = None;
    let mut keep = |found: (String, bool, Rule)| {
        if first.as_ref().is_none_or(|known| found < *known) {
            first = Some(found);
        }
    };
    for Fault { rule, path } in more {
        keep((path, false, rule));
    }
    for field in fields {
        if let Some(text) = field.value_in(data).and_then(Value::as_str)
            && let Err(rule) = check_kind(field, text, &mut person)
        {
            keep((field.pointer(), false, rule));
        }
    }
    if !schema.is_valid(data) {
        for error in schema.iter_errors(data) {
            for (path, rule) in data_faults(fields, &error) {
                keep((path, true, rule));
            }
        }
    }
    match first {
        Some((path, _, rule)) => Err(Fault { rule, path }),
        None => Ok(person),
    }
}

/// What a field's kind and its extra checks demand of a text. Money is a pattern, which the schema has.
fn check_kind(field: &Field, text: &str, person: &mut Person) -> Result<(), Rule> {
    match field.kind {
        FieldKind::PersonName | FieldKind::Phone => person.take(field, text),
        FieldKind::Instant => parse_instant(text).map(drop).map_err(Rule::from),
        FieldKind::Text => {
            if text.chars().any(steers_text) {
                return Err(Rule::ControlCharacter);
            }
            let words = if field.checks.is_empty() { Vec::new() } else { folded_words(text) };
            for check in &field.checks {
                match check {
                    TextCheck::Specialty if names_specialty(&words) => return Err(Rule::Specialty),
                    TextCheck::Title if !begins_with_title(&words) => return Err(Rule::Title),
                    TextCheck::Specialty | TextCheck::Title => {}
                }
            }
            Ok(())
        }
        FieldKind::Money | FieldKind::Integer | FieldKind::Enum | FieldKind::List => Ok(()),
    }
}

/// The places and rules of one error of the schema of `data`.
fn data_faults(fields: &[Field], error: &ValidationError<'_>) -> Vec<(String, Rule)> {
    let (at, names) = place("/data", error);
    let child = |name: &str| {
        let mut path = at.clone();
        push_segment(&mut path, name);
        path
    };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            unexpected.iter().map(|name| (child(name), Rule::UnknownField)).collect()
        }
        ValidationErrorKind::Required { property } => {
            vec![(child(property.as_str().unwrap_or_default()), Rule::Required)]
        }
        kind => {
            let path = names.join(".");
            let field = fields.iter().find(|field| field.path == path);
            vec![(at, rule_of(kind, field.map(|field| field.kind)))]
        }
    }
}

fn rule_of(kind: &ValidationErrorKind, field: Option<FieldKind>) -> Rule {
    match (kind, field) {
        (ValidationErrorKind::Type { .. }, _) => Rule::WrongType,
        (_, Some(FieldKind::Phone)) => Rule::Phone,
        (_, Some(FieldKind::PersonName)) => Rule::Name,
        (_, Some(FieldKind::Money)) => Rule::Amount,
        (ValidationErrorKind::Enum { .. } | ValidationErrorKind::Constant { .. }, _) => Rule::Enum,
        (
            ValidationErrorKind::Minimum { .. }
            | ValidationErrorKind::Maximum { .. }
            | ValidationErrorKind::ExclusiveMinimum { .. }
            | ValidationErrorKind::ExclusiveMaximum { .. }
            | ValidationErrorKind::MinLength { .. }
            | ValidationErrorKind::MaxLength { .. }
            | ValidationErrorKind::MinItems { .. }
            | ValidationErrorKind::MaxItems { .. },
            _,
        ) => Rule::Range,
        _ => Rule::Format,
    }
}

/// Whatever an envelope has wrong is `envelope`; of several places the smallest.
pub(crate) fn first_envelope_fault<'a>(errors: impl Iterator<Item = ValidationError<'a>>) -> Fault {
    let path = errors
        .map(|error| {
            let (mut path, _) = place("", &error);
            match error.kind() {
                ValidationErrorKind::Required { property } => {
                    push_segment(&mut path, property.as_str().unwrap_or_default());
                }
                ValidationErrorKind::PropertyNames { .. } => push_segment(&mut path, ""),
                _ => {}
            }
            path
        })
        .min();
    Fault::new(Rule::Envelope, path.unwrap_or_default())
}

/// Where an error is: the pointer to show, and the names on the way.
fn place(root: &str, error: &ValidationError<'_>) -> (String, Vec<String>) {
    let mut pointer = root.to_owned();
    let names: Vec<String> = error
        .instance_path()
        .as_str()
        .split('/')
        .skip(1)
        .map(|segment| segment.replace("~1", "/").replace("~0", "~"))
        .collect();
    for name in &names {
        push_segment(&mut pointer, name);
    }
    (pointer, names)
}
