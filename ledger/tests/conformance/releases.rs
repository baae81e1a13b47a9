//! What the scheduler reads: groups, due rows in order, numbers that are busy, and the copies it gets.

use crate::draft::{CLINIC, LANE, claim, ntf, settle};
use crate::place::{Place, fresh};
use ledger::decision::{Claimed, Origin, Settle};
use ledger::due::{Group, Pick};
use ledger::protocol::Outcome;
use ledger::state::State;
use ledger::sweep::Manner;

fn waiting_on(name: &str, lane: &str, clinic: &str, due: i64) -> Settle {
    let mut settle = settle(name, State::Waiting);
    if let Origin::New(new) = &mut settle.origin {
        clinic.clone_into(&mut new.clinic);
    }
    settle.due = Some((due, lane.to_owned()));
    settle
}

async fn due_order(place: &Place, limit: i64) -> Vec<String> {
    let rows = place.due_waiting(LANE, CLINIC, Pick::first(limit)).await.unwrap();
    rows.into_iter().map(|due| due.ntf).collect()
}

#[tokio::test]
async fn groups_are_every_lane_state_and_clinic_with_its_earliest_due_time() {
    let place = fresh().await;
    assert!(place.groups().await.unwrap().is_empty());
    for (name, lane, clinic, due) in [
        ("a", "l1", "c1", 500),
        ("b", "l1", "c1", 300),
        ("c", "l1", "c2", 400),
        ("d", "l2", "c1", 900),
    ] {
        assert!(place.settle_one(waiting_on(name, lane, clinic, 0)).await);
        place.run(&format!("UPDATE open SET due_at = {due} WHERE ntf = '{}'", ntf(name))).await;
    }
    place.make_due("ntf_d").await;
    place.release(&[ntf("d")]).await.unwrap();
    place.run("UPDATE open SET due_at = 950 WHERE ntf = 'ntf_d'").await;
    let group = |lane: &str, state, clinic: &str, due_at| Group {
        lane: lane.to_owned(),
        state,
        clinic: clinic.to_owned(),
        due_at,
    };
    assert_eq!(
        place.groups().await.unwrap(),
        [
            group("l1", State::Waiting, "c1", 300),
            group("l1", State::Waiting, "c2", 400),
            group("l2", State::Released, "c1", 950),
        ]
    );
    assert_eq!(place.outside("l1").await.unwrap(), 0);
    assert_eq!(place.outside("l2").await.unwrap(), 1);
}

#[tokio::test]
async fn due_rows_come_earliest_first_and_rows_that_are_not_due_do_not_come() {
    let place = fresh().await;
    for (name, due) in [("a", 30), ("b", 10), ("c", 20)] {
        place.waiting(name).await;
        place.run(&format!("UPDATE open SET due_at = {due} WHERE ntf = '{}'", ntf(name))).await;
    }
    let later = place.now().await + 600_000;
    assert!(place.settle_one(waiting_on("later", LANE, CLINIC, later)).await);
    assert!(place.settle_one(waiting_on("lane", "another", CLINIC, 0)).await);
    assert!(place.settle_one(waiting_on("clinic", LANE, "another", 0)).await);
    assert_eq!(due_order(&place, 10).await, ["ntf_b", "ntf_c", "ntf_a"]);
    assert_eq!(due_order(&place, 2).await, ["ntf_b", "ntf_c"]);
}

#[tokio::test]
async fn a_row_whose_number_is_busy_is_not_due() {
    let place = fresh().await;
    let mut same_number = settle("a", State::Waiting);
    same_number.number = Some("number-b".to_owned());
    assert!(place.settle_one(same_number).await);
    assert_eq!(due_order(&place, 10).await, ["ntf_a"]);
    assert_eq!(place.claim_one(claim("b")).await, Claimed::Won);
    assert!(due_order(&place, 10).await.is_empty());
    place.outcome_one("b", 1, Outcome::Unknown).await;
    assert!(due_order(&place, 10).await.is_empty(), "an unknown one keeps its number busy");
    place.outcome_one("b", 1, Outcome::Accepted).await;
    assert_eq!(due_order(&place, 10).await, ["ntf_a"]);
}

#[tokio::test]
async fn due_rows_of_any_group_and_the_expired_ones_alone() {
    let place = fresh().await;
    place.waiting("a").await;
    place.waiting("b").await;
    place.run_out("ntf_b").await;
    let group = place.groups().await.unwrap().remove(0);
    let mut all = place.due(&group, false, 10).await.unwrap();
    all.sort_unstable();
    assert_eq!(all, ["ntf_a", "ntf_b"]);
    assert_eq!(place.due(&group, true, 10).await.unwrap(), ["ntf_b"]);
}

#[tokio::test]
async fn copies_come_in_the_order_asked_for_and_say_what_a_reference_needs() {
    let place = fresh().await;
    for name in ["a", "b", "c"] {
        place.waiting(name).await;
    }
    let asked = ["c", "a", "b"].map(ntf);
    let copies = place.release(&asked).await.unwrap();
    assert_eq!(copies.iter().map(|c| c.ntf.clone()).collect::<Vec<_>>(), asked);
    let copy = &copies[0];
    assert_eq!((copy.fence, copy.event_id.as_str()), (1, "evt-c"));
    assert_eq!(copy.event_type, "ulak.appointment-reminder.v1");
    assert_eq!(copy.source, "/clinics/atasehir");
    assert_eq!(copy.subject.as_deref(), Some("appointment/c"));
    place.assert_sound().await;
}

#[tokio::test]
async fn released_rows_stay_on_their_lane_with_their_number() {
    let place = fresh().await;
    let mut numbered = settle("a", State::Waiting);
    numbered.number = Some("number-a".to_owned());
    assert!(place.settle_one(numbered).await);
    place.release_one("a").await;
    let kept = format!(
        "SELECT count(*) FROM open WHERE lane = '{LANE}' AND number = 'number-a' AND state = 'released' AND releases = 1"
    );
    assert_eq!(place.number(&kept).await, 1);
}

#[tokio::test]
async fn a_lane_is_tried_first_with_what_may_be_sent_twice() {
    let place = fresh().await;
    for (name, on_unknown, due) in [("a", "stop", 10), ("b", "resend", 30), ("c", "resend", 20)] {
        let mut waiting = waiting_on(name, LANE, CLINIC, 0);
        if let Origin::New(new) = &mut waiting.origin {
            on_unknown.clone_into(&mut new.on_unknown);
        }
        assert!(place.settle_one(waiting).await);
        place.run(&format!("UPDATE open SET due_at = {due} WHERE ntf = '{}'", ntf(name))).await;
    }
    let pick = Pick { for_a_try: true, ..Pick::first(10) };
    let rows = place.due_waiting(LANE, CLINIC, pick).await.unwrap();
    let order: Vec<_> = rows.into_iter().map(|due| due.ntf).collect();
    assert_eq!(order, ["ntf_c", "ntf_b", "ntf_a"]);
}

#[tokio::test]
async fn what_is_released_onto_another_lane_is_counted_there_and_waits_for_no_number_of_its_own() {
    const OTHER: &str = "twilio/default/+13185550100";
    let place = fresh().await;
    for name in ["a", "late"] {
        let mut settle = settle(name, State::Waiting);
        settle.number = Some(format!("number-{name}"));
        assert!(place.settle_one(settle).await);
        place.make_due(&ntf(name)).await;
    }
    place.run_out("ntf_late").await;
    let onto = Manner { onto: Some(OTHER), ..Manner::default() };
    let (copies, swept) = place.sweep_in(&[ntf("a"), ntf("late")], onto).await.unwrap();
    assert_eq!(copies.iter().map(|copy| copy.ntf.as_str()).collect::<Vec<_>>(), ["ntf_a"]);
    assert_eq!(swept.iter().map(|s| s.to).collect::<Vec<_>>(), [State::Released, State::Expired]);
    assert_eq!((place.outside(LANE).await.unwrap(), place.outside(OTHER).await.unwrap()), (0, 1));
    let kept = "SELECT count(*) FROM open WHERE ntf = 'ntf_a' AND number IS NULL";
    assert_eq!(place.number(kept).await, 1);
    place.assert_sound().await;
}
