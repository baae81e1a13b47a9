//! "At most so many in so long", as the vendors count it.

use std::collections::VecDeque;

/// Calls of the last stretch of time; a call that is not admitted does not count.
#[derive(Debug, Default)]
pub(crate) struct Window {
    hits: VecDeque<(i64, u32)>,
    weight: u64,
}

impl Window {
    /// Admits a call of this weight if the calls of the last `span_ms` stay within `limit` (0: no limit).
    pub(crate) fn admit(&mut self, now_ms: i64, span_ms: i64, limit: u32, weight: u32) -> bool {
        if limit == 0 {
            return true;
        }
        while let Some((at, gone)) = self.hits.front().copied() {
            if now_ms.saturating_sub(at) < span_ms {
                break;
            }
            self.hits.pop_front();
            self.weight = self.weight.saturating_sub(u64::from(gone));
        }
        if self.weight + u64::from(weight) > u64::from(limit) {
            return false;
        }
        self.hits.push_back((now_ms, weight));
        self.weight += u64::from(weight);
        true
    }
}

/// A window whose overrun bans, and in which a call during the ban starts the ban anew (İYS tokens).
#[derive(Debug, Default)]
pub(crate) struct BanningWindow {
    window: Window,
    banned_until_ms: Option<i64>,
}

impl BanningWindow {
    /// Admits a call, or (re)starts the ban of one `span_ms`.
    pub(crate) fn admit(&mut self, now_ms: i64, span_ms: i64, limit: u32) -> bool {
        if limit == 0 {
            return true;
        }
        let banned = self.banned_until_ms.is_some_and(|until| now_ms < until);
        if !banned {
            if self.banned_until_ms.take().is_some() {
                self.window = Window::default();
            }
            if self.window.admit(now_ms, span_ms, limit, 1) {
                return true;
            }
        }
        self.banned_until_ms = Some(now_ms.saturating_add(span_ms));
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The limit is a ceiling, never a floor: no stretch of `span` holds more than `limit`.
        #[test]
        fn no_stretch_of_time_ever_holds_more_than_the_limit(
            steps in prop::collection::vec(0_i64..400, 1..200), limit in 1_u32..12
        ) {
            let mut window = Window::default();
            let mut now = 0;
            let mut admitted = Vec::new();
            for step in steps {
                now += step;
                if window.admit(now, 1000, limit, 1) {
                    admitted.push(now);
                }
            }
            for (i, at) in admitted.iter().enumerate() {
                let held = admitted[i..].iter().take_while(|other| **other - at < 1000).count();
                prop_assert!(held <= limit as usize);
            }
        }
    }

    #[test]
    fn a_call_during_the_ban_restarts_it() {
        let mut tokens = BanningWindow::default();
        assert!(tokens.admit(0, 1000, 1));
        assert!(!tokens.admit(10, 1000, 1));
        assert!(!tokens.admit(1005, 1000, 1), "banned until 1010, and now until 2005");
        assert!(!tokens.admit(2004, 1000, 1));
        assert!(tokens.admit(3004, 1000, 1));
    }

    #[test]
    fn a_limit_of_nought_is_no_limit() {
        let mut window = Window::default();
        assert!((0..1000).all(|_| window.admit(0, 1000, 0, 1)));
    }
}
