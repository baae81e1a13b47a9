//! The flat view of one event: for each name that a text uses, a ready string.

use chrono::{DateTime, Utc};
use schemas::{Language, PersonName, parse_instant};
use serde_json::Value;
use tera::Context;

use crate::clinic::{ClinicFace, NameStyle};
use crate::moments::Moment;
use crate::money::format_money;
use crate::plan::{Form, Plan, Slot, SlotKind, Source};
use crate::turkish::{Kind, takes_suffix};
use crate::words::Words;

/// A name that a text uses.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    pub(crate) name: String,
    pub(crate) source: Source,
}

/// All that a text is made of.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// The event's `data`, valid by its schema.
    pub(crate) data: &'a Value,
    /// The recipient, already read from `data`.
    pub(crate) person: &'a PersonName,
    pub(crate) clinic: &'a ClinicFace,
    pub(crate) language: Language,
    pub(crate) now: DateTime<Utc>,
}

/// A field whose value is not what its schema promised.
#[derive(Debug)]
pub(crate) struct BadField {
    pub(crate) field: String,
    pub(crate) problem: &'static str,
}

/// Fills the names that a text uses. A value that is absent is left out, so that `{% if name %}` is
/// false and a bare `{{ name }}` is an error instead of a hole in the sentence.
pub(crate) fn fill(
    uses: &[Use],
    plan: &Plan,
    words: &Words,
    facts: Facts<'_>,
) -> Result<Context, BadField> {
    let mut context = Context::new();
    for Use { name, source } in uses {
        let value = match source {
            Source::ClinicName => Some(facts.clinic.name.clone()),
            Source::ClinicPhone => facts.clinic.phone.clone(),
            Source::ClinicAddress => facts.clinic.address.clone(),
            Source::ClinicNameTakesSuffix => {
                flag(takes_suffix(&facts.clinic.name, Some(Kind::Institution)))
            }
            Source::Field { slot, form } => match plan.slots.get(*slot) {
                Some(slot) => write(slot, *form, words, facts)
                    .map_err(|problem| BadField { field: slot.dotted.clone(), problem })?,
                None => None,
            },
        };
        match value.filter(|value| !value.trim().is_empty()) {
            Some(value) => context.insert_value(name.clone(), value.into()),
            None if plan.is_optional(source) => {}
            None => return Err(BadField { field: name.clone(), problem: "is empty" }),
        }
    }
    Ok(context)
}

fn write(
    slot: &Slot,
    form: Form,
    words: &Words,
    facts: Facts<'_>,
) -> Result<Option<String>, &'static str> {
    let found = at(facts.data, &slot.path).filter(|value| !value.is_null());
    let Some(value) = found else {
        return if slot.optional { Ok(None) } else { Err("is absent and the text needs it") };
    };
    if matches!(slot.kind, SlotKind::Integer) {
        let number = value.as_i64().ok_or("is not a whole number")?;
        return Ok(Some(number.to_string()));
    }
    let text = value.as_str().ok_or("is not a text")?.trim();
    match &slot.kind {
        SlotKind::Text if form == Form::TakesSuffix => Ok(flag(takes_suffix(text, None))),
        SlotKind::Text | SlotKind::Integer => Ok(Some(text.to_owned())),
        SlotKind::PersonName => {
            let name = greeting(slot, text, facts)?;
            Ok(match form {
                Form::TakesSuffix => flag(takes_suffix(&name, Some(Kind::Name))),
                _ => Some(name),
            })
        }
        SlotKind::Instant => instant(text, form, facts),
        SlotKind::Money { currency } => {
            let currency = at(facts.data, currency).and_then(Value::as_str);
            let currency = currency.ok_or("has no currency beside it")?;
            format_money(text, currency, facts.language)
                .map(Some)
                .ok_or("is not an amount with a currency")
        }
        SlotKind::Choice { .. } if form == Form::Code => Ok(Some(text.to_owned())),
        SlotKind::Choice { .. } => match words.word(&slot.dotted, text) {
            Some(word) => Ok(Some(word.to_owned())),
            None => Err("is a choice that words.json has no word for"),
        },
    }
}

fn at<'a>(data: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(data, |value, key| value.get(key))
}

/// True or absent: a text asks with `{% if %}`.
fn flag(is: bool) -> Option<String> {
    is.then(|| "true".to_owned())
}

fn greeting(slot: &Slot, text: &str, facts: Facts<'_>) -> Result<String, &'static str> {
    if slot.dotted == "recipient.name" {
        return Ok(styled(facts.person, facts.clinic.name_style));
    }
    let name = PersonName::parse(text).map_err(|_| "is not a name")?;
    Ok(styled(&name, facts.clinic.name_style))
}

fn styled(name: &PersonName, style: NameStyle) -> String {
    match style {
        NameStyle::First => name.first().to_owned(),
        NameStyle::Initials => name.initials(),
        NameStyle::Full => name.full().to_owned(),
    }
}

fn instant(text: &str, form: Form, facts: Facts<'_>) -> Result<Option<String>, &'static str> {
    let instant = parse_instant(text).map_err(|_| "is not an RFC 3339 instant")?;
    let zone = facts.clinic.zone;
    let moment = Moment::at(instant, zone).ok_or("is in a year that no text can show")?;
    let language = facts.language;
    Ok(match form {
        Form::Date => Some(moment.date(language)),
        Form::Time => Some(moment.time(language)),
        Form::Day => Some(moment.day(language)),
        Form::Near => moment.near(facts.now, zone, language).map(str::to_owned),
        _ => Some(moment.date_time(language)),
    })
}
