//! Which names a text of an event type may use: made from the type's schema, without Rust per type.
//!
//! `templates/README.md` lists the names of each kind of field for people who write texts.

use std::collections::BTreeMap;

use schemas::{EventType, Field, FieldKind};

/// Where the value of a name comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    ClinicName,
    ClinicPhone,
    ClinicAddress,
    /// Whether the clinic's name takes a suffix; absent if not.
    ClinicNameTakesSuffix,
    Field {
        slot: usize,
        form: Form,
    },
}

/// Which writing of a field a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Text, number, amount, name: there is only one.
    Plain,
    Date,
    Time,
    Day,
    DateTime,
    /// `bugün`, `yarın` or absent.
    Near,
    /// Whether the value takes a suffix (`ek`); absent if not.
    TakesSuffix,
    /// A choice in the words of the language.
    Word,
    /// A choice as the event has it, for conditions.
    Code,
}

/// A field of the event that texts may show.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Keys from `data` down to the value.
    pub(crate) path: Vec<String>,
    /// The same with dots, for people: `payment.amount`.
    pub(crate) dotted: String,
    pub(crate) kind: SlotKind,
    /// Whether a valid event may lack it.
    pub(crate) optional: bool,
}

#[derive(Debug)]
pub(crate) enum SlotKind {
    Text,
    PersonName,
    Instant,
    /// With the path of its currency, the field `currency` beside it.
    Money {
        currency: Vec<String>,
    },
    Integer,
    Choice {
        values: Vec<String>,
    },
}

/// The names of one event type.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) slots: Vec<Slot>,
    names: BTreeMap<String, Source>,
}

impl Plan {
    /// Makes the names of `event_type`; `Err` says which two fields claim the same name.
    pub(crate) fn of(event_type: &EventType) -> Result<Self, String> {
        let mut plan = Self {
            slots: Vec::new(),
            names: BTreeMap::from([
                ("clinic_name".to_owned(), Source::ClinicName),
                ("clinic_name_takes_suffix".to_owned(), Source::ClinicNameTakesSuffix),
                ("clinic_phone".to_owned(), Source::ClinicPhone),
                ("clinic_address".to_owned(), Source::ClinicAddress),
            ]),
        };
        for field in &event_type.fields {
            plan.add(field)?;
        }
        Ok(plan)
    }

    pub(crate) fn source(&self, name: &str) -> Option<&Source> {
        self.names.get(name)
    }

    /// Whether an event or a clinic may lack the value of this name.
    pub(crate) fn is_optional(&self, source: &Source) -> bool {
        match source {
            Source::ClinicName => false,
            Source::ClinicPhone | Source::ClinicAddress | Source::ClinicNameTakesSuffix => true,
            Source::Field { slot, form } => {
                matches!(form, Form::Near | Form::TakesSuffix)
                    || self.slots.get(*slot).is_none_or(|slot| slot.optional)
            }
        }
    }

    /// Why a text may not use `name`, with the names it may have meant.
    pub(crate) fn unknown_name(&self, name: &str) -> String {
        let first = name.split('_').next().unwrap_or(name);
        let near: Vec<&str> = self
            .names
            .keys()
            .map(String::as_str)
            .filter(|known| known.starts_with(first))
            .collect();
        let known = if near.is_empty() {
            self.names.keys().map(String::as_str).collect::<Vec<_>>()
        } else {
            near
        };
        format!("unknown name `{name}`; this type has {}", known.join(", "))
    }

    fn add(&mut self, field: &Field) -> Result<(), String> {
        let Some(kind) = slot_kind(field) else { return Ok(()) };
        let forms: &[(&str, Form)] = match kind {
            SlotKind::Instant => &[
                ("_date", Form::Date),
                ("_time", Form::Time),
                ("_day", Form::Day),
                ("_date_time", Form::DateTime),
                ("_near", Form::Near),
            ],
            SlotKind::Choice { .. } => &[("", Form::Word), ("_code", Form::Code)],
            SlotKind::PersonName | SlotKind::Text => {
                &[("", Form::Plain), ("_takes_suffix", Form::TakesSuffix)]
            }
            _ => &[("", Form::Plain)],
        };
        let slot = self.slots.len();
        let base = field.path.replace('.', "_");
        for (ending, form) in forms {
            let name = format!("{base}{ending}");
            if self.names.insert(name.clone(), Source::Field { slot, form: *form }).is_some() {
                return Err(format!(
                    "the name `{name}` would stand for two fields: rename field {}",
                    field.path
                ));
            }
        }
        self.slots.push(Slot {
            path: keys(&field.path),
            dotted: field.path.clone(),
            kind,
            optional: !field.required,
        });
        Ok(())
    }
}

fn keys(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

/// `None` for what no text shows: telephone numbers, lists, and how a person is to be reached.
fn slot_kind(field: &Field) -> Option<SlotKind> {
    Some(match field.kind {
        FieldKind::Text => SlotKind::Text,
        FieldKind::PersonName => SlotKind::PersonName,
        FieldKind::Instant => SlotKind::Instant,
        FieldKind::Money => {
            let parent = field.path.rsplit_once('.').map_or("", |(parent, _)| parent);
            let mut currency = if parent.is_empty() { Vec::new() } else { keys(parent) };
            currency.push("currency".to_owned());
            SlotKind::Money { currency }
        }
        FieldKind::Integer => SlotKind::Integer,
        FieldKind::Enum => SlotKind::Choice { values: field.values.clone() },
        FieldKind::Phone | FieldKind::List => return None,
    })
}
