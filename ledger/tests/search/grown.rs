//! The one notification of `world.rs` in further surroundings: lanes, erasure, the other channel after an acceptance, expiry; and
//! rules that look odd there.

use crate::judge::Violation::{
    Abandoned, AcceptedForgotten, Books, Burnt, ClaimedAfterAccepted, ClaimedAfterCancel,
    ClaimedInDoubt, Twice,
};
use crate::variant::{BASE, Budget, Mutation, Policy, Variant, faults};
use crate::{breaks, clean};
use ledger::state::State::{
    Accepted, Cancelled, Delivered, Expired, Refused, Undelivered, Unresolved,
};

/// A worker dies.
const CRASH: Budget = Budget { crash: 1, total: 1, ..Budget::NONE };

/// The account is refused at any moment, between route and claim too, and recovers.
const LANES: Variant =
    Variant { lanes: true, provider_says_no: true, releases: 3, budget: CRASH, ..BASE };

/// The other channel after an acceptance without a receipt.
const FALLBACK: Variant =
    Variant { channels: 2, fallback: true, time_passes: true, budget: CRASH, ..BASE };

/// Receipts at any moment, the next channel after a loss and after silence.
const RECEIPTS: Variant = Variant { receipts: true, releases: 2, ..FALLBACK };

/// The same without faults, where what is said may contradict what was said before.
const CONTRADICTING: Variant = Variant { contradicting: true, budget: Budget::NONE, ..RECEIPTS };

/// The same where somebody may stop it by hand.
const STOPPED: Variant = Variant { stop: true, contradicting: false, releases: 3, ..CONTRADICTING };

/// The report says absent, once, of what the provider has: twice may happen then, wrong books may not.
const BEHIND: Variant = Variant {
    attempts: 3,
    books_only: true,
    fallback: false,
    time_passes: false,
    budget: Budget { lie: 1, ..Budget::NONE },
    ..RECEIPTS
};

#[test]
fn a_lane_that_closes_at_any_moment_is_clean() {
    clean("lanes", 530_000, LANES, &[Accepted, Refused, Expired, Unresolved]);
}

#[test]
fn an_account_that_is_refused_must_not_burn_its_messages() {
    let v = Variant { without: &[Mutation::LaneBurns], provider_says_no: false, ..LANES };
    breaks("lane burns", Burnt, v);
}

#[test]
fn erasure_at_any_moment_is_clean() {
    let v = Variant { erase: true, quick_retry: true, budget: CRASH, ..BASE };
    clean("erasure", 130_000, v, &[Accepted, Cancelled, Expired, Unresolved]);
}

#[test]
fn expiry_at_any_moment_is_clean_also_between_a_proof_of_absence_and_its_resend() {
    let v = Variant { time_passes: true, budget: CRASH, ..BASE };
    clean("expiry, resend", 60_000, v, &[Accepted, Expired, Unresolved]);
    let v = Variant { policy: Policy::ResendThenGiveUp, cancel: true, ..v };
    clean("expiry, cancel, given up", 160_000, v, &[Accepted, Cancelled, Expired, Unresolved]);
}

#[test]
fn another_channel_after_an_acceptance_is_clean_and_no_channel_accepts_twice() {
    clean("fallback", 260_000, FALLBACK, &[Accepted, Expired, Unresolved]);
}

/// A released row that was accepted before cannot end as if it never had been.
#[test]
fn a_copy_for_another_channel_that_is_decided_otherwise_must_not_end_the_row_by_it() {
    let v = Variant { without: &[Mutation::FallbackEndsAsDecided], ..FALLBACK };
    breaks("fallback ends as decided", AcceptedForgotten, v);
}

#[test]
fn another_channel_after_an_acceptance_needs_the_claims_look_at_its_channel() {
    let v = Variant { without: &[Mutation::NoChannelGuard], ..FALLBACK };
    breaks("fallback on the same channel", ClaimedAfterAccepted, v);
}

#[test]
fn a_lease_that_ends_before_its_worker_may_not_send_any_more_sends_twice() {
    breaks("lease too short", Twice, Variant { without: &[Mutation::LeaseTooShort], ..BASE });
}

/// The state already kills copies of a row that ends accepted late. The number is a second lock, and this says so: were it ever
/// needed, this run would not be clean any more.
#[test]
fn the_number_that_a_late_acceptance_raises_is_a_second_lock() {
    let rule = &[Mutation::AcceptedKeepsNumber];
    let v = Variant { without: rule, budget: faults(1), ..BASE };
    clean("late acceptance keeps the number", 150_000, v, &[Accepted, Expired, Unresolved]);
}

/// Patience repairs what the other order loses. What it costs is time: the copy comes before the row says so and dies.
#[test]
fn a_publish_before_the_commit_is_repaired_by_patience() {
    let v = Variant { without: &[Mutation::PublishBeforeCommit], ..BASE };
    clean("publish before commit", 260_000, v, &[Accepted, Expired, Unresolved]);
}

#[test]
fn receipts_at_any_moment_are_clean_doubled_late_or_out_of_order() {
    let ends = [Accepted, Delivered, Undelivered, Expired, Unresolved];
    clean("receipts", 190_000, RECEIPTS, &ends);
}

#[test]
fn receipts_that_contradict_each_other_are_clean() {
    let ends = [Accepted, Delivered, Undelivered, Expired, Unresolved];
    clean("receipts, contradicting", 70_000, CONTRADICTING, &ends);
}

#[test]
fn receipts_of_what_somebody_stopped_are_clean() {
    let ends = [Accepted, Delivered, Undelivered, Cancelled, Expired, Unresolved];
    clean("receipts, stopped by hand", 230_000, STOPPED, &ends);
}

#[test]
fn receipts_of_what_was_looked_for_in_vain_are_clean() {
    let ends = [Accepted, Delivered, Undelivered, Expired, Unresolved];
    clean("receipts, report behind", 330_000, BEHIND, &ends);
}

#[test]
fn receipts_of_what_is_given_up_without_a_look_are_clean() {
    let v = Variant { policy: Policy::GiveUp, fallback: false, releases: 2, ..RECEIPTS };
    clean("receipts, rule 20", 70_000, v, &[Accepted, Delivered, Undelivered, Expired, Unresolved]);
}

#[test]
fn a_first_channel_that_was_given_up_must_not_end_the_next_ones_own_trouble() {
    let v = Variant { time_passes: false, ..FALLBACK };
    let v = Variant { without: &[Mutation::GivenUpStands], ..v };
    breaks("what was given up stands", Abandoned, v);
}

#[test]
fn a_loss_that_is_heard_after_the_arrival_must_not_count() {
    let v = Variant { without: &[Mutation::LostOverArrived], ..CONTRADICTING };
    breaks("lost over arrived", Books, v);
}

#[test]
fn what_was_passed_over_and_is_lost_then_must_not_go_on_again() {
    let v = Variant { without: &[Mutation::HeardLateGoesOn], ..STOPPED };
    breaks("heard late goes on", ClaimedAfterCancel, v);
}

#[test]
fn what_somebody_stopped_must_not_go_on_because_it_is_lost() {
    let v = Variant { without: &[Mutation::DecidedGoesOn], stop: true, releases: 3, ..BEHIND };
    breaks("stopped goes on", ClaimedAfterCancel, v);
}

#[test]
fn what_is_lost_must_not_go_on_while_a_later_attempt_may_have_arrived() {
    let v = Variant { without: &[Mutation::LostGoesOnInDoubt], releases: 3, ..BEHIND };
    breaks("goes on in doubt", ClaimedInDoubt, v);
}

#[test]
fn a_receipt_before_the_outcome_must_count() {
    let v = Variant { policy: Policy::GiveUp, fallback: false, ..RECEIPTS };
    let v = Variant { without: &[Mutation::EarlyReceiptUnmatched], ..v };
    breaks("early receipt unmatched", Books, v);
}
