//! Asks the ledger's own transition function, and nothing else, what a command does; and bends the question or the answer where
//! a run leaves a rule out.

use crate::variant::{Mutation, Variant};
use crate::world::{Broken, Try, World};
use ledger::protocol::{self, Attempt, Change, Command, Copy, NotNow, Outcome, Row};
use ledger::state::{AttemptState, State};
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
    /// Transition 17, which `apply` does not know yet: no receipt came, the other channel is due.
    Fallback,
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
            Self::Release | Self::Fallback => Command::Release,
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
    attempts: [(AttemptState, u8); 3],
}

/// What a command did.
#[derive(Debug, Clone, Copy)]
struct Answer {
    line: Line,
    sent_twice: bool,
}

type Known = HashMap<(Line, Ask), Result<Answer, NotNow>, Quick>;

/// The ledger's answers, remembered: there are only a few thousand different questions.
#[derive(Default)]
pub struct Bridge {
    known: RefCell<Known>,
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
            next.add_attempt(after.attempts[usize::from(before.count)].1, owner);
            let channel = after.attempts[usize::from(before.count)].1;
            next.broken = broken_claim(variant, world, owner, channel);
        }
        for (attempt, known) in
            next.tries.iter_mut().zip(after.attempts).take(usize::from(after.count))
        {
            attempt.state = known.0;
        }
        let accepted = |w: &World| w.attempts().iter().filter(|t| is_accepted(**t)).count();
        let alert = accepted(&next) > accepted(world) && accepted(&next) > 1;
        if alert != answer.sent_twice {
            next.broken = Broken::AlertWrong;
        }
        Ok(next)
    }

    fn answer(&self, variant: &Variant, line: Line, ask: Ask) -> Result<Answer, NotNow> {
        if let Some(answer) = unguarded_claim(variant, line, ask) {
            return answer;
        }
        if ask == Ask::Fallback {
            let line = Line { state: Some(State::Released), fence: line.fence + 1, ..line };
            return Ok(Answer { line, sent_twice: false });
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

/// A claim after an acceptance is known, or after the cancellation was committed, must not happen. Nobody sends for a statement
/// whose worker gave up on it.
fn broken_claim(variant: &Variant, world: &World, owner: Option<usize>, channel: u8) -> Broken {
    let again = |t: &Try| is_accepted(*t) && (t.channel == channel || !variant.fallback);
    match owner {
        Some(_) if world.attempts().iter().any(again) => Broken::ClaimedAfterAccepted,
        Some(_) if world.cancelled => Broken::ClaimedAfterCancel,
        _ => world.broken,
    }
}

fn line(world: &World) -> Line {
    let mut attempts = [(AttemptState::Open, 0); 3];
    for (to, from) in attempts.iter_mut().zip(world.attempts()) {
        *to = (from.state, from.channel);
    }
    Line { state: world.state, fence: world.fence, count: world.count, attempts }
}

fn row(line: &Line, state: State) -> Row {
    let attempts = line.attempts[..usize::from(line.count)].iter();
    let attempts = attempts
        .map(|(state, c)| Attempt { channel: CHANNELS[usize::from(*c)].to_owned(), state: *state })
        .collect();
    Row { state, fence: u64::from(line.fence), attempts }
}

fn line_of(change: &Change) -> Line {
    let row = &change.row;
    let mut attempts = [(AttemptState::Open, 0); 3];
    for (to, from) in attempts.iter_mut().zip(&row.attempts) {
        *to = (from.state, u8::from(from.channel == CHANNELS[1]));
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
                attempts.get(usize::from(n) - 1).is_some_and(|a| a.0 == AttemptState::Failed);
            (state == State::Sending && failed, c)
        }
        _ => return None,
    };
    let free = blind || !attempts.iter().any(|(s, c)| *c == channel && s.blocks_channel());
    if !may || !free {
        return Some(Err(if may { NotNow::ChannelTaken } else { NotNow::Moved }));
    }
    let mut after = Line { state: Some(State::Sending), count: line.count + 1, ..line };
    after.attempts[usize::from(line.count)] = (AttemptState::Open, channel);
    Some(Ok(Answer { line: after, sent_twice: false }))
}

/// The answer as another reading of the rules would have it.
fn bend_answer(variant: &Variant, before: Line, ask: Ask, mut answer: Answer) -> Answer {
    let Ask::Outcome(n, outcome) = ask else {
        return after_acceptance(variant, before, answer);
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

/// However a copy for another channel ends that nothing was sent by, the row ends as the first channel left it.
fn after_acceptance(variant: &Variant, before: Line, mut answer: Answer) -> Answer {
    let accepted =
        before.attempts[..usize::from(before.count)].iter().any(|a| a.0 == AttemptState::Accepted);
    let ends = answer.line.state.is_some_and(State::is_final);
    if accepted && ends && !variant.is_without(Mutation::FallbackEndsAsDecided) {
        answer.line.state = Some(State::Accepted);
    }
    answer
}
