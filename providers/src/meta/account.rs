//! Who sends: the number, the account it belongs to, the token (A8).

use std::fmt;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::ClientError;

/// The version of the Graph API that this client was written against (Meta's OpenAPI v23.0).
pub const VERSION: &str = "v23.0";

/// One business phone number at Meta.
#[derive(Clone)]
pub struct Account {
    /// Its name in the configuration.
    pub name: String,
    /// `https://graph.facebook.com`, or what stands in for it.
    pub base_url: String,
    /// First part of every path, such as [`VERSION`].
    pub version: String,
    /// The id of the number, not the number: digits.
    pub phone_number_id: String,
    /// The id of the WhatsApp Business Account (WABA), which has the templates; without it they cannot be listed.
    pub business_account_id: Option<String>,
    /// A token of a system user with `whatsapp_business_messaging`, and `whatsapp_business_management` for the list of
    /// templates.
    pub access_token: SecretString,
}

impl Account {
    /// An account at the real service.
    pub fn new(name: &str, phone_number_id: &str, access_token: SecretString) -> Self {
        Self {
            name: name.to_owned(),
            base_url: "https://graph.facebook.com".to_owned(),
            version: VERSION.to_owned(),
            phone_number_id: phone_number_id.to_owned(),
            business_account_id: None,
            access_token,
        }
    }

    /// The name of service and account in an error.
    pub(super) fn called(&self) -> String {
        format!("whatsapp account {}", self.name)
    }

    /// Checks the form of everything that is not the address, and writes the header that signs.
    pub(super) fn authorization(&self) -> Result<HeaderValue, ClientError> {
        let bad = |what, allowed| ClientError::Value { account: self.called(), what, allowed };
        if !is_id(&self.phone_number_id) {
            return Err(bad("phone_number_id", "write the id from Meta's console: digits, no +"));
        }
        if self.business_account_id.as_deref().is_some_and(|id| !is_id(id)) {
            return Err(bad("business_account_id", "write the id from Meta's console: digits"));
        }
        let version = self.version.strip_prefix('v').and_then(|rest| rest.split_once('.'));
        let is_number = |text: &str| (1..=3).contains(&text.len()) && is_digits(text);
        if !version.is_some_and(|(major, minor)| is_number(major) && is_number(minor)) {
            return Err(bad("version", "write it as Meta does, such as v23.0"));
        }
        let token = self.access_token.expose_secret();
        if token.is_empty() || token.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(bad("access_token", "it is empty or has blanks in it"));
        }
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| bad("access_token", "text that a header can carry"))?;
        authorization.set_sensitive(true);
        Ok(authorization)
    }
}

/// Whether this is an id of the Graph API: digits, safe in a path.
pub(super) fn is_id(text: &str) -> bool {
    (1..=32).contains(&text.len()) && is_digits(text)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("meta::Account").field("name", &self.name).finish_non_exhaustive()
    }
}
