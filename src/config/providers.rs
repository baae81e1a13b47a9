//! `[providers]`: accounts at outside services. The flat keys of a provider are its account `default`.

mod twilio;
mod whatsapp;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use metrics::Price;
use secrecy::SecretString;

use super::reader::{Reader, Reported};
use super::values;
pub use twilio::{TwilioAccount, TwilioAuth, TwilioFrom};
pub use whatsapp::WhatsappAccount;

/// The account whose keys stand flat under the provider.
pub const DEFAULT_ACCOUNT: &str = "default";

/// Questions a minute that reconciliation may ask.
const QUERIES: RangeInclusive<u32> = 1..=60_000;
/// Messages of one job; at most a page of the report.
const BATCH: RangeInclusive<u32> = 1..=100;

/// `[providers]`
#[derive(Debug, Clone)]
pub struct Providers {
    /// `[providers.netgsm]`: the accounts by name; empty if none has a username.
    pub netgsm: BTreeMap<String, NetgsmAccount>,
    /// `[providers.twilio]`: the accounts by name; empty if none has an account sid.
    pub twilio: BTreeMap<String, TwilioAccount>,
    /// `[providers.whatsapp]`: the numbers at Meta by account name; empty if none has an id.
    pub whatsapp: BTreeMap<String, WhatsappAccount>,
    /// `[providers.iys]`
    pub iys: Iys,
}

/// One account at Netgsm.
#[derive(Debug, Clone)]
pub struct NetgsmAccount {
    /// Its name in the configuration.
    pub name: String,
    /// The service's root, without a closing slash.
    pub base_url: String,
    /// Subscriber number or sub-user that may use the API.
    pub username: String,
    /// Its password.
    pub password: SecretString,
    /// The sender name of clinics that have none of their own.
    pub sender: Option<String>,
    /// Segments a second that all workers together send; `None`: no cap.
    pub max_per_s: Option<NonZeroU32>,
    /// What one segment costs; `None`: not known.
    pub segment_price: Option<Price>,
    /// The name under which Netgsm's panel lists our requests.
    pub appname: String,
    /// Whether our reference is sent as `referansID` (facts/netgsm_iys.md A1: not in Netgsm's own clients).
    pub send_reference: bool,
    /// Whether reports of this account repeat our reference, so that they can be asked for by it.
    pub echoes_reference: bool,
    /// Whether a bare HTTP 503 proves that nothing was taken in (PROTOCOL.md rule 8).
    pub bare_503_is_failed: bool,
    /// Most messages of one job; 1: each goes alone (docs/adr/0011).
    pub batch: u32,
    /// Questions a minute to its report that all processes together ask (facts/netgsm_iys.md A4: 10).
    pub queries_per_min: u32,
    /// The number of the brand for which Netgsm's İYS service is asked.
    pub iys_brand_code: Option<u64>,
    /// Questions a minute to that service that all processes together make; `None`: no cap.
    pub iys_max_per_minute: Option<NonZeroU32>,
    /// What stands at the end of the path that this account's webhooks are sent to; `None`: none of them is taken.
    pub webhook_token: Option<SecretString>,
}

/// `[providers.iys]`
#[derive(Debug, Clone)]
pub struct Iys {
    /// The service's root, without a closing slash.
    pub base_url: String,
    /// Requests a second that all processes together make; İYS counts per IP address. `None`: no limit.
    pub max_per_s: Option<NonZeroU32>,
    /// Single queries an hour that all processes together make. `None`: no limit.
    pub max_single_per_hour: Option<NonZeroU32>,
    /// The accounts by name; empty if none has a username.
    pub accounts: BTreeMap<String, IysAccount>,
}

/// One account at İYS.
#[derive(Debug, Clone)]
pub struct IysAccount {
    /// Its name in the configuration.
    pub name: String,
    /// The API user.
    pub username: String,
    /// Its password.
    pub password: SecretString,
    /// The number of the service provider.
    pub iys_code: u64,
    /// The number of the brand.
    pub brand_code: u64,
}

pub(super) fn read(r: &mut Reader<'_>) -> Result<Providers, Reported> {
    let netgsm = netgsm(r);
    let twilio = twilio::read(r);
    let whatsapp = whatsapp::read(r);
    let iys = iys(r);
    Ok(Providers { netgsm: netgsm?, twilio: twilio?, whatsapp: whatsapp?, iys: iys? })
}

/// What accounts of Netgsm take over from the flat keys: it describes the service, not the account.
struct NetgsmService {
    base_url: String,
    appname: String,
    send_reference: bool,
    echoes_reference: bool,
    bare_503_is_failed: bool,
    batch: u32,
    queries_per_min: u32,
    iys_max_per_minute: Option<NonZeroU32>,
}

fn netgsm(r: &mut Reader<'_>) -> Result<BTreeMap<String, NetgsmAccount>, Reported> {
    let base_url = r.required("providers.netgsm.base_url", &[], values::base_url);
    let appname = r.required("providers.netgsm.appname", &[], values::text(50));
    let send_reference = r.required("providers.netgsm.send_reference", &[], values::flag);
    let echoes_reference = r.required("providers.netgsm.echoes_reference", &[], values::flag);
    let bare_503_is_failed = r.required("providers.netgsm.bare_503_is_failed", &[], values::flag);
    let batch = r.required("providers.netgsm.batch", &[], values::whole(BATCH));
    let queries = r.required("providers.netgsm.queries_per_min", &[], values::whole(QUERIES));
    let iys_brand_code = r.optional("providers.netgsm.iys_brand_code", &[], values::code);
    let iys_max = r.required("providers.netgsm.iys_max_per_minute", &[], values::limit(60_000));
    let username = r.optional("providers.netgsm.username", &[], values::text(60));
    let password = r.optional("providers.netgsm.password", &[], values::secret);
    let sender = r.optional("providers.netgsm.sender", &[], values::sender);
    let max_per_s = r.optional("providers.netgsm.max_per_s", &[], values::limit(100_000));
    let segment_price = r.optional("providers.netgsm.segment_price", &[], values::price);
    let webhook_token = r.optional("providers.netgsm.webhook_token", &[], values::path_token);
    // Everything is read before the first error ends the section, so that all errors are listed.
    let service = (|| {
        Ok(NetgsmService {
            base_url: base_url?,
            appname: appname?,
            send_reference: send_reference?,
            echoes_reference: echoes_reference?,
            bare_503_is_failed: bare_503_is_failed?,
            batch: batch?,
            queries_per_min: queries?,
            iys_max_per_minute: iys_max?,
        })
    })();
    let named = account_names(r, "netgsm").map(|names| {
        names.iter().map(|name| netgsm_account(r, name, service.as_ref().ok())).collect::<Vec<_>>()
    });
    let credentials = ["providers.netgsm.username", "providers.netgsm.password"];
    let credentials = both(r, credentials, username, password);

    let service = service?;
    let mut accounts = BTreeMap::new();
    if let Some((username, password)) = credentials? {
        let account = NetgsmAccount {
            name: DEFAULT_ACCOUNT.to_owned(),
            base_url: service.base_url,
            username,
            password,
            sender: sender?,
            max_per_s: max_per_s?.flatten(),
            segment_price: segment_price?,
            appname: service.appname,
            send_reference: service.send_reference,
            echoes_reference: service.echoes_reference,
            bare_503_is_failed: service.bare_503_is_failed,
            batch: service.batch,
            queries_per_min: service.queries_per_min,
            iys_brand_code: iys_brand_code?,
            iys_max_per_minute: service.iys_max_per_minute,
            webhook_token: webhook_token?,
        };
        check_reference(r, &account, "providers.netgsm.echoes_reference", &[])?;
        check_batch(r, &account, "providers.netgsm.batch", &[])?;
        accounts.insert(account.name.clone(), account);
    }
    for account in named? {
        let account = account?;
        accounts.insert(account.name.clone(), account);
    }
    Ok(accounts)
}

fn netgsm_account(
    r: &mut Reader<'_>,
    name: &str,
    service: Option<&NetgsmService>,
) -> Result<NetgsmAccount, Reported> {
    let names = &[name];
    let base_url = r.optional("providers.netgsm.accounts.<acc>.base_url", names, values::base_url);
    let username = r.required("providers.netgsm.accounts.<acc>.username", names, values::text(60));
    let password = r.required("providers.netgsm.accounts.<acc>.password", names, values::secret);
    let sender = r.optional("providers.netgsm.accounts.<acc>.sender", names, values::sender);
    let max_per_s =
        r.optional("providers.netgsm.accounts.<acc>.max_per_s", names, values::limit(100_000));
    let segment_price =
        r.optional("providers.netgsm.accounts.<acc>.segment_price", names, values::price);
    let appname = r.optional("providers.netgsm.accounts.<acc>.appname", names, values::text(50));
    let send = r.optional("providers.netgsm.accounts.<acc>.send_reference", names, values::flag);
    let echoes =
        r.optional("providers.netgsm.accounts.<acc>.echoes_reference", names, values::flag);
    let bare_503 =
        r.optional("providers.netgsm.accounts.<acc>.bare_503_is_failed", names, values::flag);
    let batch = r.optional("providers.netgsm.accounts.<acc>.batch", names, values::whole(BATCH));
    let queries = r.optional(
        "providers.netgsm.accounts.<acc>.queries_per_min",
        names,
        values::whole(QUERIES),
    );
    let brand = r.optional("providers.netgsm.accounts.<acc>.iys_brand_code", names, values::code);
    let iys_max = r.optional(
        "providers.netgsm.accounts.<acc>.iys_max_per_minute",
        names,
        values::limit(60_000),
    );
    let webhook_token =
        r.optional("providers.netgsm.accounts.<acc>.webhook_token", names, values::path_token);
    // Without the service's own keys the error is on the list already.
    let service = service.ok_or(Reported)?;
    let account = NetgsmAccount {
        name: name.to_owned(),
        base_url: base_url?.unwrap_or_else(|| service.base_url.clone()),
        username: username?,
        password: password?,
        sender: sender?,
        max_per_s: max_per_s?.flatten(),
        segment_price: segment_price?,
        appname: appname?.unwrap_or_else(|| service.appname.clone()),
        send_reference: send?.unwrap_or(service.send_reference),
        echoes_reference: echoes?.unwrap_or(service.echoes_reference),
        bare_503_is_failed: bare_503?.unwrap_or(service.bare_503_is_failed),
        batch: batch?.unwrap_or(service.batch),
        queries_per_min: queries?.unwrap_or(service.queries_per_min),
        iys_brand_code: brand?,
        iys_max_per_minute: iys_max?.unwrap_or(service.iys_max_per_minute),
        webhook_token: webhook_token?,
    };
    check_reference(r, &account, "providers.netgsm.accounts.<acc>.echoes_reference", names)?;
    check_batch(r, &account, "providers.netgsm.accounts.<acc>.batch", names)?;
    Ok(account)
}

/// What is not sent cannot be echoed; an attempt would be looked for by a reference that nobody has.
fn check_reference(
    r: &mut Reader<'_>,
    account: &NetgsmAccount,
    key: &'static str,
    names: &[&str],
) -> Result<(), Reported> {
    if account.echoes_reference && !account.send_reference {
        return Err(r.refuse_key(
            key,
            names,
            "is true while send_reference is false; set send_reference = true as well",
        ));
    }
    Ok(())
}

/// Where a reference is sent each message is looked for by it; a job would be looked for by number only.
fn check_batch(
    r: &mut Reader<'_>,
    account: &NetgsmAccount,
    key: &'static str,
    names: &[&str],
) -> Result<(), Reported> {
    if account.batch > 1 && account.send_reference {
        return Err(r.refuse_key(
            key,
            names,
            "is above 1 while send_reference is true; set batch = 1, or send_reference = false",
        ));
    }
    Ok(())
}

fn iys(r: &mut Reader<'_>) -> Result<Iys, Reported> {
    let base_url = r.required("providers.iys.base_url", &[], values::base_url);
    let max_per_s = r.required("providers.iys.max_per_s", &[], values::limit(1_000));
    let max_single = r.required("providers.iys.max_single_per_hour", &[], values::limit(1_000_000));
    let username = r.optional("providers.iys.username", &[], values::text(200));
    let password = r.optional("providers.iys.password", &[], values::secret);
    let iys_code = r.optional("providers.iys.iys_code", &[], values::code);
    let brand_code = r.optional("providers.iys.brand_code", &[], values::code);
    let named = account_names(r, "iys")
        .map(|names| names.iter().map(|name| iys_account(r, name)).collect::<Vec<_>>());
    let credentials =
        both(r, ["providers.iys.username", "providers.iys.password"], username, password);
    let codes =
        both(r, ["providers.iys.iys_code", "providers.iys.brand_code"], iys_code, brand_code);

    let mut accounts = BTreeMap::new();
    match (credentials?, codes?) {
        (Some((username, password)), Some((iys_code, brand_code))) => {
            let name = DEFAULT_ACCOUNT.to_owned();
            accounts.insert(
                name.clone(),
                IysAccount { name, username, password, iys_code, brand_code },
            );
        }
        (Some(_), None) => {
            let problem = "is missing; providers.iys.username needs it and brand_code";
            return Err(r.refuse_key("providers.iys.iys_code", &[], problem));
        }
        // Codes without a user: nobody can log in, and the worker says so when it needs the account.
        (None, _) => {}
    }
    for account in named? {
        let account = account?;
        accounts.insert(account.name.clone(), account);
    }
    Ok(Iys {
        base_url: base_url?,
        max_per_s: max_per_s?,
        max_single_per_hour: max_single?,
        accounts,
    })
}

fn iys_account(r: &mut Reader<'_>, name: &str) -> Result<IysAccount, Reported> {
    let names = &[name];
    let username = r.required("providers.iys.accounts.<acc>.username", names, values::text(200));
    let password = r.required("providers.iys.accounts.<acc>.password", names, values::secret);
    let iys_code = r.required("providers.iys.accounts.<acc>.iys_code", names, values::code);
    let brand_code = r.required("providers.iys.accounts.<acc>.brand_code", names, values::code);
    Ok(IysAccount {
        name: name.to_owned(),
        username: username?,
        password: password?,
        iys_code: iys_code?,
        brand_code: brand_code?,
    })
}

/// Two keys that make sense only together.
fn both<A, B>(
    r: &mut Reader<'_>,
    keys: [&'static str; 2],
    first: Result<Option<A>, Reported>,
    second: Result<Option<B>, Reported>,
) -> Result<Option<(A, B)>, Reported> {
    match (first?, second?) {
        (Some(first), Some(second)) => Ok(Some((first, second))),
        (None, None) => Ok(None),
        (Some(_), None) => {
            Err(r.refuse_key(keys[1], &[], &format!("is missing; {} needs it", keys[0])))
        }
        (None, Some(_)) => {
            Err(r.refuse_key(keys[0], &[], &format!("is missing; {} needs it", keys[1])))
        }
    }
}

/// The names of a provider's extra accounts.
fn account_names(r: &mut Reader<'_>, provider: &str) -> Result<Vec<String>, Reported> {
    let section = ["providers", provider, "accounts"];
    let mut good = Vec::new();
    let mut bad = None;
    for name in r.names(&section) {
        let fits = name.len() <= 63
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c));
        let at = [section[0], section[1], section[2], name.as_str()];
        if name == DEFAULT_ACCOUNT {
            let problem =
                format!("is the account of the flat keys; write them under [providers.{provider}]");
            bad = Some(r.refuse_section(&at, &problem));
        } else if !fits || name.is_empty() {
            bad = Some(
                r.refuse_section(&at, "is no account name; use 1 to 63 characters of a-z 0-9 - _"),
            );
        } else {
            good.push(name);
        }
    }
    bad.map_or(Ok(good), Err)
}
