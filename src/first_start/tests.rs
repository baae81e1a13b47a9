use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::config::{MasterKey, Purpose};

fn place(folder: &Path) -> Place {
    let sources = Sources { file: None, env: BTreeMap::new() };
    Place { file: folder.join("ulak.toml"), sources }
}

fn read(file: &Path) -> Sources {
    Sources::read(Some(file), BTreeMap::new()).expect("a file")
}

fn missing(sources: &Sources) -> Vec<String> {
    match Settings::from_sources(sources).and_then(|s| s.complete_for(Purpose::Up)) {
        Ok(_) => vec![],
        Err(failure) => explain(failure, sources).lines(),
    }
}

/// As somebody fills it in: the example values are good values.
fn filled(text: &str) -> String {
    let is_key = |line: &str| line.starts_with("#[") || line.contains(" = ");
    let uncomment = |line: &str| match line.strip_prefix('#') {
        Some(rest) if is_key(line) && !rest.starts_with(' ') => rest.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(uncomment).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_first_start_writes_a_configuration_and_a_key_for_the_owner_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    place(folder.path()).write(false).expect("written");
    let (file, key) = (folder.path().join("ulak.toml"), folder.path().join("ulak.key"));
    for path in [&file, &key] {
        let mode = std::fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    let text = std::fs::read_to_string(&key).expect("text");
    assert!(MasterKey::parse(&text).is_some());
    assert!(!exists(&folder.path().join("ulak.db")), "nothing else is made");
}

#[test]
fn two_first_starts_make_two_keys() {
    assert_ne!(*new_key().expect("random"), *new_key().expect("random"));
}

#[test]
fn what_is_not_filled_in_is_named_and_what_is_filled_in_is_complete() {
    let folder = tempfile::tempdir().expect("a folder");
    place(folder.path()).write(false).expect("written");
    let file = folder.path().join("ulak.toml");
    let lines = missing(&read(&file)).join("\n");
    for key in ["clinics ", "providers.netgsm.username ", "providers.iys.username "] {
        assert!(lines.contains(&format!("ulak: {key}")), "{key} in\n{lines}");
    }
    let text = filled(TEMPLATE);
    std::fs::write(&file, &text).expect("written");
    assert_eq!(missing(&read(&file)), Vec::<String>::new(), "{text}");
    let config = Settings::from_sources(&read(&file)).expect("right").config;
    assert_eq!(config.clinics.len(), 1);
    assert_eq!(config.database.file, Some(folder.path().join("ulak.db")));
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("ulak.key");
    std::fs::write(&key, "the old key").expect("written");
    place(folder.path()).write(false).expect("written");
    assert_eq!(std::fs::read_to_string(&key).expect("text"), "the old key");
    let file = folder.path().join("ulak.toml");
    std::fs::write(&file, "mine").expect("written");
    let again = place(folder.path()).write(false).expect_err("there is one");
    assert!(again.lines()[0].contains("ulak.toml"), "{:?}", again.lines());
    assert_eq!(std::fs::read_to_string(&file).expect("text"), "mine");
}

#[test]
fn no_key_is_ever_made_for_a_database_that_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("ulak.db"), "").expect("written");
    let refused = place(folder.path()).write(false).expect_err("its key is gone");
    assert!(matches!(&refused, Failure::Config(e) if e[0].key == "database.master_key_file"));
    assert!(refused.lines()[0].contains("bring that key back"), "{:?}", refused.lines());
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_key_that_is_gone_is_not_made_again_and_the_line_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    place(folder.path()).write(false).expect("written");
    let file = folder.path().join("ulak.toml");
    std::fs::write(&file, filled(TEMPLATE)).expect("written");
    std::fs::remove_file(folder.path().join("ulak.key")).expect("there");
    let lines = missing(&read(&file)).join("\n");
    assert!(
        lines.contains("database.master_key_file") && lines.contains("openssl rand"),
        "{lines}"
    );
    std::fs::write(folder.path().join("ulak.db"), "").expect("written");
    let lines = missing(&read(&file)).join("\n");
    assert!(lines.contains("bring that key back") && !lines.contains("openssl"), "{lines}");
    assert!(!exists(&folder.path().join("ulak.key")));
}

#[test]
fn a_folder_that_is_not_there_is_one_line_and_64() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = place(&folder.path().join("none")).write(false).expect_err("no folder");
    assert!(matches!(&refused, Failure::Config(_)));
    assert!(refused.lines()[0].contains("make its folder"), "{:?}", refused.lines());
}
