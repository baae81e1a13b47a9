//! Netgsm's İYS service: what İYS holds about one number, asked through Netgsm (A7).
//!
//! Only one number a question: Netgsm's own client reads one record from an answer, and what an
//! answer to several looks like is documented nowhere. Every error, and every answer that cannot be
//! understood, is a trouble; none of them is ever "no consent".

use std::fmt;

use schemas::{PhoneNumber, RecipientType};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::client::{Client, unreadable};
use super::codes::Operation;
use crate::fields::Fields;
use crate::iys::{ConsentRecord, SingleAnswer};
use crate::{ClientError, ProbeTrouble};

/// SMS is İYS's channel "MESAJ".
const MESSAGE: &str = "MESAJ";
/// Whom the probe asks about: a number of the right form in a block that no operator hands out.
const NOBODY: &str = "+905000000000";

/// Asks Netgsm's İYS service with one account for one brand. Cheap to clone.
#[derive(Clone)]
pub struct Consents {
    client: Client,
    brand_code: String,
}

impl fmt::Debug for Consents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("netgsm::Consents")
            .field("account", &self.client.account())
            .field("brand_code", &self.brand_code)
            .finish()
    }
}

/// Body of a search: the credentials stand in it.
#[derive(Serialize)]
struct SearchBody<'a> {
    header: SearchHeader<'a>,
    body: SearchData<'a>,
}

#[derive(Serialize)]
struct SearchHeader<'a> {
    username: &'a str,
    password: &'a str,
    #[serde(rename = "brandCode")]
    brand_code: &'a str,
}

#[derive(Serialize)]
struct SearchData<'a> {
    data: [SearchItem<'a>; 1],
}

#[derive(Serialize)]
struct SearchItem<'a> {
    #[serde(rename = "type")]
    message_type: &'static str,
    recipient: &'a str,
    #[serde(rename = "recipientType")]
    recipient_type: &'static str,
}

/// What came back: the documented good answer, the documented "no record", or a trouble.
struct Searched {
    good: Result<Option<Vec<u8>>, ProbeTrouble>,
    /// The whole answer, whatever its code.
    body: Vec<u8>,
}

impl Client {
    /// The İYS service of this account for one brand; asks nobody.
    ///
    /// # Errors
    /// [`ClientError::Value`]: a brand code that is no number of 1 to 20 digits.
    pub fn consents(&self, brand_code: &str) -> Result<Consents, ClientError> {
        let digits = brand_code.bytes().all(|b| b.is_ascii_digit());
        if !digits || !(1..=20).contains(&brand_code.len()) {
            return Err(ClientError::Value {
                account: format!("netgsm account {}", self.account()),
                what: "iys_brand_code",
                allowed: "a number of 1 to 20 digits",
            });
        }
        Ok(Consents { client: self.clone(), brand_code: brand_code.to_owned() })
    }
}

impl Consents {
    /// The brand that is asked for, for the evidence.
    pub fn brand_code(&self) -> &str {
        &self.brand_code
    }

    /// What is on record about one number. Netgsm is said to take 10 questions a minute (A7).
    ///
    /// # Errors
    /// Anything but a documented record or a documented "no record". [`ProbeTrouble::Request`]: the
    /// question or the number was not accepted, which says nothing about consent either.
    pub async fn of(
        &self,
        recipient_type: RecipientType,
        number: &PhoneNumber,
    ) -> Result<SingleAnswer, ProbeTrouble> {
        let own = [number.e164(), number.national(), self.password().expose_secret()];
        let searched = self.search(recipient_type, number.e164(), &own).await;
        answered(searched.good, &searched.body, recipient_type, number)
    }

    /// The harmless question: about a number that nobody has. Counts against the cap as any other.
    ///
    /// # Errors
    /// The account or its brand was refused, or nothing documented came back.
    pub async fn probe(&self) -> Result<(), ProbeTrouble> {
        let own = [NOBODY, self.password().expose_secret()];
        let searched = self.search(RecipientType::Bireysel, NOBODY, &own).await;
        match searched.good {
            Ok(_) => Ok(()),
            // the account was let in, and the service found fault with nothing but the number
            Err(ProbeTrouble::Request(_)) if blames(&searched.body, NOBODY) => Ok(()),
            Err(trouble) => Err(trouble),
        }
    }

    async fn search(&self, kind: RecipientType, recipient: &str, own: &[&str]) -> Searched {
        let (username, password) = self.client.credentials();
        let question = SearchBody {
            header: SearchHeader {
                username,
                password: password.expose_secret(),
                brand_code: &self.brand_code,
            },
            body: SearchData {
                data: [SearchItem {
                    message_type: MESSAGE,
                    recipient,
                    recipient_type: kind.as_str(),
                }],
            },
        };
        // Netgsm's newer client sends Basic authentication as well (A7), and so does `post`.
        let answer = self.client.post(Operation::IysSearch, &question, None).await;
        let body = answer.as_ref().ok().and_then(|answer| answer.body.as_ref().ok());
        let body = body.cloned().unwrap_or_default();
        Searched { good: self.client.reading(Operation::IysSearch, own).good(answer), body }
    }

    fn password(&self) -> &SecretString {
        self.client.credentials().1
    }
}

/// What an answer says about the number. `body` is the whole of it.
pub(super) fn answered(
    good: Result<Option<Vec<u8>>, ProbeTrouble>,
    body: &[u8],
    kind: RecipientType,
    asked: &PhoneNumber,
) -> Result<SingleAnswer, ProbeTrouble> {
    match good? {
        Some(body) => record(&body, kind, asked)
            .map(SingleAnswer::Found)
            .ok_or_else(|| unreadable("no record about the number in the answer")),
        None if says_more(body) => Err(unreadable("\"no record\" together with a record")),
        None => Ok(SingleAnswer::NoRecord),
    }
}

/// The one record of a good answer; `None` if it has none or several, names an error, or is about
/// somebody else.
fn record(body: &[u8], kind: RecipientType, asked: &PhoneNumber) -> Option<ConsentRecord> {
    let fields = Fields::parse(body)?;
    // success comes with `"error":"false"`
    let no_error = fields
        .raw("error")
        .is_none_or(|raw| matches!(raw.get(), "false" | "0" | "\"false\"" | "\"0\"" | "\"\""));
    let (records, 0) = fields.objects("query")? else { return None };
    let [record] = &records[..] else { return None };
    let same_kind = record.text("recipientType").is_none_or(|said| said.trim() == kind.as_str());
    (no_error && same_kind).then(|| ConsentRecord::of_fields(record, asked)).flatten()
}

/// Whether an answer that says "no record" holds one all the same.
fn says_more(body: &[u8]) -> bool {
    Fields::parse(body).is_some_and(|fields| {
        fields.objects("query").is_some_and(|(records, _)| records.iter().any(|r| r.has("status")))
    })
}

/// Whether a refusal names this recipient as the reason.
fn blames(body: &[u8], recipient: &str) -> bool {
    let Some(fields) = Fields::parse(body) else { return false };
    let Some((items, _)) = fields.objects("erroritem") else { return false };
    items.iter().any(|item| item.text("recipient").is_some_and(|said| said.trim() == recipient))
}

#[cfg(test)]
mod tests;
