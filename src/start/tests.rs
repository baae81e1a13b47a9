//! What worker and scheduler are told of a configuration with two providers.

use std::collections::BTreeMap;

use schemas::{ClinicId, ConsentRule};

use super::{scheduler_settings, worker_settings};
use crate::config::{Config, Sources};

const FILE: &str = r#"
    [providers.netgsm]
    username = "8501234567"
    password = "p"
    sender = "KLINIK"
    max_per_s = 50
    [providers.twilio]
    account_sid = "AC0123456789abcdef0123456789abcdef"
    api_key = "SK0123456789abcdef0123456789abcdef"
    api_secret = "s"
    from = "KLINIK"
    max_per_s = 10
    [providers.twilio.accounts.second]
    base_url = "http://127.0.0.1:1"
    account_sid = "ACfedcba9876543210fedcba9876543210"
    auth_token = "t"
    messaging_service_sid = "MG0123456789abcdef0123456789abcdef"
    [clinics.here]
    name = "Burada"
    [clinics.abroad]
    name = "Yurt Dışı"
    transfer_abroad = "explicit consent, form KVKK-7"
    [clinics.own]
    name = "Kendi"
    accounts.twilio = "second"
    transfer_abroad = "explicit consent, form KVKK-7"
"#;

const HERE: &str = "netgsm/default/KLINIK";
const ABROAD: &str = "twilio/default/KLINIK";
const SECOND: &str = "twilio/second/MG0123456789abcdef0123456789abcdef";

fn config(route: &str) -> Config {
    let sources = Sources {
        file: Some(("ulak.toml".into(), format!("{FILE}\n[route]\nsms = {route}"))),
        env: BTreeMap::new(),
    };
    let types = BTreeMap::from([("ulak.payment-receipt.v1".to_owned(), ConsentRule::Required)]);
    let nothing = |_: &std::path::Path| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
    Config::load(&sources, &types, &nothing).expect("valid")
}

fn lanes(config: &Config, clinic: &str) -> Vec<String> {
    let id = ClinicId::parse(clinic).expect("an id");
    scheduler_settings(config).lanes[&id].clone()
}

#[test]
fn a_clinic_has_the_lanes_of_the_route_that_it_may_use_in_its_order() {
    let both = config(r#"["netgsm", "twilio"]"#);
    assert_eq!(lanes(&both, "here"), [HERE]);
    assert_eq!(lanes(&both, "abroad"), [HERE, ABROAD]);
    assert_eq!(lanes(&both, "own"), [HERE, SECOND]);
    assert_eq!(lanes(&config(r#"["twilio", "netgsm"]"#), "abroad"), [ABROAD, HERE]);
    assert_eq!(lanes(&config(r#"["netgsm"]"#), "abroad"), [HERE]);
}

#[test]
fn worker_and_scheduler_are_told_the_same_accounts_and_caps() {
    use providers::twilio::{Auth, From};
    let config = config(r#"["netgsm", "twilio"]"#);
    let (worker, scheduler) = (worker_settings(&config), scheduler_settings(&config));
    let default = &worker.twilio["default"];
    assert_eq!(default.account.account_sid, "AC0123456789abcdef0123456789abcdef");
    assert_eq!(default.account.base_url, "https://api.twilio.com");
    assert!(matches!(&default.account.auth, Auth::Key { sid, .. } if sid.starts_with("SK")));
    assert_eq!(default.account.from, From::Number("KLINIK".to_owned()));
    let second = &worker.twilio["second"];
    assert_eq!((second.account.base_url.as_str(), second.max_per_s), ("http://127.0.0.1:1", None));
    assert!(matches!(second.account.auth, Auth::Token(_)));
    assert!(matches!(&second.account.from, From::MessagingService(sid) if sid.starts_with("MG")));
    for (name, (account, cap)) in &scheduler.twilio {
        assert_eq!(account.account_sid, worker.twilio[name].account.account_sid);
        assert_eq!(*cap, worker.twilio[name].max_per_s);
    }
    assert_eq!(scheduler.twilio.len(), 2);
    assert_eq!(scheduler.netgsm["default"].1, Some(50));
}

#[test]
fn what_the_configuration_accepts_makes_a_client() {
    for account in worker_settings(&config(r#"["twilio"]"#)).twilio.into_values() {
        let client = providers::twilio::Client::new(account.account, providers::Limits::default());
        assert!(client.is_ok(), "{client:?}");
    }
}

#[test]
fn what_is_found_wrong_when_the_ledger_is_opened_names_where_it_was_set() {
    use super::Said;
    use ledger::LedgerError;
    let line = |file: &str, error: LedgerError| {
        let sources = Sources {
            file: Some(("ulak.toml".into(), file.to_owned())),
            env: BTreeMap::from([("ULAK_DATABASE__URL".to_owned(), "sqlite://x.db".to_owned())]),
        };
        let key =
            |_: &std::path::Path| Ok("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned());
        let config = Config::load(&sources, &BTreeMap::new(), &key).expect("valid");
        Said::by(&config).ledger_failure(error).lines().remove(0)
    };
    let (file, value) = (
        "database.master_key_file = \"k\"",
        "database.master_key = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"",
    );
    let [key, moved] = [LedgerError::Key, LedgerError::Unsafe].map(|kind| kind("x".to_owned()));
    assert_eq!(line(file, key.clone()), "ulak: database.master_key_file (ulak.toml): x");
    assert_eq!(line(value, key), "ulak: database.master_key (ulak.toml): x");
    let env = "ulak: database.url (environment variable ULAK_DATABASE__URL): x";
    assert_eq!(line(value, moved), env);
}
