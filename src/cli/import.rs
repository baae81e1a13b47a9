//! `ulak import`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use schemas::ClinicId;

use super::values::clinic;

pub(super) const EXAMPLES: &str = "\
Examples:
  ulak import appointments.xlsx            shows the columns and what would be planned; does nothing
  ulak import appointments.xlsx --apply    does it
  ulak import list.csv --map phone=D --map with=Hekim --map status=-
  ulak import list.csv --clinic atasehir --json

Columns are guessed from Turkish and English headers; --map FIELD=COLUMN sets one, by its header or its letter, and - for none.
Fields: name, surname, phone, date, time, end, with, id, status. Needed are name, phone and date (with the time in it or in a column of
its own). Times are those on the clinic's wall.

The same file again changes nothing. With a column for the appointment's id a row that was moved moves its appointment; without one
an appointment is known by its number and start, and a moved row is a new appointment beside the old one. A row that is no longer
in the file is not cancelled; one whose status says cancelled is.
A row that cannot be read is listed with its line and the reason, the others go on; exit code 1 if any was left out.";

/// Plan the appointments of a CSV or Excel file; a dry run without --apply
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// The file: .xlsx, or .csv in UTF-8, UTF-16 or Windows-1254
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Do it; without this, what would be done is shown
    #[arg(long)]
    pub apply: bool,
    /// Clinic that the appointments are at [default: the only one]
    #[arg(long, value_name = "ID", value_parser = clinic)]
    pub clinic: Option<ClinicId>,
    /// Which column holds what: by header or letter; - for none. May be repeated
    #[arg(long = "map", value_name = "FIELD=COLUMN", value_parser = wish)]
    pub maps: Vec<Wish>,
    /// Sheet of the workbook [default: the first that is not hidden]
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,
    /// Take rows at their word that were imported before and whose appointment was changed or cancelled since
    #[arg(long)]
    pub again: bool,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Field {
    /// The person's name, whole or only the given one.
    Name,
    /// The family name, where it has a column of its own.
    Surname,
    /// The mobile number.
    Phone,
    /// The date; the time may stand with it.
    Date,
    /// The time; 14:30-15:00 says the end too.
    Time,
    /// When it ends.
    End,
    /// Who sees the person.
    With,
    /// The clinic's own key of the appointment.
    Id,
    /// Whether it stands.
    Status,
}

impl Field {
    /// Every field, in the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::Id,
        Self::Name,
        Self::Surname,
        Self::Phone,
        Self::Date,
        Self::Time,
        Self::End,
        Self::With,
        Self::Status,
    ];

    /// `name`, `phone`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Surname => "surname",
            Self::Phone => "phone",
            Self::Date => "date",
            Self::Time => "time",
            Self::End => "end",
            Self::With => "with",
            Self::Id => "id",
            Self::Status => "status",
        }
    }
}

/// A column as somebody wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// What it holds.
    pub field: Field,
    /// Its header or its letter; `None`: there is none.
    pub column: Option<String>,
}

/// `name=B`, `phone=Cep Tel`, `status=-`.
fn wish(text: &str) -> Result<Wish, String> {
    let (field, column) = wished(text, &Field::ALL, Field::word, "with='Sorumlu Hekim'")?;
    Ok(Wish { field, column })
}

/// A field and its column, as `--map` takes them; no column: there is none.
pub(super) fn wished<F: Copy>(
    text: &str,
    fields: &[F],
    word: fn(F) -> &'static str,
    example: &str,
) -> Result<(F, Option<String>), String> {
    let (field, column) = text
        .split_once('=')
        .ok_or_else(|| format!("use FIELD=COLUMN, such as phone=D or {example}"))?;
    let found = fields.iter().copied().find(|known| word(*known) == field.trim());
    let known = || fields.iter().copied().map(word).collect::<Vec<_>>().join(", ");
    let field = found.ok_or_else(|| format!("no such field; use one of {}", known()))?;
    let column = column.trim();
    if column.is_empty() {
        return Err("name a column by its header or its letter, or - for none".to_owned());
    }
    Ok((field, (column != "-").then(|| column.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_given_by_header_or_letter_or_taken_away() {
        let read = |text| wish(text).map(|wish| (wish.field, wish.column));
        assert_eq!(read("phone=D"), Ok((Field::Phone, Some("D".to_owned()))));
        assert_eq!(
            read("with= Sorumlu Hekim "),
            Ok((Field::With, Some("Sorumlu Hekim".to_owned())))
        );
        assert_eq!(read("name=a=b"), Ok((Field::Name, Some("a=b".to_owned()))));
        assert_eq!(read("status=-"), Ok((Field::Status, None)));
        for wrong in ["phone", "fone=D", "phone=", "=D", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read("fone=D").expect_err("no field").contains("phone"));
    }
}
