//! `[providers.twilio]`: accounts at Twilio, each whole: who it is, how it logs in, what it sends from.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use figment::value::Value;
use metrics::Price;
use secrecy::SecretString;

use super::super::reader::{Parsed, Reader, Reported};
use super::super::values;
use super::{DEFAULT_ACCOUNT, QUERIES, account_names};

/// One account at Twilio.
#[derive(Debug, Clone)]
pub struct TwilioAccount {
    /// Its name in the configuration.
    pub name: String,
    /// The service's root, without a closing slash.
    pub base_url: String,
    /// The account: `AC` and 32 hexadecimal digits.
    pub account_sid: String,
    /// How requests log in.
    pub auth: TwilioAuth,
    /// What its messages are sent from.
    pub from: TwilioFrom,
    /// The sender of its WhatsApp messages, `whatsapp:` and E.164; `None`: it has none there.
    pub whatsapp_from: Option<String>,
    /// The account's own token, which signs its callbacks also where requests log in with an API key; `None`: no callback of
    /// it can be believed.
    pub auth_token: Option<SecretString>,
    /// What stands at the end of the path that this account's callbacks are sent to; `None`: the account `default` is meant.
    pub webhook_token: Option<SecretString>,
    /// Segments a second that all workers together send; `None`: no cap.
    pub max_per_s: Option<NonZeroU32>,
    /// What one segment of a text message costs; `None`: not known.
    pub segment_price: Option<Price>,
    /// What one message over WhatsApp costs; `None`: not known.
    pub message_price: Option<Price>,
    /// Questions a minute to its list of messages that all processes together ask.
    pub queries_per_min: u32,
}

/// How requests log in at Twilio (facts/twilio_turkeysms_smsala.md A1).
#[derive(Debug, Clone)]
pub enum TwilioAuth {
    /// With the account's own token.
    Token(SecretString),
    /// With an API key, which can be revoked alone: taken where both are given.
    Key {
        /// `SK` and 32 hexadecimal digits.
        sid: String,
        /// Its secret.
        secret: SecretString,
    },
}

/// What messages are sent from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TwilioFrom {
    /// A number in E.164, or an alphanumeric sender that is registered for Türkiye.
    Sender(String),
    /// A Messaging Service, which chooses the sender: `MG` and 32 hexadecimal digits.
    Service(String),
}

/// The keys of one account: flat, or under its name.
struct Keys {
    base_url: &'static str,
    account_sid: &'static str,
    auth_token: &'static str,
    api_key: &'static str,
    api_secret: &'static str,
    from: &'static str,
    messaging_service_sid: &'static str,
    whatsapp_from: &'static str,
    webhook_token: &'static str,
    max_per_s: &'static str,
    segment_price: &'static str,
    message_price: &'static str,
    queries_per_min: &'static str,
}

macro_rules! keys_under {
    ($section:literal) => {
        Keys {
            base_url: concat!($section, ".base_url"),
            account_sid: concat!($section, ".account_sid"),
            auth_token: concat!($section, ".auth_token"),
            api_key: concat!($section, ".api_key"),
            api_secret: concat!($section, ".api_secret"),
            from: concat!($section, ".from"),
            messaging_service_sid: concat!($section, ".messaging_service_sid"),
            whatsapp_from: concat!($section, ".whatsapp_from"),
            webhook_token: concat!($section, ".webhook_token"),
            max_per_s: concat!($section, ".max_per_s"),
            segment_price: concat!($section, ".segment_price"),
            message_price: concat!($section, ".message_price"),
            queries_per_min: concat!($section, ".queries_per_min"),
        }
    };
}

const FLAT: Keys = keys_under!("providers.twilio");
const NAMED: Keys = keys_under!("providers.twilio.accounts.<acc>");

pub(in super::super) fn read(
    r: &mut Reader<'_>,
) -> Result<BTreeMap<String, TwilioAccount>, Reported> {
    let base_url = r.required(FLAT.base_url, &[], values::base_url);
    let queries_per_min = r.required(FLAT.queries_per_min, &[], values::whole(QUERIES));
    let service = base_url.as_ref().ok().zip(queries_per_min.as_ref().ok());
    // Everything is read before the first error ends the section, so that all errors are listed.
    let flat = account(r, &FLAT, DEFAULT_ACCOUNT, service);
    let named = account_names(r, "twilio").map(|names| {
        names.iter().map(|name| account(r, &NAMED, name, service)).collect::<Vec<_>>()
    });
    let mut accounts = BTreeMap::new();
    for account in std::iter::once(flat).chain(named?) {
        if let Some(account) = account? {
            accounts.insert(account.name.clone(), account);
        }
    }
    base_url?;
    queries_per_min?;
    Ok(accounts)
}

/// One account. The flat keys may describe none; whoever names an account means one.
fn account(
    r: &mut Reader<'_>,
    keys: &Keys,
    name: &str,
    service: Option<(&String, &u32)>,
) -> Result<Option<TwilioAccount>, Reported> {
    let is_named = name != DEFAULT_ACCOUNT;
    let names: &[&str] = if is_named { &[name] } else { &[] };
    let base_url =
        if is_named { r.optional(keys.base_url, names, values::base_url) } else { Ok(None) };
    let account_sid = r.optional(keys.account_sid, names, sid("AC"));
    let auth = auth(r, keys, names);
    let from = from(r, keys, names);
    let whatsapp_from = r.optional(keys.whatsapp_from, names, whatsapp_sender);
    let webhook_token = r.optional(keys.webhook_token, names, values::path_token);
    let max_per_s = r.optional(keys.max_per_s, names, values::limit(100_000));
    let segment_price = r.optional(keys.segment_price, names, values::price);
    let message_price = r.optional(keys.message_price, names, values::price);
    let queries = if is_named {
        r.optional(keys.queries_per_min, names, values::whole(QUERIES))
    } else {
        Ok(None)
    };

    let ((auth, auth_token), from) = (auth?, from?);
    let Some(account_sid) = account_sid? else {
        // a sender alone logs nobody in: it is left over, and whoever needs the account says what is missing
        if !is_named && auth.is_none() {
            return Ok(None);
        }
        let problem = "is missing; it is AC and 32 hexadecimal digits, from Twilio's console";
        return Err(r.refuse_key(keys.account_sid, names, problem));
    };
    let Some(auth) = auth else {
        let problem = "is missing; account_sid needs it, or api_key and api_secret";
        return Err(r.refuse_key(keys.auth_token, names, problem));
    };
    let Some(from) = from else {
        let problem = "is missing; account_sid needs it, or messaging_service_sid";
        return Err(r.refuse_key(keys.from, names, problem));
    };
    // Without the service's own keys the error is on the list already.
    let (service, queries_of_all) = service.ok_or(Reported)?;
    Ok(Some(TwilioAccount {
        name: name.to_owned(),
        base_url: base_url?.unwrap_or_else(|| service.clone()),
        account_sid,
        auth,
        from,
        whatsapp_from: whatsapp_from?,
        auth_token,
        webhook_token: webhook_token?,
        max_per_s: max_per_s?.flatten(),
        segment_price: segment_price?,
        message_price: message_price?,
        queries_per_min: queries?.unwrap_or(*queries_of_all),
    }))
}

/// How requests log in, and the account's own token.
type Auth = (Option<TwilioAuth>, Option<SecretString>);

fn auth(r: &mut Reader<'_>, keys: &Keys, names: &[&str]) -> Result<Auth, Reported> {
    let auth_token = r.optional(keys.auth_token, names, values::secret);
    let api_key = r.optional(keys.api_key, names, sid("SK"));
    let api_secret = r.optional(keys.api_secret, names, values::secret);
    match (api_key?, api_secret?) {
        (Some(sid), Some(secret)) => Ok((Some(TwilioAuth::Key { sid, secret }), auth_token?)),
        (None, None) => {
            let auth_token = auth_token?;
            Ok((auth_token.clone().map(TwilioAuth::Token), auth_token))
        }
        (Some(_), None) => {
            Err(r.refuse_key(keys.api_secret, names, "is missing; api_key needs it"))
        }
        (None, Some(_)) => {
            Err(r.refuse_key(keys.api_key, names, "is missing; api_secret needs it"))
        }
    }
}

fn from(r: &mut Reader<'_>, keys: &Keys, names: &[&str]) -> Result<Option<TwilioFrom>, Reported> {
    let from = r.optional(keys.from, names, sender);
    let service = r.optional(keys.messaging_service_sid, names, sid("MG"));
    match (from?, service?) {
        (Some(_), Some(_)) => Err(r.refuse_key(
            keys.from,
            names,
            "is given beside messaging_service_sid, which chooses the sender itself; keep one",
        )),
        (Some(from), None) => Ok(Some(TwilioFrom::Sender(from))),
        (None, service) => Ok(service.map(TwilioFrom::Service)),
    }
}

/// An id as Twilio gives them: two letters and 32 hexadecimal digits.
fn sid(letters: &'static str) -> impl Fn(&Value) -> Parsed<String> {
    move |value| {
        let text = value.as_str().unwrap_or_default().trim();
        text.strip_prefix(letters)
            .filter(|rest| rest.len() == 32 && rest.chars().all(|c| c.is_ascii_hexdigit()))
            .map(|_| text.to_owned())
            .ok_or_else(|| format!("{letters} and 32 hexadecimal digits, from Twilio's console"))
    }
}

/// A number in E.164, or an alphanumeric sender: 1 to 11 letters and digits (facts/twilio_turkeysms_smsala.md A1, A8).
fn sender(value: &Value) -> Parsed<String> {
    let text = value.as_str().unwrap_or_default().trim();
    let is_number = text.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.chars().all(|c| c.is_ascii_digit())
    });
    let is_name = (1..=11).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ')
        && text.contains(|c: char| c.is_ascii_alphabetic());
    if is_number || is_name {
        return Ok(text.to_owned());
    }
    Err("a number as \"+14155552345\", or a registered sender name: 1 to 11 letters (no Turkish ones) and digits".to_owned())
}

/// A sender of WhatsApp, with or without what Twilio writes before it; with it in either case.
fn whatsapp_sender(value: &Value) -> Parsed<String> {
    let text = value.as_str().unwrap_or_default().trim();
    let number = text.strip_prefix("whatsapp:").unwrap_or(text);
    sender(&Value::from(number))
        .ok()
        .filter(|number| number.starts_with('+'))
        .map(|number| format!("whatsapp:{number}"))
        .ok_or_else(|| "a number as \"+14155552345\"".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sid_has_its_letters_and_32_hexadecimal_digits() {
        let digits = "0123456789abcdef0123456789ABCDEF";
        assert!(sid("AC")(&Value::from(format!("AC{digits}"))).is_ok());
        for wrong in [
            digits.to_owned(),
            format!("SK{digits}"),
            format!("ac{digits}"),
            format!("AC{digits}0"),
            format!("AC{}", &digits[1..]),
            format!("AC{}g", &digits[1..]),
            String::new(),
        ] {
            assert!(sid("AC")(&Value::from(wrong.as_str())).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sender_is_a_number_with_its_plus_or_a_name_with_a_letter() {
        for right in ["+14155552345", "+905321234567", "KLINIK", "Klinik 24", "A", "1A"] {
            assert_eq!(sender(&Value::from(right)), Ok(right.to_owned()));
        }
        for wrong in [
            "",
            "905321234567",
            "+0905321234567",
            "+90 532 123 45 67",
            "+1415555",
            "+1415555234567890",
            "12345",
            "KLİNİK",
            "TWELVELETTER",
            "A-B",
        ] {
            assert!(sender(&Value::from(wrong)).is_err(), "{wrong}");
        }
        assert!(sender(&Value::from(905_321_234_567_u64)).is_err());
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_short_and_ascii(
            text in prop_oneof![any::<String>(), "MG[0-9a-fA-F]{31,33}", "[+]?[0-9a-zA-Z ]{1,17}"],
        ) {
            let value = Value::from(text.as_str());
            if let Ok(id) = sid("MG")(&value) {
                prop_assert!(id.len() == 34 && id.is_ascii());
            }
            if let Ok(sender) = sender(&value) {
                prop_assert!(sender.len() <= 16 && sender.is_ascii() && !sender.contains('/'));
            }
        }
    }
}
