//! `ulak import`: a clinic's Excel is planned, once however often it is imported; a row that was moved moves its appointment; what
//! cannot be read is listed and hinders nothing.

use chrono::{DateTime, FixedOffset, TimeDelta};
use rust_xlsxwriter::{Format, Workbook};
use serde_json::Value;
use simulator::Script;

use crate::harness::cli::Said;
use crate::harness::clock::turkey;
use crate::harness::{Embedded, Installation, Options};

const DAY: i64 = 24 * 60;
/// Names and numbers of the files: no output may hold one.
const PERSONS: [(&str, &str); 3] = [
    ("İrem Işık", "0532 111 22 33"),
    ("Şule Çağ", "0533 111 22 33"),
    ("Gökçe Ünlü", "0542 111 22 33"),
];

/// What a command said, one object a line, whatever its exit code.
fn lines(said: &Said) -> Vec<Value> {
    said.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The rows between the head and the sum, as `line fate`.
fn fates(said: &Said) -> Vec<String> {
    let all = lines(said);
    let rows = all.iter().filter(|line| line["fate"].is_string());
    rows.map(|row| format!("{} {}", row["line"], row["fate"].as_str().unwrap_or_default()))
        .collect()
}

fn hidden(said: &Said) {
    for text in [&said.stdout, &said.stderr] {
        for (name, number) in PERSONS {
            let digits: String = number.chars().filter(char::is_ascii_digit).skip(1).collect();
            let words = name.split(' ').any(|word| text.contains(word));
            assert!(!words && !text.contains(number) && !text.contains(&digits), "{text}");
        }
    }
}

async fn import(clinic: &Embedded, file: &str, more: &[&str]) -> Said {
    let said = clinic.ulak(&[&["import", file, "--clinic", "atasehir"], more].concat()).await;
    hidden(&said);
    said
}

/// Open and cancelled reminders: `A-1 waiting`.
async fn reminders(clinic: &Embedded) -> Vec<String> {
    let mut rows: Vec<String> = clinic
        .rows()
        .await
        .iter()
        .map(|row| format!("{} {}", row.subject.as_deref().unwrap_or_default(), row.state))
        .collect();
    rows.sort();
    rows
}

/// Three appointments, three, four and five days ahead; dates as serials in the first row, as text in the others.
/// The same `now` is the same appointments, whatever the minute is in which they are written again.
fn workbook(clinic: &Embedded, now: &DateTime<FixedOffset>, moved_by_minutes: i64) {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let write = |sheet: &mut rust_xlsxwriter::Worksheet, row: u32, cells: [&str; 6]| {
        for (column, cell) in (0..).zip(cells) {
            sheet.write(row, column, cell).expect("a cell");
        }
    };
    sheet.write(0, 0, "Ataşehir Kliniği").expect("a title");
    write(sheet, 2, ["Randevu No", "Hasta Adı Soyadı", "Cep Telefonu", "Tarih", "Saat", "Doktor"]);
    for (n, (name, phone)) in (0..).zip(PERSONS) {
        let ahead = (3 + n) * DAY + if n == 2 { moved_by_minutes } else { 0 };
        let at = *now + TimeDelta::minutes(ahead);
        let row = u32::try_from(3 + n).expect("small");
        let id = format!("A-{}", n + 1);
        let (date, time) = (at.format("%d.%m.%Y").to_string(), at.format("%H.%M").to_string());
        write(sheet, row, [&id, name, phone, &date, &time, "Dr. Çağrı Şahin"]);
        if n == 0 {
            let format = Format::new().set_num_format("dd.mm.yyyy");
            let day = (at.naive_local().date()
                - chrono::NaiveDate::from_ymd_opt(1899, 12, 30).expect("a day"))
            .num_days();
            let day = i32::try_from(day).expect("a serial");
            sheet.write_number_with_format(row, 3, f64::from(day), &format).expect("a serial");
        }
    }
    book.save(clinic.folder.join("randevular.xlsx")).expect("saved");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_excel_of_appointments_is_planned_once() {
    let mut clinic = Embedded::start(Script::default(), &[]).await;
    for (name, number) in PERSONS {
        clinic.hide(name);
        clinic.hide(number);
    }
    let now = turkey(0);
    workbook(&clinic, &now, 0);

    // a dry run shows everything and does nothing
    let dry = import(&clinic, "randevular.xlsx", &[]).await;
    assert_eq!(
        (dry.code, fates(&dry)),
        (0, vec!["4 new".into(), "5 new".into(), "6 new".into()]),
        "{}",
        dry.stderr
    );
    let shown = lines(&dry);
    assert_eq!(shown[0]["columns"]["phone"]["column"], "C");
    assert_eq!(shown[1]["plan"].as_array().map(Vec::len), Some(2), "{}", shown[1]);
    assert_eq!(shown[4]["applied"], false);
    assert!(clinic.rows().await.is_empty());

    // then it does what it showed
    let done = import(&clinic, "randevular.xlsx", &["--apply"]).await;
    assert_eq!((done.code, fates(&done)), (0, fates(&dry)), "{}", done.stderr);
    let at = |said: &Said| lines(said)[1]["plan"][0]["at"].clone();
    assert_eq!(at(&done), at(&dry));
    let planned = reminders(&clinic).await;
    assert_eq!(
        planned,
        ["A-1", "A-1", "A-2", "A-2", "A-3", "A-3"].map(|id| format!("appointment/{id} waiting"))
    );

    // again: nothing changes, also after a restart, and in another format
    clinic.stopped().await;
    let again = import(&clinic, "randevular.xlsx", &["--apply"]).await;
    assert_eq!(fates(&again), ["4 unchanged", "5 unchanged", "6 unchanged"]);
    assert_eq!(reminders(&clinic).await, planned);
    clinic.up(&[]).await;

    // a row that was moved moves its appointment: the old reminders go, new ones come
    workbook(&clinic, &now, 60);
    let moved = import(&clinic, "randevular.xlsx", &["--apply"]).await;
    assert_eq!(fates(&moved), ["4 unchanged", "5 unchanged", "6 moved"], "{}", moved.stdout);
    assert_eq!(lines(&moved)[3]["stopped"], 2);
    let after = reminders(&clinic).await;
    let of = |state: &str| {
        after.iter().filter(|row| **row == format!("appointment/A-3 {state}")).count()
    };
    assert_eq!((after.len(), of("waiting"), of("cancelled")), (8, 2, 2), "{after:?}");
    clinic.finish().await;
}

/// Windows-1254 with `;`, the mark of UTF-8 before it, and every kind of bad row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_rows_are_listed_while_the_good_ones_go_on() {
    let clinic = Embedded::start(Script::default(), &[]).await;
    let at = turkey(3 * DAY);
    let day = at.format("%d/%m/%Y");
    let years_ahead = turkey(5 * 365 * DAY).format("%d.%m.%Y").to_string();
    let text = format!(
        "Hasta;Telefon;Tarih;Saat;Durum\r\n\
         İrem Işık;0532 111 22 33;{day};14:30;Onaylandı\r\n\
         Şule Çağ;0216 111 22 33;{day};14:30;\r\n\
         Gökçe Ünlü;0542 111 22 33;yarın;14:30;\r\n\
         Gökçe Ünlü;0542 111 22 33;01.02.2020;14:30;\r\n\
         Gökçe Ünlü;0542 111 22 33;{years_ahead};14:30;\r\n\
         Gökçe Ünlü;0542 111 22 33;{day};15:00-14:00;\r\n\
         Şule Çağ;0533 111 22 33;{day};16:00;\r\n\
         Gökçe Ünlü;0542 111 22 33;{day};16.45;\r\n\
         Şule Çağ;0533 111 22 33;{day};16:00;\r\n"
    );
    let turkish = |c: char| match c {
        'İ' => 0xdd,
        'ı' => 0xfd,
        'Ş' => 0xde,
        'ş' => 0xfe,
        'ğ' => 0xf0,
        other => u8::try_from(u32::from(other)).expect("Latin"),
    };
    let bytes: Vec<u8> = b"\xef\xbb\xbf".iter().copied().chain(text.chars().map(turkish)).collect();
    std::fs::write(clinic.folder.join("liste.csv"), &bytes).expect("written");

    let said = import(&clinic, "liste.csv", &["--apply"]).await;
    assert_eq!(said.code, 1);
    assert!(said.one_line().contains("5 of 9 rows were left out"), "{}", said.stderr);
    let rows: Vec<String> = lines(&said)
        .iter()
        .filter(|line| line["fate"].is_string())
        .map(|row| {
            let why = row["rule"].as_str().or(row["fate"].as_str()).unwrap_or_default();
            format!("{} {why}", row["line"])
        })
        .collect();
    assert_eq!(
        rows,
        [
            "2 new",
            "3 phone-landline",
            "4 no-date",
            "5 past",
            "6 range",
            "7 range",
            "8 new",
            "9 new",
            "10 repeated"
        ]
    );
    assert_eq!(reminders(&clinic).await.len(), 6);

    // a row that says it is cancelled stops what was planned for it; the others stay
    let cancelled: Vec<u8> = text.replace("Onaylandı", "İptal").chars().map(turkish).collect();
    std::fs::write(clinic.folder.join("liste.csv"), cancelled).expect("written");
    let said = import(&clinic, "liste.csv", &["--apply"]).await;
    assert_eq!((said.code, fates(&said)[0].as_str()), (1, "2 cancelled"), "{}", said.stdout);
    let after = reminders(&clinic).await;
    assert_eq!(after.iter().filter(|row| row.ends_with(" cancelled")).count(), 2, "{after:?}");
    assert_eq!(after.len(), 6);
    clinic.finish().await;
}

/// With a broker the file's facts are published for the scheduler, which plans them; again, nothing changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_broker_the_scheduler_plans_what_was_imported() {
    let clinic = Installation::start(Options::default()).await;
    let file = clinic.folder.join("liste.csv");
    let day = turkey(3 * DAY).format("%d.%m.%Y");
    let rows = PERSONS.map(|(name, number)| format!("{name};{number};{day};14:30\n")).concat();
    std::fs::write(&file, format!("Hasta;Telefon;Tarih;Saat\n{rows}")).expect("written");
    let file = file.to_str().expect("UTF-8");
    for (args, expected) in [
        (&["import", file, "--clinic", "atasehir"][..], "new"),
        (&["import", file, "--clinic", "atasehir", "--apply"], "new"),
        (&["import", file, "--clinic", "atasehir", "--apply"], "unchanged"),
    ] {
        let said = clinic.ulak(args).await;
        hidden(&said);
        let expected: Vec<String> = (2..5).map(|line| format!("{line} {expected}")).collect();
        assert_eq!((said.code, fates(&said)), (0, expected), "{}{}", said.stdout, said.stderr);
        if args.contains(&"--apply") {
            clinic
                .until("two reminders each", async || {
                    let rows = clinic.rows().await;
                    (rows.len() == 6 && rows.iter().all(|row| row.state == "waiting")).then_some(())
                })
                .await;
        }
    }
    clinic.finish().await;
}
