//! From the claim to the written outcome, and what can go wrong with a worker meanwhile.

use crate::bridge::Ask;
use crate::steps::{Does, Steps, acking};
use crate::variant::Mutation;
use crate::world::{Answer, At, IDLE, Lane, Wire, Word, Worker, World};
use ledger::protocol::Outcome;
use ledger::state::State;

impl Steps<'_> {
    /// The age check, the bytes, the answer.
    pub fn send(&mut self, world: &World, w: usize) {
        let me = world.workers[w];
        let knows = |answer| Worker { at: At::Knows, answer, stale: false, ..me };
        let n = me.attempt;
        match me.at {
            At::Ready if me.stale => {
                self.does(w, Does::TooOld(n), world, knows(Answer::Failed));
            }
            At::Ready => {
                // five seconds may pass without the lease running out
                self.does(w, Does::TooOld(n), world, knows(Answer::Failed));
                if self.variant.is_without(Mutation::StoppedAfterCheck) {
                    self.does(w, Does::ChecksAge(n), world, Worker { at: At::Checked, ..me });
                } else {
                    self.bytes(world, w);
                }
            }
            At::Checked => self.bytes(world, w),
            _ => {
                let read = match world.attempts()[usize::from(n) - 1].wire {
                    Wire::SaysAccepted => Some(Answer::Accepted),
                    Wire::SaysNotNow => Some(Answer::Failed),
                    Wire::SaysNever => Some(Answer::Refused),
                    Wire::Silent | Wire::UnderWay => None,
                };
                for answer in read.into_iter().chain([Answer::Unknown]) {
                    self.does(w, Does::Reads(name(answer), n), world, knows(answer));
                }
            }
        }
    }

    fn bytes(&mut self, world: &World, w: usize) {
        let me = world.workers[w];
        let mut next = *world;
        next.attempt(me.attempt).wire = Wire::UnderWay;
        let sent = Worker { at: At::Sent, stale: false, ..me };
        self.does(w, Does::Sends(me.attempt), &next, sent);
    }

    /// The outcome is written, or was already.
    pub fn record(&mut self, world: &World, w: usize) {
        let me = world.workers[w];
        let useful = !world.past;
        match me.answer {
            Answer::Accepted => self.write(world, w, Outcome::Accepted),
            Answer::Refused => {
                let channel = world.attempts()[usize::from(me.attempt) - 1].channel;
                let next_channel = channel + 1 < self.variant.channels;
                self.write(world, w, Outcome::Refused { next_channel });
            }
            Answer::Failed
                if world.lane == Lane::Closed && self.variant.is_without(Mutation::LaneBurns) =>
            {
                self.write(world, w, Outcome::Refused { next_channel: false });
            }
            Answer::Failed => {
                self.write(world, w, Outcome::Failed { keep_lease: false, useful });
                if self.variant.quick_retry && useful && world.count < self.variant.attempts {
                    self.write(world, w, Outcome::Failed { keep_lease: true, useful });
                }
            }
            Answer::None | Answer::Unknown => self.write(world, w, Outcome::Unknown),
        }
    }

    fn write(&mut self, world: &World, w: usize, outcome: Outcome) {
        let me = world.workers[w];
        let n = me.attempt;
        let is_last = world.count == n;
        let on_time = is_last && matches!(world.state, Some(State::Sending | State::Unknown));
        let fenced = self.variant.is_without(Mutation::LateOutcomeFenced)
            && !(on_time && world.fence == me.number);
        let written = if fenced {
            None
        } else {
            self.bridge.apply(self.variant, world, Ask::Outcome(n, outcome), None).ok()
        };
        let applied = written.is_some();
        let mut next = written.unwrap_or(*world);
        next.attempt(n).word = match outcome {
            Outcome::Accepted => Word::Accepted,
            Outcome::Refused { .. } | Outcome::Failed { .. } => Word::NotSent,
            Outcome::Unknown => Word::NoIdea,
        };
        let keeps = matches!(outcome, Outcome::Failed { keep_lease: true, .. });
        let then = if keeps && applied {
            Worker { at: At::BackOff, answer: Answer::None, ..me }
        } else {
            acking(me)
        };
        self.does(w, Does::Writes(name(me.answer), n), &next, then);
        if applied && world.left.doubt > 0 {
            // written, but the worker does not know it and writes again
            let doubting = next.spend(|left| &mut left.doubt);
            self.may(w, Does::WritesInDoubt(name(me.answer), n), &doubting, me);
        }
    }

    /// Crash and loss of the connection, at any point.
    pub fn worker_faults(&mut self, world: &World, w: usize) {
        let me = world.workers[w];
        let mut next = *world;
        if me.holds {
            next.free[usize::from(me.number)] += 1;
        }
        if me.holds && world.left.connection > 0 {
            let zombie = Worker { holds: false, ..me };
            let next = next.spend(|left| &mut left.connection);
            self.may(w, Does::LosesConnection(me.number), &next, zombie);
        }
        if world.left.crash > 0 {
            if me.attempt > 0 && next.attempt(me.attempt).word == Word::None {
                next.attempt(me.attempt).word = Word::NoIdea;
            }
            self.may(w, Does::Crashes, &next.spend(|left| &mut left.crash), IDLE);
        }
    }
}

/// A worker that has not sent minutes later finds its claim too old.
pub fn grow_stale(world: &mut World, n: u8, clock_from_reply: bool) {
    for worker in world.workers.iter_mut().filter(|worker| worker.attempt == n) {
        let counts = worker.at == At::Ready || worker.at == At::Claimed && !clock_from_reply;
        worker.stale |= counts;
    }
}

fn name(answer: Answer) -> &'static str {
    match answer {
        Answer::Accepted => "Accepted",
        Answer::Failed => "Failed",
        Answer::Refused => "Refused",
        Answer::None | Answer::Unknown => "Unknown",
    }
}
