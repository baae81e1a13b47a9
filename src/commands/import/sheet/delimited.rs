//! Text files with a separator.

use csv::{ReaderBuilder, StringRecord};

use super::encoding::{self, Decoded};
use super::{Cell, Line, MOST_COLUMNS, Take};
use crate::commands::import::columns::{HEADER_WITHIN, recognised};
use crate::commands::import::fold::fold;

/// In the order in which they are preferred where nothing tells: Turkish Excel writes `;`.
const SEPARATORS: [u8; 4] = *b";\t,|";

/// A text file, decoded.
pub(super) struct Delimited {
    text: String,
    encoding: &'static str,
    separator: u8,
    /// Lines before `text`: Excel's `sep=;`.
    before: u64,
}

impl Delimited {
    pub(super) fn open(bytes: &[u8]) -> anyhow::Result<Self> {
        let Decoded { text, encoding } = encoding::decode(bytes)?;
        let mut text = text.replace("\r\n", "\n").replace('\r', "\n");
        let told = told_separator(&text);
        let mut before = 0;
        if told.is_some() {
            text = text.split_once('\n').map(|(_, rest)| rest.to_owned()).unwrap_or_default();
            before = 1;
        }
        let separator = told.unwrap_or_else(|| guess(&text));
        Ok(Self { text, encoding, separator, before })
    }

    pub(super) fn format(&self) -> String {
        let separator = match self.separator {
            b'\t' => "tab".to_owned(),
            other => char::from(other).to_string(),
        };
        format!("text with {separator} between columns, {}", self.encoding)
    }

    pub(super) fn each(&mut self, take: &mut Take<'_>) -> anyhow::Result<()> {
        let mut reader = reader(&self.text, self.separator);
        let mut record = StringRecord::new();
        let mut widest = 0;
        let mut count = LineCount { text: &self.text, at: 0, line: self.before + 1 };
        while reader.read_record(&mut record)? {
            let begins = count.of(record.position().map_or(0, csv::Position::byte));
            widest = widest.max(record.len());
            let cells: Vec<Cell> = record.iter().take(MOST_COLUMNS).map(cell).collect();
            let swallowed = record.iter().any(|field| self.swallows(field, widest));
            if cells.iter().all(Cell::is_empty) && !swallowed {
                continue;
            }
            let mut line = Line::new(begins, cells);
            if swallowed {
                let end = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
                let taken = self.text.get(count.at..end).unwrap_or_default().trim_end();
                line.swallowed_to = Some(begins + newlines(taken));
            }
            if take(line)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Whether a field holds whole rows: then a quotation mark before them was never closed, and nothing in it counts.
    fn swallows(&self, field: &str, columns: usize) -> bool {
        let separator = char::from(self.separator);
        columns > 1
            && field.contains('\n')
            && field.lines().skip(1).any(|line| line.matches(separator).count() + 1 >= columns)
    }
}

/// Counts lines up to a place: the reader's own count is of where it stopped before, blank lines included.
struct LineCount<'a> {
    text: &'a str,
    at: usize,
    line: u64,
}

impl LineCount<'_> {
    /// The line of a record that begins at a byte, or behind the blank lines there.
    fn of(&mut self, byte: u64) -> u64 {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX).min(self.text.len());
        let rest = self.text.get(byte..).unwrap_or_default();
        let begins = self.text.len() - rest.trim_start_matches('\n').len();
        self.line += newlines(self.text.get(self.at..begins).unwrap_or_default());
        self.at = begins;
        self.line
    }
}

fn newlines(text: &str) -> u64 {
    text.bytes().filter(|byte| *byte == b'\n').count() as u64
}

fn cell(text: &str) -> Cell {
    if text.trim().is_empty() { Cell::Empty } else { Cell::Text(text.trim().to_owned()) }
}

fn reader(text: &str, separator: u8) -> csv::Reader<&[u8]> {
    ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(text.as_bytes())
}

/// `sep=;` in the first line, with which Excel is told.
fn told_separator(text: &str) -> Option<u8> {
    let first = text.lines().next()?.trim_matches([' ', '"']);
    let separator = first.strip_prefix("sep=").or_else(|| first.strip_prefix("SEP="))?;
    SEPARATORS.into_iter().find(|known| separator.as_bytes() == [*known])
}

/// The separator with which the most headers are known; then the one that makes the most columns in the most rows.
fn guess(text: &str) -> u8 {
    let worth = |separator: u8| {
        let mut headers = 0;
        let mut widths = Vec::new();
        for record in reader(text, separator).records().take(HEADER_WITHIN).flatten() {
            let folded: Vec<String> = record.iter().take(MOST_COLUMNS).map(fold).collect();
            headers = headers.max(recognised(folded.iter().map(String::as_str)));
            widths.push(record.len());
        }
        widths.sort_unstable();
        let usual = widths.get(widths.len() / 2).copied().unwrap_or(0);
        (headers, usual)
    };
    // the last of equal ones is taken: the preferred one stands there
    SEPARATORS.into_iter().rev().max_by_key(|separator| worth(*separator)).unwrap_or(b';')
}
