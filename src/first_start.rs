//! The first start of `ulak up`: where no configuration is found it writes one, with a master key, and says what to fill in.
//!
//! Nothing that exists is ever overwritten, and no key is made for a database that has one already: it would open nothing.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use data_encoding::BASE64;
use schemas::Registry;
use zeroize::Zeroizing;

use crate::cli::Global;
use crate::commands::{self, Failure, Settings, say};
use crate::config::{Config, ConfigError, FILE_IN_PLACE, Origin, Sources};

/// What is written: only what a clinic must fill in, all of it commented out.
const TEMPLATE: &str = include_str!("first_start/ulak.toml");
/// The key's file, beside the configuration; the template names it.
const KEY_FILE: &str = "ulak.key";

/// What a start found.
pub enum Found {
    /// Neither a configuration file nor a configuration in the environment.
    Nothing(Place),
    /// A configuration, right or wrong.
    Configured(Sources),
}

/// Where a first configuration goes.
pub struct Place {
    file: PathBuf,
    sources: Sources,
}

/// Looks whether there is a configuration: the file that somebody named, else `./ulak.toml`, else an environment that names a clinic
/// or a master key (a container needs no file).
///
/// # Errors
/// A file that is there and cannot be read, or an environment that is wrong.
pub fn look(global: &Global) -> Result<Found, Failure> {
    let wrong = |error| Failure::Config(vec![error]);
    let env = commands::environment().map_err(wrong)?;
    let named = commands::named(global, &env);
    let file = named.clone().unwrap_or_else(|| FILE_IN_PLACE.into());
    let is_missing =
        std::fs::metadata(&file).is_err_and(|error| error.kind() == ErrorKind::NotFound);
    if is_missing {
        let sources = Sources { file: None, env: env.clone() };
        let config = Settings::from_sources(&sources)?.config;
        if config.clinics.is_empty() && config.database.master_key.is_none() {
            return Ok(Found::Nothing(Place { file, sources }));
        }
    }
    Sources::read(named.as_deref(), env).map(Found::Configured).map_err(wrong)
}

impl Place {
    /// Writes configuration and key, and says what to do next.
    ///
    /// # Errors
    /// The folder is not there or takes no files; the database is there and its key is not.
    pub fn write(self, json: bool) -> Result<(), Failure> {
        let (file, key) = (self.file.clone(), beside(&self.file, KEY_FILE));
        let has_key = exists(&key);
        let told = Sources { file: Some((self.file, TEMPLATE.to_owned())), env: self.sources.env };
        if let Some(database) = database_of(&told).filter(|database| !has_key && exists(database)) {
            let problem = format!(
                "{} is there and its key {} is not; {}; to begin anew move the database away",
                database.display(),
                key.display(),
                bring_back()
            );
            let origin = Origin::File(file);
            let error = ConfigError::new("database.master_key_file", origin, problem);
            return Err(Failure::Config(vec![error]));
        }
        if !has_key {
            write_new(&key, &new_key()?).map_err(|error| cannot_write(&key, &error))?;
        }
        if let Err(error) = write_new(&file, TEMPLATE.as_bytes()) {
            if !has_key {
                // made a moment ago, for nobody
                let _ = std::fs::remove_file(&key);
            }
            return Err(cannot_write(&file, &error));
        }
        Ok(tell(&file, &key, has_key, json)?)
    }
}

/// Adds to an incomplete configuration what a person must know about the key before making one.
pub fn explain(failure: Failure, sources: &Sources) -> Failure {
    let Failure::Config(mut errors) = failure else { return failure };
    let of_key = |error: &&mut ConfigError| error.key.starts_with("database.master_key");
    if let Some(error) = errors.iter_mut().find(of_key) {
        let database = database_of(sources).filter(|database| exists(database));
        let more = match database {
            Some(database) => {
                format!("{} was made with a key: {}", database.display(), bring_back())
            }
            None => format!(
                "for a new database: `(umask 077; openssl rand -base64 32 > {KEY_FILE})`, and master_key_file = \"{KEY_FILE}\" under [database]"
            ),
        };
        error.problem = format!("{}; {more}", error.problem);
    }
    Failure::Config(errors)
}

fn bring_back() -> &'static str {
    "bring that key back from its copy, a new one opens nothing of it"
}

/// The SQLite file that a configuration means, whether its key can be read or not.
fn database_of(sources: &Sources) -> Option<PathBuf> {
    let registry = Registry::embedded().ok()?;
    let types = registry.types().map(|t| (t.name.clone(), t.policy.consent)).collect();
    let read_file = |path: &Path| {
        // some key stands in for the one that is not there: only the path is asked for
        std::fs::read_to_string(path).or_else(|_| Ok(BASE64.encode(&[0; 32])))
    };
    Config::load(sources, &types, &read_file).ok()?.database.file
}

/// 32 random bytes as base64, one line.
fn new_key() -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(key.as_mut_slice())
        .map_err(|error| anyhow!("the system gives no random bytes: {error}"))?;
    Ok(Zeroizing::new(format!("{}\n", BASE64.encode(key.as_slice())).into_bytes()))
}

/// Writes a file for its owner alone, durably or not at all; never one that exists.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // half a key is worse than none
        let _ = std::fs::remove_file(path);
    } else if let Ok(folder) = File::open(beside(path, ".")) {
        // where a folder cannot be made durable, the file is there all the same unless the power fails now
        let _ = folder.sync_all();
    }
    written
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let todo = match error.kind() {
        ErrorKind::NotFound => "make its folder",
        ErrorKind::AlreadyExists => "it appeared a moment ago: start again",
        ErrorKind::StorageFull => "make room on the disk",
        _ => {
            "start `ulak up` in a folder that this user may write in, or name a file with --config"
        }
    };
    let problem = format!("cannot be written: {error}; {todo}");
    let origin = Origin::File(path.to_owned());
    Failure::Config(vec![ConfigError::new("configuration file", origin, problem)])
}

fn beside(file: &Path, name: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(name)
}

/// Also a link that leads nowhere: writing would follow it.
fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// What was done, and what is to be done, step by step.
fn tell(file: &Path, key: &Path, had_key: bool, json: bool) -> io::Result<()> {
    let option = if file == Path::new(FILE_IN_PLACE) {
        String::new()
    } else {
        format!(" --config {}", file.display())
    };
    let steps = [
        format!(
            "Open {} and fill in your clinic, your Netgsm account, and who is asked for consent.",
            file.display()
        ),
        format!(
            "Keep a copy of {} somewhere else: without it nothing that is stored can be read again.",
            key.display()
        ),
        format!("`ulak{option} config check --for up` says what is still missing."),
        format!("`ulak{option} doctor` asks whether the accounts work; nothing is sent."),
        format!("`ulak{option} up` begins; events come in by HTTP, or by `ulak publish`."),
        format!(
            "`ulak{option} token create --help`: how your clinic's system gets its password for HTTP."
        ),
    ];
    if json {
        return say(serde_json::json!({
            "configuration": file.display().to_string(),
            "master_key": key.display().to_string(),
            "made_key": !had_key,
            "next": steps,
        }));
    }
    say(format_args!("No configuration was found, so this is the first start. Written:"))?;
    say(format_args!("  {}  the configuration", file.display()))?;
    let made = if had_key { "the master key, which was there already" } else { "the master key" };
    say(format_args!("  {}  {made}", key.display()))?;
    say("\nWhat to do next:")?;
    for (index, step) in steps.iter().enumerate() {
        say(format_args!("  {}. {step}", index + 1))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
