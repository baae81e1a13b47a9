//! What an answer means (`PROTOCOL.md` rule 8; A1, A7, D3).
//!
//! | answer | outcome |
//! |---|---|
//! | 201 with a sid and a state | by the state, see [`Reading::of_message`] |
//! | 429 | `Failed(Retry)`, whatever its body: never processed (A1) |
//! | 4xx with a code of the table | by the table |
//! | 401, 403 without one | `Failed(Lane(Credentials))` |
//! | anything else: 5xx, other 2xx, redirects, no code, an unlisted code, a cut body | `Unknown` |
//!
//! The facts propose to take an unlisted code of a 4xx for final. Rule 8 is stricter, and wins.

use super::codes::{Class, CodeRow, Codes};
use super::message::{MessageState, Status};
use super::wire::ErrorReply;
use crate::fields::Fields;
use crate::http::{Answer, Broken};
use crate::mask::mask;
use crate::{Accepted, FailedKind, LaneTrouble, Outcome, ProbeTrouble, Trouble};

/// The code of a resource that is not there (A7).
const NOT_FOUND: u32 = 20404;

/// How one account's answers are read.
pub(super) struct Reading<'a> {
    pub(super) codes: &'a Codes,
    /// Strings of the message that must not be stored with the answer.
    pub(super) own: &'a [&'a str],
}

impl Reading<'_> {
    /// The outcome of a send.
    pub(super) fn outcome(&self, answer: Result<Answer, Broken>) -> Outcome {
        let answer = match answer {
            Ok(answer) => answer,
            Err(broken) if broken.may_have_left => return Outcome::Unknown(transport(&broken)),
            Err(broken) => return Outcome::Failed(FailedKind::NotSent, transport(&broken)),
        };
        match answer.status {
            201 => self.created(&answer),
            429 => {
                let retry = FailedKind::Retry { after: answer.retry_after };
                Outcome::Failed(retry, self.http(&answer))
            }
            400..=499 => self.not_created(&answer),
            _ => Outcome::Unknown(self.http(&answer)),
        }
    }

    fn created(&self, answer: &Answer) -> Outcome {
        let body = match &answer.body {
            Ok(body) => body,
            Err(broken) => return Outcome::Unknown(transport(broken)),
        };
        let fields = Fields::parse(body);
        if fields.as_ref().is_some_and(|fields| fields.has("code")) {
            return Outcome::Unknown(contradiction("HTTP 201 with the code of an error"));
        }
        match fields.and_then(|fields| MessageState::of_fields(&fields, self.own)) {
            Some(state) => self.of_message(&state),
            None => Outcome::Unknown(Trouble::new("no-sid", "HTTP 201 without sid and state")),
        }
    }

    fn not_created(&self, answer: &Answer) -> Outcome {
        let parsed = answer.body.as_ref().ok().and_then(|body| Fields::parse(body));
        let message = parsed.and_then(|fields| MessageState::of_fields(&fields, &[]));
        if message.is_some() {
            // Refused and numbered at once is documented nowhere: it may have been taken.
            return Outcome::Unknown(contradiction("an error status with the sid of a message"));
        }
        let reply = answer.body.as_ref().ok().and_then(|body| ErrorReply::parse(body));
        let listed = reply.and_then(|reply| Some((self.codes.find(reply.code)?, reply.words)));
        if let Some((row, words)) = &listed {
            if row.class == Class::Refused {
                return Outcome::Refused(self.trouble(row, words));
            }
            if let Some(kind) = row.failed(answer.retry_after) {
                return Outcome::Failed(kind, self.trouble(row, words));
            }
        }
        if matches!(answer.status, 401 | 403) {
            let kind = FailedKind::Lane(LaneTrouble::Credentials);
            return Outcome::Failed(kind, self.http(answer));
        }
        Outcome::Unknown(match (listed, &answer.body) {
            (Some((row, words)), _) => self.trouble(row, &words),
            (None, Err(broken)) => transport(broken),
            (None, Ok(_)) => self.unlisted(answer),
        })
    }

    /// What a message that Twilio has means for the attempt that made it.
    ///
    /// Twilio has it, so it is never sent again, unless it says `failed` and a code of the table
    /// says that it certainly did not leave. `failed` alone is not enough: 30410 is `failed` too,
    /// and may have been delivered (A7). `undelivered` left: it is a matter of receipts.
    /// An error code beside any other state is a warning (30018, A7).
    pub(super) fn of_message(&self, state: &MessageState) -> Outcome {
        let row = state.error_code.and_then(|code| self.codes.find(code));
        match state.status {
            Status::Failed => match row {
                Some(row) => self.of_failed(row, &state.error_words),
                None => Outcome::Unknown(self.unexplained(state)),
            },
            Status::Canceled => {
                let detail = "cancelled at Twilio before it was sent";
                Outcome::Refused(Trouble::new("twilio:canceled", detail))
            }
            status => Outcome::Accepted(Accepted {
                provider_ref: state.sid.clone(),
                code: label(status),
                warning: warning(state, row),
            }),
        }
    }

    fn of_failed(&self, row: &CodeRow, words: &str) -> Outcome {
        let trouble = self.trouble(row, words);
        match (row.class, row.failed(None)) {
            (_, Some(kind)) => Outcome::Failed(kind, trouble),
            (Class::Refused, None) => Outcome::Refused(trouble),
            (_, None) => Outcome::Unknown(trouble),
        }
    }

    fn unexplained(&self, state: &MessageState) -> Trouble {
        let words = mask(&state.error_words, self.own);
        let detail = match state.error_code {
            Some(code) => format!("failed with code {code}, documented nowhere: {words}"),
            None => format!("failed without a code: {words}"),
        };
        Trouble::new("twilio:failed", detail)
    }

    /// The body of a good answer to a question, or what kept it away.
    pub(super) fn good(&self, answer: Result<Answer, Broken>) -> Result<Vec<u8>, ProbeTrouble> {
        let answer = answer.map_err(|broken| ProbeTrouble::Silent(transport(&broken)))?;
        if answer.status == 429 {
            let trouble = self.http(&answer);
            return Err(ProbeTrouble::Busy { after: answer.retry_after, trouble });
        }
        if answer.status == 200 {
            return answer.body.map_err(|broken| ProbeTrouble::Silent(transport(&broken)));
        }
        let reply = answer.body.as_ref().ok().and_then(|body| ErrorReply::parse(body));
        let listed = reply.filter(|_| (400..=499).contains(&answer.status));
        let listed = listed.and_then(|reply| Some((self.codes.find(reply.code)?, reply.words)));
        if let Some((row, words)) = listed {
            let trouble = self.trouble(row, &words);
            match (row.class, row.class.lane()) {
                (_, Some(lane)) => return Err(ProbeTrouble::Lane(lane, trouble)),
                (Class::Retry, _) => {
                    let after = row.after().max(answer.retry_after);
                    return Err(ProbeTrouble::Busy { after, trouble });
                }
                (Class::Refused | Class::Failover, _) => {
                    return Err(ProbeTrouble::Request(trouble));
                }
                _ => {}
            }
        }
        let trouble = self.http(&answer);
        Err(match answer.status {
            401 | 403 => ProbeTrouble::Lane(LaneTrouble::Credentials, trouble),
            _ => ProbeTrouble::Silent(trouble),
        })
    }

    fn trouble(&self, row: &CodeRow, words: &str) -> Trouble {
        let words = mask(words, self.own);
        let detail = if words.is_empty() {
            row.meaning.clone()
        } else {
            format!("{}: {words}", row.meaning)
        };
        Trouble::new(format!("twilio:{}", row.code), detail)
    }

    fn unlisted(&self, answer: &Answer) -> Trouble {
        match answer.body.as_ref().ok().and_then(|body| ErrorReply::parse(body)) {
            Some(reply) => {
                let words = mask(&reply.words, self.own);
                let (status, code) = (answer.status, reply.code);
                let detail = format!("HTTP {status}, code {code}, documented nowhere: {words}");
                Trouble::new("twilio:unlisted", detail)
            }
            None => {
                let detail = format!("HTTP {} without a code of Twilio", answer.status);
                Trouble::new("no-code", detail)
            }
        }
    }

    fn http(&self, answer: &Answer) -> Trouble {
        let said = answer.body.as_ref().ok().and_then(|body| ErrorReply::parse(body));
        let detail = match said {
            Some(reply) => {
                format!("with code {}: {}", reply.code, mask(&reply.words, self.own))
            }
            None => "without a code of Twilio".to_owned(),
        };
        Trouble::new(format!("http:{}", answer.status), detail)
    }
}

/// Whether the answer says that the resource is not there.
pub(super) fn is_missing(answer: &Answer) -> bool {
    let reply = answer.body.as_ref().ok().and_then(|body| ErrorReply::parse(body));
    answer.status == 404 && reply.is_some_and(|reply| reply.code == NOT_FOUND)
}

/// What a person should look at although Twilio has the message.
fn warning(state: &MessageState, row: Option<&CodeRow>) -> Option<String> {
    let mut warnings = Vec::new();
    match state.status {
        Status::Undelivered => warnings.push("the carrier did not deliver it".to_owned()),
        Status::Unlisted => warnings.push("Twilio gave it a state nobody documented".into()),
        status if status.is_inbound() => warnings.push("Twilio calls it inbound".to_owned()),
        _ => {}
    }
    match (state.error_code, row) {
        (Some(code), Some(row)) => warnings.push(format!("code {code}: {}", row.meaning)),
        (Some(code), None) => warnings.push(format!("code {code}, documented nowhere")),
        (None, _) => {}
    }
    (!warnings.is_empty()).then(|| warnings.join("; "))
}

fn label(status: Status) -> String {
    format!("twilio:{}", status.as_str().replace('_', "-"))
}

fn contradiction(detail: &str) -> Trouble {
    Trouble::new("twilio:contradiction", detail)
}

fn transport(broken: &Broken) -> Trouble {
    Trouble::new(broken.code, broken.detail)
}
