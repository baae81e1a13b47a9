//! How large a storm is. Variables make it larger, never smaller than what CI is owed.

use std::time::Duration;

/// Sizes of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// Reminders: their type says `resend`, so that none of them may end unresolved while time is scaled.
    pub reminders: usize,
    /// Receipts beside them: their type says `stop`.
    pub receipts: usize,
    /// kill −9 of a worker.
    pub kills: usize,
    /// Restarts of RabbitMQ, and as many of PostgreSQL.
    pub restarts: usize,
    /// Of everything that is drawn.
    pub seed: u64,
    /// The factor by which reconciliation's times are shorter, and the twin's report quicker and less stingy, than in
    /// life; 1: nothing is.
    pub scale: u32,
}

/// The least that a run may be.
struct Least {
    events: usize,
    kills: usize,
    restarts: usize,
}

/// With scaled times.
const SCALED: Least = Least { events: 1_000, kills: 10, restarts: 1 };
/// With the real ones, where every unknown takes minutes.
const REAL: Least = Least { events: 60, kills: 4, restarts: 1 };
/// The looks and the end of `reconcile` in life, seconds.
const SETTLE_S: [u64; 3] = [30, 60, 120];
const GIVE_UP_S: u64 = 900;
/// Queries of the report that Netgsm answers a minute (facts/netgsm_iys.md A4).
const QUERIES: u32 = 10;
/// How long a message takes to appear in the twin's report in life, milliseconds.
const SHOWS_MS: [u64; 2] = [5_000, 40_000];

impl Size {
    /// What the variables `ULAK_STORM_*` ask for. An error: it is less than the minimum, or no number.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let number = |name: &str, default: u64| match variable(name) {
            None => Ok(default),
            Some(text) => text.parse::<u64>().map_err(|_| format!("{name}={text} is no number")),
        };
        let scale = number("ULAK_STORM_SCALE", 10)?;
        if scale == 0 || 30 % scale != 0 {
            return Err(format!("ULAK_STORM_SCALE={scale}: write 1, 2, 3, 5, 6, 10, 15 or 30"));
        }
        let least = if scale == 1 { REAL } else { SCALED };
        let at_least = |name: &str, least: usize, default: usize| {
            let asked = number(name, default as u64)?;
            match usize::try_from(asked) {
                Ok(asked) if asked >= least => Ok(asked),
                _ => Err(format!("{name}={asked} is less than a storm has: at least {least}")),
            }
        };
        let reminders = at_least("ULAK_STORM_EVENTS", least.events, least.events)?;
        let kills = at_least("ULAK_STORM_KILLS", least.kills, (reminders / 200).max(least.kills))?;
        let restarts = if reminders >= 5_000 { 3 } else { least.restarts };
        Ok(Self {
            reminders,
            receipts: reminders / 10,
            kills,
            restarts: at_least("ULAK_STORM_RESTARTS", least.restarts, restarts)?,
            seed: number("ULAK_STORM_SEED", 20_261_122)?,
            scale: u32::try_from(scale).map_err(|error| error.to_string())?,
        })
    }

    /// Whether time is what it is in life.
    pub fn is_real(&self) -> bool {
        self.scale == 1
    }

    /// All events.
    pub fn events(&self) -> usize {
        self.reminders + self.receipts
    }

    /// `reconcile.settle`.
    pub fn settle(&self) -> String {
        SETTLE_S.map(|s| format!("{}s", s / u64::from(self.scale))).join(",")
    }

    /// `reconcile.give_up`.
    pub fn give_up(&self) -> Duration {
        Duration::from_secs(GIVE_UP_S / u64::from(self.scale))
    }

    /// Queries of the report that an account has a minute, on both sides.
    pub fn queries(&self) -> u32 {
        QUERIES * self.scale
    }

    /// How long a message takes to appear in the report, milliseconds.
    pub fn shows_ms(&self) -> [u64; 2] {
        SHOWS_MS.map(|ms| ms / u64::from(self.scale))
    }

    /// How much more often a send is struck than the issue says: a small run would hardly be struck at all.
    pub fn harder(&self) -> f64 {
        if self.is_real() { 4.0 } else { 1.0 }
    }
}

fn read(variables: &[(&str, &str)]) -> Result<Size, String> {
    let find = |name: &str| variables.iter().find(|(is, _)| *is == name);
    Size::read(|name| find(name).map(|(_, value)| (*value).to_owned()))
}

#[test]
fn a_variable_makes_it_larger() {
    let ci = read(&[]).expect("what CI runs");
    assert_eq!((ci.reminders, ci.receipts, ci.kills, ci.restarts), (1_000, 100, 10, 1));
    let full = read(&[("ULAK_STORM_EVENTS", "10000")]).expect("the full one");
    assert_eq!((full.events(), full.kills, full.restarts), (11_000, 50, 3));
    assert_eq!((full.settle().as_str(), full.give_up().as_secs()), ("3s,6s,12s", 90));
    assert_eq!((full.queries(), full.shows_ms()), (100, [500, 4_000]));
    let real = read(&[("ULAK_STORM_SCALE", "1")]).expect("the real one");
    assert_eq!((real.reminders, real.queries()), (60, 10));
    assert_eq!((real.settle().as_str(), real.give_up().as_secs()), ("30s,60s,120s", 900));
}

#[test]
fn a_variable_makes_it_no_smaller() {
    for (name, value) in [
        ("ULAK_STORM_EVENTS", "999"),
        ("ULAK_STORM_EVENTS", "many"),
        ("ULAK_STORM_KILLS", "9"),
        ("ULAK_STORM_RESTARTS", "0"),
        ("ULAK_STORM_SCALE", "0"),
        ("ULAK_STORM_SCALE", "60"),
        ("ULAK_STORM_SCALE", "7"),
    ] {
        let refused = read(&[(name, value)]).expect_err("less than the minimum");
        assert!(refused.contains(name), "{refused}");
    }
    assert!(read(&[("ULAK_STORM_SCALE", "1"), ("ULAK_STORM_EVENTS", "59")]).is_err());
}
