//! The one total transition function of a notification (`shared/PROTOCOL.md` §1, mended by ADR 0003 and 0012).
//!
//! Pure: the ledger locks a row, asks this module, and writes what it says in the same transaction. The exhaustive search in
//! `ledger/tests/search.rs` runs the same function against crashes, duplicates, lost replies and late outcomes.

mod outcome;
mod receipt;

pub use receipt::ReceiptKind;

use crate::state::{AttemptState, Reach, State};

/// What the protocol needs to know of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Attempt {
    /// Channel it went out on (`sms`, `whatsapp`).
    pub channel: String,
    /// Its state.
    pub state: AttemptState,
    /// What is known of its way to the person.
    pub reach: Reach,
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

    /// Whether another attempt is accepted and stands: that is how the row ends, whatever attempt `n` did.
    fn stands_without(&self, n: u32) -> bool {
        self.accepted().any(|(i, a)| i != n && a.reach.stands())
    }

    fn accepted(&self) -> impl Iterator<Item = (u32, &Attempt)> {
        (1..).zip(&self.attempts).filter(|(_, a)| a.state == AttemptState::Accepted)
    }

    /// The end of a row that a provider has taken; `None`: none has.
    pub fn sent_state(&self) -> Option<State> {
        let of = |reach: Reach| match reach {
            Reach::Arrived | Reach::ArrivedLate => State::Delivered,
            Reach::Unheard | Reach::Overdue => State::Accepted,
            Reach::Lost => State::Undelivered,
        };
        // whatever says most of the person having it
        let better = |state| match state {
            State::Delivered => 0,
            State::Accepted => 1,
            _ => 2,
        };
        self.accepted().map(|(_, a)| of(a.reach)).min_by_key(|state| better(*state))
    }

    /// How a row ends that is to end in this state: what a provider has taken cannot end as if it never had.
    fn end(&self, to: State) -> State {
        self.sent_state().unwrap_or(to)
    }

    /// How it ends while nobody knows of its last attempt: what certainly did not arrive by an earlier one says nothing of this one.
    fn end_in_doubt(&self) -> State {
        self.sent_state().filter(|to| *to != State::Undelivered).unwrap_or(State::Unresolved)
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
    /// 17: nothing was heard of what was accepted for so long that the next channel is tried.
    Overdue,
    /// What a provider says became of attempt `n`, on time or late. It proves that the provider has it.
    Receipt {
        /// The attempt.
        n: u32,
        /// What is said.
        what: ReceiptKind,
        /// Still worth sending, as seen when this is written.
        useful: bool,
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
    /// The same, on two channels, after the first was lost or not heard of: a line of its own in the books, as it should be.
    pub two_channel: bool,
}

impl Change {
    fn to(row: Row, attempt: Option<u32>) -> Self {
        Self { row, attempt, sent_twice: false, two_channel: false }
    }
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
    /// What is said is known already.
    #[error("it is known already")]
    Known,
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
    row.state = if to == State::Waiting { to } else { row.end(to) };
    Ok(Change::to(row, None))
}

fn new_attempt(mut row: Row, channel: &str) -> Result<Change, NotNow> {
    if row.attempts.iter().any(|a| a.channel == channel && a.state.blocks_channel()) {
        return Err(NotNow::ChannelTaken);
    }
    row.attempts.push(Attempt {
        channel: channel.to_owned(),
        state: AttemptState::Open,
        reach: Reach::Unheard,
    });
    row.state = State::Sending;
    let attempt = Some(row.last());
    Ok(Change::to(row, attempt))
}

fn change(row: &Row, command: &Command) -> Result<Change, NotNow> {
    let to = |state, fence| Change::to(Row { state, fence, attempts: row.attempts.clone() }, None);
    // copies that are on their way die
    let ends = |state| to(row.end(state), row.fence.saturating_add(1));
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
        (Command::Outcome { n, outcome }, _) => outcome::take(row, *n, *outcome),
        (Command::Receipt { n, what, useful }, _) => receipt::take(row, *n, *what, *useful),
        (Command::Overdue, State::Accepted) => receipt::overdue(row),
        (Command::LeaseRanOut, State::Sending) => lease_ran_out(row),
        (Command::Absent { n, resend, useful }, State::Unknown) => {
            absent(row, *n, *resend && *useful)
        }
        (Command::GiveUp { n }, State::Unknown) if row.is_unknown(*n) => {
            Ok(to(row.end_in_doubt(), row.fence))
        }
        (Command::Cancel, State::Waiting | State::Released) => Ok(ends(State::Cancelled)),
        (Command::Expire, State::Waiting | State::Released) => Ok(ends(State::Expired)),
        (Command::DeadLetter, State::Waiting | State::Released) => Ok(ends(State::DeadLettered)),
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
    next.state = if send_again && first { State::Waiting } else { next.end_in_doubt() };
    Ok(Change::to(next, Some(n)))
}

fn lease_ran_out(row: &Row) -> Result<Change, NotNow> {
    let n = row.last();
    let mut next = row.clone();
    match row.attempt(n).map(|a| a.state) {
        Some(AttemptState::Open) => {
            next.attempts[n as usize - 1].state = AttemptState::Unknown;
            next.state = row.goes_on_to(State::Unknown, n);
            Ok(Change::to(next, Some(n)))
        }
        // died in back-off: nothing is in flight
        Some(AttemptState::Failed) => {
            next.state = row.goes_on_to(State::Waiting, n);
            Ok(Change::to(next, None))
        }
        _ => Err(NotNow::Moved),
    }
}
