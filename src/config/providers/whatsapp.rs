//! `[providers.whatsapp]`: numbers at Meta's Cloud API (facts/netgsm_iys.md A8).

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use figment::value::Value;
use metrics::Price;
use secrecy::SecretString;

use super::super::reader::{Parsed, Reader, Reported};
use super::super::values;
use super::{DEFAULT_ACCOUNT, account_names};

/// One business phone number at Meta.
#[derive(Debug, Clone)]
pub struct WhatsappAccount {
    /// Its name in the configuration.
    pub name: String,
    /// The service's root, without a closing slash.
    pub base_url: String,
    /// The version of the Graph API, such as `v23.0`.
    pub version: String,
    /// The id of the number: digits.
    pub phone_number_id: String,
    /// The id of the business account, whose list of templates is compared; `None`: it is not.
    pub business_account_id: Option<String>,
    /// The number itself, as a person writes it; `ulak doctor` compares it with Meta's.
    pub phone: Option<String>,
    /// The token that requests carry.
    pub access_token: SecretString,
    /// The app's secret, which signs webhooks; `None`: none of them can be believed.
    pub app_secret: Option<SecretString>,
    /// What Meta sends when a webhook is set up; `None`: none can be.
    pub verify_token: Option<SecretString>,
    /// What stands at the end of the path that this account's webhooks are sent to; `None`: the account `default` is meant.
    pub webhook_token: Option<SecretString>,
    /// Messages a second that all workers together send; `None`: no cap.
    pub max_per_s: Option<NonZeroU32>,
    /// What one message costs; `None`: not known.
    pub message_price: Option<Price>,
}

/// The keys of one account: flat, or under its name.
struct Keys {
    base_url: &'static str,
    version: &'static str,
    phone_number_id: &'static str,
    business_account_id: &'static str,
    phone: &'static str,
    access_token: &'static str,
    app_secret: &'static str,
    verify_token: &'static str,
    webhook_token: &'static str,
    max_per_s: &'static str,
    message_price: &'static str,
}

macro_rules! keys_under {
    ($section:literal) => {
        Keys {
            base_url: concat!($section, ".base_url"),
            version: concat!($section, ".version"),
            phone_number_id: concat!($section, ".phone_number_id"),
            business_account_id: concat!($section, ".business_account_id"),
            phone: concat!($section, ".phone"),
            access_token: concat!($section, ".access_token"),
            app_secret: concat!($section, ".app_secret"),
            verify_token: concat!($section, ".verify_token"),
            webhook_token: concat!($section, ".webhook_token"),
            max_per_s: concat!($section, ".max_per_s"),
            message_price: concat!($section, ".message_price"),
        }
    };
}

const FLAT: Keys = keys_under!("providers.whatsapp");
const NAMED: Keys = keys_under!("providers.whatsapp.accounts.<acc>");

pub(in super::super) fn read(
    r: &mut Reader<'_>,
) -> Result<BTreeMap<String, WhatsappAccount>, Reported> {
    let base_url = r.required(FLAT.base_url, &[], values::base_url);
    let version = r.required(FLAT.version, &[], version);
    let service = base_url.as_ref().ok().zip(version.as_ref().ok());
    // Everything is read before the first error ends the section, so that all errors are listed.
    let flat = account(r, &FLAT, DEFAULT_ACCOUNT, service);
    let named = account_names(r, "whatsapp").map(|names| {
        names.iter().map(|name| account(r, &NAMED, name, service)).collect::<Vec<_>>()
    });
    let mut accounts = BTreeMap::new();
    for account in std::iter::once(flat).chain(named?) {
        if let Some(account) = account? {
            accounts.insert(account.name.clone(), account);
        }
    }
    base_url?;
    version?;
    Ok(accounts)
}

/// One account. The flat keys may describe none; whoever names an account means one.
fn account(
    r: &mut Reader<'_>,
    keys: &Keys,
    name: &str,
    service: Option<(&String, &String)>,
) -> Result<Option<WhatsappAccount>, Reported> {
    let is_named = name != DEFAULT_ACCOUNT;
    let names: &[&str] = if is_named { &[name] } else { &[] };
    let mut base_url = Ok(None);
    let mut own_version = Ok(None);
    if is_named {
        base_url = r.optional(keys.base_url, names, values::base_url);
        own_version = r.optional(keys.version, names, version);
    }
    let phone_number_id = r.optional(keys.phone_number_id, names, id);
    let business_account_id = r.optional(keys.business_account_id, names, id);
    let phone = r.optional(keys.phone, names, values::text(30));
    let access_token = r.optional(keys.access_token, names, values::secret);
    let app_secret = r.optional(keys.app_secret, names, values::secret);
    let verify_token = r.optional(keys.verify_token, names, values::secret);
    let webhook_token = r.optional(keys.webhook_token, names, values::path_token);
    let max_per_s = r.optional(keys.max_per_s, names, values::limit(100_000));
    let message_price = r.optional(keys.message_price, names, values::price);

    let (phone_number_id, access_token) = match (phone_number_id?, access_token?) {
        (Some(id), Some(token)) => (id, token),
        // a number alone (WHATSAPP_PHONE_NUMBER) sends nothing; whoever needs the account says what is missing
        (None, None) if !is_named => return Ok(None),
        (Some(_), None) => {
            let problem = "is missing; phone_number_id needs it: a token of a system user with whatsapp_business_messaging";
            return Err(r.refuse_key(keys.access_token, names, problem));
        }
        (None, _) => {
            let problem = "is missing; it is the id of the number (digits, not the number), from Meta's console";
            return Err(r.refuse_key(keys.phone_number_id, names, problem));
        }
    };
    // Without the service's own keys the error is on the list already.
    let (service, of_all) = service.ok_or(Reported)?;
    Ok(Some(WhatsappAccount {
        name: name.to_owned(),
        base_url: base_url?.unwrap_or_else(|| service.clone()),
        version: own_version?.unwrap_or_else(|| of_all.clone()),
        phone_number_id,
        business_account_id: business_account_id?,
        phone: phone?,
        access_token,
        app_secret: app_secret?,
        verify_token: verify_token?,
        webhook_token: webhook_token?,
        max_per_s: max_per_s?.flatten(),
        message_price: message_price?,
    }))
}

/// An id of the Graph API: digits, also written bare.
fn id(value: &Value) -> Parsed<String> {
    values::raw_text(value)
        .map(|text| text.trim().to_owned())
        .filter(|text| (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()))
        .ok_or_else(|| "the id from Meta's console: digits, no +".to_owned())
}

/// A version of the Graph API.
fn version(value: &Value) -> Parsed<String> {
    let text = value.as_str().unwrap_or_default().trim();
    let is_number = |text: &str| {
        (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    text.strip_prefix('v')
        .and_then(|rest| rest.split_once('.'))
        .filter(|(major, minor)| is_number(major) && is_number(minor))
        .map(|_| text.to_owned())
        .ok_or_else(|| "a version as Meta writes it, such as \"v23.0\"".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_digits_and_versions_are_as_meta_writes_them() {
        assert_eq!(id(&Value::from(106_540_352_242_922_u64)), Ok("106540352242922".to_owned()));
        for wrong in ["", "+905321234567", "10654 035", "12a", &"1".repeat(33)] {
            assert!(id(&Value::from(wrong)).is_err(), "{wrong}");
        }
        assert_eq!(version(&Value::from("v23.0")), Ok("v23.0".to_owned()));
        for wrong in ["", "23.0", "v23", "v.0", "v23.0/", "v2345.0", "vx.0"] {
            assert!(version(&Value::from(wrong)).is_err(), "{wrong}");
        }
    }
}
