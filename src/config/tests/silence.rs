//! Nothing that the configuration prints holds a secret.

use proptest::prelude::*;

use super::*;
use crate::config::Purpose;
use crate::config::keys::{KEYS, Key, Kind};

/// Every key that holds a secret, or an address with one.
fn secret_keys() -> Vec<&'static Key> {
    KEYS.iter().filter(|key| matches!(key.kind, Kind::Secret | Kind::Address)).collect()
}

/// All that can be seen of a configuration; whether it was refused.
fn seen(sources: &Sources, read_file: &dyn Fn(&Path) -> io::Result<String>) -> (String, bool) {
    match Config::load(sources, &types(), read_file) {
        Ok(config) => {
            let shown: Vec<String> =
                config.values().iter().map(|s| format!("{s} {} {s:?}", s.json())).collect();
            let missing = config.check_for(Purpose::Worker, &types());
            (format!("{config:?} {shown:?} {missing:?}"), false)
        }
        Err(errors) => {
            let lines: Vec<String> = errors.iter().map(|e| format!("{e} {e:?}")).collect();
            (lines.join("\n"), true)
        }
    }
}

/// The value under which a secret can be given for a key.
fn value_of(key: &Key, secret: &str) -> String {
    match (key.kind, key.path) {
        (Kind::Address, "database.url") => {
            format!("postgres://ulak:{secret}@db/ulak?sslpassword={secret}")
        }
        (Kind::Address, _) => format!("amqp://ulak:{secret}@mq/%2f"),
        _ => secret.to_owned(),
    }
}

/// An environment in which accounts that hold the key are whole.
fn variables(key: &Key, value: &str) -> Vec<(String, String)> {
    let name = |path: &str| {
        format!("ULAK_{}", path.replace('.', "__").replace("<acc>", "second").to_ascii_uppercase())
    };
    let mut env = vec![(name(key.path), value.to_owned())];
    if let Some(account) = key.path.strip_suffix(".password") {
        env.push((name(&format!("{account}.username")), "user".to_owned()));
        if account.contains("iys") {
            env.push((name(&format!("{account}.iys_code")), "1".to_owned()));
            env.push((name(&format!("{account}.brand_code")), "1".to_owned()));
        }
    }
    if let Some((account, key)) = key.path.rsplit_once('.').filter(|(a, _)| a.contains("twilio")) {
        let hex = "0123456789abcdef0123456789abcdef";
        env.push((name(&format!("{account}.account_sid")), format!("AC{hex}")));
        env.push((name(&format!("{account}.from")), "KLINIK".to_owned()));
        if key == "api_secret" {
            env.push((name(&format!("{account}.api_key")), format!("SK{hex}")));
        }
        if key == "webhook_token" {
            env.push((name(&format!("{account}.auth_token")), "token".to_owned()));
        }
    }
    if let Some((account, key)) = key.path.rsplit_once('.').filter(|(a, _)| a.contains("whatsapp"))
    {
        env.push((name(&format!("{account}.phone_number_id")), "1065".to_owned()));
        if key != "access_token" {
            env.push((name(&format!("{account}.access_token")), "token".to_owned()));
        }
    }
    if let Some(account) = key.path.strip_suffix(".webhook_token").filter(|a| a.contains("netgsm"))
    {
        env.push((name(&format!("{account}.username")), "user".to_owned()));
        env.push((name(&format!("{account}.password")), "password".to_owned()));
    }
    env
}

#[test]
fn the_list_of_secret_keys_is_complete() {
    let paths: Vec<&str> = secret_keys().iter().map(|key| key.path).collect();
    assert_eq!(
        paths,
        [
            "database.url",
            "database.master_key",
            "broker.url",
            "providers.netgsm.password",
            "providers.netgsm.webhook_token",
            "providers.netgsm.accounts.<acc>.password",
            "providers.netgsm.accounts.<acc>.webhook_token",
            "providers.twilio.auth_token",
            "providers.twilio.api_secret",
            "providers.twilio.webhook_token",
            "providers.twilio.accounts.<acc>.auth_token",
            "providers.twilio.accounts.<acc>.api_secret",
            "providers.twilio.accounts.<acc>.webhook_token",
            "providers.whatsapp.access_token",
            "providers.whatsapp.app_secret",
            "providers.whatsapp.verify_token",
            "providers.whatsapp.webhook_token",
            "providers.whatsapp.accounts.<acc>.access_token",
            "providers.whatsapp.accounts.<acc>.app_secret",
            "providers.whatsapp.accounts.<acc>.verify_token",
            "providers.whatsapp.accounts.<acc>.webhook_token",
            "providers.iys.password",
            "providers.iys.accounts.<acc>.password",
        ]
    );
}

#[test]
fn the_values_of_secret_keys_are_seen_to_be_set_and_no_more() {
    let config = load(COMPLETE, &[]).expect("valid");
    let shown = shown(&config);
    for key in ["database.master_key", "providers.netgsm.password", "providers.iys.password"] {
        assert_eq!(shown[key].0, "\"(set)\"");
    }
    assert_eq!(shown["database.url"].0, "\"postgres://ulak:********@db/ulak\"");
    let (seen, _) = seen(&sources(COMPLETE, &[]), &files);
    assert!(!seen.contains("hunter") && !seen.contains(KEY), "{seen}");
}

#[test]
fn a_broken_file_does_not_print_the_line_that_breaks_it() {
    for broken in [
        "password = \"hunter2",
        "[providers.netgsm]\npassword = hunter2",
        "password = \"a\"\npassword = \"hunter2\"",
        "hunter2 hunter2 = 5",
    ] {
        let (seen, _) = seen(&sources(broken, &[]), &files);
        assert!(seen.contains("is not TOML"), "{seen}");
        assert!(!seen.contains("hunter2"), "{seen}");
    }
}

proptest! {
    #[test]
    fn no_secret_is_ever_seen(
        index in any::<prop::sample::Index>(),
        // Not in any text of ours; percent-encoding leaves it as it is.
        secret in "zq[a-zA-Z0-9]{14,40}",
        also_wrong in any::<bool>(),
        in_file in any::<bool>(),
    ) {
        let keys = secret_keys();
        let key = keys[index.index(keys.len())];
        let value = value_of(key, &secret);
        let mut env = variables(key, if in_file { "/run/it" } else { &value });
        if in_file {
            env[0].0.push_str("_FILE");
        }
        if also_wrong {
            env.push(("ULAK_WORKER__LISTEN".to_owned(), "nowhere".to_owned()));
            env.push(("ULAK_WORKER__NOTHING".to_owned(), "x".to_owned()));
        }
        let sources = Sources { file: None, env: env.into_iter().collect() };
        let (seen, refused) = seen(&sources, &|_| Ok(value.clone()));
        // A master key of this form is never valid.
        prop_assert_eq!(refused, also_wrong || key.path == "database.master_key", "{}", seen);
        prop_assert!(!seen.contains(&secret), "{}: {}", key.path, seen);
    }

    #[test]
    fn an_address_that_is_refused_is_not_repeated(secret in "zq[a-zA-Z0-9/?#@:]{6,30}") {
        let url = format!("postgres://ulak:{secret}@db:port/ulak");
        let env = [("ULAK_DATABASE__URL", url.as_str()), ("ULAK_BROKER__URL", &secret)];
        let (seen, refused) = seen(&sources("", &env), &files);
        prop_assert!(refused);
        prop_assert!(!seen.contains(&secret), "{seen}");
        prop_assert!(!seen.contains(&secret[..6]), "{seen}");
    }
}
