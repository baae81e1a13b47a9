//! Provider, time, reconciliation, schedulers, broker, and people.

use crate::attempt::grow_stale;
use crate::bridge::Ask;
use crate::steps::{Happens, Steps};
use crate::variant::{Mutation, Policy};
use crate::world::{Ghost, Lane, NUMBERS, Said, Sweeper, Wire, Word, World};
use ledger::protocol::{Outcome, ReceiptKind};
use ledger::state::State;

/// Copies of one number that the key has room for; more of the same would show nothing new.
const COPIES: u8 = 3;

impl Steps<'_> {
    /// Everything that no worker does.
    pub fn surroundings(&mut self, world: &World) {
        for n in 1..=world.count {
            self.provider(world, n);
        }
        if world.state == Some(State::Sending) {
            self.ledger(world, Ask::LeaseRanOut, "the lease ran out of attempt", world.count);
        }
        if world.state == Some(State::Unknown) {
            self.reconcile(world);
        }
        for s in 0..usize::from(self.variant.schedulers) {
            self.scheduler(world, s);
        }
        self.ghost(world);
        self.people(world);
        self.broker_faults(world);
    }

    fn ledger(&mut self, world: &World, ask: Ask, what: &'static str, n: u8) {
        if let Ok(mut next) = self.bridge.apply(self.variant, world, ask, None) {
            let too_early = self.variant.is_without(Mutation::LeaseTooShort);
            let minutes = matches!(ask, Ask::LeaseRanOut | Ask::Absent(..) | Ask::GiveUp(..));
            if minutes && !too_early {
                grow_stale(&mut next, n, self.variant.is_without(Mutation::ClockFromReply));
            }
            self.happens(Happens::Ledger(what, n), next);
        }
    }

    fn provider(&mut self, world: &World, n: u8) {
        let mut next = *world;
        if next.attempt(n).wire != Wire::UnderWay {
            return;
        }
        let mut answers = |steps: &mut Self, what, wire, accepted| {
            next.attempt(n).wire = wire;
            let mut next = next;
            next.attempt(n).accepted += accepted;
            steps.happens(Happens::Provider(what, n), next);
        };
        answers(self, "never sees", Wire::Silent, 0);
        if world.lane == Lane::Closed {
            return answers(self, "refuses the account, so does not take", Wire::SaysNotNow, 0);
        }
        answers(self, "accepts", Wire::SaysAccepted, 1);
        if self.variant.provider_says_no {
            answers(self, "does not take now", Wire::SaysNotNow, 0);
            answers(self, "refuses for good", Wire::SaysNever, 0);
        }
    }

    /// Rule 9 as an oracle: absent may be said only of what the provider has not accepted, and only when no bytes are under way
    /// and, minutes having passed, no worker can still send them. Rule 20: nobody looks, it is given up.
    fn reconcile(&mut self, world: &World) {
        let n = world.count;
        let Some(attempt) = world.attempts().last() else { return };
        if world.erased {
            return self.ledger(world, Ask::GiveUp(n), "erased, so not looked for: attempt", n);
        }
        let settled =
            attempt.wire != Wire::UnderWay || self.variant.is_without(Mutation::BytesLate);
        if self.variant.may_give_up() && settled {
            self.ledger(world, Ask::GiveUp(n), "given up without a look: attempt", n);
        }
        if self.variant.policy == Policy::GiveUp {
            return;
        }
        if attempt.accepted > 0 {
            let ask = Ask::Outcome(n, Outcome::Accepted);
            self.ledger(world, ask, "the report shows attempt", n);
        }
        if attempt.wire == Wire::SaysNever {
            let next_channel = attempt.channel + 1 < self.variant.channels;
            let ask = Ask::Outcome(n, Outcome::Refused { next_channel });
            self.ledger(world, ask, "the report shows the refusal of attempt", n);
        }
        let behind = self.variant.is_without(Mutation::ReportLag);
        let lies = attempt.accepted > 0 && (behind || world.left.lie > 0);
        if settled && (attempt.accepted == 0 || lies) {
            let mut next = *world;
            if lies && !behind {
                next.left.lie -= 1;
            }
            let resend = self.variant.policy != Policy::Stop;
            let ask = Ask::Absent(n, resend, !world.past);
            self.ledger(&next, ask, "the report does not show attempt", n);
        }
    }

    fn scheduler(&mut self, world: &World, s: usize) {
        let turned = self.variant.is_without(Mutation::PublishBeforeCommit);
        let with = |world: &World, sweeper| {
            let mut next = *world;
            next.sweepers[s] = sweeper;
            next
        };
        match world.sweepers[s] {
            Sweeper::Idle => {
                if self.falls_back(world) {
                    let what = "nothing was heard of it, the row waits for its next channel after";
                    return self.ledger(world, Ask::Overdue, what, world.count);
                }
                let patient = self.variant.is_without(Mutation::NoPatience);
                let due = match world.state {
                    Some(State::Waiting) => world.lane != Lane::Closed || world.past,
                    Some(State::Released) => !patient,
                    _ => false,
                };
                if !due {
                    return;
                }
                let number = world.fence + 1;
                if world.past {
                    self.ledger(
                        world,
                        Ask::Expire,
                        "its time passed, the row ends, release",
                        number,
                    );
                } else if world.fence >= self.variant.releases {
                    self.bound(world);
                } else if turned && world.state == Some(State::Waiting) {
                    let next = with(world, Sweeper::Publishes(number));
                    self.happens(Happens::Scheduler("picks the row for release", number), next);
                } else if let Ok(next) = self.bridge.apply(self.variant, world, Ask::Release, None)
                {
                    let next = with(&next, Sweeper::Publishes(number));
                    self.happens(Happens::Scheduler("commits release", number), next);
                }
            }
            Sweeper::Publishes(number) => {
                let mut next = *world;
                let copies = &mut next.free[usize::from(number)];
                *copies = COPIES.min(*copies + 1);
                let then = if turned { Sweeper::Marks(number) } else { Sweeper::Idle };
                self.happens(Happens::Scheduler("publishes copy", number), with(&next, then));
                if world.left.duplicate > 0 {
                    let next = next.spend(|left| &mut left.duplicate);
                    let what = "HAS NO CONFIRM and will publish again: copy";
                    self.may_happen(Happens::Scheduler(what, number), next);
                }
            }
            Sweeper::Marks(number) => {
                let mut next = with(world, Sweeper::Idle);
                if world.state == Some(State::Waiting) && world.fence + 1 == number {
                    let marked = self.bridge.apply(self.variant, &next, Ask::Release, None);
                    next = marked.unwrap_or(next);
                }
                self.happens(Happens::Scheduler("marks release", number), next);
            }
        }
        if world.sweepers[s] != Sweeper::Idle && world.left.scheduler > 0 {
            let next = with(world, Sweeper::Idle).spend(|left| &mut left.scheduler);
            self.may_happen(Happens::Scheduler("CRASHES before its step with", world.fence), next);
        }
    }

    /// Accepted, no receipt, and the other channel was not tried.
    fn falls_back(&self, world: &World) -> bool {
        self.variant.fallback
            && world.state == Some(State::Accepted)
            && !world.past
            && world.fence < self.variant.releases
            && world.count < self.variant.attempts
            && world.attempts().iter().all(|it| it.channel == 0)
    }

    /// What providers say of messages that they have, in any order and as often as they like.
    fn receipts(&mut self, world: &World) {
        for n in 1..=world.count {
            let attempt = world.attempts()[usize::from(n) - 1];
            if attempt.accepted == 0 {
                continue;
            }
            let both = self.variant.contradicting;
            let next_channel = attempt.channel + 1 < self.variant.channels;
            self.receipt(world, n, ReceiptKind::Has, "says that it has", attempt.said);
            let said = match attempt.said {
                Said::Nothing | Said::Arrived => Some(Said::Arrived),
                Said::Lost | Said::Both => both.then_some(Said::Both),
            };
            if let Some(said) = said {
                self.receipt(world, n, ReceiptKind::Arrived, "says that there arrived", said);
            }
            let said = match attempt.said {
                Said::Nothing | Said::Lost => Some(Said::Lost),
                Said::Arrived | Said::Both => both.then_some(Said::Both),
            };
            if let Some(said) = said {
                let lost = ReceiptKind::Lost { next_channel };
                self.receipt(world, n, lost, "says that there was lost", said);
            }
        }
    }

    fn receipt(&mut self, world: &World, n: u8, kind: ReceiptKind, what: &'static str, said: Said) {
        let ask = Ask::Receipt(n, kind, !world.past);
        let Ok(mut next) = self.bridge.apply(self.variant, world, ask, None) else { return };
        let attempt = next.attempt(n);
        attempt.said = said;
        if attempt.word == Word::NoIdea {
            // whoever made it is dead, and it is known all the same
            attempt.word = Word::Accepted;
        }
        self.may_happen(Happens::Provider(what, n), next);
    }

    /// A statement whose worker gave up on it commits late, or never.
    fn ghost(&mut self, world: &World) {
        let gone = World { ghost: Ghost::None, ..*world };
        let ask = match world.ghost {
            Ghost::None => return,
            Ghost::Claim(number) => Ask::Claim(number, 0),
            Ghost::Again(n) => Ask::ClaimAgain(n, 0),
        };
        self.happens(
            Happens::Ledger("the lost claim ends without a commit, copy or attempt", 0),
            gone,
        );
        if world.count < self.variant.attempts
            && let Ok(next) = self.bridge.apply(self.variant, &gone, ask, None)
        {
            self.happens(
                Happens::Ledger("the lost claim commits after all: attempt", next.count),
                next,
            );
        }
    }

    fn people(&mut self, world: &World) {
        if self.variant.time_passes && !world.past {
            self.may_happen(Happens::Time("its time passes"), World { past: true, ..*world });
        }
        if self.variant.cancel && !world.cancelled {
            // one transaction: the revision rises, and a row that waits or is released ends
            let next = self.bridge.apply(self.variant, world, Ask::Cancel, None).unwrap_or(*world);
            let next = World { cancelled: true, ..next };
            self.may_happen(Happens::Time("somebody cancels"), next);
        }
        if self.variant.erase && !world.erased {
            let next = self.bridge.apply(self.variant, world, Ask::Cancel, None).unwrap_or(*world);
            let next = World { cancelled: true, erased: true, ..next };
            self.may_happen(Happens::Time("the person is erased"), next);
        }
        if self.variant.lanes && world.lane == Lane::Open {
            let next = World { lane: Lane::Closed, ..*world };
            self.may_happen(Happens::Time("the account is refused, its lane closes"), next);
        }
        if world.lane == Lane::Closed {
            let next = World { lane: Lane::Reopened, ..*world };
            self.happens(Happens::Time("a probe opens the lane"), next);
        }
        if self.variant.receipts {
            self.receipts(world);
        }
        if self.variant.stop
            && !world.stopped
            && let Ok(next) = self.bridge.apply(self.variant, world, Ask::Cancel, None)
        {
            let next = World { stopped: true, ..next };
            self.may_happen(Happens::Time("somebody stops it by hand"), next);
        }
        if world.left.end > 0
            && self.variant.ends.contains(&State::DeadLettered)
            && let Ok(mut next) = self.bridge.apply(self.variant, world, Ask::DeadLetter, None)
        {
            next.left.end -= 1;
            self.may_happen(
                Happens::Time("a copy came back too often, the row is dead-lettered"),
                next,
            );
        }
        if world.left.replay > 0
            && let Ok(mut next) = self.bridge.apply(self.variant, world, Ask::Replay, None)
        {
            next.left.replay -= 1;
            self.may_happen(Happens::Time("somebody replays the dead letter"), next);
        }
    }

    fn broker_faults(&mut self, world: &World) {
        if world.left.loss > 0 {
            for number in (1..NUMBERS).filter(|n| world.free[*n] > 0) {
                let mut next = *world;
                next.free[number] -= 1;
                let next = next.spend(|left| &mut left.loss);
                self.may_happen(Happens::Broker("LOSES copy", number as u8), next);
            }
        }
        if world.left.duplicate > 0 && world.free[0] < COPIES {
            let mut next = *world;
            next.free[0] += 1;
            let next = next.spend(|left| &mut left.duplicate);
            self.may_happen(Happens::Broker("the clinic PUBLISHES AGAIN, copy", 0), next);
        }
    }
}
