use super::*;
use crate::audit::catalogue;
use chrono::NaiveDate;
use ledger::days::{Failure, Taken};
use ledger::state::State as Is;
use story::Tongue;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn span() -> Span {
    Span { from: day("2026-11-20"), to: day("2026-11-22") }
}

/// A day on which 10 came in, 6 arrived, 2 did not, and 2 were not sent.
fn busy(clinic: &str, on: &str) -> DayBooks {
    let mut books = DayBooks::empty(clinic, day(on));
    books.received = 10;
    books.states = [(Is::Delivered, 6), (Is::Undelivered, 2), (Is::Suppressed, 2)].into();
    books.time_to_send.classes[3] = 8;
    books.failures = vec![
        Failure { state: Is::Suppressed, reason: "no-consent".to_owned(), n: 2 },
        Failure { state: Is::Undelivered, reason: "<b>".to_owned(), n: 2 },
    ];
    let taken = |lane: &str, segments| Taken {
        lane: lane.to_owned(),
        channel: "sms".to_owned(),
        accepted: 4,
        segments,
    };
    books.taken = vec![taken("netgsm/default/KLINIK", 7), taken("twilio/default/+1", 4)];
    books
}

fn shown(found: Vec<DayBooks>) -> Vec<parts::Part> {
    let books = Books::of(found, span());
    parts::all(&books, &|key| catalogue::text(Tongue::En, key), Numbers(Tongue::En))
}

#[test]
fn days_and_clinics_are_summed_and_every_day_stands_there() {
    let found = vec![busy("a", "2026-11-20"), busy("b", "2026-11-20"), busy("a", "2026-11-22")];
    let books = Books::of(found, span());
    let received: Vec<i64> = books.days.iter().map(|day| day.received).collect();
    assert_eq!(received, [20, 0, 10]);
    let clinics: Vec<_> =
        books.clinics.iter().map(|of| (of.clinic.as_str(), of.received)).collect();
    assert_eq!(clinics, [("a", 20), ("b", 10)]);
    assert_eq!((books.all.received, books.all.delivered_of_known()), (30, (18, 24)));
}

#[test]
fn what_one_day_lacks_is_not_mended_by_what_another_has_too_much() {
    let mut days = [busy("a", "2026-11-20"), busy("a", "2026-11-21")];
    assert!(Books::of(days.to_vec(), span()).balances);
    (days[0].gap, days[1].gap) = (1, -1);
    assert!(!Books::of(days.to_vec(), span()).balances);
}

#[test]
fn each_plot_has_a_table_that_says_the_same() {
    let parts = shown(vec![busy("a", "2026-11-20"), busy("a", "2026-11-22")]);
    let ids: Vec<&str> = parts.iter().map(|part| part.id).collect();
    assert_eq!(ids, ["volume", "delivered", "speed", "failures", "segments"]);
    for part in &parts {
        assert!(part.svg.starts_with("<svg") && part.svg.contains("<desc"), "{}", part.id);
        assert!(!part.table.caption.is_empty() && !part.table.rows.is_empty(), "{}", part.id);
        let lines = part.table.rows.iter().chain([&part.table.foot]);
        for line in lines {
            assert_eq!(line.len(), part.table.head.len(), "{}: {line:?}", part.id);
        }
    }
    let [volume, delivered, speed, failures, segments] = &parts[..] else { panic!("five parts") };
    assert_eq!(volume.table.rows[0][..3], ["22 Nov 2026", "10", "0"]);
    assert_eq!(volume.table.foot[1], "20");
    assert_eq!(delivered.table.rows[0][1..], ["8", "8", "6", "75%"]);
    assert_eq!(speed.table.rows[0][1], "8");
    assert!(
        failures.svg.contains("&lt;b&gt;") && !failures.svg.contains("<b>"),
        "{}",
        failures.svg
    );
    assert_eq!(segments.table.rows[0][1..], ["8", "11", "7", "4"]);
}
