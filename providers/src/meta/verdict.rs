//! What an answer means (`PROTOCOL.md` rule 8; A8).
//!
//! | answer | outcome |
//! |---|---|
//! | 200 with the id of a message | `Accepted`; held or paused: with a warning |
//! | an error status with a code of the table | by the table |
//! | 429 without one | `Failed(Retry)` |
//! | 401, 403 without one | `Failed(Lane(Credentials))` |
//! | anything else: 5xx, other 2xx, redirects, no code, an unlisted code, a cut body | `Unknown` |
//!
//! A code of the table counts with a 5xx too: Meta documents 500 and 503 for some of them.

use super::codes::{Class, CodeRow, Codes};
use crate::fields::Fields;
use crate::http::{Answer, Broken};
use crate::mask::mask;
use crate::{Accepted, FailedKind, LaneTrouble, Outcome, ProbeTrouble, Trouble};

/// Most characters of a message's id (`wamid.…`); seen are about 60 to 100.
const MOST_ID_CHARS: usize = 256;

/// How one account's answers are read.
pub(super) struct Reading<'a> {
    pub(super) codes: &'a Codes,
    /// Strings of the message that must not be stored with the answer.
    pub(super) own: &'a [&'a str],
}

/// An error answer: `{"error":{"message","type","code","error_subcode","error_data":{"details"}}}`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ErrorReply {
    pub(super) code: u32,
    pub(super) subcode: Option<u32>,
    /// Meta's words, not yet masked.
    pub(super) words: String,
}

impl ErrorReply {
    /// `None` if there is no code in it.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let outer = Fields::parse(body)?;
        let error = Fields::parse(outer.raw("error")?.get().as_bytes())?;
        Self::of_fields(&error)
    }

    /// Of an error object, in an answer or in a status webhook (there with `title`).
    pub(super) fn of_fields(error: &Fields<'_>) -> Option<Self> {
        let details = error.raw("error_data").and_then(|data| Fields::parse(data.get().as_bytes()));
        let details = details.and_then(|data| data.text("details"));
        let title = error.text("title");
        let message = error.text("message").filter(|message| title.as_ref() != Some(message));
        let words = [title, message, details].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let code = error.number("code").filter(|code| *code < 10_000_000)?;
        Some(Self { code, subcode: error.number("error_subcode"), words })
    }
}

/// The id of a message: text that is safe as a label and a key.
pub(super) fn message_id(text: &str) -> Option<String> {
    let id = text.trim();
    let fits = (1..=MOST_ID_CHARS).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| id.to_owned())
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
            200 => taken(&answer),
            400..=599 => self.not_taken(&answer),
            _ => Outcome::Unknown(http(&answer)),
        }
    }

    fn not_taken(&self, answer: &Answer) -> Outcome {
        let fields = answer.body.as_ref().ok().and_then(|body| Fields::parse(body));
        if fields.as_ref().and_then(sent_message).is_some() {
            // Refused and numbered at once is documented nowhere: it may have been taken.
            return Outcome::Unknown(contradiction("an error status with the id of a message"));
        }
        let listed = self.listed(answer);
        if let Some((row, reply)) = &listed
            && let Some(kind) = row.failed(answer.retry_after)
        {
            return Outcome::Failed(kind, self.trouble(row, reply));
        }
        match answer.status {
            429 => {
                let retry = FailedKind::Retry { after: answer.retry_after };
                return Outcome::Failed(retry, self.unlisted(answer));
            }
            401 | 403 => {
                let kind = FailedKind::Lane(LaneTrouble::Credentials);
                return Outcome::Failed(kind, self.unlisted(answer));
            }
            _ => {}
        }
        Outcome::Unknown(match (listed, &answer.body) {
            (Some((row, reply)), _) => self.trouble(row, &reply),
            (None, Err(broken)) => transport(broken),
            (None, Ok(_)) => self.unlisted(answer),
        })
    }

    /// The body of a good answer to a question, or what kept it away.
    pub(super) fn good(&self, answer: Result<Answer, Broken>) -> Result<Vec<u8>, ProbeTrouble> {
        let answer = answer.map_err(|broken| ProbeTrouble::Silent(transport(&broken)))?;
        if answer.status == 200 {
            return answer.body.map_err(|broken| ProbeTrouble::Silent(transport(&broken)));
        }
        if let Some((row, reply)) = self.listed(&answer) {
            let trouble = self.trouble(row, &reply);
            return Err(match (row.class, row.class.lane()) {
                (_, Some(lane)) => ProbeTrouble::Lane(lane, trouble),
                (Class::Retry, _) => {
                    ProbeTrouble::Busy { after: row.after().max(answer.retry_after), trouble }
                }
                (Class::NextChannel, _) => ProbeTrouble::Request(trouble),
                _ => ProbeTrouble::Silent(trouble),
            });
        }
        let trouble = self.unlisted(&answer);
        Err(match answer.status {
            429 => ProbeTrouble::Busy { after: answer.retry_after, trouble },
            401 | 403 => ProbeTrouble::Lane(LaneTrouble::Credentials, trouble),
            _ => ProbeTrouble::Silent(trouble),
        })
    }

    /// The table's row for an error answer.
    fn listed(&self, answer: &Answer) -> Option<(&CodeRow, ErrorReply)> {
        let reply = answer.body.as_ref().ok().and_then(|body| ErrorReply::parse(body))?;
        (400..=599).contains(&answer.status).then_some(())?;
        Some((self.codes.find(reply.code, reply.subcode)?, reply))
    }

    fn trouble(&self, row: &CodeRow, reply: &ErrorReply) -> Trouble {
        let words = mask(&reply.words, self.own);
        let detail = if words.is_empty() {
            row.meaning.clone()
        } else {
            format!("{}: {words}", row.meaning)
        };
        Trouble::new(format!("meta:{}", reply.code), detail)
    }

    fn unlisted(&self, answer: &Answer) -> Trouble {
        match answer.body.as_ref().ok().and_then(|body| ErrorReply::parse(body)) {
            Some(reply) => {
                let words = mask(&reply.words, self.own);
                let (status, code) = (answer.status, reply.code);
                let detail = format!("HTTP {status}, code {code}, documented nowhere: {words}");
                Trouble::new("meta:unlisted", detail)
            }
            None => http(answer),
        }
    }
}

/// An answer that says that the message was taken.
fn taken(answer: &Answer) -> Outcome {
    let body = match &answer.body {
        Ok(body) => body,
        Err(broken) => return Outcome::Unknown(transport(broken)),
    };
    let fields = Fields::parse(body);
    if fields.as_ref().is_some_and(|fields| fields.has("error")) {
        return Outcome::Unknown(contradiction("HTTP 200 with an error"));
    }
    let Some((id, state)) = fields.as_ref().and_then(sent_message) else {
        return Outcome::Unknown(Trouble::new("no-id", "HTTP 200 without the id of a message"));
    };
    let warning = match state.as_str() {
        "" | "accepted" => None,
        "held_for_quality_assessment" => {
            Some("Meta holds it back to assess its quality: it may be late".to_owned())
        }
        "paused" => Some("Meta paused its delivery: look at the template's quality".to_owned()),
        _ => Some("Meta gave it a state nobody documented".to_owned()),
    };
    let code = match state.as_str() {
        "" | "accepted" => "meta:accepted",
        "held_for_quality_assessment" => "meta:held",
        "paused" => "meta:paused",
        _ => "meta:unlisted",
    };
    Outcome::Accepted(Accepted { provider_ref: id, code: code.to_owned(), warning })
}

/// Id and state of the message in an answer.
fn sent_message(fields: &Fields<'_>) -> Option<(String, String)> {
    let (messages, _) = fields.objects("messages")?;
    let message = messages.first()?;
    let state = message.text("message_status").unwrap_or_default();
    Some((message_id(&message.text("id")?)?, state.trim().to_ascii_lowercase()))
}

fn http(answer: &Answer) -> Trouble {
    Trouble::new(format!("http:{}", answer.status), "without a code of Meta")
}

fn contradiction(detail: &str) -> Trouble {
    Trouble::new("meta:contradiction", detail)
}

fn transport(broken: &Broken) -> Trouble {
    Trouble::new(broken.code, broken.detail)
}
