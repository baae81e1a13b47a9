//! What the passing of time does to rows: patience, leases, giving up, expiry; and cancellation.

use crate::draft::{self, FAILED_IN_BACK_OFF, claim_copy, ntf, settle};
use crate::place::fresh;
use ledger::decision::Claimed;
use ledger::protocol::Outcome;
use ledger::record::Entry;
use ledger::state::{AttemptState, State};
use ledger::sweep::{PATIENCE_MAX_MS, PATIENCE_MS};

#[tokio::test]
async fn patience_doubles_with_each_release_that_nobody_claims_up_to_its_longest() {
    let place = fresh().await;
    place.waiting("a").await;
    let mut expected = PATIENCE_MS;
    for n in 1..=8 {
        let copy = place.release_one("a").await;
        assert_eq!(copy.fence, n);
        let patience = place.due_in("ntf_a").await.unwrap();
        assert!((expected - 5_000..=expected).contains(&patience), "release {n}: {patience} ms");
        expected = (expected * 2).min(PATIENCE_MAX_MS);
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn patience_begins_anew_after_a_copy_was_used() {
    let place = fresh().await;
    place.released("a").await;
    let copy = place.release_one("a").await;
    assert!(place.settle_one(draft::settle_copy("a", &copy, State::Waiting)).await);
    place.release_one("a").await;
    let patience = place.due_in("ntf_a").await.unwrap();
    assert!(patience <= PATIENCE_MS, "{patience}");
}

#[tokio::test]
async fn a_row_that_is_not_due_is_left_alone() {
    let place = fresh().await;
    place.released("a").await;
    place.sending("b").await;
    place.sending("c").await;
    place.outcome_one("c", 1, Outcome::Unknown).await;
    let all = [ntf("a"), ntf("b"), ntf("c"), ntf("nobody")];
    let (copies, swept) = place.sweep(&all).await.unwrap();
    assert!(copies.is_empty() && swept.is_empty(), "{swept:?}");
    assert_eq!(place.sweep(&[]).await.unwrap().1, []);
}

#[tokio::test]
async fn a_lease_that_runs_out_makes_the_attempt_unknown_and_then_it_is_given_up() {
    let place = fresh().await;
    place.sending("a").await;
    assert_eq!(place.sweep_due("ntf_a").await, Some(State::Unknown));
    let due = place.due_in("ntf_a").await.unwrap();
    assert!((-5_000..=0).contains(&due), "it is looked for at once: {due}");
    let unknown = "SELECT count(*) FROM attempt WHERE state = 'unknown' AND code = 'lease-ran-out'";
    assert_eq!(place.number(unknown).await, 1);
    assert_eq!(place.sweep_due("ntf_a").await, Some(State::Unresolved));
    let found = place.find("ntf_a").await.unwrap().unwrap();
    assert_eq!((found.state, found.due_at, found.attempts), (State::Unresolved, None, 1));
    assert_eq!(place.number(unknown).await, 1, "the attempt stays unknown: it may have arrived");
    place.assert_sound().await;
}

#[tokio::test]
async fn the_lease_of_a_worker_that_died_in_back_off_puts_the_row_back() {
    let place = fresh().await;
    place.sending("a").await;
    place.outcome_one("a", 1, FAILED_IN_BACK_OFF).await;
    assert_eq!(place.sweep_due("ntf_a").await, Some(State::Waiting));
    let copy = place.release_one("a").await;
    assert_eq!(place.claim_one(claim_copy("a", &copy, 2)).await, Claimed::Won);
    let attempts = "SELECT count(*) FROM attempt WHERE ntf = 'ntf_a' AND state = 'failed'";
    assert_eq!(place.number(attempts).await, 1);
    assert!(AttemptState::parse("failed").is_some());
    place.assert_sound().await;
}

#[tokio::test]
async fn waiting_and_released_rows_expire_and_their_copies_die() {
    let place = fresh().await;
    place.waiting("w").await;
    let copy = place.released("r").await;
    place.sending("s").await;
    for name in ["w", "r", "s"] {
        place.run_out(&ntf(name)).await;
        place.make_due(&ntf(name)).await;
    }
    let (copies, swept) = place.sweep(&[ntf("w"), ntf("r"), ntf("s")]).await.unwrap();
    assert!(copies.is_empty());
    let to: Vec<_> = swept.iter().map(|s| (s.from, s.to)).collect();
    assert_eq!(
        to,
        [
            (State::Waiting, State::Expired),
            (State::Released, State::Expired),
            (State::Sending, State::Unknown),
        ]
    );
    assert!(matches!(place.claim_one(claim_copy("r", &copy, 1)).await, Claimed::LookAgain(_)));
    assert_eq!(place.find("ntf_w").await.unwrap().unwrap().why, "too-late");
    place.assert_sound().await;
}

#[tokio::test]
async fn cancel_ends_what_waits_or_is_released_and_nothing_else() {
    let place = fresh().await;
    place.waiting("w").await;
    let copy = place.released("r").await;
    place.sending("s").await;
    assert!(place.settle_one(settle("d", State::Suppressed)).await);
    let all = ["w", "r", "s", "d", "nobody"].map(ntf);
    let mut cancelled = place.cancel(&all, "patient-asked").await.unwrap();
    cancelled.sort_unstable();
    assert_eq!(cancelled, ["ntf_r", "ntf_w"]);
    assert_eq!(place.state("s").await, Some(State::Sending));
    assert_eq!(place.state("d").await, Some(State::Suppressed));
    assert!(matches!(place.claim_one(claim_copy("r", &copy, 1)).await, Claimed::LookAgain(_)));
    let last = place.records("ntf_w").await.unwrap().pop().unwrap().entry;
    let Entry::Ended { state, why, .. } = last else { panic!("{last:?}") };
    assert_eq!((state, why.as_str()), (State::Cancelled, "patient-asked"));
    assert!(place.cancel(&all, "again").await.unwrap().is_empty());
    place.assert_sound().await;
}

#[tokio::test]
async fn two_schedulers_that_release_the_same_rows_release_each_once() {
    let place = fresh().await;
    let names: Vec<String> = (0..64).map(|i| format!("a{i}")).collect();
    for name in &names {
        place.waiting(name).await;
    }
    let ntfs: Vec<String> = names.iter().map(|name| ntf(name)).collect();
    let reversed: Vec<String> = ntfs.iter().rev().cloned().collect();
    let (a, b) = tokio::join!(place.release(&ntfs), place.release(&reversed));
    let mut copies: Vec<_> = a.unwrap().into_iter().chain(b.unwrap()).collect();
    copies.extend(place.release(&ntfs).await.unwrap());
    copies.sort_unstable_by(|a, b| a.ntf.cmp(&b.ntf));
    assert_eq!(copies.len(), 64);
    assert!(copies.windows(2).all(|pair| pair[0].ntf != pair[1].ntf));
    assert!(copies.iter().all(|copy| copy.fence == 1));
    place.assert_sound().await;
}

#[tokio::test]
async fn how_long_an_unknown_attempt_is_looked_for_is_a_setting() {
    let place = fresh().await;
    let hasty = place.ledger.clone().giving_up_after(std::time::Duration::from_secs(100));
    place.sending("a").await;
    place.make_due("ntf_a").await;
    hasty.sweep(&[ntf("a")]).await.unwrap();
    // due for a look at once; nobody looks, and it is left alone for as long as it is looked for
    let due = place.due_in("ntf_a").await.unwrap();
    assert!((-5_000..=0).contains(&due), "{due}");
    hasty.sweep(&[ntf("a")]).await.unwrap();
    assert_eq!(place.state("a").await, Some(State::Unknown));
    place.run("UPDATE open SET due_at = due_at - 101000").await;
    place.sweep(&[ntf("a")]).await.unwrap();
    assert_eq!(place.state("a").await, Some(State::Unknown), "others are more patient");
    hasty.sweep(&[ntf("a")]).await.unwrap();
    assert_eq!(place.state("a").await, Some(State::Unresolved));
    place.assert_sound().await;
}

#[tokio::test]
async fn dead_letters_are_made_of_what_is_not_on_its_way_and_their_copies_die() {
    let place = fresh().await;
    let copy = place.released("r").await;
    place.sending("s").await;
    let done = place.dead_letter(&[ntf("r"), ntf("s"), ntf("nobody")], "handler-panic").await;
    assert_eq!(done.unwrap(), ["ntf_r"]);
    let found = place.find("ntf_r").await.unwrap().unwrap();
    assert_eq!((found.state, found.why.as_str()), (State::DeadLettered, "handler-panic"));
    assert!(matches!(place.claim_one(claim_copy("r", &copy, 1)).await, Claimed::LookAgain(_)));
    assert_eq!(place.state("s").await, Some(State::Sending));
    place.assert_sound().await;
}
