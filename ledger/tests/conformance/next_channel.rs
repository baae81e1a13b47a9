//! The next channel: after a loss at once, after silence in its time, never twice on one, and what becomes of the row (PROTOCOL
//! transition 17, ADR 0012).

use crate::draft::{FAILED, ntf, one, settle_copy};
use crate::place::fresh;
use crate::receipts::{WHATSAPP, by_sms, falling_back, lost, on_whatsapp, receipt, written};
use ledger::decision::{Claim, Claimed};
use ledger::protocol::Outcome;
use ledger::receipts::{Delivery, ReceiptWrite, Took, Whose};
use ledger::state::State;

#[tokio::test]
async fn what_is_lost_goes_on_to_its_next_channel_once() {
    let place = fresh().await;
    place.accepted("a").await;
    assert_eq!(written(&place.receipt_one(lost("a", 1)).await), State::Waiting);
    let found = place.find("ntf_a").await.unwrap().unwrap();
    assert_eq!(found.why, "next-channel: whatsapp:131026");
    assert_eq!(found.lane.as_deref(), Some("none"));
    assert!(found.due_at.unwrap() <= place.now().await, "at once");
    assert_eq!(place.receipt_one(lost("a", 1)).await, Took::Nothing);
    let copy = place.release_one("a").await;
    let same = Claim { channel: "whatsapp".to_owned(), ..by_sms("a", &copy, 2) };
    assert!(matches!(place.claim_one(same).await, Claimed::LookAgain(_)), "one accepted a channel");
    assert_eq!(place.claim_one(by_sms("a", &copy, 2)).await, Claimed::Won);
    assert!(!place.outcome_one("a", 2, Outcome::Accepted).await.sent_twice);
    assert_eq!(place.state("a").await, Some(State::Accepted));
    let sms = ReceiptWrite { whose: Whose::Provider("netgsm"), ..lost("a", 2) };
    assert_eq!(written(&place.receipt_one(sms).await), State::Undelivered, "there is no third");
    let books = place.balance(None).await.unwrap();
    assert_eq!((books.two_channel, books.sent_twice), (1, 0));
    place.assert_told(&["a"]).await;
    // its provider's answer was lost, and then it says that it could not deliver: the receipt is the answer
    place.claim_one(on_whatsapp("b")).await;
    place.outcome_one("b", 1, Outcome::Unknown).await;
    assert_eq!(written(&place.receipt_one(lost("b", 1)).await), State::Waiting);
    let copy = place.release_one("b").await;
    assert_eq!(place.claim_one(by_sms("b", &copy, 2)).await, Claimed::Won);
    place.assert_told(&["b"]).await;
}

#[tokio::test]
async fn what_is_lost_without_another_channel_or_too_late_is_undelivered() {
    let place = fresh().await;
    place.claim_one(Claim { next_channel: None, ..on_whatsapp("a") }).await;
    place.outcome_one("a", 1, Outcome::Accepted).await;
    place.accepted("b").await;
    place.run_out("ntf_b").await;
    place.accepted("c").await;
    for (name, next_channel) in [("a", true), ("b", true), ("c", false)] {
        let receipt = ReceiptWrite { next_channel, ..lost(name, 1) };
        assert_eq!(written(&place.receipt_one(receipt).await), State::Undelivered, "{name}");
    }
    place.assert_told(&["a", "b", "c"]).await;
}

#[tokio::test]
async fn what_was_cancelled_meanwhile_does_not_go_on_to_another_channel() {
    let place = fresh().await;
    place.claim_one(on_whatsapp("a")).await;
    place.outcome_one("a", 1, Outcome::Unknown).await;
    place.run("UPDATE attempt SET state = 'absent'").await;
    place.run("UPDATE notification SET state = 'waiting'").await;
    place.run("UPDATE open SET state = 'waiting'").await;
    place.cancel(&[ntf("a")], "stopped-by-operator").await.unwrap();
    assert_eq!(written(&place.receipt_one(lost("a", 1)).await), State::Undelivered);
    assert_eq!(place.due_in("ntf_a").await, None);
    // passed over, then stopped: what is heard of the first channel does not start it again
    place.overdue("b").await;
    place.cancel(&[ntf("b")], "stopped-by-operator").await.unwrap();
    assert_eq!(place.state("b").await, Some(State::Accepted));
    assert_eq!(written(&place.receipt_one(lost("b", 1)).await), State::Undelivered);
    place.assert_told(&["b"]).await;
}

#[tokio::test]
async fn what_is_not_heard_of_goes_on_to_its_next_channel_and_a_late_arrival_kills_the_copy() {
    let place = fresh().await;
    place.claim_one(on_whatsapp("a")).await;
    one(place.record_outcomes(&[falling_back("a", 600_000)]).await).unwrap();
    let found = place.find("ntf_a").await.unwrap().unwrap();
    assert_eq!((found.state, found.lane.as_deref()), (State::Accepted, Some(WHATSAPP)));
    let due = place.due_in("ntf_a").await.unwrap();
    assert!((590_000..=600_000).contains(&due), "{due}");
    let group = place.groups().await.unwrap().remove(0);
    assert_eq!(group.state, State::Accepted);
    assert!(place.due(&group, false, 10).await.unwrap().is_empty(), "not yet");
    assert_eq!(place.sweep(&[ntf("a")]).await.unwrap(), (vec![], vec![]));
    place.assert_told(&["a"]).await;
    assert_eq!(place.sweep_due("ntf_a").await, Some(State::Waiting));
    assert_eq!(place.attempt("a", 1).await, "accepted overdue -");
    let copy = place.release_one("a").await;
    place.assert_told(&["a"]).await;
    let took = place.receipt_one(receipt("a", 1, Delivery::Delivered)).await;
    assert_eq!(written(&took), State::Delivered);
    let second = place.claim_one(by_sms("a", &copy, 2)).await;
    assert!(matches!(second, Claimed::LookAgain(_)), "{second:?}");
    assert_eq!(place.due_in("ntf_a").await, None);
    place.assert_told(&["a"]).await;
}

#[tokio::test]
async fn a_receipt_takes_the_next_channels_time_away_and_so_does_the_end_of_its_use() {
    let place = fresh().await;
    for (name, what) in [("a", Delivery::Delivered), ("b", Delivery::Failed)] {
        place.claim_one(on_whatsapp(name)).await;
        one(place.record_outcomes(&[falling_back(name, 60_000)]).await).unwrap();
        place.receipt_one(receipt(name, 1, what)).await;
        assert_eq!(place.due_in(&ntf(name)).await, None, "{name}");
    }
    place.claim_one(on_whatsapp("c")).await;
    one(place.record_outcomes(&[falling_back("c", 60_000)]).await).unwrap();
    place.run_out("ntf_c").await;
    assert_eq!(place.sweep_due("ntf_c").await, None);
    assert_eq!(place.state("c").await, Some(State::Accepted));
    assert_eq!(place.due_in("ntf_c").await, None);
    // it would be of no use any more when it is due
    place.claim_one(on_whatsapp("d")).await;
    place.run("UPDATE notification SET expires_at = 4102444800000 - 1 WHERE ntf = 'ntf_d'").await;
    one(place.record_outcomes(&[falling_back("d", 4_102_444_800_000)]).await).unwrap();
    assert_eq!(place.due_in("ntf_d").await, None);
    place.assert_told(&["a", "b", "c", "d"]).await;
}

#[tokio::test]
async fn a_row_that_was_accepted_ends_accepted_however_its_next_channel_is_decided() {
    let place = fresh().await;
    let ends =
        [State::Suppressed, State::Cancelled, State::Expired, State::Refused, State::DeadLettered];
    for (lost_first, state) in [(false, State::Accepted), (true, State::Undelivered)] {
        for to in ends {
            let name = format!("{to}-{lost_first}");
            if lost_first {
                place.accepted(&name).await;
                place.receipt_one(lost(&name, 1)).await;
            } else {
                place.overdue(&name).await;
            }
            let (thing, _, until) = place.slot(&format!("thing-{name}")).await.unwrap();
            let copy = place.release_one(&name).await;
            assert!(place.settle_one(settle_copy(&name, &copy, to)).await);
            let found = place.find(&ntf(&name)).await.unwrap().unwrap();
            assert_eq!(
                (found.state, found.why),
                (state, format!("no-next-channel: {to} (because)"))
            );
            let (after, _, still) = place.slot(&format!("thing-{name}")).await.unwrap();
            assert_eq!((after, still), (thing, until), "it keeps its thing as it was");
            place.assert_told(&[&name]).await;
        }
    }
    place.overdue("gone").await;
    place.run_out("ntf_gone").await;
    assert_eq!(place.sweep_due("ntf_gone").await, Some(State::Accepted));
    place.overdue("dead").await;
    place.dead_letter(&[ntf("dead")], "panic").await.unwrap();
    assert_eq!(place.state("dead").await, Some(State::Accepted));
    place.assert_told(&["gone", "dead"]).await;
}

#[tokio::test]
async fn the_next_channels_own_trouble_is_tried_again_while_the_first_is_lost_or_not_heard_of() {
    let place = fresh().await;
    for (name, first) in [("a", false), ("b", true)] {
        if first {
            place.accepted(name).await;
            place.receipt_one(lost(name, 1)).await;
        } else {
            place.overdue(name).await;
        }
        let copy = place.release_one(name).await;
        assert_eq!(place.claim_one(by_sms(name, &copy, 2)).await, Claimed::Won);
        assert_eq!(place.outcome_one(name, 2, FAILED).await.state, State::Waiting);
        let copy = place.release_one(name).await;
        assert_eq!(place.claim_one(by_sms(name, &copy, 3)).await, Claimed::Won);
        assert_eq!(place.outcome_one(name, 3, Outcome::Unknown).await.state, State::Unknown);
        let ends = if first { State::Unresolved } else { State::Accepted };
        assert_eq!(place.sweep_due(&ntf(name)).await, Some(ends), "{name}");
        place.assert_told(&[name]).await;
    }
    // arrived after all while the second was under way: it ends delivered whatever the second comes to, and is not sent again
    place.overdue("c").await;
    let copy = place.release_one("c").await;
    place.claim_one(by_sms("c", &copy, 2)).await;
    let took = place.receipt_one(receipt("c", 1, Delivery::Read)).await;
    assert_eq!(written(&took), State::Sending);
    assert_eq!(place.outcome_one("c", 2, FAILED).await.state, State::Delivered);
    place.assert_told(&["c"]).await;
}

#[tokio::test]
async fn two_channels_are_a_line_of_their_own_and_twice_is_what_nobody_meant() {
    let place = fresh().await;
    // not heard of, then both: meant, and in whichever order it is heard
    for (name, receipt_first) in [("a", false), ("b", true)] {
        place.overdue(name).await;
        let copy = place.release_one(name).await;
        place.claim_one(by_sms(name, &copy, 2)).await;
        if receipt_first {
            place.receipt_one(receipt(name, 1, Delivery::Delivered)).await;
        }
        assert!(!place.outcome_one(name, 2, Outcome::Accepted).await.sent_twice, "{name}");
        if !receipt_first {
            place.receipt_one(receipt(name, 1, Delivery::Delivered)).await;
        }
        assert_eq!(place.state(name).await, Some(State::Delivered));
        assert_eq!(place.attempt(name, 1).await, "accepted arrived-late delivered");
        assert!(place.kinds(name).await.contains(&"two-channel"));
    }
    // looked for in vain, sent by another channel, and then it was there: nobody meant that
    place.claim_one(on_whatsapp("c")).await;
    place.outcome_one("c", 1, Outcome::Unknown).await;
    place.run("UPDATE attempt SET state = 'absent' WHERE ntf = 'ntf_c'").await;
    place.run("UPDATE notification SET state = 'waiting' WHERE ntf = 'ntf_c'").await;
    place.run("UPDATE open SET state = 'waiting' WHERE ntf = 'ntf_c'").await;
    let copy = place.release_one("c").await;
    place.claim_one(by_sms("c", &copy, 2)).await;
    place.outcome_one("c", 2, Outcome::Accepted).await;
    let took = place.receipt_one(receipt("c", 1, Delivery::Sent)).await;
    assert!(matches!(took, Took::Written { sent_twice: true, resolved_unknown: true, .. }));
    let books = place.balance(None).await.unwrap();
    assert_eq!((books.two_channel, books.sent_twice), (2, 1));
    let hours = place.hours(None, 0, i64::MAX / 2).await.unwrap();
    assert_eq!(hours.iter().map(|hour| (hour.two_channel, hour.sent_twice)).max(), Some((2, 1)));
    place.assert_told(&["a", "b"]).await;
}

/// What was sent on one channel and waits for another is still the one message of its thing: a newer event of it must neither take its
/// place, which would be sent on the first channel once more, nor end it.
#[tokio::test]
async fn while_the_next_channel_is_tried_the_thing_is_held_and_facts_take_it_for_sent() {
    let place = fresh().await;
    place.overdue("a").await;
    let copy = place.release_one("a").await;
    assert_eq!(place.claim_one(by_sms("a", &copy, 2)).await, Claimed::Won);
    place.outcome_one("a", 2, FAILED).await;
    assert_eq!(place.state("a").await, Some(State::Waiting));
    let free = "SELECT count(*) FROM slot WHERE holder = 'ntf_a' AND until IS NULL";
    assert_eq!(place.number(free).await, 0, "as if nothing had been sent");
    let held = "SELECT count(*) FROM slot WHERE holder = 'ntf_a' AND kind = 'thing' AND until > 0";
    assert_eq!(place.number(held).await, 1);
    place.run("UPDATE notification SET appointment = 'key-a'").await;
    let mut tx = place.begin_facts().await.unwrap();
    let made = tx.ground("fct_1", Some("key-a"), None, None).await.unwrap().made;
    drop(tx);
    assert_eq!(made.iter().map(|row| row.state).collect::<Vec<_>>(), [State::Accepted]);
    place.assert_told(&["a"]).await;
}

/// The first thing that is heard of an attempt is that it is lost: it was sent all the same.
#[tokio::test]
async fn the_thing_is_held_too_where_only_a_receipt_proves_the_send() {
    let place = fresh().await;
    place.claim_one(on_whatsapp("a")).await;
    place.outcome_one("a", 1, Outcome::Unknown).await;
    assert_eq!(written(&place.receipt_one(lost("a", 1)).await), State::Waiting);
    let free = "SELECT count(*) FROM slot WHERE holder = 'ntf_a' AND until IS NULL";
    assert_eq!(place.number(free).await, 0);
    place.assert_told(&["a"]).await;
}
