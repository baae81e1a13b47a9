//! Properties of any row and any command, also those that no order of events can bring together.

use ledger::protocol::{Attempt, Command, Copy, Outcome, ReceiptKind, Row, apply};
use ledger::state::{AttemptState, Reach, State};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn state() -> impl Strategy<Value = State> {
    select(State::ALL)
}

fn channel() -> impl Strategy<Value = String> {
    select(&["sms", "whatsapp"][..]).prop_map(str::to_owned)
}

/// Small numbers meet the row; the others are out of its range.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0..6_u32, 1 => Just(u32::MAX), 1 => any::<u32>()]
}

fn fence() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..4_u64, 1 => Just(u64::MAX), 1 => any::<u64>()]
}

fn row() -> impl Strategy<Value = Option<Row>> {
    let attempt = (channel(), select(AttemptState::ALL), select(Reach::ALL))
        .prop_map(|(channel, state, reach)| Attempt { channel, state, reach });
    let row = (state(), fence(), vec(attempt, 0..5)).prop_map(|(state, fence, attempts)| Row {
        state,
        fence,
        attempts,
    });
    proptest::option::weighted(0.95, row)
}

fn copy() -> impl Strategy<Value = Copy> {
    prop_oneof![1 => Just(Copy::First), 3 => fence().prop_map(Copy::Numbered)]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        2 => Just(Outcome::Accepted),
        1 => Just(Outcome::Unknown),
        1 => any::<bool>().prop_map(|next_channel| Outcome::Refused { next_channel }),
        2 => (any::<bool>(), any::<bool>())
            .prop_map(|(keep_lease, useful)| Outcome::Failed { keep_lease, useful }),
    ]
}

fn receipt() -> impl Strategy<Value = ReceiptKind> {
    prop_oneof![
        1 => Just(ReceiptKind::Has),
        2 => Just(ReceiptKind::Arrived),
        2 => any::<bool>().prop_map(|next_channel| ReceiptKind::Lost { next_channel }),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        2 => (copy(), state()).prop_map(|(copy, to)| Command::Settle { copy, to }),
        1 => Just(Command::Release),
        2 => (copy(), channel()).prop_map(|(copy, channel)| Command::Claim { copy, channel }),
        2 => (number(), channel()).prop_map(|(n, channel)| Command::ClaimAgain { n, channel }),
        4 => (number(), outcome()).prop_map(|(n, outcome)| Command::Outcome { n, outcome }),
        4 => (number(), receipt(), any::<bool>()).prop_map(|(n, what, useful)| Command::Receipt { n, what, useful }),
        1 => Just(Command::Overdue),
        1 => Just(Command::LeaseRanOut),
        2 => (number(), any::<bool>(), any::<bool>()).prop_map(|(n, resend, useful)| Command::Absent { n, resend, useful }),
        1 => number().prop_map(|n| Command::GiveUp { n }),
        1 => Just(Command::Cancel),
        1 => Just(Command::Expire),
        1 => Just(Command::DeadLetter),
        1 => Just(Command::Replay),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn apply_answers_every_row_and_command_without_a_panic(row in row(), command in command()) {
        let _ = apply(row.as_ref(), &command);
    }

    #[test]
    fn nothing_leaves_accepted_refused_or_failed(row in row(), command in command()) {
        let Ok(change) = apply(row.as_ref(), &command) else { return Ok(()) };
        let before = row.map(|row| row.attempts).unwrap_or_default();
        prop_assert!(change.row.attempts.len() >= before.len());
        for (i, (before, after)) in before.iter().zip(&change.row.attempts).enumerate() {
            prop_assert_eq!(&before.channel, &after.channel);
            if !before.state.takes_outcome() {
                prop_assert_eq!(before.state, after.state);
            }
            if before.state != after.state {
                prop_assert_eq!(change.attempt, Some(i as u32 + 1), "the change names its attempt");
            }
        }
    }

    #[test]
    fn at_most_one_attempt_is_new_and_the_change_names_it(row in row(), command in command()) {
        let Ok(change) = apply(row.as_ref(), &command) else { return Ok(()) };
        let before = row.map_or(0, |row| row.last());
        let after = change.row.last();
        prop_assert!(after == before || after == before + 1);
        if after > before {
            prop_assert_eq!(change.attempt, Some(after));
            prop_assert_eq!(change.row.state, State::Sending);
            let made = change.row.attempts.last().map(|a| a.state);
            prop_assert_eq!(made, Some(AttemptState::Open));
        }
    }

    #[test]
    fn the_release_number_never_falls(row in row(), command in command()) {
        let Ok(change) = apply(row.as_ref(), &command) else { return Ok(()) };
        let before = row.map_or(0, |row| row.fence);
        prop_assert!(change.row.fence >= before);
    }

    #[test]
    fn what_leaves_released_other_than_by_its_own_copy_gets_a_new_number(row in row(), command in command()) {
        let Ok(change) = apply(row.as_ref(), &command) else { return Ok(()) };
        let Some(row) = row else { return Ok(()) };
        let own_copy = matches!(command, Command::Claim { .. } | Command::Settle { .. });
        let kept_attempt_only = change.row.state == State::Released && command != Command::Release;
        if row.state == State::Released && row.fence < u64::MAX && !own_copy && !kept_attempt_only {
            prop_assert!(change.row.fence > row.fence, "a copy that is on its way must die");
        }
    }

    /// But for the next channel, and where what may have arrived is all that is left.
    #[test]
    fn a_sent_row_never_becomes_unsent(row in row(), command in command()) {
        let Ok(change) = apply(row.as_ref(), &command) else { return Ok(()) };
        let lost = matches!(command, Command::Receipt { what: ReceiptKind::Lost { .. }, .. });
        let goes_on = match change.row.state {
            State::Waiting => lost || command == Command::Overdue,
            State::Unresolved => lost,
            _ => false,
        };
        if row.is_some_and(|row| row.state.is_sent()) {
            let stands = |a: &Attempt| a.state == AttemptState::Accepted && a.reach.stands();
            let given_up = goes_on && !change.row.attempts.iter().any(stands);
            prop_assert!(given_up || change.row.state.is_sent(), "became {}", change.row.state);
        }
    }

    #[test]
    fn every_state_that_is_not_final_is_one_of_the_four_that_have_a_due_time(row in row(), command in command()) {
        let Ok(change) = apply(row.as_ref(), &command) else { return Ok(()) };
        let open = [State::Waiting, State::Released, State::Sending, State::Unknown];
        prop_assert!(change.row.state.is_final() != open.contains(&change.row.state));
    }

    #[test]
    fn two_accepted_attempts_are_told_exactly_when_they_become_two(row in row(), command in command()) {
        let Ok(change) = apply(row.as_ref(), &command) else { return Ok(()) };
        let count = |attempts: &[Attempt]| {
            attempts.iter().filter(|a| a.state == AttemptState::Accepted).count()
        };
        let before = row.map_or(0, |row| count(&row.attempts));
        let after = count(&change.row.attempts);
        prop_assert_eq!(change.sent_twice || change.two_channel, after > before && after > 1);
    }

    #[test]
    fn what_arrived_stays_arrived_and_only_what_is_accepted_is_heard_of(row in row(), command in command()) {
        let Ok(change) = apply(row.as_ref(), &command) else { return Ok(()) };
        let before = row.map(|row| row.attempts).unwrap_or_default();
        for (before, after) in before.iter().zip(&change.row.attempts) {
            prop_assert!(!before.reach.has_arrived() || before.reach == after.reach);
            prop_assert!(before.reach == after.reach || after.state == AttemptState::Accepted);
        }
    }

    #[test]
    fn a_second_apply_of_the_same_receipt_changes_nothing(row in row(), n in number(), what in receipt(), useful in any::<bool>()) {
        let command = Command::Receipt { n, what, useful };
        let Ok(change) = apply(row.as_ref(), &command) else { return Ok(()) };
        prop_assert!(apply(Some(&change.row), &command).is_err());
    }

    /// A receipt that says it arrived ends the row, unless another attempt is under way at that moment.
    #[test]
    fn what_arrived_is_delivered(row in row(), n in number(), useful in any::<bool>()) {
        let command = Command::Receipt { n, what: ReceiptKind::Arrived, useful };
        let Ok(change) = apply(row.as_ref(), &command) else { return Ok(()) };
        let last = change.row.attempts.last().map(|a| a.state);
        let under_way = change.row.state == State::Sending && last == Some(AttemptState::Open);
        prop_assert!(change.row.state == State::Delivered || under_way, "{}", change.row.state);
    }

    #[test]
    fn a_second_apply_of_the_same_outcome_changes_nothing(row in row(), n in number(), outcome in outcome()) {
        let command = Command::Outcome { n, outcome };
        let Ok(change) = apply(row.as_ref(), &command) else { return Ok(()) };
        prop_assert!(apply(Some(&change.row), &command).is_err());
    }
}

/// A row that a state of its own contradicts: nothing that commands make, and so never relied on.
#[test]
fn nothing_is_overdue_beside_what_arrived() {
    for arrived in [Reach::Arrived, Reach::ArrivedLate] {
        let accepted =
            |reach| Attempt { channel: "sms".into(), state: AttemptState::Accepted, reach };
        let attempts = vec![accepted(arrived), accepted(Reach::Unheard)];
        let row = Row { state: State::Accepted, fence: 0, attempts };
        assert!(apply(Some(&row), &Command::Overdue).is_err());
    }
}
