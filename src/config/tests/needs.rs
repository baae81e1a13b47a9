//! What each command finds missing.

use super::*;
use crate::config::Purpose;

fn missing(file: &str, purpose: Purpose) -> Vec<String> {
    let config = load(file, &[]).expect("well formed");
    let errors = config.check_for(purpose, &types()).err().unwrap_or_default();
    errors.iter().map(ToString::to_string).collect()
}

const EVERY: [Purpose; 7] = [
    Purpose::Up,
    Purpose::Worker,
    Purpose::Scheduler,
    Purpose::Gateway,
    Purpose::Publish,
    Purpose::Migrate,
    Purpose::Records,
];

/// One clinic on one machine: a SQLite file and no broker, as the defaults are.
fn without_server() -> String {
    COMPLETE
        .replace("url = \"postgres://ulak:pg-hunter@db/ulak\"", "")
        .replace("url = \"amqp://ulak:mq-hunter@mq/%2f\"", "")
}

fn keys(lines: &[String]) -> Vec<&str> {
    lines.iter().filter_map(|line| line.split(' ').next()).collect()
}

#[test]
fn a_complete_configuration_serves_every_purpose() {
    for purpose in EVERY {
        assert_eq!(missing(COMPLETE, purpose), Vec::<String>::new(), "{purpose:?}");
    }
    let without_broker = COMPLETE.replace("amqp://ulak:mq-hunter@mq/%2f", "none");
    for purpose in EVERY {
        assert_eq!(missing(&without_broker, purpose), Vec::<String>::new(), "{purpose:?}");
    }
}

#[test]
fn a_sqlite_file_serves_up_and_all_that_only_reads_and_writes_it() {
    let file = without_server();
    for purpose in EVERY {
        let lines = missing(&file, purpose);
        if matches!(purpose, Purpose::Worker | Purpose::Scheduler | Purpose::Gateway) {
            assert_eq!(keys(&lines), ["database.url"], "{purpose:?}");
            assert!(
                lines[0].contains("needs PostgreSQL") && lines[0].contains("`ulak up`"),
                "{lines:?}"
            );
        } else {
            assert_eq!(lines, Vec::<String>::new(), "{purpose:?}");
        }
    }
}

#[test]
fn each_command_names_what_it_misses() {
    let (url, key, clinics) = ("database.url", "database.master_key", "clinics");
    // of a first configuration everything is named at once
    let accounts = ["providers.netgsm.username", "providers.iys.username"];
    assert_eq!(keys(&missing("", Purpose::Up)), [key, clinics, accounts[0], accounts[1]]);
    assert_eq!(keys(&missing("", Purpose::Worker)), [url, key, clinics]);
    assert_eq!(keys(&missing("", Purpose::Scheduler)), [url, key]);
    assert_eq!(keys(&missing("", Purpose::Gateway)), [url, key, clinics]);
    for purpose in [Purpose::Records, Purpose::Migrate, Purpose::Publish] {
        assert_eq!(keys(&missing("", purpose)), [key], "{purpose:?}");
    }
}

#[test]
fn an_event_needs_a_key_only_where_no_broker_takes_it() {
    let line = &missing("", Purpose::Publish)[0];
    assert!(
        line.contains("straight into the ledger") && line.ends_with("or set broker.url"),
        "{line}"
    );
    let broker = "[broker]\nurl = \"amqp://mq\"";
    assert_eq!(missing(broker, Purpose::Publish), Vec::<String>::new());
}

#[test]
fn accounts_that_nobody_described_are_named_once() {
    let file = COMPLETE
        .replace("username", "#username")
        .replace("password = ", "#")
        .replace("sender", "#")
        .replace("iys_code", "#")
        .replace("brand_code", "#")
        + "\n[clinics.iki]\nname = \"İki\"\naccounts = { netgsm = \"second\" }";
    assert_eq!(
        keys(&missing(&file, Purpose::Worker)),
        ["providers.netgsm.username", "providers.iys.username", "clinics.iki.accounts.netgsm",]
    );
}

#[test]
fn a_clinic_without_any_sender_is_named() {
    let file = COMPLETE.replace("sender = \"KLINIK\"", "");
    assert_eq!(keys(&missing(&file, Purpose::Worker)), ["clinics.atasehir.sender"]);
    assert!(missing(&format!("{file}\nsender = \"OWN\""), Purpose::Worker).is_empty());
}

#[test]
fn iys_is_needed_only_where_somebody_is_asked() {
    let file = COMPLETE.replace("[providers.iys]", "[providers.iys.accounts.other]");
    assert_eq!(keys(&missing(&file, Purpose::Worker)), ["providers.iys.username"]);
    let mut open = file.clone();
    for name in types().keys() {
        open = format!("{open}\nconsent.{name} = \"none\"\nconsent_basis.{name} = \"article 6\"");
    }
    assert!(missing(&open, Purpose::Worker).is_empty());
}

#[test]
fn where_the_registry_is_the_source_nobody_outside_is_needed() {
    let file = format!("{COMPLETE}\n[consent]\nsource = \"registry\"");
    let without = file.replace("[providers.iys]", "[providers.iys.accounts.other]");
    for purpose in [Purpose::Up, Purpose::Worker, Purpose::Scheduler] {
        assert_eq!(missing(&file, purpose), Vec::<String>::new(), "{purpose:?}");
        assert_eq!(missing(&without, purpose), Vec::<String>::new(), "{purpose:?}");
    }
}

#[test]
fn netgsms_iys_service_needs_a_brand_of_the_account_that_serves_the_clinic() {
    let file = format!("{COMPLETE}\n[consent]\nsource = \"netgsm\"");
    assert_eq!(keys(&missing(&file, Purpose::Worker)), ["providers.netgsm.iys_brand_code"]);
    let other = format!(
        "{file}\n[providers.netgsm.accounts.other]\nusername = \"a\"\npassword = \"b\"\nsender = \"OTHER\"\n\
         [clinics.iki]\nname = \"İki\"\naccounts.netgsm = \"other\""
    );
    assert_eq!(
        keys(&missing(&other, Purpose::Worker)),
        ["providers.netgsm.iys_brand_code", "providers.netgsm.accounts.other.iys_brand_code"]
    );
    let env = [("ULAK_PROVIDERS__NETGSM__IYS_BRAND_CODE", "100001")];
    let config = load(&file, &env).expect("well formed");
    assert_eq!(config.check_for(Purpose::Worker, &types()), Ok(()));
    // no İYS account of our own is needed then
    let without = file.replace("[providers.iys]", "[providers.iys.accounts.unused]");
    assert!(
        load(&without, &env).expect("well formed").check_for(Purpose::Worker, &types()).is_ok()
    );
}
