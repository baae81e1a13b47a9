//! The books of a day are what the ledger says of its hours, by each wall clock, and asking for one day reads that day.

use crate::draft::{CLINIC, REFUSED, claim, ntf, settle};
use crate::place::{Place, fresh};
use chrono::{NaiveDate, TimeZone as _};
use chrono_tz::Tz;
use ledger::bench::PastRow;
use ledger::books::HOUR_MS;
use ledger::days::{DayBooks, Failure};
use ledger::decision::Claimed;
use ledger::protocol::Outcome;
use ledger::state::State;

const ISTANBUL: Tz = Tz::Europe__Istanbul;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(zone: Tz, text: &str) -> i64 {
    let wall = text.parse().unwrap();
    zone.from_local_datetime(&wall).unwrap().timestamp_millis()
}

async fn move_to(place: &Place, name: &str, at: i64) {
    let ntf = ntf(name);
    place.run(&format!("UPDATE notification SET created_at = {at} WHERE ntf = '{ntf}'")).await;
}

async fn days(place: &Place, from: &str, to: &str) -> Vec<DayBooks> {
    place.days(None, date(from), date(to), ISTANBUL).await.unwrap()
}

#[tokio::test]
async fn a_day_says_what_came_what_became_of_it_how_fast_and_why_not() {
    let place = fresh().await;
    let noon = at(ISTANBUL, "2026-11-21T12:00:00");
    for name in ["a", "b", "r", "plan"] {
        let mut claim = claim(name);
        if let ("plan", ledger::decision::Origin::New(new)) = (name, &mut claim.origin) {
            "plan/A-1/1/24h".clone_into(&mut new.event_id);
        }
        claim.segments = 2;
        assert_eq!(place.claim_one(claim).await, Claimed::Won);
        let became = if name == "r" { REFUSED } else { Outcome::Accepted };
        place.outcome_one(name, 1, became).await;
    }
    let mut suppressed = settle("d", State::Suppressed);
    "no-consent: not listed".clone_into(&mut suppressed.why);
    assert!(place.settle_one(suppressed).await);
    place.waiting("w").await;
    for name in ["a", "b", "r", "plan", "d", "w"] {
        move_to(&place, name, noon).await;
    }
    // a took 0.4 s, b a minute and a half; the planned one waited for a day on purpose
    for (name, took) in [("a", 400), ("b", 90_000), ("plan", 24 * HOUR_MS)] {
        let ended = noon + took;
        place
            .run(&format!("UPDATE attempt SET ended_at = {ended} WHERE ntf = '{}'", ntf(name)))
            .await;
    }
    let day = days(&place, "2026-11-21", "2026-11-21").await;
    let [day] = &day[..] else { panic!("{day:?}") };
    assert_eq!((day.clinic.as_str(), day.day), (CLINIC, date("2026-11-21")));
    assert_eq!((day.received, day.gap, day.sent()), (6, 0, 3));
    assert_eq!(day.states[&State::Waiting], 1);
    assert_eq!((day.time_to_send.count(), day.time_to_send.p50_ms()), (2, Some(500)));
    assert_eq!(day.time_to_send.p95_ms(), Some(300_000));
    assert_eq!((day.segments(), day.taken.len(), day.taken[0].accepted), (6, 1, 3));
    assert_eq!(
        (day.taken[0].lane.as_str(), day.taken[0].channel.as_str()),
        (crate::draft::LANE, "sms")
    );
    let failure = |state, reason: &str| Failure { state, reason: reason.to_owned(), n: 1 };
    let refused = place.find(&ntf("r")).await.unwrap().unwrap().why;
    let refused = ledger::telling::code_of(&refused);
    assert!(day.failures.contains(&failure(State::Suppressed, "no-consent")), "{day:?}");
    assert!(day.failures.contains(&failure(State::Refused, refused)), "{day:?}");
    assert_eq!(day.failures.len(), 2);
    for (from, to) in [("2026-11-20", "2026-11-20"), ("2026-11-22", "2026-12-30")] {
        assert!(days(&place, from, to).await.is_empty(), "{from}");
    }
    let other =
        place.days(Some("besiktas"), date("2026-11-21"), date("2026-11-21"), ISTANBUL).await;
    assert!(other.unwrap().is_empty());
}

#[tokio::test]
async fn midnight_is_the_walls_own() {
    let place = fresh().await;
    for (name, wall) in [
        ("before", "2026-11-20T23:59:59.999"),
        ("first", "2026-11-21T00:00:00"),
        ("last", "2026-11-21T23:59:59.999"),
        ("after", "2026-11-22T00:00:00"),
    ] {
        assert!(place.settle_one(settle(name, State::Suppressed)).await);
        move_to(&place, name, at(ISTANBUL, wall)).await;
    }
    let of = |days: &[DayBooks]| -> Vec<(String, i64)> {
        days.iter().map(|day| (day.day.to_string(), day.received)).collect()
    };
    let all = days(&place, "2026-11-20", "2026-11-22").await;
    let said = |day: &str, n| (day.to_owned(), n);
    assert_eq!(of(&all), [said("2026-11-20", 1), said("2026-11-21", 2), said("2026-11-22", 1)]);
    assert!(all.iter().all(|day| day.gap == 0), "{all:?}");
    // the same instants on a wall two hours behind
    let berlin = place.days(None, date("2026-11-20"), date("2026-11-22"), Tz::Europe__Berlin).await;
    assert_eq!(of(&berlin.unwrap()), [said("2026-11-20", 2), said("2026-11-21", 2)]);
    let mut sum = all[0].clone();
    sum.add(&all[1]);
    assert_eq!((sum.received, sum.failures[0].n), (3, 3));
}

#[tokio::test]
async fn what_is_missing_shows_as_the_gap_of_its_day() {
    let place = fresh().await;
    let noon = at(ISTANBUL, "2026-11-21T12:00:00");
    for name in ["a", "b"] {
        assert!(place.settle_one(settle(name, State::Suppressed)).await);
        move_to(&place, name, noon).await;
    }
    // transactions of other databases of the server may hold the reader back
    let counted = "SELECT CAST(coalesce(sum(n), 0) AS BIGINT) FROM books WHERE kind = 'received'";
    while place.number(counted).await < 2 {
        place.count_books(10).await.unwrap();
    }
    place.run("DELETE FROM notification WHERE ntf = 'ntf_a'").await;
    let day = days(&place, "2026-11-21", "2026-11-21").await;
    assert_eq!((day[0].received, day[0].gap), (2, 1));
}

/// A day that is full beside a month that is not.
const A_DAY: i64 = 200;

#[tokio::test]
async fn a_day_costs_what_came_on_it_however_much_lies_beside_it() {
    let place = fresh().await;
    let noon = at(ISTANBUL, "2026-11-21T12:00:00");
    let row = |n: i64, at: i64| PastRow {
        ntf: format!("ntf_{n:06}"),
        n,
        clinic: CLINIC.to_owned(),
        event_type: "ulak.payment-receipt.v1",
        state: "delivered",
        why: "",
        channel: Some("sms"),
        lane: Some("netgsm/default/KLINIK"),
        at,
    };
    let of_day: Vec<_> = (0..A_DAY).map(|n| row(n, noon + n)).collect();
    let others: Vec<_> =
        (0..20_000).map(|n| row(A_DAY + n, noon - (n % 28 + 2) * 24 * HOUR_MS - n)).collect();
    place
        .apart(async |ledger| {
            for slice in [&of_day[..]].into_iter().chain(others.chunks(5_000)) {
                ledger.bench_fill_past(slice).await.unwrap();
            }
            ledger.bench_count_past().await.unwrap();
        })
        .await;
    place.run("ANALYZE").await;
    for (kept, bounds) in [(true, 0..A_DAY), (false, A_DAY..10 * A_DAY)] {
        if !kept {
            place.run("DELETE FROM hour_kept").await;
        }
        let before = place.rows_read().await;
        place
            .apart(async |ledger| {
                let day = date("2026-11-21");
                let day = ledger.days(None, day, day, ISTANBUL).await.unwrap();
                assert_eq!((day.len(), day[0].received, day[0].gap), (1, A_DAY, 0));
                assert_eq!(day[0].taken[0].accepted, A_DAY);
            })
            .await;
        if let (Some(before), Some(after)) = (before, place.rows_read().await) {
            let read = after - before;
            assert!(bounds.contains(&read), "kept: {kept}, {read} rows were read for {A_DAY}");
        }
    }
}

/// The books of all days, as they are with what is kept and as they are without.
async fn with_and_without(place: &Place) -> [Vec<DayBooks>; 2] {
    let with = days(place, "2026-01-01", "2026-12-31").await;
    place.run("CREATE TABLE put_aside AS SELECT * FROM hour_kept").await;
    place.run("DELETE FROM hour_kept").await;
    let without = days(place, "2026-01-01", "2026-12-31").await;
    place.run("INSERT INTO hour_kept SELECT * FROM put_aside").await;
    place.run("DROP TABLE put_aside").await;
    [with, without]
}

#[tokio::test]
async fn what_was_counted_before_counts_until_something_is_told_of_its_hour() {
    let place = fresh().await;
    let hour = at(ISTANBUL, "2026-06-21T12:00:00");
    for (n, name) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
        place.sending(name).await;
        let wall = hour + i64::try_from(n / 2).unwrap() * HOUR_MS;
        move_to(&place, name, wall).await;
    }
    assert_eq!(place.keep_hours(10).await.unwrap(), 0, "nothing was told");
    place.note_all().await;
    assert_eq!(place.keep_hours(2).await.unwrap(), 2);
    assert_eq!(place.keep_hours(10).await.unwrap(), 1);
    assert_eq!(place.keep_hours(10).await.unwrap(), 0, "all is kept");
    let [with, without] = with_and_without(&place).await;
    assert_eq!(with, without);
    assert_eq!((with.len(), with[0].received, with[0].states[&State::Sending]), (1, 6, 6));
    // a change by hand is told of by nobody: that is how one sees what is kept
    place.run("UPDATE notification SET state = 'unknown' WHERE ntf = 'ntf_e'").await;
    let [with, without] = with_and_without(&place).await;
    assert_eq!((with[0].states[&State::Sending], without[0].states[&State::Sending]), (6, 5));
    place.keep_hour(hour + 2 * HOUR_MS).await.unwrap();
    let [with, without] = with_and_without(&place).await;
    assert_eq!(with, without, "counted anew, told or not");
    // what is told is seen at once: before the reader comes by, after it, and when it is kept again
    place.outcome_one("c", 1, Outcome::Accepted).await;
    place.run("UPDATE notification SET state = 'unknown' WHERE ntf = 'ntf_a'").await;
    for step in 0..3 {
        let [with, without] = with_and_without(&place).await;
        assert_eq!(with[0].states[&State::Accepted], 1, "{step}");
        assert_eq!(
            with[0].states[&State::Unknown],
            1,
            "{step}: of an hour that nothing was told of"
        );
        assert_eq!(without[0].states[&State::Unknown], 2, "{step}");
        match step {
            0 => place.note_all().await,
            _ => assert_eq!(place.keep_hours(10).await.unwrap(), usize::from(step == 1)),
        }
    }
    let other = place.days(Some("besiktas"), date("2026-06-01"), date("2026-06-30"), ISTANBUL);
    assert!(other.await.unwrap().is_empty());
}

#[tokio::test]
async fn an_hour_that_is_not_over_is_not_kept() {
    let place = fresh().await;
    place.sending("now").await;
    place.note_all().await;
    assert_eq!(place.keep_hours(10).await.unwrap(), 0);
}
