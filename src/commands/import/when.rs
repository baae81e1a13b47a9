//! Dates and times as people and Excel write them, on the clock of the clinic's wall.

mod text;

use chrono::{
    DateTime, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset as _,
    TimeDelta, TimeZone as _,
};
use chrono_tz::Tz;

use super::row::Bad;
use super::sheet::Cell;
use crate::cli::import::Field;

/// Serial days that are believed to be a date: the years 2000 to 2099. A number beyond them is something else.
const DATES: std::ops::Range<f64> = 36_526.0..73_051.0;

/// When a visit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    /// When it starts, with the offset of the clinic's zone unless the file said another.
    pub(super) starts_at: DateTime<FixedOffset>,
    /// When it ends, if the file says so.
    pub(super) ends_at: Option<DateTime<FixedOffset>>,
}

/// A day, perhaps with the time on the wall; or an instant, where the file says its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    Wall(NaiveDate, Option<Hours>),
    Instant(DateTime<FixedOffset>),
}

/// A time of day, perhaps with its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hours {
    from: NaiveTime,
    to: Option<NaiveTime>,
}

/// Reads the cells of a visit. `time` and `end` are `None` where there is no such column.
///
/// # Errors
/// A cell says no date or no time, or the clinic's clock never shows that time.
pub(super) fn slot(
    date: &Cell,
    time: Option<&Cell>,
    end: Option<&Cell>,
    zone: Tz,
) -> Result<Slot, Bad> {
    let day = day(date)?;
    let own =
        time.filter(|cell| !cell.is_empty()).map(|cell| hours(cell, Field::Time)).transpose()?;
    let (starts_at, date, to) = match (day, own) {
        (Day::Instant(at), None) => (at, at.date_naive(), None),
        (Day::Instant(at), Some(own)) => {
            one_time(at.time(), own)?;
            (at, at.date_naive(), own.to)
        }
        (Day::Wall(date, beside), own) => {
            // a date alone has midnight beside it in many programs
            let beside = beside.filter(|beside| own.is_none() || beside.from != NaiveTime::MIN);
            let hours = match (beside, own) {
                (Some(beside), Some(own)) => {
                    one_time(beside.from, own)?;
                    own
                }
                (None, Some(own)) => own,
                (Some(beside), None) if beside.from != NaiveTime::MIN => beside,
                // nobody comes at midnight: a program wrote a date alone
                (Some(_) | None, None) => return Err(no_time(time.is_some())),
            };
            (wall(zone, date.and_time(hours.from), Field::Time)?, date, hours.to)
        }
    };
    let ends_at = match end.filter(|cell| !cell.is_empty()) {
        Some(cell) => Some(ending(cell, date, zone)?),
        None => to.map(|to| wall(zone, date.and_time(to), Field::Time)).transpose()?,
    };
    Ok(Slot { starts_at, ends_at })
}

/// When something was said: an instant, or a day of which nobody noted the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Moment {
    /// The instant.
    At(DateTime<FixedOffset>),
    /// The day on the clinic's wall.
    Day(NaiveDate),
}

/// Reads the cells of a moment. `time` is `None` where there is no such column.
///
/// # Errors
/// A cell says no date or no time, or the clinic's clock never shows that time.
pub(in crate::commands) fn moment(
    date: &Cell,
    time: Option<&Cell>,
    zone: Tz,
) -> Result<Moment, Bad> {
    let own =
        time.filter(|cell| !cell.is_empty()).map(|cell| hours(cell, Field::Time)).transpose()?;
    let at = match (day(date)?, own) {
        (Day::Instant(at), _) => at,
        (Day::Wall(date, _), Some(own)) => wall(zone, date.and_time(own.from), Field::Time)?,
        // midnight beside a date is a program's way to write a date alone
        (Day::Wall(date, Some(beside)), None) if beside.from != NaiveTime::MIN => {
            wall(zone, date.and_time(beside.from), Field::Date)?
        }
        (Day::Wall(date, _), None) => return Ok(Moment::Day(date)),
    };
    Ok(Moment::At(at))
}

fn no_time(has_column: bool) -> Bad {
    if has_column {
        Bad::new(Field::Time, "no-time", "is empty, and no time stands with the date")
    } else {
        Bad::new(
            Field::Date,
            "no-time",
            "has no time with it, and no column of times was found; name it with --map time=COLUMN",
        )
    }
}

fn one_time(beside: NaiveTime, own: Hours) -> Result<(), Bad> {
    if beside == own.from {
        return Ok(());
    }
    Err(Bad::new(
        Field::Time,
        "two-times",
        "is another time than the one that stands with the date; keep one",
    ))
}

/// The end of a visit: a time of its day, or date and time.
fn ending(cell: &Cell, date: NaiveDate, zone: Tz) -> Result<DateTime<FixedOffset>, Bad> {
    if let Ok(hours) = hours(cell, Field::End)
        && !matches!(day(cell), Ok(Day::Wall(_, Some(_)) | Day::Instant(_)))
    {
        return wall(zone, date.and_time(hours.from), Field::End);
    }
    match day(cell) {
        Ok(Day::Instant(at)) => Ok(at),
        Ok(Day::Wall(date, Some(hours))) => wall(zone, date.and_time(hours.from), Field::End),
        Ok(Day::Wall(_, None)) | Err(_) => Err(Bad::new(
            Field::End,
            "no-time",
            "is no time such as 15:00; leave it empty, or leave the column out with --map end=-",
        )),
    }
}

/// The instant at which the clock on the wall shows a time; the earlier one where it shows it twice.
fn wall(zone: Tz, local: NaiveDateTime, field: Field) -> Result<DateTime<FixedOffset>, Bad> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => {
            Ok(at.with_timezone(&at.offset().fix()))
        }
        LocalResult::None => Err(Bad::new(
            field,
            "clock-set-forward",
            "does not exist on that day: the clock is set forward over it; write the time that it will show",
        )),
    }
}

fn day(cell: &Cell) -> Result<Day, Bad> {
    let no_date = || {
        Bad::new(
            Field::Date,
            "no-date",
            "is no date such as 22.11.2026, 2026-11-22 or 22/11/2026, with or without a time",
        )
    };
    match cell {
        Cell::Empty => Err(Bad::new(Field::Date, "empty", "is empty")),
        Cell::Broken => Err(broken(Field::Date)),
        Cell::Number(days) | Cell::Serial(days) => of_serial(*days).ok_or_else(no_date),
        Cell::Text(text) => text::day(text).ok_or_else(no_date),
    }
}

fn hours(cell: &Cell, field: Field) -> Result<Hours, Bad> {
    let at = |from| Hours { from, to: None };
    let read = match cell {
        Cell::Empty => None,
        Cell::Broken => return Err(broken(field)),
        // 14.30 that was taken for a number is 14.3
        Cell::Number(number) if (1.0..24.0).contains(number) => {
            text::hours(&format!("{number:.2}"))
        }
        Cell::Number(days) | Cell::Serial(days) => time_of_serial(*days).map(at),
        Cell::Text(text) => text::hours(text),
    };
    read.ok_or_else(|| Bad::new(field, "no-time", "is no time such as 14:30, 14.30 or 14:30-15:00"))
}

fn broken(field: Field) -> Bad {
    Bad::new(field, "formula", "holds a formula that failed; mend it in Excel")
}

/// Date and time of serial days since 1899-12-30, to the minute: what Excel keeps of 14:30 is 14:29:59.99….
fn of_serial(days: f64) -> Option<Day> {
    if !DATES.contains(&days) {
        return None;
    }
    let minutes = (days * 1_440.0).round() as i64;
    let epoch = NaiveDate::from_ymd_opt(1899, 12, 30)?;
    let at = epoch.and_time(NaiveTime::MIN).checked_add_signed(TimeDelta::try_minutes(minutes)?)?;
    let time = (days.fract() != 0.0).then(|| Hours { from: at.time(), to: None });
    Some(Day::Wall(at.date(), time))
}

/// The time of day of serial days.
fn time_of_serial(days: f64) -> Option<NaiveTime> {
    if !(0.0..1.0).contains(&days) && !DATES.contains(&days) {
        return None;
    }
    let minutes = (days.fract() * 1_440.0).round() as u32;
    // 23:59:59.99… is midnight of the next day, which a time alone cannot say
    NaiveTime::from_hms_opt(minutes / 60, minutes % 60, 0)
}

#[cfg(test)]
mod tests;
