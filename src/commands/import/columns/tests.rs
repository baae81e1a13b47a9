use proptest::prelude::*;

use super::*;
use crate::commands::import::sheet::Cell;

fn line(number: u64, cells: &[&str]) -> Line {
    Line::new(number, cells.iter().map(|text| Cell::Text((*text).to_owned())).collect())
}

fn wish(field: Field, column: &str) -> Wish {
    Wish { field, column: (column != "-").then(|| column.to_owned()) }
}

/// `name=A phone=C …`
fn found(header: &[&str]) -> String {
    match Columns::find(&[line(1, header)], &[]) {
        Ok(columns) => shown(&columns),
        Err(error) => error.to_string(),
    }
}

fn shown(columns: &Columns) -> String {
    let all: Vec<String> = columns
        .all()
        .map(|(field, column, _)| format!("{}={}", field.word(), letter(column)))
        .collect();
    all.join(" ")
}

#[test]
fn headers_of_real_books_are_understood() {
    for (header, expected) in [
        (
            &["Hasta Adı Soyadı", "Telefon", "Tarih", "Saat", "Doktor"][..],
            "name=A phone=B date=C time=D with=E",
        ),
        (
            &["AD SOYAD", "GSM NO", "RANDEVU TARİHİ", "RANDEVU SAATİ", "HEKİM"],
            "name=A phone=B date=C time=D with=E",
        ),
        (
            &["Randevu No", "Adı", "Soyadı", "Cep Tel.", "Tarih/Saat", "Hekim Adı"],
            "id=A name=B surname=C phone=D date=E with=F",
        ),
        (&["İsim", "Cep Telefonu", "Randevu Tarih ve Saati"], "name=A phone=B date=C"),
        (
            &["name", "phone", "date", "time", "with", "id"],
            "id=F name=A phone=B date=C time=D with=E",
        ),
        (
            &["Patient Name", "Mobile Phone", "Start", "End", "Doctor", "Status"],
            "name=A phone=B date=C end=D with=E status=F",
        ),
        (
            &["First Name", "Last Name", "Phone Number", "Appointment Date", "Start Time"],
            "name=A surname=B phone=C date=D time=E",
        ),
        (
            &["Hasta", "Telefon", "Başlangıç", "Bitiş", "Durum"],
            "name=A phone=B date=C end=D status=E",
        ),
        (
            &["Tarih", "Başlangıç Saati", "Bitiş Saati", "Hasta", "Cep"],
            "name=D phone=E date=A time=B end=C",
        ),
        (&["Tarih", "Başlangıç", "Bitiş", "Hasta", "Cep"], "name=D phone=E date=A time=B end=C"),
        (&["Appointment ID", "Start Time", "Patient", "Cell"], "id=A name=C phone=D date=B"),
        (
            &["hasta_adi", "cep_telefonu", "randevu_tarihi", "randevu_saati", "randevu_id"],
            "id=E name=A phone=B date=C time=D",
        ),
    ] {
        assert_eq!(found(header), expected, "{header:?}");
    }
}

#[test]
fn a_column_that_means_something_else_is_not_taken() {
    for (header, expected) in [
        // of several numbers the mobile one
        (&["Ad Soyad", "Telefon", "Cep Telefonu", "Tarih"][..], "name=A phone=C date=D"),
        (&["Ad Soyad", "Telefon 2", "Telefon 1", "Tarih"], "name=A phone=C date=D"),
        (&["Ad Soyad", "Ev Telefonu", "Telefon", "Tarih"], "name=A phone=C date=D"),
        // of several dates that of the visit
        (
            &["Kayıt Tarihi", "Doğum Tarihi", "Randevu Tarihi", "Ad Soyad", "Gsm"],
            "name=D phone=E date=C",
        ),
        (&["Tarih", "Randevu Tarihi", "Ad Soyad", "Gsm"], "name=C phone=D date=B"),
        // a counter, the person's key and the identity number are no key of the appointment
        (
            &["Sıra No", "Hasta No", "TC Kimlik No", "No", "Ad Soyad", "Gsm", "Tarih"],
            "name=E phone=F date=G",
        ),
        // the doctor's name is not the person's
        (
            &["Doktor Adı Soyadı", "Hasta Adı Soyadı", "Gsm", "Tarih"],
            "name=B phone=C date=D with=A",
        ),
        // a whole name needs no surname
        (&["Hasta Adı Soyadı", "Soyadı", "Gsm", "Tarih"], "name=A phone=C date=D"),
    ] {
        assert_eq!(found(header), expected, "{header:?}");
    }
}

#[test]
fn the_header_row_may_stand_below_a_title() {
    let first = [
        line(1, &["Ataşehir Kliniği Randevu Listesi"]),
        line(3, &["22.11.2026", "Sayfa 1"]),
        line(4, &["Hasta", "Telefon", "Tarih", "Saat"]),
        line(5, &["Ayşe Yılmaz", "0532 123 45 67", "22.11.2026", "14:30"]),
    ];
    let columns = Columns::find(&first, &[]).expect("columns");
    assert_eq!(columns.header, Some(4));
    assert_eq!(columns.all().next(), Some((Field::Name, 0, Some("Hasta"))));
}

#[test]
fn what_somebody_maps_counts_more_than_what_is_guessed() {
    let header = [line(1, &["Hasta", "Telefon", "Tarih", "Yakını Tel", "Notlar"])];
    let mapped = |wishes: &[Wish]| Columns::find(&header, wishes).map(|columns| shown(&columns));
    assert_eq!(mapped(&[wish(Field::Phone, "D")]).expect("a letter"), "name=A phone=D date=C");
    assert_eq!(
        mapped(&[wish(Field::Phone, "yakini tel")]).expect("a header"),
        "name=A phone=D date=C"
    );
    assert_eq!(
        mapped(&[wish(Field::With, "e"), wish(Field::Phone, "-"), wish(Field::Phone, "b")])
            .expect("letters"),
        "name=A phone=B date=C with=E"
    );
    for (wishes, said) in [
        (vec![wish(Field::Phone, "F")], "there is no column F"),
        (vec![wish(Field::Phone, "Telefonu")], "there is no column Telefonu"),
        (vec![wish(Field::Phone, "-")], "no column was found for phone: the headers of line 1"),
    ] {
        let error = mapped(&wishes).expect_err("not there").to_string();
        assert!(error.contains(said), "{error}");
    }
    let twice = [line(1, &["Hasta", "Telefon", "Tarih", "Not", "Not"])];
    let error = Columns::find(&twice, &[wish(Field::With, "Not")]).expect_err("two").to_string();
    assert!(error.contains("D and E; use the letter"), "{error}");
}

#[test]
fn a_file_without_headers_is_mapped_by_letters_and_no_cell_is_repeated() {
    let first = [line(1, &["Ayşe Yılmaz", "0532 123 45 67", "22.11.2026 14:30"])];
    let error = Columns::find(&first, &[]).expect_err("no headers").to_string();
    assert!(error.contains("name, phone, date") && error.contains("A to C"), "{error}");
    assert!(!error.contains("Ay") && !error.contains("532"), "{error}");
    let wishes = [wish(Field::Name, "A"), wish(Field::Phone, "B"), wish(Field::Date, "C")];
    let columns = Columns::find(&first, &wishes).expect("mapped");
    assert_eq!((columns.header, shown(&columns).as_str()), (None, "name=A phone=B date=C"));
    assert!(columns.all().all(|(_, _, title)| title.is_none()));
}

#[test]
fn a_header_of_two_letters_is_not_a_column_letter_by_chance() {
    let header = [line(1, &["ad", "B", "gsm", "tarih"])];
    let columns = Columns::find(&header, &[wish(Field::With, "B")]).expect("a header called B");
    assert_eq!(columns.of(Field::With), Some(1));
}

#[test]
fn letters_are_those_of_a_spreadsheet() {
    for (column, text) in
        [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA")]
    {
        assert_eq!((letter(column).as_str(), column_of(text)), (text, Some(column)));
    }
    assert_eq!((column_of(""), column_of("A1"), column_of("ABCD")), (None, None, None));
}

proptest! {
    #[test]
    fn finding_columns_never_panics(rows in prop::collection::vec(prop::collection::vec(".{0,12}", 0..6), 0..5), wanted in ".{0,4}") {
        let lines: Vec<Line> = rows
            .iter()
            .zip(1..)
            .map(|(cells, number)| line(number, &cells.iter().map(String::as_str).collect::<Vec<_>>()))
            .collect();
        let _ = Columns::find(&lines, &[wish(Field::Name, &wanted)]);
    }
}
