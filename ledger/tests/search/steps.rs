//! Everything that can happen next: what the two workers do, what the rest of the world does, and what goes wrong.

use crate::bridge::{Ask, Bridge};
use crate::variant::{Mutation, Variant};
use crate::world::{At, Broken, Ghost, IDLE, Lane, NUMBERS, Try, Worker, World};
use ledger::state::State;
use std::fmt;

/// What a step is called in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Of a worker.
    Worker(usize, Does),
    /// Of anybody else.
    World(Happens),
}

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// Takes a copy.
    Receives(u8),
    /// May go on.
    GoesOn,
    /// The copy is dead.
    AcksDead(u8),
    /// Puts a copy back.
    Requeues(u8),
    /// Claims on a channel.
    Claims(u8, u8),
    /// The claim wrote nothing.
    ClaimsNothing,
    /// Writes a decision.
    Settles(State),
    /// Reads the reply to its claim.
    ReadsReply,
    /// Loses the reply.
    LosesReply,
    /// Gives up on a claim that still runs.
    LeavesGhost,
    /// Too old to send.
    TooOld(u8),
    /// The age is right.
    ChecksAge(u8),
    /// Bytes leave.
    Sends(u8),
    /// Reads an answer.
    Reads(&'static str, u8),
    /// Writes an outcome.
    Writes(&'static str, u8),
    /// Writes an outcome and loses the reply.
    WritesInDoubt(&'static str, u8),
    /// The back-off is over, nothing is sent.
    GivesUpLease,
    /// Acks.
    Acks(u8),
    /// Dies.
    Crashes,
    /// Its connection breaks.
    LosesConnection(u8),
}

/// What happens elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happens {
    /// At the provider, to attempt n.
    Provider(&'static str, u8),
    /// In the ledger.
    Ledger(&'static str, u8),
    /// To a copy.
    Broker(&'static str, u8),
    /// To a scheduler.
    Scheduler(&'static str, u8),
    /// To everybody.
    Time(&'static str),
}

impl Step {
    /// One line; `swapped`: the workers have changed places since the start.
    pub fn line(self, swapped: bool) -> String {
        match self {
            Self::Worker(w, does) => format!("{} {does}", ["A", "B"][w ^ usize::from(swapped)]),
            Self::World(happens) => happens.to_string(),
        }
    }
}

impl fmt::Display for Does {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receives(n) => write!(f, "receives copy {n}"),
            Self::GoesOn => f.write_str("looks and goes on"),
            Self::AcksDead(n) => write!(f, "looks and acks copy {n}, which is dead"),
            Self::Requeues(n) => write!(f, "looks and puts copy {n} back, whose number is larger"),
            Self::Claims(n, c) => write!(f, "claims: attempt {n} on channel {c}"),
            Self::ClaimsNothing => f.write_str("claims and writes nothing"),
            Self::Settles(to) => write!(f, "decides and writes: {to}"),
            Self::ReadsReply => f.write_str("reads the claim's reply"),
            Self::LosesReply => f.write_str("LOSES THE REPLY to its claim and looks again"),
            Self::LeavesGhost => {
                f.write_str("LOSES A CLAIM that still runs; its token is not there")
            }
            Self::TooOld(n) => write!(f, "finds its claim too old and does not send {n}"),
            Self::ChecksAge(n) => write!(f, "finds its claim young enough for {n}"),
            Self::Sends(n) => write!(f, "sends {n}"),
            Self::Reads(what, n) => write!(f, "reads the answer to {n}: {what}"),
            Self::Writes(what, n) => write!(f, "writes the outcome of {n}: {what}"),
            Self::WritesInDoubt(what, n) => {
                write!(f, "writes the outcome of {n}: {what}, REPLY LOST")
            }
            Self::GivesUpLease => f.write_str("may not claim again, leaves the row to the lease"),
            Self::Acks(n) => write!(f, "acks copy {n}"),
            Self::Crashes => f.write_str("CRASHES"),
            Self::LosesConnection(n) => write!(f, "LOSES ITS CONNECTION, copy {n} is requeued"),
        }
    }
}

impl fmt::Display for Happens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(what, n) => write!(f, "provider {what} {n}"),
            Self::Ledger(what, n) => write!(f, "ledger: {what} {n}"),
            Self::Broker(what, n) => write!(f, "broker: {what} {n}"),
            Self::Scheduler(what, n) => write!(f, "scheduler {what} {n}"),
            Self::Time(what) => f.write_str(what),
        }
    }
}

/// Why a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It will happen if it can: what brings every row to its end.
    Progress,
    /// It may happen: a fault, or somebody's wish. Nothing may depend on it.
    Chance,
}

/// Gathers what can happen next.
pub struct Steps<'a> {
    pub variant: &'a Variant,
    pub bridge: &'a Bridge,
    /// What can happen next.
    pub next: Vec<(Step, World, Kind)>,
}

impl Steps<'_> {
    /// Gathers everything that can happen in this world.
    pub fn of(&mut self, world: &World) {
        self.next.clear();
        // what a step broke was judged where it broke
        let world = World { broken: Broken::No, ..*world };
        for w in 0..2 {
            self.worker(&world, w);
        }
        self.surroundings(&world);
    }

    /// A step of the world that is sure to come.
    pub fn happens(&mut self, what: Happens, world: World) {
        self.next.push((Step::World(what), world, Kind::Progress));
    }

    /// A step of the world that may come.
    pub fn may_happen(&mut self, what: Happens, world: World) {
        self.next.push((Step::World(what), world, Kind::Chance));
    }

    /// A step of a worker.
    pub fn does(&mut self, w: usize, does: Does, world: &World, worker: Worker) {
        self.push(w, does, world, worker, Kind::Progress);
    }

    /// A step of a worker that is somebody's wish.
    pub fn may(&mut self, w: usize, does: Does, world: &World, worker: Worker) {
        self.push(w, does, world, worker, Kind::Chance);
    }

    fn push(&mut self, w: usize, does: Does, world: &World, worker: Worker, kind: Kind) {
        let mut world = *world;
        world.workers[w] = worker;
        self.next.push((Step::Worker(w, does), world, kind));
    }

    fn worker(&mut self, world: &World, w: usize) {
        let me = world.workers[w];
        match me.at {
            At::Idle => return self.receive(world, w),
            At::Got => self.look(world, w),
            At::Decided => self.decided(world, w),
            At::Claimed => {
                self.does(w, Does::ReadsReply, world, Worker { at: At::Ready, ..me });
                if self.variant.is_without(Mutation::DoubtAsFailure) && world.left.doubt > 0 {
                    let doubting = world.spend(|left| &mut left.doubt);
                    let again = Worker { at: At::Got, attempt: 0, stale: false, ..me };
                    self.may(w, Does::LosesReply, &doubting, again);
                }
            }
            At::Ready | At::Checked | At::Sent => self.send(world, w),
            At::Knows => self.record(world, w),
            At::BackOff => self.claim_again(world, w),
            At::Acking => self.does(w, Does::Acks(me.number), world, IDLE),
        }
        self.worker_faults(world, w);
    }

    fn receive(&mut self, world: &World, w: usize) {
        for number in (0..NUMBERS).filter(|n| world.free[*n] > 0) {
            let mut next = *world;
            next.free[number] -= 1;
            let number = number as u8;
            let got = Worker { at: At::Got, number, holds: true, ..IDLE };
            self.does(w, Does::Receives(number), &next, got);
        }
    }

    fn look(&mut self, world: &World, w: usize) {
        let me = world.workers[w];
        let goes_on = Bridge::may_go_on(self.variant, world, me.number);
        if goes_on && world.lane == Lane::Closed {
            // routed to a lane that is closed: the row waits there
            self.settle(world, w, State::Waiting, Kind::Progress);
        } else if goes_on {
            let decided = Worker { at: At::Decided, saw_cancel: world.cancelled, ..me };
            self.does(w, Does::GoesOn, world, decided);
        } else if self.variant.is_without(Mutation::LargerNumberHeld)
            && world.state.is_some()
            && me.number > world.fence
            && me.holds
        {
            let mut next = *world;
            next.free[usize::from(me.number)] += 1;
            next.broken = Broken::Spins;
            self.does(w, Does::Requeues(me.number), &next, IDLE);
        } else {
            self.does(w, Does::AcksDead(me.number), world, IDLE);
        }
    }

    fn decided(&mut self, world: &World, w: usize) {
        let me = world.workers[w];
        if me.saw_cancel {
            return self.settle(world, w, State::Cancelled, Kind::Progress);
        }
        if world.past {
            return self.settle(world, w, State::Expired, Kind::Progress);
        }
        let taken = |c: u8| {
            let blocks = |t: &Try| t.channel == c && t.state.blocks_channel();
            world.attempts().iter().any(blocks)
        };
        if self.variant.has_next_channel() && (0..self.variant.channels).all(taken) {
            // no channel is left
            return self.settle(world, w, State::Refused, Kind::Progress);
        }
        if world.count >= self.variant.attempts {
            return self.bound(world);
        }
        for channel in 0..self.variant.channels {
            self.claim(world, w, channel);
        }
        if world.left.defer > 0 {
            let mut next = *world;
            next.left.defer -= 1;
            self.settle(&next, w, State::Waiting, Kind::Chance);
        }
        if world.left.end > 0 {
            let mut next = *world;
            next.left.end -= 1;
            for to in self.variant.ends {
                self.settle(&next, w, *to, Kind::Chance);
            }
        }
    }

    /// The search ends here: time passes instead of one more attempt or release.
    pub fn bound(&mut self, world: &World) {
        let next = World { past: true, ..*world };
        self.happens(Happens::Time("its time passes (bound of the search)"), next);
    }

    fn settle(&mut self, world: &World, w: usize, to: State, kind: Kind) {
        let me = world.workers[w];
        match self.bridge.apply(self.variant, world, Ask::Settle(me.number, to), None) {
            Ok(next) => self.push(w, Does::Settles(to), &next, acking(me), kind),
            Err(_) => self.push(w, Does::ClaimsNothing, world, Worker { at: At::Got, ..me }, kind),
        }
    }

    fn claim(&mut self, world: &World, w: usize, channel: u8) {
        let me = world.workers[w];
        let again = Worker { at: At::Got, saw_cancel: false, ..me };
        let compares = !self.variant.is_without(Mutation::RevisionNotCompared);
        if compares && me.saw_cancel != world.cancelled {
            return self.does(w, Does::ClaimsNothing, world, again);
        }
        let ask = Ask::Claim(me.number, channel);
        match self.bridge.apply(self.variant, world, ask, Some(w)) {
            Ok(next) => self.won(w, &next, channel),
            Err(_) => self.does(w, Does::ClaimsNothing, world, again),
        }
        if self.variant.ghost_claims && world.left.doubt > 0 {
            let mut next = world.spend(|left| &mut left.doubt);
            next.ghost = Ghost::Claim(me.number);
            self.may(w, Does::LeavesGhost, &next, me);
        }
    }

    fn won(&mut self, w: usize, next: &World, channel: u8) {
        let me = next.workers[w];
        // reading the reply is a step of its own only where it makes a difference
        let slow = self.variant.is_without(Mutation::ClockFromReply)
            || self.variant.is_without(Mutation::DoubtAsFailure);
        let at = if slow { At::Claimed } else { At::Ready };
        let owner = Worker { at, attempt: next.count, stale: false, saw_cancel: false, ..me };
        self.does(w, Does::Claims(next.count, channel), next, owner);
    }

    fn claim_again(&mut self, world: &World, w: usize) {
        let me = world.workers[w];
        let compares = !self.variant.is_without(Mutation::RevisionNotCompared)
            && !self.variant.is_without(Mutation::RevisionNotComparedAgain);
        let sees_cancel = compares && world.cancelled;
        if world.past || sees_cancel || world.count >= self.variant.attempts {
            return self.does(w, Does::GivesUpLease, world, acking(me));
        }
        for channel in 0..self.variant.channels {
            let ask = Ask::ClaimAgain(me.attempt, channel);
            match self.bridge.apply(self.variant, world, ask, Some(w)) {
                Ok(next) => self.won(w, &next, channel),
                Err(_) => self.does(w, Does::GivesUpLease, world, acking(me)),
            }
        }
        if self.variant.ghost_claims && world.left.doubt > 0 {
            let mut next = world.spend(|left| &mut left.doubt);
            next.ghost = Ghost::Again(me.attempt);
            self.may(w, Does::LeavesGhost, &next, me);
        }
    }
}

/// A worker that only has to ack.
pub fn acking(me: Worker) -> Worker {
    Worker { at: At::Acking, number: me.number, holds: me.holds, ..IDLE }
}
