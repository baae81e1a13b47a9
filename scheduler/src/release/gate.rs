//! No reminder overtakes its cancellation: what is about a visit leaves only while facts are current (PROTOCOL rule 12).

/// How old the newest marker that came back may be, milliseconds.
const CURRENT_FOR_MS: i64 = 10_000;
/// How long reminders wait for facts, milliseconds. After that more harm comes from reminders that nobody gets.
const PATIENCE_MS: i64 = 5 * 60_000;
/// How long that must have been seen, milliseconds: a clock that was put forward looks like a long silence until the next marker.
const SEEN_MS: i64 = 10_000;
/// How often it is looked at while nothing is due, milliseconds.
const LOOK_EVERY_MS: i64 = 5_000;

/// Whether what is about a visit may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// All that was published is known, up to a few seconds ago.
    Open,
    /// Not now: a cancellation may still lie in the queue.
    Shut,
    /// It goes on although facts are not current: nobody has applied any for minutes, and that was said.
    Anyway,
}

/// What a release knows about facts. All instants are the database's, in milliseconds since 1970 UTC.
#[derive(Debug)]
pub struct Gate {
    /// When this process began: what was published before that and after the last word of the process before it may be unknown.
    started_at: i64,
    /// When it was found shut, since it was open last.
    shut_since: Option<i64>,
    alerted: bool,
    looked_at: i64,
}

impl Gate {
    /// Of a process that begins at `now`.
    pub fn new(now: i64) -> Self {
        Self { started_at: now, shut_since: None, alerted: false, looked_at: i64::MIN }
    }

    /// Whether it is time to look although nothing is due: whoever should be told has to be told at night too.
    pub fn is_due(&self, now: i64) -> bool {
        !(0..LOOK_EVERY_MS).contains(&now.saturating_sub(self.looked_at))
    }

    /// Looks. `current_at`: everything that was published before it is applied.
    pub fn look(&mut self, now: i64, current_at: i64) -> Pass {
        self.looked_at = now;
        // a clock that was put back: the process began now at the latest
        self.started_at = self.started_at.min(now);
        if current_at >= self.started_at && now.saturating_sub(current_at) <= CURRENT_FOR_MS {
            self.shut_since = None;
            if std::mem::take(&mut self.alerted) {
                tracing::info!("facts are current again");
            }
            return Pass::Open;
        }
        let since = self.shut_since.map_or(now, |since| since.min(now));
        self.shut_since = Some(since);
        let silent_since = current_at.min(now).max(self.started_at);
        if now.saturating_sub(silent_since) < PATIENCE_MS || now.saturating_sub(since) < SEEN_MS {
            return Pass::Shut;
        }
        if !std::mem::replace(&mut self.alerted, true) {
            tracing::error!(
                alert = "facts-not-current",
                minutes = now.saturating_sub(silent_since) / 60_000,
                "nobody has applied what clinics published: reminders go out although a cancellation may not be known; their records say so"
            );
        }
        Pass::Anyway
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: i64 = 1_800_000_000_000;
    const MINUTE: i64 = 60_000;

    #[test]
    fn at_the_start_it_opens_with_the_first_marker_of_this_process_or_later() {
        let mut gate = Gate::new(START);
        assert_eq!(gate.look(START + 50, 0), Pass::Shut, "nothing is known");
        assert_eq!(gate.look(START + 60, START - 1), Pass::Shut, "the process before knew so much");
        assert_eq!(gate.look(START + 70, START), Pass::Open);
        assert_eq!(gate.look(START + 10_000, START), Pass::Open);
        assert_eq!(gate.look(START + 10_001, START), Pass::Shut);
        assert_eq!(gate.look(START + 10_100, START + 10_050), Pass::Open);
    }

    #[test]
    fn after_five_minutes_it_goes_on_and_says_so_once_and_closes_again_when_facts_come() {
        let mut gate = Gate::new(START);
        let old = START - 600 * MINUTE;
        let mut told = vec![];
        for second in 0..=310 {
            let pass = gate.look(START + second * 1_000, old);
            assert_eq!(pass == Pass::Anyway, second >= 300, "{second}");
            told.push(gate.alerted);
        }
        assert_eq!(told.iter().position(|told| *told), Some(300));
        let now = START + 320_000;
        assert_eq!(gate.look(now, now - 5), Pass::Open);
        assert!(!gate.alerted);
        assert_eq!(
            gate.look(now + MINUTE, now),
            Pass::Shut,
            "the next time has patience of its own"
        );
        assert_eq!(gate.look(now + 5 * MINUTE, now), Pass::Anyway);
    }

    #[test]
    fn a_clock_that_is_put_forward_or_back_opens_nothing_by_itself() {
        let mut gate = Gate::new(START);
        assert_eq!(gate.look(START + 1_000, START + 500), Pass::Open);
        let forward = START + 10 * MINUTE;
        assert_eq!(gate.look(forward, START + 900), Pass::Shut, "until the next marker");
        assert_eq!(gate.look(forward + 1_000, forward + 900), Pass::Open);
        let back = START - 10 * MINUTE;
        let mut gate = Gate::new(START);
        assert_eq!(gate.look(back, back - 1), Pass::Shut);
        assert_eq!(gate.look(back + 100, back + 50), Pass::Open, "a marker by the new clock");
    }

    #[test]
    fn what_is_not_due_is_looked_at_now_and_then() {
        let mut gate = Gate::new(START);
        assert!(gate.is_due(START));
        gate.look(START, START);
        assert!(!gate.is_due(START + LOOK_EVERY_MS - 1));
        assert!(gate.is_due(START + LOOK_EVERY_MS));
        assert!(gate.is_due(START - 1), "the clock was put back");
    }

    proptest! {
        #[test]
        fn it_is_open_only_with_word_of_the_last_seconds_and_of_this_process(
            looks in prop::collection::vec((0i64..20_000, -400_000i64..20_000), 1..60),
        ) {
            let mut gate = Gate::new(START);
            let mut now = START;
            let mut shut_since = None;
            for (pause, ago) in looks {
                now += pause;
                let current_at = now + ago.min(0);
                let is_current = current_at >= START && now - current_at <= CURRENT_FOR_MS;
                let pass = gate.look(now, current_at);
                prop_assert_eq!(pass == Pass::Open, is_current);
                shut_since = if is_current { None } else { shut_since.or(Some(now)) };
                if pass == Pass::Anyway {
                    prop_assert!(now - current_at.max(START) >= PATIENCE_MS);
                    prop_assert!(now - shut_since.unwrap() >= SEEN_MS);
                }
            }
        }
    }
}
