//! What the control API shows of a message.

use serde::{Deserialize, Serialize};

use super::{Kind, NO_FILTER, NO_NAME, Ring, id};
use crate::faults::{Operation, Provider};
use crate::{dates, number};

/// One accepted message as the control API shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageView {
    /// Its number, from 1, without gaps, in the order of acceptance.
    pub n: u64,
    /// When it was accepted: RFC 3339, UTC, milliseconds.
    pub at: String,
    /// Who accepted it.
    pub provider: Provider,
    /// `sms` or `whatsapp`.
    #[serde(default = "sms")]
    pub channel: String,
    /// The WhatsApp template it was made of: Meta's name and language as `randevu/tr`, Twilio's `ContentSid`.
    #[serde(default)]
    pub template: Option<String>,
    /// Whose account it was: Netgsm's username, Twilio's `AccountSid`, Meta's phone number id.
    pub account: String,
    /// Sender name or number; of a Messaging Service that which was chosen; on WhatsApp `whatsapp:+E164`.
    pub sender: String,
    /// Ten digits of a Turkish mobile, whatever writing came, at every provider; `+` and E.164 abroad.
    pub to: String,
    /// The text as it came; of a template its text with the values in it.
    pub text: String,
    /// The caller's own reference (Netgsm's `referansID`, Meta's `biz_opaque_callback_data`; Twilio has none).
    pub reference: Option<String>,
    /// Netgsm's job, Twilio's message `SM…`, Meta's `wamid.…`.
    pub jobid: String,
    /// `TR` or nothing.
    pub encoding: Option<String>,
    /// `ddMMyyyyHHmm` as it came; at Twilio made of `SendAt`, in Turkish time.
    pub startdate: Option<String>,
    /// `ddMMyyyyHHmm` as it came; at Twilio the minute in which a `ValidityPeriod` that was given ends.
    pub stopdate: Option<String>,
    /// Segments billed.
    pub segments: u32,
    /// `0`, `11`, `12`, or nothing where the caller sent none.
    pub iysfilter: Option<String>,
    /// `send` or `otp`.
    pub operation: Operation,
}

fn sms() -> String {
    "sms".to_owned()
}

impl std::fmt::Debug for MessageView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageView")
            .field("n", &self.n)
            .field("at", &self.at)
            .field("jobid", &self.jobid)
            .finish_non_exhaustive()
    }
}

impl Ring {
    /// A message as the control API shows it.
    pub(super) fn view(&self, n: u64) -> Option<MessageView> {
        let entry = self.get(n)?;
        let date = |digits: u64| (digits != 0).then(|| format!("{digits:012}"));
        Some(MessageView {
            n,
            at: dates::to_rfc3339(entry.at_ms),
            provider: match entry.kind {
                Kind::Send | Kind::Otp => Provider::Netgsm,
                Kind::Twilio | Kind::TwilioWhatsApp => Provider::Twilio,
                Kind::Meta => Provider::Meta,
            },
            channel: if entry.kind.is_whatsapp() { "whatsapp" } else { "sms" }.to_owned(),
            template: (entry.template != NO_NAME).then(|| self.name(entry.template).to_owned()),
            account: self.name(entry.account).to_owned(),
            sender: self.name(entry.sender).to_owned(),
            to: number::shown(entry.to),
            text: entry.text.to_string(),
            reference: entry.reference.as_deref().map(str::to_owned),
            jobid: id(entry.kind, entry.at_ms, entry.job),
            encoding: entry.turkish.then(|| "TR".to_owned()),
            startdate: date(entry.startdate),
            stopdate: date(entry.stopdate),
            segments: u32::from(entry.segments),
            iysfilter: (entry.filter != NO_FILTER).then(|| entry.filter.to_string()),
            operation: if entry.kind == Kind::Otp { Operation::Otp } else { Operation::Send },
        })
    }
}
