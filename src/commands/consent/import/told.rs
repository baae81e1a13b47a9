//! What is said of a list: its columns, each row, and the sum. Numbers are masked; what is wrong is said without the cell.

use std::io;

use schemas::ClinicId;
use serde_json::{Value, json};

use super::columns::Columns;
use super::row::Bad;
use crate::cli::consent::ConsentField;
use crate::commands::consent::saying::Saying;
use crate::commands::desk::{instant, local};
use crate::commands::import::columns::letter;
use crate::commands::say;

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It counts from now on.
    Recorded,
    /// Something later is known, which stands. The row is in the records.
    Older,
    /// Nothing: it is known.
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
    const fn word(&self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Older => "older",
            Self::Unchanged => "unchanged",
            Self::Repeated { .. } => "repeated",
            Self::LeftOut(_) => "left-out",
        }
    }
}

/// A row with what became of it, or would.
#[derive(Debug)]
pub(super) struct Told {
    /// Line of the file.
    pub(super) line: u64,
    /// What it says, where it could be read.
    pub(super) saying: Option<Saying>,
    /// The fact's name.
    pub(super) fact: Option<String>,
    /// What becomes of it.
    pub(super) fate: Fate,
}

/// How many rows came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) rows: usize,
    pub(super) given: usize,
    pub(super) refused: usize,
    pub(super) older: usize,
    pub(super) unchanged: usize,
    pub(super) left_out: usize,
}

impl Sum {
    pub(super) fn add(&mut self, told: &Told) {
        self.rows += 1;
        let refused = told.saying.as_ref().is_some_and(|saying| saying.refused);
        *match told.fate {
            Fate::Recorded if refused => &mut self.refused,
            Fate::Recorded => &mut self.given,
            Fate::Older => &mut self.older,
            Fate::Unchanged | Fate::Repeated { .. } => &mut self.unchanged,
            Fate::LeftOut(_) => &mut self.left_out,
        } += 1;
    }
}

/// How it is printed.
pub(super) struct Teller<'a> {
    /// For machines.
    pub(super) json: bool,
    /// It is done, and not only shown.
    pub(super) applied: bool,
    /// Where everything is.
    pub(super) columns: &'a Columns,
}

impl Teller<'_> {
    /// The file and its columns.
    pub(super) fn head(
        &self,
        file: &str,
        format: &str,
        digest: &str,
        clinic: &ClinicId,
    ) -> io::Result<()> {
        let columns = self.columns.all();
        if self.json {
            let columns: serde_json::Map<String, Value> = columns
                .map(|(field, at, title)| {
                    (field.word().to_owned(), json!({ "column": letter(at), "header": title }))
                })
                .collect();
            return say(json!({
                "file": file, "sha256": digest, "format": format, "clinic": clinic.as_str(),
                "header_line": self.columns.header, "columns": columns,
            }));
        }
        let header = self.columns.header;
        let header =
            header.map_or("no header".to_owned(), |line| format!("headers in line {line}"));
        say(format_args!("{file}: {format}; {header}; clinic {clinic}"))?;
        for (field, at, title) in columns {
            let title =
                title.map(|title| format!("  {}", title.escape_debug())).unwrap_or_default();
            say(format_args!("  {:<8} {}{title}", field.word(), letter(at)))?;
        }
        Ok(())
    }

    /// One row.
    pub(super) fn row(&self, told: &Told) -> io::Result<()> {
        if self.json {
            return say(Self::row_json(told));
        }
        let who = told.saying.as_ref().map(|saying| {
            let channels = saying.channels().join(" and ");
            format!("{}, {} for {channels} on {}: ", saying.phone, saying.said(), local(saying.at))
        });
        let fate = match &told.fate {
            Fate::LeftOut(bad) => format!("left out: {}", bad.line(self.columns)),
            Fate::Repeated { line } => format!("the same as line {line}"),
            Fate::Older => "something later is known, which stands".to_owned(),
            other => other.word().to_owned(),
        };
        say(format_args!("line {}: {}{fate}", told.line, who.unwrap_or_default()))
    }

    fn row_json(told: &Told) -> Value {
        let mut row = json!({ "line": told.line, "fate": told.fate.word() });
        let Some(fields) = row.as_object_mut() else { return row };
        let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        if let Some(saying) = &told.saying {
            put("phone", saying.phone.to_string().into());
            put("channels", saying.channels().into());
            put("said", saying.said().into());
            put("said_at", instant(saying.at).into());
            put("evidence", saying.evidence.clone().into());
        }
        put("fact", told.fact.clone().into());
        match &told.fate {
            Fate::Repeated { line } => put("repeats", (*line).into()),
            Fate::LeftOut(bad) => {
                put("field", bad.field.map(ConsentField::word).into());
                put("rule", bad.rule.into());
                put("reason", bad.said.clone().into());
            }
            _ => {}
        }
        row
    }

    /// The sum.
    pub(super) fn sum(&self, sum: &Sum) -> io::Result<()> {
        if self.json {
            return say(json!({
                "applied": self.applied, "rows": sum.rows, "given": sum.given, "refused": sum.refused,
                "older": sum.older, "unchanged": sum.unchanged, "left_out": sum.left_out,
            }));
        }
        let would = if self.applied { "" } else { "would be " };
        say(format_args!(
            "{} rows: {} {would}recorded as given, {} as refused; {} older than what is known, {} unchanged, {} left out",
            sum.rows, sum.given, sum.refused, sum.older, sum.unchanged, sum.left_out
        ))?;
        if !self.applied {
            say("nothing was done; with --apply it is")?;
        }
        Ok(())
    }
}
