use chrono_tz::Europe::Istanbul;
use proptest::prelude::*;

use super::*;

const HEADER: [&str; 8] =
    ["Randevu No", "Hasta", "Soyadı", "Cep", "Tarih", "Saat", "Doktor", "Durum"];
const GOOD: [&str; 8] = [
    "A-1",
    "Ayşe",
    "Yılmaz",
    "0532 123 45 67",
    "22.11.2026",
    "14:30",
    "Dr. Çağrı Şahin",
    "Onaylandı",
];

fn columns() -> Columns {
    Columns::find(&[line(1, &HEADER)], &[]).expect("columns")
}

fn line(number: u64, cells: &[&str]) -> Line {
    Line::new(number, cells.iter().map(|text| Cell::Text((*text).to_owned())).collect())
}

fn cells(changes: &[(usize, Cell)]) -> Result<Visit, Bad> {
    let mut line = line(7, &GOOD);
    for (column, cell) in changes {
        line.cells[*column] = cell.clone();
    }
    read(&line, &columns(), Istanbul)
}

fn with_text(column: usize, text: &str) -> Result<Visit, Bad> {
    cells(&[(column, if text.is_empty() { Cell::Empty } else { Cell::Text(text.to_owned()) })])
}

#[test]
fn a_good_row_is_an_appointment() {
    let visit = cells(&[]).expect("good");
    assert_eq!(
        (visit.line, visit.name.full(), visit.phone.e164()),
        (7, "Ayşe Yılmaz", "+905321234567")
    );
    assert_eq!(visit.slot.starts_at.to_rfc3339(), "2026-11-22T14:30:00+03:00");
    assert_eq!(
        (visit.with.as_deref(), visit.id.as_deref()),
        (Some("Dr. Çağrı Şahin"), Some("A-1"))
    );
    assert!(!visit.cancelled && visit.note.is_none());
}

#[test]
fn numbers_are_read_as_excel_keeps_them() {
    for phone in [
        Cell::Number(5_321_234_567.0),
        Cell::Number(905_321_234_567.0),
        Cell::Text("+90 (532) 123-45-67".to_owned()),
        Cell::Text("'05321234567".to_owned()),
        Cell::Text("5321234567.0".to_owned()),
    ] {
        assert_eq!(cells(&[(3, phone)]).expect("a number").phone.e164(), "+905321234567");
    }
    let id = cells(&[(0, Cell::Number(1_042.0))]).expect("an id").id;
    assert_eq!(id.as_deref(), Some("1042"));
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_never_with_the_cell() {
    for (column, text, expected) in [
        (1, "", None),
        (3, "", Some("phone empty")),
        (3, "0216 123 45 67", Some("phone phone-landline")),
        (3, "0532 123 45", Some("phone phone-too-short")),
        (3, "5,32E+09", Some("phone phone-shortened")),
        (3, "5.32123E+09", Some("phone phone-shortened")),
        (3, "Ayşe", Some("phone phone")),
        (3, "+49 151 23456789", Some("phone phone-foreign")),
        (4, "Ayşe", Some("date no-date")),
        (5, "Ayşe", Some("time no-time")),
        (5, "15:00-14:00", Some("time range")),
        (0, "", Some("id empty")),
        (0, "0532 123 45 67", Some("id phone")),
        (7, "Ertelendi", Some("status postponed")),
    ] {
        let bad = match with_text(column, text) {
            Ok(_) => None,
            Err(bad) => {
                let said = bad.line(&columns());
                assert!(
                    !text.is_empty() && !said.contains("Ayşe") && !said.contains("532 1")
                        || text.is_empty(),
                    "{said}"
                );
                Some(format!("{} {}", bad.field.map_or("row", Field::word), bad.rule))
            }
        };
        assert_eq!(bad.as_deref(), expected, "{column} {text}");
    }
    let nobody = cells(&[(1, Cell::Empty), (2, Cell::Empty)]).expect_err("nobody");
    assert_eq!(nobody.line(&columns()), "name (B): empty: is empty");
    let no_letter = cells(&[(1, Cell::Number(1.0)), (2, Cell::Empty)]).expect_err("no name");
    assert_eq!((no_letter.field, no_letter.rule), (Some(Field::Name), "name"));
}

#[test]
fn a_quotation_mark_that_swallows_rows_is_told_with_both_lines() {
    let mut swallowed = line(7, &GOOD);
    swallowed.swallowed_to = Some(12);
    let bad = read(&swallowed, &columns(), Istanbul).expect_err("bad");
    assert!(bad.rule == "quotation-mark" && bad.said.contains("to 12"), "{}", bad.said);
}

#[test]
fn a_status_may_cancel() {
    for word in
        ["İptal", "İPTAL EDİLDİ", "iptal", "Hasta iptal etti", "Cancelled", "canceled", "Vazgeçti"]
    {
        assert!(with_text(7, word).expect("good").cancelled, "{word}");
    }
    for word in ["", "Onaylandı", "Planlandı", "Geldi", "Confirmed", "1"] {
        assert!(!with_text(7, word).expect("good").cancelled, "{word}");
    }
}

#[test]
fn whom_a_text_must_not_name_is_left_out_and_the_row_stays() {
    for (text, note) in [
        ("Çağrı Şahin", Some(Note::WithoutTitle)),
        ("Dr. Çağrı Şahin (Onkoloji)", Some(Note::Specialty)),
        (&*format!("Dr. {}", "a".repeat(60)), Some(Note::NotForATextLine)),
        ("Dr.  Çağrı\nŞahin", None),
        ("", None),
    ] {
        let visit = with_text(6, text).expect("good");
        assert_eq!(visit.note, note, "{text}");
        assert_eq!(visit.with.is_some(), note.is_none() && !text.is_empty(), "{text}");
    }
}

proptest! {
    #[test]
    fn reading_a_row_never_panics_and_repeats_nothing(column in 0_usize..8, text in "\\PC{4,40}", number in any::<f64>()) {
        for cell in [Cell::Text(text.clone()), Cell::Number(number), Cell::Serial(number), Cell::Broken, Cell::Empty] {
            if let Err(bad) = cells(&[(column, cell)]) {
                let said = bad.line(&columns());
                prop_assert!(!said.contains(text.trim()) || text.trim().len() < 4, "{}", said);
                prop_assert!(!said.contains('\n'));
            }
        }
    }
}
