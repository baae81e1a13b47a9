//! Transition 13: late outcomes of every kind against every state of the row.

use crate::draft::{FAILED, REFUSED, again, claim, ntf, one, outcome, settle};
use crate::place::{Place, fresh};
use ledger::look::RowAsk;
use ledger::outcome::OutcomeWrite;
use ledger::protocol::{self, Command, Outcome};
use ledger::state::{AttemptState, State};

const OUTCOMES: [Outcome; 6] = [
    Outcome::Accepted,
    REFUSED,
    Outcome::Refused { next_channel: true },
    FAILED,
    Outcome::Failed { keep_lease: true, useful: true },
    Outcome::Unknown,
];

/// A row put into a state that the ledger's own calls reach only in a longer story.
async fn force(place: &Place, name: &str, state: State, attempts: &[AttemptState]) {
    let text = if state.is_final() {
        format!("DELETE FROM open WHERE ntf = '{}'", ntf(name))
    } else {
        format!("UPDATE open SET state = '{state}', due_at = 77 WHERE ntf = '{}'", ntf(name))
    };
    place.run(&text).await;
    let text = format!(
        "UPDATE notification SET state = '{state}', why = 'forced', fence = 3 WHERE ntf = '{}'",
        ntf(name)
    );
    place.run(&text).await;
    for (n, attempt) in (1..).zip(attempts) {
        let text = format!(
            "UPDATE attempt SET state = '{attempt}' WHERE ntf = '{}' AND n = {n}",
            ntf(name)
        );
        place.run(&text).await;
    }
}

async fn row(place: &Place, name: &str) -> protocol::Row {
    let ask = RowAsk { ntf: ntf(name), body: 0 };
    one(place.rows(&[ask]).await.unwrap()).unwrap().row
}

struct Case {
    name: String,
    write: OutcomeWrite,
    before: protocol::Row,
}

/// Writes the outcomes and compares every row with what the protocol says of it.
async fn check(place: &Place, cases: Vec<Case>) {
    let writes: Vec<_> = cases.iter().map(|case| case.write.clone()).collect();
    let answers = place.record_outcomes(&writes).await;
    assert_eq!(answers.len(), cases.len());
    for (Case { name, write, before }, answer) in cases.into_iter().zip(answers) {
        let what = format!("{name}: {:?} of {} on {before:?}", write.outcome, write.n);
        let written = answer.unwrap_or_else(|e| panic!("{what}: {e}"));
        let command = Command::Outcome { n: write.n, outcome: write.outcome };
        let expected = protocol::apply(Some(&before), &command);
        let (after, applied) = match expected {
            Ok(change) => {
                assert_eq!(written.sent_twice, change.sent_twice, "{what}");
                (change.row, true)
            }
            Err(_) => (before.clone(), false),
        };
        assert_eq!((written.applied, written.state), (applied, after.state), "{what}");
        assert_eq!(row(place, &name).await, after, "{what}");
        let found = place.find(&ntf(&name)).await.unwrap().unwrap();
        assert_eq!(found.due_at.is_none(), after.state.is_final(), "{what}: {found:?}");
        if after.state == before.state {
            assert_eq!(found.why, "forced", "{what}");
            assert_eq!(found.due_at, (!after.state.is_final()).then_some(77), "{what}");
        }
        let entries = place.records(&ntf(&name)).await.unwrap();
        let noted = entries.iter().filter(|e| e.entry.kind() == "outcome").count();
        assert_eq!(noted, usize::from(applied), "{what}");
    }
}

#[tokio::test]
async fn a_late_outcome_of_the_last_attempt_does_to_every_state_what_the_protocol_says() {
    let place = fresh().await;
    let mut stories = vec![];
    for state in State::ALL {
        for attempt in AttemptState::ALL {
            stories.extend(OUTCOMES.map(|outcome| (*state, *attempt, outcome)));
        }
    }
    let names: Vec<String> = (0..stories.len()).map(|i| format!("l{i}")).collect();
    let claims: Vec<_> = names.iter().map(|name| claim(name)).collect();
    assert!(place.claim(&claims).await.into_iter().all(|a| a.is_ok()));
    let mut cases = vec![];
    for (name, (state, attempt, what)) in names.into_iter().zip(stories) {
        force(&place, &name, state, &[attempt]).await;
        let before = row(&place, &name).await;
        let write = outcome(&name, 1, what);
        cases.push(Case { name, write, before });
    }
    check(&place, cases).await;
}

#[tokio::test]
async fn a_late_outcome_of_an_earlier_attempt_leaves_the_later_one_its_row() {
    let place = fresh().await;
    let mut stories = vec![];
    for state in [State::Sending, State::Unknown, State::Waiting, State::Released, State::Accepted]
    {
        for earlier in [AttemptState::Unknown, AttemptState::Absent] {
            for last in [
                AttemptState::Open,
                AttemptState::Unknown,
                AttemptState::Accepted,
                AttemptState::Failed,
            ] {
                stories.extend(OUTCOMES.map(|outcome| (state, earlier, last, outcome)));
            }
        }
    }
    let names: Vec<String> = (0..stories.len()).map(|i| format!("e{i}")).collect();
    let claims: Vec<_> = names.iter().map(|name| claim(name)).collect();
    assert!(place.claim(&claims).await.into_iter().all(|a| a.is_ok()));
    place.run("UPDATE attempt SET state = 'failed'").await;
    let second: Vec<_> = names.iter().map(|name| again(name, 1)).collect();
    assert!(place.claim_again(&second).await.into_iter().all(|a| a.unwrap()));
    let mut cases = vec![];
    for (name, (state, earlier, last, what)) in names.into_iter().zip(stories) {
        force(&place, &name, state, &[earlier, last]).await;
        let before = row(&place, &name).await;
        let write = outcome(&name, 1, what);
        cases.push(Case { name, write, before });
    }
    check(&place, cases).await;
}

#[tokio::test]
async fn a_late_acceptance_corrects_what_was_given_up_and_kills_copies_that_are_out() {
    // the list of PROTOCOL §1, written out so that a mistake in the transition function shows too
    let place = fresh().await;
    for state in [
        State::Waiting,
        State::Released,
        State::Unknown,
        State::Unresolved,
        State::Expired,
        State::Cancelled,
    ] {
        let name = format!("late-{state}");
        place.sending(&name).await;
        force(&place, &name, state, &[AttemptState::Unknown]).await;
        let written = place.outcome_one(&name, 1, Outcome::Accepted).await;
        assert!(written.applied && written.late && !written.sent_twice, "{state}: {written:?}");
        let after = row(&place, &name).await;
        assert_eq!((after.state, after.fence), (State::Accepted, 4), "{state}");
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn an_outcome_after_the_lease_ran_out_is_late_and_counts() {
    let place = fresh().await;
    for (name, what, to) in [
        ("a", Outcome::Accepted, State::Accepted),
        ("r", REFUSED, State::Refused),
        ("f", FAILED, State::Waiting),
    ] {
        place.sending(name).await;
        assert_eq!(place.sweep_due(&ntf(name)).await, Some(State::Unknown));
        let written = place.outcome_one(name, 1, what).await;
        assert_eq!((written.state, written.applied, written.late), (to, true, true), "{name}");
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn an_outcome_after_it_was_given_up_is_late_and_counts() {
    let place = fresh().await;
    for (name, what, to) in [
        ("a", Outcome::Accepted, State::Accepted),
        ("r", REFUSED, State::Refused),
        ("f", FAILED, State::Waiting),
        ("u", Outcome::Unknown, State::Unresolved),
    ] {
        place.sending(name).await;
        place.outcome_one(name, 1, Outcome::Unknown).await;
        assert_eq!(place.sweep_due(&ntf(name)).await, Some(State::Unresolved));
        assert_eq!(place.outcome_one(name, 1, what).await.state, to, "{name}");
    }
    place.sending("over").await;
    place.outcome_one("over", 1, Outcome::Unknown).await;
    place.sweep_due("ntf_over").await;
    place.run_out("ntf_over").await;
    let written = place.outcome_one("over", 1, FAILED).await;
    assert_eq!(
        written.state,
        State::Expired,
        "it is of no use any more, and known not to have been sent"
    );
    place.assert_sound().await;
}

#[tokio::test]
async fn a_second_acceptance_is_recorded_as_sent_twice() {
    let place = fresh().await;
    place.sending("a").await;
    place.run("UPDATE attempt SET state = 'failed'").await;
    assert!(place.again_one(again("a", 1)).await);
    place.run("UPDATE attempt SET state = 'absent' WHERE n = 1").await;
    place.outcome_one("a", 2, Outcome::Accepted).await;
    let written = place.outcome_one("a", 1, Outcome::Accepted).await;
    assert!(written.applied && written.sent_twice, "{written:?}");
    assert_eq!(place.balance(None).await.unwrap().sent_twice, 1);
    place.assert_sound().await;
}

#[tokio::test]
async fn however_a_later_attempt_ends_the_row_ends_accepted_when_an_earlier_one_was() {
    let place = fresh().await;
    for (i, what) in
        [FAILED, Outcome::Failed { keep_lease: true, useful: true }, REFUSED, Outcome::Unknown]
            .into_iter()
            .enumerate()
    {
        let name = format!("a{i}");
        place.sending(&name).await;
        place.outcome_one(&name, 1, Outcome::Failed { keep_lease: true, useful: true }).await;
        assert!(place.again_one(again(&name, 1)).await);
        let absent =
            format!("UPDATE attempt SET state = 'absent' WHERE n = 1 AND ntf = '{}'", ntf(&name));
        place.run(&absent).await;
        let late = place.outcome_one(&name, 1, Outcome::Accepted).await;
        assert_eq!(late.state, State::Sending, "{what:?}");
        assert_eq!(place.outcome_one(&name, 2, what).await.state, State::Accepted, "{what:?}");
        let (_, _, until) = place.slot(&format!("thing-{name}")).await.unwrap();
        assert!(until.is_some(), "{what:?}: the thing is kept for its time");
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn a_lease_that_runs_out_after_an_earlier_acceptance_ends_the_row_accepted() {
    let place = fresh().await;
    place.sending("a").await;
    place.outcome_one("a", 1, Outcome::Failed { keep_lease: true, useful: true }).await;
    assert!(place.again_one(again("a", 1)).await);
    place.run("UPDATE attempt SET state = 'absent' WHERE n = 1").await;
    place.outcome_one("a", 1, Outcome::Accepted).await;
    assert_eq!(place.sweep_due("ntf_a").await, Some(State::Accepted));
    let found = place.find("ntf_a").await.unwrap().unwrap();
    assert_eq!((found.state, found.due_at), (State::Accepted, None));
    assert_ne!(found.why, "retry");
    place.assert_sound().await;
}

#[tokio::test]
async fn a_late_acceptance_takes_its_thing_again_where_nobody_else_has_it() {
    let place = fresh().await;
    let story = async |name: &str| {
        place.sending(name).await;
        place.outcome_one(name, 1, FAILED).await;
        place
            .run(&format!("UPDATE attempt SET state = 'absent' WHERE ntf = '{}'", ntf(name)))
            .await;
        assert_eq!(place.cancel(&[ntf(name)], "test").await.unwrap(), [ntf(name)]);
        assert_eq!(place.slot(&format!("thing-{name}")).await, None);
    };
    story("free").await;
    story("busy").await;
    let mut other = claim("other");
    other.needs[0].key = "thing-busy".to_owned();
    assert_eq!(place.claim_one(other).await, ledger::decision::Claimed::Won);
    for name in ["free", "busy"] {
        assert_eq!(place.outcome_one(name, 1, Outcome::Accepted).await.state, State::Accepted);
    }
    let (_, holder, until) = place.slot("thing-free").await.unwrap();
    assert_eq!(holder, "ntf_free");
    assert!(until.is_some());
    assert_eq!(place.slot("thing-busy").await.unwrap().1, "ntf_other");
    place.assert_sound().await;
}

#[tokio::test]
async fn a_late_acceptance_takes_its_thing_again_although_its_gap_went_to_another() {
    let place = fresh().await;
    let mut first = claim("a");
    if let ledger::decision::Origin::New(new) = &mut first.origin {
        new.gap = Some("gap-a".to_owned());
    }
    place.claim_one(first).await;
    place.outcome_one("a", 1, FAILED).await;
    place.run("UPDATE attempt SET state = 'absent'").await;
    place.cancel(&["ntf_a".to_owned()], "test").await.unwrap();
    let mut other = claim("b");
    other.needs.push(crate::draft::need(ledger::slots::SlotKind::Gap, "gap-a"));
    place.claim_one(other).await;
    place.outcome_one("a", 1, Outcome::Accepted).await;
    assert_eq!(place.slot("thing-a").await.unwrap().1, "ntf_a");
    assert_eq!(place.slot("gap-a").await.unwrap().1, "ntf_b");
    place.assert_sound().await;
}

#[tokio::test]
async fn late_acceptances_of_one_thing_in_one_slice_are_all_written() {
    let place = fresh().await;
    for name in ["a", "b"] {
        let mut same = claim(name);
        if let ledger::decision::Origin::New(new) = &mut same.origin {
            new.thing = "thing-same".to_owned();
        }
        same.needs[0].key = "thing-same".to_owned();
        assert_eq!(place.claim_one(same).await, ledger::decision::Claimed::Won);
        place.outcome_one(name, 1, FAILED).await;
        place.run("UPDATE attempt SET state = 'absent' WHERE state = 'failed'").await;
        place.cancel(&[ntf(name)], "test").await.unwrap();
    }
    let slice = ["a", "b"].map(|name| outcome(name, 1, Outcome::Accepted));
    for answer in place.record_outcomes(&slice).await {
        assert_eq!(answer.unwrap().state, State::Accepted);
    }
    assert!(place.slot("thing-same").await.is_some());
    place.assert_sound().await;
}

#[tokio::test]
async fn a_late_failure_leaves_a_released_row_its_due_time() {
    let place = fresh().await;
    place.sending("a").await;
    place.outcome_one("a", 1, FAILED).await;
    place.run("UPDATE attempt SET state = 'absent'").await;
    let copy = place.release_one("a").await;
    place.outcome_one("a", 1, FAILED).await;
    assert_eq!(place.state("a").await, Some(State::Released));
    assert!(place.due_in("ntf_a").await.is_some_and(|due| due > 0), "patience goes on");
    let next = crate::draft::claim_copy("a", &copy, 2);
    assert_eq!(place.claim_one(next).await, ledger::decision::Claimed::Won);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_row_without_attempts_takes_no_outcome() {
    let place = fresh().await;
    assert!(place.settle_one(settle("a", State::Waiting)).await);
    let written = place.outcome_one("a", 1, Outcome::Accepted).await;
    assert!(!written.applied);
    assert_eq!(place.state("a").await, Some(State::Waiting));
}
