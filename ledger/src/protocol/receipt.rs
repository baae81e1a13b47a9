//! What receipts, and their absence, do to a row (transition 17, ADR 0012).

use super::{Attempt, Change, NotNow, Outcome, Row, outcome};
use crate::state::{AttemptState, Reach, State};

/// What a provider says of an attempt that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReceiptKind {
    /// It has it, or has passed it on.
    Has,
    /// It arrived.
    Arrived,
    /// It certainly did not arrive.
    Lost {
        /// Another channel is to be tried.
        next_channel: bool,
    },
}

/// Whoever sends a receipt has the message: an attempt without an outcome is accepted by it first, whether its worker is late, dead or
/// about to say so.
pub(super) fn take(row: &Row, n: u32, what: ReceiptKind, useful: bool) -> Result<Change, NotNow> {
    let Some(before) = row.attempt(n).map(|a| a.state) else { return Err(NotNow::Moved) };
    let change = match (before, what) {
        (AttemptState::Refused | AttemptState::Failed, _) => return Err(NotNow::Settled),
        (AttemptState::Accepted, ReceiptKind::Has) => return Err(NotNow::Known),
        (AttemptState::Accepted, _) => Change::to(row.clone(), Some(n)),
        _ => outcome::take(row, n, Outcome::Accepted)?,
    };
    match what {
        ReceiptKind::Has => Ok(change),
        ReceiptKind::Arrived => arrived(change, n),
        ReceiptKind::Lost { next_channel } => {
            // what somebody ended stays ended
            let goes_on = next_channel && useful && !is_decided(row.state);
            lost(row, change, n, goes_on)
        }
    }
}

/// Whether a decision ended the row, or time did: no other channel is tried because of what is heard of an attempt before.
const fn is_decided(state: State) -> bool {
    matches!(
        state,
        State::Refused
            | State::Suppressed
            | State::Cancelled
            | State::Expired
            | State::DeadLettered
    )
}

fn arrived(mut change: Change, n: u32) -> Result<Change, NotNow> {
    let row = &mut change.row;
    let (last, under_way) = (row.last() == n, row.is_under_way());
    let reach = &mut row.attempts[n as usize - 1].reach;
    *reach = match *reach {
        Reach::Arrived | Reach::ArrivedLate => return Err(NotNow::Known),
        Reach::Unheard => Reach::Arrived,
        Reach::Lost | Reach::Overdue => Reach::ArrivedLate,
    };
    // another attempt is under way: it keeps the row, and however it ends the row ends delivered
    if row.state == State::Sending && !last && under_way {
        return Ok(change);
    }
    if row.state != State::Sending && !row.state.is_sent() {
        // a copy for the next channel is with the broker, or will be
        row.fence = row.fence.saturating_add(1);
    }
    row.state = State::Delivered;
    Ok(change)
}

fn lost(before: &Row, mut change: Change, n: u32, goes_on: bool) -> Result<Change, NotNow> {
    let row = &mut change.row;
    let reach = &mut row.attempts[n as usize - 1].reach;
    let heard_late = match *reach {
        Reach::Arrived | Reach::ArrivedLate => return Err(NotNow::Settled),
        Reach::Lost => return Err(NotNow::Known),
        // the next channel was tried when it was passed over
        Reach::Overdue => true,
        Reach::Unheard => false,
    };
    *reach = Reach::Lost;
    if change.sent_twice || change.two_channel {
        // it is this receipt that proves the acceptance, and the person has no more than the other one
        (change.sent_twice, change.two_channel) = row.how_often(n);
    }
    let of_another = row.last() != n
        && matches!(
            before.state,
            State::Waiting | State::Released | State::Sending | State::Unknown | State::Unresolved
        );
    if of_another && !row.stands_without(n) {
        // what is lost answers nothing of the attempt that is looked for, or made again
        (row.state, row.fence) = (before.state, before.fence);
    }
    // whoever has the row, or waits for it, takes it into account at the end
    if !row.state.is_sent() {
        return Ok(change);
    }
    row.state = if row.may_have_arrived() {
        row.end_in_doubt()
    } else if goes_on && !heard_late && !row.stands_without(n) && row.nothing_sent_after(n) {
        State::Waiting
    } else if row.is_looked_for_in_vain() {
        row.end_in_doubt()
    } else {
        row.end(State::Undelivered)
    };
    Ok(change)
}

impl Row {
    /// Whether an attempt may have arrived of which nobody knows.
    fn may_have_arrived(&self) -> bool {
        self.attempts.iter().any(|a| a.state == AttemptState::Unknown)
    }

    /// Whether certainly nothing was sent after attempt `n`: the next channel was not tried yet.
    fn nothing_sent_after(&self, n: u32) -> bool {
        let sent_nothing =
            |a: &Attempt| matches!(a.state, AttemptState::Failed | AttemptState::Absent);
        self.attempts.iter().skip(n as usize).all(sent_nothing)
    }

    fn is_looked_for_in_vain(&self) -> bool {
        self.attempts.last().is_some_and(|a| a.state == AttemptState::Absent)
    }
}

/// Nothing was heard of what was accepted: the row waits for its next channel. Once for each attempt, and not where another one has
/// arrived or may have.
pub(super) fn overdue(row: &Row) -> Result<Change, NotNow> {
    if row.may_have_arrived() || row.attempts.iter().any(|a| a.reach.has_arrived()) {
        return Err(NotNow::Known);
    }
    let mut next = row.clone();
    let mut passed = None;
    for (n, attempt) in (1..).zip(&mut next.attempts) {
        if attempt.state == AttemptState::Accepted && attempt.reach == Reach::Unheard {
            attempt.reach = Reach::Overdue;
            passed = Some(n);
        }
    }
    if passed.is_none() {
        return Err(NotNow::Known);
    }
    next.state = State::Waiting;
    Ok(Change::to(next, passed))
}
