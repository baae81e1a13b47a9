use super::*;
use proptest::prelude::*;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

fn times() -> Times {
    Times {
        settle: [30, 60, 120].map(Duration::from_secs).to_vec(),
        give_up: Duration::from_mins(15),
    }
}

/// What follows a look of an attempt that was looked for two times and more.
fn after(absences: i64, seen: &Seen, now: i64) -> Step {
    after_looks(2, absences, seen, now)
}

fn after_looks(looks: i64, absences: i64, seen: &Seen, now: i64) -> Step {
    step(Standing { looks, absences, unknown_at: 0, resend: true }, seen, &times(), now)
}

fn nothing() -> Seen {
    Seen::Nothing { why: "no control message yet".to_owned() }
}

#[test]
fn three_absences_make_it_absent_with_growing_pauses_between_them() {
    let again = |absences, due_at| Step::Again { absences, due_at };
    assert_eq!(after(0, &Seen::Absent, 30 * SECOND), again(1, 90 * SECOND));
    assert_eq!(after(1, &Seen::Absent, 90 * SECOND), again(2, 210 * SECOND));
    assert_eq!(after(2, &Seen::Absent, 210 * SECOND), Step::Absent);
}

#[test]
fn a_look_that_proves_nothing_counts_for_nothing() {
    let again = |absences, due_at| Step::Again { absences, due_at };
    assert_eq!(after(0, &nothing(), MINUTE), again(0, MINUTE + 30 * SECOND));
    assert_eq!(after(2, &nothing(), MINUTE), again(2, 3 * MINUTE));
    // never looked for after it is given up, and then at once
    assert_eq!(after(2, &nothing(), 14 * MINUTE), again(2, 15 * MINUTE));
    assert_eq!(
        after(0, &nothing(), 15 * MINUTE),
        Step::GiveUp("no control message yet".to_owned())
    );
}

/// The storm of 10,000: eleven thousand messages in two minutes, and attempts whose first look came when they were to be given up.
#[test]
fn whom_a_long_queue_of_questions_came_to_late_has_as_many_looks_as_anybody() {
    let again = |absences, due_at| Step::Again { absences, due_at };
    let late = 16 * MINUTE;
    assert_eq!(after_looks(0, 0, &nothing(), late), again(0, late + 30 * SECOND));
    assert_eq!(after_looks(1, 0, &nothing(), late), again(0, late + 30 * SECOND));
    assert_eq!(after_looks(2, 0, &nothing(), late), Step::GiveUp("no control message yet".into()));
    assert_eq!(after_looks(0, 0, &Seen::Absent, late), again(1, late + MINUTE));
    assert_eq!(after_looks(9, 1, &Seen::Absent, late), again(2, late + 2 * MINUTE));
    assert_eq!(after_looks(9, 2, &Seen::Absent, late), Step::Absent);
    // one look that proves nothing does not end a series that has begun, many do
    assert_eq!(after_looks(4, 2, &nothing(), late), again(2, late + 2 * MINUTE));
    assert!(matches!(after_looks(8, 2, &nothing(), late), Step::GiveUp(_)));
}

#[test]
fn what_is_ambiguous_ends_at_once_and_what_cannot_be_asked_when_it_is_given_up() {
    assert!(matches!(after(0, &Seen::Ambiguous, SECOND), Step::GiveUp(_)));
    let dumb = Seen::CannotBeAsked { why: "no such account".to_owned() };
    assert_eq!(after(0, &dumb, SECOND), Step::Again { absences: 0, due_at: 15 * MINUTE });
    assert_eq!(after(0, &dumb, 15 * MINUTE), Step::GiveUp("no such account".to_owned()));
}

proptest! {
    #[test]
    fn it_is_absent_only_by_as_many_absences_as_are_wanted(
        looks in prop::collection::vec((any::<bool>(), 1..200_i64), 1..40),
    ) {
        let (mut now, mut absences, mut seen_absent) = (0, 0, 0);
        for (absent, pause) in looks {
            now += pause * SECOND;
            let seen = if absent { Seen::Absent } else { nothing() };
            seen_absent += i64::from(absent);
            match after(absences, &seen, now) {
                Step::Again { absences: counted, due_at } => {
                    prop_assert_eq!(counted, seen_absent);
                    prop_assert!(due_at > now - 1 && (due_at <= 15 * MINUTE || now >= 15 * MINUTE));
                    absences = counted;
                }
                Step::Absent => {
                    prop_assert!(absent);
                    prop_assert_eq!(seen_absent, 3);
                    return Ok(());
                }
                Step::GiveUp(_) => {
                    prop_assert!(now >= 15 * MINUTE);
                    return Ok(());
                }
                Step::Found => prop_assert!(false, "nothing was found"),
            }
        }
    }
}
