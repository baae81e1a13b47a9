//! Which seconds of a provider's books are looked at, and which attempts share a look. Milliseconds since 1970 UTC throughout.

use ledger::reconcile::UnknownAttempt;

/// How far the provider's clock may be from the database's: the messages of a minute are stamped by the provider. Processes refuse
/// to be ready above the same difference (PROTOCOL rule 15).
pub const SKEW_MS: i64 = 5_000;
/// Longest stretch that is looked at for several attempts at once. Longer ones would chain hours of a busy account together and need
/// more pages than the budget has before they are given up.
pub const LONGEST_MS: i64 = 120_000;
/// No claim is older than this when its request ends: 5 s of freshness and the longest `worker.request_deadline_s`.
pub const LONGEST_ATTEMPT_MS: i64 = 125_000;

/// A stretch of time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Its first millisecond.
    pub from: i64,
    /// Its last.
    pub to: i64,
}

impl Stretch {
    /// The seconds in which a provider may have taken an attempt: from its claim to the end of its request.
    pub const fn of(attempt: &UnknownAttempt) -> Self {
        Self {
            from: attempt.started_at.saturating_sub(SKEW_MS),
            to: attempt.deadline_at.saturating_add(SKEW_MS),
        }
    }

    /// Whether they have an instant in common.
    pub const fn meets(&self, other: Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }

    /// Whether this instant lies in it.
    pub const fn holds(&self, at: i64) -> bool {
        self.from <= at && at <= self.to
    }

    /// Whether it is no longer than what is looked at for several attempts.
    const fn is_short(&self) -> bool {
        self.to.saturating_sub(self.from) <= LONGEST_MS
    }

    /// The same, up to there at least.
    pub fn up_to(self, at: i64) -> Self {
        Self { to: self.to.max(at), ..self }
    }
}

/// Attempts that share a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// They, oldest first.
    pub attempts: Vec<UnknownAttempt>,
    /// What must be looked at for them.
    pub stretch: Stretch,
}

/// Groups attempts whose stretches meet, oldest first; a group is no longer than [`LONGEST_MS`], or than its only attempt.
pub fn groups(mut attempts: Vec<UnknownAttempt>) -> Vec<Group> {
    attempts.sort_by(|a, b| (a.started_at, &a.ntf).cmp(&(b.started_at, &b.ntf)));
    let mut groups: Vec<Group> = vec![];
    for attempt in attempts {
        let own = Stretch::of(&attempt);
        let together = groups.last().map(|last| last.stretch.up_to(own.to));
        match groups.last_mut().zip(together) {
            Some((last, together)) if last.stretch.meets(own) && together.is_short() => {
                last.stretch = together;
                last.attempts.push(attempt);
            }
            _ => groups.push(Group { attempts: vec![attempt], stretch: own }),
        }
    }
    groups
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An attempt to a number, claimed then and over then.
    pub fn attempt(ntf: &str, number: &str, started_at: i64, deadline_at: i64) -> UnknownAttempt {
        UnknownAttempt {
            ntf: ntf.to_owned(),
            n: 1,
            lane: "netgsm/default/KLINIK".to_owned(),
            number: number.to_owned(),
            segments: 1,
            started_at,
            deadline_at,
            unknown_at: deadline_at,
            looks: 0,
            under_way: false,
        }
    }

    #[test]
    fn attempts_of_the_same_seconds_share_a_look_and_others_do_not() {
        let groups = groups(vec![
            attempt("c", "x", 100_000, 125_000),
            attempt("a", "x", 0, 25_000),
            attempt("b", "y", 30_000, 55_000),
        ]);
        let names: Vec<Vec<&str>> =
            groups.iter().map(|g| g.attempts.iter().map(|a| a.ntf.as_str()).collect()).collect();
        assert_eq!(names, [vec!["a", "b"], vec!["c"]]);
        assert_eq!(groups[0].stretch, Stretch { from: -5_000, to: 60_000 });
    }

    proptest! {
        #[test]
        fn every_attempt_is_in_one_group_that_covers_it(starts in prop::collection::vec((0i64..600_000, 1i64..125_000), 0..40)) {
            let attempts: Vec<_> = starts.iter().enumerate()
                .map(|(i, (at, long))| attempt(&format!("ntf_{i:02}"), "x", *at, at + long)).collect();
            let groups = groups(attempts.clone());
            let mut names: Vec<_> = groups.iter().flat_map(|g| &g.attempts).map(|a| a.ntf.clone()).collect();
            names.sort();
            prop_assert_eq!(names, attempts.iter().map(|a| a.ntf.clone()).collect::<Vec<_>>());
            for group in &groups {
                let long = group.stretch.to - group.stretch.from;
                prop_assert!(long <= LONGEST_MS || group.attempts.len() == 1);
                for attempt in &group.attempts {
                    let own = Stretch::of(attempt);
                    prop_assert!(group.stretch.from <= own.from && own.to <= group.stretch.to);
                }
            }
        }
    }
}
