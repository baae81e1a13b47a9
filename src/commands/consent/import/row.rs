//! One row as what a person said, or what is wrong with it. What is wrong is said without the cell: it may hold anything about anybody.

use chrono::{NaiveDate, NaiveTime, TimeDelta, TimeZone as _};
use chrono_tz::Tz;
use schemas::{Channel, Rule};

use super::columns::Columns;
use crate::cli::consent::{ConsentField as Field, Spoken};
use crate::commands::consent::saying::Saying;
use crate::commands::import::columns::letter;
use crate::commands::import::fold::fold;
use crate::commands::import::row::{Bad as BadCell, phone};
use crate::commands::import::sheet::{Cell, Line};
use crate::commands::import::when::{self, Moment};

/// What is said for all rows that do not say it themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Defaults {
    /// The channel.
    pub(super) channel: Option<Spoken>,
    /// Whether they refused.
    pub(super) refused: Option<bool>,
    /// When, milliseconds since 1970 UTC.
    pub(super) at: Option<i64>,
    /// The clinic's zone.
    pub(super) zone: Tz,
    /// Now, by the database's clock.
    pub(super) now: i64,
}

/// Why a row is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bad {
    /// Where; `None`: the row as a whole.
    pub(super) field: Option<Field>,
    /// The reason in one bounded word: a rule of the contract where there is one for it.
    pub(super) rule: &'static str,
    /// What is wrong and what to do.
    pub(super) said: String,
}

impl Bad {
    fn new(field: Field, rule: &'static str, said: &str) -> Self {
        Self { field: Some(field), rule, said: said.to_owned() }
    }

    /// A rule of the contract that the row breaks.
    pub(super) fn rule(rule: Rule) -> Self {
        Self { field: None, rule: rule.as_str(), said: rule.meaning().to_owned() }
    }

    /// What is wrong with a cell that every list has.
    fn cell(field: Field, bad: BadCell) -> Self {
        Self { field: Some(field), rule: bad.rule, said: bad.said }
    }

    /// One line: place, rule, what to do.
    pub(super) fn line(&self, columns: &Columns) -> String {
        let Some(field) = self.field else { return format!("{}: {}", self.rule, self.said) };
        let column = columns.of(field).map(|column| format!(" ({})", letter(column)));
        format!("{}{}: {}: {}", field.word(), column.unwrap_or_default(), self.rule, self.said)
    }
}

/// Reads a row.
///
/// # Errors
/// The first thing that is wrong with it.
pub(super) fn read(line: &Line, columns: &Columns, defaults: &Defaults) -> Result<Saying, Bad> {
    if let Some(end) = line.swallowed_to {
        return Err(Bad {
            field: None,
            rule: "quotation-mark",
            said: format!(
                "a quotation mark that is never closed takes everything up to line {end}; close it"
            ),
        });
    }
    let cell = |field| columns.of(field).map(|column| line.cell(column));
    let number = phone(cell(Field::Phone).unwrap_or(&Cell::Empty));
    let number = number.map_err(|bad| Bad::cell(Field::Phone, bad))?;
    let refused = status(cell(Field::Status), defaults)?;
    Ok(Saying {
        phone: number,
        channel: channel(cell(Field::Channel), defaults)?,
        refused,
        at: at(cell(Field::At), cell(Field::Time), refused, defaults)?,
        evidence: evidence(cell(Field::Evidence))?,
    })
}

/// The words of a cell, folded; empty if there is nothing in it.
fn words(cell: Option<&Cell>) -> String {
    cell.map(|cell| fold(&cell.text())).unwrap_or_default()
}

fn channel(cell: Option<&Cell>, defaults: &Defaults) -> Result<Option<Channel>, Bad> {
    let spoken = match words(cell).as_str() {
        "sms" | "mesaj" | "kisa mesaj" | "text" => Some(Spoken::Sms),
        "whatsapp" | "wa" | "whats app" => Some(Spoken::Whatsapp),
        "all" | "hepsi" | "tumu" | "both" | "ikisi" | "ikisi de" | "sms whatsapp"
        | "whatsapp sms" | "sms ve whatsapp" | "whatsapp ve sms" => Some(Spoken::All),
        "" => defaults.channel,
        _ => return Err(Bad::new(Field::Channel, "enum", "is none of sms, whatsapp, all")),
    };
    let nothing = "is empty, and no --channel stands in for it";
    spoken.map(Spoken::channel).ok_or_else(|| Bad::new(Field::Channel, "empty", nothing))
}

/// Whether the person refused. A word that is not known is nobody's consent and nobody's refusal.
fn status(cell: Option<&Cell>, defaults: &Defaults) -> Result<bool, Bad> {
    let refused = match words(cell).as_str() {
        "given" | "yes" | "y" | "true" | "opt in" | "evet" | "e" | "onay" | "onayli"
        | "onayladi" | "izin" | "izinli" | "izin verdi" | "izin var" | "kabul" | "kabul etti"
        | "var" => Some(false),
        "refused" | "no" | "n" | "false" | "opt out" | "hayir" | "h" | "ret" | "red"
        | "reddetti" | "izinsiz" | "izin yok" | "izin vermedi" | "onay yok" | "onaysiz"
        | "istemiyor" | "kabul etmedi" | "yok" => Some(true),
        "" => defaults.refused,
        _ => {
            let said = "is neither given (izin, onay, evet) nor refused (ret, hayir)";
            return Err(Bad::new(Field::Status, "enum", said));
        }
    };
    let nothing = "is empty, and neither --given nor --refused stands in for it";
    refused.ok_or_else(|| Bad::new(Field::Status, "empty", nothing))
}

/// When it was said. Of a day without a time consent counts from the first moment and a refusal from the last, so that of both on one day
/// the refusal stands.
fn at(
    date: Option<&Cell>,
    time: Option<&Cell>,
    refused: bool,
    defaults: &Defaults,
) -> Result<i64, Bad> {
    let Some(date) = date.filter(|cell| !cell.is_empty()) else {
        let nothing = "is empty, and no --at stands in for it";
        return defaults
            .at
            .ok_or_else(|| Bad::new(Field::At, "empty", nothing))
            .and_then(|at| past(at, defaults));
    };
    let moment = when::moment(date, time, defaults.zone).map_err(|bad| {
        let field = if bad.field == Some(crate::cli::import::Field::Time) {
            Field::Time
        } else {
            Field::At
        };
        Bad::cell(field, bad)
    })?;
    match moment {
        Moment::At(at) => past(at.timestamp_millis(), defaults),
        Moment::Day(day) if refused => {
            let next = day.succ_opt().map_or(i64::MAX, |next| midnight(next, defaults.zone));
            let last = next.saturating_sub(1);
            // a refusal of today holds from now on, whatever the hour: nobody waits for midnight to stop writing
            past(midnight(day, defaults.zone), defaults).map(|_| last.min(defaults.now))
        }
        Moment::Day(day) => past(midnight(day, defaults.zone), defaults),
    }
}

fn past(at: i64, defaults: &Defaults) -> Result<i64, Bad> {
    if at > defaults.now {
        return Err(Bad::new(Field::At, "range", "lies ahead; is the year right?"));
    }
    Ok(at)
}

/// The first moment of a day, milliseconds since 1970 UTC.
fn midnight(day: NaiveDate, zone: Tz) -> i64 {
    let at = |hours: i64| {
        let local = day.and_time(NaiveTime::MIN) + TimeDelta::try_hours(hours).unwrap_or_default();
        zone.from_local_datetime(&local).earliest()
    };
    // where the clock was set forward at midnight the day began at one
    at(0).or_else(|| at(1)).map_or(i64::MAX, |at| at.timestamp_millis())
}

/// Where the proof lies: a short word of the contract.
fn evidence(cell: Option<&Cell>) -> Result<Option<String>, Bad> {
    let text = cell.map(Cell::text).unwrap_or_default();
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    crate::cli::consent::proof(text)
        .map(Some)
        .map_err(|said| Bad::new(Field::Evidence, "format", &said))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: &str = "2026-11-21T10:00:00Z"; // 13:00 in Istanbul

    fn ms(text: &str) -> i64 {
        text.parse::<chrono::DateTime<chrono::Utc>>().expect("an instant").timestamp_millis()
    }

    fn defaults() -> Defaults {
        Defaults {
            channel: None,
            refused: None,
            at: None,
            zone: chrono_tz::Europe::Istanbul,
            now: ms(NOW),
        }
    }

    fn columns() -> Columns {
        let titles = ["Telefon", "Kanal", "Durum", "Tarih", "Saat", "Belge"];
        Columns::find(&[line(&titles)], &[], &defaults()).expect("columns")
    }

    fn line(cells: &[&str]) -> Line {
        let cell = |text: &&str| {
            if text.trim().is_empty() { Cell::Empty } else { Cell::Text((*text).to_owned()) }
        };
        Line::new(2, cells.iter().map(cell).collect())
    }

    fn wrong(cells: &[&str]) -> (Option<Field>, &'static str) {
        let bad = read(&line(cells), &columns(), &defaults()).expect_err("wrong");
        (bad.field, bad.rule)
    }

    #[test]
    fn a_row_says_who_when_and_for_which_channel() {
        let row = ["0532 123 45 67", "WhatsApp", "EVET", "20.11.2026", "14:30", "form-7"];
        let said = read(&line(&row), &columns(), &defaults()).expect("a saying");
        assert_eq!(
            (said.phone.e164(), said.channel, said.refused),
            ("+905321234567", Some(Channel::Whatsapp), false)
        );
        assert_eq!(
            (said.at, said.evidence.as_deref()),
            (ms("2026-11-20T11:30:00Z"), Some("form-7"))
        );
        let all = ["5321234567", "Hepsi", "İptal", "20.11.2026", "", ""];
        assert_eq!(wrong(&all), (Some(Field::Status), "enum"), "what it cancels is not said");
    }

    #[test]
    fn of_a_day_alone_a_refusal_counts_from_its_end_and_consent_from_its_beginning() {
        let of = |status: &str, day: &str| {
            read(&line(&["05321234567", "sms", status, day, "", ""]), &columns(), &defaults())
        };
        let at = |status, day| of(status, day).expect("a saying").at;
        assert_eq!(at("onay", "2026-11-20"), ms("2026-11-19T21:00:00Z"));
        assert_eq!(at("ret", "2026-11-20"), ms("2026-11-20T21:00:00Z") - 1);
        assert_eq!(at("onay", "21.11.2026"), ms("2026-11-20T21:00:00Z"), "today");
        assert_eq!(at("ret", "21.11.2026"), ms(NOW), "today it holds from now on");
        assert_eq!(of("ret", "22.11.2026").expect_err("ahead").rule, "range");
        assert_eq!(of("onay", "22.11.2026").expect_err("ahead").rule, "range");
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field_and_never_by_its_cell() {
        let row =
            |phone, channel, status, at, proof| wrong(&[phone, channel, status, at, "", proof]);
        assert_eq!(row("", "sms", "evet", "1.1.2026", ""), (Some(Field::Phone), "empty"));
        assert_eq!(
            row("0212 123 45 67", "sms", "evet", "1.1.2026", ""),
            (Some(Field::Phone), "phone-landline")
        );
        assert_eq!(
            row("05321234567", "faks", "evet", "1.1.2026", ""),
            (Some(Field::Channel), "enum")
        );
        assert_eq!(row("05321234567", "", "evet", "1.1.2026", ""), (Some(Field::Channel), "empty"));
        assert_eq!(
            row("05321234567", "sms", "belki", "1.1.2026", ""),
            (Some(Field::Status), "enum")
        );
        assert_eq!(row("05321234567", "sms", "", "1.1.2026", ""), (Some(Field::Status), "empty"));
        assert_eq!(row("05321234567", "sms", "evet", "dün", ""), (Some(Field::At), "no-date"));
        assert_eq!(row("05321234567", "sms", "evet", "", ""), (Some(Field::At), "empty"));
        assert_eq!(
            row("05321234567", "sms", "evet", "1.1.2026", "Ayşe'nin formu"),
            (Some(Field::Evidence), "format")
        );
        let bad =
            read(&line(&["05321234567", "sms", "evet", "dün", "", ""]), &columns(), &defaults());
        assert!(bad.expect_err("wrong").line(&columns()).starts_with("at (D): no-date: "));
    }

    proptest! {
        /// No list makes anything else than a saying or one bounded reason, whatever is in it.
        #[test]
        fn any_cells_are_read_or_refused(cells in proptest::collection::vec(".{0,20}", 0..8)) {
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            if let Ok(said) = read(&line(&cells), &columns(), &defaults()) {
                prop_assert!(said.at <= defaults().now);
            }
        }
    }
}
