//! What a row makes of what is known of its appointment. A pure function.

use chrono::{DateTime, Utc};

use super::fact::Happened;
use super::row::{Bad, Visit};
use super::told::Fate;
use crate::cli::import::Field;

/// What is known of a row's appointment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// This very row was imported before.
    pub(super) imported: bool,
    /// The appointment, as the last fact about it left it.
    pub(super) appointment: Option<Standing>,
    /// It is known as the row says it.
    pub(super) same: bool,
}

/// An appointment that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// When it starts.
    pub(super) starts_at: DateTime<Utc>,
    /// It is cancelled.
    pub(super) cancelled: bool,
}

/// What to do about a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    Leave(Fate),
    /// Say that this happened.
    Tell(Happened, Fate),
}

/// Decides about a row. `again`: rows are taken at their word although they were imported before.
pub(super) fn step(visit: &Visit, known: Known, now: DateTime<Utc>, again: bool) -> Step {
    let starts_at = visit.slot.starts_at.to_utc();
    let begun = starts_at <= now;
    let since = |fate| {
        if known.imported && !again {
            Step::Leave(Fate::LeftOut(changed_since(known)))
        } else {
            fate
        }
    };
    let standing = known.appointment.filter(|appointment| !appointment.cancelled);
    if visit.cancelled {
        return match known.appointment {
            Some(Standing { cancelled: true, .. }) => Step::Leave(Fate::Unchanged),
            // nothing is planned for it, and nothing will be
            None if begun => Step::Leave(Fate::Unchanged),
            _ => since(Step::Tell(Happened::Cancelled, Fate::Cancelled)),
        };
    }
    match standing {
        Some(_) if known.same => Step::Leave(Fate::Unchanged),
        Some(standing) if standing.starts_at == starts_at => since(if begun {
            Step::Leave(Fate::LeftOut(past()))
        } else {
            Step::Tell(Happened::Rescheduled, Fate::Changed)
        }),
        // moved to where it has begun: the reminders of its old start must go, unless that has begun too
        Some(standing) if begun && standing.starts_at <= now => {
            since(Step::Leave(Fate::LeftOut(past())))
        }
        Some(standing) => {
            since(Step::Tell(Happened::Rescheduled, Fate::Moved { from: standing.starts_at }))
        }
        None if begun => Step::Leave(Fate::LeftOut(past())),
        None => since(Step::Tell(Happened::Booked, Fate::New)),
    }
}

fn past() -> Bad {
    Bad::new(Field::Date, "past", "has begun already; is the year right?")
}

fn changed_since(known: Known) -> Bad {
    let (rule, what) = match known.appointment {
        Some(Standing { cancelled: true, .. }) => ("cancelled-since", "cancelled"),
        _ => ("changed-since", "changed by something else"),
    };
    Bad::row(
        rule,
        format!(
            "was imported before, and the appointment was {what} since; --again takes the row at its word"
        ),
    )
}

#[cfg(test)]
mod tests {
    use schemas::{PersonName, PhoneNumber};

    use super::*;
    use crate::commands::import::when::Slot;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    fn visit(starts_at: &str, cancelled: bool) -> Visit {
        Visit {
            line: 2,
            name: PersonName::parse("Ayşe").expect("a name"),
            phone: PhoneNumber::parse("05321234567").expect("a number"),
            slot: Slot { starts_at: at(starts_at).fixed_offset(), ends_at: None },
            with: None,
            id: Some("A-1".to_owned()),
            cancelled,
            note: None,
        }
    }

    const NOW: &str = "2026-11-21T12:00:00Z";
    const LATER: &str = "2026-11-22T12:00:00Z";
    const EVEN_LATER: &str = "2026-11-23T12:00:00Z";
    const BEFORE: &str = "2026-11-20T12:00:00Z";

    fn known(starts_at: &str) -> Known {
        Known {
            appointment: Some(Standing { starts_at: at(starts_at), cancelled: false }),
            ..Known::default()
        }
    }

    fn gone(known: Known) -> Known {
        let appointment = known.appointment.map(|one| Standing { cancelled: true, ..one });
        Known { appointment, ..known }
    }

    fn imported(known: Known) -> Known {
        Known { imported: true, ..known }
    }

    fn same(known: Known) -> Known {
        Known { same: true, ..known }
    }

    /// `booked new`, `left-out past`.
    fn said(starts_at: &str, cancelled: bool, known: Known, again: bool) -> String {
        match step(&visit(starts_at, cancelled), known, at(NOW), again) {
            Step::Leave(Fate::LeftOut(bad)) => format!("left-out {}", bad.rule),
            Step::Leave(fate) => fate.word().to_owned(),
            Step::Tell(what, fate) => format!("{what:?} {}", fate.word()),
        }
    }

    #[test]
    fn a_row_that_stands_books_moves_changes_or_leaves() {
        for (row, known, expected) in [
            (LATER, Known::default(), "Booked new"),
            (BEFORE, Known::default(), "left-out past"),
            (NOW, Known::default(), "left-out past"),
            (LATER, same(known(LATER)), "unchanged"),
            (LATER, imported(same(known(LATER))), "unchanged"),
            // imported long ago and over
            (BEFORE, imported(same(known(BEFORE))), "unchanged"),
            (LATER, known(LATER), "Rescheduled changed"),
            (EVEN_LATER, known(LATER), "Rescheduled moved"),
            (LATER, known(BEFORE), "Rescheduled moved"),
            // the reminder of its old start must not go out
            (BEFORE, known(LATER), "Rescheduled moved"),
            (BEFORE, known(NOW), "left-out past"),
            (BEFORE, known(BEFORE), "left-out past"),
            (LATER, gone(known(LATER)), "Booked new"),
            (BEFORE, gone(known(LATER)), "left-out past"),
        ] {
            assert_eq!(said(row, false, known, false), expected, "{row} {known:?}");
        }
    }

    #[test]
    fn what_was_said_after_a_row_was_imported_is_not_undone_by_the_same_row() {
        for (known, expected, again) in [
            (imported(known(EVEN_LATER)), "left-out changed-since", "Rescheduled moved"),
            (imported(known(LATER)), "left-out changed-since", "Rescheduled changed"),
            (imported(gone(known(LATER))), "left-out cancelled-since", "Booked new"),
        ] {
            assert_eq!(said(LATER, false, known, false), expected, "{known:?}");
            assert_eq!(said(LATER, false, known, true), again, "{known:?}");
        }
        assert_eq!(said(LATER, true, imported(known(LATER)), false), "left-out changed-since");
    }

    #[test]
    fn a_cancelled_row_cancels_what_stands_and_what_may_come() {
        for (row, known, expected) in [
            (LATER, known(LATER), "Cancelled cancelled"),
            (BEFORE, known(LATER), "Cancelled cancelled"),
            (LATER, Known::default(), "Cancelled cancelled"),
            (BEFORE, Known::default(), "unchanged"),
            (LATER, gone(known(LATER)), "unchanged"),
            (LATER, imported(gone(known(LATER))), "unchanged"),
        ] {
            assert_eq!(said(row, true, known, false), expected, "{row} {known:?}");
        }
    }
}
