//! Twilio's accounts: whole or refused, by file or by the variables that its users already have, and who may use them.

use secrecy::ExposeSecret as _;

use super::*;
use crate::config::{Purpose, TwilioAccount, TwilioAuth, TwilioFrom};

const HEX: &str = "0123456789abcdef0123456789abcdef";

fn account(lines: &[&str]) -> String {
    let mut text = "[providers.twilio]".to_owned();
    for line in lines {
        text = format!("{text}\n{}", line.replace("HEX", HEX));
    }
    text
}

const SID: &str = "account_sid = \"ACHEX\"";
const TOKEN: &str = "auth_token = \"hunter-token\"";
const KEY: &str = "api_key = \"SKHEX\"";
const SECRET: &str = "api_secret = \"hunter-secret\"";
const FROM: &str = "from = \"KLINIK\"";
const SERVICE: &str = "messaging_service_sid = \"MGHEX\"";

fn default_account(lines: &[&str]) -> TwilioAccount {
    let config = load(&account(lines), &[]).expect("valid");
    config.providers.twilio["default"].clone()
}

fn token_of(auth: &TwilioAuth) -> Option<&str> {
    match auth {
        TwilioAuth::Token(token) => Some(token.expose_secret()),
        TwilioAuth::Key { .. } => None,
    }
}

#[test]
fn an_account_logs_in_by_token_or_by_key_and_sends_from_a_sender_or_a_service() {
    let plain = default_account(&[SID, TOKEN, FROM]);
    assert_eq!(plain.account_sid, format!("AC{HEX}"));
    assert_eq!(plain.base_url, "https://api.twilio.com");
    assert_eq!(token_of(&plain.auth), Some("hunter-token"));
    assert_eq!(plain.from, TwilioFrom::Sender("KLINIK".to_owned()));
    assert_eq!(plain.max_per_s, None);

    for both in [&[SID, KEY, SECRET, SERVICE][..], &[SID, TOKEN, KEY, SECRET, SERVICE]] {
        let keyed = default_account(both);
        let TwilioAuth::Key { sid, secret } = keyed.auth else {
            panic!("a token where a key is given")
        };
        assert_eq!((sid, secret.expose_secret()), (format!("SK{HEX}"), "hunter-secret"));
        assert_eq!(keyed.from, TwilioFrom::Service(format!("MG{HEX}")));
    }
}

#[test]
fn an_account_that_is_not_whole_names_what_is_missing() {
    for (lines, key, problem) in [
        (
            &[SID, FROM][..],
            "auth_token",
            "is missing; account_sid needs it, or api_key and api_secret",
        ),
        (&[SID, TOKEN], "from", "is missing; account_sid needs it, or messaging_service_sid"),
        (
            &[SID, TOKEN, FROM, SERVICE],
            "from",
            "is given beside messaging_service_sid, which chooses the sender itself; keep one",
        ),
        (&[SID, KEY, FROM], "api_secret", "is missing; api_key needs it"),
        (&[SID, SECRET, FROM], "api_key", "is missing; api_secret needs it"),
        (
            &[TOKEN, FROM],
            "account_sid",
            "is missing; it is AC and 32 hexadecimal digits, from Twilio's console",
        ),
    ] {
        let line = line(&account(lines), &[]);
        assert!(
            line.starts_with(&format!("providers.twilio.{key} ("))
                && line.ends_with(&format!("): {problem}")),
            "{line}"
        );
    }
    let named = "[providers.twilio.accounts.second]\nmax_per_s = 5";
    assert!(
        line(named, &[]).starts_with("providers.twilio.accounts.second.account_sid (not set): ")
    );
    assert!(load(&account(&[FROM]), &[]).expect("no account").providers.twilio.is_empty());
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    for (key, allowed) in [
        ("account_sid", "use AC and 32 hexadecimal digits"),
        ("api_key", "use SK and 32 hexadecimal digits"),
        ("messaging_service_sid", "use MG and 32 hexadecimal digits"),
    ] {
        let line = line(&account(&[&format!("{key} = \"hunter2hunter2\"")]), &[]);
        assert!(line.contains(allowed) && !line.contains("hunter2"), "{line}");
    }
    let line = line(&account(&[SID, TOKEN, "from = \"KLİNİK\""]), &[]);
    assert!(line.contains("\"KLİNİK\" is not allowed; use a number as"), "{line}");
}

#[test]
fn the_names_that_users_of_twilio_already_have_are_taken() {
    let sid = format!("AC{HEX}");
    let env = [
        ("TWILIO_ACCOUNT_SID", sid.as_str()),
        ("TWILIO_AUTH_TOKEN", "0123"),
        ("TWILIO_FROM_NUMBER", "+14155552345"),
        ("TWILIO_MESSAGING_SERVICE_SID", ""),
    ];
    let config = load("", &env).expect("valid");
    let account = &config.providers.twilio["default"];
    assert_eq!(token_of(&account.auth), Some("0123"));
    assert_eq!(account.from, TwilioFrom::Sender("+14155552345".to_owned()));
    assert_eq!(
        shown(&config)["providers.twilio.from"].1,
        "environment variable TWILIO_FROM_NUMBER"
    );
    assert_eq!(shown(&config)["providers.twilio.auth_token"].0, "\"(set)\"");

    let same = [&env[..], &[("TWILIO_FROM", "+14155552345")]].concat();
    assert!(load("", &same).is_ok());
    let other = [&env[..], &[("TWILIO_FROM", "KLINIK")]].concat();
    assert_eq!(
        line("", &other),
        "providers.twilio.from (environment variable TWILIO_FROM_NUMBER): is given twice, also as TWILIO_FROM and \
         differently; keep one"
    );
}

#[test]
fn another_account_takes_only_the_service_from_the_flat_keys() {
    let file = account(&["base_url = \"http://127.0.0.1:1/\"", SID, TOKEN, FROM, "max_per_s = 7"])
        + &format!(
            "\n[providers.twilio.accounts.second]\naccount_sid = \"AC{HEX}\"\nauth_token_file = \"/run/secret\"\n{}",
            SERVICE.replace("HEX", HEX)
        );
    let config = load(&file, &[]).expect("valid");
    let second = &config.providers.twilio["second"];
    assert_eq!((second.name.as_str(), second.base_url.as_str()), ("second", "http://127.0.0.1:1"));
    assert_eq!(token_of(&second.auth), Some("from-a-file"));
    assert_eq!((&second.from, second.max_per_s), (&TwilioFrom::Service(format!("MG{HEX}")), None));
    assert_eq!(config.providers.twilio["default"].max_per_s.map(u32::from), Some(7));
}

#[test]
fn twilio_is_needed_only_by_clinics_that_may_use_it() {
    let basis = "transfer_abroad = \"explicit consent, form KVKK-7\"";
    let wrong = |lines: &[&str]| {
        let file = format!("{COMPLETE}\n{}", lines.join("\n"));
        let config = load(&file, &[]).expect("well formed");
        let errors = config.check_for(Purpose::Up, &types()).err().unwrap_or_default();
        errors.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let both = "[route]\nsms = [\"netgsm\", \"twilio\"]";
    let only = "[route]\nsms = [\"twilio\"]";
    let whole = account(&[SID, TOKEN, FROM]);

    // Nobody may be served abroad: the second provider is simply not used.
    assert_eq!(wrong(&[both]), Vec::<String>::new());
    // One that nobody else serves would be served by nobody.
    let alone = wrong(&[&whole.replace("[providers", "\n[providers"), only]);
    assert_eq!(alone.len(), 1);
    assert!(
        alone[0].starts_with(
            "clinics.atasehir.transfer_abroad (not set): is missing, and every provider"
        ),
        "{alone:?}"
    );
    // Who may be served abroad needs an account there.
    let without = wrong(&[basis, both]);
    assert_eq!(without.len(), 1);
    assert!(
        without[0].starts_with(
            "providers.twilio.account_sid (not set): is missing; clinic atasehir uses this account"
        ),
        "{without:?}"
    );
    let unknown = wrong(&[basis, "accounts.twilio = \"other\"", &whole, both]);
    assert_eq!(unknown.len(), 1);
    assert!(
        unknown[0].starts_with(
            "clinics.atasehir.accounts.twilio (/etc/ulak/ulak.toml): \"other\" is no account"
        ) && unknown[0].ends_with("use one of \"default\""),
        "{unknown:?}"
    );
    for route in [both, only] {
        assert_eq!(wrong(&[basis, &whole, route]), Vec::<String>::new());
    }
    // A basis alone asks for nothing.
    assert_eq!(wrong(&[basis]), Vec::<String>::new());
}
