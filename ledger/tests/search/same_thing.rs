//! Two events of one thing, two workers: when is the thing taken, and what does a hit mean (PROTOCOL rule 4).
//!
//! The slots are SQL (`ledger/src/slots.rs`, tested there against PostgreSQL), so this is a model of the rule, not of the code:
//! it says which rule is right.

use crate::small::{Small, small};

/// Where one event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum At {
    /// No row.
    New,
    /// Waits without ever having claimed.
    Waits,
    /// Waits after a failed attempt and still holds the thing.
    Retries,
    /// Being sent.
    Sending,
    /// Accepted.
    Sent,
    /// Refused for good: a wrong number.
    Refused,
    /// Superseded by the newer version.
    Superseded,
    /// Suppressed as a duplicate.
    Duplicate,
}

/// Two events, the older first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Things {
    at: [At; 2],
    /// Decided to send: its claim is under way.
    claiming: [bool; 2],
    /// Who holds the thing.
    holder: Option<usize>,
    /// Deferrals left.
    deferrals: [bool; 2],
    /// The older one may still be refused: its number was wrong, the newer one's is right.
    may_refuse: bool,
    /// The older one may still fail and be tried again.
    may_fail: bool,
}

/// How the thing is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// By any row, from its first write to its last.
    Intake,
    /// From the claim on, as a row of its own.
    Claim,
    /// From the claim on, looked for in a snapshot and not locked.
    ClaimUnlocked,
}

/// What is done with the versions of two events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Versions {
    /// They are equal, or there are none: a hit on a holder that waits ends the newcomer.
    EqualEnds,
    /// They are equal, or there are none: a hit on a holder that waits makes the newcomer wait.
    EqualWaits,
    /// A newer one takes the thing from a holder that waits.
    NewerTakes,
    /// A newer one ends the older wherever it is seen.
    NewerEndsOlder,
}

#[derive(Debug, Clone, Copy)]
struct Rules {
    taken: Taken,
    versions: Versions,
    /// A hit on an unfinished holder ends the newcomer at once.
    hit_ends: bool,
}

const OURS: Rules = Rules { taken: Taken::Claim, versions: Versions::EqualWaits, hit_ends: false };

impl Things {
    fn hit(&self, rules: Rules, i: usize) -> Option<At> {
        let other = self.at[1 - i];
        match rules.taken {
            Taken::Intake => (!matches!(other, At::New | At::Superseded | At::Duplicate))
                .then_some(if other == At::Refused { At::Sent } else { other }),
            _ => (self.holder == Some(1 - i)).then_some(other),
        }
    }

    fn to(mut self, i: usize, at: At) -> Self {
        self.at[i] = at;
        self.claiming[i] = false;
        self
    }

    fn next(&self, rules: Rules) -> Vec<(String, Self)> {
        let mut next = vec![];
        for i in 0..2 {
            match self.at[i] {
                _ if self.claiming[i] => next.push(self.claim(rules, i)),
                At::New | At::Waits | At::Retries => self.decide(rules, i, &mut next),
                At::Sending => self.outcome(i, &mut next),
                _ => {}
            }
        }
        next
    }

    fn decide(&self, rules: Rules, i: usize, next: &mut Vec<(String, Self)>) {
        let say = |what: &str| format!("E{} {what}", i + 1);
        let mut claiming = *self;
        claiming.claiming[i] = true;
        let older_ends = rules.versions == Versions::NewerEndsOlder;
        if older_ends && i == 0 && self.at[1] != At::New {
            return next.push((say("sees the newer version and ends"), self.to(i, At::Superseded)));
        }
        let ends = (say("hits the thing and is suppressed"), self.to(i, At::Duplicate));
        match self.hit(rules, i) {
            None => {
                next.push((say("is decided: send"), claiming));
                if self.deferrals[i] && self.at[i] != At::Retries {
                    let mut waits = self.to(i, At::Waits);
                    waits.deferrals[i] = false;
                    next.push((say("is decided: later"), waits));
                }
            }
            Some(At::Sent) => next.push(ends),
            Some(_) if rules.hit_ends => next.push(ends),
            Some(At::Sending) if self.at[i] == At::New => {
                next.push((say("hits an unfinished holder and waits"), self.to(i, At::Waits)));
            }
            // it waits already and is decided again when the holder has moved
            Some(At::Sending) => {}
            Some(_) => match rules.versions {
                Versions::EqualEnds => next.push(ends),
                Versions::NewerTakes if i == 1 => {
                    next.push((say("is newer than the holder that waits: send"), claiming));
                }
                Versions::NewerTakes => {
                    next.push((say("is older than the holder"), self.to(i, At::Superseded)));
                }
                _ if self.at[i] == At::New => {
                    next.push((say("hits a holder that waits, and waits"), self.to(i, At::Waits)));
                }
                _ => {}
            },
        }
    }

    fn claim(&self, rules: Rules, i: usize) -> (String, Self) {
        let mut after = self.to(i, self.at[i]);
        let mine = self.hit(rules, i).is_none();
        let takes = rules.versions == Versions::NewerTakes
            && i == 1
            && self.hit(rules, 1) == Some(At::Retries);
        if !mine && !takes && rules.taken != Taken::ClaimUnlocked {
            return (format!("E{} claims nothing, the thing is held", i + 1), after);
        }
        if takes {
            after = after.to(0, At::Superseded);
        }
        after.at[i] = At::Sending;
        after.holder = Some(i);
        (format!("E{} claims", i + 1), after)
    }

    fn outcome(&self, i: usize, next: &mut Vec<(String, Self)>) {
        let say = |what: &str| format!("E{} is {what}", i + 1);
        next.push((say("accepted"), self.to(i, At::Sent)));
        if i == 0 && self.may_refuse {
            let mut refused = self.to(i, At::Refused);
            refused.may_refuse = false;
            refused.holder = None;
            next.push((say("refused: a wrong number, which E2 corrects"), refused));
        }
        if i == 0 && self.may_fail {
            let mut retries = self.to(i, At::Retries);
            retries.may_fail = false;
            next.push((say("not taken now and waits for its retry"), retries));
        }
    }
}

fn run(rules: Rules) -> Small<Things> {
    let start = Things {
        at: [At::New; 2],
        claiming: [false; 2],
        holder: None,
        deferrals: [true; 2],
        may_refuse: true,
        may_fail: true,
    };
    small(start, |things| things.next(rules), |things| things.at.contains(&At::Sent))
}

fn twice(found: &Small<Things>) -> Option<String> {
    found.way_to(|things| things.at == [At::Sent; 2])
}

#[test]
fn a_thing_held_from_the_claim_with_waiting_newcomers_is_sent_once_and_never_lost() {
    for versions in [Versions::EqualWaits, Versions::NewerTakes] {
        let found = run(Rules { versions, ..OURS });
        assert!(found.states() > 50);
        assert_eq!(found.stuck(), None, "{versions:?}");
        assert_eq!(twice(&found), None, "{versions:?}");
    }
}

#[test]
fn a_thing_held_from_intake_is_lost_when_its_holder_is_refused() {
    for versions in [Versions::EqualWaits, Versions::NewerEndsOlder] {
        let rules = Rules { taken: Taken::Intake, versions, hit_ends: true };
        assert!(run(rules).stuck().is_some(), "{versions:?}");
    }
}

#[test]
fn a_hit_on_an_unfinished_holder_that_ends_the_newcomer_loses_the_thing() {
    assert!(run(Rules { hit_ends: true, ..OURS }).stuck().is_some());
}

#[test]
fn a_hit_on_a_waiting_holder_of_the_same_version_that_ends_the_newcomer_loses_the_thing() {
    let found = run(Rules { versions: Versions::EqualEnds, ..OURS });
    let trace = found.stuck().unwrap_or_default();
    assert!(trace.contains("not taken now") && trace.contains("suppressed"), "{trace}");
}

#[test]
fn a_gap_that_is_looked_for_and_not_locked_is_sent_twice() {
    let rules = Rules { taken: Taken::ClaimUnlocked, ..OURS };
    assert!(twice(&run(rules)).is_some());
}
