//! What an operator writes: a value, and a whole file.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use ulak::config::{Config, Sources, outside};

use crate::check::{PLANTED, one_line};
use crate::corpus;

pub(super) fn values() -> Vec<Vec<u8>> {
    corpus::texts(&[
        "90m",
        "1h30m",
        "6h",
        "none",
        "20:00-09:00",
        "24h,3d",
        "[\"24h\", \"3d\"]",
        "127.0.0.1:9464",
        "[::]:0",
        "Europe/Istanbul",
        "https://api.netgsm.com.tr/",
        "https://u:hunter2-Gizli@x/",
        "KLINIK",
        "100001",
        "true",
        "json",
        "8501234567",
        "99999999999999999999d",
    ])
}

/// One value, by every parser of values: what is said of it does not repeat it.
pub(super) fn value(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for said in outside::refused(&text) {
        one_line("what is allowed", &said);
        for planted in PLANTED {
            assert!(!said.contains(planted), "{said}");
        }
    }
    if let Some(duration) = outside::duration(&text) {
        assert_eq!(outside::duration(&format!("{}s", duration.as_secs())), Some(duration));
    }
}

/// A configuration file: each mistake is one line without a secret, and so is each value as it is shown.
pub(super) fn file(input: &[u8]) {
    let text = String::from_utf8_lossy(input).into_owned();
    let sources = Sources { file: Some((PathBuf::from("ulak.toml"), text)), env: BTreeMap::new() };
    let none = |_: &std::path::Path| Err(io::Error::from(io::ErrorKind::NotFound));
    match Config::load(&sources, &BTreeMap::new(), &none) {
        Ok(config) => {
            let shown = format!("{config:?} {:?}", config.values());
            assert!(!shown.contains(PLANTED[4]), "Debug of the configuration shows a secret");
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                let said = error.to_string();
                assert!(!said.contains('\n') && !said.contains('\r'), "{said:?}");
                assert!(repeats_its_own(&said) || !said.contains(PLANTED[4]), "{said}");
            }
        }
    }
}

/// A value that is not allowed is repeated where its key holds no secret: what was pasted there by mistake is repeated too, for
/// nobody can tell it from a misspelt one.
fn repeats_its_own(said: &str) -> bool {
    let key = said.split_once(' ').map_or("", |(key, _)| key);
    let holds_a_secret = ["url", "password", "key", "token", "secret"];
    key.contains('.')
        && !key.ends_with(".toml:")
        && !holds_a_secret.iter().any(|it| key.ends_with(it))
}
