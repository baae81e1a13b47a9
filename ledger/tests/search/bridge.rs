//! Asks the ledger's own transition function, and nothing else, what a command does; and bends the question or the answer where
//! a run leaves a rule out.

use crate::variant::{Mutation, Variant};
use crate::world::{Broken, Try, World};
use ledger::protocol::{self, Attempt, Change, Command, Copy, NotNow, Outcome, ReceiptKind, Row};
use ledger::state::{AttemptState, Reach, State};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A command that costs nothing to pass round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask {
    /// See [`Command::Settle`]; number 0 is the clinic's own copy.
    Settle(u8, State),
    /// See [`Command::Release`].
    Release,
    /// See [`Command::Claim`]: copy, channel.
    Claim(u8, u8),
    /// See [`Command::ClaimAgain`]: failed attempt, channel.
    ClaimAgain(u8, u8),
    /// See [`Command::Outcome`].
    Outcome(u8, Outcome),
    /// See [`Command::LeaseRanOut`].
    LeaseRanOut,
    /// See [`Command::Absent`]: attempt, `resend`, still useful.
    Absent(u8, bool, bool),
    /// See [`Command::GiveUp`].
    GiveUp(u8),
    /// See [`Command::Overdue`].
    Overdue,
    /// See [`Command::Receipt`]: attempt, what is said, still useful.
    Receipt(u8, ReceiptKind, bool),
    /// See [`Command::Cancel`].
    Cancel,
    /// See [`Command::Expire`].
    Expire,
    /// See [`Command::DeadLetter`].
    DeadLetter,
    /// See [`Command::Replay`].
    Replay,
}

const CHANNELS: [&str; 2] = ["sms", "whatsapp"];

/// The copy with this number.
pub fn copy(number: u8) -> Copy {
    if number == 0 { Copy::First } else { Copy::Numbered(u64::from(number)) }
}

impl Ask {
    fn command(self) -> Command {
        let channel = |c: u8| CHANNELS[usize::from(c)].to_owned();
        match self {
            Self::Settle(number, to) => Command::Settle { copy: copy(number), to },
            Self::Release => Command::Release,
            Self::Overdue => Command::Overdue,
            Self::Receipt(n, what, useful) => Command::Receipt { n: u32::from(n), what, useful },
            Self::Claim(number, c) => Command::Claim { copy: copy(number), channel: channel(c) },
            Self::ClaimAgain(n, c) => Command::ClaimAgain { n: u32::from(n), channel: channel(c) },
            Self::Outcome(n, outcome) => Command::Outcome { n: u32::from(n), outcome },
            Self::LeaseRanOut => Command::LeaseRanOut,
            Self::Absent(n, resend, useful) => Command::Absent { n: u32::from(n), resend, useful },
            Self::GiveUp(n) => Command::GiveUp { n: u32::from(n) },
            Self::Cancel => Command::Cancel,
            Self::Expire => Command::Expire,
            Self::DeadLetter => Command::DeadLetter,
            Self::Replay => Command::Replay,
        }
    }
}

/// A row as small as it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Line {
    state: Option<State>,
    fence: u8,
    count: u8,
    attempts: [Known; 3],
}

/// An attempt likewise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Known {
    state: AttemptState,
    reach: Reach,
    channel: u8,
}

const NEW: Known = Known { state: AttemptState::Open, reach: Reach::Unheard, channel: 0 };

/// What a command did.
#[derive(Debug, Clone, Copy)]
struct Answer {
    line: Line,
    sent_twice: bool,
}

type Answers = HashMap<(Line, Ask), Result<Answer, NotNow>, Quick>;

/// The ledger's answers, remembered: there are only a few thousand different questions.
#[derive(Default)]
pub struct Bridge {
    known: RefCell<Answers>,
}

/// A hash that is quick without optimization.
pub type Quick = BuildHasherDefault<Mix>;

/// See [`Quick`].
#[derive(Default)]
pub struct Mix(u64);

impl Mix {
    fn mix(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.mix(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.mix(value as u64);
    }

    fn write_u128(&mut self, value: u128) {
        self.mix(value as u64);
        self.mix((value >> 64) as u64);
    }
}

impl Bridge {
    /// Whether the delivery rule lets a worker with this copy go on.
    pub fn may_go_on(variant: &Variant, world: &World, number: u8) -> bool {
        if let Some(state) = world.state
            && by_fence(variant, state)
        {
            return world.fence == number;
        }
        let row = world.state.map(|state| row(&line(world), state));
        protocol::may_go_on(row.as_ref(), copy(number))
    }

    /// What the world is after the command; the attempt that is new gets an owner.
    ///
    /// # Errors
    /// When the ledger writes nothing.
    pub fn apply(
        &self,
        variant: &Variant,
        world: &World,
        ask: Ask,
        owner: Option<usize>,
    ) -> Result<World, NotNow> {
        let before = line(world);
        let answer = self.answer(variant, before, ask)?;
        let after = answer.line;
        let mut next = *world;
        next.state = after.state;
        next.fence = after.fence;
        if after.count > before.count {
            let channel = after.attempts[usize::from(before.count)].channel;
            next.add_attempt(channel, owner);
            next.broken = broken_claim(world, owner, channel);
        }
        for (attempt, known) in
            next.tries.iter_mut().zip(after.attempts).take(usize::from(after.count))
        {
            attempt.state = known.state;
            attempt.reach = known.reach;
        }
        let alert = next.attempts().iter().zip(0..).any(|(attempt, n)| {
            let is_new = world.attempts().get(n).is_none_or(|before| !is_accepted(*before));
            is_accepted(*attempt) && is_new && nobody_meant(&next, n)
        });
        if alert != answer.sent_twice {
            next.broken = Broken::AlertWrong;
        }
        Ok(next)
    }

    fn answer(&self, variant: &Variant, line: Line, ask: Ask) -> Result<Answer, NotNow> {
        if let Some(answer) = unguarded_claim(variant, line, ask) {
            return answer;
        }
        if let Some(answer) = other_receipt(variant, line, ask) {
            return answer;
        }
        let answer = self.real(line, ask)?;
        Ok(bend_answer(variant, line, ask, answer))
    }

    fn real(&self, line: Line, ask: Ask) -> Result<Answer, NotNow> {
        if let Some(known) = self.known.borrow().get(&(line, ask)) {
            return *known;
        }
        let before = line.state.map(|state| row(&line, state));
        let answer = protocol::apply(before.as_ref(), &ask.command())
            .map(|change| Answer { line: line_of(&change), sent_twice: change.sent_twice });
        self.known.borrow_mut().insert((line, ask), answer);
        answer
    }
}

fn is_accepted(attempt: Try) -> bool {
    attempt.state == AttemptState::Accepted
}

/// Attempt `n` was accepted beside another one, and not because the earlier of the two was given up on another channel.
fn nobody_meant(world: &World, n: usize) -> bool {
    let others = (0..).zip(world.attempts()).filter(|(i, t)| *i != n && is_accepted(**t));
    let mut pairs = others.map(|(i, _)| (world.tries[n.min(i)], world.tries[n.max(i)]));
    pairs.any(|(first, second)| {
        let given_up = matches!(first.reach, Reach::Overdue | Reach::Lost | Reach::ArrivedLate);
        first.channel == second.channel || !given_up
    })
}

/// A claim after an acceptance that stands is known, while another attempt may have arrived, or after the cancellation was committed,
/// must not happen. Nobody sends for a statement whose worker gave up on it.
fn broken_claim(world: &World, owner: Option<usize>, channel: u8) -> Broken {
    let given_up = |t: &Try| matches!(t.reach, Reach::Overdue | Reach::Lost);
    let again = |t: &Try| is_accepted(*t) && (t.channel == channel || !given_up(t));
    match owner {
        Some(_) if world.attempts().iter().any(again) => Broken::ClaimedAfterAccepted,
        Some(_) if world.attempts().iter().any(|t| t.state == AttemptState::Unknown) => {
            Broken::ClaimedInDoubt
        }
        Some(_) if world.cancelled || world.stopped => Broken::ClaimedAfterCancel,
        _ => world.broken,
    }
}

fn line(world: &World) -> Line {
    let mut attempts = [NEW; 3];
    for (to, from) in attempts.iter_mut().zip(world.attempts()) {
        *to = Known { state: from.state, reach: from.reach, channel: from.channel };
    }
    Line { state: world.state, fence: world.fence, count: world.count, attempts }
}

fn row(line: &Line, state: State) -> Row {
    let attempts = line.attempts[..usize::from(line.count)].iter();
    let attempts = attempts
        .map(|known| Attempt {
            channel: CHANNELS[usize::from(known.channel)].to_owned(),
            state: known.state,
            reach: known.reach,
        })
        .collect();
    Row { state, fence: u64::from(line.fence), attempts }
}

fn line_of(change: &Change) -> Line {
    let row = &change.row;
    let mut attempts = [NEW; 3];
    for (to, from) in attempts.iter_mut().zip(&row.attempts) {
        let channel = u8::from(from.channel == CHANNELS[1]);
        *to = Known { state: from.state, reach: from.reach, channel };
    }
    Line {
        state: Some(row.state),
        fence: row.fence as u8,
        count: row.attempts.len() as u8,
        attempts,
    }
}

fn by_fence(variant: &Variant, state: State) -> bool {
    !state.is_final()
        && (variant.is_without(Mutation::ClaimByFence)
            || variant.is_without(Mutation::ClaimByFenceNotSending) && state != State::Sending)
}

/// A claim that lacks one of its conditions; `None` where the run leaves them all in.
fn unguarded_claim(variant: &Variant, line: Line, ask: Ask) -> Option<Result<Answer, NotNow>> {
    let state = line.state?;
    let blind = variant.is_without(Mutation::NoChannelGuard);
    let attempts = &line.attempts[..usize::from(line.count)];
    let (may, channel) = match ask {
        Ask::Claim(number, c) if by_fence(variant, state) => (number == line.fence, c),
        Ask::Claim(number, c) if blind => {
            (state == State::Released && number > 0 && number == line.fence, c)
        }
        Ask::ClaimAgain(n, c) if variant.is_without(Mutation::BackOffUnfenced) => {
            let failed =
                attempts.get(usize::from(n) - 1).is_some_and(|a| a.state == AttemptState::Failed);
            (state == State::Sending && failed, c)
        }
        _ => return None,
    };
    let free = blind || !attempts.iter().any(|a| a.channel == channel && a.state.blocks_channel());
    if !may || !free {
        return Some(Err(if may { NotNow::ChannelTaken } else { NotNow::Moved }));
    }
    let mut after = Line { state: Some(State::Sending), count: line.count + 1, ..line };
    after.attempts[usize::from(line.count)] = Known { channel, ..NEW };
    Some(Ok(Answer { line: after, sent_twice: false }))
}

/// The answer as another reading of the rules would have it.
fn bend_answer(variant: &Variant, before: Line, ask: Ask, mut answer: Answer) -> Answer {
    let Ask::Outcome(n, outcome) = ask else {
        return as_decided(variant, ask, answer);
    };
    let last = n == before.count;
    let stay = |answer: &mut Answer| {
        answer.line.state = before.state;
        answer.line.fence = before.fence;
    };
    let Some(state) = before.state else { return answer };
    let listed = !matches!(state, State::Suppressed | State::Refused | State::DeadLettered);
    match outcome {
        Outcome::Refused { .. }
            if state == State::Unresolved && variant.is_without(Mutation::LateRefusedOfAny) =>
        {
            answer.line.state = Some(State::Refused);
        }
        Outcome::Accepted if variant.is_without(Mutation::AcceptedKeepsNumber) => {
            answer.line.fence = before.fence;
        }
        Outcome::Accepted if !listed && variant.is_without(Mutation::LateAcceptedListedOnly) => {
            stay(&mut answer);
        }
        Outcome::Accepted
            if state == State::Sending && !last && variant.is_without(Mutation::BackOffStays) =>
        {
            stay(&mut answer);
        }
        Outcome::Failed { .. }
            if matches!(state, State::Unknown | State::Unresolved)
                && !last
                && variant.is_without(Mutation::LateFailedOfAny) =>
        {
            answer.line.state = Some(State::Waiting);
        }
        Outcome::Failed { .. }
            if state == State::Unresolved && variant.is_without(Mutation::NoReopen) =>
        {
            stay(&mut answer);
        }
        Outcome::Failed { .. } | Outcome::Unknown
            if last
                && state == State::Sending
                && variant.is_without(Mutation::GivenUpStands)
                && sent_state(&before).is_some() =>
        {
            answer.line.state = sent_state(&before);
        }
        Outcome::Failed { useful: false, .. }
            if state == State::Unresolved
                && variant.is_without(Mutation::UselessStaysUnresolved) =>
        {
            stay(&mut answer);
        }
        _ => {}
    }
    answer
}

/// A row that another channel had accepted ends as its copy is decided.
fn as_decided(variant: &Variant, ask: Ask, mut answer: Answer) -> Answer {
    if variant.is_without(Mutation::FallbackEndsAsDecided)
        && answer.line.state != Some(State::Waiting)
    {
        answer.line.state = match ask {
            Ask::Settle(_, to) => Some(to),
            Ask::Cancel => Some(State::Cancelled),
            Ask::Expire => Some(State::Expired),
            _ => answer.line.state,
        };
    }
    answer
}

/// How a row with these attempts ends, if a provider has taken it.
fn sent_state(line: &Line) -> Option<State> {
    row(line, State::Accepted).sent_state()
}

/// A receipt by another reading of the rules; `None` where the run leaves them all in, or they say the same.
fn other_receipt(variant: &Variant, line: Line, ask: Ask) -> Option<Result<Answer, NotNow>> {
    let Ask::Receipt(n, what, useful) = ask else { return None };
    let attempt = line.attempts.get(usize::from(n) - 1)?;
    let mut after = line;
    let it = &mut after.attempts[usize::from(n) - 1];
    let ReceiptKind::Lost { next_channel } = what else {
        let early = variant.is_without(Mutation::EarlyReceiptUnmatched);
        return (early && attempt.state.takes_outcome())
            .then_some(Ok(Answer { line, sent_twice: false }));
    };
    it.reach = Reach::Lost;
    let goes_on = next_channel && useful;
    let anyway = match line.state {
        Some(State::Cancelled) => variant.is_without(Mutation::DecidedGoesOn),
        Some(State::Unknown) => n < line.count && variant.is_without(Mutation::LostGoesOnInDoubt),
        _ => false,
    };
    if variant.is_without(Mutation::LostOverArrived) && attempt.reach.has_arrived() {
        after.state = sent_state(&after);
    } else if variant.is_without(Mutation::HeardLateGoesOn)
        && attempt.reach == Reach::Overdue
        && line.state == Some(State::Accepted)
        && goes_on
    {
        after.state = Some(State::Waiting);
    } else if anyway && attempt.state.takes_outcome() && goes_on {
        it.state = AttemptState::Accepted;
        after.state = Some(State::Waiting);
        after.fence += 1;
    } else {
        return None;
    }
    Some(Ok(Answer { line: after, sent_twice: false }))
}
