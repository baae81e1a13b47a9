//! A file as rows of cells, whatever wrote it. Cells hold personal data: neither `Debug` nor an error shows one.

mod delimited;
mod encoding;
mod workbook;

use std::fmt;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context as _, bail};

use delimited::Delimited;
use workbook::Workbook;

/// Largest file that is read.
const MOST_BYTES: u64 = 50 * 1024 * 1024;
/// Most rows with anything in them.
pub(in crate::commands) const MOST_ROWS: usize = 200_000;
/// Columns behind these are not looked at.
const MOST_COLUMNS: usize = 256;

/// One cell.
#[derive(Clone, PartialEq, Default)]
pub(in crate::commands) enum Cell {
    /// Nothing.
    #[default]
    Empty,
    /// Text, as it was written.
    Text(String),
    /// A number that a workbook holds as one.
    Number(f64),
    /// A number that a workbook shows as date or time: days since 1899-12-30.
    Serial(f64),
    /// A formula that failed.
    Broken,
}

impl Cell {
    /// As somebody reads it; a number without a needless fraction.
    pub(in crate::commands) fn text(&self) -> String {
        match self {
            Self::Empty | Self::Broken => String::new(),
            Self::Text(text) => text.clone(),
            Self::Number(number) | Self::Serial(number) => number.to_string(),
        }
    }

    /// Whether there is nothing in it.
    pub(in crate::commands) fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Text(text) => text.trim().is_empty(),
            Self::Number(_) | Self::Serial(_) | Self::Broken => false,
        }
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Text(_) => f.write_str("Text(…)"),
            Self::Number(_) => f.write_str("Number(…)"),
            Self::Serial(_) => f.write_str("Serial(…)"),
            Self::Broken => f.write_str("Broken"),
        }
    }
}

/// One row that has anything in it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::commands) struct Line {
    /// Line of a text file, row of a sheet; from 1.
    pub(in crate::commands) number: u64,
    /// From column A on.
    pub(in crate::commands) cells: Vec<Cell>,
    /// The last line that an unclosed quotation mark has swallowed.
    pub(in crate::commands) swallowed_to: Option<u64>,
}

impl Line {
    /// A row.
    pub(in crate::commands) fn new(number: u64, cells: Vec<Cell>) -> Self {
        Self { number, cells, swallowed_to: None }
    }

    /// A cell; beyond the row's end there is nothing.
    pub(in crate::commands) fn cell(&self, column: usize) -> &Cell {
        self.cells.get(column).unwrap_or(&Cell::Empty)
    }

    /// Only these columns, the others empty: what is not needed is not kept.
    pub(in crate::commands) fn keep(mut self, columns: &[usize]) -> Self {
        for (column, cell) in self.cells.iter_mut().enumerate() {
            if !columns.contains(&column) {
                *cell = Cell::Empty;
            }
        }
        self
    }
}

/// What a row is given to.
type Take<'a> = dyn FnMut(Line) -> anyhow::Result<ControlFlow<()>> + 'a;

/// A file of rows.
pub(in crate::commands) struct Sheet {
    kind: Kind,
}

enum Kind {
    Delimited(Delimited),
    Workbook(Box<Workbook>),
}

/// A file as it is; of one that is too large so much that [`Sheet::of_bytes`] sees it.
///
/// # Errors
/// It cannot be read.
pub(in crate::commands) fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let file = std::fs::File::open(path).with_context(|| format!("{shown} cannot be read"))?;
    let mut bytes = Vec::new();
    // one byte more than is allowed tells that it is too large, also of what is no plain file
    let read = file.take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("{shown} cannot be read"))?;
    Ok(bytes)
}

impl Sheet {
    /// Opens a file. `name` is the sheet that is wanted.
    ///
    /// # Errors
    /// It cannot be read, is too large, or is neither CSV nor a workbook.
    pub(in crate::commands) fn open(path: &Path, name: Option<&str>) -> anyhow::Result<Self> {
        Self::of_bytes(bytes(path)?, name).with_context(|| path.display().to_string())
    }

    /// Reads what a file holds.
    ///
    /// # Errors
    /// It is too large, or neither CSV nor a workbook.
    pub(in crate::commands) fn of_bytes(
        bytes: Vec<u8>,
        name: Option<&str>,
    ) -> anyhow::Result<Self> {
        if bytes.len() as u64 > MOST_BYTES {
            bail!("is larger than 50 MiB; split it");
        }
        if bytes.starts_with(b"PK\x03\x04") {
            return Ok(Self { kind: Kind::Workbook(Box::new(Workbook::open(bytes, name)?)) });
        }
        if let Some(problem) = not_text(&bytes) {
            bail!(problem);
        }
        if name.is_some() {
            bail!("is a text file and has no sheets; leave --sheet out");
        }
        Ok(Self { kind: Kind::Delimited(Delimited::open(&bytes)?) })
    }

    /// What it is, for people: `CSV with ;, Windows-1254`.
    pub(in crate::commands) fn format(&self) -> String {
        match &self.kind {
            Kind::Delimited(file) => file.format(),
            Kind::Workbook(book) => book.format(),
        }
    }

    /// Its first rows that have anything in them.
    ///
    /// # Errors
    /// The file is damaged.
    pub(in crate::commands) fn first(&mut self, count: usize) -> anyhow::Result<Vec<Line>> {
        let mut first = Vec::new();
        self.each(&mut |line| {
            first.push(line);
            Ok(if first.len() < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(first)
    }

    /// All rows below a line, with only these columns.
    ///
    /// # Errors
    /// The file is damaged, or has too many rows.
    pub(in crate::commands) fn below(
        &mut self,
        header: Option<u64>,
        columns: &[usize],
    ) -> anyhow::Result<Vec<Line>> {
        let mut lines = Vec::new();
        self.each(&mut |line| {
            if header.is_none_or(|header| line.number > header) {
                if lines.len() >= MOST_ROWS {
                    bail!("has more than {MOST_ROWS} rows; split it");
                }
                lines.push(line.keep(columns));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(lines)
    }

    fn each(&mut self, take: &mut Take<'_>) -> anyhow::Result<()> {
        match &mut self.kind {
            Kind::Delimited(file) => file.each(take),
            Kind::Workbook(book) => book.each(take),
        }
    }
}

/// What is often called a table and is none, by its first bytes.
fn not_text(bytes: &[u8]) -> Option<&'static str> {
    let start: Vec<u8> = bytes.iter().take(512).map(u8::to_ascii_lowercase).collect();
    let begins = |text: &[u8]| start.trim_ascii_start().starts_with(text);
    if start.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Some(
            "is an old .xls file, or a workbook with a password; save it as .xlsx without one",
        );
    }
    if begins(b"%pdf") {
        return Some("is a PDF; use the Excel or CSV file that it was made from");
    }
    if [&b"<!doctype"[..], b"<html", b"<table", b"<?xml", b"<meta"].into_iter().any(begins) {
        return Some(
            "is a web page or XML under another name; open it in Excel and save it as .xlsx",
        );
    }
    if start.iter().all(u8::is_ascii_whitespace) && bytes.iter().all(u8::is_ascii_whitespace) {
        return Some("is empty");
    }
    None
}

#[cfg(test)]
mod tests;
