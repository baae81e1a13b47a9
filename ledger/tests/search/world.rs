//! One state of the world: the row, its attempts, the provider, the broker, the processes, and what may still go wrong.

use crate::variant::{Budget, Variant};
use ledger::state::{AttemptState, Reach, State};

/// Attempts a state has room for.
pub const ATTEMPTS: usize = 3;
/// Release numbers a copy can carry in the search.
pub const NUMBERS: usize = 7;

/// What is between worker and provider for one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Nothing under way: not sent, lost, or the answer is of no interest any more.
    Silent,
    /// Bytes are under way.
    UnderWay,
    /// The provider answers that it has it.
    SaysAccepted,
    /// The provider answers that it does not take it now.
    SaysNotNow,
    /// The provider answers that it will never take it.
    SaysNever,
}

/// What the worker that made an attempt has told the ledger, whether or not the ledger listened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Nothing yet.
    None,
    /// Accepted.
    Accepted,
    /// Failed or refused: certainly not sent.
    NotSent,
    /// Unknown, or the worker is dead.
    NoIdea,
}

/// What a provider has said of the way of a message that it accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// That it arrived.
    Arrived,
    /// That it certainly did not.
    Lost,
    /// First the one and then the other.
    Both,
}

/// An attempt as the ledger has it, and as the world has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Try {
    /// State in the ledger.
    pub state: AttemptState,
    /// What the ledger knows of its way to the person.
    pub reach: Reach,
    /// What its provider has said of that.
    pub said: Said,
    /// Channel.
    pub channel: u8,
    /// The worker that made it.
    pub owner: u8,
    /// How often the provider accepted it.
    pub accepted: u8,
    /// Bytes and answers.
    pub wire: Wire,
    /// What its worker said.
    pub word: Word,
}

/// Where a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Holds nothing.
    Idle,
    /// Holds a copy and has not looked.
    Got,
    /// Looked, may go on, decided; its statement leaves next (and the boot clock is read).
    Decided,
    /// The claim is committed, its reply not read.
    Claimed,
    /// Knows that the attempt is its own; the age check and the bytes are next.
    Ready,
    /// The age was right; the bytes are next (only where the two are apart).
    Checked,
    /// The bytes left.
    Sent,
    /// Knows the outcome; it is not written.
    Knows,
    /// The attempt failed under a kept lease; the next claim is next.
    BackOff,
    /// Everything is durable; the ack is next.
    Acking,
}

/// What a worker knows of its attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    None,
    /// Accepted.
    Accepted,
    /// Certainly not sent.
    Failed,
    /// Refused for good.
    Refused,
    /// Cut or timed out.
    Unknown,
}

/// A worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worker {
    /// Where it is.
    pub at: At,
    /// Number of its copy; 0 is the clinic's own.
    pub number: u8,
    /// Its attempt, 0 for none.
    pub attempt: u8,
    /// More than five seconds passed since the clock was read.
    pub stale: bool,
    /// The broker still counts the copy as its own.
    pub holds: bool,
    /// What it knows.
    pub answer: Answer,
    /// The decision saw the cancellation.
    pub saw_cancel: bool,
}

/// A worker with nothing to do.
pub const IDLE: Worker = Worker {
    at: At::Idle,
    number: 0,
    attempt: 0,
    stale: false,
    holds: false,
    answer: Answer::None,
    saw_cancel: false,
};

/// Where a scheduler is. In this order: the busy one comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sweeper {
    /// Has this number to publish.
    Publishes(u8),
    /// Published this number and has not marked the row (only where the order is turned round).
    Marks(u8),
    /// Between two rows.
    Idle,
}

/// A statement that still runs in the database although its worker gave up on the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ghost {
    /// None.
    None,
    /// A claim by the copy with this number.
    Claim(u8),
    /// The next claim under the same lease, after this attempt.
    Again(u8),
}

/// The account, as everybody can read it in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// As ever.
    Open,
    /// Refused: nothing is released, and the provider takes nothing.
    Closed,
    /// Open again; once is enough.
    Reopened,
}

/// What a step broke that cannot be seen in the state afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Broken {
    /// Nothing.
    No,
    /// Claimed although an attempt was known to be accepted.
    ClaimedAfterAccepted,
    /// Claimed although the cancellation was committed before the statement began.
    ClaimedAfterCancel,
    /// Claimed although another attempt may have arrived.
    ClaimedInDoubt,
    /// A copy went back to the queue with nothing changed: broker and worker spin.
    Spins,
    /// Two accepted attempts and no alert, or an alert without them.
    AlertWrong,
}

/// The world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct World {
    /// State of the row, none before it is written.
    pub state: Option<State>,
    /// Its release number.
    pub fence: u8,
    /// How many attempts there are.
    pub count: u8,
    /// Attempts.
    pub tries: [Try; ATTEMPTS],
    /// Copies with the broker that no worker holds, by number.
    pub free: [u8; NUMBERS],
    /// Workers.
    pub workers: [Worker; 2],
    /// Schedulers.
    pub sweepers: [Sweeper; 2],
    /// A claim that still runs.
    pub ghost: Ghost,
    /// It is of no use any more.
    pub past: bool,
    /// It was cancelled: the revision rose.
    pub cancelled: bool,
    /// The person was erased.
    pub erased: bool,
    /// The account.
    pub lane: Lane,
    /// A person stopped it by hand: no revision rose.
    pub stopped: bool,
    /// What the last step broke.
    pub broken: Broken,
    /// What may still go wrong.
    pub left: Budget,
}

const NO_TRY: Try = Try {
    state: AttemptState::Open,
    reach: Reach::Unheard,
    said: Said::Nothing,
    channel: 0,
    owner: 0,
    accepted: 0,
    wire: Wire::Silent,
    word: Word::None,
};

impl World {
    /// The clinic has published one event.
    pub fn start(variant: &Variant) -> Self {
        let mut free = [0; NUMBERS];
        free[0] = 1;
        Self {
            state: None,
            fence: 0,
            count: 0,
            tries: [NO_TRY; ATTEMPTS],
            free,
            workers: [IDLE; 2],
            sweepers: [Sweeper::Idle; 2],
            ghost: Ghost::None,
            past: false,
            cancelled: false,
            erased: false,
            lane: Lane::Open,
            stopped: false,
            broken: Broken::No,
            left: variant.budget,
        }
    }

    /// Attempts that exist.
    pub fn attempts(&self) -> &[Try] {
        &self.tries[..usize::from(self.count)]
    }

    /// Attempt `n`, counted from 1.
    pub fn attempt(&mut self, n: u8) -> &mut Try {
        &mut self.tries[usize::from(n) - 1]
    }

    /// Adds an attempt made by a worker, or by a statement that nobody waits for.
    pub fn add_attempt(&mut self, channel: u8, owner: Option<usize>) {
        let word = if owner.is_some() { Word::None } else { Word::NoIdea };
        let owner = owner.map_or(0, |w| w as u8);
        self.tries[usize::from(self.count)] = Try { channel, owner, word, ..NO_TRY };
        self.count += 1;
    }

    /// Spends one fault; the last one spends all.
    pub fn spend(mut self, what: impl FnOnce(&mut Budget) -> &mut u8) -> Self {
        *what(&mut self.left) -= 1;
        self.left.total -= 1;
        if self.left.total == 0 {
            let Budget { defer, end, replay, lie, .. } = self.left;
            self.left = Budget { defer, end, replay, lie, ..Budget::NONE };
        }
        self
    }

    /// Nobody has anything to do, and the row is final.
    pub fn is_quiet(&self) -> bool {
        self.state.is_some_and(State::is_final)
            && self.free == [0; NUMBERS]
            && self.workers == [IDLE; 2]
            && self.sweepers == [Sweeper::Idle; 2]
            && self.ghost == Ghost::None
    }

    /// The same world with the two workers, and the two schedulers, in one order; says whether the workers changed places.
    pub fn canonical(mut self) -> (Self, bool) {
        for n in 1..=self.count {
            self.forget_unread_answer(n);
        }
        self.sweepers.sort_unstable();
        let swap = self.workers[1].key() < self.workers[0].key();
        if swap {
            self.workers.swap(0, 1);
            for n in 1..=self.count {
                self.attempt(n).owner ^= 1;
            }
        }
        (self, swap)
    }

    /// An answer that nobody reads any more is as good as none; a refusal can still be found in the report.
    fn forget_unread_answer(&mut self, n: u8) {
        let reads = self.workers.iter().any(|w| w.at == At::Sent && w.attempt == n);
        let attempt = self.attempt(n);
        if !reads && matches!(attempt.wire, Wire::SaysAccepted | Wire::SaysNotNow) {
            attempt.wire = Wire::Silent;
        }
    }

    /// A number for this world that no other has.
    pub fn key(&self) -> u128 {
        let mut key = Key(0, 0);
        key.put(self.state.map_or(0, |s| s as u8 + 1), 4);
        key.put(self.fence, 4);
        key.put(self.count, 2);
        for attempt in &self.tries {
            key.put_wide(attempt.key(), 13);
        }
        for copies in self.free {
            key.put(copies, 2);
        }
        for worker in &self.workers {
            key.put_wide(worker.key(), 15);
        }
        for sweeper in self.sweepers {
            key.put(
                match sweeper {
                    Sweeper::Idle => 0,
                    Sweeper::Publishes(n) => n,
                    Sweeper::Marks(n) => n | 8,
                },
                4,
            );
        }
        key.put(
            match self.ghost {
                Ghost::None => 0,
                Ghost::Claim(n) => 1 + n,
                Ghost::Again(n) => 8 + n,
            },
            4,
        );
        key.put(u8::from(self.past) | u8::from(self.cancelled) << 1, 2);
        key.put(u8::from(self.erased) | u8::from(self.stopped) << 1, 2);
        key.put(self.lane as u8, 2);
        key.put(self.broken as u8, 3);
        let left = self.left;
        for one in [left.crash, left.connection, left.scheduler, left.loss, left.duplicate] {
            key.put(one, 1);
        }
        for one in [left.doubt, left.defer, left.end, left.replay, left.lie] {
            key.put(one, 1);
        }
        key.put(left.total, 2);
        key.0
    }
}

impl Budget {
    /// Nothing goes wrong any more.
    pub const NONE: Self = Self {
        crash: 0,
        connection: 0,
        scheduler: 0,
        loss: 0,
        duplicate: 0,
        doubt: 0,
        total: 0,
        defer: 0,
        end: 0,
        replay: 0,
        lie: 0,
    };
}

impl Try {
    /// Digits of different bases: of what one part rules out of another there is no number.
    fn key(self) -> u16 {
        let accepted = self.state == AttemptState::Accepted;
        assert!(accepted || self.reach == Reach::Unheard, "only what is accepted is heard of");
        assert!(self.accepted <= 2 && (self.accepted > 0 || self.said == Said::Nothing));
        let heard = match self.reach {
            Reach::Unheard => self.state as u16,
            reach => 5 + reach as u16,
        };
        let taken = match self.accepted {
            0 => 0,
            times => 1 + 4 * u16::from(times - 1) + self.said as u16,
        };
        let digits = [
            (u16::from(self.channel), 2),
            (u16::from(self.owner), 2),
            (taken, 9),
            (self.wire as u16, 5),
            (self.word as u16, 4),
        ];
        digits.into_iter().fold(heard, |key, (digit, base)| key * base + digit)
    }
}

impl Worker {
    fn key(self) -> u16 {
        let flags =
            u16::from(self.stale) | u16::from(self.holds) << 1 | u16::from(self.saw_cancel) << 2;
        self.at as u16
            | u16::from(self.number) << 4
            | u16::from(self.attempt) << 7
            | (self.answer as u16) << 9
            | flags << 12
    }
}

/// Bits so far, and how many.
struct Key(u128, u32);

impl Key {
    fn put(&mut self, value: u8, bits: u32) {
        self.put_wide(u16::from(value), bits);
    }

    fn put_wide(&mut self, value: u16, bits: u32) {
        assert!(value >> bits == 0, "{value} does not fit into {bits} bits of the key");
        assert!(self.1 + bits <= 128, "the key is full");
        self.0 |= u128::from(value) << self.1;
        self.1 += bits;
    }
}
