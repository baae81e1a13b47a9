//! Exhaustive search of the protocol: every order in which two workers, schedulers, broker, provider, reconciliation and people
//! can act on one notification, with faults, against the ledger's own `protocol::apply`.
//!
//! Runs that keep every rule must be clean. Runs without one rule must find a violation: the rule is needed, and the search can
//! see. `cargo test -p ledger --test search -- --nocapture` prints sizes and counterexamples.

#[path = "search/attempt.rs"]
mod attempt;
#[path = "search/bridge.rs"]
mod bridge;
#[path = "search/deep.rs"]
mod deep;
#[path = "search/evidence.rs"]
mod evidence;
#[path = "search/explore.rs"]
mod explore;
#[path = "search/grown.rs"]
mod grown;
#[path = "search/holders.rs"]
mod holders;
#[path = "search/judge.rs"]
mod judge;
#[path = "search/number.rs"]
mod number;
#[path = "search/same_thing.rs"]
mod same_thing;
#[path = "search/small.rs"]
mod small;
#[path = "search/steps.rs"]
mod steps;
#[path = "search/surroundings.rs"]
mod surroundings;
#[path = "search/variant.rs"]
mod variant;
#[path = "search/waiting.rs"]
mod waiting;
#[path = "search/world.rs"]
mod world;

use explore::explore;
use judge::Violation;
use ledger::state::State;
use variant::{BASE, Budget, Mutation, Policy, Variant, faults};

/// Every rule is kept: nothing may be found, and the rows end in just these states.
#[track_caller]
fn clean(name: &str, at_least: usize, variant: Variant, ends: &[State]) {
    let began = std::time::Instant::now();
    let found = explore(&variant, None);
    say(name, found.states, found.quiet, began.elapsed());
    if let Some((violation, trace)) = found.violations.first() {
        panic!("{name}: {violation:?}\n{trace}");
    }
    // a search that reaches less than it should proves nothing
    assert!(found.states >= at_least, "{name}: only {} states, once {at_least}", found.states);
    let reached: Vec<_> = found.ends.into_iter().collect();
    assert_eq!(reached, ends, "{name}: how the rows ended");
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
    use State::{Accepted, Cancelled, DeadLettered, Expired, Refused, Suppressed, Unresolved};

    #[test]
    fn one_fault_with_quick_retries_refusals_and_deferrals_is_clean() {
        let budget = Budget { defer: 1, ..faults(1) };
        clean(
            "one fault",
            980_000,
            Variant { quick_retry: true, provider_says_no: true, budget, ..BASE },
            &[Accepted, Refused, Expired, Unresolved],
        );
    }

    #[test]
    fn two_faults_are_clean() {
        clean(
            "two faults",
            790_000,
            Variant { budget: faults(2), ..BASE },
            &[Accepted, Expired, Unresolved],
        );
    }

    #[test]
    fn two_schedulers_are_clean() {
        clean(
            "two schedulers",
            250_000,
            Variant { schedulers: 2, ..BASE },
            &[Accepted, Expired, Unresolved],
        );
    }

    #[test]
    fn three_attempts_are_clean() {
        clean(
            "three attempts",
            1_100_000,
            Variant { attempts: 3, releases: 4, ..BASE },
            &[Accepted, Expired, Unresolved],
        );
    }

    #[test]
    fn two_channels_are_clean() {
        let budget = Budget { crash: 1, connection: 1, total: 1, ..Budget::NONE };
        let v = Variant { channels: 2, quick_retry: true, provider_says_no: true, budget, ..BASE };
        clean("two channels", 1_700_000, v, &[Accepted, Refused, Expired, Unresolved]);
    }

    #[test]
    fn stopping_at_an_unknown_attempt_is_clean() {
        let v = Variant { policy: Policy::Stop, provider_says_no: true, time_passes: true, ..BASE };
        clean("stop", 92_000, v, &[Accepted, Refused, Expired, Unresolved]);
    }

    #[test]
    fn giving_up_without_a_look_is_clean() {
        let v =
            Variant { policy: Policy::GiveUp, provider_says_no: true, time_passes: true, ..BASE };
        clean("rule 20", 86_000, v, &[Accepted, Refused, Expired, Unresolved]);
    }

    #[test]
    fn a_cancellation_at_any_moment_is_clean() {
        let budget = Budget { crash: 1, connection: 1, total: 1, ..Budget::NONE };
        clean(
            "cancel",
            290_000,
            Variant { cancel: true, quick_retry: true, budget, ..BASE },
            &[Accepted, Cancelled, Expired, Unresolved],
        );
    }

    #[test]
    fn decisions_that_end_a_row_and_replays_are_clean() {
        let budget = Budget { end: 1, replay: 1, ..faults(1) };
        clean(
            "ends",
            490_000,
            Variant { ends: ENDS, time_passes: true, budget, ..BASE },
            &[Accepted, Refused, Suppressed, Cancelled, Expired, Unresolved, DeadLettered],
        );
    }

    #[test]
    fn claims_that_commit_after_their_worker_gave_up_are_clean() {
        clean(
            "ghosts",
            660_000,
            Variant { ghost_claims: true, quick_retry: true, provider_says_no: true, ..BASE },
            &[Accepted, Refused, Expired, Unresolved],
        );
    }

    #[test]
    fn books_are_right_even_if_a_report_was_behind() {
        clean(
            "report behind",
            1_100_000,
            BEHIND,
            &[Accepted, Refused, Suppressed, Cancelled, Expired, Unresolved, DeadLettered],
        );
    }

    #[test]
    fn books_are_right_even_if_a_report_was_behind_and_another_channel_is_tried() {
        clean(
            "report behind, two channels",
            140_000,
            BEHIND_TWO_CHANNELS,
            &[Accepted, Expired, Unresolved],
        );
    }
}

const ENDS: &[State] = &[State::Suppressed, State::Cancelled, State::Refused, State::DeadLettered];

/// The report says absent, once, of what was accepted: twice may happen then, wrong books may not.
const BEHIND: Variant = Variant {
    ends: ENDS,
    provider_says_no: true,
    books_only: true,
    budget: Budget { crash: 1, connection: 1, total: 1, lie: 1, end: 1, replay: 1, ..Budget::NONE },
    ..BASE
};

/// The same where a failure in back-off may go on to another channel.
const BEHIND_TWO_CHANNELS: Variant = Variant {
    attempts: 3,
    releases: 2,
    channels: 2,
    quick_retry: true,
    books_only: true,
    budget: Budget { lie: 1, ..Budget::NONE },
    ..BASE
};

/// Nothing goes wrong but replies that are lost: what is then not known is nobody's excuse.
const CALM_STOP: Variant =
    Variant { policy: Policy::Stop, budget: Budget { doubt: 1, ..NO_FAULTS }, ..BASE };

const NO_FAULTS: Budget =
    Budget { crash: 0, connection: 0, scheduler: 0, loss: 0, duplicate: 0, doubt: 0, ..faults(1) };

mod a_rule_left_out {
    use super::*;
    use Violation::{
        AcceptedForgotten, Books, ClaimedAfterAccepted, ClaimedAfterCancel, Lost, Silent, Spins,
        Stuck, Twice,
    };

    const fn without(without: &'static [Mutation], variant: Variant) -> Variant {
        Variant { without, ..variant }
    }

    #[test]
    fn the_boot_clock_read_at_the_reply_sends_twice() {
        breaks("clock from reply", Twice, without(&[Mutation::ClockFromReply], BASE));
    }

    #[test]
    fn no_patience_loses_a_copy_for_ever() {
        breaks("no patience", Stuck, without(&[Mutation::NoPatience], BASE));
    }

    #[test]
    fn no_patience_loses_a_copy_for_ever_even_if_the_row_is_marked_after_the_publish() {
        let calm = Variant { budget: Budget { crash: 1, loss: 1, ..NO_FAULTS }, ..BASE };
        let rules = &[Mutation::NoPatience, Mutation::PublishBeforeCommit];
        breaks("no patience, marked after", Stuck, without(rules, calm));
    }

    #[test]
    fn a_claim_by_release_number_alone_sends_twice() {
        let rules = &[Mutation::ClaimByFence, Mutation::NoChannelGuard];
        breaks("claim by fence", Twice, without(rules, BASE));
    }

    #[test]
    fn a_claim_by_release_number_alone_sends_on_two_channels() {
        let v = Variant { channels: 2, ..BASE };
        breaks("claim by fence, channels", Twice, without(&[Mutation::ClaimByFence], v));
    }

    #[test]
    fn a_claim_that_only_shuns_sending_rows_sends_twice() {
        let rules = &[Mutation::ClaimByFenceNotSending, Mutation::NoChannelGuard];
        breaks("claim not waiting", Twice, without(rules, BASE));
    }

    #[test]
    fn a_late_outcome_held_to_its_release_number_is_thrown_away() {
        let v = Variant { policy: Policy::GiveUp, ..BASE };
        breaks("late outcome fenced", Books, without(&[Mutation::LateOutcomeFenced], v));
        breaks("late failure fenced", Lost, without(&[Mutation::LateOutcomeFenced], CALM_STOP));
    }

    #[test]
    fn a_report_that_is_behind_sends_twice() {
        breaks("report lag", Twice, without(&[Mutation::ReportLag], BASE));
    }

    #[test]
    fn bytes_that_arrive_after_the_look_send_twice() {
        breaks("bytes late", Twice, without(&[Mutation::BytesLate], BASE));
    }

    #[test]
    fn a_worker_stopped_after_its_check_sends_twice() {
        breaks("stopped after check", Twice, without(&[Mutation::StoppedAfterCheck], BASE));
    }

    #[test]
    fn a_claim_in_doubt_taken_for_a_failure_is_never_answered_for() {
        breaks("doubt as failure", Silent, without(&[Mutation::DoubtAsFailure], CALM_STOP));
    }

    #[test]
    fn an_unresolved_row_that_a_failure_does_not_open_is_lost() {
        breaks("no reopen", Lost, without(&[Mutation::NoReopen], CALM_STOP));
    }

    #[test]
    fn a_larger_number_put_back_spins() {
        let rules = &[Mutation::PublishBeforeCommit, Mutation::LargerNumberHeld];
        breaks("larger number held", Spins, without(rules, BASE));
    }

    #[test]
    fn a_late_refusal_of_an_earlier_attempt_ends_a_row_that_was_accepted() {
        let v = Variant { provider_says_no: true, ..BASE };
        let v = Variant { policy: Policy::ResendThenGiveUp, ..v };
        breaks("late refusal of any", Books, without(&[Mutation::LateRefusedOfAny], v));
    }

    #[test]
    fn an_acceptance_that_does_not_correct_every_end_is_forgotten() {
        let rule = &[Mutation::LateAcceptedListedOnly];
        breaks("late acceptance listed", AcceptedForgotten, without(rule, BEHIND));
        // order: Refused(2) and then Accepted(1), without any decision of ours
        let v = Variant { ends: &[], budget: Budget { lie: 1, ..Budget::NONE }, ..BEHIND };
        breaks("late acceptance after refusal", AcceptedForgotten, without(rule, v));
    }

    #[test]
    fn a_back_off_that_outlives_an_acceptance_sends_again() {
        let rule = &[Mutation::BackOffStays];
        breaks("back-off stays", AcceptedForgotten, without(rule, BEHIND_TWO_CHANNELS));
        breaks("back-off claims", ClaimedAfterAccepted, without(rule, BEHIND_TWO_CHANNELS));
    }

    #[test]
    fn a_late_failure_of_an_earlier_attempt_sends_a_third() {
        let v = Variant { attempts: 3, channels: 2, budget: NO_FAULTS, ..BASE };
        breaks("late failure of any", Twice, without(&[Mutation::LateFailedOfAny], v));
    }

    #[test]
    fn a_failure_of_no_more_use_leaves_a_row_unresolved_that_everybody_knows_was_not_sent() {
        let v = Variant { time_passes: true, ..CALM_STOP };
        breaks("useless failure", Lost, without(&[Mutation::UselessStaysUnresolved], v));
    }

    #[test]
    fn a_claim_that_does_not_compare_revisions_sends_what_was_cancelled() {
        let v = Variant { cancel: true, ..BASE };
        let rule = &[Mutation::RevisionNotCompared];
        breaks("revision", ClaimedAfterCancel, without(rule, v));
    }

    #[test]
    fn a_quick_retry_that_does_not_compare_revisions_sends_what_was_cancelled() {
        let v = Variant { cancel: true, quick_retry: true, ..BASE };
        let rule = &[Mutation::RevisionNotComparedAgain];
        breaks("revision again", ClaimedAfterCancel, without(rule, v));
    }

    #[test]
    fn a_zombie_in_back_off_that_is_not_held_to_the_last_attempt_sends_twice() {
        let v = Variant { attempts: 3, channels: 2, quick_retry: true, ..BASE };
        breaks("back-off unfenced", Twice, without(&[Mutation::BackOffUnfenced], v));
    }
}
