//! Which column holds what: guessed from headers, then as `--map` says.

mod words;

use std::collections::BTreeMap;

use anyhow::{anyhow, bail};
pub(super) use words::recognised;
use words::{Meaning, meanings};

use super::fold::fold;
use super::sheet::Line;
use crate::cli::import::{Field, Wish};

/// Header rows stand among the first so many: above them may be the clinic's name and a date.
pub(in crate::commands) const HEADER_WITHIN: usize = 20;
/// A row with so many known headers is the header row; one alone may be chance.
const HEADER_HAS: usize = 2;

/// Where each field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    /// Columns from 0.
    at: BTreeMap<Field, usize>,
    /// The known headers, as they are written.
    titles: BTreeMap<usize, String>,
    /// The line of the header row; `None`: there is none, and the first row holds data.
    pub(super) header: Option<u64>,
    /// Columns of the widest row that was looked at.
    pub(super) width: usize,
}

impl Columns {
    /// Finds the header row and the columns. `first` are the first rows of the file.
    ///
    /// # Errors
    /// A column that is wished for is not there, or one that is needed was not found. No header that is not known is repeated:
    /// without a header row it would be somebody's name.
    pub(super) fn find(first: &[Line], wishes: &[Wish]) -> anyhow::Result<Self> {
        let header = header_row(first, wishes);
        let titles: Vec<String> = header
            .map(|line| line.cells.iter().map(|cell| cell.text().trim().to_owned()).collect())
            .unwrap_or_default();
        let width = first.iter().map(|line| line.cells.len()).max().unwrap_or(0);
        let mut at = guess(&titles);
        for wish in wishes {
            match &wish.column {
                Some(column) => at.insert(wish.field, place(column, &titles, width)?),
                None => at.remove(&wish.field),
            };
        }
        // without a date of its own, the time column is the one with both
        if !at.contains_key(&Field::Date)
            && let Some(both) = at.remove(&Field::Time)
        {
            at.insert(Field::Date, both);
        }
        let missing: Vec<&str> = [Field::Name, Field::Phone, Field::Date]
            .into_iter()
            .filter(|field| !at.contains_key(field))
            .map(Field::word)
            .collect();
        if !missing.is_empty() {
            let last = letter(width.saturating_sub(1));
            let place = header.map_or_else(
                || format!("no row of headers was recognised among the first {HEADER_WITHIN}"),
                |line| format!("the headers of line {} do not tell", line.number),
            );
            bail!(
                "no column was found for {}: {place}; say which it is, such as --map {}=B (the file has the columns A to {last})",
                missing.join(", "),
                missing[0]
            );
        }
        let titles = titles.into_iter().enumerate();
        let titles = titles.filter(|(column, _)| at.values().any(|used| used == column)).collect();
        Ok(Self { at, titles, header: header.map(|line| line.number), width })
    }

    /// The column of a field.
    pub(super) fn of(&self, field: Field) -> Option<usize> {
        self.at.get(&field).copied()
    }

    /// The fields that there are, each with its column and header.
    pub(super) fn all(&self) -> impl Iterator<Item = (Field, usize, Option<&str>)> {
        Field::ALL.into_iter().filter_map(|field| {
            let column = self.of(field)?;
            Some((field, column, self.titles.get(&column).map(String::as_str)))
        })
    }

    /// Columns that are not read.
    pub(super) fn unused(&self) -> Vec<usize> {
        (0..self.width).filter(|column| !self.at.values().any(|used| used == column)).collect()
    }
}

/// The row with the most known headers.
fn header_row<'a>(first: &'a [Line], wishes: &[Wish]) -> Option<&'a Line> {
    let wished: Vec<String> =
        wishes.iter().filter_map(|w| Some(fold(w.column.as_ref()?))).collect();
    let worth = |line: &Line| {
        let folded: Vec<String> = line.cells.iter().map(|cell| fold(&cell.text())).collect();
        let named = wished.iter().filter(|wish| wish.len() > 2 && folded.contains(wish)).count();
        recognised(folded.iter().map(String::as_str)) + named
    };
    let mut best: Option<(&Line, usize)> = None;
    for line in first.iter().take(HEADER_WITHIN) {
        let worth = worth(line);
        if worth >= HEADER_HAS && best.is_none_or(|(_, most)| worth > most) {
            best = Some((line, worth));
        }
    }
    best.map(|(line, _)| line)
}

/// The best column for each field; of equal ones the first.
fn guess(titles: &[String]) -> BTreeMap<Field, usize> {
    let mut found: BTreeMap<Field, (u8, usize)> = BTreeMap::new();
    for (column, title) in titles.iter().enumerate() {
        for Meaning { field, rank } in meanings(&fold(title)) {
            let best = found.entry(field).or_insert((rank, column));
            if rank < best.0 {
                *best = (rank, column);
            }
        }
    }
    // a whole name stands alone
    if found.get(&Field::Name).is_some_and(|(rank, _)| *rank == words::WHOLE_NAME) {
        found.remove(&Field::Surname);
    }
    // one that may be date or time is the time beside a date, and no column is both
    if let Some((_, date)) = found.get(&Field::Date).copied()
        && found.get(&Field::Time).is_some_and(|(_, time)| *time == date)
    {
        found.remove(&Field::Time);
    }
    found.into_iter().map(|(field, (_, column))| (field, column)).collect()
}

/// The column of a header or a letter.
pub(in crate::commands) fn place(
    wish: &str,
    titles: &[String],
    width: usize,
) -> anyhow::Result<usize> {
    let folded = fold(wish);
    let mut named = titles.iter().enumerate().filter(|(_, title)| fold(title) == folded);
    match (named.next(), named.next()) {
        (Some((column, _)), None) if !folded.is_empty() => return Ok(column),
        (Some((one, _)), Some((other, _))) if !folded.is_empty() => bail!(
            "--map: two columns have the header {}, {} and {}; use the letter",
            wish.escape_debug(),
            letter(one),
            letter(other)
        ),
        _ => {}
    }
    let column = column_of(wish).filter(|column| *column < width);
    column.ok_or_else(|| {
        anyhow!(
            "--map: there is no column {}; use a header as it is written, or a letter from A to {}",
            wish.escape_debug(),
            letter(width.saturating_sub(1))
        )
    })
}

/// The column of a letter: `A` is 0, `AA` is 26.
fn column_of(letters: &str) -> Option<usize> {
    if letters.is_empty() || letters.len() > 3 {
        return None;
    }
    let digit = |byte: u8| {
        byte.is_ascii_alphabetic().then(|| usize::from(byte.to_ascii_uppercase() - b'A') + 1)
    };
    letters.bytes().try_fold(0, |sum, byte| Some(sum * 26 + digit(byte)?)).map(|sum| sum - 1)
}

/// The letter of a column, as Excel shows it.
pub(in crate::commands) fn letter(column: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        letters.push(char::from(b'A' + u8::try_from((rest - 1) % 26).unwrap_or(0)));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests;
