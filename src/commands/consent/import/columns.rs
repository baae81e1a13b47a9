//! Which column holds what: guessed from headers, then as `--map` says.

use std::collections::BTreeMap;

use anyhow::bail;

use super::row::Defaults;
use crate::cli::consent::{ConsentField as Field, ConsentWish};
use crate::commands::import::columns::{letter, place};
use crate::commands::import::fold::fold;
use crate::commands::import::sheet::Line;

/// A row with so many known headers is the header row; one alone may be chance.
const HEADER_HAS: usize = 2;

/// Headers, Turkish and English, folded. Of two columns for a field the one whose header stands earlier here is meant.
const HEADERS: [(Field, &[&str]); 6] = [
    (
        Field::Phone,
        &[
            "cep telefonu",
            "cep tel",
            "cep no",
            "cep",
            "gsm",
            "gsm no",
            "mobil",
            "mobile",
            "mobile phone",
            "telefon",
            "telefon no",
            "telefon numarasi",
            "tel",
            "tel no",
            "phone",
            "phone number",
            "numara",
            "number",
        ],
    ),
    (Field::Channel, &["kanal", "kanali", "izin kanali", "iletisim kanali", "channel", "medium"]),
    (
        Field::Status,
        &[
            "izin durumu",
            "onay durumu",
            "izin",
            "onay",
            "riza",
            "acik riza",
            "consent",
            "consent status",
            "durum",
            "durumu",
            "status",
            "opt in",
        ],
    ),
    (
        Field::At,
        &[
            "izin tarihi",
            "onay tarihi",
            "izin zamani",
            "onay zamani",
            "consent date",
            "consent time",
            "said at",
            "tarih",
            "tarihi",
            "zaman",
            "date",
            "at",
            "when",
        ],
    ),
    (Field::Time, &["izin saati", "onay saati", "saat", "saati", "time", "hour"]),
    (
        Field::Evidence,
        &[
            "belge",
            "belge no",
            "belge numarasi",
            "form",
            "form no",
            "kanit",
            "evidence",
            "proof",
            "kaynak",
            "source",
        ],
    ),
];

/// Where each field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    at: BTreeMap<Field, usize>,
    titles: BTreeMap<usize, String>,
    /// The line of the header row; `None`: there is none, and the first row holds data.
    pub(super) header: Option<u64>,
}

impl Columns {
    /// Finds the header row and the columns. `first` are the first rows of the file.
    ///
    /// # Errors
    /// A column that is wished for is not there, or one that is needed was not found and nothing stands in for it. No header that is not
    /// known is repeated: without a header row it would be somebody's name.
    pub(super) fn find(
        first: &[Line],
        wishes: &[ConsentWish],
        defaults: &Defaults,
    ) -> anyhow::Result<Self> {
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
        if !at.contains_key(&Field::At)
            && let Some(both) = at.remove(&Field::Time)
        {
            at.insert(Field::At, both);
        }
        let needed = [
            (Field::Phone, "--map phone=B", true),
            (Field::Channel, "--channel whatsapp", defaults.channel.is_none()),
            (Field::Status, "--given or --refused", defaults.refused.is_none()),
            (Field::At, "--at 2026-05-01T00:00:00+03:00", defaults.at.is_none()),
        ];
        let missing = needed.into_iter().find(|(field, _, is)| *is && !at.contains_key(field));
        if let Some((field, say, _)) = missing {
            let last = letter(width.saturating_sub(1));
            let where_ = header.map_or_else(
                || "no row of headers was recognised".to_owned(),
                |line| format!("the headers of line {} do not tell", line.number),
            );
            bail!(
                "no column was found for {}: {where_}; say which it is with --map {}=COLUMN (the file has the columns A to {last}){}",
                field.word(),
                field.word(),
                if field == Field::Phone {
                    String::new()
                } else {
                    format!(", or for all rows with {say}")
                }
            );
        }
        let titles = titles.into_iter().enumerate();
        let titles = titles.filter(|(column, _)| at.values().any(|used| used == column)).collect();
        Ok(Self { at, titles, header: header.map(|line| line.number) })
    }

    /// The column of a field.
    pub(super) fn of(&self, field: Field) -> Option<usize> {
        self.at.get(&field).copied()
    }

    /// Columns that are read.
    pub(super) fn used(&self) -> Vec<usize> {
        self.at.values().copied().collect()
    }

    /// The fields that there are, each with its column and header.
    pub(super) fn all(&self) -> impl Iterator<Item = (Field, usize, Option<&str>)> {
        Field::ALL.into_iter().filter_map(|field| {
            let column = self.of(field)?;
            Some((field, column, self.titles.get(&column).map(String::as_str)))
        })
    }
}

/// The row with the most known headers.
fn header_row<'a>(first: &'a [Line], wishes: &[ConsentWish]) -> Option<&'a Line> {
    let wished: Vec<String> =
        wishes.iter().filter_map(|w| Some(fold(w.column.as_ref()?))).collect();
    let worth = |line: &Line| {
        let folded = line.cells.iter().map(|cell| fold(&cell.text()));
        folded
            .filter(|title| rank(title).is_some() || (title.len() > 2 && wished.contains(title)))
            .count()
    };
    let mut best: Option<(&Line, usize)> = None;
    for line in first {
        let worth = worth(line);
        if worth >= HEADER_HAS && best.is_none_or(|(_, most)| worth > most) {
            best = Some((line, worth));
        }
    }
    best.map(|(line, _)| line)
}

/// What a header means, and how well.
fn rank(title: &str) -> Option<(Field, usize)> {
    HEADERS
        .into_iter()
        .find_map(|(field, titles)| Some((field, titles.iter().position(|known| *known == title)?)))
}

/// The best column for each field; of equal ones the first.
fn guess(titles: &[String]) -> BTreeMap<Field, usize> {
    let mut found: BTreeMap<Field, (usize, usize)> = BTreeMap::new();
    for (column, title) in titles.iter().enumerate() {
        let Some((field, rank)) = rank(&fold(title)) else { continue };
        let best = found.entry(field).or_insert((rank, column));
        if rank < best.0 {
            *best = (rank, column);
        }
    }
    found.into_iter().map(|(field, (_, column))| (field, column)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::consent::Spoken;
    use crate::commands::import::sheet::Cell;

    fn line(number: u64, cells: &[&str]) -> Line {
        Line::new(number, cells.iter().map(|text| Cell::Text((*text).to_owned())).collect())
    }

    fn none() -> Defaults {
        Defaults {
            channel: None,
            refused: None,
            at: None,
            zone: chrono_tz::Europe::Istanbul,
            now: 0,
        }
    }

    fn wish(field: Field, column: Option<&str>) -> ConsentWish {
        ConsentWish { field, column: column.map(str::to_owned) }
    }

    #[test]
    fn turkish_and_english_headers_are_known_below_a_title() {
        let rows = [
            line(1, &["Ataşehir Kliniği", "", "", ""]),
            line(
                3,
                &["Adı Soyadı", "CEP TELEFONU", "Kanal", "İzin Durumu", "İzin Tarihi", "Belge No"],
            ),
            line(4, &["A B", "0532", "sms", "evet", "1.5.2026", "f-1"]),
        ];
        let columns = Columns::find(&rows, &[], &none()).expect("columns");
        assert_eq!(columns.header, Some(3));
        let found: Vec<_> = columns.all().map(|(field, at, _)| (field.word(), at)).collect();
        assert_eq!(
            found,
            [("phone", 1), ("channel", 2), ("status", 3), ("at", 4), ("evidence", 5)]
        );
        let english = [line(1, &["Phone", "Channel", "Status", "Date", "Time"])];
        assert_eq!(Columns::find(&english, &[], &none()).expect("columns").used().len(), 5);
    }

    #[test]
    fn what_is_missing_is_named_and_may_be_said_for_all_rows() {
        let rows = [line(1, &["Telefon", "Tarih"]), line(2, &["0532 123 45 67", "1.5.2026"])];
        let said = Columns::find(&rows, &[], &none()).expect_err("no channel").to_string();
        assert!(said.contains("channel") && said.contains("--channel whatsapp"), "{said}");
        let all = Defaults { channel: Some(Spoken::Whatsapp), refused: Some(false), ..none() };
        assert!(Columns::find(&rows, &[], &all).is_ok());
        let gone = Columns::find(&rows, &[wish(Field::At, None)], &all).expect_err("no date");
        assert!(gone.to_string().contains("--at"), "{gone}");
        let mapped = [wish(Field::Status, Some("B")), wish(Field::At, None)];
        let all = Defaults { at: Some(5), refused: None, ..all };
        assert_eq!(
            Columns::find(&rows, &mapped, &all).expect("columns").of(Field::Status),
            Some(1)
        );
        let without = [line(1, &["Mehmet Işık", "0532 123 45 67"])];
        let said = Columns::find(&without, &[], &all).expect_err("no headers").to_string();
        assert!(!said.contains("Mehmet") && !said.contains("0532"), "{said}");
    }
}
