//! Looks for unknown attempts: who may look, what a look changes, what other attempts it is compared with.

use crate::draft::{FAILED, REFUSED, ntf, outcome};
use crate::place::{Place, fresh};
use ledger::protocol::Outcome;
use ledger::reconcile::Hold;
use ledger::reconcile::looks::{Look, Looked, Seen, Times};
use ledger::record::Entry;
use ledger::state::State;
use std::time::Duration;

const ACCOUNT: &str = "netgsm/8501234567";

fn times() -> Times {
    Times {
        settle: [30, 60, 120].map(Duration::from_secs).to_vec(),
        give_up: Duration::from_mins(15),
    }
}

fn look(name: &str, seen: Seen) -> Look {
    Look { ntf: ntf(name), n: 1, looks: 0, seen }
}

fn nothing() -> Seen {
    Seen::Nothing { why: "no control message yet".to_owned() }
}

fn found(outcome: Outcome) -> Seen {
    Seen::Found {
        outcome,
        code: "netgsm:found".to_owned(),
        detail: String::new(),
        provider_ref: Some("job-7".to_owned()),
    }
}

async fn hold(place: &Place) -> Hold {
    place.hold_account(ACCOUNT, "one", 30_000).await.unwrap().unwrap()
}

/// A notification whose first attempt is unknown and due for a look; `resend` is what its type says.
async fn unknown(place: &Place, name: &str, resend: bool) {
    place.sending(name).await;
    place.outcome_one(name, 1, Outcome::Unknown).await;
    let word = if resend { "resend" } else { "stop" };
    let set = format!("UPDATE notification SET on_unknown = '{word}' WHERE ntf = '{}'", ntf(name));
    place.run(&set).await;
    due(place, name).await;
}

async fn due(place: &Place, name: &str) {
    let now = place.now().await;
    let set = format!("UPDATE open SET due_at = {now} WHERE ntf = '{}'", ntf(name));
    assert_eq!(place.run(&set).await, 1);
}

/// One look, begun after those before it.
async fn looked(place: &Place, hold: &Hold, look: Look) -> Looked {
    let before = format!("SELECT looks FROM attempt WHERE ntf = '{}' AND n = {}", look.ntf, look.n);
    let looks = u32::try_from(place.number(&before).await).unwrap();
    let look = Look { looks, ..look };
    place.record_looks(hold, &times(), &[look]).await.unwrap()[0]
}

async fn attempt(place: &Place, name: &str, what: &str) -> i64 {
    place
        .number(&format!("SELECT count(*) FROM attempt WHERE ntf = '{}' AND {what}", ntf(name)))
        .await
}

async fn last_entry(place: &Place, name: &str) -> Entry {
    place.records(&ntf(name)).await.unwrap().pop().unwrap().entry
}

#[tokio::test]
async fn an_unknown_attempt_is_looked_for_after_its_deadline_and_the_first_pause() {
    let place = fresh().await;
    place.sending("a").await;
    place.outcome_one("a", 1, Outcome::Unknown).await;
    let wait = place.due_in("ntf_a").await.unwrap();
    assert!((40_000..=45_000).contains(&wait), "{wait}");
    assert!(place.unknown_accounts().await.unwrap().is_empty());
    assert!(place.unknown_due(ACCOUNT, 10).await.unwrap().is_empty());
    due(&place, "a").await;
    let accounts = place.unknown_accounts().await.unwrap();
    assert_eq!(accounts.into_iter().collect::<Vec<_>>(), [ACCOUNT]);
    let there = place.unknown_due(ACCOUNT, 10).await.unwrap();
    assert_eq!((there.len(), there[0].ntf.as_str(), there[0].n), (1, "ntf_a", 1));
    assert_eq!(there[0].account(), ACCOUNT);
    assert!(
        there[0].started_at < there[0].deadline_at && there[0].unknown_at >= there[0].started_at
    );
    assert!(place.unknown_due("netgsm/850", 10).await.unwrap().is_empty(), "another account");
    assert!(place.unknown_due("twilio/8501234567", 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_found_ends_as_its_provider_says_and_frees_the_number_only() {
    let place = fresh().await;
    let hold = hold(&place).await;
    for (name, outcome, state) in [
        ("a", Outcome::Accepted, State::Accepted),
        ("b", REFUSED, State::Refused),
        ("c", FAILED, State::Waiting),
    ] {
        unknown(&place, name, true).await;
        assert_eq!(looked(&place, &hold, look(name, found(outcome))).await, Looked::Ended(state));
        assert_eq!(place.state(name).await, Some(state));
        assert_eq!(attempt(&place, name, "provider_ref = 'job-7' AND looks = 1").await, 1);
        place.assert_sound().await;
    }
    let kinds: Vec<_> =
        place.records("ntf_a").await.unwrap().iter().map(|dated| dated.entry.kind()).collect();
    assert_eq!(kinds[kinds.len() - 2..], ["looked", "outcome"]);
    // the same look once more finds nothing to do
    assert_eq!(looked(&place, &hold, look("a", found(Outcome::Accepted))).await, Looked::Moved);
}

#[tokio::test]
async fn three_absences_send_what_may_be_sent_again_once_more_and_only_once() {
    let place = fresh().await;
    let hold = hold(&place).await;
    unknown(&place, "a", true).await;
    for (absences, wait) in [(1, 60_000), (2, 120_000)] {
        let Looked::Again { due_at } = looked(&place, &hold, look("a", Seen::Absent)).await else {
            panic!("{absences}");
        };
        assert!((wait - 5_000..=wait).contains(&(due_at - place.now().await)));
        assert_eq!(
            attempt(&place, "a", &format!("absences = {absences} AND state = 'unknown'")).await,
            1
        );
        // what proves nothing takes none of them back and adds none
        looked(&place, &hold, look("a", nothing())).await;
        assert_eq!(attempt(&place, "a", &format!("absences = {absences}")).await, 1);
    }
    let ended = looked(&place, &hold, look("a", Seen::Absent)).await;
    assert_eq!(ended, Looked::Ended(State::Waiting));
    assert_eq!(attempt(&place, "a", "state = 'absent' AND absences = 3 AND looks = 5").await, 1);
    assert_eq!(place.number("SELECT count(*) FROM slot WHERE kind = 'number'").await, 0);
    place.assert_sound().await;
    // the second attempt is unknown too, and nobody is sent to a third time
    let copy = place.release_one("a").await;
    place.claim_one(crate::draft::claim_copy("a", &copy, 2)).await;
    place.record_outcomes(&[outcome("a", 2, Outcome::Unknown)]).await;
    for _ in 0..3 {
        let seen = Look { ntf: ntf("a"), n: 2, looks: 0, seen: Seen::Absent };
        looked(&place, &hold, seen).await;
    }
    assert_eq!(place.state("a").await, Some(State::Unresolved));
    let Entry::NotFound { attempt: 2, resend: false, absent: true, why, then: None } =
        last_entry(&place, "a").await
    else {
        panic!("not what was written")
    };
    assert_eq!(why, "absent, and it was sent again once before");
    place.assert_sound().await;
}

#[tokio::test]
async fn what_must_not_be_sent_again_or_is_too_late_ends_unresolved_with_its_reason() {
    let place = fresh().await;
    let hold = hold(&place).await;
    unknown(&place, "a", false).await;
    unknown(&place, "b", true).await;
    for name in ["a", "b"] {
        for _ in 0..2 {
            looked(&place, &hold, look(name, Seen::Absent)).await;
        }
    }
    place.run_out("ntf_b").await;
    for (name, why) in [
        ("a", "absent, and its type is not sent again"),
        ("b", "absent, and too late to be sent again"),
    ] {
        let ended = looked(&place, &hold, look(name, Seen::Absent)).await;
        assert_eq!(ended, Looked::Ended(State::Unresolved));
        let found = place.find(&ntf(name)).await.unwrap().unwrap();
        assert_eq!(found.why, why);
        assert_eq!(attempt(&place, name, "state = 'absent'").await, 1);
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn what_nobody_can_find_out_is_given_up_and_keeps_its_thing() {
    let place = fresh().await;
    let hold = hold(&place).await;
    unknown(&place, "a", true).await;
    unknown(&place, "b", true).await;
    let again = looked(&place, &hold, look("a", nothing())).await;
    assert!(matches!(again, Looked::Again { .. }), "{again:?}");
    place.run("UPDATE attempt SET ended_at = ended_at - 900000").await;
    let again = looked(&place, &hold, look("a", nothing())).await;
    assert!(matches!(again, Looked::Again { .. }), "it has as many looks as anybody: {again:?}");
    let ended = looked(&place, &hold, look("a", nothing())).await;
    assert_eq!(ended, Looked::Ended(State::Unresolved));
    assert_eq!(
        looked(&place, &hold, look("b", Seen::Ambiguous)).await,
        Looked::Ended(State::Unresolved)
    );
    assert_eq!(attempt(&place, "a", "state = 'unknown'").await, 1, "it may still have arrived");
    let kept = "SELECT count(*) FROM slot WHERE kind = 'thing' AND until IS NOT NULL";
    assert_eq!(place.number(kept).await, 2);
    // the answer comes after all
    place.outcome_one("a", 1, Outcome::Accepted).await;
    assert_eq!(place.state("a").await, Some(State::Accepted));
    place.assert_sound().await;
}

/// What the sweep would end now.
async fn given_up(place: &Place) -> Vec<String> {
    let mut due = vec![];
    for group in place.groups().await.unwrap() {
        assert_eq!(group.state, State::Unknown);
        let rows = place.due(&group, false, 10).await.unwrap();
        assert_eq!(group.due_at > place.now().await, rows.is_empty(), "{group:?}");
        due.extend(rows);
    }
    due
}

/// The storm of 10,000: a holder was busy with the questions for others while time ended what it had not come to.
#[tokio::test]
async fn what_is_due_for_long_is_left_to_whoever_holds_its_account() {
    let place = fresh().await;
    unknown(&place, "a", true).await;
    place.run("UPDATE open SET due_at = due_at - 901000").await;
    assert_eq!(given_up(&place).await, [ntf("a")], "nobody has the account");
    for other in ["netgsm/850123456", "netgsm/85012345678", "twilio/8501234567"] {
        place.hold_account(other, "one", 30_000).await.unwrap().unwrap();
    }
    assert_eq!(given_up(&place).await, [ntf("a")], "others are held");

    hold(&place).await;
    assert_eq!(given_up(&place).await, [""; 0]);
    place.sweep(&[ntf("a")]).await.unwrap();
    assert_eq!(place.state("a").await, Some(State::Unknown));
    // the holder is gone: whoever is next has as long to come to it
    place.run("UPDATE lease SET until = until - 100000").await;
    assert_eq!(given_up(&place).await, [""; 0]);
    place.sweep(&[ntf("a")]).await.unwrap();
    assert_eq!(place.state("a").await, Some(State::Unknown));

    place.run("UPDATE lease SET until = until - 900000").await;
    assert_eq!(given_up(&place).await, [ntf("a")]);
    place.sweep(&[ntf("a")]).await.unwrap();
    assert_eq!(place.state("a").await, Some(State::Unresolved));
    // and one that a holder fails at again and again is not kept for ever
    unknown(&place, "b", true).await;
    hold(&place).await;
    place.run("UPDATE open SET due_at = due_at - 4400000").await;
    assert_eq!(given_up(&place).await, [""; 0]);
    place.run("UPDATE open SET due_at = due_at - 200000").await;
    assert_eq!(given_up(&place).await, [ntf("b")]);
    place.sweep(&[ntf("b")]).await.unwrap();
    assert_eq!(place.state("b").await, Some(State::Unresolved));
    place.assert_sound().await;
}

#[tokio::test]
async fn a_holder_that_lost_its_hold_writes_nothing() {
    let place = fresh().await;
    let first = hold(&place).await;
    unknown(&place, "a", true).await;
    assert_eq!(place.hold_account(ACCOUNT, "two", 30_000).await.unwrap(), None);
    place.run("UPDATE lease SET until = 0").await;
    let second = place.hold_account(ACCOUNT, "two", 30_000).await.unwrap().unwrap();
    assert!(second.fence > first.fence);
    let seen = [look("a", found(Outcome::Accepted))];
    assert_eq!(place.record_looks(&first, &times(), &seen).await.unwrap(), [Looked::HoldLost]);
    assert_eq!(place.state("a").await, Some(State::Unknown));
    assert_eq!(attempt(&place, "a", "looks = 0").await, 1);
    // nor after it came back under another fence
    place.run("UPDATE lease SET until = 0").await;
    let third = place.hold_account(ACCOUNT, "one", 30_000).await.unwrap().unwrap();
    assert_eq!(place.record_looks(&first, &times(), &seen).await.unwrap(), [Looked::HoldLost]);
    let ended = place.record_looks(&third, &times(), &seen).await.unwrap();
    assert_eq!(ended, [Looked::Ended(State::Accepted)]);
}

#[tokio::test]
async fn a_look_whose_reply_was_lost_counts_once_though_it_is_written_again() {
    let place = fresh().await;
    let hold = hold(&place).await;
    unknown(&place, "a", true).await;
    let same = [look("a", Seen::Absent)];
    let first = place.record_looks(&hold, &times(), &same).await.unwrap();
    assert!(matches!(first[0], Looked::Again { .. }));
    for _ in 0..3 {
        assert_eq!(place.record_looks(&hold, &times(), &same).await.unwrap(), [Looked::Moved]);
    }
    assert_eq!(attempt(&place, "a", "looks = 1 AND absences = 1 AND state = 'unknown'").await, 1);
    place.assert_sound().await;
}

#[tokio::test]
async fn whoever_may_own_a_row_of_the_report_is_told_whatever_state_its_notification_is_in() {
    let place = fresh().await;
    let hold = hold(&place).await;
    for name in ["under-way", "answered", "nameless"] {
        place.sending(name).await;
    }
    let mut answer = outcome("answered", 1, Outcome::Accepted);
    answer.provider_ref = Some("job-1".to_owned());
    place.record_outcomes(&[answer, outcome("nameless", 1, Outcome::Accepted)]).await;
    unknown(&place, "given-up", true).await;
    looked(&place, &hold, look("given-up", Seen::Ambiguous)).await;
    unknown(&place, "failed", true).await;
    looked(&place, &hold, look("failed", found(FAILED))).await;
    unknown(&place, "looked-for", true).await;
    let now = place.now().await;
    let near = place.unknown_near(ACCOUNT, now - 60_000, now).await.unwrap();
    let mut owners: Vec<_> = near.iter().map(|a| (a.ntf.as_str(), a.under_way)).collect();
    owners.sort_unstable();
    let expected = [
        ("ntf_given-up", false),
        ("ntf_looked-for", false),
        ("ntf_nameless", false),
        ("ntf_under-way", true),
    ];
    assert_eq!(owners, expected);
    let due = place.unknown_due(ACCOUNT, 9).await.unwrap();
    assert_eq!(due.iter().map(|a| a.ntf.as_str()).collect::<Vec<_>>(), ["ntf_looked-for"]);
}

#[tokio::test]
async fn a_look_for_what_moved_on_writes_nothing_and_its_neighbours_are_written() {
    let place = fresh().await;
    let hold = hold(&place).await;
    for name in ["a", "b", "c"] {
        unknown(&place, name, true).await;
    }
    place.outcome_one("b", 1, Outcome::Accepted).await;
    let looks = [
        look("a", found(Outcome::Accepted)),
        look("b", Seen::Absent),
        look("nobody", Seen::Absent),
        look("c", found(REFUSED)),
    ];
    let looked = place.record_looks(&hold, &times(), &looks).await.unwrap();
    let ended = Looked::Ended;
    let expected = [ended(State::Accepted), Looked::Moved, Looked::Moved, ended(State::Refused)];
    assert_eq!(looked, expected);
    assert_eq!(place.state("b").await, Some(State::Accepted));
    place.assert_sound().await;
}

#[tokio::test]
async fn what_is_known_and_what_proves_a_report_are_told_by_account_and_time() {
    let place = fresh().await;
    let hold = hold(&place).await;
    for name in ["a", "b", "c"] {
        place.sending(name).await;
        let mut write = outcome(name, 1, Outcome::Accepted);
        write.provider_ref = Some(format!("job-{name}"));
        place.record_outcomes(&[write]).await;
    }
    unknown(&place, "d", true).await;
    looked(&place, &hold, look("d", found(Outcome::Accepted))).await;
    unknown(&place, "e", true).await;
    for (name, at) in [("a", 100), ("b", 200), ("c", 300), ("d", 400), ("e", 500)] {
        place
            .run(&format!("UPDATE attempt SET started_at = {at} WHERE ntf = '{}'", ntf(name)))
            .await;
    }
    place.run("UPDATE attempt SET lane = 'netgsm/other/X' WHERE ntf = 'ntf_c'").await;
    let refs = place.known_refs(ACCOUNT, 100, 400).await.unwrap();
    let mut names: Vec<_> = refs.keys().collect();
    names.sort();
    assert_eq!(names, ["job-7", "job-a", "job-b"]);
    assert!(refs.values().all(|numbers| numbers.len() == 1), "each is known for its own number");
    let controls = place.controls_after(ACCOUNT, 101, 9).await.unwrap();
    let controls: Vec<_> = controls.iter().map(|c| c.provider_ref.as_str()).collect();
    assert_eq!(controls, ["job-b"], "what reconciliation found proves nothing");
    assert_eq!(place.controls_after(ACCOUNT, 0, 1).await.unwrap().len(), 1);
    let near = |from, to| place.unknown_near(ACCOUNT, from, to);
    assert_eq!(near(500, 500).await.unwrap().len(), 1);
    assert_eq!(near(0, 499).await.unwrap().len(), 0);
}
