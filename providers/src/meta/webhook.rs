//! Meta's webhooks: the challenge, the signature, the states of messages (A8).

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER_PERMISSIVE;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::codes::Codes;
use super::verdict::{ErrorReply, message_id};
use crate::ClientError;
use crate::fields::Fields;
use crate::receipt::{self, Delivery, Receipt};
use crate::webhook::{HookTrouble, MOST_BODY_BYTES};

/// Most states taken out of one webhook; Meta puts at most 1,000 updates into one.
pub const MOST_STATUSES: usize = 5_000;
/// Most entries, and most changes of an entry, that are looked at.
const MOST_ENTRIES: usize = 5_000;
/// Most characters of a challenge that is given back.
const MOST_CHALLENGE: usize = 256;

/// What proves that a webhook of one app is Meta's. Cheap to clone.
#[derive(Clone)]
pub struct Hook {
    app_secret: SecretString,
    verify_token: SecretString,
    codes: Arc<Codes>,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("meta::Hook(***)")
    }
}

/// The state of one message, and whose message it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The business number it was sent from; digits.
    pub phone_number_id: String,
    /// What is said of it.
    pub receipt: Receipt,
}

/// What one webhook holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Updates {
    /// States of messages, in the order in which they came.
    pub statuses: Vec<Update>,
    /// Messages of patients and everything else that is no state of a message.
    pub other: usize,
    /// States without an id or a word.
    pub unreadable: usize,
    /// States beyond [`MOST_STATUSES`].
    pub dropped: usize,
}

impl Hook {
    /// The secret of the app signs every webhook; the token is what the app's console was given.
    ///
    /// # Errors
    /// One of them is empty.
    pub fn new(app_secret: SecretString, verify_token: SecretString) -> Result<Self, ClientError> {
        for (what, secret) in [("app_secret", &app_secret), ("verify_token", &verify_token)] {
            if secret.expose_secret().is_empty() {
                let account = "whatsapp".to_owned();
                return Err(ClientError::Value { account, what, allowed: "it must not be empty" });
            }
        }
        Ok(Self { app_secret, verify_token, codes: Arc::new(Codes::embedded()?) })
    }

    /// The answer to `GET …?hub.mode=subscribe&hub.verify_token=…&hub.challenge=…`: the challenge, as text.
    ///
    /// # Errors
    /// [`HookTrouble::Unsigned`] without a token, [`HookTrouble::Forged`] with another one, and
    /// [`HookTrouble::Unreadable`] for a challenge that is not plain letters and digits: it is given back to whoever
    /// asked.
    pub fn challenge(&self, query: &str) -> Result<String, HookTrouble> {
        if query.len() > MOST_BODY_BYTES {
            return Err(HookTrouble::TooLarge);
        }
        let find = |wanted: &str| {
            form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.into_owned())
        };
        let token = find("hub.verify_token").ok_or(HookTrouble::Unsigned)?;
        if !self.is_token(&token) {
            return Err(HookTrouble::Forged);
        }
        let challenge = find("hub.challenge").filter(|text| is_plain_challenge(text));
        match (find("hub.mode").as_deref(), challenge) {
            (Some("subscribe"), Some(challenge)) => Ok(challenge),
            _ => Err(HookTrouble::Unreadable),
        }
    }

    /// The states in a webhook. `signature` is the head field `X-Hub-Signature-256`, `body` the bytes as they came.
    ///
    /// # Errors
    /// Not signed, not by Meta, too large, or not a webhook of a WhatsApp account. A webhook with nothing in it for us
    /// is none of these.
    pub fn updates(&self, body: &[u8], signature: Option<&str>) -> Result<Updates, HookTrouble> {
        if body.len() > MOST_BODY_BYTES {
            return Err(HookTrouble::TooLarge);
        }
        self.verify(body, signature)?;
        parse(&self.codes, body).ok_or(HookTrouble::Unreadable)
    }

    /// Whether a body carries this app's signature.
    pub fn is_signed(&self, body: &[u8], signature: Option<&str>) -> bool {
        self.verify(body, signature).is_ok()
    }

    /// `sha256=` and the hex of HMAC-SHA256 over the raw body by the app secret, compared in constant time.
    fn verify(&self, body: &[u8], signature: Option<&str>) -> Result<(), HookTrouble> {
        let hex = signature.and_then(|text| text.trim().strip_prefix("sha256="));
        let given = hex.filter(|hex| hex.len() == 64);
        let given = given.and_then(|hex| HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok());
        let given = given.ok_or(HookTrouble::Unsigned)?;
        let mut mac = keyed(&self.app_secret).ok_or(HookTrouble::Forged)?;
        mac.update(body);
        mac.verify_slice(&given).map_err(|_| HookTrouble::Forged)
    }

    /// Compares by way of a keyed hash, so that neither length nor first difference shows in the time.
    fn is_token(&self, given: &str) -> bool {
        let Some(mut ours) = keyed(&self.app_secret) else { return false };
        let mut theirs = ours.clone();
        ours.update(self.verify_token.expose_secret().as_bytes());
        theirs.update(given.as_bytes());
        theirs.verify(&ours.finalize().into_bytes()).is_ok()
    }
}

fn keyed(secret: &SecretString) -> Option<Hmac<Sha256>> {
    Hmac::new_from_slice(secret.expose_secret().as_bytes()).ok()
}

fn is_plain_challenge(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=MOST_CHALLENGE).contains(&text.len()) && text.bytes().all(plain)
}

/// `None` unless it is a webhook of a WhatsApp business account.
pub(super) fn parse(codes: &Codes, body: &[u8]) -> Option<Updates> {
    let fields = Fields::parse(body)?;
    if fields.text("object")? != "whatsapp_business_account" {
        return None;
    }
    let (entries, other) = fields.objects("entry")?;
    let mut updates = Updates { other, ..Updates::default() };
    for entry in entries.iter().take(MOST_ENTRIES) {
        let Some((changes, other)) = entry.objects("changes") else {
            updates.other += 1;
            continue;
        };
        updates.other += other;
        for change in changes.iter().take(MOST_ENTRIES) {
            read_change(codes, change, &mut updates);
        }
    }
    Some(updates)
}

fn read_change(codes: &Codes, change: &Fields<'_>, updates: &mut Updates) {
    let value = change.raw("value").and_then(|value| Fields::parse(value.get().as_bytes()));
    let Some(value) = value else {
        updates.other += 1;
        return;
    };
    let metadata = value.raw("metadata").and_then(|data| Fields::parse(data.get().as_bytes()));
    let number = metadata.and_then(|data| data.text("phone_number_id"));
    let number = number.filter(|number| super::account::is_id(number));
    let statuses = value.objects("statuses");
    if statuses.is_none() {
        updates.other += 1;
    }
    let (statuses, unreadable) = statuses.unwrap_or_default();
    updates.unreadable += unreadable;
    for status in &statuses {
        if updates.statuses.len() >= MOST_STATUSES {
            updates.dropped += 1;
            continue;
        }
        match (&number, read_status(codes, status)) {
            (Some(number), Some(receipt)) => {
                updates.statuses.push(Update { phone_number_id: number.clone(), receipt });
            }
            _ => updates.unreadable += 1,
        }
    }
}

fn read_status(codes: &Codes, status: &Fields<'_>) -> Option<Receipt> {
    let provider_ref = message_id(&status.text("id")?)?;
    let word = receipt::word(&status.text("status")?.to_ascii_lowercase());
    let recipient = status.text("recipient_id").unwrap_or_default();
    let delivery = match word.as_str() {
        "sent" => Some(Delivery::Sent),
        "delivered" => Some(Delivery::Delivered),
        // played: a voice message, read by listening
        "read" | "played" => Some(Delivery::Read),
        "failed" => Some(Delivery::Failed(failure(codes, status, &recipient))),
        _ => None,
    };
    Some(Receipt {
        provider_ref,
        reference: status.text("biz_opaque_callback_data").and_then(|it| receipt::reference(&it)),
        word,
        delivery,
        at: status.number::<i64>("timestamp").and_then(seen_second),
    })
}

fn failure(codes: &Codes, status: &Fields<'_>, recipient: &str) -> receipt::Failure {
    let errors = status.objects("errors").map(|(errors, _)| errors).unwrap_or_default();
    let error = errors.first().and_then(ErrorReply::of_fields);
    match error {
        Some(error) => codes.failure(Some(error.code), &error.words, &[recipient]),
        None => codes.failure(None, "", &[]),
    }
}

/// Seconds since 1970, of this project's lifetime.
fn seen_second(seconds: i64) -> Option<DateTime<Utc>> {
    (1_000_000_000..=10_000_000_000)
        .contains(&seconds)
        .then(|| DateTime::from_timestamp(seconds, 0))
        .flatten()
}
