use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn doubt(edges: &[(usize, Fit)]) -> Doubt {
    let edges = edges.iter().map(|(row, fit)| Edge { row: *row, fit: *fit }).collect();
    Doubt { edges, proof: Proof::Shown, last_look: false, under_way: false }
}

fn seen(rows: usize, doubts: Vec<Doubt>) -> Evidence {
    Evidence { rows: vec![0; rows], doubts, gap: None }
}

#[test]
fn what_is_there_is_found_even_if_the_look_was_not_complete() {
    let mut evidence = seen(1, vec![doubt(&[(0, Fit::Likely)])]);
    evidence.gap = Some("a page was refused".to_owned());
    evidence.doubts[0].proof = Proof::None;
    assert_eq!(judge(&evidence), [Judgement::Found(0)]);
}

#[test]
fn it_is_absent_only_if_the_look_was_complete_and_newer() {
    let with = |proof, gap: Option<&str>| {
        let mut evidence = seen(0, vec![doubt(&[])]);
        evidence.doubts[0].proof = proof;
        evidence.gap = gap.map(str::to_owned);
        judge(&evidence).remove(0)
    };
    assert_eq!(with(Proof::Shown, None), Judgement::Absent);
    assert_eq!(with(Proof::Shown, Some("gap")), Judgement::Nothing("gap".to_owned()));
    assert_eq!(with(Proof::None, None), Judgement::Nothing(NO_CONTROL.to_owned()));
    assert_eq!(with(Proof::NotShown, None), Judgement::Nothing(CONTROL_NOT_SHOWN.to_owned()));
}

#[test]
fn a_row_that_differs_in_something_forbids_absence_and_proves_no_arrival() {
    let mut evidence = seen(1, vec![doubt(&[(0, Fit::Maybe)])]);
    assert_eq!(judge(&evidence), [Judgement::Nothing(NOT_YET_CLEAR.to_owned())]);
    evidence.doubts[0].last_look = true;
    assert_eq!(judge(&evidence), [Judgement::Ambiguous]);
}

#[test]
fn as_many_rows_as_attempts_means_that_all_arrived_each_with_a_row_of_its_own() {
    let both = [(0, Fit::Likely), (1, Fit::Likely)];
    let evidence = seen(2, vec![doubt(&both), doubt(&both)]);
    let judged: BTreeSet<_> = judge(&evidence).into_iter().map(|it| format!("{it:?}")).collect();
    assert_eq!(judged.len(), 2, "{judged:?}");
    // the first attempt could take the only row that the second one has: it moves
    let evidence = seen(2, vec![doubt(&both), doubt(&both[..1])]);
    assert_eq!(judge(&evidence), [Judgement::Found(1), Judgement::Found(0)]);
}

#[test]
fn any_other_number_of_rows_is_ambiguous_for_all_of_them() {
    let one = [(0, Fit::Likely)];
    let mut evidence = seen(1, vec![doubt(&one), doubt(&one)]);
    let not_yet = Judgement::Nothing(NOT_YET_CLEAR.to_owned());
    assert_eq!(judge(&evidence), [not_yet.clone(), not_yet]);
    // the last look of one of them ends it for both, or the other would take the row that may be this one's
    evidence.doubts[1].last_look = true;
    assert_eq!(judge(&evidence), [Judgement::Ambiguous, Judgement::Ambiguous]);

    let mut evidence = seen(2, vec![doubt(&[(0, Fit::Likely), (1, Fit::Likely)])]);
    evidence.doubts[0].last_look = true;
    assert_eq!(judge(&evidence), [Judgement::Ambiguous]);
}

#[test]
fn rows_that_say_different_things_are_nobodys() {
    let both = [(0, Fit::Likely), (1, Fit::Likely)];
    let mut evidence = seen(2, vec![doubt(&both), doubt(&both)]);
    evidence.rows = vec![0, 1];
    evidence.doubts[0].last_look = true;
    assert_eq!(judge(&evidence), [Judgement::Ambiguous, Judgement::Ambiguous]);
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let fit =
        prop_oneof![3 => Just(None), 2 => Just(Some(Fit::Likely)), 1 => Just(Some(Fit::Maybe))];
    let proof =
        prop_oneof![1 => Just(Proof::None), 1 => Just(Proof::NotShown), 3 => Just(Proof::Shown)];
    (0usize..6, 0usize..6).prop_flat_map(move |(attempts, rows)| {
        let fits = prop::collection::vec(prop::collection::vec(fit.clone(), rows), attempts);
        let proofs = prop::collection::vec((proof.clone(), any::<bool>()), attempts);
        let kinds = prop::collection::vec(0u8..2, rows);
        let gap = prop_oneof![3 => Just(None), 1 => Just(Some("gap".to_owned()))];
        (fits, proofs, kinds, gap).prop_map(|(fits, proofs, rows, gap)| {
            let doubts = fits.into_iter().zip(proofs).map(|(fits, (proof, last_look))| {
                let edges = fits.into_iter().enumerate();
                let edges = edges.filter_map(|(row, fit)| fit.map(|fit| Edge { row, fit }));
                Doubt { edges: edges.collect(), proof, last_look, under_way: false }
            });
            Evidence { rows, doubts: doubts.collect(), gap }
        })
    })
}

/// What really happened, and the books that follow from it: rows of ours that arrived, and other people's.
#[derive(Debug, Clone)]
struct World {
    /// Of each attempt: number, segments, arrived, shown in the books.
    attempts: Vec<(u8, u8, bool, bool)>,
    /// Other messages of the account: number, segments.
    others: Vec<(u8, u8)>,
}

fn any_world() -> impl Strategy<Value = World> {
    (
        prop::collection::vec((0u8..3, 1u8..3, any::<bool>(), any::<bool>()), 0..5),
        prop::collection::vec((0u8..3, 1u8..3), 0..3),
    )
        .prop_map(|(attempts, others)| World { attempts, others })
}

/// The books as Netgsm's report tells them: number and segments, nothing else.
fn books(world: &World) -> Evidence {
    let ours = world.attempts.iter().filter(|it| it.2 && it.3).map(|it| (it.0, it.1));
    let rows: Vec<(u8, u8)> = ours.chain(world.others.iter().copied()).collect();
    let doubts = world.attempts.iter().map(|(number, segments, ..)| {
        let edges = rows.iter().enumerate().filter(|(_, row)| row.0 == *number).map(|(row, it)| {
            Edge { row, fit: if it.1 == *segments { Fit::Likely } else { Fit::Maybe } }
        });
        Doubt { edges: edges.collect(), proof: Proof::Shown, last_look: true, under_way: false }
    });
    Evidence { doubts: doubts.collect(), rows: vec![0; rows.len()], gap: None }
}

proptest! {
    #[test]
    fn absent_needs_a_complete_look_a_newer_message_and_no_row_at_all(evidence in any_evidence()) {
        for (doubt, judged) in evidence.doubts.iter().zip(judge(&evidence)) {
            if judged == Judgement::Absent {
                prop_assert!(evidence.gap.is_none() && doubt.proof == Proof::Shown && doubt.edges.is_empty());
            }
        }
    }

    #[test]
    fn no_two_attempts_take_one_row_and_only_a_row_that_fits_is_taken(evidence in any_evidence()) {
        let mut taken = BTreeSet::new();
        for (doubt, judged) in evidence.doubts.iter().zip(judge(&evidence)) {
            if let Judgement::Found(row) = judged {
                prop_assert!(taken.insert(row), "row {row} twice");
                let fits = doubt.edges.contains(&Edge { row, fit: Fit::Likely });
                prop_assert!(fits);
            }
        }
    }

    #[test]
    fn every_attempt_is_judged_and_the_same_evidence_is_judged_the_same(evidence in any_evidence()) {
        let judged = judge(&evidence);
        prop_assert_eq!(judged.len(), evidence.doubts.len());
        prop_assert_eq!(judged, judge(&evidence));
    }

    #[test]
    fn it_is_ambiguous_only_when_no_later_look_can_tell(evidence in any_evidence()) {
        if evidence.doubts.iter().all(|doubt| !doubt.last_look) {
            prop_assert!(!judge(&evidence).contains(&Judgement::Ambiguous));
        }
    }

    /// The promise: what arrived and is in the books is never taken for absent, whatever else the account sends.
    #[test]
    fn what_arrived_is_never_absent(world in any_world()) {
        for (attempt, judged) in world.attempts.iter().zip(judge(&books(&world))) {
            if attempt.2 && attempt.3 {
                prop_assert_ne!(judged, Judgement::Absent);
            }
        }
    }

    /// Where nobody else uses the account for these numbers and its books are complete, nothing is guessed: whoever is found arrived.
    #[test]
    fn who_is_found_arrived_if_nobody_else_sent_to_the_number(world in any_world()) {
        let world = World {
            others: vec![],
            attempts: world.attempts.iter().map(|it| (it.0, it.1, it.2, true)).collect(),
        };
        let evidence = books(&world);
        for (attempt, judged) in world.attempts.iter().zip(judge(&evidence)) {
            if matches!(judged, Judgement::Found(_)) {
                prop_assert!(attempt.2, "{attempt:?} was found and had not arrived");
            }
        }
    }
}
