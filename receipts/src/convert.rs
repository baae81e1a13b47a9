//! A provider's receipt as the ledger writes it.

use crate::starts::{Fate, Starts, starts};
use ledger::receipts::{ReceiptWrite, Whose};
use providers::lane::Provider;
use providers::receipt::Receipt;
use schemas::NotificationId;

/// The first part of a provider's codes, as its client writes them.
const fn of_codes(provider: Provider) -> &'static str {
    match provider {
        Provider::Netgsm => "netgsm",
        Provider::Twilio => "twilio",
        Provider::Whatsapp => "meta",
    }
}

/// How a receipt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// The provider told it by itself.
    Webhook,
    /// It stood in a report (Netgsm).
    Report,
    /// The message was asked for by its id (Twilio).
    Poll,
}

impl Via {
    /// The word in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Report => "report",
            Self::Poll => "poll",
        }
    }
}

/// A receipt on its way to the ledger, with what the ledger need not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Whose it is.
    pub provider: Provider,
    /// What is written.
    pub write: ReceiptWrite,
    /// What it starts.
    pub starts: Starts,
    /// What it says of its account it says of this instant, milliseconds since 1970 UTC; `None`: of now.
    pub as_of: Option<i64>,
}

impl Told {
    /// Whoever told it speaks for this account only: `twilio/default`.
    #[must_use]
    pub fn of_account(mut self, account: &str) -> Self {
        self.write.whose = Whose::Account(account.to_owned());
        self
    }

    /// Whoever told it speaks for this sender only, as the lane names it.
    #[must_use]
    pub fn of_sender(mut self, sender: &str) -> Self {
        let (provider, sender) = (self.provider.as_str(), sender.to_owned());
        self.write.whose = Whose::Sender { provider, sender };
        self
    }
}

/// The attempt that a reference names: `<ntf>-<n>`, as this project writes it into requests and callback addresses.
#[must_use]
pub fn attempt_of(reference: &str) -> Option<(String, u32)> {
    let (ntf, n) = reference.rsplit_once('-')?;
    let id = NotificationId::parse(ntf).filter(|id| !id.is_refused_event())?;
    let plain = n.len() <= 6 && !n.starts_with('0') && n.bytes().all(|byte| byte.is_ascii_digit());
    let n = n.parse().ok().filter(|_| plain)?;
    Some((id.as_str().to_owned(), n))
}

/// A receipt that names its attempt by our reference. `None`: it brought none back, or none of ours.
#[must_use]
pub fn write_of(provider: Provider, via: Via, receipt: &Receipt) -> Option<Told> {
    let (ntf, n) = attempt_of(receipt.reference.as_deref()?)?;
    Some(write_for((ntf, n), provider, via, receipt))
}

/// A receipt of an attempt that is known by other means: its job and number, or the provider's id.
#[must_use]
pub fn write_for((ntf, n): (String, u32), provider: Provider, via: Via, receipt: &Receipt) -> Told {
    let starts = starts(receipt.delivery.as_ref());
    let (code, detail) = match receipt.delivery.as_ref().and_then(|it| it.failure()) {
        Some(failure) => (failure.code.clone(), failure.detail.clone()),
        None => (receipt.accepted(of_codes(provider)).code, String::new()),
    };
    let at = receipt.at.map(|at| at.timestamp_millis());
    let write = ReceiptWrite {
        ntf,
        n,
        whose: Whose::Provider(provider.as_str()),
        provider_ref: receipt.provider_ref.clone(),
        word: receipt.word.clone(),
        delivery: starts.kept,
        code,
        detail,
        next_channel: starts.fate == Fate::Lost { next_channel: true },
        bad_number: starts.bad_number,
        at,
        via: via.as_str(),
    };
    Told { provider, write, starts, as_of: at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use providers::LaneTrouble;
    use providers::receipt::{Delivery, Failure, Remedy};

    fn ntf() -> String {
        NotificationId::of_event("/clinics/a", "1").as_str().to_owned()
    }

    fn receipt(delivery: Option<Delivery>, reference: Option<&str>) -> Receipt {
        Receipt {
            provider_ref: "SM1".to_owned(),
            reference: reference.map(str::to_owned),
            word: "sent".to_owned(),
            delivery,
            at: chrono(1_800_000_000),
        }
    }

    fn chrono(seconds: i64) -> Option<chrono::DateTime<chrono::Utc>> {
        chrono::DateTime::from_timestamp(seconds, 0)
    }

    #[test]
    fn only_a_reference_of_ours_names_an_attempt() {
        let ntf = ntf();
        assert_eq!(attempt_of(&format!("{ntf}-1")), Some((ntf.clone(), 1)));
        assert_eq!(attempt_of(&format!("{ntf}-12")), Some((ntf.clone(), 12)));
        let refused = NotificationId::of_refused("q", "m", b"x");
        for other in [
            String::new(),
            ntf.clone(),
            format!("{ntf}-"),
            format!("{ntf}-0"),
            format!("{ntf}-01"),
            format!("{ntf}-+1"),
            format!("{ntf}--1"),
            format!("{ntf}-4294967296"),
            format!("{ntf}-1-1"),
            format!("x{ntf}-1"),
            "ntf_short-1".to_owned(),
            format!("{refused}-1"),
        ] {
            assert_eq!(attempt_of(&other), None, "{other}");
        }
        assert_eq!(write_of(Provider::Twilio, Via::Webhook, &receipt(None, None)), None);
        let foreign = receipt(Some(Delivery::Delivered), Some("order-17"));
        assert_eq!(write_of(Provider::Twilio, Via::Webhook, &foreign), None);
    }

    #[test]
    fn what_is_written_is_what_the_table_says() {
        let reference = format!("{}-2", ntf());
        let told = |delivery| {
            let receipt = receipt(delivery, Some(&reference));
            write_of(Provider::Whatsapp, Via::Webhook, &receipt).unwrap()
        };
        let delivered = told(Some(Delivery::Delivered)).write;
        assert_eq!((delivered.ntf, delivered.n), (ntf(), 2));
        assert_eq!(delivered.whose, Whose::Provider("whatsapp"));
        assert_eq!((delivered.code.as_str(), delivered.via), ("meta:delivered", "webhook"));
        assert_eq!(delivered.at, Some(1_800_000_000_000));
        assert!(!delivered.next_channel && !delivered.bad_number);
        let failure = Failure {
            code: "meta:131026".to_owned(),
            detail: "no WhatsApp there".to_owned(),
            remedy: Remedy::NextChannel,
            bad_number: true,
            lane: Some(LaneTrouble::Account),
        };
        let failed = told(Some(Delivery::Failed(failure)));
        assert_eq!(failed.write.code, "meta:131026");
        assert!(failed.write.next_channel && failed.write.bad_number);
        assert_eq!(failed.starts.lane, Some(LaneTrouble::Account));
        let unlisted = told(None).write;
        assert_eq!((unlisted.delivery, unlisted.code.as_str()), (None, "meta:unlisted"));
    }

    proptest! {
        #[test]
        fn a_reference_is_read_as_it_is_written_and_nothing_else_panics(
            id in "[ -~]{0,20}", n in 1_u32..999_999, any in "\\PC{0,80}",
        ) {
            let ntf = NotificationId::of_event("/clinics/a", &id).as_str().to_owned();
            prop_assert_eq!(attempt_of(&format!("{ntf}-{n}")), Some((ntf, n)));
            if let Some((ntf, n)) = attempt_of(&any) {
                prop_assert_eq!(format!("{}-{}", ntf, n), any);
            }
        }
    }
}
