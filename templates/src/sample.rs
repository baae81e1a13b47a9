//! Made-up events with which every text is tried when it is loaded.

use chrono::{DateTime, Utc};
use schemas::{ClinicId, PersonName};
use serde_json::{Map, Value};

use crate::clinic::{ClinicFace, NameStyle};
use crate::plan::{Form, Plan, Slot, SlotKind, Source};
use crate::view::Use;

/// A value that an event or a clinic may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Slot(usize),
    Near,
    ClinicPhone,
    ClinicAddress,
}

/// How the names in a trial are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    Turkish,
    /// In no Turkish letters: takes no suffix (`ek`).
    Foreign,
    /// As some clinic systems store them: `ek` must be told that it is a name.
    Capitals,
    Small,
    /// The most characters that people may meet.
    Long,
}

/// One trial: everything that a text needs to be rendered.
#[derive(Debug)]
pub(crate) struct Sample {
    /// What is special about it, for the error: `without appointment.with`.
    pub(crate) what: String,
    pub(crate) data: Value,
    pub(crate) person: PersonName,
    pub(crate) clinic: ClinicFace,
    pub(crate) now: DateTime<Utc>,
}

const NAME: &str = "Ayşe Yılmaz";
const LONG_NAME: &str = "Abdülkadir Gökhan Muhammed Şekercizadeoğulları";
const LONG_TEXT: &str = "Prof. Dr. Öğr. Üyesi Ayşegül Şahingöz Iğdırlıoğlu Çağdaşoğlu";
const INSTANT: &str = "2026-11-22T14:30:00+03:00";
/// A long day in a long month.
const LONG_INSTANT: &str = "2028-08-30T14:30:00+03:00";
const DAY_BEFORE: &str = "2026-11-21T10:00:00Z";
const WEEK_BEFORE: &str = "2026-11-15T10:00:00Z";

/// Everything present.
pub(crate) fn full(plan: &Plan) -> Option<Sample> {
    build(plan, "with every field".to_owned(), Spelling::Turkish, &[], None)
}

/// All trials of a text that uses `uses`: everything present, nothing optional present, each
/// optional part alone present and alone absent, and each choice.
pub(crate) fn all(plan: &Plan, uses: &[Use]) -> Vec<Sample> {
    let parts = optional_parts(plan, uses);
    let bare = match parts.as_slice() {
        [part] => format!("without {}", name(plan, *part)),
        _ => "with no optional field".to_owned(),
    };
    let turkish = Spelling::Turkish;
    let mut samples = vec![full(plan), build(plan, bare, turkish, &parts, None)];
    if parts.len() > 1 {
        for part in &parts {
            let others: Vec<Part> = parts.iter().copied().filter(|other| other != part).collect();
            samples.push(build(
                plan,
                format!("without {}", name(plan, *part)),
                turkish,
                &[*part],
                None,
            ));
            samples.push(build(
                plan,
                format!("with {} only", name(plan, *part)),
                turkish,
                &others,
                None,
            ));
        }
    }
    for (at, slot) in used_slots(plan, uses) {
        if let SlotKind::Choice { values } = &slot.kind {
            for value in values {
                let what = format!("with {} = {value}", slot.dotted);
                samples.push(build(plan, what, turkish, &[], Some((at, value))));
            }
        }
    }
    for (spelling, what) in [
        (Spelling::Foreign, "with names that take no suffix"),
        (Spelling::Capitals, "with names in capitals"),
        (Spelling::Small, "with names in small letters"),
    ] {
        samples.push(build(plan, what.to_owned(), spelling, &[], None));
    }
    samples.into_iter().flatten().collect()
}

/// The longest that a text is likely to become.
pub(crate) fn longest(plan: &Plan) -> Option<Sample> {
    build(plan, "with the longest sample".to_owned(), Spelling::Long, &[], None)
}

fn used_slots<'a>(plan: &'a Plan, uses: &'a [Use]) -> impl Iterator<Item = (usize, &'a Slot)> {
    plan.slots.iter().enumerate().filter(|(at, _)| {
        uses.iter().any(|u| matches!(u.source, Source::Field { slot, .. } if slot == *at))
    })
}

fn optional_parts(plan: &Plan, uses: &[Use]) -> Vec<Part> {
    let mut parts = Vec::new();
    for Use { source, .. } in uses.iter().filter(|u| plan.is_optional(&u.source)) {
        let found = match source {
            // The trials with other spellings have both.
            Source::ClinicName | Source::ClinicNameTakesSuffix => continue,
            Source::ClinicPhone => vec![Part::ClinicPhone],
            Source::ClinicAddress => vec![Part::ClinicAddress],
            Source::Field { slot, form } => {
                let optional = plan.slots.get(*slot).is_some_and(|slot| slot.optional);
                let near = (*form == Form::Near).then_some(Part::Near);
                optional.then_some(Part::Slot(*slot)).into_iter().chain(near).collect()
            }
        };
        for part in found {
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
    }
    parts
}

fn name(plan: &Plan, part: Part) -> String {
    match part {
        Part::Slot(at) => plan.slots.get(at).map(|slot| slot.dotted.clone()).unwrap_or_default(),
        Part::Near => "a near day".to_owned(),
        Part::ClinicPhone => "the clinic's phone".to_owned(),
        Part::ClinicAddress => "the clinic's address".to_owned(),
    }
}

/// `None` never happens: the constants above are valid, and a test says so.
fn build(
    plan: &Plan,
    what: String,
    spelling: Spelling,
    absent: &[Part],
    choice: Option<(usize, &String)>,
) -> Option<Sample> {
    let mut data = Value::Object(Map::new());
    for (at, slot) in plan.slots.iter().enumerate() {
        if absent.contains(&Part::Slot(at)) {
            continue;
        }
        if let SlotKind::Money { currency } = &slot.kind {
            put(&mut data, currency, Value::from("TRY"));
        }
        let value = match choice {
            Some((chosen, value)) if chosen == at => Value::from(value.as_str()),
            _ => value(&slot.kind, spelling),
        };
        // The currency beside an amount is a choice too; the first one that came stays.
        put(&mut data, &slot.path, value);
    }
    let is_absent = |part| absent.contains(&part);
    Some(Sample {
        what,
        data,
        person: PersonName::parse(person(spelling)).ok()?,
        clinic: ClinicFace {
            id: ClinicId::parse("sample").ok()?,
            name: clinic_name(spelling).to_owned(),
            phone: (!is_absent(Part::ClinicPhone)).then(|| "0212 000 00 00".to_owned()),
            address: (!is_absent(Part::ClinicAddress))
                .then(|| "Örnek Mah. Papatya Sok. 1, Ataşehir, İstanbul".to_owned()),
            zone: chrono_tz::Tz::Europe__Istanbul,
            name_style: NameStyle::Full,
        },
        now: if is_absent(Part::Near) { WEEK_BEFORE } else { DAY_BEFORE }.parse().ok()?,
    })
}

const fn person(spelling: Spelling) -> &'static str {
    match spelling {
        Spelling::Turkish => NAME,
        Spelling::Foreign => "Walter Max",
        Spelling::Capitals => "IŞIL",
        Spelling::Small => "ışıl",
        Spelling::Long => LONG_NAME,
    }
}

const fn clinic_name(spelling: Spelling) -> &'static str {
    match spelling {
        Spelling::Foreign => "Maxwell",
        Spelling::Long => "Özel Ataşehir Şifa Ağız ve Diş Sağlığı Polikliniği",
        _ => "Örnek Kliniği",
    }
}

fn value(kind: &SlotKind, spelling: Spelling) -> Value {
    let long = spelling == Spelling::Long;
    match kind {
        SlotKind::Text => Value::from(match spelling {
            Spelling::Foreign => "Dr. Max Weber-Fox",
            Spelling::Long => LONG_TEXT,
            _ => "Dr. Örnek Kişi",
        }),
        SlotKind::PersonName => Value::from(person(spelling)),
        SlotKind::Instant => Value::from(if long { LONG_INSTANT } else { INSTANT }),
        SlotKind::Money { .. } => Value::from(if long { "123456789.05" } else { "1250.50" }),
        SlotKind::Integer => Value::from(if long { 123_456 } else { 3 }),
        SlotKind::Choice { values } => Value::from(values.first().map_or("", String::as_str)),
    }
}

fn put(data: &mut Value, path: &[String], value: Value) {
    let mut place = data;
    for key in path {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(object) = place else { return };
        place = object.entry(key.clone()).or_insert(Value::Null);
    }
    if place.is_null() {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_samples() {
        let registry = schemas::Registry::embedded().unwrap();
        for event_type in registry.types() {
            let plan = Plan::of(event_type).unwrap();
            let sample = full(&plan).unwrap();
            assert_eq!(sample.person.full(), NAME);
            assert!(sample.data["recipient"]["name"].is_string());
        }
    }
}
