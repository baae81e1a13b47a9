//! Exhaustive search of the protocol: every order in which two workers, schedulers, broker, provider, reconciliation and people
//! can act on one notification, with faults, against the ledger's own `protocol::apply`.
//!
//! Runs that keep every rule must be clean. Runs without one rule must find a violation: the rule is needed, and the search can
//! see. `RUST_TEST_NOCAPTURE=1 cargo test -p ledger --test search` prints sizes.

#[path = "search/attempt.rs"]
mod attempt;
#[path = "search/bridge.rs"]
mod bridge;
#[path = "search/explore.rs"]
mod explore;
#[path = "search/judge.rs"]
mod judge;
#[path = "search/steps.rs"]
mod steps;
#[path = "search/surroundings.rs"]
mod surroundings;
#[path = "search/variant.rs"]
mod variant;
#[path = "search/world.rs"]
mod world;

use explore::explore;
use judge::Violation;
use ledger::state::State;
use variant::{BASE, Budget, Mutation, Policy, Variant, faults};

/// Every rule is kept: nothing may be found.
#[track_caller]
fn clean(name: &str, variant: Variant) {
    let began = std::time::Instant::now();
    let found = explore(&variant, None);
    say(name, found.states, found.quiet, began.elapsed());
    if let Some((violation, trace)) = found.violations.first() {
        panic!("{name}: {violation:?}\n{trace}");
    }
    assert!(found.quiet > 0 && found.states > 100, "{name}: searched nothing");
}

/// A rule is left out: the violation must be found.
#[track_caller]
fn breaks(name: &str, violation: Violation, variant: Variant) {
    let began = std::time::Instant::now();
    let found = explore(&variant, Some(violation));
    say(name, found.states, found.quiet, began.elapsed());
    let others: Vec<_> = found.violations.iter().map(|(v, _)| *v).collect();
    let trace = found.trace(violation);
    assert!(
        trace.is_some(),
        "{name}: {violation:?} was not found in {} states, only {others:?}",
        found.states
    );
    #[expect(clippy::print_stdout, reason = "the counterexample, for who asks with --nocapture")]
    {
        println!("{name}: {violation:?}\n{}", trace.unwrap_or_default());
    }
}

#[expect(clippy::print_stdout, reason = "the sizes, for who asks with --nocapture")]
fn say(name: &str, states: usize, quiet: usize, took: std::time::Duration) {
    println!("{name}: {states} states, {quiet} ends, {took:.1?}");
}

mod every_rule_kept {
    use super::*;

    const ENDS: &[State] =
        &[State::Suppressed, State::Cancelled, State::Refused, State::DeadLettered];

    #[test]
    fn one_fault_with_quick_retries_refusals_and_deferrals_is_clean() {
        let budget = Budget { defer: 1, ..faults(1) };
        clean("one fault", Variant { quick_retry: true, provider_says_no: true, budget, ..BASE });
    }

    #[test]
    fn two_faults_are_clean() {
        clean("two faults", Variant { budget: faults(2), ..BASE });
    }

    #[test]
    fn two_schedulers_are_clean() {
        clean("two schedulers", Variant { schedulers: 2, ..BASE });
    }

    #[test]
    fn three_attempts_are_clean() {
        clean("three attempts", Variant { attempts: 3, releases: 4, ..BASE });
    }

    #[test]
    fn two_channels_are_clean() {
        let v = Variant { channels: 2, quick_retry: true, provider_says_no: true, ..BASE };
        clean("two channels", v);
    }

    #[test]
    fn stopping_at_an_unknown_attempt_is_clean() {
        let v = Variant { policy: Policy::Stop, provider_says_no: true, time_passes: true, ..BASE };
        clean("stop", v);
    }

    #[test]
    fn giving_up_without_a_look_is_clean() {
        let v =
            Variant { policy: Policy::GiveUp, provider_says_no: true, time_passes: true, ..BASE };
        clean("rule 20", v);
    }

    #[test]
    fn a_cancellation_at_any_moment_is_clean() {
        clean(
            "cancel",
            Variant { cancel: true, quick_retry: true, provider_says_no: true, ..BASE },
        );
    }

    #[test]
    fn decisions_that_end_a_row_and_replays_are_clean() {
        let budget = Budget { end: 1, replay: 1, ..faults(1) };
        clean("ends", Variant { ends: ENDS, time_passes: true, budget, ..BASE });
    }

    #[test]
    fn claims_that_commit_after_their_worker_gave_up_are_clean() {
        clean(
            "ghosts",
            Variant { ghost_claims: true, quick_retry: true, provider_says_no: true, ..BASE },
        );
    }

    #[test]
    fn books_are_right_even_if_a_report_was_behind() {
        let budget = Budget { lie: 1, end: 1, replay: 1, ..faults(1) };
        let v = Variant { ends: ENDS, provider_says_no: true, books_only: true, budget, ..BASE };
        clean("report behind", v);
    }

    #[test]
    fn books_are_right_even_if_a_report_was_behind_and_another_channel_is_tried() {
        let budget = Budget { lie: 1, ..faults(1) };
        let v = Variant {
            attempts: 3,
            channels: 2,
            quick_retry: true,
            provider_says_no: true,
            books_only: true,
            budget,
            ..BASE
        };
        clean("report behind, two channels", v);
    }
}
