//! Several messages in one job (`facts/netgsm_iys.md` A1, ADR 0011): one code and one jobid for all of them; the report tells them
//! apart by number.

use std::collections::HashSet;

use super::client::{Client, Sms};
use super::codes::Operation;
use super::wire::{MessageBody, window};
use crate::{FailedKind, Freshness, Outcome, Trouble};

/// Most messages of a job: a page of the report. Netgsm's own limit is published nowhere.
pub const MOST_IN_A_JOB: usize = 100;
/// The code of an attempt whose job was certainly refused for a reason that may be another member's.
pub const JOB_REFUSED: &str = "job-refused";

/// What the messages of a job have in common, as Netgsm is told it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobKey {
    sender: String,
    turkish: bool,
    startdate: String,
    stopdate: String,
}

impl JobKey {
    /// The key of a message; `None`: no whole minute is left to deliver in, and it shares nothing.
    pub fn of(sms: &Sms<'_>) -> Option<Self> {
        let (startdate, stopdate) = window(sms.starts, sms.stops)?;
        Some(Self { sender: sms.sender.to_owned(), turkish: sms.turkish, startdate, stopdate })
    }

    fn is_of(&self, sms: &Sms<'_>) -> bool {
        Self::of(sms).as_ref() == Some(self)
    }
}

impl Client {
    /// Sends several messages as one job, once. `fresh` is that of the oldest member. The outcome is the job's; [`of_member`] says
    /// what it means for each.
    ///
    /// Nothing is sent unless all have `key`, no number comes twice, there are at most [`MOST_IN_A_JOB`], and the account sends no
    /// reference. One message goes as by [`Client::send`].
    pub async fn send_job(&self, key: &JobKey, members: &[Sms<'_>], fresh: Freshness) -> Outcome {
        let Some(first) = members.first().filter(|_| self.may_share(key, members)) else {
            let detail = "these messages may not share a job; nothing was sent";
            return Outcome::Failed(FailedKind::NotSent, Trouble::new("no-job", detail));
        };
        if members.len() == 1 {
            return self.send(*first, fresh).await;
        }
        let messages: Vec<_> = members.iter().map(message).collect();
        let body = self.send_body(first, (&key.startdate, &key.stopdate), messages);
        let answer = self.post(Operation::Send, &body, Some(fresh)).await;
        let own: Vec<&str> =
            members.iter().flat_map(|sms| [sms.text, sms.to.e164(), sms.to.national()]).collect();
        let (_, bare_503_failed) = self.account_settings();
        self.reading(Operation::Send, &own).outcome(answer, bare_503_failed)
    }

    fn may_share(&self, key: &JobKey, members: &[Sms<'_>]) -> bool {
        let (sends_reference, _) = self.account_settings();
        let mut numbers = HashSet::with_capacity(members.len());
        (members.len() == 1 || !sends_reference)
            && members.len() <= MOST_IN_A_JOB
            && members.iter().all(|sms| key.is_of(sms) && numbers.insert(sms.to.national()))
    }
}

fn message<'a>(sms: &Sms<'a>) -> MessageBody<'a> {
    MessageBody { msg: sms.text, no: sms.to.national(), reference: None }
}

/// What the outcome of a job of `size` messages means for each of them. A refusal is final for *a* message, and nobody says which: it
/// was certainly not sent, and each goes again alone.
pub fn of_member(job: &Outcome, size: usize) -> Outcome {
    match job {
        Outcome::Refused(trouble) if size > 1 => {
            let detail = format!(
                "{} for a job of {size} messages, of which it may be another: {}",
                trouble.code, trouble.detail
            );
            let kind = FailedKind::Retry { after: None };
            Outcome::Failed(kind, Trouble::new(JOB_REFUSED, detail))
        }
        other => other.clone(),
    }
}
