//! What became of an accepted message: one order of states for all providers.
//!
//! ```text
//! Queued 0 ─▶ Sent 1 ─▶ Delivered │ Undelivered │ Failed  2 ─▶ Read 3
//! ```
//! Reports and webhooks come late, twice, in any order or never (`facts/twilio_turkeysms_smsala.md` A3,
//! `facts/netgsm_iys.md` A4, A8), so a state is only ever replaced by a higher one: the end is the same in whatever
//! order they come. Of two different ends of rank 2 the first stays and the other [`contradicts`] it, which is worth
//! an alert; `Read` outranks them, because nobody reads what did not arrive.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::{Accepted, LaneTrouble};

/// Where an accepted message stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The provider has it and has not passed it on.
    Queued,
    /// It left the provider. Without a receipt from the other end this stays the last state: a WhatsApp user who
    /// blocked the sender looks like this for ever.
    Sent,
    /// On the phone.
    Delivered,
    /// Read (WhatsApp).
    Read,
    /// It left the provider and did not arrive.
    Undelivered(Failure),
    /// It never left the provider.
    Failed(Failure),
}

impl Delivery {
    /// The word for records, logs and metric labels.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Undelivered(_) => "undelivered",
            Self::Failed(_) => "failed",
        }
    }

    /// Its place in the order of the module's head.
    pub const fn rank(&self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::Sent => 1,
            Self::Delivered | Self::Undelivered(_) | Self::Failed(_) => 2,
            Self::Read => 3,
        }
    }

    /// Whether it arrived (`Some(true)`), did not (`Some(false)`), or nobody knows yet.
    pub const fn arrived(&self) -> Option<bool> {
        match self {
            Self::Queued | Self::Sent => None,
            Self::Delivered | Self::Read => Some(true),
            Self::Undelivered(_) | Self::Failed(_) => Some(false),
        }
    }

    /// Why it did not arrive.
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Undelivered(failure) | Self::Failed(failure) => Some(failure),
            _ => None,
        }
    }
}

/// Whether `new` takes the place of `old` (`None`: nothing is known yet). Pure, and the same again changes nothing.
#[must_use]
pub fn advances(old: Option<&Delivery>, new: &Delivery) -> bool {
    old.is_none_or(|old| new.rank() > old.rank())
}

/// Whether the two cannot both be true: one of them says that it arrived, the other that it did not.
#[must_use]
pub fn contradicts(old: &Delivery, new: &Delivery) -> bool {
    matches!((old.arrived(), new.arrived()), (Some(a), Some(b)) if a != b)
}

/// Why an accepted message did not arrive, and what that asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Bounded, usable as a metric label, as in [`Trouble::code`](crate::Trouble::code): `netgsm:status-3`, `meta:131026`.
    pub code: String,
    /// Our words, and the provider's after masking; one line.
    pub detail: String,
    /// What may be done about this message.
    pub remedy: Remedy,
    /// The number cannot be reached on this channel, today or tomorrow: worth remembering.
    pub bad_number: bool,
    /// What it says about the account: the lane has this trouble, whatever becomes of the message.
    pub lane: Option<LaneTrouble>,
}

/// What may be done about an accepted message that did not arrive. The same channel is never tried again: it has an
/// accepted attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// Certainly not arrived: the next channel may take it at once, after a new decision.
    NextChannel,
    /// Nothing: the recipient refused, or an earlier copy exists.
    Stop,
    /// Nothing: it may have arrived after all.
    Unclear,
}

impl Remedy {
    /// The word for records and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NextChannel => "next-channel",
            Self::Stop => "stop",
            Self::Unclear => "unclear",
        }
    }
}

/// What a report or webhook says about one message.
#[derive(Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The provider's id of the message, as in [`Accepted::provider_ref`](crate::Accepted::provider_ref).
    pub provider_ref: String,
    /// Our `<ntf>-<n>` where it came back; at most 128 letters, digits, `_` and `-`, not yet looked up.
    pub reference: Option<String>,
    /// The provider's own word, at most 32 letters, digits, `_` and `-` (others dropped): a state nobody documented
    /// is kept.
    pub word: String,
    /// What it means; `None`: nothing yet, also every word that no table lists.
    pub delivery: Option<Delivery>,
    /// When the provider says that it happened.
    pub at: Option<DateTime<Utc>>,
}

impl Receipt {
    /// What it proves about an attempt whose answer was lost: the provider has the message, so that it is never sent
    /// again over this channel, whatever became of it. `provider` is the first part of the code, as in `twilio:sent`.
    #[must_use]
    pub fn accepted(&self, provider: &str) -> Accepted {
        let word = self.delivery.as_ref().map_or("unlisted", Delivery::as_str);
        let (provider_ref, code) = (self.provider_ref.clone(), format!("{provider}:{word}"));
        Accepted { provider_ref, code, warning: None }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt")
            .field("provider_ref", &self.provider_ref)
            .field("reference", &self.reference)
            .field("word", &self.word)
            .field("delivery", &self.delivery)
            .finish_non_exhaustive()
    }
}

/// Most characters of a reference that is read back.
const REFERENCE_CHARS: usize = 128;
/// Most characters of a provider's word that are kept.
const WORD_CHARS: usize = 32;

/// A reference as this project writes them; `None` for everything else.
pub(crate) fn reference(text: &str) -> Option<String> {
    let fits = (1..=REFERENCE_CHARS).contains(&text.len()) && text.bytes().all(is_plain);
    fits.then(|| text.to_owned())
}

/// A provider's word for a state, short and harmless.
pub(crate) fn word(text: &str) -> String {
    let plain = text.trim().chars().filter(|c| u8::try_from(*c).is_ok_and(is_plain));
    plain.take(WORD_CHARS).collect()
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failure(code: &str) -> Failure {
        let (code, detail) = (code.to_owned(), String::new());
        Failure { code, detail, remedy: Remedy::NextChannel, bad_number: false, lane: None }
    }

    fn all() -> Vec<Delivery> {
        vec![
            Delivery::Queued,
            Delivery::Sent,
            Delivery::Delivered,
            Delivery::Read,
            Delivery::Undelivered(failure("a")),
            Delivery::Failed(failure("b")),
        ]
    }

    /// As the ledger merges them.
    fn merged(receipts: &[Delivery]) -> Option<Delivery> {
        receipts.iter().fold(None, |old, new| {
            if advances(old.as_ref(), new) { Some(new.clone()) } else { old }
        })
    }

    #[test]
    fn read_may_come_without_delivered_and_nothing_comes_back_from_it() {
        use Delivery::{Delivered, Queued, Read, Sent};
        assert_eq!(merged(&[Sent, Read, Delivered, Sent, Queued]), Some(Read));
        assert!(advances(Some(&Delivery::Failed(failure("a"))), &Read));
        assert!(!advances(Some(&Delivered), &Delivery::Failed(failure("a"))));
        assert!(contradicts(&Delivered, &Delivery::Failed(failure("a"))));
        assert!(!contradicts(&Delivered, &Read) && !contradicts(&Sent, &Read));
        let two = (Delivery::Undelivered(failure("a")), Delivery::Failed(failure("b")));
        assert!(!contradicts(&two.0, &two.1) && !advances(Some(&two.0), &two.1));
    }

    #[test]
    fn any_receipt_proves_that_the_provider_has_the_message() {
        for (delivery, code) in [
            (None, "meta:unlisted"),
            (Some(Delivery::Queued), "meta:queued"),
            (Some(Delivery::Failed(failure("a"))), "meta:failed"),
        ] {
            let (provider_ref, reference, word) = ("wamid.1".to_owned(), None, "x\ny".to_owned());
            let receipt = Receipt { provider_ref, reference, word, delivery, at: None };
            let accepted = receipt.accepted("meta");
            assert_eq!((accepted.provider_ref.as_str(), accepted.code.as_str()), ("wamid.1", code));
        }
    }

    #[test]
    fn words_and_references_are_bounded_and_harmless() {
        assert_eq!(word(" dream\ning<b>5321234567 "), "dreamingb5321234567");
        assert_eq!(word(&"ğx".repeat(400)), "x".repeat(WORD_CHARS));
        assert_eq!(reference("ntf_abc-2").as_deref(), Some("ntf_abc-2"));
        for bad in ["", "a b", "a&b", "ğ", &"x".repeat(REFERENCE_CHARS + 1)] {
            assert_eq!(reference(bad), None, "{bad}");
        }
    }

    proptest! {
        /// Late, doubled, in any order: the end is the same, and no step goes down.
        #[test]
        fn the_end_does_not_depend_on_the_order(
            start in 0_usize..4,
            order in Just((0..4).collect::<Vec<usize>>()).prop_shuffle(),
            doubled in proptest::collection::vec(0_usize..4, 0..4),
        ) {
            // at most one of rank 2: two of them are the one case in which the first stays
            let set = [Delivery::Queued, Delivery::Sent, all()[2 + start % 2 * 2].clone(), Delivery::Read];
            let some = &order[..=start];
            let first: Vec<_> = some.iter().map(|i| set[*i].clone()).collect();
            let mut again = first.clone();
            again.reverse();
            again.extend(doubled.iter().filter(|i| some.contains(i)).map(|i| set[*i].clone()));
            prop_assert_eq!(merged(&first), merged(&again));
        }

        #[test]
        fn a_state_only_rises(a in 0_usize..6, b in 0_usize..6) {
            let (old, new) = (&all()[a], &all()[b]);
            prop_assert!(!(advances(Some(old), new) && advances(Some(new), old)));
            prop_assert!(!advances(Some(old), old));
            prop_assert!(!advances(Some(old), new) || new.rank() > old.rank());
            prop_assert_eq!(contradicts(old, new), contradicts(new, old));
        }

        #[test]
        fn any_text_gives_a_bounded_word(text in "\\PC*") {
            prop_assert!(word(&text).len() <= WORD_CHARS);
            let _ = reference(&text);
        }
    }
}
