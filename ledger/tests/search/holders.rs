//! Two processes that may look for an unknown attempt, one of which may be stopped while it does (PROTOCOL rule 9, transitions 10
//! to 13), against `protocol::apply`: whose look counts, how often one scan counts, what a stopped worker's word does to it.
//!
//! What a scan can show is taken as right here if it is the last of the three (`evidence.rs` says when it is): a message that
//! was accepted shows from one of the looks on, at the latest from the last one that is needed.

use crate::deep::Steps;
use ledger::protocol::{self, Attempt, Command, Copy, Outcome, Row};
use ledger::state::{AttemptState, Reach, State};

#[path = "holders/runs.rs"]
mod runs;

/// Looks that make an attempt absent.
const LOOKS: u8 = 3;
/// From which look on a message shows that is accepted and never shows, although a later control does: the named residue.
const NEVER: u8 = LOOKS + 1;
const ATTEMPTS: usize = 3;
const NAMES: [&str; 2] = ["holder 1", "holder 2"];

#[derive(Debug, Clone, Copy)]
struct Rules {
    /// A look writes only under the hold that it was made under.
    fence: bool,
    /// A look writes only if nobody's look, its own lost one included, was written since it was begun.
    counter: bool,
    /// A look is for one attempt.
    tied: bool,
    /// A look that proves nothing does not count.
    proof: bool,
    /// Looks that are needed.
    looks: u8,
    /// At most one resend a notification.
    once: bool,
    /// `x-ulak.on_unknown: resend`.
    resend: bool,
    /// Accepted messages may stay hidden for ever.
    lies: bool,
    /// Twice is judged although accepted messages may stay hidden.
    strict: bool,
    /// Most attempts.
    attempts: u8,
    /// How often a hold runs out while its holder is stopped; how often the reply to a look is lost; how often a scan proves nothing.
    faults: [u8; 3],
}

const OURS: Rules = Rules {
    fence: true,
    counter: true,
    tied: true,
    proof: true,
    looks: LOOKS,
    once: true,
    resend: true,
    lies: false,
    strict: false,
    attempts: 2,
    faults: [1, 1, 0],
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Wire {
    Before,
    UnderWay,
    Never,
    /// Shows from this look on.
    Accepted(u8),
}

/// What the worker of an attempt knows and has not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Mind {
    /// Nothing yet.
    Open,
    Accepted,
    NotSent,
    /// It is dead, or has written.
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Try {
    state: AttemptState,
    wire: Wire,
    mind: Mind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Saw {
    Found,
    NotThere,
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum At {
    Idle,
    /// Read that attempt `n` is due, and scanned for it.
    Scanned {
        n: u8,
        saw: Saw,
        /// The fence is still the one that it read.
        held: bool,
        /// The number of looks is still the one that it read.
        fresh: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct World {
    state: State,
    number: u8,
    count: u8,
    tries: [Try; ATTEMPTS],
    /// Who has the hold.
    hold: Option<u8>,
    /// Of the last attempt: looks that were absences, the time for which look has come, it is due.
    absences: u8,
    time: u8,
    due: bool,
    /// `reconcile.give_up` is over.
    late: bool,
    holders: [At; 2],
    takeovers: u8,
    lost_replies: u8,
    nothings: u8,
    /// Sent again although its type says `stop`.
    defied: bool,
}

const NO_TRY: Try = Try { state: AttemptState::Open, wire: Wire::Before, mind: Mind::Gone };

const START: World = World {
    state: State::Sending,
    number: 0,
    count: 1,
    tries: [Try { mind: Mind::Open, ..NO_TRY }, NO_TRY, NO_TRY],
    hold: None,
    absences: 0,
    time: 0,
    due: false,
    late: false,
    holders: [At::Idle; 2],
    takeovers: 0,
    lost_replies: 0,
    nothings: 0,
    defied: false,
};

impl World {
    fn row(&self) -> Row {
        let attempts = self.tries[..usize::from(self.count)].iter();
        Row {
            state: self.state,
            fence: u64::from(self.number),
            attempts: attempts
                .map(|it| Attempt {
                    channel: "sms".to_owned(),
                    state: it.state,
                    reach: Reach::Unheard,
                })
                .collect(),
        }
    }

    /// What the ledger's own function makes of it; `None`: nothing is written.
    fn apply(&self, rules: Rules, command: &Command) -> Option<Self> {
        let change = protocol::apply(Some(&self.row()), command).ok()?;
        let mut next = *self;
        let bent = matches!(command, Command::Absent { .. }) && !rules.once && rules.resend;
        next.state = if bent { State::Waiting } else { change.row.state };
        next.number = change.row.fence as u8;
        for (mine, theirs) in next.tries.iter_mut().zip(&change.row.attempts) {
            mine.state = theirs.state;
        }
        if change.row.last() as u8 > self.count {
            next.tries[usize::from(self.count)].mind = Mind::Open;
            next.count += 1;
        }
        if next.state != State::Unknown || self.state != State::Unknown {
            next = Self { absences: 0, time: 0, due: false, late: false, ..next };
        }
        // how long an attempt hides whose turn is over does not matter
        for it in &mut next.tries[..usize::from(next.count) - 1] {
            if let Wire::Accepted(from) = &mut it.wire {
                *from = 1;
            }
        }
        Some(next)
    }

    fn with(mut self, h: usize, at: At) -> Self {
        self.holders[h] = at;
        self
    }

    fn steps(&self, rules: Rules, steps: &mut Steps<Self>) {
        for n in 1..=self.count {
            self.attempt(rules, n, steps);
        }
        self.ledger(rules, steps);
        for h in 0..2 {
            self.hold(h, steps);
            self.holder(rules, h, steps);
        }
    }

    /// Worker, wire and provider of one attempt.
    fn attempt(&self, rules: Rules, n: u8, steps: &mut Steps<Self>) {
        let at = usize::from(n) - 1;
        let Try { state, wire, mind } = self.tries[at];
        let with = |wire, mind| {
            let mut next = *self;
            next.tries[at].wire = wire;
            next.tries[at].mind = mind;
            next
        };
        let young = state == AttemptState::Open;
        match (wire, mind) {
            (Wire::Before, Mind::Open) if young => {
                steps.sure("worker", "sends", n, with(Wire::UnderWay, mind));
            }
            (Wire::Before, Mind::Open) => {
                let step = with(Wire::Never, Mind::NotSent);
                steps.sure("worker", "finds its claim too old and does not send", n, step);
            }
            (Wire::Accepted(_), Mind::Open) => {
                let step = with(wire, Mind::Accepted);
                steps.sure("worker", "reads the answer, accepted, to", n, step);
            }
            _ => {}
        }
        if wire == Wire::UnderWay {
            let last = if rules.lies { NEVER } else { LOOKS };
            for from in 1..=last {
                let does = SHOWS[usize::from(from) - 1];
                steps.sure("provider", does, n, with(Wire::Accepted(from), mind));
            }
            steps.sure("provider", "never sees", n, with(Wire::Never, mind));
        }
        if mind == Mind::Open {
            let wire = if wire == Wire::Before { Wire::Never } else { wire };
            let does = "has no answer, or dies, and will say nothing of";
            steps.sure("worker", does, n, with(wire, Mind::Gone));
        }
        let (outcome, does) = match mind {
            Mind::Accepted => (Outcome::Accepted, "writes Accepted of"),
            Mind::NotSent => {
                (Outcome::Failed { keep_lease: false, useful: true }, "writes Failed of")
            }
            Mind::Open | Mind::Gone => return,
        };
        let gone = with(wire, Mind::Gone);
        let command = Command::Outcome { n: u32::from(n), outcome };
        steps.sure("worker", does, n, gone.apply(rules, &command).unwrap_or(gone));
    }

    /// Lease, due time, giving up, and the next attempt.
    fn ledger(&self, rules: Rules, steps: &mut Steps<Self>) {
        let n = self.count;
        let command = |command: Command| self.apply(rules, &command);
        match self.state {
            State::Sending => {
                if let Some(next) = command(Command::LeaseRanOut) {
                    steps.sure("ledger:", "the lease ran out of", n, next);
                }
            }
            State::Waiting if n < rules.attempts => {
                let released = command(Command::Release);
                let claimed = released.and_then(|it| {
                    let copy = Copy::Numbered(u64::from(it.number));
                    it.apply(rules, &Command::Claim { copy, channel: "sms".to_owned() })
                });
                let again = self.tries.iter().any(|it| it.state == AttemptState::Absent);
                let claimed = claimed.map(|it| Self { defied: again && !rules.resend, ..it });
                if let Some(next) = claimed {
                    steps.sure("another worker", "gets a released copy and claims", n + 1, next);
                }
            }
            State::Waiting => {
                if let Some(next) = command(Command::Expire) {
                    steps.sure("ledger:", "its time passes, the row ends", None, next);
                }
            }
            State::Unknown => self.unknown(n, steps, command(Command::GiveUp { n: n.into() })),
            _ => {}
        }
    }

    fn unknown(&self, n: u8, steps: &mut Steps<Self>, given_up: Option<Self>) {
        let late_at_provider = self.tries[usize::from(n) - 1].wire == Wire::UnderWay;
        let time = LOOKS.min(self.time + 1);
        // what is under way when the worker's deadline is over is decided before the last look
        let too_early = late_at_provider && time == LOOKS;
        if !self.due && !too_early {
            steps.sure("ledger:", "a look is due for", n, Self { due: true, time, ..*self });
        }
        if !self.late {
            let next = Self { late: true, ..*self };
            steps.may("ledger:", "it is time to give up", n, next);
        } else if let Some(next) = given_up {
            steps.sure("ledger:", "nobody could look, given up:", n, next);
        }
    }

    fn hold(&self, h: usize, steps: &mut Steps<Self>) {
        let mut taken = Self { hold: Some(h as u8), ..*self };
        // the fence rises when the holder changes
        for at in &mut taken.holders {
            if let At::Scanned { held, .. } = at {
                *held = false;
            }
        }
        if self.hold.is_none() {
            steps.sure(NAMES[h], "takes the hold", None, taken);
        } else if self.hold != Some(h as u8) && self.takeovers > 0 {
            let taken = Self { takeovers: self.takeovers - 1, ..taken };
            steps.may(NAMES[h], "takes the hold, the other one's RAN OUT", None, taken);
        }
    }

    fn holder(&self, rules: Rules, h: usize, steps: &mut Steps<Self>) {
        let n = self.count;
        let due = self.state == State::Unknown && self.due && self.hold == Some(h as u8);
        match self.holders[h] {
            At::Idle if due => {
                let scanned = |saw| At::Scanned { n, saw, held: true, fresh: true };
                let wire = self.tries[usize::from(n) - 1].wire;
                let (saw, does) = if matches!(wire, Wire::Accepted(from) if from <= self.time) {
                    (Saw::Found, "scans, and finds")
                } else {
                    (Saw::NotThere, "scans all, sees a later message, does not see")
                };
                steps.sure(NAMES[h], does, n, self.with(h, scanned(saw)));
                if self.nothings > 0 {
                    let next = Self { nothings: self.nothings - 1, ..*self };
                    let does = "scans and SEES ONLY A PART, for";
                    steps.may(NAMES[h], does, n, next.with(h, scanned(Saw::Nothing)));
                }
            }
            At::Idle => {}
            At::Scanned { n, saw, held, fresh } => {
                let may = (held || !rules.fence)
                    && (fresh || !rules.counter)
                    && (n == self.count || !rules.tied)
                    && self.state == State::Unknown;
                let written = if may { self.write(rules, saw) } else { None };
                let does = match written {
                    Some(_) => "writes its look for",
                    None => "may not write its look for",
                };
                let next = written.unwrap_or(*self);
                steps.sure(NAMES[h], does, n, next.with(h, At::Idle));
                if self.lost_replies > 0 && written.is_some() {
                    let next = Self { lost_replies: self.lost_replies - 1, ..next };
                    let does = "writes its look, LOSES THE REPLY and will write it again, for";
                    steps.may(NAMES[h], does, n, next);
                }
            }
        }
    }

    fn write(&self, rules: Rules, saw: Saw) -> Option<Self> {
        let n = u32::from(self.count);
        let absences = self.absences + u8::from(saw == Saw::NotThere || !rules.proof);
        let mut counted = Self { absences, due: false, ..*self };
        for at in &mut counted.holders {
            if let At::Scanned { fresh, .. } = at {
                *fresh = false;
            }
        }
        match saw {
            Saw::Found => counted.apply(rules, &Command::Outcome { n, outcome: Outcome::Accepted }),
            _ if absences >= rules.looks => {
                let absent = Command::Absent { n, resend: rules.resend, useful: true };
                counted.apply(rules, &absent)
            }
            _ if self.late => counted.apply(rules, &Command::GiveUp { n }),
            _ => Some(counted),
        }
    }

    fn is_over(&self) -> bool {
        self.state.is_final()
            && self.holders == [At::Idle; 2]
            && self.tries[..usize::from(self.count)]
                .iter()
                .all(|it| it.mind == Mind::Gone && it.wire != Wire::UnderWay)
    }

    fn wrong(&self, rules: Rules) -> Option<&'static str> {
        let accepted = |it: &&Try| matches!(it.wire, Wire::Accepted(_));
        let times = self.tries.iter().filter(accepted).count();
        if times > 2 {
            return Some("sent three times");
        }
        if times > 1 && (!rules.lies || rules.strict) {
            return Some("sent twice");
        }
        if self.defied {
            return Some("sent again although its type says stop");
        }
        let unknown =
            |it: &Try| it.state == AttemptState::Unknown && self.state == State::Unresolved;
        let told = self.tries.iter().filter(accepted).all(unknown);
        let forgotten = self.is_over() && !self.state.is_sent() && !told && !rules.lies;
        let never = self.is_over() && self.state.is_sent() && times == 0;
        (forgotten || never).then_some("the books are wrong")
    }
}

const SHOWS: [&str; 4] = [
    "accepts, and shows from the first look on,",
    "accepts, and shows from the second look on,",
    "accepts, and shows from the third look on,",
    "accepts, and NEVER SHOWS, although later ones are shown,",
];
