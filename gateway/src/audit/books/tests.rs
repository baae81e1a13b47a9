use super::*;
use crate::audit::catalogue;
use chrono::NaiveDate;
use ledger::days::{Failure, Taken};
use ledger::state::State as Is;
use metrics::{Price, Prices};
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
    shown_at(found, &Prices::default(), Tongue::En)
}

fn shown_at(found: Vec<DayBooks>, prices: &Prices, tongue: Tongue) -> Vec<parts::Part> {
    let books = Books::of(found, span());
    parts::all(&books, prices, &|key| catalogue::text(tongue, key), Numbers(tongue))
}

/// Prices of the account `default` on these providers.
fn prices(all: &[(&str, &str)]) -> Prices {
    let mut prices = Prices::default();
    for (provider, price) in all {
        prices.set(provider, "default", "sms", Price::parse(price).unwrap());
    }
    prices
}

/// The parts about cost.
fn costs(found: Vec<DayBooks>, prices: &Prices, tongue: Tongue) -> Vec<parts::Part> {
    let parts = shown_at(found, prices, tongue);
    parts.into_iter().filter(|part| part.id.starts_with("cost")).collect()
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
    let ids: Vec<&str> = parts.iter().map(|part| part.id.as_str()).collect();
    assert_eq!(ids, ["volume", "delivered", "speed", "failures", "segments", "cost"]);
    for part in &parts[..5] {
        assert!(part.svg.starts_with("<svg") && part.svg.contains("<desc"), "{}", part.id);
        assert!(!part.table.caption.is_empty() && !part.table.rows.is_empty(), "{}", part.id);
        let lines = part.table.rows.iter().chain([&part.table.foot]);
        for line in lines {
            assert_eq!(line.len(), part.table.head.len(), "{}: {line:?}", part.id);
        }
    }
    let [volume, delivered, speed, failures, segments, _] = &parts[..] else { panic!("six") };
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

#[test]
fn without_a_price_the_cost_is_unknown_and_no_number() {
    let parts = costs(vec![busy("a", "2026-11-20")], &Prices::default(), Tongue::En);
    let [part] = &parts[..] else { panic!("one part") };
    assert_eq!(part.unknown, "netgsm/default sms (7), twilio/default sms (4)");
    assert!(part.table.rows.is_empty() && part.svg.is_empty());
    let text = |key| catalogue::text(Tongue::En, key);
    let said = |books: &DayBooks| {
        cost::said(books, &prices(&[("other", "0.2 TRY")]), &text, Numbers(Tongue::En))
    };
    assert_eq!(said(&busy("a", "2026-11-20")), "unknown");
    let empty = DayBooks::empty("a", day("2026-11-20"));
    assert_eq!(said(&empty), "–");
    assert!(costs(vec![empty], &Prices::default(), Tongue::En).is_empty());
}

#[test]
fn days_and_lanes_cost_their_segments_and_the_rest_is_named() {
    let found = vec![busy("a", "2026-11-20"), busy("b", "2026-11-20"), busy("a", "2026-11-22")];
    let prices = prices(&[("netgsm", "0.215 TRY")]);
    let parts = costs(found, &prices, Tongue::Tr);
    let [part] = &parts[..] else { panic!("one currency") };
    assert_eq!((part.id.as_str(), part.heading.as_str()), ("cost-try", "Maliyet (TRY)"));
    assert_eq!(part.unknown, "twilio/default sms (12)");
    assert_eq!(part.table.head[1..], ["Toplam", "netgsm/default/KLINIK × 0,215 ₺"]);
    assert_eq!(part.table.rows[0][1..], ["1,505 ₺", "1,505 ₺"]);
    assert_eq!(part.table.rows[1][1..], ["3,01 ₺", "3,01 ₺"]);
    assert_eq!(part.table.foot[1..], ["4,515 ₺", "4,515 ₺"]);
    assert!(part.svg.contains("3,01") && part.svg.contains("1,505"), "{}", part.svg);
    // the lines across
    assert!(part.svg.contains(">1</text>") && !part.svg.contains(",00"), "{}", part.svg);
    let text = |key| catalogue::text(Tongue::Tr, key);
    let said = cost::said(&busy("a", "2026-11-20"), &prices, &text, Numbers(Tongue::Tr));
    assert_eq!(said, "1,505 ₺ + bilinmiyor");
}

#[test]
fn currencies_are_never_added_to_each_other() {
    let prices = prices(&[("netgsm", "150 TRY"), ("twilio", "0.05 USD")]);
    let parts = costs(vec![busy("a", "2026-11-20")], &prices, Tongue::En);
    let sums: Vec<_> = parts.iter().map(|of| (of.id.as_str(), of.table.foot[1].as_str())).collect();
    assert_eq!(sums, [("cost-try", "TRY 1,050.00"), ("cost-usd", "USD 0.20")]);
    assert!(parts.iter().all(|part| part.unknown.is_empty()));
    let text = |key| catalogue::text(Tongue::En, key);
    let said = cost::said(&busy("a", "2026-11-20"), &prices, &text, Numbers(Tongue::En));
    assert_eq!(said, "TRY 1,050.00 + USD 0.20");
}

#[test]
fn many_lanes_share_a_column_and_the_total_is_whole() {
    let mut books = busy("a", "2026-11-20");
    books.taken = (1..=9)
        .map(|n| Taken {
            lane: format!("netgsm/default/S{n}"),
            channel: "sms".to_owned(),
            accepted: 1,
            segments: n,
        })
        .collect();
    let parts = costs(vec![books], &prices(&[("netgsm", "1 TRY")]), Tongue::En);
    let table = &parts[0].table;
    assert_eq!(table.head.len(), 8);
    assert_eq!(table.head[2], "netgsm/default/S9 × TRY 1.00");
    assert_eq!(table.head[7], "Other lanes (4)");
    assert_eq!(table.foot[1], "TRY 45.00");
    assert_eq!(table.foot[7], "TRY 10.00");
}
