//! What an outcome does to a row, on time or late (transitions 7 and 13, ADR 0003).

use super::{Change, NotNow, Outcome, Row};
use crate::state::{AttemptState, State};

/// Transitions 7 and 13 in one: what an outcome does depends on whether attempt `n` is the one the row waits for.
pub(super) fn take(row: &Row, n: u32, outcome: Outcome) -> Result<Change, NotNow> {
    let Some(before) = row.attempt(n).map(|a| a.state) else { return Err(NotNow::Moved) };
    let says_nothing_new = outcome == Outcome::Unknown && before != AttemptState::Open;
    if !before.takes_outcome() || says_nothing_new {
        return Err(NotNow::Settled);
    }
    let mut next = row.clone();
    next.attempts[n as usize - 1].state = outcome.attempt_state();
    let last = row.last() == n;
    match outcome {
        Outcome::Accepted => return Ok(accepted(row, next, n)),
        Outcome::Unknown if last && row.state == State::Sending => {
            next.state = row.goes_on_to(State::Unknown, n);
        }
        Outcome::Failed { keep_lease, useful } if last => match row.state {
            State::Sending if keep_lease => next.state = row.goes_on_to(State::Sending, n),
            State::Sending | State::Unknown => next.state = row.goes_on_to(State::Waiting, n),
            State::Unresolved if useful => next.state = State::Waiting,
            // everybody knows now that nothing was sent (ADR 0003 e)
            State::Unresolved => next.state = row.end(State::Expired),
            _ => {}
        },
        // ADR 0003: only the last attempt's refusal may end the row, since a later one may have arrived
        Outcome::Refused { next_channel } if last => match row.state {
            State::Sending | State::Unknown if next_channel => {
                next.state = row.goes_on_to(State::Waiting, n);
            }
            State::Sending | State::Unknown | State::Unresolved => {
                next.state = row.end(State::Refused);
            }
            _ => {}
        },
        _ => {}
    }
    Ok(Change::to(next, Some(n)))
}

/// Attempt `n` is accepted in `next`.
fn accepted(row: &Row, mut next: Row, n: u32) -> Change {
    let (sent_twice, two_channel) = next.how_often(n);
    // a later attempt is under way: it keeps the row, and however it ends the row ends sent
    let busy_elsewhere = row.state == State::Sending && row.last() != n && row.is_under_way();
    if !busy_elsewhere {
        next.state = next.end(State::Accepted);
        // copies that are still with the broker die; on time there is none
        let copies = row.state != State::Sending && !row.state.is_sent();
        next.fence = next.fence.saturating_add(u64::from(copies));
    }
    Change { row: next, attempt: Some(n), sent_twice, two_channel }
}

impl Row {
    /// An earlier attempt that was accepted, and stands, is how the row ends, back-off or not; else it goes on.
    pub(super) fn goes_on_to(&self, to: State, n: u32) -> State {
        if self.stands_without(n) { self.end(to) } else { to }
    }

    /// Whether, with attempt `n` accepted, the notification is sent twice; and whether it is on two channels with good reason: the
    /// earlier one was lost or not heard of.
    pub(super) fn how_often(&self, n: u32) -> (bool, bool) {
        let (mut twice, mut two_channel) = (false, false);
        for (i, _) in self.accepted().filter(|(i, _)| *i != n) {
            let (Some(first), Some(second)) = (self.attempt(i.min(n)), self.attempt(i.max(n)))
            else {
                continue;
            };
            let meant = first.channel != second.channel && first.reach.gave_way();
            two_channel |= meant;
            twice |= !meant;
        }
        (twice, two_channel)
    }
}
