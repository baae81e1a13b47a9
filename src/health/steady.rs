//! A part's state as `/readyz` says it: what may pass by itself does not show at once, and what comes and goes waits until it stays.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// What is said of a part that does what it should.
pub const OK: &str = "ok";
/// So long a doubt may pass by itself: a connection that is built anew, one slow answer.
const DOUBT: Duration = Duration::from_secs(5);
/// So often within [`FLAPPING`] a part may go before its coming back is not believed at once.
const FALLS: usize = 3;
/// See [`FALLS`].
const FLAPPING: Duration = Duration::from_mins(1);
/// So long it has to have worked then.
const CALM: Duration = Duration::from_secs(10);

/// What one look at a part found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It works.
    Works,
    /// It did not answer, or is being reached anew: this may pass.
    Doubt(String),
    /// It says itself that it does not work, or whoever uses it knows.
    Broken(String),
}

/// One part as it was seen so far. Not ready at first; ready at the first look that finds it working.
#[derive(Debug, Default)]
pub struct Steady {
    works: bool,
    said: String,
    doubt_since: Option<Instant>,
    good_since: Option<Instant>,
    /// The last times at which it went.
    falls: VecDeque<Instant>,
}

impl Steady {
    /// Takes a look's finding in. Whether the part counts as working, and what is said of it.
    pub fn seen(&mut self, now: Instant, seen: Seen) -> (bool, &str) {
        match seen {
            Seen::Works => self.worked(now),
            Seen::Doubt(why) => {
                self.good_since = None;
                let since = *self.doubt_since.get_or_insert(now);
                if !self.works {
                    self.said = why;
                } else if now.saturating_duration_since(since) >= DOUBT {
                    self.fell(now, why);
                }
            }
            Seen::Broken(why) => {
                (self.good_since, self.doubt_since) = (None, None);
                if self.works {
                    self.fell(now, why);
                } else {
                    self.said = why;
                }
            }
        }
        (self.works, &self.said)
    }

    fn worked(&mut self, now: Instant) {
        self.doubt_since = None;
        let since = *self.good_since.get_or_insert(now);
        if !self.works && self.flaps(now) && now.saturating_duration_since(since) < CALM {
            let (times, within) = (FALLS, FLAPPING.as_secs());
            let calm = CALM.as_secs();
            self.said = format!(
                "it went {times} times within {within} s: it counts again once it has worked for {calm} s"
            );
            return;
        }
        self.works = true;
        OK.clone_into(&mut self.said);
    }

    fn fell(&mut self, now: Instant, why: String) {
        self.works = false;
        self.said = why;
        self.falls.push_back(now);
        if self.falls.len() > FALLS {
            self.falls.pop_front();
        }
    }

    fn flaps(&self, now: Instant) -> bool {
        let first = self.falls.front().filter(|_| self.falls.len() == FALLS);
        first.is_some_and(|first| now.saturating_duration_since(*first) < FLAPPING)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn doubt() -> Seen {
        Seen::Doubt("no answer".to_owned())
    }

    fn broken() -> Seen {
        Seen::Broken("gone".to_owned())
    }

    /// What is said after looks at these seconds.
    fn after(looks: &[(u64, Seen)]) -> (bool, String) {
        let (began, mut part) = (Instant::now(), Steady::default());
        let mut last = (false, String::new());
        for (second, seen) in looks {
            let (works, said) = part.seen(began + Duration::from_secs(*second), seen.clone());
            last = (works, said.to_owned());
        }
        last
    }

    #[test]
    fn a_doubt_shows_only_once_it_has_lasted() {
        assert_eq!(after(&[(0, Seen::Works), (2, doubt()), (6, doubt())]), (true, OK.to_owned()));
        let lasts = after(&[(0, Seen::Works), (2, doubt()), (7, doubt())]);
        assert_eq!(lasts, (false, "no answer".to_owned()));
        let passes = after(&[(0, Seen::Works), (2, doubt()), (4, Seen::Works), (8, doubt())]);
        assert!(passes.0, "each doubt is measured from its own beginning");
        assert!(!after(&[(0, doubt())]).0, "what never worked is not ready");
    }

    #[test]
    fn what_is_broken_shows_at_once_and_what_comes_back_does_too() {
        assert_eq!(after(&[(0, Seen::Works), (1, broken())]), (false, "gone".to_owned()));
        assert!(after(&[(0, Seen::Works), (1, broken()), (2, Seen::Works)]).0);
    }

    #[test]
    fn what_comes_and_goes_has_to_stay_before_it_counts() {
        let mut looks = vec![(0, Seen::Works)];
        for fall in [10, 20, 30] {
            looks.extend([(fall, broken()), (fall + 1, Seen::Works)]);
        }
        let (works, said) = after(&looks);
        assert!(!works && said.contains("it went 3 times"), "{said}");
        looks.push((40, Seen::Works));
        assert!(!after(&looks).0);
        looks.push((41, Seen::Works));
        assert!(after(&looks).0, "it has worked for 10 s");
        // long ago is no flapping
        let slow = [(0, Seen::Works), (1, broken()), (100, Seen::Works), (101, broken())];
        let slow = [&slow[..], &[(200, Seen::Works), (201, broken()), (202, Seen::Works)]].concat();
        assert!(after(&slow).0);
    }

    proptest! {
        /// However it is looked at, within a minute it changes its word a few times at most.
        #[test]
        fn nothing_flaps(looks in proptest::collection::vec((1_u64..4, 0..3_u8), 1..200)) {
            let (mut now, mut part) = (Instant::now(), Steady::default());
            let mut falls: Vec<Instant> = vec![];
            let mut was = false;
            for (pause, kind) in looks {
                now += Duration::from_secs(pause);
                let seen = match kind { 0 => Seen::Works, 1 => doubt(), _ => broken() };
                let is_broken = kind == 2;
                let (works, _) = part.seen(now, seen);
                prop_assert!(!(works && is_broken));
                if was && !works {
                    falls.push(now);
                }
                was = works;
            }
            for four in falls.windows(FALLS + 1) {
                // the fourth needs ten quiet seconds behind the third
                prop_assert!(four[FALLS] - four[FALLS - 1] >= CALM || four[FALLS] - four[0] >= FLAPPING);
            }
        }
    }
}
