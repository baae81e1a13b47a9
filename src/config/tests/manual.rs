//! The default file is the manual: it has every key, and nothing that is not a key.

use std::collections::BTreeSet;

use figment::value::{Dict, Value};

use super::*;
use crate::config::keys;
use crate::config::reader::Reader;
use crate::config::sources::{self, DEFAULT};

/// The manual with its example keys switched on: `#key = …` and `#[section]`, while prose begins with `# `.
fn switched_on() -> String {
    let lines = DEFAULT.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| !c.is_whitespace()) => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The same without what excludes another key: the `…_file` twins, and Twilio's second kind of sender.
fn example() -> String {
    let excludes =
        |line: &&str| line.contains("_file = ") || line.starts_with("messaging_service_sid = ");
    switched_on().lines().filter(|line| !excludes(line)).collect::<Vec<_>>().join("\n")
}

fn values(text: &str) -> Dict {
    toml::from_str(text).expect("TOML")
}

fn paths(dict: &Dict, before: &[String], found: &mut Vec<Vec<String>>) {
    for (name, value) in dict {
        let path: Vec<String> = before.iter().chain([name]).cloned().collect();
        match value {
            Value::Dict(_, dict) => paths(dict, &path, found),
            _ => found.push(path),
        }
    }
}

fn key_of(path: &[String]) -> Option<(&'static keys::Key, String)> {
    keys::writable().find(|(_, key)| {
        let segments: Vec<&str> = key.split('.').collect();
        segments.len() == path.len()
            && segments.iter().zip(path).all(|(s, p)| keys::is_name(s) || s == p)
    })
}

#[test]
fn the_manual_has_every_key_and_twin_and_nothing_else() {
    let mut found = Vec::new();
    paths(&values(&switched_on()), &[], &mut found);
    let documented: BTreeSet<String> = found
        .iter()
        .map(|path| key_of(path).unwrap_or_else(|| panic!("{path:?} is no key")).1)
        .collect();
    let all: BTreeSet<String> = keys::writable().map(|(_, path)| path).collect();
    assert_eq!(documented, all);
}

#[test]
fn every_documented_key_is_read_and_every_key_that_is_read_is_documented() {
    let leaves =
        sources::merge(&sources(&example(), &[]), &types().keys().map(String::as_str).collect())
            .expect("TOML");
    let mut reader = Reader::new(leaves, &files);
    Config::read(&mut reader, &types()).expect("the manual's examples are valid");
    assert_eq!(reader.errors, []);
    assert_eq!(reader.asked, keys::KEYS.iter().map(|key| key.path).collect());
}

#[test]
fn the_manual_shows_the_defaults_of_keys_in_sections_that_users_name() {
    let examples = values(&example());
    let mut found = Vec::new();
    paths(&examples, &[], &mut found);
    let mut checked = 0;
    for path in found {
        let Some((key, _)) = key_of(&path) else { panic!("{path:?} is no key") };
        if let Some(default) = key.default {
            let value = path
                .iter()
                .try_fold(&Value::from(examples.clone()), |v, name| v.as_dict()?.get(name))
                .cloned();
            assert_eq!(value, sources::literal(default), "{}", key.path);
            checked += 1;
        }
    }
    assert_eq!(checked, keys::KEYS.iter().filter(|key| key.default.is_some()).count());
}

#[test]
fn every_key_stands_under_a_line_of_explanation() {
    let mut explained = false;
    for line in DEFAULT.lines() {
        let prose = line.starts_with("# ") || line == "#";
        if line.is_empty() {
            explained = false;
        } else if prose {
            explained = true;
        } else if !line.trim_start_matches('#').starts_with('[') {
            assert!(explained, "no explanation above: {line}");
        }
    }
}
