//! Transitions 1 and 5: a row that waits, or ends without a send.

use crate::draft::{CLINIC, LANE, ntf, settle, settle_copy};
use crate::place::fresh;
use ledger::state::State;

const ENDS: [State; 5] =
    [State::Suppressed, State::Cancelled, State::Expired, State::Refused, State::DeadLettered];

#[tokio::test]
async fn a_new_event_waits_until_its_due_time_on_its_lane() {
    let place = fresh().await;
    let mut defer = settle("a", State::Waiting);
    defer.due = Some((place.now().await + 60_000, LANE.to_owned()));
    assert!(place.settle_one(defer).await);
    let found = place.find("ntf_a").await.unwrap().unwrap();
    assert_eq!((found.state, found.why.as_str()), (State::Waiting, "because"));
    assert_eq!(found.lane.as_deref(), Some(LANE));
    let due = place.due_in("ntf_a").await.unwrap();
    assert!((55_000..=60_000).contains(&due), "due in {due} ms");
    assert!(place.release(&[ntf("a")]).await.unwrap().is_empty(), "it is not due");
    place.assert_sound().await;
}

#[tokio::test]
async fn nothing_waits_longer_than_it_is_useful() {
    let place = fresh().await;
    let expires = place.now().await + 30_000;
    let mut defer = settle("a", State::Waiting);
    if let ledger::decision::Origin::New(new) = &mut defer.origin {
        new.expires_at = expires;
    }
    defer.due = Some((expires + 600_000, LANE.to_owned()));
    assert!(place.settle_one(defer).await);
    assert_eq!(place.find("ntf_a").await.unwrap().unwrap().due_at, Some(expires));
}

#[tokio::test]
async fn a_new_event_ends_without_a_send_in_one_write() {
    let place = fresh().await;
    for (i, to) in ENDS.into_iter().enumerate() {
        let name = format!("a{i}");
        assert!(place.settle_one(settle(&name, to)).await);
        assert_eq!(place.state(&name).await, Some(to));
        assert_eq!(place.records(&ntf(&name)).await.unwrap().len(), 2);
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn a_released_copy_waits_again_or_ends() {
    let place = fresh().await;
    for (i, to) in ENDS.into_iter().chain([State::Waiting]).enumerate() {
        let name = format!("a{i}");
        let copy = place.released(&name).await;
        assert!(place.settle_one(settle_copy(&name, &copy, to)).await);
        assert_eq!(place.state(&name).await, Some(to));
        assert!(!place.settle_one(settle_copy(&name, &copy, to)).await, "the copy is used up");
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn a_dead_copy_settles_nothing() {
    let place = fresh().await;
    let old = place.released("a").await;
    place.release_one("a").await;
    assert!(!place.settle_one(settle_copy("a", &old, State::Suppressed)).await);
    assert_eq!(place.state("a").await, Some(State::Released));
    assert_eq!(place.records("ntf_a").await.unwrap().len(), 4);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_first_copy_of_a_known_event_settles_nothing() {
    let place = fresh().await;
    place.sending("a").await;
    let mut again = settle("a", State::Suppressed);
    again.person.rev = 1;
    assert!(!place.settle_one(again).await);
    assert_eq!(place.state("a").await, Some(State::Sending));
    place.assert_sound().await;
}

#[tokio::test]
async fn a_state_that_only_an_attempt_can_reach_is_not_settled() {
    let place = fresh().await;
    for to in [State::Sending, State::Unknown, State::Accepted, State::Unresolved, State::Released]
    {
        assert!(!place.settle_one(settle("a", to)).await, "{to}");
        assert_eq!(place.state("a").await, None, "{to}");
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn a_person_made_by_another_worker_meanwhile_is_looked_up_again() {
    let place = fresh().await;
    place.waiting("a").await;
    let mut same_person = settle("b", State::Waiting);
    same_person.person.lookup = "person-a".to_owned();
    assert!(!place.settle_one(same_person).await);
    assert_eq!(place.state("b").await, None);
    place.assert_sound().await;
}

#[tokio::test]
async fn settles_of_one_slice_share_a_person_without_failing() {
    let place = fresh().await;
    place.waiting("a").await;
    let slice: Vec<_> = ["b", "c", "d"]
        .into_iter()
        .map(|name| {
            let mut settle = settle(name, State::Waiting);
            settle.person = crate::draft::known("a");
            settle
        })
        .collect();
    assert!(place.settle(&slice).await.into_iter().all(Result::unwrap));
    assert_eq!(place.balance(Some(CLINIC)).await.unwrap().received, 4);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_row_that_is_to_wait_without_a_due_time_is_not_written() {
    let place = fresh().await;
    let mut lost = settle("a", State::Waiting);
    lost.due = None;
    assert!(place.settle(&[lost]).await.remove(0).is_err());
    let mut open_for_ever = settle("b", State::Suppressed);
    open_for_ever.due = Some((0, LANE.to_owned()));
    assert!(place.settle(&[open_for_ever]).await.remove(0).is_err());
    assert_eq!((place.state("a").await, place.state("b").await), (None, None));
    place.assert_sound().await;
}
