//! What a provider's report proves (PROTOCOL rule 9): one attempt, one later message as control, an index that lags, a request that
//! is worked on late, scans that take time. Time is counted in ticks of 30 s.
//!
//! A model of the rules and of what must be assumed of a provider; the code is `scheduler/src/reconcile/`.

use crate::deep::{Model, Steps};

/// The request's deadline, after the claim at 0.
const DEADLINE: u8 = 1;
/// Pauses before the looks: 30, 60 and 120 s.
const SETTLE: [u8; 3] = [1, 2, 4];
/// `reconcile.give_up`, here shorter than 15 minutes: it must only be longer than all looks.
const GIVE_UP: u8 = 11;

/// What is assumed of the provider.
#[derive(Debug, Clone, Copy)]
struct Provider {
    /// It has decided on a request before this many ticks after our deadline are over; 0: before the deadline.
    late: u8,
    /// How long after it accepted a message it shows it at the latest; messages show in the order in which they were accepted.
    /// `None`: any time.
    lag: Option<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Rules {
    /// Absence needs a control message in the same scan.
    control: bool,
    /// When the control was claimed at the earliest.
    control_from: u8,
    /// A scan with a refused page does not count.
    complete: bool,
    /// A scan during which its first page changed does not count.
    unchanged: bool,
    /// Looks that make it absent.
    looks: u8,
}

const OURS: Rules =
    Rules { control: true, control_from: DEADLINE, complete: true, unchanged: true, looks: 3 };
/// It answers before our deadline or never; its index may stop for as long as it likes.
const PROMPT: Provider = Provider { late: 0, lag: None };
/// It may decide on a request up to two minutes after our deadline; its index is at most 90 s behind.
const LATE: Provider = Provider { late: 4, lag: Some(3) };

/// A message, ours or the control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum At {
    Before,
    UnderWay,
    /// Accepted at this time.
    Accepted(u8),
    Never,
}

/// The scan: first the page with our attempt's place, then the one with the control's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Scan {
    None,
    /// Read the first page.
    First {
        seen: bool,
        refused: bool,
    },
    /// Read all.
    All {
        seen: bool,
        refused: bool,
        control: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Verdict {
    Open,
    Found,
    Absent,
    Unresolved,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct World {
    now: u8,
    ours: At,
    control: At,
    /// When the control was claimed.
    claimed: u8,
    /// Ours was accepted before the control.
    ours_first: bool,
    /// Shown in the report.
    ours_shows: bool,
    control_shows: bool,
    scan: Scan,
    due: u8,
    absences: u8,
    verdict: Verdict,
}

const START: World = World {
    now: 0,
    ours: At::Before,
    control: At::Before,
    claimed: 0,
    ours_first: false,
    ours_shows: false,
    control_shows: false,
    scan: Scan::None,
    due: DEADLINE + SETTLE[0],
    absences: 0,
    verdict: Verdict::Open,
};

impl World {
    fn steps(&self, rules: Rules, provider: Provider, steps: &mut Steps<Self>) {
        if self.verdict != Verdict::Open && self.ours != At::UnderWay {
            return;
        }
        self.time(provider, steps);
        self.messages(provider, steps);
        self.index(steps);
        if self.verdict == Verdict::Open {
            self.look(rules, steps);
        }
    }

    fn time(&self, provider: Provider, steps: &mut Steps<Self>) {
        let overdue = |at: At, shows: bool| match (at, provider.lag) {
            (At::Accepted(at), Some(lag)) => !shows && self.now >= at + lag,
            _ => false,
        };
        let waits = self.ours == At::UnderWay && self.now + 1 >= DEADLINE + provider.late
            || self.ours == At::Before && self.now + 1 >= DEADLINE
            || overdue(self.ours, self.ours_shows)
            || overdue(self.control, self.control_shows);
        if !waits && self.now < GIVE_UP + 1 {
            let now = self.now + 1;
            steps.sure("time:", "half a minute passes, it is tick", now, Self { now, ..*self });
        }
    }

    fn messages(&self, provider: Provider, steps: &mut Steps<Self>) {
        let now = self.now;
        // when it was matters only to a lag that has a limit
        let when = if provider.lag.is_some() { now } else { 0 };
        match self.ours {
            At::Before => {
                let next = Self { ours: At::UnderWay, ..*self };
                steps.sure("worker", "sends", None, next);
                let next = Self { ours: At::Never, ..*self };
                steps.sure("worker", "dies before it sends", None, next);
            }
            At::UnderWay => {
                let ours_first = !matches!(self.control, At::Accepted(_));
                let next = Self { ours: At::Accepted(when), ours_first, ..*self };
                steps.sure("provider", "accepts it", None, next);
                let next = Self { ours: At::Never, ..*self };
                steps.sure("provider", "never takes it", None, next);
            }
            At::Accepted(_) | At::Never => {}
        }
        match self.control {
            At::Before => {
                let next = Self { control: At::UnderWay, claimed: now, ..*self };
                steps.may("another worker", "claims and sends a later message", None, next);
            }
            At::UnderWay => {
                let next = Self { control: At::Accepted(when), ..*self };
                steps.sure("provider", "accepts the later message", None, next);
            }
            At::Accepted(_) | At::Never => {}
        }
    }

    /// In the order in which they were accepted.
    fn index(&self, steps: &mut Steps<Self>) {
        let ours = matches!(self.ours, At::Accepted(_));
        let control = matches!(self.control, At::Accepted(_));
        if ours && !self.ours_shows && (self.ours_first || self.control_shows) {
            let next = Self { ours_shows: true, ..*self };
            steps.sure("report:", "it shows from now on", None, next);
        }
        if control && !self.control_shows && (!ours || !self.ours_first || self.ours_shows) {
            let next = Self { control_shows: true, ..*self };
            steps.sure("report:", "the later message shows from now on", None, next);
        }
    }

    fn look(&self, rules: Rules, steps: &mut Steps<Self>) {
        match self.scan {
            Scan::None if self.now >= self.due => {
                let first = |seen, refused| Self { scan: Scan::First { seen, refused }, ..*self };
                let seen = self.ours_shows;
                let does = if seen { "reads its page: there" } else { "reads its page: not there" };
                steps.sure("holder", does, None, first(seen, false));
                steps.may("holder", "is REFUSED its page", None, first(false, true));
            }
            Scan::None => {}
            Scan::First { seen, refused } => {
                let control = self.control_shows;
                let scan = Scan::All { seen, refused, control };
                let does = if control {
                    "reads the other pages: the later message is there"
                } else {
                    "reads the other pages: no later message"
                };
                steps.sure("holder", does, None, Self { scan, ..*self });
            }
            Scan::All { seen, refused, control } => {
                let changed = !seen && !refused && self.ours_shows;
                let proves = (!refused || !rules.complete)
                    && (!changed || !rules.unchanged)
                    && (control && self.claimed >= rules.control_from || !rules.control);
                self.write(rules, seen, proves, steps);
            }
        }
        if self.now >= GIVE_UP {
            let next = Self { verdict: Verdict::Unresolved, scan: Scan::None, ..*self };
            steps.sure("ledger:", "nobody could find out, given up", None, next);
        }
    }

    fn write(&self, rules: Rules, seen: bool, proves: bool, steps: &mut Steps<Self>) {
        let done = Self { scan: Scan::None, ..*self };
        if seen {
            let next = Self { verdict: Verdict::Found, ..done };
            return steps.sure("ledger:", "found", None, next);
        }
        let absences = self.absences + u8::from(proves);
        if absences >= rules.looks {
            let next = Self { verdict: Verdict::Absent, absences, ..done };
            return steps.sure("ledger:", "absent, sent again; absences", absences, next);
        }
        let pause = SETTLE[usize::from(absences).min(SETTLE.len() - 1)];
        let next = Self { absences, due: self.now + pause, ..done };
        let does = if proves { "absences so far:" } else { "that look proves nothing; absences" };
        steps.sure("ledger:", does, absences, next);
    }

    fn wrong(&self) -> Option<&'static str> {
        let accepted = matches!(self.ours, At::Accepted(_));
        (self.verdict == Verdict::Absent && accepted).then_some(TWICE)
    }

    fn is_over(&self) -> bool {
        self.verdict != Verdict::Open && self.ours != At::UnderWay
    }
}

const TWICE: &str = "sent again although it was accepted";

fn model(rules: Rules, provider: Provider) -> Model<World> {
    Model {
        start: START,
        next: Box::new(move |world, steps| world.steps(rules, provider, steps)),
        wrong: Box::new(World::wrong),
        good: Box::new(World::is_over),
    }
}

fn breaks(name: &str, rules: Rules, provider: Provider) {
    model(rules, provider).breaks(name, TWICE);
}

/// The promise in one sentence: of a provider that shows messages in the order in which it accepted them, absence is true if it
/// decides on a request before our deadline, however far its report is behind; or if lateness and lag together are no longer than
/// the time from the deadline to the last look.
#[test]
fn three_looks_with_a_control_claimed_after_the_deadline_are_never_wrong() {
    model(OURS, PROMPT).clean("a prompt provider, any lag", 42_000);
    model(OURS, LATE).clean("a late provider, a limited lag", 360_000);
}

/// Lateness and lag together may be as long as it is from the deadline to the last look, 210 s, and no longer.
#[test]
fn half_a_minute_more_of_lateness_or_lag_than_the_looks_take_sends_twice() {
    breaks("late 4, lag 4", OURS, Provider { lag: Some(4), ..LATE });
    breaks("late 5, lag 3", OURS, Provider { late: 5, ..LATE });
}

#[test]
fn absence_without_a_control_is_a_report_that_is_behind() {
    breaks("no control", Rules { control: false, ..OURS }, PROMPT);
}

#[test]
fn a_control_claimed_after_the_claim_and_before_the_deadline_overtakes_the_attempt() {
    breaks("control from the claim on", Rules { control_from: 0, ..OURS }, PROMPT);
}

#[test]
fn a_scan_that_was_refused_a_page_does_not_count() {
    breaks("incomplete scans count", Rules { complete: false, ..OURS }, PROMPT);
}

/// With three looks the next one sees it; with one, only the first page read again does.
#[test]
fn a_first_page_that_changed_makes_one_look_wrong_and_three_looks_mend_it() {
    let one = Rules { looks: 1, ..OURS };
    model(one, PROMPT).clean("one look, first page read again", 40_000);
    breaks("one look, first page not read again", Rules { unchanged: false, ..one }, PROMPT);
    model(Rules { unchanged: false, ..OURS }, PROMPT).clean("three looks, not read again", 43_000);
}

#[test]
fn one_look_is_not_enough_for_a_provider_that_is_late() {
    breaks("one look, late", Rules { looks: 1, ..OURS }, LATE);
    breaks("two looks, late", Rules { looks: 2, ..OURS }, LATE);
}

/// The residue that is named in the docs: late *and* behind for longer than the looks take, while the control already shows.
#[test]
fn a_provider_that_is_late_and_whose_report_stands_still_is_not_seen_through() {
    let stands_still = Provider { late: 1, lag: None };
    breaks("late, any lag", OURS, stands_still);
    // a control that was claimed when lateness is over proves it, with any lag
    let later = Rules { control_from: DEADLINE + 1, ..OURS };
    model(later, stands_still).clean("late, any lag, control after lateness", 43_000);
    model(Rules { looks: 1, ..later }, stands_still).clean("the same with one look", 42_000);
}
