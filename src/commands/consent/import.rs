//! `ulak consent import`: a list of what people said, as the facts that a clinic's own system would have published. What would be done is
//! shown first; `--apply` does it.

mod columns;
mod row;
mod told;
mod work;

use std::path::Path;

use anyhow::{Context as _, anyhow};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::clinic;
use crate::cli::consent::ConsentImportArgs;
use crate::commands::Failure;
use crate::commands::desk::Desk;
use crate::commands::import::columns::HEADER_WITHIN;
use crate::commands::import::progress;
use crate::commands::import::sheet::{self, Sheet};
use columns::Columns;
use row::Defaults;
use told::{Sum, Teller};
use work::Work;

/// Rows that are decided and written together.
const SLICE: usize = 50;
/// Longest part of a file's name that a record keeps.
const LONGEST_NAME: usize = 60;
/// A run of so many digits in a file's name is a phone or identity number.
const DIGITS_OF_A_NUMBER: usize = 9;

pub(super) async fn run(desk: &Desk, args: &ConsentImportArgs) -> Result<(), Failure> {
    let (id, described) = clinic(desk, args.clinic.as_ref())?;
    let shown = args.file.display();
    let bytes = sheet::bytes(&args.file)?;
    let name = file_name(&args.file);
    let digest = HEXLOWER.encode(&Sha256::digest(&bytes)[..8]);
    let mut sheet =
        Sheet::of_bytes(bytes, args.sheet.as_deref()).with_context(|| shown.to_string())?;
    let first = sheet.first(HEADER_WITHIN).with_context(|| shown.to_string())?;
    let now = desk.ledger.clock().now_ms();
    let defaults = Defaults {
        channel: args.channel,
        refused: (args.given || args.refused).then_some(args.refused),
        at: args.at.map(|at| at.timestamp_millis()),
        zone: described.face.zone,
        now,
    };
    let columns =
        Columns::find(&first, &args.maps, &defaults).with_context(|| shown.to_string())?;
    let lines = sheet.below(columns.header, &columns.used()).with_context(|| shown.to_string())?;
    if lines.is_empty() {
        return Err(anyhow!("{shown}: there is no row below the headers").into());
    }
    let format = sheet.format();
    // a workbook keeps all of its cells
    drop(sheet);
    let teller = Teller { json: desk.json, applied: args.apply, columns: &columns };
    teller.head(&name, &format, &digest, &id)?;
    let file = format!("{name} (sha256 {digest})");
    let applier = desk.applier();
    let mut work =
        Work::new(desk, &applier, &id, &defaults, &columns, (args.apply, &args.reason, &file));
    let mut sum = Sum::default();
    let bar = progress(lines.len());
    for slice in lines.chunks(SLICE) {
        let told = work.rows(slice).await?;
        bar.suspend(|| {
            told.iter().try_for_each(|one| {
                sum.add(one);
                teller.row(one)
            })
        })?;
        bar.inc(slice.len() as u64);
    }
    bar.finish_and_clear();
    teller.sum(&sum)?;
    if sum.left_out == 0 {
        return Ok(());
    }
    Err(anyhow!(
        "{} of {} rows were left out, each for the reason beside its line; mend them and import the file again, what is known already stays as it is",
        sum.left_out,
        sum.rows
    )
    .into())
}

/// The file's name as records keep it: short, one line, no number of a person in it.
fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let name: String = name.chars().map(plain).take(LONGEST_NAME).collect();
    let digits = name.chars().filter(char::is_ascii_digit).count();
    if digits < DIGITS_OF_A_NUMBER {
        return name;
    }
    name.chars().map(|c| if c.is_ascii_digit() { '*' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_is_kept_without_a_number_of_a_person() {
        let kept = |name: &str| file_name(Path::new(name));
        assert_eq!(kept("/tmp/izinler 2026-05.xlsx"), "izinler 2026-05.xlsx");
        assert_eq!(kept("0532 123 45 67.csv"), "**** *** ** **.csv");
        assert_eq!(kept("a\nb.csv"), "a b.csv");
        assert_eq!(kept(&"x".repeat(200)).chars().count(), LONGEST_NAME);
    }
}
