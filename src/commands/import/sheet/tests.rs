use proptest::prelude::*;
use rust_xlsxwriter::{Format, Workbook as Book};

use super::*;

/// Rows as text with ` | ` between the cells, each behind its line.
fn rows(bytes: &[u8]) -> Vec<String> {
    let mut sheet = Sheet::of_bytes(bytes.to_vec(), None).expect("a table");
    let lines = sheet.below(None, &(0..MOST_COLUMNS).collect::<Vec<_>>()).expect("rows");
    lines.iter().map(shown).collect()
}

fn shown(line: &Line) -> String {
    let cells: Vec<String> = line.cells.iter().map(Cell::text).collect();
    format!("{}: {}", line.number, cells.join(" | "))
}

fn format(bytes: &[u8]) -> String {
    Sheet::of_bytes(bytes.to_vec(), None).expect("a table").format()
}

fn refused(bytes: &[u8]) -> String {
    match Sheet::of_bytes(bytes.to_vec(), None) {
        Ok(mut sheet) => format!("{:#}", sheet.below(None, &[0]).expect_err("refused")),
        Err(error) => format!("{error:#}"),
    }
}

const TEXT: &str = "Hasta;Telefon;Tarih\r\nİrem Işık;0532 123 45 67;22.11.2026 14:30\r\nŞule Çağ;0533 123 45 67;\r\n";
const EXPECTED: [&str; 3] = [
    "1: Hasta | Telefon | Tarih",
    "2: İrem Işık | 0532 123 45 67 | 22.11.2026 14:30",
    "3: Şule Çağ | 0533 123 45 67 | ",
];

fn windows_1254(text: &str) -> Vec<u8> {
    let (bytes, _, lossy) = encoding_rs::WINDOWS_1254.encode(text);
    assert!(!lossy);
    bytes.into_owned()
}

fn utf_16(text: &str, little: bool) -> Vec<u8> {
    text.encode_utf16()
        .flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() })
        .collect()
}

#[test]
fn every_encoding_that_excel_writes_is_read() {
    let marked = |mark: &[u8], bytes: Vec<u8>| [mark, bytes.as_slice()].concat();
    let utf_8_mark = &b"\xef\xbb\xbf"[..];
    for (name, bytes, said) in [
        ("UTF-8", TEXT.as_bytes().to_vec(), "UTF-8"),
        ("UTF-8 with a mark", marked(utf_8_mark, TEXT.into()), "UTF-8"),
        ("Windows-1254", windows_1254(TEXT), "Windows-1254"),
        (
            "Windows-1254 behind a mark of UTF-8",
            marked(utf_8_mark, windows_1254(TEXT)),
            "Windows-1254",
        ),
        ("UTF-16LE with a mark", marked(b"\xff\xfe", utf_16(TEXT, true)), "UTF-16LE"),
        ("UTF-16BE with a mark", marked(b"\xfe\xff", utf_16(TEXT, false)), "UTF-16BE"),
        ("UTF-16LE without one", utf_16(TEXT, true), "UTF-16LE"),
        ("UTF-16BE without one", utf_16(TEXT, false), "UTF-16BE"),
    ] {
        assert_eq!(rows(&bytes), EXPECTED, "{name}");
        assert_eq!(format(&bytes), format!("text with ; between columns, {said}"), "{name}");
    }
    // the very bytes that Turkish Excel writes for the letters of the alphabet
    assert_eq!(
        rows(b"\xdd\xfd\xde\xfe\xd0\xf0\xdc\xfc\xd6\xf6\xc7\xe7;x\n"),
        ["1: İıŞşĞğÜüÖöÇç | x"]
    );
}

#[test]
fn every_separator_is_guessed() {
    for (separator, said) in [(";", ";"), (",", ","), ("\t", "tab"), ("|", "|")] {
        let text = TEXT.replace(';', separator);
        assert_eq!(rows(text.as_bytes()), EXPECTED, "{said}");
        assert_eq!(format(text.as_bytes()), format!("text with {said} between columns, UTF-8"));
        let told = format!("sep={separator}\r\n{text}");
        let lines: Vec<String> =
            EXPECTED.iter().zip(2..).map(|(row, n)| format!("{n}{}", &row[1..])).collect();
        assert_eq!(rows(told.as_bytes()), lines, "{said}");
    }
    // commas in cells do not make it a file of commas
    assert_eq!(rows(b"Hasta;Tarih;Not\nA;22.11.2026;a,b,c,d\n")[1], "2: A | 22.11.2026 | a,b,c,d");
}

#[test]
fn lines_are_those_of_the_file() {
    let text =
        "Hasta;Not;Tarih\n\n;;\nA;\"one\ntwo\";22.11.2026\n   \nB;\"x;\"\"y\"\"\";23.11.2026";
    assert_eq!(
        rows(text.as_bytes()),
        ["1: Hasta | Not | Tarih", "4: A | one\ntwo | 22.11.2026", "7: B | x;\"y\" | 23.11.2026"]
    );
}

#[test]
fn every_end_of_a_line_counts_once() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["Hasta;Tarih", "", "", "A;1", "\"x", "y\";2", "", "B;3", ""].join(end);
        assert_eq!(
            rows(text.as_bytes()),
            ["1: Hasta | Tarih", "4: A | 1", "5: x\ny | 2", "8: B | 3"]
        );
    }
}

#[test]
fn a_quotation_mark_that_is_never_closed_does_not_swallow_rows_in_silence() {
    let text = "Hasta;Not;Tarih\nA;\"never closed;22.11.2026\nB;x;23.11.2026\nC;y;24.11.2026\n";
    let mut sheet = Sheet::of_bytes(text.into(), None).expect("a table");
    let lines = sheet.below(None, &[0, 1, 2]).expect("rows");
    let swallowed: Vec<(u64, Option<u64>)> =
        lines.iter().map(|line| (line.number, line.swallowed_to)).collect();
    assert_eq!(swallowed, [(1, None), (2, Some(4))]);
}

#[test]
fn what_is_no_table_is_told_what_it_is() {
    for (bytes, said) in [
        (&b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"[..], "old .xls"),
        (b"%PDF-1.7", "PDF"),
        (b"  <HTML><body><table>", "web page"),
        (b"<?xml version=\"1.0\"?>", "web page"),
        (b"", "is empty"),
        (b" \r\n\t", "is empty"),
        (b"PK\x03\x04 nothing more", "is damaged"),
        (b"\xff\xfeH\x00a", "begins as UTF-16LE"),
    ] {
        assert!(refused(bytes).contains(said), "{}", refused(bytes));
    }
    let mixed =
        [b"Hasta;Tarih\nA;b\n".as_slice(), "Şule;22.11.2026\n".as_bytes(), b"Ay\xfee;23.11.2026\n"]
            .concat();
    assert!(
        refused(&mixed).starts_with("line 4: is damaged: the file is UTF-8"),
        "{}",
        refused(&mixed)
    );
    let zip = {
        let mut book = Book::new();
        book.add_worksheet();
        let bytes = book.save_to_buffer().expect("a workbook");
        let mut broken = bytes.clone();
        broken.truncate(bytes.len() / 2);
        broken
    };
    assert!(refused(&zip).contains("is damaged"), "{}", refused(&zip));
}

#[test]
fn too_many_rows_are_refused() {
    let row = "A;0532 123 45 67;22.11.2026\n";
    let text = row.repeat(MOST_ROWS + 1);
    assert!(refused(text.as_bytes()).contains("more than 200000 rows"));
    assert_eq!(rows(row.repeat(MOST_ROWS).as_bytes()).len(), MOST_ROWS);
}

fn book() -> Vec<u8> {
    let mut book = Book::new();
    let sheet = book.add_worksheet();
    sheet.set_name("Randevular").expect("a name");
    for (column, title) in ["Hasta", "Telefon", "Tarih", "Saat"].into_iter().enumerate() {
        sheet.write(2, u16::try_from(column).expect("small"), title).expect("a cell");
    }
    let (date, time) =
        (Format::new().set_num_format("dd.mm.yyyy"), Format::new().set_num_format("hh:mm"));
    // dates as serials, and the number as a number
    sheet.write(3, 0, "İrem Işık").expect("a cell");
    sheet.write(3, 1, 5_321_234_567_i64).expect("a cell");
    sheet.write_number_with_format(3, 2, 46_348.0, &date).expect("a cell");
    sheet.write_number_with_format(3, 3, 14.5 / 24.0, &time).expect("a cell");
    // dates as text
    for (column, text) in
        ["Şule Çağ", "0533 123 45 67", "22.11.2026", "14.30"].into_iter().enumerate()
    {
        sheet.write(5, u16::try_from(column).expect("small"), text).expect("a cell");
    }
    let hidden = book.add_worksheet();
    hidden.set_name("Gizli").expect("a name").set_hidden(true);
    hidden.write(0, 0, "hidden").expect("a cell");
    book.add_worksheet().set_name("Diğer").expect("a name").write(0, 0, "other").expect("a cell");
    book.save_to_buffer().expect("a workbook")
}

#[test]
fn a_workbook_is_read_with_dates_as_serials_and_as_text() {
    let mut sheet = Sheet::of_bytes(book(), None).expect("a workbook");
    assert_eq!(sheet.format(), "Excel, sheet \"Randevular\" (one of 2; --sheet takes another)");
    let lines = sheet.below(Some(3), &[0, 1, 2, 3]).expect("rows");
    let numbers: Vec<u64> = lines.iter().map(|line| line.number).collect();
    assert_eq!(numbers, [4, 6]);
    assert_eq!(lines[0].cell(1), &Cell::Number(5_321_234_567.0));
    assert_eq!(lines[0].cell(2), &Cell::Serial(46_348.0));
    assert!(matches!(lines[0].cell(3), Cell::Serial(at) if (at * 24.0 - 14.5).abs() < 1e-9));
    assert_eq!(shown(&lines[1]), "6: Şule Çağ | 0533 123 45 67 | 22.11.2026 | 14.30");
    assert_eq!(sheet.first(1).expect("a row").len(), 1);
}

#[test]
fn a_sheet_may_be_named_also_a_hidden_one() {
    for (name, expected) in [("Diğer", "1: other"), ("Gizli", "1: hidden")] {
        let mut sheet = Sheet::of_bytes(book(), Some(name)).expect("a sheet");
        assert_eq!(sheet.first(9).expect("rows").iter().map(shown).collect::<Vec<_>>(), [expected]);
    }
    let error = Sheet::of_bytes(book(), Some("Yok")).err().expect("no such sheet").to_string();
    assert!(error.contains("\"Randevular\", \"Diğer\""), "{error}");
    let error = Sheet::of_bytes(b"a;b".to_vec(), Some("x")).err().expect("no sheets").to_string();
    assert!(error.contains("has no sheets"), "{error}");
}

#[test]
fn a_cell_far_away_costs_nothing() {
    let mut book = Book::new();
    let sheet = book.add_worksheet();
    sheet.write(0, 0, "near").expect("a cell");
    sheet.write(1_048_575, 16_383, "far").expect("a cell");
    sheet.write(1_048_575, 1, "below").expect("a cell");
    let bytes = book.save_to_buffer().expect("a workbook");
    assert_eq!(rows(&bytes), ["1: near", "1048576:  | below"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn reading_bytes_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(mut sheet) = Sheet::of_bytes(bytes, None) {
            let _ = sheet.first(20);
            let _ = sheet.below(None, &[0, 1]);
        }
    }

    #[test]
    fn a_damaged_workbook_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = book();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        let keep = cut.index(bytes.len() * 4);
        bytes.truncate(keep.max(4));
        if let Ok(mut sheet) = Sheet::of_bytes(bytes, None) {
            let _ = sheet.first(20);
            let _ = sheet.below(None, &[0, 1]);
        }
    }

    #[test]
    fn what_is_written_is_read(cells in prop::collection::vec(prop::collection::vec("[a-zA-ZğüşöçıİĞÜŞÖÇ0-9 ;,\"]{1,12}", 3), 1..8)) {
        let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
        writer.write_record(["Hasta", "Telefon", "Tarih"]).unwrap();
        for row in &cells {
            writer.write_record(row).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let read = rows(&windows_1254(std::str::from_utf8(&bytes).unwrap()));
        let expected: Vec<String> = cells
            .iter()
            .zip(2..)
            .filter(|(row, _)| row.iter().any(|cell| !cell.trim().is_empty()))
            .map(|(row, n)| format!("{n}: {}", row.iter().map(|cell| cell.trim()).collect::<Vec<_>>().join(" | ")))
            .collect();
        prop_assert_eq!(&read[1..], expected.as_slice());
    }
}
