//! Runs of two holders: with every rule, and with one left out.

use super::{OURS, Rules, START, World};
use crate::deep::Model;

fn model(rules: Rules) -> Model<World> {
    let [takeovers, lost_replies, nothings] = rules.faults;
    Model {
        start: World { takeovers, lost_replies, nothings, ..START },
        next: Box::new(move |world, steps| world.steps(rules, steps)),
        wrong: Box::new(move |world| world.wrong(rules)),
        good: Box::new(World::is_over),
    }
}

fn clean(name: &str, rules: Rules, at_least: usize) {
    model(rules).clean(name, at_least);
}

fn breaks(name: &str, what: &str, rules: Rules) {
    model(rules).breaks(name, what);
}

#[test]
fn two_holders_with_fence_and_counter_never_send_twice_and_always_end() {
    clean("two holders, resend", OURS, 49_000);
    clean("two holders, stop", Rules { resend: false, ..OURS }, 16_000);
    clean("two holders, scans in part", Rules { faults: [1, 0, 1], ..OURS }, 69_000);
}

/// The fence alone is not enough: it is still one's own when one's own reply was lost.
#[test]
fn a_look_whose_reply_was_lost_counts_twice_without_the_counter() {
    let rules = Rules { counter: false, ..OURS };
    breaks("no look counter", "sent twice", rules);
    clean("no look counter, no lost reply", Rules { faults: [1, 0, 0], ..rules }, 20_000);
}

#[test]
fn a_holder_that_was_stopped_counts_an_old_scan_without_fence_and_counter() {
    let rules = Rules { counter: false, fence: false, faults: [1, 0, 0], ..OURS };
    breaks("neither fence nor counter", "sent twice", rules);
}

/// The counter does the fence's work here. The fence stays: it spares a provider's budget two holders that look at once.
#[test]
fn the_counter_alone_already_stops_a_holder_that_was_stopped() {
    clean("no fence", Rules { fence: false, ..OURS }, 53_000);
}

#[test]
fn fewer_looks_than_a_late_message_needs_to_show_send_twice() {
    breaks("two looks", "sent twice", Rules { looks: 2, ..OURS });
}

#[test]
fn a_look_that_proves_nothing_must_not_count() {
    let rules = Rules { proof: false, faults: [0, 0, 1], ..OURS };
    breaks("nothing counts", "sent twice", rules);
}

#[test]
fn a_look_for_an_earlier_attempt_must_not_count_for_a_later_one() {
    let rules = Rules { tied: false, faults: [0, 0, 0], ..OURS };
    breaks("not tied to its attempt", "the books are wrong", rules);
}

/// The residue that is named: a message that never shows although a later one does may be sent twice; not three times.
#[test]
fn a_provider_that_hides_messages_costs_one_more_and_never_two() {
    let rules = Rules { lies: true, attempts: 3, faults: [0, 0, 0], ..OURS };
    clean("a provider that hides, one resend", rules, 24_000);
    breaks("resend without end", "sent three times", Rules { once: false, ..rules });
    breaks("a provider that hides", "sent twice", Rules { strict: true, ..rules });
}
