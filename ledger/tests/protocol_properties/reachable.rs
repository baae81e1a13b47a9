//! Every row that commands can make, from nothing, with at most three attempts on two channels: all of them, not a sample.
//!
//! Wider than the search of `tests/search.rs`: commands come here in every order, whether or not a process would ask for them.

use ledger::protocol::{Command, Copy, Outcome, Row, apply};
use ledger::state::{AttemptState, State};
use std::collections::{HashMap, VecDeque};

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
    ]);
    for n in 1..=last {
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
fn reachable() -> Reached {
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
}

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
    let reached = reachable();
    assert!(reached.len() > 200, "only {} rows", reached.len());
    if let Some(row) = reached.keys().find(|row| !holds(row)) {
        panic!("{}", way_to(&reached, row));
    }
}

fn last_state(row: &Row) -> Option<AttemptState> {
    row.attempts.last().map(|a| a.state)
}

fn knows_accepted(row: &Row) -> bool {
    row.attempts.iter().any(|a| a.state == AttemptState::Accepted)
}

#[test]
fn a_known_acceptance_is_the_rows_end_unless_a_later_attempt_is_under_way() {
    always(|row| {
        let under_way = row.state == State::Sending && last_state(row) == Some(AttemptState::Open);
        !knows_accepted(row) || row.state.is_sent() || under_way
    });
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
        // nothing may have arrived of what waits to be sent again
        State::Waiting | State::Released => row.attempts.iter().all(|a| !a.state.blocks_channel()),
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
    let reached = reachable();
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
                assert_eq!(a, b, "{first:?} and {second:?}, after\n{}", way_to(&reached, row));
            }
        }
    }
    assert!(pairs > 1_000, "only {pairs} pairs");
}

/// A late acceptance wins whatever else happens at the same moment.
#[test]
fn an_acceptance_before_or_after_any_other_command_ends_in_the_same_books() {
    let reached = reachable();
    for row in reached.keys() {
        for n in 1..=row.last() {
            let accepted = Command::Outcome { n, outcome: Outcome::Accepted };
            let Ok(sooner) = apply(Some(row), &accepted) else { continue };
            for command in commands(Some(row)) {
                let Ok(change) = apply(Some(row), &command) else { continue };
                let Ok(later) = apply(Some(&change.row), &accepted) else { continue };
                let way =
                    || format!("{command:?} then {accepted:?}, after\n{}", way_to(&reached, row));
                let state = later.row.state;
                // what was under way a moment before the acceptance is known ends by its own outcome
                let under_way = last_state(&later.row) == Some(AttemptState::Open);
                assert!(state.is_sent() || state == State::Sending && under_way, "{}", way());
                let claims = matches!(command, Command::Claim { .. } | Command::ClaimAgain { .. });
                assert!(claims || !sooner.row.state.is_sent() || state.is_sent(), "{}", way());
            }
        }
    }
}
