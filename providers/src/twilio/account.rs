//! Who sends: the account, its credentials, its sender (A1).

use std::fmt;

use data_encoding::BASE64;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::wire::{WHATSAPP, is_sid};
use crate::ClientError;

/// Most characters of an alphanumeric sender (A1, 21212).
const SENDER_CHARS: usize = 11;

/// One account at Twilio.
#[derive(Clone)]
pub struct Account {
    /// Its name in the configuration.
    pub name: String,
    /// `https://api.twilio.com` (or a region's `https://api.EDGE.REGION.twilio.com`), or what
    /// stands in for it.
    pub base_url: String,
    /// `AC` and 32 hex digits; stands in every path, whatever signs the request.
    pub account_sid: String,
    /// What signs the request.
    pub auth: Auth,
    /// Who the message is from.
    pub from: From,
}

/// What signs a request: Basic authentication either way.
#[derive(Clone)]
pub enum Auth {
    /// The account's own token. Rotating it breaks the signatures of webhooks as well.
    Token(SecretString),
    /// An API key; the better choice, since it can be revoked alone.
    Key {
        /// `SK` and 32 hex digits.
        sid: String,
        /// Its secret.
        secret: SecretString,
    },
}

/// Who a message is from; the last part of the lane's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// A number in E.164, a short code, or an alphanumeric sender of up to 11 characters. Türkiye
    /// takes alphanumeric senders only, registered in advance (A8).
    Number(String),
    /// A messaging service, `MG` and 32 hex digits, which picks one of its senders.
    MessagingService(String),
    /// A WhatsApp sender as Twilio writes it: `whatsapp:` and E.164 (A6). It sends templates only.
    WhatsApp(String),
}

impl From {
    /// The sender, or the sid of the messaging service.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Number(sender) | Self::MessagingService(sender) | Self::WhatsApp(sender) => {
                sender
            }
        }
    }

    /// The form field and its value.
    pub(super) fn field(&self) -> (&'static str, &str) {
        match self {
            Self::Number(sender) | Self::WhatsApp(sender) => ("From", sender),
            Self::MessagingService(sid) => ("MessagingServiceSid", sid),
        }
    }

    fn is_usable(&self) -> bool {
        match self {
            Self::Number(sender) => is_sender(sender),
            Self::MessagingService(sid) => is_sid(sid, "MG"),
            Self::WhatsApp(sender) => {
                sender.strip_prefix(WHATSAPP).is_some_and(|it| it.starts_with('+') && is_sender(it))
            }
        }
    }
}

impl Account {
    /// An account at the real service.
    pub fn new(name: &str, account_sid: &str, auth: Auth, from: From) -> Self {
        Self {
            name: name.to_owned(),
            base_url: "https://api.twilio.com".to_owned(),
            account_sid: account_sid.to_owned(),
            auth,
            from,
        }
    }

    /// Where the account's templates are: another host of the real service, the same address where something stands in
    /// for it.
    pub(super) fn content_url(&self) -> String {
        let (scheme, rest) = self.base_url.split_once("://").unwrap_or(("", &self.base_url));
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        match rest.strip_prefix("api.") {
            Some(after) if host.ends_with(".twilio.com") => format!("{scheme}://content.{after}"),
            _ => self.base_url.clone(),
        }
    }

    /// The name of service and account in an error.
    pub(super) fn called(&self) -> String {
        format!("twilio account {}", self.name)
    }

    /// Checks the form of everything that is not the address, and writes the header that signs.
    pub(super) fn authorization(&self) -> Result<HeaderValue, ClientError> {
        let bad = |what, allowed| ClientError::Value { account: self.called(), what, allowed };
        if !is_sid(&self.account_sid, "AC") {
            return Err(bad("account_sid", "write AC and 32 hex digits, as in the console"));
        }
        if !self.from.is_usable() {
            return Err(bad(
                "from or messaging_service_sid",
                "write +E164, a short code, a sender of up to 11 letters and digits, whatsapp:+E164, or MG and 32 hex digits",
            ));
        }
        let (user, password) = match &self.auth {
            Auth::Token(token) => (&self.account_sid, token),
            Auth::Key { sid, secret } if is_sid(sid, "SK") => (sid, secret),
            Auth::Key { .. } => return Err(bad("api_key", "write SK and 32 hex digits")),
        };
        let password = password.expose_secret();
        if password.is_empty() || password.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(bad("auth_token or api_secret", "it is empty or has blanks in it"));
        }
        let pair = SecretString::new(format!("{user}:{password}").into());
        let basic = format!("Basic {}", BASE64.encode(pair.expose_secret().as_bytes()));
        let mut authorization = HeaderValue::try_from(basic)
            .map_err(|_| bad("auth_token or api_secret", "text that a header can carry"))?;
        authorization.set_sensitive(true);
        Ok(authorization)
    }
}

/// Twilio's own word on senders is the answer 21212; what is refused here could never be one.
fn is_sender(sender: &str) -> bool {
    if let Some(digits) = sender.strip_prefix('+') {
        return (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    }
    if sender.bytes().all(|b| b.is_ascii_digit()) {
        return (3..=8).contains(&sender.len());
    }
    let allowed =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b'_' | b'&' | b'+');
    sender.len() <= SENDER_CHARS
        && sender.trim() == sender
        && sender.bytes().all(allowed)
        && sender.bytes().any(|b| b.is_ascii_alphabetic())
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Auth::Token(***)",
            Self::Key { .. } => "Auth::Key(***)",
        })
    }
}
