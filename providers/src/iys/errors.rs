//! What each documented error of İYS means: `errors.json`, and the troubles it becomes.

use std::time::Duration;

use serde::Deserialize;

use crate::fields::Fields;
use crate::http::{Answer, Broken};
use crate::mask::mask;
use crate::{ClientError, Trouble};

/// Why İYS gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IysTrouble {
    /// No network, 5xx, 429, or an answer nobody documented: the rows wait.
    #[error("İYS is silent: {}", .0.trouble)]
    Silent(Silence),
    /// The token is not accepted any more: get another one, once, and ask again.
    #[error("İYS does not accept the token: get another one and ask once more")]
    Reauth,
    /// User, password, codes or subscription: a person has to act.
    #[error("İYS refused the account: {0}; check providers.iys")]
    Account(Trouble),
    /// The question itself was refused, because of a number in it or for another reason ([`Rejection::of_number`]).
    #[error("İYS refused the question: {}", .0.trouble)]
    BadRequest(Rejection),
}

impl IysTrouble {
    /// Bounded, usable as a metric label.
    pub fn code(&self) -> &str {
        match self {
            Self::Silent(silence) => &silence.trouble.code,
            Self::Reauth => "reauth",
            Self::Account(trouble) => &trouble.code,
            Self::BadRequest(rejection) => &rejection.trouble.code,
        }
    }
}

/// İYS did not answer, and for how long it should be left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Do not ask again before; 0 to 1 h. `None`: the caller's own back-off.
    pub after: Option<Duration>,
    /// What happened.
    pub trouble: Trouble,
}

/// A refused question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// What İYS said.
    pub trouble: Trouble,
    /// Which of the numbers asked about it named, counted from 0, where it did.
    pub indexes: Vec<usize>,
    /// A documented code says that a number asked about is none of a recipient. Every other refusal, above all one that nobody
    /// documented, says nothing about a person: whoever was asked about waits.
    pub of_number: bool,
}

/// The codes of B4 that speak of the number itself: its form (H166: E.164), and whether it fits what is asked.
const OF_NUMBER: [&str; 4] = ["H120", "H121", "H166", "H464"];

/// What a code asks for (B4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorClass {
    /// Nothing to do: it is as asked.
    Done,
    /// The data are wrong.
    BadData,
    /// A rule of the register forbids it.
    Refused,
    /// Later.
    Retry,
    /// With another token, once.
    Reauth,
    /// A person has to act.
    Account,
}

impl ErrorClass {
    /// The word as it stands in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::BadData => "bad-data",
            Self::Refused => "refused",
            Self::Retry => "retry",
            Self::Reauth => "reauth",
            Self::Account => "account",
        }
    }
}

/// One documented error.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRow {
    /// `H` and three digits.
    pub code: String,
    /// The HTTP status it comes with.
    pub http: u16,
    /// What it asks for.
    pub class: ErrorClass,
    after_s: Option<u64>,
    /// In our words.
    pub meaning: String,
}

impl ErrorRow {
    /// The documented wait before the next call.
    pub fn after(&self) -> Option<Duration> {
        self.after_s.map(Duration::from_secs)
    }
}

/// All documented errors.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Errors(Vec<ErrorRow>);

impl Errors {
    /// The table built into this binary.
    ///
    /// # Errors
    /// Only if the table itself is broken, which a test excludes.
    pub fn embedded() -> Result<Self, ClientError> {
        serde_json::from_str(include_str!("errors.json")).map_err(|error| ClientError::Table {
            name: "providers/src/iys/errors.json",
            cause: error.to_string(),
        })
    }

    /// All rows.
    pub fn rows(&self) -> &[ErrorRow] {
        &self.0
    }

    /// What a code means; `None` if it is documented nowhere.
    pub fn find(&self, code: &str) -> Option<&ErrorRow> {
        self.0.iter().find(|row| row.code == code)
    }

    /// What an answer other than the documented good one means.
    pub(super) fn trouble(&self, answer: &Answer, asked: Asked<'_>) -> IysTrouble {
        let said = answer.body.as_ref().ok().and_then(|body| self.said(body, asked.own));
        match (answer.status, said) {
            (_, Some(said)) => Self::documented(said, answer, asked),
            (429, None) => silent(
                answer.retry_after.or(Some(asked.unread_429_after)),
                http(answer, "too many requests"),
            ),
            (401, None) if asked.has_token => IysTrouble::Reauth,
            (401 | 403, None) => IysTrouble::Account(http(answer, "not allowed")),
            _ => match &answer.body {
                Ok(_) => silent(answer.retry_after, http(answer, "not an answer of İYS")),
                Err(broken) => transport(broken),
            },
        }
    }

    fn documented(said: Said<'_>, answer: &Answer, asked: Asked<'_>) -> IysTrouble {
        let Said { row, code, words, indexes } = said;
        let Some(row) = row else {
            // İYS' codes have four characters: one without end leaves no room for the words
            let code: String = code.chars().take(40).collect();
            let trouble =
                Trouble::new("iys:unlisted", format!("{code}, documented nowhere: {words}"));
            return match answer.status {
                429 => silent(answer.retry_after.or(Some(asked.unread_429_after)), trouble),
                401 if asked.has_token => IysTrouble::Reauth,
                401 | 403 => IysTrouble::Account(trouble),
                400 | 422 => {
                    IysTrouble::BadRequest(Rejection { trouble, indexes, of_number: false })
                }
                _ => silent(answer.retry_after, trouble),
            };
        };
        let detail = if words.is_empty() {
            row.meaning.clone()
        } else {
            format!("{}: {words}", row.meaning)
        };
        let trouble = Trouble::new(format!("iys:{}", row.code), detail);
        match row.class {
            ErrorClass::Reauth if asked.has_token => IysTrouble::Reauth,
            ErrorClass::Account | ErrorClass::Reauth => IysTrouble::Account(trouble),
            ErrorClass::Retry => silent(longer(row.after(), answer.retry_after), trouble),
            ErrorClass::Refused | ErrorClass::BadData | ErrorClass::Done => {
                let of_number = OF_NUMBER.contains(&row.code.as_str());
                IysTrouble::BadRequest(Rejection { trouble, indexes, of_number })
            }
        }
    }

    /// The errors of a body; of several the one that asks for most.
    fn said(&self, body: &[u8], own: &[&str]) -> Option<Said<'_>> {
        let fields = Fields::parse(body)?;
        let (errors, _) = fields.objects("errors")?;
        let mut worst: Option<(Option<&ErrorRow>, String, String)> = None;
        let mut indexes = Vec::new();
        for error in &errors {
            let Some(code) = error.text("code") else { continue };
            indexes.extend(error.number::<usize>("index"));
            let row = self.find(code.trim());
            let weight = |row: Option<&ErrorRow>| row.map(|row| (row.class, row.after()));
            if worst.as_ref().is_none_or(|(old, _, _)| weight(*old) < weight(row)) {
                worst = Some((row, code, error.text("message").unwrap_or_default()));
            }
        }
        let (row, code, words) = worst?;
        indexes.sort_unstable();
        indexes.dedup();
        Some(Said { row, code: mask(&code, own), words: mask(&words, own), indexes })
    }
}

/// What was asked, as far as it changes what an error means.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// A call with a token; the others are the ones that fetch one.
    pub(super) has_token: bool,
    /// The wait after a 429 that says neither code nor time: an hour where the limit is hourly.
    pub(super) unread_429_after: Duration,
    /// Strings that must not be stored with the answer.
    pub(super) own: &'a [&'a str],
}

struct Said<'a> {
    row: Option<&'a ErrorRow>,
    code: String,
    words: String,
    indexes: Vec<usize>,
}

fn longer(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    // `None` is less than any wait.
    a.max(b)
}

fn http(answer: &Answer, detail: &str) -> Trouble {
    Trouble::new(format!("http:{}", answer.status), detail)
}

pub(super) fn silent(after: Option<Duration>, trouble: Trouble) -> IysTrouble {
    IysTrouble::Silent(Silence { after, trouble })
}

pub(super) fn transport(broken: &Broken) -> IysTrouble {
    silent(None, Trouble::new(broken.code, broken.detail))
}
