//! Status callbacks: who may send them, and what they say (A3, A4).

use std::fmt;
use std::sync::Arc;

use data_encoding::HEXLOWER_PERMISSIVE;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::codes::Codes;
use super::message::{MessageState, Status};
use super::signature::{decoded, matches};
use super::wire::{is_code, is_sid, message_sid};
use crate::ClientError;
use crate::mask::mask;
use crate::receipt::{self, Delivery, Receipt, Remedy};
use crate::webhook::HookTrouble;

/// Most fields of a form that is looked at; seen are about twenty, and they grow without notice (A3).
pub const MOST_FIELDS: usize = 500;
/// Largest form that is looked at: one with a text of 1,600 characters is about 16 KiB.
const MOST_FORM_BYTES: usize = 128 * 1024;
/// Longest URL that is looked at.
const MOST_URL_BYTES: usize = 8 * 1024;

/// What proves that a callback of one account is Twilio's. Cheap to clone.
#[derive(Clone)]
pub struct Hook {
    auth_token: SecretString,
    codes: Arc<Codes>,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("twilio::Hook(***)")
    }
}

/// The fields of a signed form; personal, so nothing prints their values.
#[derive(Clone, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// At most [`MOST_FIELDS`] and one.
    pub(super) fn of(body: &[u8]) -> Self {
        let fields = form_urlencoded::parse(body).take(MOST_FIELDS + 1);
        Self(fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Form({} fields)", self.0.len())
    }
}

/// What a status callback says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCallback {
    /// Whose message it is: `AC…`.
    pub account_sid: String,
    /// What became of it. The reference is the one that [`TwilioSms`](super::TwilioSms) put into the address.
    pub receipt: Receipt,
}

impl Hook {
    /// The AuthToken signs every callback, also where an API key sends.
    ///
    /// # Errors
    /// It is empty.
    pub fn new(auth_token: SecretString) -> Result<Self, ClientError> {
        if auth_token.expose_secret().is_empty() {
            let (account, what) = ("twilio".to_owned(), "auth_token");
            return Err(ClientError::Value { account, what, allowed: "it must not be empty" });
        }
        Ok(Self { auth_token, codes: Arc::new(Codes::embedded()?) })
    }

    /// A status callback. `url` is `gateway.public_url` with path and query of the request, `signature` the head field
    /// `X-Twilio-Signature`. `None`: signed, and no state of a message that left the account.
    ///
    /// # Errors
    /// As [`Hook::form`].
    pub fn status(
        &self,
        url: &str,
        body: &[u8],
        signature: Option<&str>,
    ) -> Result<Option<StatusCallback>, HookTrouble> {
        Ok(status(&self.codes, url, &self.form(url, body, signature)?))
    }

    /// Any form that Twilio posts: status callbacks, inbound messages.
    ///
    /// # Errors
    /// Not signed, not by Twilio, or with more fields than any documented form.
    pub fn form(
        &self,
        url: &str,
        body: &[u8],
        signature: Option<&str>,
    ) -> Result<Form, HookTrouble> {
        if body.len() > MOST_FORM_BYTES || url.len() > MOST_URL_BYTES {
            return Err(HookTrouble::TooLarge);
        }
        let signature = signature.and_then(decoded).ok_or(HookTrouble::Unsigned)?;
        let form = Form::of(body);
        if form.0.len() > MOST_FIELDS {
            return Err(HookTrouble::TooLarge);
        }
        if matches(self.auth_token.expose_secret(), url, &form.0, &signature) {
            Ok(form)
        } else {
            Err(HookTrouble::Forged)
        }
    }

    /// A call without a form (GET): the whole URL is signed.
    ///
    /// # Errors
    /// Not signed, not by Twilio, or longer than any documented URL.
    pub fn url(&self, url: &str, signature: Option<&str>) -> Result<(), HookTrouble> {
        self.form(url, b"", signature).map(drop)
    }

    /// The JSON variant: `bodySHA256` in the query is the digest of the raw body, and the URL alone is signed.
    ///
    /// # Errors
    /// Not signed, not by Twilio, or with another body.
    pub fn json(&self, url: &str, body: &[u8], signature: Option<&str>) -> Result<(), HookTrouble> {
        self.url(url, signature)?;
        let query = url.split('#').next().and_then(|url| url.split_once('?'));
        let query = query.map_or("", |(_, query)| query);
        let digest = form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "bodySHA256")
            .and_then(|(_, hex)| HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok());
        // the digest stands in the open, so there is nothing to learn from the time this takes
        if digest.as_deref() == Some(Sha256::digest(body).as_slice()) {
            Ok(())
        } else {
            Err(HookTrouble::Forged)
        }
    }
}

/// What a signed form says about a message.
pub(super) fn status(codes: &Codes, url: &str, form: &Form) -> Option<StatusCallback> {
    let first = |names: [&str; 2]| names.into_iter().find_map(|name| form.get(name));
    let word = first(["MessageStatus", "SmsStatus"])?;
    let status = Status::parse(word);
    if status.is_inbound() {
        return None;
    }
    let account_sid = form.get("AccountSid").filter(|sid| is_sid(sid, "AC"))?.to_owned();
    let own = [form.get("To").unwrap_or_default(), form.get("Body").unwrap_or_default()];
    let state = MessageState {
        sid: message_sid(first(["MessageSid", "SmsSid"])?)?,
        status,
        error_code: form.get("ErrorCode").and_then(|code| code.trim().parse().ok()).filter(is_code),
        error_words: mask(form.get("ErrorMessage").unwrap_or_default(), &own),
    };
    let query = url.split('#').next().and_then(|url| url.split_once('?'));
    let reference = query.and_then(|(_, query)| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == "m").and_then(|(_, value)| receipt::reference(&value))
    });
    let receipt = Receipt { reference, word: receipt::word(word), ..state.receipt(codes) };
    Some(StatusCallback { account_sid, receipt })
}

impl MessageState {
    /// The same state in the order of all providers (A3). Twilio's dates of an end have no zone, so no time is taken.
    pub(super) fn receipt(&self, codes: &Codes) -> Receipt {
        let failure = |left| codes.failure(self.error_code, left, &self.error_words, &[]);
        let delivery = match self.status {
            Status::Accepted | Status::Scheduled | Status::Queued | Status::Sending => {
                Some(Delivery::Queued)
            }
            Status::Sent => Some(Delivery::Sent),
            // in part is not nothing: it is never sent again
            Status::Delivered | Status::PartiallyDelivered => Some(Delivery::Delivered),
            Status::Read => Some(Delivery::Read),
            Status::Undelivered => Some(Delivery::Undelivered(failure(true))),
            Status::Failed => Some(Delivery::Failed(failure(false))),
            Status::Canceled => Some(Delivery::Failed(receipt::Failure {
                code: "twilio:canceled".to_owned(),
                detail: "cancelled at Twilio before it was sent".to_owned(),
                remedy: Remedy::Stop,
                bad_number: false,
                lane: None,
            })),
            Status::Receiving | Status::Received | Status::Unlisted => None,
        };
        Receipt {
            provider_ref: self.sid.clone(),
            reference: None,
            word: receipt::word(self.status.as_str()),
            delivery,
            at: None,
        }
    }
}
