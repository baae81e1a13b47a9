//! ICU, by way of Node's `Intl`, judges dates, weekdays, months, near days and amounts.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use schemas::Language;
use serde_json::{Value, json};
use templates::{Moment, format_money};

use crate::node;

/// Seconds spread over a span, the same in every run.
fn spread(from: &str, to: &str, count: i64) -> Vec<DateTime<Utc>> {
    let seconds = |text: &str| text.parse::<DateTime<Utc>>().unwrap().timestamp();
    let (from, to) = (seconds(from), seconds(to));
    // A step that is no divisor of a day meets every hour, minute and weekday.
    let step = (to - from) / count;
    (0..count).map(|n| DateTime::from_timestamp(from + n * step, 0).unwrap()).collect()
}

fn moments() -> Vec<(DateTime<Utc>, Tz)> {
    let mut moments = Vec::new();
    let wide = spread("1901-01-01T00:00:00Z", "2199-12-31T23:59:59Z", 3001);
    moments.extend(wide.into_iter().map(|at| (at, Tz::UTC)));
    // Rules of zones differ by the release of the zone tables; these years are settled.
    for zone in
        [Tz::Europe__Istanbul, Tz::Europe__Berlin, Tz::America__New_York, Tz::Asia__Kathmandu]
    {
        let near = spread("2017-01-01T00:00:00Z", "2025-12-31T23:59:59Z", 1501);
        moments.extend(near.into_iter().map(|at| (at, zone)));
    }
    moments
}

fn amounts() -> Vec<(String, &'static str)> {
    let mut amounts = Vec::new();
    for currency in ["TRY", "EUR", "USD", "GBP", "CHF"] {
        for whole in
            ["0", "7", "50", "999", "1000", "1250", "999999", "1000000", "123456789012345678"]
        {
            for fraction in ["00", "05", "50", "99"] {
                amounts.push((format!("{whole}.{fraction}"), currency));
            }
        }
    }
    for currency in ["JPY", "KRW", "CLP", "ISK", "VND", "XAF"] {
        amounts.extend(["0", "950", "12500", "1000000"].map(|whole| (whole.to_owned(), currency)));
    }
    amounts
}

#[test]
fn dates_near_days_and_amounts_are_those_of_icu() {
    let (moments, amounts) = (moments(), amounts());
    let asked = json!({
        "moments": moments.iter()
            .map(|(at, zone)| json!({ "at": at.to_rfc3339(), "zone": zone.name() }))
            .collect::<Vec<Value>>(),
        "amounts": amounts.iter()
            .map(|(amount, currency)| json!({ "amount": amount, "currency": currency }))
            .collect::<Vec<Value>>(),
    });
    let icu = node::ask("icu.mjs", &[], &asked);

    assert_eq!(icu["moments"].as_array().unwrap().len(), moments.len());
    for ((at, zone), judged) in moments.iter().zip(icu["moments"].as_array().unwrap()) {
        let ours = Moment::at(at.fixed_offset(), *zone).unwrap();
        assert_eq!(ours.date_time(Language::Tr), judged["tr"].as_str().unwrap(), "{at} {zone}");
        assert_eq!(ours.date_time(Language::En), judged["en"].as_str().unwrap(), "{at} {zone}");
    }

    assert_eq!(icu["amounts"].as_array().unwrap().len(), amounts.len());
    for ((amount, currency), judged) in amounts.iter().zip(icu["amounts"].as_array().unwrap()) {
        let turkish = format_money(amount, currency, Language::Tr).unwrap();
        assert_eq!(turkish.split(' ').next(), judged["tr"].as_str(), "{amount} {currency}");
        let english = format_money(amount, currency, Language::En).unwrap();
        assert_eq!(english.split(' ').nth(1), judged["en"].as_str(), "{amount} {currency}");
    }

    let visit = |days: i64| {
        let now: DateTime<Utc> = "2026-11-21T10:00:00Z".parse().unwrap();
        let at = now.checked_add_signed(chrono::TimeDelta::try_days(days).unwrap()).unwrap();
        let moment = Moment::at(at.fixed_offset(), Tz::Europe__Istanbul).unwrap();
        [Language::Tr, Language::En].map(|l| moment.near(now, Tz::Europe__Istanbul, l).unwrap())
    };
    let (today, tomorrow) = (visit(0), visit(1));
    assert_eq!(icu["near"], json!([[today[0], tomorrow[0]], [today[1], tomorrow[1]]]));
}
