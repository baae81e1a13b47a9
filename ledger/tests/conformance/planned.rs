//! Looking ahead: what goes out in a span, page by page and counted, and a person who stops it.

use crate::draft::{LATER, ntf, settle};
use crate::place::{Place, fresh};
use ledger::dead::Act;
use ledger::decision::Origin;
use ledger::planned::{About, DueRow, QUARTER_MS, STOPPED, Span};
use ledger::record::Entry;
use ledger::state::State;

const ACT: Act<'_> = Act { who: "ayse@m1", why: "wrong price" };
const HOUR: i64 = 3_600_000;

/// A row of a clinic that waits on a lane until `due`.
async fn waiting(place: &Place, name: &str, clinic: &str, lane: &str, due: i64) {
    let mut row = settle(name, State::Waiting);
    row.due = Some((due, lane.to_owned()));
    row.person.clinic = clinic.to_owned();
    if let Origin::New(new) = &mut row.origin {
        clinic.clone_into(&mut new.clinic);
    }
    assert!(place.settle_one(row).await);
}

async fn span(place: &Place, from: i64, until: i64) -> Span {
    let now = place.now().await;
    Span { now, from: now + from, until: now + until, ..Span::default() }
}

async fn names(place: &Place, span: &Span) -> Vec<String> {
    let rows = place.goes_out(span, None, 1_000).await.unwrap();
    rows.into_iter().map(|row| row.ntf).collect()
}

#[tokio::test]
async fn a_span_holds_what_is_due_in_it_and_now_holds_what_is_overdue_or_on_its_way() {
    let place = fresh().await;
    let now = place.now().await;
    waiting(&place, "soon", "atasehir", "netgsm/a/K", now + HOUR).await;
    waiting(&place, "end", "atasehir", "netgsm/a/K", now + 2 * HOUR).await;
    waiting(&place, "late", "besiktas", "none", now - HOUR).await;
    place.released("out").await;
    place.sending("sent").await;
    let first = span(&place, 0, 2 * HOUR - 60_000).await;
    assert_eq!(names(&place, &first).await, [ntf("out"), ntf("late"), ntf("soon")]);
    let ahead = span(&place, 30 * 60_000, 3 * HOUR).await;
    assert_eq!(names(&place, &ahead).await, [ntf("soon"), ntf("end")]);
    let before = span(&place, -2 * HOUR, -1).await;
    assert!(names(&place, &before).await.is_empty(), "what has passed goes out no more");
    let theirs = Span { clinic: Some("besiktas".to_owned()), ..first.clone() };
    assert_eq!(names(&place, &theirs).await, [ntf("late")]);
    for (event_type, rows) in [("ulak.appointment-reminder.v1", 3), ("ulak.payment-receipt.v1", 0)]
    {
        let of_type = Span { event_type: Some(event_type.to_owned()), ..first.clone() };
        assert_eq!(names(&place, &of_type).await.len(), rows, "{event_type}");
        let counted: i64 = place.due_counts(&of_type).await.unwrap().iter().map(|c| c.rows).sum();
        assert_eq!(counted, rows as i64, "{event_type}");
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn pages_hold_every_row_once_however_many_share_an_instant() {
    let place = fresh().await;
    let due = place.now().await + HOUR;
    for n in 0..40 {
        let (clinic, lane) =
            [("atasehir", "netgsm/a/K"), ("besiktas", "netgsm/a/K"), ("kadikoy", "none")][n % 3];
        waiting(&place, &format!("r{n:02}"), clinic, lane, due + (n as i64 / 20) * 1_000).await;
    }
    for n in 0..5 {
        place.released(&format!("out{n}")).await;
    }
    let span = span(&place, 0, 2 * HOUR).await;
    let whole = names(&place, &span).await;
    assert_eq!(whole.len(), 45);
    for size in [1, 7, 45, 100] {
        let mut paged = vec![];
        let mut last: Option<DueRow> = None;
        loop {
            let mut page = place.goes_out(&span, last.as_ref(), size).await.unwrap();
            paged.extend(page.iter().map(|row| row.ntf.clone()));
            last = page.pop();
            if last.is_none() {
                break;
            }
        }
        assert_eq!(paged, whole, "pages of {size}");
    }
}

#[tokio::test]
async fn rows_are_counted_by_clinic_and_quarter_of_an_hour() {
    let place = fresh().await;
    let now = place.now().await;
    let this = now / QUARTER_MS * QUARTER_MS;
    let quarter = this + 8 * QUARTER_MS;
    waiting(&place, "a", "atasehir", "none", quarter).await;
    waiting(&place, "b", "atasehir", "netgsm/a/K", quarter + QUARTER_MS - 1).await;
    waiting(&place, "c", "atasehir", "none", quarter + QUARTER_MS).await;
    waiting(&place, "d", "besiktas", "none", quarter).await;
    waiting(&place, "overdue", "besiktas", "none", now - 5 * HOUR).await;
    place.released("out").await;
    let span = span(&place, 0, 24 * HOUR).await;
    // a quarter may have begun meanwhile
    let this = span.now / QUARTER_MS * QUARTER_MS;
    let counts: Vec<_> = place
        .due_counts(&span)
        .await
        .unwrap()
        .into_iter()
        .map(|count| (count.quarter, count.clinic, count.rows))
        .collect();
    let row = |quarter, clinic: &str, rows| (quarter, clinic.to_owned(), rows);
    assert_eq!(
        counts,
        [
            row(this, "atasehir", 1),
            row(this, "besiktas", 1),
            row(quarter, "atasehir", 2),
            row(quarter, "besiktas", 1),
            row(quarter + QUARTER_MS, "atasehir", 1),
        ]
    );
}

#[tokio::test]
async fn what_a_person_stops_ends_on_the_record_and_what_is_sent_does_not() {
    let place = fresh().await;
    waiting(&place, "w", "atasehir", "none", LATER).await;
    place.released("r").await;
    place.sending("s").await;
    let asked = [ntf("w"), ntf("r"), ntf("s"), ntf("nobody"), ntf("w")];
    assert_eq!(place.stop(&asked, ACT).await.unwrap(), [ntf("r"), ntf("w")]);
    for name in ["w", "r"] {
        let row = place.find(&ntf(name)).await.unwrap().unwrap();
        assert_eq!((row.state, row.why.as_str(), row.due_at), (State::Cancelled, STOPPED, None));
        let records = place.records(&ntf(name)).await.unwrap();
        let last = &records.last().unwrap().entry;
        assert_eq!(
            *last,
            Entry::Stopped { who: "ayse@m1".to_owned(), why: "wrong price".to_owned() }
        );
    }
    assert_eq!(place.state("s").await, Some(State::Sending));
    assert!(place.stop(&asked, ACT).await.unwrap().is_empty(), "once");
    assert!(place.release(&[ntf("w")]).await.unwrap().is_empty());
    place.assert_sound().await;
}

#[tokio::test]
async fn who_reads_several_texts_is_on_the_record_of_each() {
    let place = fresh().await;
    waiting(&place, "a", "atasehir", "none", LATER).await;
    waiting(&place, "b", "atasehir", "none", LATER).await;
    let span = Span { until: LATER + 1, ..span(&place, 0, 0).await };
    let rows = place.goes_out(&span, None, 10).await.unwrap();
    place.reveal_each(&rows, ACT, &["text"]).await.unwrap();
    for name in ["a", "b"] {
        assert_eq!(place.count_records(&ntf(name), "revealed").await.unwrap(), 1);
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn facts_are_found_by_what_they_are_about_oldest_first() {
    let place = fresh().await;
    for (id, at, about) in [("fct_b", 2, "'apt'"), ("fct_a", 1, "'apt'"), ("fct_c", 3, "NULL")] {
        let row = format!(
            "INSERT INTO fact (id, clinic, type, source, event_id, digest, state, why, created_at, about) \
             VALUES ('{id}', 'atasehir', 'clinic.appointment-booked.v1', '/clinics/atasehir', 'e', 'd', 'applied', '', {at}, {about})"
        );
        assert_eq!(place.run(&row).await, 1);
    }
    let found: Vec<_> =
        place.facts_about("apt").await.unwrap().into_iter().map(|fact| fact.id).collect();
    assert_eq!(found, ["fct_a", "fct_b"]);
    assert_eq!(place.about_of_fact("fct_a").await.unwrap(), Some(Some("apt".to_owned())));
    assert_eq!(place.about_of_fact("fct_c").await.unwrap(), Some(None));
    assert_eq!(place.about_of_fact("fct_d").await.unwrap(), None);
    place.waiting("n").await;
    let about = place.about(&ntf("n")).await.unwrap();
    assert_eq!(about, Some(About { appointment: None, thing: Some("thing-n".to_owned()) }));
    assert_eq!(place.about("ntf_nobody").await.unwrap(), None);
}
