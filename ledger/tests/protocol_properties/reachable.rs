//! Every row that commands can make, from nothing, with at most three attempts on two channels: all of them, not a sample.
//!
//! Wider than the search of `tests/search.rs`: commands come here in every order, whether or not a process would ask for them.

use ledger::protocol::{Attempt, Command, Copy, Outcome, ReceiptKind, Row, apply};
use ledger::state::{AttemptState, Reach, State};
use std::collections::{HashMap, VecDeque};
use std::sync::LazyLock;

const ATTEMPTS: u32 = 3;

const OUTCOMES: [Outcome; 7] = [
    Outcome::Accepted,
    Outcome::Unknown,
    Outcome::Refused { next_channel: false },
    Outcome::Refused { next_channel: true },
    Outcome::Failed { keep_lease: false, useful: true },
    Outcome::Failed { keep_lease: true, useful: true },
    Outcome::Failed { keep_lease: false, useful: false },
];

const RECEIPTS: [ReceiptKind; 4] = [
    ReceiptKind::Has,
    ReceiptKind::Arrived,
    ReceiptKind::Lost { next_channel: false },
    ReceiptKind::Lost { next_channel: true },
];

/// Every command that can mean something to this row.
fn commands(row: Option<&Row>) -> Vec<Command> {
    let copy = row.map_or(Copy::First, |row| Copy::Numbered(row.fence));
    let last = row.map_or(0, Row::last);
    let mut all: Vec<Command> =
        State::ALL.iter().map(|to| Command::Settle { copy, to: *to }).collect();
    all.extend([
        Command::Release,
        Command::LeaseRanOut,
        Command::Cancel,
        Command::Expire,
        Command::DeadLetter,
        Command::Replay,
        Command::Overdue,
    ]);
    for n in 1..=last {
        all.extend(RECEIPTS.map(|what| Command::Receipt { n, what, useful: true }));
        all.extend(OUTCOMES.map(|outcome| Command::Outcome { n, outcome }));
        all.extend(
            [(true, true), (true, false), (false, true)].map(|(resend, useful)| Command::Absent {
                n,
                resend,
                useful,
            }),
        );
        all.push(Command::GiveUp { n });
    }
    if last < ATTEMPTS {
        for channel in ["sms", "whatsapp"].map(str::to_owned) {
            all.push(Command::Claim { copy, channel: channel.clone() });
            all.push(Command::ClaimAgain { n: last, channel });
        }
    }
    all
}

/// A row, with the row and the command that first made it.
type Reached = HashMap<Row, Option<(Row, Command)>>;

/// All rows; their numbers are brought back to 1, since only whether they rise matters.
static REACHABLE: LazyLock<Reached> = LazyLock::new(|| {
    let mut reached = Reached::new();
    let mut todo = VecDeque::from([None]);
    while let Some(row) = todo.pop_front() {
        for command in commands(row.as_ref()) {
            let Ok(change) = apply(row.as_ref(), &command) else { continue };
            let next = Row { fence: 1, ..change.row };
            if !reached.contains_key(&next) {
                reached.insert(next.clone(), row.clone().map(|row| (row, command)));
                todo.push_back(Some(next));
            }
        }
    }
    reached
});

fn way_to(reached: &Reached, row: &Row) -> String {
    let mut steps = vec![format!("{row:?}")];
    let mut at = row;
    while let Some(Some((before, command))) = reached.get(at) {
        steps.push(format!("{before:?}\n  {command:?}"));
        at = before;
    }
    steps.reverse();
    steps.join("\n")
}

/// Holds of every row that can be reached, or the way to one of which it does not.
#[track_caller]
fn always(holds: impl Fn(&Row) -> bool) {
    let reached = &*REACHABLE;
    assert!(reached.len() > 200, "only {} rows", reached.len());
    if let Some(row) = reached.keys().find(|row| !holds(row)) {
        panic!("{}", way_to(reached, row));
    }
}

fn last_state(row: &Row) -> Option<AttemptState> {
    row.attempts.last().map(|a| a.state)
}

fn knows_accepted(row: &Row) -> bool {
    row.attempts.iter().any(|a| a.state == AttemptState::Accepted)
}

/// Accepted, and neither lost nor given up for want of news.
fn stands(row: &Row) -> bool {
    row.attempts.iter().any(|a| a.state == AttemptState::Accepted && a.reach.stands())
}

#[test]
fn an_acceptance_that_stands_is_the_rows_end_unless_a_later_attempt_is_under_way() {
    always(|row| {
        let under_way = row.state == State::Sending && last_state(row) == Some(AttemptState::Open);
        !stands(row) || row.state.is_sent() || under_way
    });
}

#[test]
fn what_a_provider_has_taken_never_ends_as_if_it_had_not() {
    always(|row| match row.state {
        State::Refused
        | State::Suppressed
        | State::Cancelled
        | State::Expired
        | State::DeadLettered => !knows_accepted(row),
        // nobody knows of the last one, and all before it are known to be lost
        State::Unresolved => row.sent_state().is_none_or(|sent| sent == State::Undelivered),
        _ => true,
    });
}

#[test]
fn a_sent_row_says_the_most_that_is_known_of_the_person_having_it() {
    always(|row| !row.state.is_sent() || row.sent_state() == Some(row.state));
}

#[test]
fn only_accepted_attempts_are_heard_of() {
    let heard = |a: &Attempt| a.reach != Reach::Unheard && a.state != AttemptState::Accepted;
    always(|row| !row.attempts.iter().any(heard));
}

/// Never two accepted attempts on one channel, but by a proof of absence that was wrong or by an answer that came after one.
#[test]
fn no_channel_is_claimed_again_that_has_accepted() {
    let reached = &*REACHABLE;
    for row in reached.keys() {
        let copy = Copy::Numbered(row.fence);
        for taken in row.attempts.iter().filter(|a| a.state == AttemptState::Accepted) {
            let channel = || taken.channel.clone();
            let claim = Command::Claim { copy, channel: channel() };
            let again = Command::ClaimAgain { n: row.last(), channel: channel() };
            for command in [claim, again] {
                assert!(apply(Some(row), &command).is_err(), "{}", way_to(reached, row));
            }
        }
    }
}

#[test]
fn a_row_is_accepted_only_by_an_attempt() {
    always(|row| !row.state.is_sent() || knows_accepted(row));
}

#[test]
fn each_open_state_has_the_last_attempt_that_its_due_time_speaks_of() {
    always(|row| match row.state {
        State::Sending => {
            matches!(last_state(row), Some(AttemptState::Open | AttemptState::Failed))
        }
        State::Unknown => last_state(row) == Some(AttemptState::Unknown),
        // nothing stands, or may have arrived unknown to us, of what waits to be sent again
        State::Waiting | State::Released => {
            row.attempts.iter().all(|a| !a.state.blocks_channel() || !a.reach.stands())
        }
        _ => true,
    });
}

#[test]
fn an_end_without_a_send_leaves_no_attempt_that_may_have_arrived() {
    always(|row| match row.state {
        State::Refused
        | State::Suppressed
        | State::Cancelled
        | State::Expired
        | State::DeadLettered => row.attempts.iter().all(|a| !a.state.blocks_channel()),
        _ => true,
    });
}

#[test]
fn unresolved_is_said_only_while_the_last_attempt_may_have_arrived_or_was_looked_for_in_vain() {
    always(|row| {
        let doubt = matches!(last_state(row), Some(AttemptState::Unknown | AttemptState::Absent));
        row.state != State::Unresolved || doubt
    });
}

/// At most one resend: two attempts that were proven absent are the last two things that were tried.
#[test]
fn nothing_is_sent_after_a_second_proof_of_absence() {
    always(|row| {
        let absent = row.attempts.iter().filter(|a| a.state == AttemptState::Absent).count();
        absent < 2 || last_state(row) == Some(AttemptState::Absent)
    });
}

#[test]
fn every_open_row_has_a_transition_when_its_due_time_passes() {
    always(|row| {
        let command = match row.state {
            State::Waiting | State::Released => Command::Release,
            State::Sending => Command::LeaseRanOut,
            State::Unknown => Command::GiveUp { n: row.last() },
            _ => return true,
        };
        apply(Some(row), &command).is_ok()
    });
}

/// ADR 0003 c: two workers may write in either order, and the books must not depend on it.
#[test]
fn the_order_of_two_outcomes_does_not_matter() {
    let reached = &*REACHABLE;
    let mut pairs = 0;
    for row in reached.keys() {
        let last = row.last();
        for (n, m) in (1..=last).flat_map(|n| (n + 1..=last).map(move |m| (n, m))) {
            for (one, other) in OUTCOMES.iter().flat_map(|a| OUTCOMES.iter().map(move |b| (*a, *b)))
            {
                let first = Command::Outcome { n, outcome: one };
                let second = Command::Outcome { n: m, outcome: other };
                let in_order = |a: &Command, b: &Command| {
                    let a = apply(Some(row), a).ok()?;
                    let b = apply(Some(&a.row), b).ok()?;
                    let told = a.sent_twice || b.sent_twice;
                    Some((b.row.state, b.row.attempts, told))
                };
                let (a, b) = (in_order(&first, &second), in_order(&second, &first));
                pairs += usize::from(a.is_some());
                assert_eq!(a, b, "{first:?} and {second:?}, after\n{}", way_to(reached, row));
            }
        }
    }
    assert!(pairs > 1_000, "only {pairs} pairs");
}

/// A late acceptance wins whatever else happens at the same moment.
#[test]
fn an_acceptance_before_or_after_any_other_command_ends_in_the_same_books() {
    let reached = &*REACHABLE;
    for row in reached.keys() {
        for n in 1..=row.last() {
            let accepted = Command::Outcome { n, outcome: Outcome::Accepted };
            let Ok(sooner) = apply(Some(row), &accepted) else { continue };
            for command in commands(Some(row)) {
                let Ok(change) = apply(Some(row), &command) else { continue };
                let Ok(later) = apply(Some(&change.row), &accepted) else { continue };
                let way =
                    || format!("{command:?} then {accepted:?}, after\n{}", way_to(reached, row));
                let state = later.row.state;
                if command == Command::Overdue || matches!(command, Command::Receipt { .. }) {
                    continue;
                }
                // what was under way a moment before the acceptance is known ends by its own outcome
                let under_way = last_state(&later.row) == Some(AttemptState::Open);
                assert!(state.is_sent() || state == State::Sending && under_way, "{}", way());
                let claims = matches!(command, Command::Claim { .. } | Command::ClaimAgain { .. });
                assert!(claims || !sooner.row.state.is_sent() || state.is_sent(), "{}", way());
            }
        }
    }
}

/// What is heard of one attempt and what becomes of another are written by two processes in any order, and the books must not depend on
/// it. Of what is lost only the attempts are the same, and the end if both orders end it as sent: while an attempt stood, another one's
/// trouble ended the row; heard of before, it makes it go on.
#[test]
fn the_order_of_a_receipt_and_an_outcome_does_not_matter() {
    let reached = &*REACHABLE;
    let mut pairs = 0;
    for row in reached.keys() {
        let last = row.last();
        for (n, m) in
            (1..=last).flat_map(|n| (1..=last).map(move |m| (n, m))).filter(|(n, m)| n != m)
        {
            for (what, outcome) in
                RECEIPTS.iter().flat_map(|a| OUTCOMES.iter().map(move |b| (*a, *b)))
            {
                let receipt = Command::Receipt { n, what, useful: true };
                let outcome = Command::Outcome { n: m, outcome };
                let in_order = |a: &Command, b: &Command| {
                    let a = apply(Some(row), a).ok()?;
                    let b = apply(Some(&a.row), b).ok()?;
                    // whether two were meant is said by what was known when the second was accepted
                    let lost = matches!(what, ReceiptKind::Lost { .. });
                    let told = !lost && (a.sent_twice || b.sent_twice);
                    Some((b.row.state, b.row.attempts, told))
                };
                let (Some(a), Some(b)) =
                    (in_order(&receipt, &outcome), in_order(&outcome, &receipt))
                else {
                    continue;
                };
                pairs += 1;
                let way = || {
                    format!(
                        "{receipt:?} and {outcome:?}: {a:?}, {b:?}, after\n{}",
                        way_to(reached, row)
                    )
                };
                if matches!(what, ReceiptKind::Lost { .. }) {
                    assert_eq!(a.1, b.1, "{}", way());
                    assert!(a.0 == b.0 || !a.0.is_sent() || !b.0.is_sent(), "{}", way());
                    continue;
                }
                assert_eq!(a, b, "{receipt:?} and {outcome:?}, after\n{}", way_to(reached, row));
            }
        }
    }
    assert!(pairs > 1_000, "only {pairs} pairs");
}

/// Arrived and lost, of one attempt, in either order: it arrived.
#[test]
fn what_arrived_and_was_said_to_be_lost_has_arrived() {
    let reached = &*REACHABLE;
    for row in reached.keys() {
        for n in 1..=row.last() {
            for next_channel in [false, true] {
                let lost = ReceiptKind::Lost { next_channel };
                for order in [[ReceiptKind::Arrived, lost], [lost, ReceiptKind::Arrived]] {
                    let mut at = row.clone();
                    for what in order {
                        let command = Command::Receipt { n, what, useful: true };
                        if let Ok(change) = apply(Some(&at), &command) {
                            at = change.row;
                        }
                    }
                    let attempt = &at.attempts[n as usize - 1];
                    let ended =
                        matches!(attempt.state, AttemptState::Refused | AttemptState::Failed);
                    let under_way = at.state == State::Sending && at.last() != n;
                    let ok = ended
                        || attempt.reach.has_arrived()
                            && (under_way || at.state == State::Delivered);
                    assert!(ok, "{order:?} of {n}: {at:?}, after\n{}", way_to(reached, row));
                }
            }
        }
    }
}
