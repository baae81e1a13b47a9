//! The configuration as a whole: its sources, its errors, its manual, its silence about secrets.

mod errors;
mod layers;
mod manual;
mod needs;
mod prices;
mod silence;
mod twilio;
mod whatsapp;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::{Config, ConfigError, ConsentRule, Sources, TypeRules};

/// Where the tests' file is said to be.
const FILE: &str = "/etc/ulak/ulak.toml";

/// A master key: 32 zero bytes.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// A complete configuration of one clinic.
const COMPLETE: &str = r#"
    [database]
    url = "postgres://ulak:pg-hunter@db/ulak"
    master_key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    [broker]
    url = "amqp://ulak:mq-hunter@mq/%2f"
    [providers.netgsm]
    username = 8501234567
    password = "netgsm-hunter"
    sender = "KLINIK"
    [providers.iys]
    username = "iys-user"
    password = "iys-hunter"
    iys_code = 100001
    brand_code = "100001"
    [clinics.atasehir]
    name = "Ataşehir Diş Kliniği"
"#;

fn types() -> TypeRules {
    ["ulak.appointment-reminder.v1", "ulak.payment-receipt.v1"]
        .into_iter()
        .map(|name| (name.to_owned(), ConsentRule::Required))
        .collect()
}

fn sources(file: &str, env: &[(&str, &str)]) -> Sources {
    Sources {
        file: Some((FILE.into(), file.to_owned())),
        env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    }
}

/// A file system with one secret in it.
fn files(path: &Path) -> io::Result<String> {
    match path.to_str() {
        Some("/run/secret") => Ok("from-a-file\n".to_owned()),
        Some("/etc/ulak/keys/master") => Ok(format!("{KEY}\r\n")),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    }
}

fn load(file: &str, env: &[(&str, &str)]) -> Result<Config, Vec<ConfigError>> {
    Config::load(&sources(file, env), &types(), &files)
}

/// The errors as a person reads them.
fn lines(file: &str, env: &[(&str, &str)]) -> Vec<String> {
    load(file, env).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// The only error there is.
fn line(file: &str, env: &[(&str, &str)]) -> String {
    let mut lines = lines(file, env);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    lines.remove(0)
}

fn shown(config: &Config) -> BTreeMap<String, (String, String)> {
    config
        .values()
        .iter()
        .map(|s| (s.key.clone(), (s.value.to_string(), s.origin.to_string())))
        .collect()
}
