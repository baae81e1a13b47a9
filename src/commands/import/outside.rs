//! What `ulak import` makes of the bytes of a file, for the fuzz targets (`fuzz/README.md`). Nothing of the product calls this.

use chrono_tz::Tz;

use super::columns::{Columns, HEADER_WITHIN};
use super::row;
use super::sheet::Sheet;

/// What is said of a file.
pub struct Read {
    /// What kind of file it is.
    pub format: String,
    /// Rows that are an appointment: name and number, as they are sent.
    pub people: Vec<(String, String)>,
    /// What is said of the others.
    pub refused: Vec<String>,
}

/// Reads a file's bytes as far as its rows.
///
/// # Errors
/// What the person is told.
pub fn read(bytes: Vec<u8>, zone: Tz) -> Result<Read, String> {
    let shown = |error: anyhow::Error| format!("{error:#}");
    let mut sheet = Sheet::of_bytes(bytes, None).map_err(shown)?;
    let first = sheet.first(HEADER_WITHIN).map_err(shown)?;
    let columns = Columns::find(&first, &[]).map_err(shown)?;
    let used: Vec<usize> = columns.all().map(|(_, column, _)| column).collect();
    let lines = sheet.below(columns.header, &used).map_err(shown)?;
    let mut read = Read { format: sheet.format(), people: Vec::new(), refused: Vec::new() };
    for line in &lines {
        match row::read(line, &columns, zone) {
            Ok(visit) => {
                read.people.push((visit.name.full().to_owned(), visit.phone.e164().to_owned()));
            }
            Err(bad) => read.refused.push(bad.line(&columns)),
        }
    }
    Ok(read)
}
