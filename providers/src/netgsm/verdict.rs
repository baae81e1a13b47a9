//! What an answer means (`PROTOCOL.md` rule 8).

use super::codes::{Class, CodeRow, Codes, Operation};
use super::wire::Reply;
use crate::fields::Fields;
use crate::http::{Answer, Broken};
use crate::mask::mask;
use crate::{Accepted, FailedKind, LaneTrouble, Outcome, ProbeTrouble, Trouble};

/// How one account's answers are read.
pub(super) struct Reading<'a> {
    pub(super) codes: &'a Codes,
    pub(super) operation: Operation,
    /// Strings of the message that must not be stored with the answer.
    pub(super) own: &'a [&'a str],
}

/// An answer by status and code, before anybody asks what it means.
enum Said<'a> {
    /// A documented code, on one of the two documented statuses.
    Listed(&'a CodeRow, Reply),
    /// Nothing documented.
    Unlisted(Trouble),
}

impl<'a> Reading<'a> {
    /// The outcome of a send. `bare_503_failed`: a 503 with no code in it was not taken.
    pub(super) fn outcome(&self, answer: Result<Answer, Broken>, bare_503_failed: bool) -> Outcome {
        let answer = match answer {
            Ok(answer) => answer,
            Err(broken) if broken.may_have_left => return Outcome::Unknown(transport(&broken)),
            Err(broken) => return Outcome::Failed(FailedKind::NotSent, transport(&broken)),
        };
        let retry = FailedKind::Retry { after: answer.retry_after };
        match answer.status {
            429 => return Outcome::Failed(retry, self.http(&answer)),
            401 | 403 => {
                let kind = FailedKind::Lane(LaneTrouble::Credentials);
                return Outcome::Failed(kind, self.http(&answer));
            }
            // A body that broke off, or one with a code in it, is no bare 503.
            503 if bare_503_failed
                && answer.body.as_ref().is_ok_and(|body| Reply::parse(body).is_none()) =>
            {
                return Outcome::Failed(retry, self.http(&answer));
            }
            _ => {}
        }
        match self.said(&answer) {
            Said::Listed(row, reply) => self.listed(row, reply, &answer),
            Said::Unlisted(trouble) => Outcome::Unknown(trouble),
        }
    }

    fn listed(&self, row: &CodeRow, reply: Reply, answer: &Answer) -> Outcome {
        if row.class == Class::Accepted {
            return Outcome::Accepted(accepted(row, reply, answer.status));
        }
        let trouble = self.trouble(row, &reply);
        if reply.job.is_some() {
            // Refused and numbered at once is documented nowhere: it may have been taken.
            let detail = format!("refused with a jobid: {}", trouble.detail);
            return Outcome::Unknown(Trouble::new("netgsm:contradiction", detail));
        }
        match row.failed(answer.retry_after) {
            Some(kind) => Outcome::Failed(kind, trouble),
            None => Outcome::Refused(trouble),
        }
    }

    /// The body of a good answer to a question, or what kept it away. `None`: a documented "there
    /// is none".
    pub(super) fn good(
        &self,
        answer: Result<Answer, Broken>,
    ) -> Result<Option<Vec<u8>>, ProbeTrouble> {
        let answer = answer.map_err(|broken| ProbeTrouble::Silent(transport(&broken)))?;
        match answer.status {
            429 => {
                let trouble = self.http(&answer);
                return Err(ProbeTrouble::Busy { after: answer.retry_after, trouble });
            }
            401 | 403 => {
                return Err(ProbeTrouble::Lane(LaneTrouble::Credentials, self.http(&answer)));
            }
            _ => {}
        }
        if self.operation == Operation::Balance && balance_without_code(&answer) {
            return Ok(answer.body.ok());
        }
        match self.said(&answer) {
            Said::Unlisted(trouble) => Err(ProbeTrouble::Silent(trouble)),
            Said::Listed(row, reply) => match (row.class, row.class.lane()) {
                (Class::Accepted, _) => Ok(answer.body.ok()),
                (Class::Nothing, _) => Ok(None),
                (_, Some(lane)) => Err(ProbeTrouble::Lane(lane, self.trouble(row, &reply))),
                (Class::Retry, _) => {
                    let trouble = self.trouble(row, &reply);
                    let after = row.after().max(answer.retry_after);
                    Err(ProbeTrouble::Busy { after, trouble })
                }
                _ => Err(ProbeTrouble::Request(self.trouble(row, &reply))),
            },
        }
    }

    fn said(&self, answer: &Answer) -> Said<'a> {
        let body = match &answer.body {
            Ok(body) => body,
            Err(broken) => return Said::Unlisted(transport(broken)),
        };
        if !matches!(answer.status, 200 | 406) {
            return Said::Unlisted(self.http(answer));
        }
        let Some(reply) = Reply::parse(body) else {
            let detail = format!("HTTP {} without a code of Netgsm", answer.status);
            return Said::Unlisted(Trouble::new("no-code", detail));
        };
        match self.codes.find(self.operation, &reply.code) {
            Some(row) => Said::Listed(row, reply),
            None => {
                let words = mask(&reply.words, self.own);
                let detail = format!("code {}, documented nowhere: {words}", reply.code);
                Said::Unlisted(Trouble::new("netgsm:unlisted", detail))
            }
        }
    }

    fn trouble(&self, row: &CodeRow, reply: &Reply) -> Trouble {
        let words = mask(&reply.words, self.own);
        let detail = if words.is_empty() {
            row.meaning.clone()
        } else {
            format!("{}: {words}", row.meaning)
        };
        Trouble::new(format!("netgsm:{}", row.code), detail)
    }

    fn http(&self, answer: &Answer) -> Trouble {
        let said = answer.body.as_ref().ok().and_then(|body| Reply::parse(body));
        let detail = match said {
            Some(reply) => {
                format!("with code {}: {}", reply.code, mask(&reply.words, self.own))
            }
            None => "without a code of Netgsm".to_owned(),
        };
        Trouble::new(format!("http:{}", answer.status), detail)
    }
}

fn accepted(row: &CodeRow, reply: Reply, status: u16) -> Accepted {
    let mut warnings: Vec<&str> = row.warning.as_deref().into_iter().collect();
    // `00` is the documented acceptance, with or without an id: sending again would double it.
    if reply.job.is_none() {
        warnings.push("Netgsm gave no usable jobid: there will be no delivery report");
    }
    if status != 200 {
        warnings.push("Netgsm accepted with an error status (HTTP 406)");
    }
    Accepted {
        provider_ref: reply.job.unwrap_or_default(),
        code: format!("netgsm:{}", row.code),
        warning: (!warnings.is_empty()).then(|| warnings.join("; ")),
    }
}

/// The list of packages comes without a `code` (A6).
fn balance_without_code(answer: &Answer) -> bool {
    let fields = answer.body.as_ref().ok().and_then(|body| Fields::parse(body));
    answer.status == 200
        && fields.is_some_and(|fields| fields.has("balance") && !fields.has("code"))
}

fn transport(broken: &Broken) -> Trouble {
    Trouble::new(broken.code, broken.detail)
}
