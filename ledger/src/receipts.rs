//! Delivery receipts: what a provider says became of a message it had taken (`shared/PROTOCOL.md` §1, ADR 0012).
//!
//! They come by webhook, report or question, doubled, late, out of order or never; each is found by our own reference, `<ntf>-<n>`.

mod hint;
mod remember;
mod take;
mod wanted;

pub use wanted::{AskedAccount, WantedReceipt};

use crate::db::Ledger;
use crate::error::LedgerError;
use crate::protocol::ReceiptKind;
use crate::reconcile::account_of;
use crate::slice;
use crate::state::{State, named};
use crate::write::storable;

named! {
    /// What a provider says of a message it took. In the order of their rank: a later one replaces an earlier one, never the reverse.
    Delivery {
        /// It is with the provider.
        Queued = "queued",
        /// It is on its way.
        Sent = "sent",
        /// It reached the person's device.
        Delivered = "delivered",
        /// The person has opened it.
        Read = "read",
        /// It certainly did not arrive: the number, the device, its time.
        Undelivered = "undelivered",
        /// It certainly did not go out: the account, the template, the provider.
        Failed = "failed",
    }
}

/// Of whose messages a receipt may speak, as parts of the lanes that they went out on: whoever signs for one account signs for no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Of any of a provider's.
    Provider(&'static str),
    /// Of one account's: `twilio/default`.
    Account(String),
    /// Of one sender's, whatever the account is called.
    Sender {
        /// The provider.
        provider: &'static str,
        /// Number, name or id, as in the lane.
        sender: String,
    },
}

impl Whose {
    fn is_of(&self, lane: &str) -> bool {
        match self {
            Self::Provider(provider) => lane.split('/').next() == Some(provider),
            Self::Account(account) => account_of(lane) == account,
            Self::Sender { provider, sender } => {
                let mut parts = lane.splitn(3, '/');
                parts.next() == Some(provider) && parts.nth(1) == Some(sender)
            }
        }
    }
}

/// A receipt to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptWrite {
    /// Notification.
    pub ntf: String,
    /// Number of the attempt.
    pub n: u32,
    /// Whose receipt it is. Of an attempt of somebody else's it says nothing: it is unmatched.
    pub whose: Whose,
    /// The provider's id of the message; empty: the receipt names none.
    pub provider_ref: String,
    /// The provider's own word, bounded.
    pub word: String,
    /// What it means; `None`: a word that is not known. It still shows that the provider has the message.
    pub delivery: Option<Delivery>,
    /// Bounded code.
    pub code: String,
    /// Masked words.
    pub detail: String,
    /// It certainly did not arrive and another channel may do better.
    pub next_channel: bool,
    /// The number cannot be reached on this channel: remembered for [`UNREACHABLE_MS`].
    pub bad_number: bool,
    /// By the provider's clock, milliseconds since 1970 UTC.
    pub at: Option<i64>,
    /// `webhook`, `report` or `poll`.
    pub via: &'static str,
}

/// What a receipt did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Took {
    /// It said something new.
    Written {
        /// State of the notification afterwards.
        state: State,
        /// Lane of the attempt.
        lane: String,
        /// Clinic.
        clinic: String,
        /// Nobody knew before whether the attempt had arrived at its provider.
        resolved_unknown: bool,
        /// Two attempts of one notification were accepted: alert.
        sent_twice: bool,
    },
    /// The same or less was known already.
    Nothing,
    /// The attempt ended otherwise by what its provider answered, or was said to be lost after it had arrived. Nothing was changed.
    Contradicts,
    /// No such attempt, or another provider's.
    Unmatched,
}

/// For how long a number is not tried on a channel on which it could not be reached, milliseconds: 30 days.
pub const UNREACHABLE_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Key of what is known of a number on a channel; `number` is the attempt's keyed hash of (account, number).
pub fn unreachable_key(channel: &str, number: &str) -> String {
    format!("{channel}:{number}")
}

/// Receipts that one transaction takes.
const SLICE: usize = 500;
/// Characters of a provider's words that are kept.
const LONGEST: usize = 300;

impl Delivery {
    /// What it says to the protocol; `next_channel`: another one may be tried.
    const fn kind(self, next_channel: bool) -> ReceiptKind {
        match self {
            Self::Queued | Self::Sent => ReceiptKind::Has,
            Self::Delivered | Self::Read => ReceiptKind::Arrived,
            Self::Undelivered | Self::Failed => ReceiptKind::Lost { next_channel },
        }
    }

    /// A receipt of a lower or the same rank says nothing new. What arrived after all outranks what was said to be lost.
    const fn rank(self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::Sent => 1,
            Self::Undelivered | Self::Failed => 2,
            Self::Delivered => 3,
            Self::Read => 4,
        }
    }

    /// Whether nothing is left to ask its provider.
    pub const fn is_final(self) -> bool {
        self.rank() > 1
    }
}

impl Ledger {
    /// Writes receipts. Every one gets an answer of its own; the slice is one transaction where its members are of different
    /// notifications.
    pub async fn record_receipts(
        &self,
        receipts: &[ReceiptWrite],
    ) -> Vec<Result<Took, LedgerError>> {
        let receipts: Vec<ReceiptWrite> = receipts.iter().map(ReceiptWrite::storable).collect();
        let mut answers = Vec::with_capacity(receipts.len());
        for slice in receipts.chunks(SLICE) {
            let done = slice::in_rounds(slice, |r| vec![r.ntf.as_str()], |s| self.receipt_slice(s));
            answers.extend(done.await);
        }
        answers
    }

    async fn receipt_slice(&self, receipts: Vec<&ReceiptWrite>) -> Result<Vec<Took>, LedgerError> {
        let mut tx = self.db.begin().await?;
        let took = take::receipts_in(&mut tx, &receipts).await?;
        tx.commit().await?;
        Ok(took)
    }
}

impl ReceiptWrite {
    /// The provider's words as the database can hold them, however long they are.
    fn storable(&self) -> Self {
        let clip = |text: &str| storable(text).chars().take(LONGEST).collect::<String>();
        Self {
            ntf: clip(&self.ntf),
            provider_ref: clip(&self.provider_ref),
            word: clip(&self.word),
            code: clip(&self.code),
            detail: clip(&self.detail),
            ..self.clone()
        }
    }

    /// Why the row is where a receipt put it.
    fn why(&self) -> &str {
        if self.code.is_empty() { &self.word } else { &self.code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_speaks_of_its_own_accounts_or_senders_messages_only() {
        let account = |account: &str| Whose::Account(account.to_owned());
        assert!(account("twilio/default").is_of("twilio/default/+14155550100"));
        assert!(!account("twilio/default").is_of("twilio/second/+14155550100"));
        assert!(!account("twilio/default").is_of("twilio/default2/+14155550100"));
        assert!(!account("twilio").is_of("twilio/default/+14155550100"));
        assert!(Whose::Provider("netgsm").is_of("netgsm/a/KLINIK"));
        assert!(!Whose::Provider("netgsm").is_of("netgsm2/a/KLINIK"));
        let sender =
            |sender: &str| Whose::Sender { provider: "whatsapp", sender: sender.to_owned() };
        assert!(sender("106").is_of("whatsapp/second/106"));
        assert!(!sender("106").is_of("whatsapp/second/107"));
        assert!(!sender("106").is_of("netgsm/second/106"));
        assert!(!sender("").is_of("whatsapp/second"));
    }
}
