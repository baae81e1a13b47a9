//! Transition 7: what became of an attempt, on time.

use crate::draft::{self, FAILED, FAILED_IN_BACK_OFF, REFUSED, again, claim, claim_copy, outcome};
use crate::place::fresh;
use ledger::decision::Claimed;
use ledger::due::Pick;
use ledger::look::{RowAsk, Tried};
use ledger::outcome::{Next, Written};
use ledger::protocol::Outcome;
use ledger::record::Entry;
use ledger::slots::SlotKind;
use ledger::state::{AttemptState, Reach, State};

fn on_time(state: State) -> Written {
    Written { state, applied: true, late: false, sent_twice: false }
}

#[tokio::test]
async fn accepted_and_refused_end_the_row_with_code_and_reference() {
    let place = fresh().await;
    for (name, what, state) in
        [("a", Outcome::Accepted, State::Accepted), ("b", REFUSED, State::Refused)]
    {
        place.sending(name).await;
        let mut write = outcome(name, 1, what);
        write.provider_ref = Some("job-7".to_owned());
        let written = place.record_outcomes(&[write]).await.remove(0).unwrap();
        assert_eq!(written, on_time(state));
        let found = place.find(&draft::ntf(name)).await.unwrap().unwrap();
        assert_eq!((found.state, found.due_at, found.why.as_str()), (state, None, "netgsm:00"));
        let last = place.records(&draft::ntf(name)).await.unwrap().pop().unwrap().entry;
        let Entry::Outcome { provider_ref, late, then, .. } = last else { panic!("{last:?}") };
        assert_eq!((provider_ref.as_deref(), late, then), (Some("job-7"), false, state));
    }
    let kept = "SELECT count(*) FROM attempt WHERE provider_ref = 'job-7' AND code = 'netgsm:00' AND ended_at IS NOT NULL";
    assert_eq!(place.number(kept).await, 2);
    place.assert_sound().await;
}

#[tokio::test]
async fn refused_with_another_channel_left_waits_for_it() {
    let place = fresh().await;
    place.sending("a").await;
    let written = place.outcome_one("a", 1, Outcome::Refused { next_channel: true }).await;
    assert_eq!(written, on_time(State::Waiting));
    let copy = place.release_one("a").await;
    let mut other = claim_copy("a", &copy, 2);
    other.channel = "whatsapp".to_owned();
    assert_eq!(place.claim_one(other).await, Claimed::Won);
    place.assert_sound().await;
}

#[tokio::test]
async fn failed_in_back_off_keeps_the_lease_and_the_next_attempt_may_be_accepted() {
    let place = fresh().await;
    place.sending("a").await;
    let lease = place.find("ntf_a").await.unwrap().unwrap().due_at;
    let written = place.outcome_one("a", 1, FAILED_IN_BACK_OFF).await;
    assert_eq!(written, on_time(State::Sending));
    let found = place.find("ntf_a").await.unwrap().unwrap();
    assert_eq!((found.due_at, found.attempts), (lease, 1));
    assert!(place.slot("number-a").await.is_some(), "the number is kept under the lease");
    for n in 2..=4 {
        assert!(place.again_one(again("a", n - 1)).await);
        let what = if n == 4 { Outcome::Accepted } else { FAILED_IN_BACK_OFF };
        place.outcome_one("a", n, what).await;
    }
    let found = place.find("ntf_a").await.unwrap().unwrap();
    assert_eq!((found.state, found.attempts), (State::Accepted, 4));
    place.assert_sound().await;
}

#[tokio::test]
async fn the_next_attempt_renews_the_lease() {
    let place = fresh().await;
    place.sending("a").await;
    place.outcome_one("a", 1, FAILED_IN_BACK_OFF).await;
    place.make_due("ntf_a").await;
    assert!(place.again_one(again("a", 1)).await);
    let lease = place.due_in("ntf_a").await.unwrap();
    assert!((45_000..=50_000).contains(&lease), "{lease}");
}

#[tokio::test]
async fn failed_waits_for_its_retry_and_no_longer_than_it_is_useful() {
    let place = fresh().await;
    place.sending("a").await;
    assert_eq!(place.outcome_one("a", 1, FAILED).await, on_time(State::Waiting));
    let due = place.due_in("ntf_a").await.unwrap();
    assert!((55_000..=60_000).contains(&due), "due in {due} ms");
    let found = place.find("ntf_a").await.unwrap().unwrap();
    assert_eq!(found.why, "retry");
    place.sending("b").await;
    place.run_out("ntf_b").await;
    place.outcome_one("b", 1, FAILED).await;
    let due = place.due_in("ntf_b").await.unwrap();
    assert!(due <= 0, "it is over now, and the sweep ends it: {due}");
    place.assert_sound().await;
}

#[tokio::test]
async fn failed_goes_on_at_once_on_another_lane_and_waits_for_no_number_of_the_first() {
    const OTHER: &str = "twilio/default/+13185550100";
    let place = fresh().await;
    place.sending("a").await;
    let mut write = outcome("a", 1, FAILED);
    let why = "failover: netgsm:100".to_owned();
    write.next = Next { why: why.clone(), after_ms: 0, lane: OTHER.to_owned() };
    let written = place.record_outcomes(&[write]).await.remove(0).unwrap();
    assert_eq!(written, on_time(State::Waiting));
    // somebody else may have the number at the first provider by now
    let mut other = claim("b");
    other.needs = claim("a").needs.into_iter().filter(|n| n.kind == SlotKind::Number).collect();
    assert_eq!(place.claim_one(other).await, Claimed::Won);
    let due = place.due_waiting(OTHER, draft::CLINIC, Pick::first(10)).await.unwrap();
    assert_eq!(due.into_iter().map(|due| due.ntf).collect::<Vec<_>>(), ["ntf_a"]);
    let ask = RowAsk { ntf: draft::ntf("a"), body: 0 };
    let seen = place.rows(&[ask]).await.unwrap().remove(0).unwrap();
    assert_eq!((seen.why, seen.lane.as_deref()), (why, Some(OTHER)));
    let (state, reach) = (AttemptState::Failed, Reach::Unheard);
    let failed = Tried { lane: draft::LANE.to_owned(), channel: "sms".to_owned(), state, reach };
    assert_eq!(seen.tried, [failed]);
    place.assert_sound().await;
}

#[tokio::test]
async fn unknown_is_looked_for_after_its_deadline() {
    let place = fresh().await;
    place.sending("a").await;
    assert_eq!(place.outcome_one("a", 1, Outcome::Unknown).await, on_time(State::Unknown));
    let due = place.due_in("ntf_a").await.unwrap();
    assert!((40_000..=45_000).contains(&due), "due in {due} ms");
    place.assert_sound().await;
}

#[tokio::test]
async fn an_outcome_is_written_once() {
    let place = fresh().await;
    place.sending("a").await;
    place.outcome_one("a", 1, Outcome::Accepted).await;
    let records = place.records("ntf_a").await.unwrap().len();
    for what in [Outcome::Accepted, REFUSED, FAILED, Outcome::Unknown] {
        let written = place.outcome_one("a", 1, what).await;
        assert!(!written.applied && written.state == State::Accepted, "{what:?}: {written:?}");
    }
    assert_eq!(place.records("ntf_a").await.unwrap().len(), records);
    place.assert_sound().await;
}

#[tokio::test]
async fn two_outcomes_of_one_attempt_in_one_slice_write_the_first() {
    let place = fresh().await;
    place.sending("a").await;
    place.sending("b").await;
    let slice = [
        outcome("a", 1, Outcome::Unknown),
        outcome("b", 1, Outcome::Accepted),
        outcome("a", 1, Outcome::Accepted),
        outcome("a", 1, REFUSED),
    ];
    let answers: Vec<_> =
        place.record_outcomes(&slice).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().map(|w| w.applied).collect::<Vec<_>>(), [true, true, true, false]);
    assert_eq!(place.state("a").await, Some(State::Accepted));
    place.assert_sound().await;
}

#[tokio::test]
async fn an_outcome_of_an_attempt_that_was_never_made_writes_nothing() {
    let place = fresh().await;
    place.sending("a").await;
    let answers = place
        .record_outcomes(&[outcome("a", 2, Outcome::Accepted), outcome("gone", 1, FAILED)])
        .await;
    assert!(!answers[0].as_ref().unwrap().applied);
    assert!(answers[1].is_err());
    assert_eq!(place.state("a").await, Some(State::Sending));
    place.assert_sound().await;
}

#[tokio::test]
async fn words_of_a_provider_that_the_database_cannot_hold_do_not_lose_the_outcome() {
    let place = fresh().await;
    place.sending("a").await;
    let mut odd = outcome("a", 1, Outcome::Accepted);
    odd.detail = "nul \u{0} inside".to_owned();
    odd.code = "netgsm:\u{0}".to_owned();
    odd.provider_ref = Some("job\u{0}7".to_owned());
    let written = place.record_outcomes(&[odd]).await.remove(0).unwrap();
    assert_eq!(written, on_time(State::Accepted));
    assert_eq!(place.records("ntf_a").await.unwrap().len(), 3);
    place.assert_sound().await;
}
