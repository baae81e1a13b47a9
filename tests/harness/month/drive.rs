//! Lets a month pass: the clocks jump from one instant at which something happens to the next, and only while nothing is in flight.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use serde_json::Value;
use simulator::Simulator;

use super::book::{Happening, Month};
use super::calendar::{Clinic, Ms, first, last};
use super::clocks::{Clocks, Received};
use super::model::{Expected, Model};
use super::random::Random;
use crate::harness::PATIENCE;

/// So long after an instant the clocks stop: whatever is due at it is due.
const JUST_AFTER: Ms = 100;
/// Pause between two looks at what is under way.
const LOOK_EVERY: Duration = Duration::from_millis(4);
/// What moves no more after so long waits for time to pass: a lane's probe, the patience with a copy that was lost.
const STUCK: Duration = Duration::from_secs(2);
/// So much time passes then.
const CREEP: Ms = 10_000;
/// Facts that arrive together.
const FACTS_AT_ONCE: usize = 200;

/// An installation in which a month passes.
pub trait Place {
    /// The outside world.
    fn outside(&self) -> &Simulator;
    /// Moves the ledger's clock so far from the machine's; every process knows it when this returns.
    async fn move_clock(&mut self, by: Ms);
    /// What is under way or due at `now`, and when the next row is due after that.
    async fn look(&self, now: Ms) -> (u64, Option<Ms>);
    /// Facts of one clinic arrive, in this order; they are applied when this returns.
    async fn facts(&mut self, clinic: Clinic, events: &[Value]);
    /// A notification that a clinic publishes itself; it is taken in when this returns.
    async fn direct(&mut self, clinic: Clinic, event: &Value);
    /// Something goes wrong, if it may.
    async fn disturb(&mut self, random: &mut Random);
}

/// A month that has passed.
#[derive(Debug)]
pub struct Passed {
    /// What everybody had to get, in order.
    pub expected: Vec<Expected>,
    /// What everybody got, in order.
    pub received: Vec<Received>,
    /// Jumps of the clock.
    pub jumps: usize,
    /// Notifications that clinics published beside the plan.
    pub directs: usize,
    /// How often time had to pass for something to go on.
    pub creeps: usize,
}

/// Lets it pass.
pub async fn pass<P: Place>(month: &Month, place: &mut P, seed: u64) -> Passed {
    let mut run = Run {
        month,
        place,
        clocks: Clocks::default(),
        model: Model::new(month),
        random: Random(seed),
        seen: 0,
        passed: Passed { expected: vec![], received: vec![], jumps: 0, directs: 0, creeps: 0 },
    };
    run.go(first()).await;
    let mut coming: VecDeque<(Ms, Happening)> = month.happenings.iter().cloned().collect();
    loop {
        let (_, due) = run.place.look(run.clocks.ledger()).await;
        let due = due.map(|at| at - run.clocks.skew());
        let happens = coming.front().map(|(at, _)| *at);
        let Some(next) = due.into_iter().chain(happens).min() else { break };
        run.go(next).await;
        let mut now = vec![];
        while let Some((_, what)) = coming.pop_front_if(|(at, _)| *at <= next) {
            now.push(what);
        }
        run.happen(&now).await;
    }
    run.model.pass(last());
    Passed { expected: run.model.expected, ..run.passed }
}

struct Run<'a, P> {
    month: &'a Month,
    place: &'a mut P,
    clocks: Clocks,
    model: Model<'a>,
    random: Random,
    /// Number of the last message that was looked at.
    seen: u64,
    passed: Passed,
}

impl<P: Place> Run<'_, P> {
    /// It becomes `at` in the world, and what is due then goes out.
    async fn go(&mut self, at: Ms) {
        self.clocks.go(at + JUST_AFTER, self.place.outside());
        self.passed.jumps += 1;
        self.set_clock().await;
        self.place.disturb(&mut self.random).await;
        self.settle().await;
    }

    async fn set_clock(&mut self) {
        self.model.pass(self.clocks.ledger());
        self.place.move_clock(self.clocks.moved()).await;
    }

    /// Waits until nothing is due or in flight.
    async fn settle(&mut self) {
        let give_up = Instant::now() + PATIENCE;
        let mut moved = (Instant::now(), u64::MAX);
        loop {
            let (busy, _) = self.place.look(self.clocks.ledger()).await;
            if busy == 0 {
                break;
            }
            assert!(Instant::now() < give_up, "{busy} rows are due or in flight and stay so");
            if busy != moved.1 {
                moved = (Instant::now(), busy);
            } else if moved.0.elapsed() > STUCK {
                moved = (Instant::now(), busy);
                self.passed.creeps += 1;
                self.clocks.go(self.clocks.world() + CREEP, self.place.outside());
                self.set_clock().await;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.receive();
    }

    /// Notes what has arrived by the clocks as they are.
    fn receive(&mut self) {
        for message in self.place.outside().messages_after(self.seen) {
            self.seen = message.n;
            let at = chrono::DateTime::parse_from_rfc3339(&message.at).expect("RFC 3339");
            let world_at = at.timestamp_millis();
            let ledger_at = world_at + self.clocks.skew();
            let (to, text) = (message.to, message.text);
            self.passed.received.push(Received { ledger_at, world_at, to, text });
        }
    }

    async fn happen(&mut self, what: &[Happening]) {
        let mut facts: Vec<usize> = vec![];
        for happening in what {
            match happening {
                Happening::Fact(said) => facts.push(*said),
                Happening::Direct(visit) => {
                    self.tell(&std::mem::take(&mut facts)).await;
                    self.direct(*visit).await;
                }
                Happening::Skew(skew) => {
                    self.tell(&std::mem::take(&mut facts)).await;
                    self.clocks.set_skew(*skew);
                    self.set_clock().await;
                    self.settle().await;
                }
            }
        }
        self.tell(&facts).await;
    }

    /// Facts arrive, clinic by clinic. One that is repeated comes in a delivery of its own.
    async fn tell(&mut self, said: &[usize]) {
        for clinic in Clinic::ALL {
            let ours =
                |index: &&usize| self.month.visits[self.month.said[**index].visit].clinic == clinic;
            let mut batch: Vec<usize> = vec![];
            for index in said.iter().filter(ours).copied().collect::<Vec<_>>() {
                if batch.len() == FACTS_AT_ONCE || batch.contains(&index) {
                    self.deliver(clinic, &std::mem::take(&mut batch)).await;
                }
                batch.push(index);
            }
            self.deliver(clinic, &batch).await;
        }
        self.settle().await;
    }

    async fn deliver(&mut self, clinic: Clinic, batch: &[usize]) {
        let said = || batch.iter().map(|index| &self.month.said[*index]);
        let events: Vec<Value> =
            said().map(|said| self.month.visits[said.visit].fact(said)).collect();
        if events.is_empty() {
            return;
        }
        let now = self.clocks.ledger();
        said().for_each(|said| self.model.hear(said, now));
        self.place.facts(clinic, &events).await;
    }

    async fn direct(&mut self, visit: usize) {
        let (now, time) = (self.clocks.ledger(), self.clocks.world());
        if let Some((version, starts_at, with)) = self.model.direct(visit, now) {
            let visit = &self.month.visits[visit];
            let event = visit.direct(version, starts_at, with, time);
            self.passed.directs += 1;
            self.place.direct(visit.clinic, &event).await;
            self.settle().await;
        }
    }
}

impl Passed {
    /// Whom somebody wrote to.
    pub fn people(&self) -> usize {
        self.received.iter().map(|one| &one.to).collect::<BTreeSet<_>>().len()
    }
}
