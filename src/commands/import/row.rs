//! One row as an appointment, or what is wrong with it. What is wrong is said without the cell: it may hold anything about anybody.

use std::fmt;

use chrono_tz::Tz;
use schemas::{PersonName, PhoneNumber, PractitionerRefusal, Rule, check_practitioner};

use super::columns::{Columns, letter};
use super::fold::fold;
use super::sheet::{Cell, Line};
use super::when::{self, Slot};
use crate::cli::import::Field;

/// Longest `with` and longest key that an event carries (`schemas/parts.json`).
const LONGEST_WITH: usize = 60;
const LONGEST_ID: usize = 100;

/// Why a row is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct Bad {
    /// Where; `None`: the row as a whole.
    pub(in crate::commands) field: Option<Field>,
    /// The reason in one bounded word: a rule of the contract where there is one for it.
    pub(in crate::commands) rule: &'static str,
    /// What is wrong and what to do.
    pub(in crate::commands) said: String,
}

impl Bad {
    /// Something wrong with one field.
    pub(super) fn new(field: Field, rule: &'static str, said: impl Into<String>) -> Self {
        Self { field: Some(field), rule, said: said.into() }
    }

    /// Something wrong with the row.
    pub(super) fn row(rule: &'static str, said: impl Into<String>) -> Self {
        Self { field: None, rule, said: said.into() }
    }

    /// A rule of the contract that a field breaks.
    pub(super) fn rule(field: Field, rule: Rule) -> Self {
        Self::new(field, rule.as_str(), rule.meaning())
    }

    /// One line: place, rule, what to do.
    pub(super) fn line(&self, columns: &Columns) -> String {
        let column = |field| columns.of(field).map(|column| format!(" ({})", letter(column)));
        match self.field {
            Some(field) => {
                format!(
                    "{}{}: {}: {}",
                    field.word(),
                    column(field).unwrap_or_default(),
                    self.rule,
                    self.said
                )
            }
            None => format!("{}: {}", self.rule, self.said),
        }
    }
}

/// What a row is read without, though it holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Note {
    /// Who sees the person: it does not begin with a title.
    WithoutTitle,
    /// Who sees the person: it names a specialty, which no text may.
    Specialty,
    /// Who sees the person: too long, or no text for a line.
    NotForATextLine,
}

impl Note {
    /// The word for machines.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::WithoutTitle => "with-title",
            Self::Specialty => "with-specialty",
            Self::NotForATextLine => "with-length",
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WithoutTitle => {
                "left `with` out: it begins with no title (Dr., Dt., Uzm., Fzt., Dyt., …)"
            }
            Self::Specialty => {
                "left `with` out: it names a specialty or treatment, and a text must not"
            }
            Self::NotForATextLine => {
                "left `with` out: it is longer than 60 characters, or more than one line"
            }
        })
    }
}

/// An appointment as a row says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visit {
    /// Line of the file.
    pub(super) line: u64,
    /// Who comes.
    pub(super) name: PersonName,
    /// Their number.
    pub(super) phone: PhoneNumber,
    /// When.
    pub(super) slot: Slot,
    /// Who sees the person.
    pub(super) with: Option<String>,
    /// The clinic's own key.
    pub(super) id: Option<String>,
    /// The row says that it is cancelled.
    pub(super) cancelled: bool,
    /// What was left out of it.
    pub(super) note: Option<Note>,
}

/// Reads a row.
///
/// # Errors
/// The first thing that is wrong with it, in the order of the columns' weight: a person, a number, a time.
pub(super) fn read(line: &Line, columns: &Columns, zone: Tz) -> Result<Visit, Bad> {
    if let Some(to) = line.swallowed_to {
        return Err(Bad::row(
            "quotation-mark",
            format!(
                "a quotation mark is never closed: this line and those to {to} were taken for one cell; mend it"
            ),
        ));
    }
    let cell = |field| columns.of(field).map(|column| line.cell(column));
    let needed = |field| cell(field).unwrap_or(&Cell::Empty);
    let cancelled = status(cell(Field::Status))?;
    let name = name(needed(Field::Name), cell(Field::Surname))?;
    let phone = phone(needed(Field::Phone))?;
    let slot = when::slot(needed(Field::Date), cell(Field::Time), cell(Field::End), zone)?;
    if slot.ends_at.is_some_and(|ends_at| ends_at < slot.starts_at) {
        let field = if cell(Field::End).is_some_and(|cell| !cell.is_empty()) {
            Field::End
        } else {
            Field::Time
        };
        return Err(Bad::new(field, "range", "the end is before the start"));
    }
    let id = cell(Field::Id).map(id).transpose()?;
    let (with, note) = with(cell(Field::With));
    Ok(Visit { line: line.number, name, phone, slot, with, id, cancelled, note })
}

fn name(given: &Cell, family: Option<&Cell>) -> Result<PersonName, Bad> {
    let family = family.map(Cell::text).unwrap_or_default();
    let whole = format!("{} {family}", given.text());
    if whole.trim().is_empty() {
        return Err(Bad::new(Field::Name, "empty", "is empty"));
    }
    // line breaks within a cell are blanks here
    let whole = whole.split_whitespace().collect::<Vec<_>>().join(" ");
    PersonName::parse(&whole).map_err(|refusal| Bad::rule(Field::Name, refusal.into()))
}

pub(in crate::commands) fn phone(cell: &Cell) -> Result<PhoneNumber, Bad> {
    let shortened = || {
        let said = "Excel has shortened the number (5,32E+09): format the column as text and write it anew";
        Bad::new(Field::Phone, "phone-shortened", said)
    };
    let text = match cell {
        Cell::Empty => return Err(Bad::new(Field::Phone, "empty", "is empty")),
        Cell::Broken => {
            return Err(Bad::new(
                Field::Phone,
                "formula",
                "holds a formula that failed; mend it in Excel",
            ));
        }
        // a number that is no whole one is no phone number either
        Cell::Number(number) | Cell::Serial(number) => format!("{number}"),
        Cell::Text(text) => text.trim_start_matches('\'').trim_end_matches(".0").to_owned(),
    };
    let exponent = |part: &str| part.trim_start_matches('+').parse::<u8>().is_ok();
    let mantissa = |part: &str| {
        part.contains([',', '.']) && part.bytes().all(|b| b.is_ascii_digit() || b",.".contains(&b))
    };
    if text.split_once(['E', 'e']).is_some_and(|(m, e)| mantissa(m) && exponent(e)) {
        return Err(shortened());
    }
    PhoneNumber::parse(&text).map_err(|refusal| Bad::rule(Field::Phone, refusal.into()))
}

fn id(cell: &Cell) -> Result<String, Bad> {
    let text = match cell {
        Cell::Broken => {
            return Err(Bad::new(
                Field::Id,
                "formula",
                "holds a formula that failed; mend it in Excel",
            ));
        }
        Cell::Text(text) => text.trim().trim_start_matches('\'').to_owned(),
        cell => cell.text(),
    };
    if text.is_empty() {
        let said = "is empty, and a row without it would be another appointment each time; fill it in, or leave the column out with --map id=-";
        return Err(Bad::new(Field::Id, "empty", said));
    }
    if text.chars().count() > LONGEST_ID {
        return Err(Bad::new(
            Field::Id,
            "range",
            format!("is longer than {LONGEST_ID} characters"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(Bad::rule(Field::Id, Rule::ControlCharacter));
    }
    // ids stand in clear in records and on the broker
    if PhoneNumber::parse(&text).is_ok() {
        let said = "is a phone number, and an id must not name a person; name the right column with --map id=COLUMN, or none with --map id=-";
        return Err(Bad::new(Field::Id, "phone", said));
    }
    Ok(text)
}

/// Whether the row says that the visit is cancelled.
fn status(cell: Option<&Cell>) -> Result<bool, Bad> {
    let word = fold(&cell.map(Cell::text).unwrap_or_default());
    let begins = |stems: &[&str]| {
        word.split(' ').any(|word| stems.iter().any(|stem| word.starts_with(stem)))
    };
    // "iptal edilmedi" and "not cancelled" are nobody's status
    if begins(&["iptal", "cancel", "vazgec", "silin"]) {
        return Ok(true);
    }
    if begins(&["ertelen", "postpon"]) {
        let said = "says that it is postponed and not until when; write the new time, or that it is cancelled";
        return Err(Bad::new(Field::Status, "postponed", said));
    }
    Ok(false)
}

/// Who sees the person, if a text may say it. A reminder that does not is better than none.
fn with(cell: Option<&Cell>) -> (Option<String>, Option<Note>) {
    let text = cell.map(Cell::text).unwrap_or_default();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return (None, None);
    }
    if text.chars().count() > LONGEST_WITH || text.chars().any(char::is_control) {
        return (None, Some(Note::NotForATextLine));
    }
    match check_practitioner(&text) {
        Ok(()) => (Some(text), None),
        Err(PractitionerRefusal::Title) => (None, Some(Note::WithoutTitle)),
        Err(PractitionerRefusal::Specialty) => (None, Some(Note::Specialty)),
    }
}

#[cfg(test)]
mod tests;
