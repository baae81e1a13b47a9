//! The three places a value may come from, laid over each other: default file, file, environment.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use figment::providers::Format as _;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::error::{ConfigError, Origin};
use super::keys;

/// The default file: every key with its default and its meaning. It is the manual.
pub const DEFAULT: &str = include_str!("default.toml");

/// The variable that names the configuration file.
pub const FILE_VARIABLE: &str = "ULAK_CONFIG";

/// The file that is read when none is named and it exists.
pub const FILE_IN_PLACE: &str = "ulak.toml";

const PREFIX: &str = "ULAK_";

/// All that a configuration is made of, read already: what `Config::load` makes of it depends on nothing else,
/// except for the secrets' own files.
#[derive(Default)]
pub struct Sources {
    /// The configuration file's path and text.
    pub file: Option<(PathBuf, String)>,
    /// The environment, all of it.
    pub env: BTreeMap<String, String>,
}

impl Sources {
    /// Reads the file named by `--config` or `ULAK_CONFIG` (`named`), else `./ulak.toml` if it exists.
    ///
    /// # Errors
    /// The named file cannot be read, or is not UTF-8.
    pub fn read(named: Option<&Path>, env: BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let path = named.unwrap_or(Path::new(FILE_IN_PLACE));
        let file = match std::fs::read_to_string(path) {
            Ok(text) => Some((path.to_owned(), text)),
            Err(e) if named.is_none() && e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => {
                let problem = format!(
                    "cannot be read: {e}; name a readable TOML file with --config or {FILE_VARIABLE}"
                );
                return Err(ConfigError::new(
                    "configuration file",
                    Origin::File(path.to_owned()),
                    problem,
                ));
            }
        };
        Ok(Self { file, env })
    }

    /// The configuration file's folder; the working directory where there is no file.
    pub(super) fn home(&self) -> PathBuf {
        self.file
            .as_ref()
            .and_then(|(path, _)| path.parent())
            .map(Path::to_owned)
            .unwrap_or_default()
    }
}

/// A value as it was found, with its place.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    pub value: Value,
    pub origin: Origin,
}

/// Every value of all sources by its path, the strongest source winning.
///
/// # Errors
/// TOML that cannot be read, and environment variables that look like a misspelt setting: all of them.
pub(super) fn merge(
    sources: &Sources,
    types: &BTreeSet<&str>,
) -> Result<BTreeMap<Vec<String>, Leaf>, Vec<ConfigError>> {
    let mut errors = contradictions(&sources.env);
    let mut figment = Figment::new();
    let mut accounts = BTreeSet::new();
    let files = std::iter::once((Origin::Default, DEFAULT))
        .chain(sources.file.iter().map(|(path, text)| (Origin::File(path.clone()), text.as_str())));
    for (origin, text) in files {
        match toml(text, &origin) {
            Ok(values) => {
                accounts.extend(account_names(&values));
                figment = figment.merge(Layer { origin, values });
            }
            Err(e) => errors.push(e),
        }
    }
    for (name, value) in &sources.env {
        match variable(name, value, &accounts, types) {
            Ok(None) => {}
            Ok(Some(path)) => {
                let values = nest(&path, Value::from(value.as_str()));
                figment = figment.merge(Layer { origin: Origin::Env(name.clone()), values });
            }
            Err(e) => errors.push(e),
        }
    }
    let mut leaves = BTreeMap::new();
    match figment.find_value("") {
        Ok(root) => flatten(&figment, root, &mut Vec::new(), &mut leaves),
        Err(e) => errors.push(ConfigError::new("configuration", Origin::Unset, e.kind.to_string())),
    }
    if errors.is_empty() { Ok(leaves) } else { Err(errors) }
}

/// One source as figment wants it; its metadata is our `Origin`.
struct Layer {
    origin: Origin,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        match &self.origin {
            Origin::File(path) => Metadata::from("file", path.as_path()),
            Origin::Env(name) => Metadata::from("environment", name.clone()),
            Origin::Default | Origin::Unset => Metadata::named("default"),
        }
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::default().collect(self.values.clone()))
    }
}

fn origin(metadata: Option<&Metadata>) -> Origin {
    match metadata.and_then(|m| m.source.as_ref()) {
        Some(figment::Source::File(path)) => Origin::File(path.clone()),
        Some(figment::Source::Custom(name)) => Origin::Env(name.clone()),
        _ => Origin::Default,
    }
}

/// TOML to values. The error tells line, column and rule, but never the line itself: it may hold a secret.
fn toml(text: &str, origin: &Origin) -> Result<Dict, ConfigError> {
    ::toml::from_str(text).map_err(|e| {
        let at = e.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let problem = format!("is not TOML: line {line}, column {column}: {}", e.message());
        ConfigError::new("configuration file", origin.clone(), problem)
    })
}

fn account_names(values: &Dict) -> Vec<String> {
    let Some(providers) = values.get("providers").and_then(Value::as_dict) else {
        return Vec::new();
    };
    providers
        .values()
        .filter_map(|provider| provider.find_ref("accounts").and_then(Value::as_dict))
        .flat_map(|accounts| accounts.keys().cloned())
        .collect()
}

/// The path that an environment variable sets; `None` if it is no setting.
///
/// Names that only look alike are left alone: Kubernetes sets `ULAK_SERVICE_HOST` for a service called `ulak`.
fn variable(
    name: &str,
    value: &str,
    accounts: &BTreeSet<String>,
    types: &BTreeSet<&str>,
) -> Result<Option<Vec<String>>, ConfigError> {
    if let Some(key) = alias_of(name) {
        // Compose files pass `NETGSM_PASSWORD=` where nothing is set.
        return Ok((!value.is_empty()).then(|| key.segments().map(str::to_owned).collect()));
    }
    let Some(rest) = name.strip_prefix(PREFIX) else { return Ok(None) };
    let written: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
    if written.len() > 1 {
        return Ok(Some(path_of(&written, accounts, types).unwrap_or(written)));
    }
    let plain = |text: &str| text.replace(['_', '.'], "");
    match keys::writable().find(|(_, path)| plain(path) == plain(&written[0])) {
        None => Ok(None),
        Some((_, path)) => {
            let right = path.replace('.', "__").to_ascii_uppercase();
            let problem = format!(
                "is no setting; use {PREFIX}{right} (two underscores between section and key)"
            );
            Err(ConfigError::new(name, Origin::Env(name.to_owned()), problem))
        }
    }
}

/// The key that users of a service already set by a variable of this name.
fn alias_of(name: &str) -> Option<&'static keys::Key> {
    keys::KEYS.iter().find(|key| key.aliases.contains(&name))
}

/// Two variables of a service that mean one key and disagree: nobody can tell which of them is old.
fn contradictions(env: &BTreeMap<String, String>) -> Vec<ConfigError> {
    let given = |name: &&str| env.get(*name).filter(|value| !value.is_empty());
    let mut errors = Vec::new();
    for key in keys::KEYS {
        let mut set = key.aliases.iter().filter(|name| given(name).is_some());
        let Some(first) = set.next() else { continue };
        errors.extend(set.filter(|name| given(name) != given(first)).map(|name| {
            let problem = format!("is given twice, also as {first} and differently; keep one");
            ConfigError::new(key.path, Origin::Env((*name).to_owned()), problem)
        }));
    }
    errors
}

/// The key that a variable's segments mean. A shell cannot write `-` or `.` in a variable's name, so `_` stands
/// for them in the names that users choose.
fn path_of(
    written: &[String],
    accounts: &BTreeSet<String>,
    types: &BTreeSet<&str>,
) -> Option<Vec<String>> {
    let shell = |name: &str| name.replace(['-', '.'], "_").to_ascii_lowercase();
    keys::writable().find_map(|(_, path)| {
        let segments: Vec<&str> = path.split('.').collect();
        if segments.len() != written.len() {
            return None;
        }
        segments
            .iter()
            .zip(written)
            .map(|(segment, text)| match *segment {
                "<id>" => Some(text.replace('_', "-")),
                "<acc>" => {
                    Some(accounts.iter().find(|a| shell(a) == shell(text)).unwrap_or(text).clone())
                }
                "<type>" => Some(
                    types
                        .iter()
                        .find(|t| shell(t) == shell(text))
                        .map_or_else(|| text.clone(), |t| (*t).to_owned()),
                ),
                "<name>" => Some(text.clone()),
                fixed => (fixed == text).then(|| text.clone()),
            })
            .collect()
    })
}

fn nest(path: &[String], value: Value) -> Dict {
    match path {
        [] => Dict::new(),
        [last] => Dict::from([(last.clone(), value)]),
        [first, rest @ ..] => Dict::from([(first.clone(), Value::from(nest(rest, value)))]),
    }
}

fn flatten(
    figment: &Figment,
    value: Value,
    path: &mut Vec<String>,
    leaves: &mut BTreeMap<Vec<String>, Leaf>,
) {
    match value {
        Value::Dict(_, dict) if !dict.is_empty() => {
            for (name, value) in dict {
                path.push(name);
                flatten(figment, value, path, leaves);
                path.pop();
            }
        }
        value if path.is_empty() => drop(value),
        value => {
            let origin = origin(figment.get_metadata(value.tag()));
            leaves.insert(joined(path), Leaf { value, origin });
        }
    }
}

/// `clinics.a.consent.ulak.payment-receipt.v1` without quotes is four tables deep in TOML: the type's name again.
fn joined(path: &[String]) -> Vec<String> {
    match path {
        [clinics, id, table, first, rest @ ..]
            if clinics == "clinics"
                && matches!(table.as_str(), "consent" | "consent_basis" | "fallback_after") =>
        {
            let name = std::iter::once(first)
                .chain(rest)
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(".");
            vec![clinics.clone(), id.clone(), table.clone(), name]
        }
        _ => path.to_vec(),
    }
}

/// One TOML literal, as the defaults in `keys` are written.
pub(super) fn literal(text: &str) -> Option<Value> {
    figment::providers::Toml::from_str::<Dict>(&format!("value = {text}")).ok()?.remove("value")
}
