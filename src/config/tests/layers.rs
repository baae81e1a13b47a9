//! Which source wins, and what each value says about its origin.

use std::time::Duration;

use schemas::ClinicId;
use secrecy::ExposeSecret as _;

use super::*;
use crate::config::Origin;

fn pair(value: &str, origin: &str) -> (String, String) {
    (value.to_owned(), origin.to_owned())
}

#[test]
fn without_any_source_the_defaults_hold() {
    let config =
        Config::load(&Sources::default(), &types(), &files).expect("the default file is valid");
    assert_eq!(config.database.url.expose(), "sqlite://ulak.db");
    assert!(config.broker.url.is_none());
    assert_eq!(config.worker.listen.to_string(), "127.0.0.1:9464");
    assert_eq!(config.scheduler.listen.to_string(), "127.0.0.1:9465");
    assert_eq!(config.providers.iys.max_per_s.map(u32::from), Some(8));
    assert_eq!(config.reconcile.settle, [30, 60, 120].map(Duration::from_secs));
    assert_eq!(config.reconcile.give_up, Duration::from_mins(15));
    assert!(config.clinics.is_empty());
    assert!(config.providers.netgsm.is_empty());
    assert!(config.providers.twilio.is_empty());
    assert_eq!(config.gateway.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.gateway.public_url, None);
    assert_eq!(
        (config.database.file.as_deref(), config.database.max_mib),
        (Some(Path::new("ulak.db")), None)
    );
}

#[test]
fn the_environment_is_stronger_than_the_file_and_the_file_than_the_default() {
    let file = "[worker]\nin_flight = 7\nprefetch = 8";
    let config = load(file, &[("ULAK_WORKER__PREFETCH", "9")]).expect("valid");
    assert_eq!((config.worker.in_flight, config.worker.prefetch), (7, 9));
    let shown = shown(&config);
    assert_eq!(shown["worker.in_flight"], pair("7", FILE));
    assert_eq!(
        shown["worker.prefetch"],
        pair("\"9\"", "environment variable ULAK_WORKER__PREFETCH")
    );
    assert_eq!(shown["worker.drain_s"], pair("25", "default"));
    assert_eq!(shown["providers.netgsm.sender"], pair("null", "not set"));
}

#[test]
fn a_clinic_has_the_defaults_of_the_manual() {
    let config = load(COMPLETE, &[]).expect("valid");
    let clinic = &config.clinics[&ClinicId::parse("atasehir").expect("valid")];
    assert_eq!(clinic.face.zone, chrono_tz::Europe::Istanbul);
    assert_eq!(clinic.min_gap, Duration::from_hours(6));
    assert_eq!(clinic.min_notice, Duration::from_mins(90));
    assert_eq!(
        clinic.reminders.iter().map(schemas::ReminderRule::as_str).collect::<Vec<_>>(),
        ["24h", "2h"]
    );
    assert!(!clinic.confirmation && !clinic.cancellation_notice && !clinic.change_notice);
    assert!(clinic.quiet_hours.is_some());
    assert_eq!(
        [&clinic.netgsm_account, &clinic.twilio_account, &clinic.iys_account],
        ["default", "default", "default"]
    );
    assert_eq!(clinic.transfer_abroad, None);
    assert_eq!(shown(&config)["clinics.atasehir.min_gap"], pair("\"6h\"", "default"));
}

#[test]
fn reminders_are_rules_from_the_file_or_the_environment_and_none_means_none() {
    let reminders = |value: &str| {
        let env = [("ULAK_CLINICS__ATASEHIR__REMINDERS", value)];
        let config = load(COMPLETE, &env).expect("valid");
        let clinic = &config.clinics[&ClinicId::parse("atasehir").expect("valid")];
        clinic.reminders.iter().map(|rule| rule.text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(reminders("3d, 24h,3d"), ["3d", "24h"]);
    assert_eq!(reminders("[\"90m\"]"), ["90m"]);
    assert!(reminders("none").is_empty());
}

#[test]
fn the_names_that_users_of_netgsm_already_have_are_taken() {
    let env = [
        ("NETGSM_USERNAME", "0850"),
        ("NETGSM_PASSWORD", "0123"),
        ("NETGSM_SENDER_NAME", "KLINIK"),
    ];
    let config = load("", &env).expect("valid");
    let account = &config.providers.netgsm["default"];
    // Leading zeros survive: nothing guesses that a variable is a number.
    assert_eq!((account.username.as_str(), account.password.expose_secret()), ("0850", "0123"));
    assert_eq!(account.sender.as_deref(), Some("KLINIK"));
    assert_eq!(
        shown(&config)["providers.netgsm.username"].1,
        "environment variable NETGSM_USERNAME"
    );

    let own = [env[0], env[1], env[2], ("ULAK_PROVIDERS__NETGSM__USERNAME", "0312")];
    assert_eq!(load("", &own).expect("valid").providers.netgsm["default"].username, "0312");
    assert!(
        load("", &[("NETGSM_USERNAME", ""), ("NETGSM_PASSWORD", "")])
            .expect("empty is unset")
            .providers
            .netgsm
            .is_empty()
    );
}

#[test]
fn variables_reach_names_that_the_user_chose() {
    let file = format!(
        "{COMPLETE}\n[clinics.dis-klinigi]\nname = \"Diş\"\n[providers.netgsm.accounts.my-second]\nusername = \"a\"\npassword = \"b\""
    );
    let config = load(
        &file,
        &[
            ("ULAK_CLINICS__DIS_KLINIGI__SENDER", "DIS"),
            ("ULAK_CLINICS__YENI__NAME", "Yeni"),
            ("ULAK_PROVIDERS__NETGSM__ACCOUNTS__MY_SECOND__MAX_PER_S", "5"),
            ("ULAK_CLINICS__DIS_KLINIGI__CONSENT__ULAK_PAYMENT_RECEIPT_V1", "none"),
            ("ULAK_CLINICS__DIS_KLINIGI__CONSENT_BASIS__ULAK_PAYMENT_RECEIPT_V1", "article 6"),
        ],
    )
    .expect("valid");
    let clinic = &config.clinics[&ClinicId::parse("dis-klinigi").expect("valid")];
    assert_eq!(clinic.sender.as_deref(), Some("DIS"));
    assert_eq!(clinic.consent["ulak.payment-receipt.v1"].basis.as_deref(), Some("article 6"));
    assert!(config.clinics.contains_key(&ClinicId::parse("yeni").expect("valid")));
    assert_eq!(config.providers.netgsm["my-second"].max_per_s.map(u32::from), Some(5));
}

#[test]
fn an_account_takes_the_service_from_the_flat_keys_but_not_the_sender() {
    let config = load(
        "[providers.netgsm]\nbase_url = \"http://127.0.0.1:1/\"\nsender = \"KLINIK\"\nappname = \"x\"\niys_brand_code = 1\niys_max_per_minute = 7\n\
         [providers.netgsm.accounts.second]\nusername = \"a\"\npassword = \"b\"\nbare_503_is_failed = false",
        &[],
    )
    .expect("valid");
    let account = &config.providers.netgsm["second"];
    assert_eq!((account.base_url.as_str(), account.appname.as_str()), ("http://127.0.0.1:1", "x"));
    assert_eq!((account.sender.as_ref(), account.iys_brand_code), (None, None));
    assert_eq!(account.iys_max_per_minute.map(u32::from), Some(7));
    assert!(!account.bare_503_is_failed);
}

#[test]
fn a_type_may_be_written_with_or_without_quotes() {
    for key in ["\"ulak.payment-receipt.v1\"", "ulak.payment-receipt.v1"] {
        let file =
            format!("{COMPLETE}\nconsent.{key} = \"none\"\nconsent_basis.{key} = \"article 6\"");
        let config = load(&file, &[]).expect("valid");
        let clinic = config.clinics.values().next().expect("one clinic");
        assert_eq!(clinic.consent["ulak.payment-receipt.v1"].rule, ConsentRule::None);
    }
}

#[test]
fn secrets_stand_in_files_of_their_own_beside_the_configuration() {
    let file = "[database]\nmaster_key_file = \"keys/master\"\n[providers.netgsm]\nusername = \"a\"\npassword_file = \"/run/secret\"";
    let config = load(file, &[]).expect("valid");
    assert_eq!(config.database.master_key.as_ref().map(|k| *k.expose()), Some([0; 32]));
    assert_eq!(config.providers.netgsm["default"].password.expose_secret(), "from-a-file");
    assert_eq!(shown(&config)["providers.netgsm.password_file"], pair("\"(set)\"", FILE));
}

#[test]
fn a_file_for_an_address_replaces_its_default() {
    let read = |_: &Path| Ok("postgres://ulak:hunter2@db/ulak\n".to_owned());
    let sources = sources("", &[("ULAK_DATABASE__URL_FILE", "db-url")]);
    let config = Config::load(&sources, &types(), &read).expect("valid");
    assert_eq!(config.database.url.expose(), "postgres://ulak:hunter2@db/ulak");
}

#[test]
fn a_sqlite_file_lies_beside_the_file_that_names_it_or_does_not() {
    let file = |text: &str, env: &[(&str, &str)]| {
        let config = load(text, env).expect("valid");
        let file = config.database.file.clone().expect("SQLite");
        // The ledger is told the very path that is locked and shown.
        assert_eq!(config.database.url.expose(), format!("sqlite://{}", file.display()));
        assert_eq!(config.database.url.to_string(), config.database.url.expose());
        file.display().to_string()
    };
    assert_eq!(file("", &[]), "/etc/ulak/ulak.db");
    assert_eq!(file("[database]\nurl = \"sqlite://my data/u.db\"", &[]), "/etc/ulak/my data/u.db");
    assert_eq!(file("[database]\nurl = \"sqlite:///var/lib/u.db\"", &[]), "/var/lib/u.db");
    assert_eq!(file("", &[("ULAK_DATABASE__URL", "sqlite://u.db")]), "u.db");
    let read = |_: &Path| Ok("sqlite://u.db\n".to_owned());
    let from_twin = |text: &str, env: &[(&str, &str)]| {
        Config::load(&sources(text, env), &types(), &read).expect("valid").database.file
    };
    assert_eq!(from_twin("[database]\nurl_file = \"x\"", &[]), Some("/etc/ulak/u.db".into()));
    assert_eq!(from_twin("", &[("ULAK_DATABASE__URL_FILE", "x")]), Some("u.db".into()));
    let config = load("[database]\nurl = \"sqlite://my data/u.db\"", &[]).expect("valid");
    assert_eq!(shown(&config)["database.url"], pair("\"sqlite://my data/u.db\"", FILE));
    let limited = load("", &[("ULAK_DATABASE__MAX_MIB", "100")]).expect("valid");
    assert_eq!(limited.database.max_mib.map(u32::from), Some(100));
}

#[test]
fn a_clinics_folder_is_found_from_the_files_own_folder() {
    let config = load(&format!("{COMPLETE}\nfolder = \"atasehir\""), &[]).expect("valid");
    let clinic = config.clinics.values().next().expect("one clinic");
    assert_eq!(clinic.folder.as_deref(), Some(Path::new("/etc/ulak/atasehir")));
}

#[test]
fn the_named_file_must_be_there_and_the_one_in_place_need_not() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let missing = folder.path().join("none.toml");
    let error = Sources::read(Some(&missing), BTreeMap::new()).err().expect("no such file");
    assert_eq!(error.origin, Origin::File(missing.clone()));
    assert!(error.to_string().contains("--config"), "{error}");

    std::fs::write(&missing, "[worker]").expect("written");
    let sources = Sources::read(Some(&missing), BTreeMap::new()).expect("readable");
    assert_eq!(sources.file, Some((missing, "[worker]".to_owned())));
}

#[test]
fn the_folder_of_own_types_is_known_before_all_else_and_lies_beside_the_file_that_names_it() {
    let folder = |file: &str, env: &[(&str, &str)]| {
        // What is wrong elsewhere is said later, when the types are known.
        let file = format!("{file}\n[worker]\nin_flight = \"many\"");
        Config::types_folder(&sources(&file, env), &files).expect("read")
    };
    assert_eq!(folder("", &[]), None);
    let own = "[types]\nfolder = \"types\"";
    let beside = ("/etc/ulak/types".into(), Origin::File(FILE.into()));
    assert_eq!(folder(own, &[]), Some(beside));
    let variable = "ULAK_TYPES__FOLDER";
    let from_env = ("own".into(), Origin::Env(variable.to_owned()));
    assert_eq!(folder(own, &[(variable, "own")]), Some(from_env));
    let config = load(own, &[]).expect("valid");
    assert_eq!(config.types.folder.as_deref(), Some(Path::new("/etc/ulak/types")));
    let wrong = sources("[types]\nfolder = true", &[]);
    let errors = Config::types_folder(&wrong, &files).expect_err("no path");
    assert!(
        errors[0].to_string().starts_with("types.folder (/etc/ulak/ulak.toml): "),
        "{errors:?}"
    );
}
