//! `ulak consent …`

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use schemas::{Channel, ClinicId};

use super::values::{Moment, WrittenPhone, clinic, moment, phone, reason};

/// What stands below `ulak consent --help`.
pub const EXAMPLES: &str = "\
Examples:
  ulak consent record --phone '0532 123 45 67' --channel whatsapp --given --evidence form-2026-114 --reason 'signed at the desk'
  ulak consent check --clinic atasehir --phone 05321234567
                                           what is known, since when, from where, and what it allows
  ulak consent import izinler.xlsx --reason 'list of the old program'
                                           shows what would be recorded; does nothing
  ulak consent import izinler.xlsx --reason 'list of the old program' --apply

The registry is what people said at the clinic, channel by channel; of two words the later one holds, in whatever order they come.
WhatsApp needs a word that gives consent; a refusal of sms puts the number on the list of those who are not contacted at all.
Numbers are never printed back nor logged; what is recorded names who wrote it down and why.";

/// What stands below `ulak consent import --help`.
const IMPORT_EXAMPLES: &str = "\
Examples:
  ulak consent import izinler.xlsx --reason 'list of the old program'
  ulak consent import izinler.csv --reason 'form of May' --channel whatsapp --given --map at=Tarih --apply
  ulak consent import izinler.csv --reason 'form of May' --map phone=C --map evidence=- --json

Fields: phone, channel, status, at, time, evidence. Columns are guessed from Turkish and English headers; --map FIELD=COLUMN sets
one, by its header or its letter, and - for none. channel, status and at may be said for all rows by --channel, --given or --refused,
and --at; a column wins. Channels: sms, whatsapp, all (hepsi). Status: given (izin, onay, evet), refused (ret, hayir).
A date without a time counts from its first minute if consent was given and from its last if it was refused.

The same file again changes nothing. A row that cannot be read is listed with its line and the reason, the others go on; exit code 1
if any was left out. Records keep line, file name and a hash of the file: do not name a file after a person.";

/// `ulak consent …`
#[derive(Debug, Subcommand)]
pub enum ConsentCommand {
    /// Write down what a person said about being contacted
    Record(RecordArgs),
    /// Ask what is known of a number, here and at the configured consent source, and print it with its evidence
    Check(CheckArgs),
    /// Write down what a CSV or Excel file says people said; a dry run without --apply
    Import(ConsentImportArgs),
}

/// For which channel a person spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Spoken {
    /// Text messages
    Sms,
    /// WhatsApp
    Whatsapp,
    /// Every channel
    All,
}

impl Spoken {
    /// The channel; `None`: all.
    pub const fn channel(self) -> Option<Channel> {
        match self {
            Self::Sms => Some(Channel::Sms),
            Self::Whatsapp => Some(Channel::Whatsapp),
            Self::All => None,
        }
    }
}

/// `ulak consent record`
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("said").required(true)))]
pub struct RecordArgs {
    /// Clinic that it was said to [default: the only one]
    #[arg(long, value_name = "ID", value_parser = clinic)]
    pub clinic: Option<ClinicId>,
    /// The person's mobile number
    #[arg(long, value_name = "NUMBER", value_parser = phone)]
    pub phone: WrittenPhone,
    /// The channel that it holds for
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Spoken,
    /// The person agreed to be contacted
    #[arg(long, group = "said")]
    pub given: bool,
    /// The person does not want to be contacted, or no longer
    #[arg(long, group = "said")]
    pub refused: bool,
    /// Why you write it down; recorded for good, with user and machine
    #[arg(long, value_name = "WORDS", value_parser = reason)]
    pub reason: String,
    /// When it was said: a time, or how long ago (2h, 3d) [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub at: Option<Moment>,
    /// Where the proof lies, such as form-2026-114: a short word that names nobody
    #[arg(long, value_name = "WORD", value_parser = proof)]
    pub evidence: Option<String>,
}

/// `ulak consent check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Clinic whose registry, account and brand are asked [default: the only one]
    #[arg(long, value_name = "ID", value_parser = clinic)]
    pub clinic: Option<ClinicId>,
    /// The mobile number
    #[arg(long, value_name = "NUMBER", value_parser = phone)]
    pub phone: WrittenPhone,
    /// The number is known to İYS as a merchant's (TACIR)
    #[arg(long)]
    pub merchant: bool,
    /// Do not ask the consent source; print what is known here
    #[arg(long)]
    pub offline: bool,
}

/// `ulak consent import`
#[derive(Debug, Args)]
#[command(after_help = IMPORT_EXAMPLES, group(ArgGroup::new("said").required(false)))]
pub struct ConsentImportArgs {
    /// The file: .xlsx, or .csv in UTF-8, UTF-16 or Windows-1254
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Do it; without this, what would be done is shown
    #[arg(long)]
    pub apply: bool,
    /// Clinic that it was said to [default: the only one]
    #[arg(long, value_name = "ID", value_parser = clinic)]
    pub clinic: Option<ClinicId>,
    /// Where the list comes from; recorded for good with each row, with user and machine
    #[arg(long, value_name = "WORDS", value_parser = reason)]
    pub reason: String,
    /// Which column holds what: by header or letter; - for none. May be repeated
    #[arg(long = "map", value_name = "FIELD=COLUMN", value_parser = wish)]
    pub maps: Vec<ConsentWish>,
    /// Sheet of the workbook [default: the first that is not hidden]
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,
    /// The channel of rows that name none
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<Spoken>,
    /// Rows without a status gave consent
    #[arg(long, group = "said")]
    pub given: bool,
    /// Rows without a status refused
    #[arg(long, group = "said")]
    pub refused: bool,
    /// When it was said in rows without a date: a time with its offset
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub at: Option<DateTime<Utc>>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConsentField {
    /// The mobile number.
    Phone,
    /// The channel.
    Channel,
    /// Given or refused.
    Status,
    /// When it was said: a date, perhaps with the time.
    At,
    /// The time of that date.
    Time,
    /// Where the proof lies.
    Evidence,
}

impl ConsentField {
    /// Every field, in the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::Phone, Self::Channel, Self::Status, Self::At, Self::Time, Self::Evidence];

    /// `phone`, `channel`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Channel => "channel",
            Self::Status => "status",
            Self::At => "at",
            Self::Time => "time",
            Self::Evidence => "evidence",
        }
    }
}

/// A column as somebody wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentWish {
    /// What it holds.
    pub field: ConsentField,
    /// Its header or its letter; `None`: there is none.
    pub column: Option<String>,
}

/// `phone=B`, `at=İzin tarihi`, `evidence=-`.
fn wish(text: &str) -> Result<ConsentWish, String> {
    let example = "at='İzin tarihi'";
    let (field, column) =
        super::import::wished(text, &ConsentField::ALL, ConsentField::word, example)?;
    Ok(ConsentWish { field, column })
}

/// An instant that is the same at each run: how long ago would be another one.
fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    let said = "use a time with its offset such as 2026-05-01T00:00:00+03:00";
    DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).map_err(|_| said.to_owned())
}

/// A word of the contract (`schemas/parts.json`, `consent.evidence`) that is no number of a person.
pub(crate) fn proof(text: &str) -> Result<String, String> {
    let inner = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let fits = text.len() <= 60 && text.chars().all(inner);
    if !fits || !ends(text.chars().next()) || !ends(text.chars().next_back()) {
        return Err("use at most 60 of a-z 0-9 . _ / -, such as form-2026-114".to_owned());
    }
    reason(text).map_err(|_| "leave out the number: it must not name a person".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_given_by_header_or_letter_or_taken_away() {
        let read = |text| wish(text).map(|wish| (wish.field, wish.column));
        assert_eq!(read("phone=D"), Ok((ConsentField::Phone, Some("D".to_owned()))));
        assert_eq!(
            read("at= İzin tarihi "),
            Ok((ConsentField::At, Some("İzin tarihi".to_owned())))
        );
        assert_eq!(read("evidence=-"), Ok((ConsentField::Evidence, None)));
        for wrong in ["phone", "fone=D", "phone=", "=D", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn proof_is_a_short_word_that_names_nobody() {
        for good in ["form-2026-114", "front-desk", "A", "scan/2026/05.pdf"] {
            assert_eq!(proof(good).as_deref(), Ok(good));
        }
        for wrong in ["", "-form", "form-", "ayşe", "two words", "05321234567", &"x".repeat(61)] {
            assert!(proof(wrong).is_err(), "{wrong}");
        }
    }
}
