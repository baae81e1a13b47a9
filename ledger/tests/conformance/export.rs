//! An export holds every row once, masked or opened, in memory that does not grow with the rows.

use crate::draft::CLINIC;
use crate::place::{Place, fresh};
use ledger::bench::PastRow;
use ledger::export::{COLUMNS, Export, Format};
use ledger::intake;
use ledger::search::SearchFilter;
use ledger::state::State;
use schemas::{Event, Incoming, Registry};

async fn written(place: &Place, filter: SearchFilter, format: Format, open: bool) -> String {
    let mut export = Export::new(place, filter, format, open);
    let mut all = vec![];
    while let Some(piece) = export.next().await.unwrap() {
        assert!(piece.len() < 2_000_000, "a piece is as large as the whole");
        all.extend(piece);
    }
    assert!(export.next().await.unwrap().is_none(), "it has ended");
    String::from_utf8(all).unwrap()
}

fn row(n: i64) -> PastRow {
    PastRow {
        ntf: format!("ntf_{:05}", n * 7 % 99_991),
        n,
        clinic: CLINIC.to_owned(),
        event_type: "ulak.payment-receipt.v1",
        state: if n % 10 == 0 { "suppressed" } else { "accepted" },
        why: if n % 10 == 0 { "no-consent: \"none\", said İYS" } else { "" },
        channel: (n % 10 != 0).then_some("sms"),
        lane: (n % 10 != 0).then_some("netgsm/default/KLINIK"),
        at: 1_000 + n / 7,
    }
}

#[tokio::test]
async fn every_row_is_written_once_in_the_order_of_the_search() {
    const ROWS: i64 = 3_210;
    let place = fresh().await;
    for slice in (0..ROWS).collect::<Vec<_>>().chunks(1_000) {
        let rows: Vec<_> = slice.iter().map(|n| row(*n)).collect();
        place.bench_fill_past(&rows).await.unwrap();
    }
    let csv = written(&place, SearchFilter::default(), Format::Csv, false).await;
    let lines: Vec<_> = csv.split_terminator("\r\n").collect();
    assert_eq!(lines[0], COLUMNS.join(","));
    assert_eq!(lines.len() - 1, usize::try_from(ROWS).unwrap());
    let jsonl = written(&place, SearchFilter::default(), Format::Jsonl, false).await;
    let mut last = (i64::MAX, String::new());
    for (line, cells) in jsonl.lines().zip(&lines[1..]) {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let id = value["id"].as_str().unwrap().to_owned();
        assert!(cells.starts_with(&format!("{id},")), "both formats have the same order");
        let at = chrono::DateTime::parse_from_rfc3339(value["received_at"].as_str().unwrap());
        let place = (at.unwrap().timestamp_millis(), id);
        assert!(place.0 < last.0 || (place.0 == last.0 && place.1 < last.1), "{place:?}");
        last = place;
        assert_eq!(value["name"], "***");
        assert_eq!(value["text"], if value["attempts"] == 0 { "" } else { "***" });
    }
    assert_eq!(jsonl.lines().count(), usize::try_from(ROWS).unwrap());
    let filter = SearchFilter { state: Some(State::Suppressed), ..SearchFilter::default() };
    let csv = written(&place, filter, Format::Csv, false).await;
    assert_eq!(csv.matches("\"no-consent: \"\"none\"\", said İYS\"").count(), 321);
    let none = SearchFilter { clinic: Some("besiktas".to_owned()), ..SearchFilter::default() };
    let csv = written(&place, none.clone(), Format::Csv, false).await;
    assert_eq!(csv, format!("{}\r\n", COLUMNS.join(",")), "a head without rows");
    assert_eq!(written(&place, none, Format::Jsonl, false).await, "");
}

fn event() -> (Registry, Event) {
    let registry = Registry::embedded().unwrap();
    let body = serde_json::json!({
        "specversion": "1.0", "id": "e1", "source": "/clinics/atasehir", "type": "ulak.payment-receipt.v1",
        "time": "2026-11-21T11:02:00+03:00",
        "data": {
            "recipient": { "name": "Mehmet Işık", "phone": "0542 111 22 33" },
            "payment": { "id": "P-77", "amount": "1250.50", "currency": "TRY", "paid_at": "2026-11-21T11:01:40+03:00" },
        },
    });
    let read = registry.read(body.to_string().as_bytes(), None, &|id| id == CLINIC);
    let Ok(Incoming::Event(event)) = read else { panic!("{read:?}") };
    (registry, *event)
}

#[tokio::test]
async fn names_and_numbers_are_written_only_when_the_export_is_open() {
    let place = fresh().await;
    let (registry, event) = event();
    let event_type = registry.get(&event.event_type).unwrap();
    assert!(place.take_in(&event, event_type, 1_000, "test", "taken in").await.unwrap());
    place.refused_event().await;
    for format in [Format::Csv, Format::Jsonl] {
        let masked = written(&place, SearchFilter::default(), format, false).await;
        for personal in ["Mehmet", "Işık", "5421112233", "111 22 33"] {
            assert!(!masked.contains(personal), "{masked}");
        }
        let opened = written(&place, SearchFilter::default(), format, true).await;
        assert!(opened.contains("Mehmet Işık") && opened.contains("+905421112233"), "{opened}");
        assert_eq!(opened.lines().count(), masked.lines().count());
    }
    let csv = written(&place, SearchFilter::default(), Format::Csv, true).await;
    assert!(csv.contains(",'+905421112233,"), "a number is no formula: {csv}");
    let id = event.ntf().as_str().to_owned();
    assert!(
        place.records(&id).await.unwrap().iter().all(|record| record.entry.kind() != "revealed")
    );
}

impl Place {
    /// A refused event, whom nobody can name.
    async fn refused_event(&self) {
        let refusal = schemas::Refusal {
            rule: schemas::Rule::UnknownClinic,
            path: "/source".to_owned(),
            source: None,
            id: Some("=HYPERLINK(\"x\")".to_owned()),
            holds_person: true,
        };
        let arrived = ("ulak.payment-receipt", "m1", &b"{}"[..]);
        let bad = intake::refused(self.vault(), arrived, &refusal, CLINIC, "").unwrap();
        self.refuse(&[bad]).await.unwrap();
        let csv = written(self, SearchFilter::default(), Format::Csv, false).await;
        let line = csv.lines().find(|line| line.starts_with("bad_")).unwrap();
        assert!(line.ends_with(",,,"), "nothing to mask: {line}");
        assert!(!line.contains(",=") && !line.contains(",\"="), "{line}");
    }
}
