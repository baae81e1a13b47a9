//! Waiting for a number, and for a lane: nobody's wake-up may be needed (PROTOCOL rules 5 and 10).
//!
//! Models of the rules; the code is SQL (`ledger/src/sweep.rs`, `ledger/src/lanes.rs`).

use crate::small::{Small, small};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Second {
    New,
    SawBusy,
    Waits,
    Done,
}

/// One attempt holds a number, a second row wants it.
fn number(level_triggered: bool) -> Small<(bool, Second)> {
    let next = move |(busy, second): &(bool, Second)| {
        let mut next = vec![];
        if *busy {
            let woken = if *second == Second::Waits { Second::Done } else { *second };
            next.push(("the first ends, and wakes who waits".to_owned(), (false, woken)));
        }
        match second {
            Second::New if *busy => {
                next.push(("the second sees the number busy".to_owned(), (*busy, Second::SawBusy)));
            }
            Second::New => next.push(("the second claims".to_owned(), (*busy, Second::Done))),
            Second::SawBusy => {
                next.push(("the second writes that it waits".to_owned(), (*busy, Second::Waits)));
            }
            Second::Waits if level_triggered && !busy => {
                next.push(("release sees it due, number free".to_owned(), (*busy, Second::Done)));
            }
            _ => {}
        }
        next
    };
    small((true, Second::New), next, |(_, second)| *second == Second::Done)
}

#[test]
fn a_row_that_waits_for_a_number_is_released_by_looking_at_it() {
    assert_eq!(number(true).stuck(), None);
}

#[test]
fn a_row_that_waits_to_be_woken_for_a_number_waits_for_ever() {
    assert!(number(false).stuck().is_some());
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Row {
    Waits,
    Probes,
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Lane {
    open: bool,
    probed: bool,
    rows: [Row; 2],
}

/// A closed lane with two rows; one of them goes ahead as the probe and may be decided not to be sent.
fn lane(probe_is_a_lease: bool) -> Small<Lane> {
    let next = move |lane: &Lane| {
        let mut next = vec![];
        let mut push = |step: String, change: &dyn Fn(&mut Lane)| {
            let mut after = *lane;
            change(&mut after);
            next.push((step, after));
        };
        let first_waiting = lane.rows.iter().position(|row| *row == Row::Waits);
        if let Some(i) = first_waiting.filter(|_| !lane.open && !lane.probed) {
            push(format!("row {} is released as the probe", i + 1), &|after| {
                after.rows[i] = Row::Probes;
                after.probed = true;
            });
        }
        for i in 0..2 {
            if lane.rows[i] == Row::Probes {
                push(format!("row {} is decided: cancel; nothing is sent", i + 1), &|after| {
                    after.rows[i] = Row::Done;
                });
                push(format!("row {} is accepted, the lane opens", i + 1), &|after| {
                    after.rows[i] = Row::Done;
                    after.open = true;
                    after.probed = false;
                });
            }
            if lane.open && lane.rows[i] == Row::Waits {
                push(format!("row {} is sent", i + 1), &|after| after.rows[i] = Row::Done);
            }
        }
        if probe_is_a_lease && lane.probed && !lane.rows.contains(&Row::Probes) {
            push("the probe's lease ran out".to_owned(), &|after| after.probed = false);
        }
        next
    };
    let start = Lane { open: false, probed: false, rows: [Row::Waits; 2] };
    small(start, next, |lane| lane.rows == [Row::Done; 2])
}

#[test]
fn a_probe_that_is_a_lease_never_blocks_its_lane() {
    assert_eq!(lane(true).stuck(), None);
}

#[test]
fn a_probe_that_ends_only_by_its_outcome_blocks_its_lane_for_ever() {
    assert!(lane(false).stuck().is_some());
}
