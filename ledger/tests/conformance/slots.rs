//! The same thing, the gap, the number: who holds them, for how long, and who gets them next (PROTOCOL rules 4 and 5).

use crate::draft::{self, FAILED, GAP_MS, REFUSED, claim, need, ntf, one};
use crate::place::{Place, fresh};
use ledger::Ledger;
use ledger::decision::{Claim, Claimed, Origin};
use ledger::protocol::Outcome;
use ledger::slots::{GAP_SLACK_MS, SlotKind, THING_KEPT_MS};
use ledger::state::State;

fn with_gap(name: &str) -> Claim {
    let mut claim = claim(name);
    if let Origin::New(new) = &mut claim.origin {
        new.gap = Some(format!("gap-{name}"));
    }
    claim.needs.push(need(SlotKind::Gap, &format!("gap-{name}")));
    claim
}

/// A claim that needs what `a` holds.
fn rival(name: &str, kind: SlotKind) -> Claim {
    let mut claim = claim(name);
    let key = match kind {
        SlotKind::Thing => "thing-a",
        SlotKind::Gap => "gap-a",
        SlotKind::Number => "number-a",
    };
    claim.needs = vec![need(kind, key)];
    claim
}

const KINDS: [SlotKind; 3] = [SlotKind::Thing, SlotKind::Gap, SlotKind::Number];

async fn who_may(place: &Place) -> [bool; 3] {
    let mut may = [false; 3];
    for (i, kind) in KINDS.into_iter().enumerate() {
        let name = format!("rival{i}");
        may[i] = place.claim_one(rival(&name, kind)).await == Claimed::Won;
    }
    may
}

#[tokio::test]
async fn each_kind_of_slot_stops_another_claim_and_leaves_nothing_of_it() {
    let place = fresh().await;
    assert_eq!(place.claim_one(with_gap("a")).await, Claimed::Won);
    for (i, kind) in KINDS.into_iter().enumerate() {
        let name = format!("b{i}");
        let mut rival = rival(&name, kind);
        rival.needs.push(need(SlotKind::Thing, "thing-free"));
        assert_eq!(place.claim_one(rival).await, Claimed::LookAgain("a slot is taken"), "{kind:?}");
        assert_eq!(place.state(&name).await, None, "{kind:?}");
        assert_eq!(place.slot("thing-free").await, None, "{kind:?}: who lacks one takes none");
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn an_accepted_one_keeps_its_thing_for_400_days_and_its_gap_for_its_time_and_frees_the_number()
 {
    let place = fresh().await;
    place.claim_one(with_gap("a")).await;
    place.outcome_one("a", 1, Outcome::Accepted).await;
    let now = place.now().await;
    let (_, holder, until) = place.slot("thing-a").await.unwrap();
    assert_eq!(holder, "ntf_a");
    assert!((until.unwrap() - now - THING_KEPT_MS).abs() < 5_000);
    let (_, _, until) = place.slot("gap-a").await.unwrap();
    assert!((until.unwrap() - now - (GAP_MS - GAP_SLACK_MS)).abs() < 5_000);
    assert_eq!(place.slot("number-a").await, None);
    assert_eq!(who_may(&place).await, [false, false, true]);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_slot_that_has_run_out_goes_to_the_next() {
    let place = fresh().await;
    place.claim_one(with_gap("a")).await;
    place.outcome_one("a", 1, Outcome::Accepted).await;
    place.run("UPDATE slot SET until = 1").await;
    assert_eq!(who_may(&place).await, [true, true, true]);
    assert_eq!(place.slot("thing-a").await, Some(("thing".into(), "ntf_rival0".into(), None)));
    place.assert_sound().await;
}

#[tokio::test]
async fn an_unresolved_one_keeps_thing_and_gap_and_frees_the_number() {
    let place = fresh().await;
    place.claim_one(with_gap("a")).await;
    place.outcome_one("a", 1, Outcome::Unknown).await;
    assert!(place.slot("number-a").await.is_some(), "an unknown one keeps its number");
    assert_eq!(place.sweep_due("ntf_a").await, Some(State::Unresolved));
    assert_eq!(who_may(&place).await, [false, false, true]);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_refused_one_frees_everything() {
    let place = fresh().await;
    place.claim_one(with_gap("a")).await;
    place.outcome_one("a", 1, REFUSED).await;
    assert_eq!(who_may(&place).await, [true, true, true]);
    place.assert_sound().await;
}

#[tokio::test]
async fn one_that_waits_for_its_retry_keeps_thing_and_gap_and_frees_the_number() {
    let place = fresh().await;
    place.claim_one(with_gap("a")).await;
    place.outcome_one("a", 1, FAILED).await;
    assert_eq!(who_may(&place).await, [false, false, true]);
    place.assert_sound().await;
}

#[tokio::test]
async fn one_that_ends_without_a_send_frees_everything() {
    let place = fresh().await;
    for (i, to) in [State::Cancelled, State::Expired, State::Suppressed].into_iter().enumerate() {
        let name = format!("a{i}");
        place.claim_one(with_gap(&name)).await;
        place.outcome_one(&name, 1, FAILED).await;
        match to {
            State::Cancelled => drop(place.cancel(&[ntf(&name)], "test").await.unwrap()),
            State::Expired => {
                place.run_out(&ntf(&name)).await;
                assert_eq!(place.sweep_due(&ntf(&name)).await, Some(State::Expired));
            }
            to => {
                let copy = place.release_one(&name).await;
                assert!(place.settle_one(draft::settle_copy(&name, &copy, to)).await);
            }
        }
        assert_eq!(place.state(&name).await, Some(to));
        for kind in ["thing", "gap", "number"] {
            assert_eq!(place.slot(&format!("{kind}-{name}")).await, None, "{to}: {kind}");
        }
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn a_worker_that_dies_in_back_off_frees_the_number() {
    let place = fresh().await;
    place.claim_one(with_gap("a")).await;
    place.outcome_one("a", 1, draft::FAILED_IN_BACK_OFF).await;
    assert_eq!(place.sweep_due("ntf_a").await, Some(State::Waiting));
    assert_eq!(who_may(&place).await, [false, false, true]);
    place.assert_sound().await;
}

/// Claims the same slot from two connections at the same time, many times.
async fn race(kind: SlotKind, rounds: usize) {
    let place = fresh().await;
    let other = Ledger::open(&place.settings).await.unwrap();
    for round in 0..rounds {
        let contender = |ledger: &Ledger, side: &str| {
            let mut claim = claim(&format!("{side}{round}"));
            claim.needs = vec![
                need(SlotKind::Number, &format!("own-{side}{round}")),
                need(kind, &format!("contested-{round}")),
            ];
            let ledger = ledger.clone();
            tokio::spawn(async move { one(ledger.claim(&[claim]).await).unwrap() })
        };
        let (a, b) = (contender(&place.ledger, "a"), contender(&other, "b"));
        let (a, b) = (a.await.unwrap(), b.await.unwrap());
        let winner = match (a, b) {
            (Claimed::Won, Claimed::LookAgain(_)) => format!("ntf_a{round}"),
            (Claimed::LookAgain(_), Claimed::Won) => format!("ntf_b{round}"),
            both => panic!("round {round}: {both:?}"),
        };
        let (_, holder, _) = place.slot(&format!("contested-{round}")).await.unwrap();
        assert_eq!(holder, winner, "round {round}");
    }
    let rows = place.number("SELECT count(*) FROM notification").await;
    assert_eq!(rows, rounds as i64, "a loser leaves no row");
    let slots = place.number("SELECT count(*) FROM slot").await;
    assert_eq!(slots, 2 * rounds as i64, "a loser leaves no slot");
    other.close().await;
    place.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_claims_of_one_thing_at_the_same_time_have_exactly_one_winner() {
    race(SlotKind::Thing, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_claims_of_one_gap_at_the_same_time_have_exactly_one_winner() {
    race(SlotKind::Gap, 60).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_claims_of_one_number_at_the_same_time_have_exactly_one_winner() {
    race(SlotKind::Number, 60).await;
}

#[tokio::test]
async fn the_same_thing_twice_in_one_slice_is_claimed_once() {
    let place = fresh().await;
    let mut second = claim("b");
    second.needs[0].key = "thing-a".to_owned();
    let answers = place.claim(&[claim("a"), second]).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, [Claimed::Won, Claimed::LookAgain("a slot is taken")]);
    place.assert_sound().await;
}

#[tokio::test]
async fn the_look_before_a_decision_names_the_holders() {
    let place = fresh().await;
    place.claim_one(with_gap("a")).await;
    let keys = ledger::look::Keys {
        person: "person-a".to_owned(),
        suppression: "suppression-a".to_owned(),
        appointment: Some("apt".to_owned()),
        thing: "thing-a".to_owned(),
        gap: Some("gap-a".to_owned()),
        ..ledger::look::Keys::default()
    };
    let seen = one(place.surroundings(std::slice::from_ref(&keys)).await.unwrap());
    let holder = seen.thing.unwrap();
    assert_eq!((holder.ntf.as_str(), holder.state, holder.until), ("ntf_a", State::Sending, None));
    assert_eq!(seen.gap.unwrap().ntf, "ntf_a");
    assert_eq!(seen.person.unwrap().rev, 1);
    assert!(seen.appointment.is_none() && seen.suppressed.is_none());
    place.outcome_one("a", 1, Outcome::Accepted).await;
    place.suppress(draft::CLINIC, "suppression-a", "person-a", "asked").await.unwrap();
    place.cancel_appointment(draft::CLINIC, "apt", ("explicit", 4)).await.unwrap();
    let seen = one(place.surroundings(&[keys]).await.unwrap());
    assert!(seen.thing.unwrap().until.is_some());
    assert_eq!(seen.person.unwrap().rev, 2);
    assert_eq!(seen.suppressed.as_deref(), Some("asked"));
    let appointment = seen.appointment.unwrap();
    assert!(appointment.cancelled && appointment.from_fact && appointment.version == 4);
}
