//! What is said of a file: its columns, each row, and the sum. Names and numbers are masked; what is wrong is said without the cell.

use std::fmt;
use std::io;

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use ledger::record::Planned;
use serde_json::{Value, json};

use super::columns::{Columns, letter};
use super::row::{Bad, Note, Visit};
use crate::cli::import::Field;
use crate::commands::say;

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// A new appointment.
    New,
    /// An appointment that is known, at another time.
    Moved {
        /// When it was to be.
        from: DateTime<Utc>,
    },
    /// An appointment that is known, at the same time, with something else changed.
    Changed,
    /// It is cancelled.
    Cancelled,
    /// Nothing: it is known as the row says.
    Unchanged,
    /// Nothing: an earlier line says the same.
    Repeated {
        /// That line.
        line: u64,
    },
    /// Nothing: it cannot be.
    LeftOut(Bad),
}

impl Fate {
    /// The word for it.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Moved { .. } => "moved",
            Self::Changed => "changed",
            Self::Cancelled => "cancelled",
            Self::Unchanged => "unchanged",
            Self::Repeated { .. } => "repeated",
            Self::LeftOut(_) => "left-out",
        }
    }
}

/// A row with everything that became of it, or would.
#[derive(Debug)]
pub(super) struct Told<'a> {
    /// Line of the file.
    pub(super) line: u64,
    /// What it says, where it could be read.
    pub(super) visit: Option<&'a Visit>,
    /// The appointment's id, where the file says it.
    pub(super) appointment: Option<&'a str>,
    /// The fact's name, once there is one.
    pub(super) fact: Option<String>,
    /// What becomes of it.
    pub(super) fate: Fate,
    /// Which messages at which instants, and which not.
    pub(super) plan: Vec<Planned>,
    /// Messages that are stopped by it.
    pub(super) stopped: usize,
}

impl Told<'_> {
    /// What a row that is taken goes without.
    fn note(&self) -> Option<Note> {
        let taken = self.visit.filter(|_| !matches!(self.fate, Fate::LeftOut(_)));
        taken.and_then(|visit| visit.note)
    }
}

/// How many rows came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) rows: usize,
    pub(super) new: usize,
    pub(super) moved: usize,
    pub(super) changed: usize,
    pub(super) cancelled: usize,
    pub(super) unchanged: usize,
    pub(super) left_out: usize,
    pub(super) without_with: usize,
    pub(super) messages: usize,
    pub(super) stopped: usize,
}

impl Sum {
    pub(super) fn add(&mut self, told: &Told<'_>) {
        self.rows += 1;
        *match told.fate {
            Fate::New => &mut self.new,
            Fate::Moved { .. } => &mut self.moved,
            Fate::Changed => &mut self.changed,
            Fate::Cancelled => &mut self.cancelled,
            Fate::Unchanged | Fate::Repeated { .. } => &mut self.unchanged,
            Fate::LeftOut(_) => &mut self.left_out,
        } += 1;
        self.without_with += usize::from(told.note().is_some());
        self.messages += told.plan.iter().filter(|one| one.skipped.is_none()).count();
        self.stopped += told.stopped;
    }
}

/// How it is printed.
pub(super) struct Teller<'a> {
    /// For machines.
    pub(super) json: bool,
    /// It is done, and not only shown.
    pub(super) applied: bool,
    /// The clinic's zone.
    pub(super) zone: Tz,
    /// Where everything is.
    pub(super) columns: &'a Columns,
}

impl Teller<'_> {
    /// The file and its columns.
    pub(super) fn head(&self, file: &str, format: &str, clinic: &str) -> io::Result<()> {
        let unused: Vec<String> = self.columns.unused().into_iter().map(letter).collect();
        if self.json {
            let columns: serde_json::Map<String, Value> = self
                .columns
                .all()
                .map(|(field, at, title)| {
                    (field.word().to_owned(), json!({ "column": letter(at), "header": title }))
                })
                .collect();
            return say(json!({
                "file": file, "format": format, "clinic": clinic, "time_zone": self.zone.name(),
                "header_line": self.columns.header, "columns": columns, "unused": unused,
            }));
        }
        let header = self
            .columns
            .header
            .map_or("no header".to_owned(), |line| format!("headers in line {line}"));
        say(format_args!(
            "{file}: {format}; {header}; clinic {clinic}, times of {}",
            self.zone.name()
        ))?;
        for (field, at, title) in self.columns.all() {
            let title =
                title.map(|title| format!("  {}", title.escape_debug())).unwrap_or_default();
            say(format_args!("  {:<8} {}{title}", field.word(), letter(at)))?;
        }
        if self.columns.of(Field::Id).is_none() {
            say(
                "  id       none: an appointment is known by its number and start; a row that was moved is a new appointment beside the old one",
            )?;
        }
        if !unused.is_empty() {
            say(format_args!("  not read: {}", unused.join(", ")))?;
        }
        Ok(())
    }

    /// One row.
    pub(super) fn row(&self, told: &Told<'_>) -> io::Result<()> {
        if self.json { say(self.row_json(told)) } else { say(Row { told, teller: self }) }
    }

    fn row_json(&self, told: &Told<'_>) -> Value {
        let mut row = json!({ "line": told.line, "fate": told.fate.word() });
        let Some(fields) = row.as_object_mut() else { return row };
        let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        if let Some(visit) = told.visit {
            put("person", visit.name.to_string().into());
            put("phone", visit.phone.to_string().into());
            put("starts_at", visit.slot.starts_at.to_rfc3339().into());
            put("note", told.note().map(Note::word).into());
        }
        put("appointment", told.appointment.into());
        put("fact", told.fact.clone().into());
        match &told.fate {
            Fate::Moved { from } => {
                put("from", from.to_rfc3339_opts(SecondsFormat::Millis, true).into());
            }
            Fate::Repeated { line } => put("repeats", (*line).into()),
            Fate::LeftOut(bad) => {
                put("field", bad.field.map(Field::word).into());
                put("rule", bad.rule.into());
                put("reason", bad.said.clone().into());
            }
            _ => {}
        }
        let plan = told.plan.iter().map(|one| {
            json!({
                "rule": one.rule, "at": one.at.map(crate::commands::desk::instant), "skipped": one.skipped,
                "notification": one.ntf.as_ref().filter(|_| self.applied),
            })
        });
        put("plan", plan.collect());
        put("stopped", told.stopped.into());
        row
    }

    /// The sum.
    pub(super) fn sum(&self, sum: &Sum) -> io::Result<()> {
        if self.json {
            return say(json!({
                "applied": self.applied, "rows": sum.rows, "new": sum.new, "moved": sum.moved, "changed": sum.changed,
                "cancelled": sum.cancelled, "unchanged": sum.unchanged, "left_out": sum.left_out,
                "messages": sum.messages, "stopped": sum.stopped, "without_with": sum.without_with,
            }));
        }
        let would = if self.applied { "" } else { "would be " };
        say(format_args!(
            "{} rows: {} {would}new, {} moved, {} changed, {} cancelled, {} unchanged, {} left out; {} messages {would}planned, {} {would}stopped",
            sum.rows,
            sum.new,
            sum.moved,
            sum.changed,
            sum.cancelled,
            sum.unchanged,
            sum.left_out,
            sum.messages,
            sum.stopped
        ))?;
        if sum.without_with > 0 {
            say(format_args!("{} rows go without `with`, as noted beside them", sum.without_with))?;
        }
        if !self.applied {
            say("nothing was done; with --apply it is")?;
        }
        Ok(())
    }

    fn wall(&self, at: DateTime<Utc>) -> impl fmt::Display {
        at.with_timezone(&self.zone).format("%Y-%m-%d %H:%M")
    }
}

/// A row as one line.
struct Row<'a> {
    told: &'a Told<'a>,
    teller: &'a Teller<'a>,
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { told, teller } = self;
        write!(f, "line {}: ", told.line)?;
        if let Some(visit) = told.visit {
            let at = teller.wall(visit.slot.starts_at.to_utc());
            write!(f, "{}, {}, {at}: ", visit.name, visit.phone)?;
        }
        match &told.fate {
            Fate::LeftOut(bad) => write!(f, "left out: {}", bad.line(teller.columns))?,
            Fate::Moved { from } => write!(f, "moved from {}", teller.wall(*from))?,
            Fate::Repeated { line } => write!(f, "the same as line {line}")?,
            other => f.write_str(other.word())?,
        }
        for (n, one) in told.plan.iter().enumerate() {
            f.write_str(if n == 0 { "; " } else { ", " })?;
            let at = one.at.and_then(DateTime::from_timestamp_millis);
            match (&one.skipped, at) {
                (Some(why), _) => write!(f, "{} skipped ({why})", one.rule)?,
                (None, Some(at)) => write!(f, "{} at {}", one.rule, teller.wall(at))?,
                (None, None) => f.write_str(&one.rule)?,
            }
        }
        if told.stopped > 0 {
            write!(f, "; stops {} planned", told.stopped)?;
        }
        match told.note() {
            Some(note) => write!(f, "; {note}"),
            None => Ok(()),
        }
    }
}
