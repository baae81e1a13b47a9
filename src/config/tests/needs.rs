//! What each command finds missing.

use super::*;
use crate::config::Purpose;

fn missing(file: &str, purpose: Purpose) -> Vec<String> {
    let config = load(file, &[]).expect("well formed");
    let errors = config.check_for(purpose, &types()).err().unwrap_or_default();
    errors.iter().map(ToString::to_string).collect()
}

fn keys(lines: &[String]) -> Vec<&str> {
    lines.iter().filter_map(|line| line.split(' ').next()).collect()
}

#[test]
fn a_complete_configuration_serves_every_purpose() {
    for purpose in
        [Purpose::Worker, Purpose::Scheduler, Purpose::Publish, Purpose::Migrate, Purpose::Records]
    {
        assert_eq!(missing(COMPLETE, purpose), Vec::<String>::new(), "{purpose:?}");
    }
}

#[test]
fn each_command_names_what_it_misses() {
    assert_eq!(
        keys(&missing("", Purpose::Worker)),
        ["database.url", "database.master_key", "broker.url", "clinics"]
    );
    assert_eq!(
        keys(&missing("", Purpose::Scheduler)),
        ["database.url", "database.master_key", "broker.url"]
    );
    assert_eq!(keys(&missing("", Purpose::Records)), ["database.url", "database.master_key"]);
    assert_eq!(keys(&missing("", Purpose::Publish)), ["broker.url"]);
    assert_eq!(keys(&missing("", Purpose::Migrate)), ["database.url", "database.master_key"]);
}

#[test]
fn the_modes_of_later_releases_are_said_to_come_later() {
    for line in missing("", Purpose::Scheduler).iter().filter(|line| !line.contains("master_key")) {
        assert!(
            line.contains("(default)") && line.contains("comes with a later release; use "),
            "{line}"
        );
    }
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
    assert!(
        missing(&format!("{file}\n[consent]\nsource = \"registry\""), Purpose::Worker).is_empty()
    );
}
