//! What must never be, and what every quiet end must be.

use crate::variant::{Mutation, Policy, Variant};
use crate::world::{Broken, Said, Try, Wire, Word, World};
use ledger::state::{AttemptState, Reach, State};

/// What a world or a run can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// The provider accepted it twice.
    Twice,
    /// No quiet end can be reached without luck.
    Stuck,
    /// The row does not say what is known, or says what is not so.
    Books,
    /// `unresolved` although everybody knows that nothing was sent.
    Lost,
    /// A living worker never said what became of its attempt.
    Silent,
    /// Claimed although an attempt was known to be accepted.
    ClaimedAfterAccepted,
    /// Claimed although the cancellation was committed before the statement began.
    ClaimedAfterCancel,
    /// Claimed although another attempt may have arrived.
    ClaimedInDoubt,
    /// A copy went back to the queue with nothing changed.
    Spins,
    /// Two accepted attempts and no alert, or an alert without them.
    AlertWrong,
    /// `refused` although no provider ever refused the message.
    Burnt,
    /// An accepted attempt is known and the row neither says so nor waits for an attempt under way.
    AcceptedForgotten,
    /// The next channel certainly sent nothing, there is time, and nobody tries it again.
    Abandoned,
}

/// What is wrong with this world, if anything.
pub fn judge(variant: &Variant, world: &World) -> Option<Violation> {
    let step = match world.broken {
        Broken::No => None,
        Broken::ClaimedAfterAccepted => Some(Violation::ClaimedAfterAccepted),
        Broken::ClaimedAfterCancel => Some(Violation::ClaimedAfterCancel),
        Broken::ClaimedInDoubt => Some(Violation::ClaimedInDoubt),
        Broken::Spins => Some(Violation::Spins),
        Broken::AlertWrong => Some(Violation::AlertWrong),
    };
    let accepted = |channel: u8| -> u8 {
        let counts = |t: &&Try| t.channel == channel || !variant.has_next_channel();
        world.attempts().iter().filter(counts).map(|t| t.accepted).sum()
    };
    let most = accepted(0).max(accepted(1));
    let twice = (most > 1 && !variant.books_only).then_some(Violation::Twice);
    let quiet = || world.is_quiet().then(|| quiet_end(variant, world)).flatten();
    twice.or(step).or_else(|| forgotten(world)).or_else(quiet)
}

/// A known acceptance is the row's state, unless a later attempt is under way; one that was given up leaves it to the next channel,
/// and is still how the row ends.
fn forgotten(world: &World) -> Option<Violation> {
    let state = world.state?;
    let mut known = world.attempts().iter().filter(|t| t.state == AttemptState::Accepted);
    let under_way = state == State::Sending
        && world.attempts().last().is_some_and(|t| t.state == AttemptState::Open);
    let stands = known.clone().any(|t| t.reach.stands()) && !state.is_sent() && !under_way;
    let ended = state.is_final() && !state.is_sent() && state != State::Unresolved;
    (stands || ended && known.next().is_some()).then_some(Violation::AcceptedForgotten)
}

/// Whether the books say of the message's way what the providers said of it.
fn heard_wrong(world: &World, state: State) -> bool {
    let said = |what: &[Said]| world.attempts().iter().any(|t| what.contains(&t.said));
    let arrived = said(&[Said::Arrived, Said::Both]);
    let accepted = |t: &&Try| t.state == AttemptState::Accepted;
    let all_lost = world.attempts().iter().filter(accepted).all(|t| t.said == Said::Lost);
    arrived != (state == State::Delivered) || state == State::Undelivered && !all_lost
}

/// Nobody sends on the next channel although it certainly sent nothing and there is time.
fn abandoned(variant: &Variant, world: &World) -> bool {
    let decided = world.past || world.cancelled || world.stopped;
    let judged = variant.policy == Policy::Resend && variant.attempts == 2 && !decided;
    let [first, last] = [0, 1].map(|n| world.attempts().get(n));
    let passed_over = first.is_some_and(|t| t.reach == Reach::Overdue);
    judged && passed_over && last.is_some_and(|t| t.state == AttemptState::Failed)
}

fn quiet_end(variant: &Variant, world: &World) -> Option<Violation> {
    let state = world.state?;
    let mut attempts = world.attempts().iter();
    if attempts.clone().any(|t| t.word == Word::None) {
        return Some(Violation::Silent);
    }
    if heard_wrong(world, state) {
        return Some(Violation::Books);
    }
    if abandoned(variant, world) {
        return Some(Violation::Abandoned);
    }
    // what is known to be lost does not say how the last attempt ended
    let lost = |t: &Try| state == State::Unresolved && t.reach == Reach::Lost;
    let told = attempts.clone().any(|t| t.word == Word::Accepted && !lost(t));
    let got = attempts.clone().any(|t| t.accepted > 0);
    let honest = if state.is_sent() {
        got
    } else {
        // the one thing the books may not know: nobody looked and whoever knew is dead; or the report was behind, which is
        // the named residual risk
        let behind = variant.books_only || variant.is_without(Mutation::ReportLag);
        let nobody_knows = |t: &Try| match t.state {
            AttemptState::Unknown => {
                state == State::Unresolved && (behind || variant.may_give_up() || world.erased)
            }
            AttemptState::Absent => behind,
            _ => false,
        };
        !told && attempts.clone().filter(|t| t.accepted > 0 && !lost(t)).all(nobody_knows)
    };
    if !honest {
        return Some(Violation::Books);
    }
    let never = attempts.clone().any(|t| t.wire == Wire::SaysNever);
    if variant.lanes && state == State::Refused && !never {
        return Some(Violation::Burnt);
    }
    // proven absent and not sent again is an end; certainly not sent is none
    let last = attempts.clone().last().is_some_and(|t| t.word == Word::NotSent);
    let certain = attempts.all(|t| t.word == Word::NotSent || t.state == AttemptState::Absent);
    (state == State::Unresolved && last && certain).then_some(Violation::Lost)
}
