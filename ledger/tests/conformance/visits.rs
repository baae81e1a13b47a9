//! What is about a visit: a fact stops what was decided before it, a notice of a cancellation books nothing, and rows of visits can
//! be held back while facts are not current.

use crate::draft::{
    CLINIC, FAILED_IN_BACK_OFF, LANE, again, appointment, claim, claim_copy, ntf, settle,
};
use crate::place::{Place, fresh};
use ledger::decision::{AppointmentBasis, AppointmentVersion, Claimed, Origin, Settle};
use ledger::due::Pick;
use ledger::facts::{Applied, FactAppointment, FactState, FactWrite};
use ledger::record::Entry;
use ledger::state::State;
use ledger::sweep::Manner;

/// A fact that is applied and says of its appointment only whether it stands.
fn fact(id: &str, seen_rev: i64, version: i64, cancelled: bool) -> FactWrite {
    FactWrite {
        id: format!("fct_{id}"),
        clinic: CLINIC.to_owned(),
        fact_type: "clinic.appointment-cancelled.v1".to_owned(),
        source: "/clinics/atasehir".to_owned(),
        event_id: id.to_owned(),
        digest: "d".to_owned(),
        state: FactState::Applied,
        why: String::new(),
        about: None,
        appointment: Some(FactAppointment {
            key: "apt".to_owned(),
            seen_rev,
            version: ("explicit", version),
            starts_at: 1_000,
            cancelled,
            content: "c".to_owned(),
        }),
        cancels: vec![],
        word: None,
        person: None,
        plan: vec![],
        entry: Entry::FactApplied {
            fact_type: "clinic.appointment-cancelled.v1".to_owned(),
            source: "/clinics/atasehir".to_owned(),
            id: id.to_owned(),
            digest: "d".to_owned(),
            person: None,
            body: "sealed".to_owned(),
            via: "ulak.facts".to_owned(),
            plan: vec![],
            cancelled: vec![],
        },
    }
}

async fn apply(place: &Place, fact: &FactWrite) {
    let mut tx = place.begin_facts().await.unwrap();
    assert_eq!(tx.write(fact).await.unwrap(), Applied::Written { cancelled: vec![] });
    tx.commit().await.unwrap();
}

async fn known_as(place: &Place) -> (i64, i64, i64) {
    sqlx::query_as("SELECT rev, version, cancelled FROM appointment WHERE key = 'apt'")
        .fetch_one(&place.raw)
        .await
        .unwrap()
}

/// A row that waits, is due, and is about the visit if `visit`.
fn waits(name: &str, visit: bool) -> Settle {
    let mut row = settle(name, State::Waiting);
    if let Origin::New(new) = &mut row.origin {
        new.appointment = visit.then(|| format!("apt-{name}"));
    }
    row
}

#[tokio::test]
async fn a_fact_that_was_committed_before_the_claim_began_stops_it() {
    let place = fresh().await;
    let copy = place.released("a").await;
    // decided while nobody knew the appointment, and while it stood
    for (rev, version, cancelled) in [(0, 1, false), (1, 2, true)] {
        let mut decided = claim_copy("a", &copy, 1);
        decided.appointment = Some(appointment("apt", rev, None));
        apply(&place, &fact(&format!("f{version}"), rev, version, cancelled)).await;
        let answer = place.claim_one(decided).await;
        assert_eq!(answer, Claimed::LookAgain("the appointment's revision rose"), "{rev}");
        assert_eq!(place.state("a").await, Some(State::Released));
    }
    assert_eq!(known_as(&place).await, (2, 2, 1));
    // decided on what it is now, which is a matter of `decide`
    let mut decided = claim_copy("a", &copy, 1);
    decided.appointment = Some(appointment("apt", 2, None));
    assert_eq!(place.claim_one(decided).await, Claimed::Won);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_fact_stops_also_the_next_attempt_under_the_same_lease() {
    let place = fresh().await;
    apply(&place, &fact("f1", 0, 1, false)).await;
    let mut first = claim("a");
    first.appointment = Some(appointment("apt", 1, None));
    assert_eq!(place.claim_one(first).await, Claimed::Won);
    place.outcome_one("a", 1, FAILED_IN_BACK_OFF).await;
    apply(&place, &fact("f2", 1, 2, true)).await;
    let mut next = again("a", 1);
    next.appointment = Some(("apt".to_owned(), 1));
    assert!(!place.again_one(next).await);
    place.assert_sound().await;
}

/// What a direct notification says of its appointment.
fn says(rev: i64, version: i64, cancelled: bool) -> AppointmentBasis {
    let becomes = AppointmentVersion {
        version,
        kind: "explicit".to_owned(),
        starts_at: 1_000,
        cancelled,
        moved: true,
    };
    AppointmentBasis { becomes: Some(becomes), ..appointment("apt", rev, None) }
}

#[tokio::test]
async fn a_direct_notice_of_a_cancellation_books_nothing_and_a_newer_reminder_books_anew() {
    let place = fresh().await;
    let mut reminder = settle("a", State::Waiting);
    reminder.appointment = Some(says(0, 1, false));
    assert!(place.settle_one(reminder).await);
    assert_eq!(known_as(&place).await, (1, 1, 0));
    let mut notice = settle("b", State::Waiting);
    notice.appointment = Some(says(1, 2, true));
    assert!(place.settle_one(notice).await);
    assert_eq!(known_as(&place).await, (2, 2, 1), "a tombstone stops what was decided before");
    let mut older = settle("c", State::Waiting);
    older.appointment = Some(says(2, 1, false));
    assert!(place.settle_one(older).await);
    assert_eq!(known_as(&place).await, (2, 2, 1));
    let mut anew = claim("d");
    anew.appointment = Some(says(2, 3, false));
    assert_eq!(place.claim_one(anew).await, Claimed::Won);
    assert_eq!(known_as(&place).await, (3, 3, 0));
    // from the first fact on, notifications move nothing
    apply(&place, &fact("f4", 3, 4, false)).await;
    let mut late = settle("e", State::Waiting);
    late.appointment = Some(says(4, 9, true));
    assert!(place.settle_one(late).await);
    assert_eq!(known_as(&place).await, (4, 4, 0));
    place.assert_sound().await;
}

async fn picked(place: &Place, pick: Pick) -> Vec<String> {
    let rows = place.due_waiting(LANE, CLINIC, pick).await.unwrap();
    rows.into_iter().map(|due| due.ntf).collect()
}

#[tokio::test]
async fn rows_of_visits_are_held_back_unless_they_have_expired() {
    let place = fresh().await;
    for (name, visit) in [("reminder", true), ("receipt", false), ("past", true)] {
        assert!(place.settle_one(waits(name, visit)).await);
    }
    place.run_out("ntf_past").await;
    let held = Pick { without_visits: true, ..Pick::first(10) };
    assert_eq!(picked(&place, held).await, ["ntf_past", "ntf_receipt"]);
    assert_eq!(picked(&place, Pick::first(10)).await.len(), 3);
    // of released ones too, when patience with them ends
    let names = ["reminder", "receipt", "past"].map(ntf);
    place.run("UPDATE open SET state = 'released', due_at = 1").await;
    let group = place.groups().await.unwrap().remove(0);
    let mut again = place.due_without_visits(&group, 10).await.unwrap();
    again.sort_unstable();
    assert_eq!(again, ["ntf_past", "ntf_receipt"]);
    let mut all = place.due(&group, false, 10).await.unwrap();
    all.sort_unstable();
    let mut names = names.to_vec();
    names.sort_unstable();
    assert_eq!(all, names);
}

#[tokio::test]
async fn the_record_says_so_where_a_visits_row_went_although_facts_were_not_current() {
    let place = fresh().await;
    for (name, visit) in [("reminder", true), ("receipt", false)] {
        assert!(place.settle_one(waits(name, visit)).await);
    }
    let manner = Manner { facts_not_current: true, ..Manner::default() };
    place.sweep_in(&["reminder", "receipt"].map(ntf), manner).await.unwrap();
    for (name, expected) in [("reminder", true), ("receipt", false)] {
        let records = place.records(&ntf(name)).await.unwrap();
        let last = &records.last().unwrap().entry;
        assert_eq!(*last, Entry::Released { n: 1, facts_not_current: expected }, "{name}");
        let bytes = last.bytes().unwrap();
        assert_eq!(bytes.contains("facts_not_current"), expected, "{bytes}");
    }
}

#[tokio::test]
async fn the_most_urgent_row_comes_first_by_class_and_then_by_how_soon_it_is_of_no_use() {
    let place = fresh().await;
    let now = place.now().await;
    // class, due, expires: minutes from now
    for (name, class, due, expires) in [
        ("bulk", 2, -90, 10),
        ("tomorrow", 1, -60, 24 * 60),
        ("today", 1, -5, 120),
        ("code", 0, -1, 600),
        ("next", 1, -50, 23 * 60),
    ] {
        let mut row = settle(name, State::Waiting);
        if let Origin::New(new) = &mut row.origin {
            new.class = class;
            new.expires_at = now + expires * 60_000;
        }
        assert!(place.settle_one(row).await);
        let due = now + due * 60_000;
        place.run(&format!("UPDATE open SET due_at = {due} WHERE ntf = '{}'", ntf(name))).await;
    }
    let order = ["code", "today", "next", "tomorrow", "bulk"].map(ntf);
    assert_eq!(picked(&place, Pick::first(10)).await, order);
    // a class hides no other one, however few rows are looked at; of the others those that have been due longest are
    for limit in 1..4 {
        let pick = Pick { look_ahead: 3, ..Pick::first(limit) };
        assert_eq!(picked(&place, pick).await, order[..limit as usize]);
    }
    assert_eq!(picked(&place, Pick::first(1)).await, ["ntf_code"]);
    let two = Pick { look_ahead: 1, ..Pick::first(2) };
    assert_eq!(picked(&place, two).await, ["ntf_code", "ntf_next"]);
}

#[tokio::test]
async fn up_to_when_facts_are_current_goes_back_only_with_the_clock() {
    let place = fresh().await;
    assert_eq!(place.facts_current_at().await.unwrap(), 0);
    let now = place.now().await;
    for (at, expected) in [(now - 5_000, now - 5_000), (now - 9_000, now - 5_000), (now, now)] {
        place.facts_are_current(at).await.unwrap();
        assert_eq!(place.facts_current_at().await.unwrap(), expected);
    }
    place.run("UPDATE fact_watch SET current_at = current_at + 600000").await;
    place.facts_are_current(now).await.unwrap();
    assert_eq!(place.facts_current_at().await.unwrap(), now);
}
