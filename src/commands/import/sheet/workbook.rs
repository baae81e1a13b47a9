//! Excel workbooks, read cell by cell: what a sheet says of its own size is not believed.

use std::io::{Cursor, Read as _};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{anyhow, bail};
use calamine::{DataRef, Reader as _, SheetType, SheetVisible, Xlsx, XlsxError};

use super::{Cell, Line, MOST_COLUMNS, Take};

/// A workbook that unpacks to more is no list of appointments.
const MOST_UNPACKED: u64 = 512 * 1024 * 1024;
/// Days between the two beginnings of the calendar that Excel knows.
const FROM_1904: f64 = 1462.0;

/// A sheet of a workbook.
pub(super) struct Workbook {
    book: Xlsx<Cursor<Vec<u8>>>,
    sheet: String,
    /// Visible sheets beside it.
    others: usize,
}

impl Workbook {
    pub(super) fn open(bytes: Vec<u8>, name: Option<&str>) -> anyhow::Result<Self> {
        refuse_bombs(&bytes)?;
        refuse_claims(&bytes)?;
        let book = contained(|| Xlsx::new(Cursor::new(bytes)))?;
        let sheets: Vec<String> = book
            .sheets_metadata()
            .iter()
            .filter(|sheet| {
                sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible
            })
            .map(|sheet| sheet.name.clone())
            .collect();
        let sheet = match name {
            // a hidden one may be asked for
            Some(name) => {
                let all = book.sheet_names();
                let found = all.iter().find(|known| known.trim() == name.trim());
                let known = || {
                    let names = sheets.iter().map(|name| format!("\"{}\"", shown(name)));
                    names.collect::<Vec<_>>()
                };
                found.cloned().ok_or_else(|| {
                    anyhow!("there is no sheet of that name; use one of {}", known().join(", "))
                })?
            }
            None => {
                sheets.first().cloned().ok_or_else(|| anyhow!("has no sheet that is not hidden"))?
            }
        };
        Ok(Self { others: sheets.iter().filter(|name| **name != sheet).count(), book, sheet })
    }

    pub(super) fn format(&self) -> String {
        let others = match self.others {
            0 => String::new(),
            n => format!(" (one of {}; --sheet takes another)", n + 1),
        };
        format!("Excel, sheet \"{}\"{others}", shown(&self.sheet))
    }

    pub(super) fn each(&mut self, take: &mut Take<'_>) -> anyhow::Result<()> {
        let epoch = if self.book.has_1904_epoch() { FROM_1904 } else { 0.0 };
        let mut cells = contained(|| self.book.worksheet_cells_reader(&self.sheet))?;
        let mut row = Line::new(0, Vec::new());
        while let Some(found) = contained(|| cells.next_cell())? {
            let (at, column) = found.get_position();
            let number = u64::from(at) + 1;
            if number != row.number {
                if number < row.number {
                    bail!("the sheet is damaged: its rows are not in order; save it again");
                }
                let done = std::mem::replace(&mut row, Line::new(number, Vec::new()));
                if give(done, take)?.is_break() {
                    return Ok(());
                }
            }
            let column = usize::try_from(column).unwrap_or(usize::MAX);
            if column < MOST_COLUMNS {
                if row.cells.len() <= column {
                    row.cells.resize(column + 1, Cell::Empty);
                }
                row.cells[column] = cell(found.get_value(), epoch);
            }
        }
        give(row, take).map(drop)
    }
}

fn give(row: Line, take: &mut Take<'_>) -> anyhow::Result<ControlFlow<()>> {
    if row.cells.iter().all(Cell::is_empty) { Ok(ControlFlow::Continue(())) } else { take(row) }
}

fn cell(value: &DataRef<'_>, epoch: f64) -> Cell {
    let text = |text: &str| {
        let text = text.trim();
        if text.is_empty() { Cell::Empty } else { Cell::Text(text.to_owned()) }
    };
    match value {
        DataRef::Empty => Cell::Empty,
        DataRef::Int(number) => Cell::Number(*number as f64),
        DataRef::Float(number) => Cell::Number(*number),
        DataRef::String(written)
        | DataRef::DateTimeIso(written)
        | DataRef::DurationIso(written) => text(written),
        DataRef::SharedString(written) => text(written),
        DataRef::Bool(flag) => text(if *flag { "TRUE" } else { "FALSE" }),
        // a time alone has no calendar
        DataRef::DateTime(at) if at.as_f64() < 1.0 => Cell::Serial(at.as_f64()),
        DataRef::DateTime(at) => Cell::Serial(at.as_f64() + epoch),
        DataRef::Error(_) => Cell::Broken,
    }
}

/// A small file may unpack to more than any memory.
fn refuse_bombs(bytes: &[u8]) -> anyhow::Result<()> {
    let damaged = |_| {
        anyhow!("is damaged: it begins as an Excel workbook and is none; save it again as .xlsx")
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let mut size = 0_u64;
    for index in 0..archive.len() {
        size = size.saturating_add(archive.by_index_raw(index).map_err(damaged)?.size());
    }
    if size > MOST_UNPACKED {
        bail!("unpacks to more than 512 MiB; save only the list of appointments");
    }
    Ok(())
}

/// How many bytes the shortest of a workbook's shared strings takes: `<si/>`.
const LEAST_STRING: u64 = 5;

/// calamine makes room for as many shared strings as the workbook claims to have, and a process that asks for more than there is ends at
/// once (`fuzz/regressions/import_parts`): a claim that its own bytes cannot hold is refused before.
fn refuse_claims(bytes: &[u8]) -> anyhow::Result<()> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| unreadable())?;
    for index in 0..archive.len() {
        let Ok(mut part) = archive.by_index(index) else { continue };
        let name = part.name().map(|name| name.to_ascii_lowercase());
        if name.is_ok_and(|name| !name.ends_with("sharedstrings.xml")) {
            continue;
        }
        let mut claims = Claims::default();
        let mut page = vec![0; 64 * 1024];
        // a part that cannot be unpacked is calamine's to refuse
        while let Ok(read @ 1..) = part.read(&mut page) {
            page[..read].iter().for_each(|byte| claims.see(*byte));
            if claims.seen > MOST_UNPACKED {
                break;
            }
        }
        if claims.most() > claims.seen / LEAST_STRING {
            return Err(unreadable());
        }
    }
    Ok(())
}

/// The largest `uniqueCount` in a stream of XML, whatever its width of characters (UTF-16 has a zero beside each of these).
#[derive(Default)]
struct Claims {
    /// Bytes gone over.
    seen: u64,
    /// Letters of the name that were just seen; all of them: its value follows.
    matched: usize,
    value: u64,
    most: u64,
}

impl Claims {
    const NAME: &'static [u8] = b"uniqueCount";

    fn see(&mut self, byte: u8) {
        self.seen += 1;
        if byte == 0 {
            return;
        }
        if self.matched < Self::NAME.len() {
            self.matched = match byte {
                _ if byte == Self::NAME[self.matched] => self.matched + 1,
                _ if byte == Self::NAME[0] => 1,
                _ => 0,
            };
            return;
        }
        match byte {
            b'0'..=b'9' => {
                self.value = self.value.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
            }
            b'=' | b'"' | b'\'' | b'+' | b' ' | b'\t' | b'\r' | b'\n' if self.value == 0 => {}
            _ => (self.most, self.value, self.matched) = (self.most(), 0, 0),
        }
    }

    fn most(&self) -> u64 {
        self.most.max(self.value)
    }
}

/// What calamine makes of a file. It panics at some damaged ones (`fuzz/regressions/import_parts`): then the
/// file is damaged, and nothing that it was reading is used again.
fn contained<T>(read: impl FnOnce() -> Result<T, XlsxError>) -> anyhow::Result<T> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(ended) => ended.map_err(|error| damaged(&error)),
        Err(_) => Err(unreadable()),
    }
}

/// What calamine says may repeat a cell.
fn damaged(error: &XlsxError) -> anyhow::Error {
    match error {
        XlsxError::Password => anyhow!("has a password; save it without one"),
        XlsxError::NotAWorksheet(_) => anyhow!("the sheet is a chart; name another with --sheet"),
        _ => unreadable(),
    }
}

fn unreadable() -> anyhow::Error {
    anyhow!("is damaged, or no Excel workbook (.xlsx); open it in Excel and save it again")
}

/// A sheet's name in one line: a crafted file may have any characters in it, and any number of them (Excel allows 31).
fn shown(name: &str) -> String {
    let shown = name.chars().take(60);
    shown.map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimed(text: impl IntoIterator<Item = u8>) -> u64 {
        let mut claims = Claims::default();
        text.into_iter().for_each(|byte| claims.see(byte));
        claims.most()
    }

    #[test]
    fn the_largest_claim_is_found_however_it_is_written() {
        assert_eq!(claimed(*b"<sst count=\"9\" uniqueCount=\"7\">"), 7);
        assert_eq!(claimed(*b"<x:sst uniqueCount \n=\t ' 53988877665' ><si/>"), 53_988_877_665);
        assert_eq!(claimed(*b"<sst uuniqueCount='5' uniqueCount=\"12\" uniqueCount='3'"), 12);
        assert_eq!(claimed(*b"uniqueCount=\"99999999999999999999999999\""), u64::MAX);
        assert_eq!(claimed("uniqueCount='41'".encode_utf16().flat_map(u16::to_le_bytes)), 41);
        assert_eq!(claimed("uniqueCount='41'".encode_utf16().flat_map(u16::to_be_bytes)), 41);
        assert_eq!(claimed(*b"<sst count=\"9\"><si><t>unique 12</t></si>"), 0);
    }
}
