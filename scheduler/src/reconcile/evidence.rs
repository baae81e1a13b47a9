//! From attempts and what was seen to looks that the ledger can record.

use super::judge::{Judgement, Proof};
use ledger::reconcile::looks::{Look, Seen, Times};
use ledger::reconcile::{Control, UnknownAttempt};
use std::collections::HashSet;

/// How far around a stretch known messages are gathered, milliseconds: their attempts may have been claimed before it began and
/// answered after it.
pub const AROUND_MS: i64 = 600_000;

/// The attempts of a look with what is known of the look itself.
#[derive(Debug)]
pub struct Occasion<'a> {
    /// Who is due. Others are judged with them, because a row may be theirs.
    pub due: HashSet<&'a str>,
    /// `reconcile.settle` and `give_up`.
    pub times: &'a Times,
    /// Milliseconds since 1970 UTC by the database's clock.
    pub now: i64,
    /// Every page was read and nothing moved meanwhile.
    pub complete: bool,
}

impl Occasion<'_> {
    /// Whether no later look can show more of an attempt.
    pub fn is_last(&self, attempt: &UnknownAttempt, proof: Proof) -> bool {
        let give_up_ms = i64::try_from(self.times.give_up.as_millis()).unwrap_or(i64::MAX);
        let last = i64::from(attempt.looks) + 1 >= self.times.looks();
        let settled =
            self.complete && proof == Proof::Shown && self.due.contains(attempt.ntf.as_str());
        last && (settled || self.now >= attempt.unknown_at.saturating_add(give_up_ms))
    }

    /// What is recorded. Found once is enough, and ambiguous is ambiguous for all of a group; else only those that are due were
    /// looked for.
    pub fn looks(
        &self,
        attempts: &[UnknownAttempt],
        judged: Vec<Judgement>,
        found: impl Fn(&UnknownAttempt, usize) -> Seen,
    ) -> Vec<Look> {
        let looks = attempts.iter().zip(judged).filter_map(|(attempt, judged)| {
            let is_due = self.due.contains(attempt.ntf.as_str());
            let seen = match judged {
                Judgement::Found(row) => found(attempt, row),
                Judgement::Ambiguous => Seen::Ambiguous,
                Judgement::Absent if is_due => Seen::Absent,
                Judgement::Nothing(why) if is_due => Seen::Nothing { why },
                Judgement::Absent | Judgement::Nothing(_) => return None,
            };
            Some(Look { ntf: attempt.ntf.clone(), n: attempt.n, looks: attempt.looks, seen })
        });
        looks.collect()
    }
}

/// When a provider has decided on a request at the latest: some time after our deadline, since it may have been waiting there
/// (ADR 0009). What it accepted later is a control.
pub fn decided_at(attempt: &UnknownAttempt, times: &Times) -> i64 {
    let late = times.settle.first().map_or(0, std::time::Duration::as_millis);
    attempt.deadline_at.saturating_add(i64::try_from(late).unwrap_or(i64::MAX))
}

/// Whether one of these messages proves that the books are newer than an attempt on which its provider had decided by then.
pub fn proof(decided_at: i64, controls: &[Control], shown: &HashSet<&str>) -> Proof {
    let later = controls.iter().filter(|it| it.started_at >= decided_at);
    later
        .map(
            |it| {
                if shown.contains(it.provider_ref.as_str()) {
                    Proof::Shown
                } else {
                    Proof::NotShown
                }
            },
        )
        .max()
        .unwrap_or(Proof::None)
}

#[cfg(test)]
mod tests {
    use super::super::windows::tests::attempt;
    use super::*;
    use std::time::Duration;

    fn control(provider_ref: &str, started_at: i64) -> Control {
        let number = String::new();
        Control { provider_ref: provider_ref.to_owned(), number, started_at, ended_at: started_at }
    }

    #[test]
    fn only_a_shown_message_of_after_the_request_proves_that_the_books_are_newer() {
        let lost = 25_000;
        let shown = HashSet::from(["1", "2"]);
        assert_eq!(proof(lost, &[], &shown), Proof::None);
        assert_eq!(proof(lost, &[control("1", 24_999)], &shown), Proof::None);
        assert_eq!(proof(lost, &[control("3", 25_000)], &shown), Proof::NotShown);
        let later = [control("3", 25_000), control("2", 26_000)];
        assert_eq!(proof(lost, &later, &shown), Proof::Shown);
    }

    #[test]
    fn no_later_look_helps_once_they_are_over_or_their_time_is() {
        let settle = [1, 2, 4].map(Duration::from_secs).to_vec();
        let times = Times { settle, give_up: Duration::from_mins(1) };
        let occasion = |due: bool, now, complete| Occasion {
            due: if due { HashSet::from(["ntf_a"]) } else { HashSet::new() },
            times: &times,
            now,
            complete,
        };
        let mut lost = attempt("ntf_a", "x", 0, 25_000);
        assert!(!occasion(true, 30_000, true).is_last(&lost, Proof::Shown));
        lost.looks = 2;
        assert!(occasion(true, 30_000, true).is_last(&lost, Proof::Shown));
        assert!(!occasion(false, 30_000, true).is_last(&lost, Proof::Shown));
        assert!(!occasion(true, 30_000, false).is_last(&lost, Proof::Shown));
        assert!(!occasion(true, 30_000, true).is_last(&lost, Proof::NotShown));
        assert!(occasion(false, 85_000, false).is_last(&lost, Proof::None));
        lost.looks = 1;
        assert!(!occasion(true, 85_000, true).is_last(&lost, Proof::Shown), "one more follows");
    }

    #[test]
    fn who_is_not_due_is_only_found_or_ambiguous() {
        let times = Times { settle: vec![], give_up: Duration::from_mins(1) };
        let occasion =
            Occasion { due: HashSet::from(["ntf_a"]), times: &times, now: 0, complete: true };
        let names = ["ntf_a", "ntf_b"].map(|name| attempt(name, "x", 0, 1));
        let looks = |judged: Judgement| {
            let found = |_: &UnknownAttempt, _: usize| Seen::Ambiguous;
            let looks = occasion.looks(&names, vec![judged.clone(), judged], found);
            looks.into_iter().map(|look| look.ntf).collect::<Vec<_>>()
        };
        assert_eq!(looks(Judgement::Absent), ["ntf_a"]);
        assert_eq!(looks(Judgement::Nothing(String::new())), ["ntf_a"]);
        assert_eq!(looks(Judgement::Ambiguous), ["ntf_a", "ntf_b"]);
        assert_eq!(looks(Judgement::Found(0)), ["ntf_a", "ntf_b"]);
    }
}
