//! The one total transition function of a notification (`shared/PROTOCOL.md` §1, mended by ADR 0003).
//!
//! Pure: the ledger locks a row, asks this module, and writes what it says in the same transaction. The exhaustive search in
//! `ledger/tests/search.rs` runs the same function against crashes, duplicates, lost replies and late outcomes.

use crate::state::{AttemptState, State};

/// What the protocol needs to know of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Attempt {
    /// Channel it went out on (`sms`, `whatsapp`).
    pub channel: String,
    /// Its state.
    pub state: AttemptState,
}

/// What the protocol needs to know of a notification. Attempt `n` is `attempts[n - 1]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Row {
    /// Its state.
    pub state: State,
    /// Number of the newest release; copies that carry another one are dead.
    pub fence: u64,
    /// All attempts, oldest first.
    pub attempts: Vec<Attempt>,
}

impl Row {
    /// Number of the last attempt, 0 if there is none.
    pub fn last(&self) -> u32 {
        self.attempts.len() as u32
    }

    fn attempt(&self, n: u32) -> Option<&Attempt> {
        self.attempts.get((n as usize).checked_sub(1)?)
    }

    /// Whether the last attempt is under way; a row that is `sending` without is in back-off.
    fn is_under_way(&self) -> bool {
        self.attempts.last().is_some_and(|a| a.state == AttemptState::Open)
    }

    /// Whether attempt `n` is the last one and may have arrived.
    fn is_unknown(&self, n: u32) -> bool {
        self.last() == n && self.attempt(n).is_some_and(|a| a.state == AttemptState::Unknown)
    }

    fn accepted_other_than(&self, n: u32) -> bool {
        self.attempts.iter().zip(1..).any(|(a, i)| i != n && a.state == AttemptState::Accepted)
    }
}

/// Which copy a worker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Copy {
    /// What the clinic published: the full event.
    First,
    /// What the scheduler released with this number.
    Numbered(u64),
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The provider has it.
    Accepted,
    /// Refused for good; the row ends, or waits for its next channel.
    Refused {
        /// Another channel is to be tried.
        next_channel: bool,
    },
    /// Certainly not sent.
    Failed {
        /// The worker keeps its lease and makes the next attempt itself after a short delay.
        keep_lease: bool,
        /// Still worth sending, as seen when the outcome is written.
        useful: bool,
    },
    /// May have arrived.
    Unknown,
}

impl Outcome {
    /// The state the attempt takes.
    pub const fn attempt_state(self) -> AttemptState {
        match self {
            Self::Accepted => AttemptState::Accepted,
            Self::Refused { .. } => AttemptState::Refused,
            Self::Failed { .. } => AttemptState::Failed,
            Self::Unknown => AttemptState::Unknown,
        }
    }
}

/// Something that wants to change a notification. Numbers in the docs are the transitions of PROTOCOL §1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// 1 and 5: a decision other than Send.
    Settle {
        /// The copy the worker holds.
        copy: Copy,
        /// Where it goes: `waiting` or a final state.
        to: State,
    },
    /// 3 and 4: release, or release again after patience.
    Release,
    /// 6: the claim.
    Claim {
        /// The copy the worker holds.
        copy: Copy,
        /// Channel of the new attempt.
        channel: String,
    },
    /// 6 again under the same lease, after attempt `n` failed.
    ClaimAgain {
        /// The failed attempt.
        n: u32,
        /// Channel of the new attempt.
        channel: String,
    },
    /// 7 and 13: an outcome by the worker that made attempt `n`, on time or late.
    Outcome {
        /// The attempt.
        n: u32,
        /// What became of it.
        outcome: Outcome,
    },
    /// 8 and 9: the lease ran out.
    LeaseRanOut,
    /// 11 and 12: reconciliation has proven that an unknown attempt did not arrive.
    Absent {
        /// The attempt looked for.
        n: u32,
        /// The type lets it be sent once more (`x-ulak.on_unknown`).
        resend: bool,
        /// Still worth sending, as seen when this is written.
        useful: bool,
    },
    /// 12: nobody could find out whether an unknown attempt arrived.
    GiveUp {
        /// The attempt looked for.
        n: u32,
    },
    /// 14: cancel, erase, superseded.
    Cancel,
    /// 15: its time passed.
    Expire,
    /// A handler failed on it for good, or its body cannot be opened.
    DeadLetter,
    /// 16: replay of a dead letter.
    Replay,
}

/// What a transition writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The row afterwards.
    pub row: Row,
    /// The attempt that is new or changed, if any.
    pub attempt: Option<u32>,
    /// Two attempts of one notification were accepted: a line of its own in the books, and an alert.
    pub sent_twice: bool,
}

/// Why nothing is written: whoever asked looks again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// Another state, a smaller, larger or missing release number.
    #[error("the row has moved on")]
    Moved,
    /// An attempt on this channel may still have arrived, or did.
    #[error("an attempt on this channel is open, unknown or accepted")]
    ChannelTaken,
    /// The attempt already has an outcome that nothing replaces.
    #[error("the attempt already has its outcome")]
    Settled,
}

/// The delivery rule, the only one: may a worker that holds this copy go on?
pub fn may_go_on(row: Option<&Row>, copy: Copy) -> bool {
    match (row, copy) {
        (None, Copy::First) => true,
        (Some(row), Copy::Numbered(n)) => row.state == State::Released && row.fence == n,
        _ => false,
    }
}

/// Applies a command. Total: every (row, command) has an answer.
///
/// # Errors
/// [`NotNow`] when the row is not in a state in which the command may write.
pub fn apply(row: Option<&Row>, command: &Command) -> Result<Change, NotNow> {
    match command {
        Command::Settle { copy, to } => settle(row, *copy, *to),
        Command::Claim { copy, channel } => {
            if !may_go_on(row, *copy) {
                return Err(NotNow::Moved);
            }
            let base =
                row.cloned().unwrap_or(Row { state: State::Waiting, fence: 0, attempts: vec![] });
            new_attempt(base, channel)
        }
        _ => change(row.ok_or(NotNow::Moved)?, command),
    }
}

fn settle(row: Option<&Row>, copy: Copy, to: State) -> Result<Change, NotNow> {
    let allowed = matches!(
        to,
        State::Waiting
            | State::Suppressed
            | State::Cancelled
            | State::Expired
            | State::Refused
            | State::DeadLettered
    );
    if !allowed || !may_go_on(row, copy) {
        return Err(NotNow::Moved);
    }
    let mut row = row.cloned().unwrap_or(Row { state: to, fence: 0, attempts: vec![] });
    row.state = to;
    Ok(Change { row, attempt: None, sent_twice: false })
}

fn new_attempt(mut row: Row, channel: &str) -> Result<Change, NotNow> {
    if row.attempts.iter().any(|a| a.channel == channel && a.state.blocks_channel()) {
        return Err(NotNow::ChannelTaken);
    }
    row.attempts.push(Attempt { channel: channel.to_owned(), state: AttemptState::Open });
    row.state = State::Sending;
    let attempt = Some(row.last());
    Ok(Change { row, attempt, sent_twice: false })
}

fn change(row: &Row, command: &Command) -> Result<Change, NotNow> {
    let to = |state, fence| Change {
        row: Row { state, fence, attempts: row.attempts.clone() },
        attempt: None,
        sent_twice: false,
    };
    match (command, row.state) {
        (Command::Release, State::Waiting | State::Released) => {
            Ok(to(State::Released, row.fence.saturating_add(1)))
        }
        (Command::ClaimAgain { n, channel }, State::Sending)
            if row.last() == *n
                && row.attempt(*n).is_some_and(|a| a.state == AttemptState::Failed) =>
        {
            new_attempt(row.clone(), channel)
        }
        (Command::Outcome { n, outcome }, _) => take_outcome(row, *n, *outcome),
        (Command::LeaseRanOut, State::Sending) => lease_ran_out(row),
        (Command::Absent { n, resend, useful }, State::Unknown) => {
            absent(row, *n, *resend && *useful)
        }
        (Command::GiveUp { n }, State::Unknown) if row.is_unknown(*n) => {
            Ok(to(State::Unresolved, row.fence))
        }
        (Command::Cancel, State::Waiting | State::Released) => {
            Ok(to(State::Cancelled, row.fence.saturating_add(1)))
        }
        (Command::Expire, State::Waiting | State::Released) => {
            Ok(to(State::Expired, row.fence.saturating_add(1)))
        }
        (Command::DeadLetter, State::Waiting | State::Released) => {
            Ok(to(State::DeadLettered, row.fence.saturating_add(1)))
        }
        (Command::Replay, State::DeadLettered) => {
            Ok(to(State::Waiting, row.fence.saturating_add(1)))
        }
        _ => Err(NotNow::Moved),
    }
}

/// At most one resend a notification: an attempt that was absent before means that this one was it.
fn absent(row: &Row, n: u32, send_again: bool) -> Result<Change, NotNow> {
    if !row.is_unknown(n) {
        return Err(NotNow::Moved);
    }
    let first = row.attempts.iter().all(|a| a.state != AttemptState::Absent);
    let mut next = row.clone();
    next.attempts[n as usize - 1].state = AttemptState::Absent;
    next.state = if send_again && first { State::Waiting } else { State::Unresolved };
    Ok(Change { row: next, attempt: Some(n), sent_twice: false })
}

fn lease_ran_out(row: &Row) -> Result<Change, NotNow> {
    let n = row.last();
    let mut next = row.clone();
    match row.attempt(n).map(|a| a.state) {
        Some(AttemptState::Open) => {
            next.attempts[n as usize - 1].state = AttemptState::Unknown;
            next.state = if row.accepted_other_than(n) { State::Accepted } else { State::Unknown };
        }
        // died in back-off: nothing is in flight
        Some(AttemptState::Failed) => {
            next.state = if row.accepted_other_than(n) { State::Accepted } else { State::Waiting };
            return Ok(Change { row: next, attempt: None, sent_twice: false });
        }
        _ => return Err(NotNow::Moved),
    }
    Ok(Change { row: next, attempt: Some(n), sent_twice: false })
}

/// Transitions 7 and 13 in one: what an outcome does depends on whether attempt `n` is the one the row waits for.
fn take_outcome(row: &Row, n: u32, outcome: Outcome) -> Result<Change, NotNow> {
    let Some(before) = row.attempt(n).map(|a| a.state) else { return Err(NotNow::Moved) };
    let says_nothing_new = outcome == Outcome::Unknown && before != AttemptState::Open;
    if !before.takes_outcome() || says_nothing_new {
        return Err(NotNow::Settled);
    }
    let mut next = row.clone();
    next.attempts[n as usize - 1].state = outcome.attempt_state();
    let another_accepted = row.accepted_other_than(n);
    let last = row.last() == n;
    let mut sent_twice = false;
    match outcome {
        Outcome::Accepted => {
            sent_twice = another_accepted;
            // a later attempt is under way: it keeps the row, and however it ends the row ends accepted
            let busy_elsewhere = row.state == State::Sending && !last && row.is_under_way();
            if !busy_elsewhere && !row.state.is_sent() {
                next.state = State::Accepted;
                // copies that are still with the broker die; on time there is none
                next.fence = next.fence.saturating_add(u64::from(row.state != State::Sending));
            }
        }
        Outcome::Unknown if last && row.state == State::Sending => next.state = State::Unknown,
        Outcome::Failed { keep_lease, useful } if last => match row.state {
            State::Sending if keep_lease => {}
            State::Sending | State::Unknown => next.state = State::Waiting,
            State::Unresolved if useful => next.state = State::Waiting,
            // everybody knows now that nothing was sent (ADR 0003 e)
            State::Unresolved => next.state = State::Expired,
            _ => {}
        },
        // ADR 0003: only the last attempt's refusal may end the row, since a later one may have arrived
        Outcome::Refused { next_channel } if last => match row.state {
            State::Sending | State::Unknown if next_channel => next.state = State::Waiting,
            State::Sending | State::Unknown | State::Unresolved => next.state = State::Refused,
            _ => {}
        },
        _ => {}
    }
    // an earlier attempt was accepted while this one was under way: that is how the row ends, back-off or not
    if another_accepted && row.state == State::Sending && last {
        next.state = State::Accepted;
    }
    Ok(Change { row: next, attempt: Some(n), sent_twice })
}
