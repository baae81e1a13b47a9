//! Whose webhooks are taken, and by what they are known.

use providers::{ClientError, meta, twilio};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// The account whose keys stand flat under its provider: hooks without a token are its.
const DEFAULT: &str = "default";
/// Longest token that is looked at.
const LONGEST_TOKEN: usize = 256;

/// The webhooks of an installation: one for each account that a vendor may tell of. By default there is none.
#[derive(Clone, Default)]
pub struct Hooks {
    /// The root under which the outside world reaches the door, without a closing slash: Twilio signs it.
    pub(super) public_url: Option<String>,
    pub(super) twilio: Accounts<Twilio>,
    pub(super) whatsapp: Accounts<Whatsapp>,
    pub(super) netgsm: Accounts<()>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("twilio", &self.twilio.0.len())
            .field("whatsapp", &self.whatsapp.0.len())
            .field("netgsm", &self.netgsm.0.len())
            .finish_non_exhaustive()
    }
}

/// Accounts of one provider by name.
#[derive(Clone)]
pub(super) struct Accounts<A>(BTreeMap<String, (A, Option<Token>)>);

impl<A> Default for Accounts<A> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// An account at Twilio.
#[derive(Clone)]
pub(super) struct Twilio {
    pub account_sid: String,
    pub hook: twilio::Hook,
}

/// A number at Meta.
#[derive(Clone)]
pub(super) struct Whatsapp {
    pub phone_number_id: String,
    pub hook: meta::Hook,
    /// There is a verify token, so that Meta may ask.
    pub may_be_asked: bool,
}

/// A token, as its digest: of equal length whatever it is, so that comparing takes equally long.
#[derive(Clone)]
struct Token([u8; 32]);

impl Token {
    fn new(token: &SecretString) -> Self {
        Self::of(token.expose_secret())
    }

    fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    fn is(&self, other: &Self) -> bool {
        let differ = self.0.iter().zip(&other.0).fold(0, |differ, (a, b)| differ | (a ^ b));
        std::hint::black_box(differ) == 0
    }
}

impl Hooks {
    /// None yet. `public_url` is `gateway.public_url`.
    pub fn new(public_url: Option<&str>) -> Self {
        let public_url = public_url.map(|url| url.trim_end_matches('/').to_owned());
        Self { public_url, ..Self::default() }
    }

    /// Takes status callbacks of an account at Twilio.
    ///
    /// # Errors
    /// The AuthToken is empty.
    pub fn with_twilio(
        mut self,
        account: &str,
        account_sid: &str,
        auth_token: SecretString,
        token: Option<&SecretString>,
    ) -> Result<Self, ClientError> {
        let hook = twilio::Hook::new(auth_token)?;
        let of = Twilio { account_sid: account_sid.to_owned(), hook };
        self.twilio.0.insert(account.to_owned(), (of, token.map(Token::new)));
        Ok(self)
    }

    /// Takes webhooks of a number at Meta. Without a verify token Meta's console cannot set the webhook up.
    ///
    /// # Errors
    /// A secret is empty.
    pub fn with_whatsapp(
        mut self,
        account: &str,
        phone_number_id: &str,
        (app_secret, verify_token): (SecretString, Option<SecretString>),
        token: Option<&SecretString>,
    ) -> Result<Self, ClientError> {
        let may_be_asked = verify_token.is_some();
        // any text: it is never compared
        let verify_token = verify_token.unwrap_or_else(|| app_secret.clone());
        let hook = meta::Hook::new(app_secret, verify_token)?;
        let phone_number_id = phone_number_id.to_owned();
        let of = Whatsapp { phone_number_id, hook, may_be_asked };
        self.whatsapp.0.insert(account.to_owned(), (of, token.map(Token::new)));
        Ok(self)
    }

    /// Takes hints of Netgsm about an account. Nobody signs them, so there is no such hook without a token.
    #[must_use]
    pub fn with_netgsm(mut self, account: &str, token: &SecretString) -> Self {
        self.netgsm.0.insert(account.to_owned(), ((), Some(Token::new(token))));
        self
    }
}

/// Why a call has no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAccount {
    /// The token is nobody's, or is missing where it is needed.
    Token,
    /// There is no account `default` that takes such calls.
    NotConfigured,
}

impl<A> Accounts<A> {
    /// The account of a token, compared with every one whatever the first of them says.
    pub fn by_token(&self, token: &str) -> Result<(&str, &A), NoAccount> {
        if token.len() > LONGEST_TOKEN {
            return Err(NoAccount::Token);
        }
        let given = Token::of(token);
        let mut found = None;
        for (name, (account, token)) in &self.0 {
            if token.as_ref().is_some_and(|token| token.is(&given)) {
                found = Some((name.as_str(), account));
            }
        }
        found.ok_or(NoAccount::Token)
    }

    /// The account whose hooks have no token.
    pub fn flat(&self) -> Result<(&str, &A), NoAccount> {
        let of = self.0.get_key_value(DEFAULT).ok_or(NoAccount::NotConfigured)?;
        Ok((of.0, &of.1.0))
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &A> {
        self.0.values().map(|(account, _)| account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_account_and_nothing_else_does() {
        let secret = |text: &str| SecretString::from(text.to_owned());
        let hooks = Hooks::new(None)
            .with_netgsm("default", &secret("one"))
            .with_netgsm("second", &secret("two"));
        let found = |token: &str| hooks.netgsm.by_token(token).map(|(name, ())| name.to_owned());
        assert_eq!(found("one"), Ok("default".to_owned()));
        assert_eq!(found("two"), Ok("second".to_owned()));
        for wrong in ["", "on", "one ", "ONE", &"x".repeat(LONGEST_TOKEN + 1)] {
            assert_eq!(found(wrong), Err(NoAccount::Token), "{wrong}");
        }
        let twilio = Hooks::new(Some("https://h/"))
            .with_twilio("second", "AC1", secret("t"), Some(&secret("tok")))
            .unwrap();
        assert_eq!(twilio.public_url.as_deref(), Some("https://h"));
        assert!(twilio.twilio.by_token("tok").is_ok());
        assert_eq!(twilio.twilio.flat().map(drop), Err(NoAccount::NotConfigured));
        assert!(!format!("{twilio:?}").contains("tok"));
    }
}
