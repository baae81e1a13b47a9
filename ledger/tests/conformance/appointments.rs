//! What is known of appointments: moved by direct notifications, ended by tombstones.

use crate::draft::{CLINIC, appointment, claim, claim_copy, known, ntf, settle};
use crate::place::{Place, fresh};
use ledger::decision::{Claimed, Origin};
use ledger::state::State;

async fn known_as(place: &Place, key: &str) -> Option<(i64, i64, i64)> {
    sqlx::query_as("SELECT rev, version, starts_at FROM appointment WHERE key = $1")
        .bind(key)
        .fetch_optional(&place.raw)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_direct_notification_makes_the_appointment_known_and_a_newer_one_moves_it() {
    let place = fresh().await;
    let mut first = claim("a");
    first.appointment = Some(appointment("apt", 0, Some((5, 1_000))));
    assert_eq!(place.claim_one(first).await, Claimed::Won);
    assert_eq!(known_as(&place, "apt").await, Some((1, 5, 1_000)));
    let mut same_start = settle("b", State::Waiting);
    same_start.appointment = Some(appointment("apt", 1, Some((6, 1_000))));
    assert!(place.settle_one(same_start).await);
    assert_eq!(known_as(&place, "apt").await, Some((1, 6, 1_000)), "the start did not move");
    let mut moved = settle("c", State::Waiting);
    moved.appointment = Some(appointment("apt", 1, Some((7, 2_000))));
    assert!(place.settle_one(moved).await);
    assert_eq!(known_as(&place, "apt").await, Some((2, 7, 2_000)));
    let mut older = settle("d", State::Waiting);
    older.appointment = Some(appointment("apt", 2, Some((6, 3_000))));
    assert!(place.settle_one(older).await);
    assert_eq!(
        known_as(&place, "apt").await,
        Some((2, 7, 2_000)),
        "an older version moves nothing"
    );
    place.assert_sound().await;
}

#[tokio::test]
async fn what_lost_its_claim_or_its_row_moves_no_appointment() {
    let place = fresh().await;
    place.sending("a").await;
    let mut no_slot = claim("b");
    no_slot.needs[0].key = "thing-a".to_owned();
    no_slot.appointment = Some(appointment("apt", 0, Some((5, 1_000))));
    assert!(matches!(place.claim_one(no_slot).await, Claimed::LookAgain(_)));
    let mut duplicate = claim("a");
    duplicate.person = known("a");
    duplicate.appointment = Some(appointment("apt", 0, Some((5, 1_000))));
    assert!(matches!(place.claim_one(duplicate).await, Claimed::LookAgain(_)));
    let mut duplicate = settle("a", State::Waiting);
    duplicate.person = known("a");
    duplicate.appointment = Some(appointment("apt", 0, Some((5, 1_000))));
    assert!(!place.settle_one(duplicate).await);
    let copy = place.released("r").await;
    let mut dead = claim_copy("r", &copy, 1);
    dead.origin = Origin::Released { ntf: ntf("r"), fence: 9 };
    dead.appointment = Some(appointment("apt", 0, Some((5, 1_000))));
    assert!(matches!(place.claim_one(dead).await, Claimed::LookAgain(_)));
    assert_eq!(known_as(&place, "apt").await, None);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_cancelled_appointment_ends_its_rows_that_are_not_on_their_way() {
    let place = fresh().await;
    for name in ["w", "r"] {
        let mut waiting = settle(name, State::Waiting);
        if let Origin::New(new) = &mut waiting.origin {
            new.appointment = Some("apt".to_owned());
        }
        assert!(place.settle_one(waiting).await);
    }
    place.release_one("r").await;
    let mut sending = claim("s");
    if let Origin::New(new) = &mut sending.origin {
        new.appointment = Some("apt".to_owned());
    }
    place.claim_one(sending).await;
    place.waiting("other").await;
    let cancelled = place.cancel_appointment(CLINIC, "apt", ("explicit", 2)).await.unwrap();
    let mut cancelled = cancelled;
    cancelled.sort_unstable();
    assert_eq!(cancelled, ["ntf_r", "ntf_w"]);
    assert_eq!(place.state("s").await, Some(State::Sending));
    assert_eq!(place.state("other").await, Some(State::Waiting));
    assert_eq!(place.find("ntf_w").await.unwrap().unwrap().why, "appointment-cancelled");
    place.assert_sound().await;
}

#[tokio::test]
async fn a_direct_notification_does_not_bring_a_cancelled_appointment_back() {
    let place = fresh().await;
    place.cancel_appointment(CLINIC, "apt", ("explicit", 2)).await.unwrap();
    let mut direct = settle("a", State::Waiting);
    direct.appointment = Some(appointment("apt", 1, Some((9, 1_000))));
    assert!(place.settle_one(direct).await);
    assert_eq!(known_as(&place, "apt").await, Some((1, 2, 0)));
    assert_eq!(place.number("SELECT cancelled FROM appointment").await, 1);
}

#[tokio::test]
async fn each_cancellation_raises_the_revision() {
    let place = fresh().await;
    for rev in 1..=3 {
        place.cancel_appointment(CLINIC, "apt", ("explicit", rev)).await.unwrap();
        assert_eq!(known_as(&place, "apt").await, Some((rev, rev, 0)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_and_the_cancellation_of_its_appointment_at_the_same_time_do_not_block_each_other()
{
    let place = fresh().await;
    for round in 0..60 {
        let (name, apt) = (format!("a{round}"), format!("apt-{round}"));
        let mut waiting = settle(&name, State::Waiting);
        if let Origin::New(new) = &mut waiting.origin {
            new.appointment = Some(apt.clone());
        }
        waiting.appointment = Some(appointment(&apt, 0, Some((1, 1_000))));
        assert!(place.settle_one(waiting).await);
        let copy = place.release_one(&name).await;
        let mut claim = claim_copy(&name, &copy, 1);
        claim.appointment = Some(appointment(&apt, 1, Some((2, 2_000))));
        let (one, other) = (place.ledger.clone(), place.ledger.clone());
        let claiming = tokio::spawn(async move { one.claim(&[claim]).await.remove(0).unwrap() });
        let cancelling = tokio::spawn(async move {
            other.cancel_appointment(CLINIC, &apt, ("explicit", 3)).await.unwrap()
        });
        let won = claiming.await.unwrap() == Claimed::Won;
        let cancelled = cancelling.await.unwrap().len() == 1;
        assert!(won ^ cancelled, "round {round}: won {won}, cancelled {cancelled}");
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn a_tombstone_that_comes_late_stops_nothing_newer() {
    let place = fresh().await;
    let mut newer = claim("newer");
    newer.appointment = Some(appointment("visit", 0, Some((5, 1_000))));
    assert_eq!(place.claim_one(newer).await, Claimed::Won);
    let done = place.cancel_appointment(CLINIC, "visit", ("explicit", 3)).await.unwrap();
    assert!(done.is_empty());
    let mut next = claim("next");
    next.appointment = Some(appointment("visit", 1, None));
    assert_eq!(place.claim_one(next).await, Claimed::Won, "its revision did not rise");
}
