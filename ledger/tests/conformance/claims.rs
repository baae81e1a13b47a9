//! Transition 6: the one write that precedes a request.

use crate::draft::{self, CLINIC, LATER, again, appointment, claim, claim_copy, known, one};
use crate::place::fresh;
use ledger::decision::{Claimed, LEASE_AFTER_DEADLINE_MS, Origin};
use ledger::record::Entry;
use ledger::state::{AttemptState, State};

#[tokio::test]
async fn a_new_event_is_claimed_with_its_row_attempt_lease_and_records() {
    let place = fresh().await;
    assert_eq!(place.claim_one(claim("a")).await, Claimed::Won);
    let found = place.find("ntf_a").await.unwrap().unwrap();
    assert_eq!((found.state, found.attempts, found.clinic.as_str()), (State::Sending, 1, CLINIC));
    assert_eq!(found.lane.as_deref(), Some(draft::LANE));
    let lease = place.due_in("ntf_a").await.unwrap();
    let whole = 20_000 + LEASE_AFTER_DEADLINE_MS;
    assert!((whole - 5_000..=whole).contains(&lease), "lease ends in {lease} ms");
    let kinds: Vec<_> =
        place.records("ntf_a").await.unwrap().iter().map(|r| r.entry.kind()).collect();
    assert_eq!(kinds, ["received", "claimed"]);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_released_copy_is_claimed_once_and_only_with_its_own_number() {
    let place = fresh().await;
    let old = place.released("a").await;
    let copy = place.release_one("a").await;
    assert_eq!((old.fence, copy.fence), (1, 2));
    let moved = Claimed::LookAgain("the row moved on");
    assert_eq!(place.claim_one(claim_copy("a", &old, 1)).await, moved);
    let mut ahead = copy.clone();
    ahead.fence = 3;
    assert_eq!(place.claim_one(claim_copy("a", &ahead, 1)).await, moved);
    assert_eq!(place.claim_one(claim_copy("a", &copy, 1)).await, Claimed::Won);
    assert_eq!(place.claim_one(claim_copy("a", &copy, 2)).await, moved);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_reference_without_a_row_claims_nothing() {
    let place = fresh().await;
    let mut nobody = claim("a");
    nobody.origin = Origin::Released { ntf: "ntf_a".to_owned(), fence: 0 };
    assert!(matches!(place.claim_one(nobody).await, Claimed::LookAgain(_)));
    assert_eq!(place.state("a").await, None);
    place.assert_sound().await;
}

#[tokio::test]
async fn an_event_that_has_a_row_is_not_claimed_by_another_first_copy() {
    let place = fresh().await;
    place.sending("a").await;
    let mut second = claim("a");
    second.person = known("a");
    assert_eq!(place.claim_one(second).await, Claimed::LookAgain("the row moved on"));
    assert_eq!(place.find("ntf_a").await.unwrap().unwrap().attempts, 1);
    place.assert_sound().await;
}

#[tokio::test]
async fn of_duplicates_claimed_at_the_same_time_exactly_one_wins() {
    let place = fresh().await;
    for round in 0..50 {
        let name = format!("r{round}");
        let claims = (0..4).map(|_| {
            let (ledger, claim) = (place.ledger.clone(), claim(&name));
            tokio::spawn(async move { one(ledger.claim(&[claim]).await) })
        });
        let mut won = 0;
        for task in claims.collect::<Vec<_>>() {
            won += usize::from(task.await.unwrap().unwrap() == Claimed::Won);
        }
        assert_eq!(won, 1, "round {round}");
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn duplicates_within_one_slice_are_claimed_once() {
    let place = fresh().await;
    let answers = place.claim(&[claim("a"), claim("a"), claim("b")]).await;
    let won: Vec<bool> = answers.into_iter().map(|a| a.unwrap() == Claimed::Won).collect();
    assert_eq!(won, [true, false, true]);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_decision_that_ran_out_claims_nothing() {
    let place = fresh().await;
    let mut late = claim("a");
    late.until = place.now().await - 1;
    assert_eq!(place.claim_one(late).await, Claimed::LookAgain("decision ran out"));
    assert_eq!(place.state("a").await, None);
    assert_eq!(place.slot("thing-a").await, None);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_suppression_between_look_and_claim_stops_the_claim_of_a_known_person() {
    let place = fresh().await;
    let copy = place.released("a").await;
    place.suppress(CLINIC, "suppression-a", "person-a", "asked").await.unwrap();
    let answer = place.claim_one(claim_copy("a", &copy, 1)).await;
    assert_eq!(answer, Claimed::LookAgain("the person's revision rose"));
    assert_eq!(place.state("a").await, Some(State::Released));
    place.assert_sound().await;
}

#[tokio::test]
async fn a_suppression_between_look_and_claim_stops_the_claim_of_a_person_nobody_knew() {
    let place = fresh().await;
    place.suppress(CLINIC, "suppression-a", "person-a", "asked").await.unwrap();
    assert!(matches!(place.claim_one(claim("a")).await, Claimed::LookAgain(_)));
    assert_eq!(place.state("a").await, None);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_key_made_for_a_person_that_another_worker_made_first_is_not_used() {
    let place = fresh().await;
    place.sending("a").await;
    let mut same_person = claim("b");
    same_person.person.lookup = "person-a".to_owned();
    let answer = place.claim_one(same_person).await;
    assert_eq!(answer, Claimed::LookAgain("another key was made for this person"));
    assert_eq!(place.state("b").await, None);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_cancellation_between_look_and_claim_stops_the_claim() {
    let place = fresh().await;
    let mut first = claim("a");
    first.appointment = Some(appointment("apt", 0, Some((1, 1_000))));
    assert_eq!(place.claim_one(first).await, Claimed::Won);
    place.cancel_appointment(CLINIC, "apt", ("explicit", 2)).await.unwrap();
    let mut second = claim("b");
    second.appointment = Some(appointment("apt", 1, None));
    let answer = place.claim_one(second).await;
    assert_eq!(answer, Claimed::LookAgain("the appointment's revision rose"));
    assert_eq!(place.state("b").await, None);
    place.assert_sound().await;
}

#[tokio::test]
async fn an_appointment_that_became_known_between_look_and_claim_stops_the_claim() {
    let place = fresh().await;
    place.cancel_appointment(CLINIC, "apt", ("explicit", 1)).await.unwrap();
    let mut unaware = claim("a");
    unaware.appointment = Some(appointment("apt", 0, Some((1, 1_000))));
    let answer = place.claim_one(unaware).await;
    assert_eq!(answer, Claimed::LookAgain("the appointment's revision rose"));
}

#[tokio::test]
async fn an_attempt_gets_the_number_that_its_records_name_or_none() {
    let place = fresh().await;
    let mut wrong = claim("a");
    wrong.n = 2;
    assert_eq!(place.claim_one(wrong).await, Claimed::LookAgain("another attempt number"));
    assert_eq!(place.state("a").await, None);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_claim_whose_reply_was_lost_is_found_by_its_token() {
    let place = fresh().await;
    let claim = claim("a");
    let token = claim.token.clone();
    assert_eq!(place.find_claim("ntf_a", &token).await.unwrap(), None);
    assert_eq!(place.claim_one(claim).await, Claimed::Won);
    assert_eq!(place.find_claim("ntf_a", &token).await.unwrap(), Some(1));
    assert_eq!(place.find_claim("ntf_a", "clm_other").await.unwrap(), None);
}

#[tokio::test]
async fn a_newer_notification_takes_the_thing_of_a_waiting_one_and_cancels_it() {
    let place = fresh().await;
    place.sending("old").await;
    place.outcome_one("old", 1, draft::FAILED).await;
    let mut newer = claim("new");
    newer.needs[0].key = "thing-old".to_owned();
    assert_eq!(place.claim_one(newer.clone()).await, Claimed::LookAgain("a slot is taken"));
    newer.supersedes = Some("ntf_old".to_owned());
    assert_eq!(place.claim_one(newer).await, Claimed::Won);
    let old = place.find("ntf_old").await.unwrap().unwrap();
    assert_eq!((old.state, old.why.as_str()), (State::Cancelled, "superseded by ntf_new"));
    assert_eq!(place.slot("thing-old").await, Some(("thing".into(), "ntf_new".into(), None)));
    place.assert_sound().await;
}

#[tokio::test]
async fn a_copy_of_a_superseded_notification_is_dead() {
    let place = fresh().await;
    let copy = place.released("old").await;
    let mut newer = claim("new");
    newer.supersedes = Some("ntf_old".to_owned());
    assert_eq!(place.claim_one(newer).await, Claimed::Won);
    assert!(matches!(place.claim_one(claim_copy("old", &copy, 1)).await, Claimed::LookAgain(_)));
    assert_eq!(place.state("old").await, Some(State::Cancelled));
    place.assert_sound().await;
}

#[tokio::test]
async fn a_notification_on_its_way_is_not_superseded() {
    let place = fresh().await;
    place.sending("old").await;
    let mut newer = claim("new");
    newer.supersedes = Some("ntf_old".to_owned());
    assert_eq!(place.claim_one(newer).await, Claimed::LookAgain("the older one moved on"));
    assert_eq!(place.state("old").await, Some(State::Sending));
    assert_eq!(place.state("new").await, None);
    place.assert_sound().await;
}

#[tokio::test]
async fn the_next_attempt_under_the_same_lease_needs_a_failed_last_one() {
    let place = fresh().await;
    place.sending("a").await;
    assert!(!place.again_one(again("a", 1)).await, "attempt 1 is still open");
    place.outcome_one("a", 1, draft::FAILED_IN_BACK_OFF).await;
    assert!(!place.again_one(again("a", 2)).await, "there is no attempt 2");
    let mut ran_out = again("a", 1);
    ran_out.until = 1;
    assert!(!place.again_one(ran_out).await);
    let answers = place.claim_again(&[again("a", 1), again("a", 1), again("gone", 1)]).await;
    let answers: Vec<bool> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, [true, false, false]);
    let row = one(place.rows(&[ask("ntf_a")]).await.unwrap()).unwrap().row;
    let states: Vec<_> = row.attempts.iter().map(|a| a.state).collect();
    assert_eq!(states, [AttemptState::Failed, AttemptState::Open]);
    place.assert_sound().await;
}

#[tokio::test]
async fn what_was_suppressed_or_cancelled_in_back_off_stops_the_next_attempt() {
    let place = fresh().await;
    for name in ["s", "c"] {
        let mut first = claim(name);
        first.appointment = Some(appointment(&format!("apt-{name}"), 0, Some((1, 1_000))));
        assert_eq!(first.appointment.as_ref().unwrap().rev_after(), 1);
        assert_eq!(place.claim_one(first).await, Claimed::Won);
        place.outcome_one(name, 1, draft::FAILED_IN_BACK_OFF).await;
    }
    place.suppress(CLINIC, "suppression-s", "person-s", "asked").await.unwrap();
    place.cancel_appointment(CLINIC, "apt-c", ("explicit", 2)).await.unwrap();
    for name in ["s", "c"] {
        let mut next = again(name, 1);
        next.appointment = Some((format!("apt-{name}"), 1));
        assert!(!place.again_one(next.clone()).await, "{name}");
        next.person.1 += i64::from(name == "s");
        next.appointment.as_mut().unwrap().1 += i64::from(name == "c");
        assert!(place.again_one(next).await, "{name}: decided anew");
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn a_body_by_reference_is_read_with_the_key_that_opens_it() {
    let place = fresh().await;
    place.released("a").await;
    let seen = one(place.rows(&[ask("ntf_a")]).await.unwrap()).unwrap();
    let body = seen.body.unwrap();
    assert_eq!((body.person.as_str(), body.wrapped.as_str()), ("per_a", "wrapped"));
    assert_eq!((body.sealed.as_str(), seen.digest.as_str()), ("sealed", "d1"));
    assert_eq!(place.sealed_body("ntf_a").await.unwrap().unwrap().sealed, "sealed");
    assert!(place.sealed_body("ntf_none").await.unwrap().is_none());
    assert!(one(place.rows(&[ask("ntf_none")]).await.unwrap()).is_none());
    let entry = &place.records("ntf_a").await.unwrap()[0].entry;
    assert!(matches!(entry, Entry::Received { id, .. } if id == "evt-a"));
    assert_eq!(place.find_by_event("evt-a").await.unwrap().len(), 1);
    assert!(place.now().await < LATER);
}

fn ask(ntf: &str) -> ledger::look::RowAsk {
    ledger::look::RowAsk { ntf: ntf.to_owned(), body: 1 }
}
