//! The one table of what a receipt starts.
//!
//! | state, remedy | attempt | row | number | lane |
//! |---|---|---|---|---|
//! | no state yet, `queued`, `sent` | the provider has it: an unknown one is resolved as accepted | – | – | – |
//! | `delivered`, `read` | arrived | `delivered` | can be reached again | – |
//! | `undelivered`, `failed`; `next-channel` | lost | next channel at once where it has one and is still useful, else `undelivered` | remembered where the code says so | closed on an account's trouble |
//! | `undelivered`, `failed`; `stop` | lost | `undelivered` | likewise | likewise |
//! | `undelivered`, `failed`; `unclear` | may have arrived: kept as `sent` | – | – | closed on an account's trouble |
//!
//! The same channel never takes a message again of which a receipt came: it has an accepted attempt (DESIGN §4).

use providers::LaneTrouble;
use providers::receipt::{Delivery, Failure, Remedy};

/// What a receipt says of its attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// The provider has it, and nothing is known beyond that.
    Has,
    /// It arrived.
    Arrived,
    /// It certainly did not arrive.
    Lost {
        /// The next channel may take it at once.
        next_channel: bool,
    },
}

/// What a receipt starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Starts {
    /// What the attempt, and with it the row, is told.
    pub fate: Fate,
    /// The state that the ledger keeps.
    pub kept: Option<ledger::receipts::Delivery>,
    /// The number cannot be reached on this channel: remembered, and other messages take the next channel at once.
    pub bad_number: bool,
    /// The account's trouble, which closes the lane.
    pub lane: Option<LaneTrouble>,
}

/// What a receipt of this state starts; `None`: a state without a meaning of its own, also every word that no table lists.
#[must_use]
pub fn starts(delivery: Option<&Delivery>) -> Starts {
    use ledger::receipts::Delivery as Kept;
    let plain = |fate, kept| Starts { fate, kept, bad_number: false, lane: None };
    match delivery {
        None => plain(Fate::Has, None),
        Some(Delivery::Queued) => plain(Fate::Has, Some(Kept::Queued)),
        Some(Delivery::Sent) => plain(Fate::Has, Some(Kept::Sent)),
        Some(Delivery::Delivered) => plain(Fate::Arrived, Some(Kept::Delivered)),
        Some(Delivery::Read) => plain(Fate::Arrived, Some(Kept::Read)),
        Some(Delivery::Undelivered(failure)) => after(failure, Kept::Undelivered),
        Some(Delivery::Failed(failure)) => after(failure, Kept::Failed),
    }
}

fn after(failure: &Failure, kept: ledger::receipts::Delivery) -> Starts {
    let lost = |next_channel| Starts {
        fate: Fate::Lost { next_channel },
        kept: Some(kept),
        bad_number: failure.bad_number,
        lane: failure.lane,
    };
    match failure.remedy {
        Remedy::NextChannel => lost(true),
        Remedy::Stop => lost(false),
        // it may be on the phone after all: nothing may count on the contrary
        Remedy::Unclear => Starts {
            fate: Fate::Has,
            kept: Some(ledger::receipts::Delivery::Sent),
            bad_number: false,
            lane: failure.lane,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::receipts::Delivery as Kept;

    fn failure(remedy: Remedy, bad_number: bool, lane: Option<LaneTrouble>) -> Failure {
        Failure { code: "x:1".to_owned(), detail: String::new(), remedy, bad_number, lane }
    }

    const LANES: [Option<LaneTrouble>; 5] = [
        None,
        Some(LaneTrouble::Credentials),
        Some(LaneTrouble::Sender),
        Some(LaneTrouble::Credit),
        Some(LaneTrouble::Account),
    ];
    const REMEDIES: [Remedy; 3] = [Remedy::NextChannel, Remedy::Stop, Remedy::Unclear];

    #[test]
    fn what_is_not_a_failure_starts_nothing_but_what_its_word_says() {
        for (delivery, fate, kept) in [
            (None, Fate::Has, None),
            (Some(Delivery::Queued), Fate::Has, Some(Kept::Queued)),
            (Some(Delivery::Sent), Fate::Has, Some(Kept::Sent)),
            (Some(Delivery::Delivered), Fate::Arrived, Some(Kept::Delivered)),
            (Some(Delivery::Read), Fate::Arrived, Some(Kept::Read)),
        ] {
            let expected = Starts { fate, kept, bad_number: false, lane: None };
            assert_eq!(starts(delivery.as_ref()), expected, "{delivery:?}");
        }
    }

    /// All there is: two states, three remedies, a bad number or not, each trouble of an account.
    #[test]
    fn every_failure_starts_what_its_remedy_says() {
        let mut seen = 0;
        for remedy in REMEDIES {
            for bad in [false, true] {
                for lane in LANES {
                    for failed in [false, true] {
                        let of = failure(remedy, bad, lane);
                        let (delivery, kept) = if failed {
                            (Delivery::Failed(of), Kept::Failed)
                        } else {
                            (Delivery::Undelivered(of), Kept::Undelivered)
                        };
                        let started = starts(Some(&delivery));
                        let fate = match remedy {
                            Remedy::NextChannel => Fate::Lost { next_channel: true },
                            Remedy::Stop => Fate::Lost { next_channel: false },
                            Remedy::Unclear => Fate::Has,
                        };
                        let lost = remedy != Remedy::Unclear;
                        let kept = if lost { kept } else { Kept::Sent };
                        let expected =
                            Starts { fate, kept: Some(kept), bad_number: bad && lost, lane };
                        assert_eq!(started, expected, "{delivery:?}");
                        seen += 1;
                    }
                }
            }
        }
        assert_eq!(seen, 3 * 2 * 5 * 2);
    }
}
