//! Takes values out of the merged sources one by one, and remembers what was wrong, shown and left over.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use figment::value::Value;

use super::database;
use super::error::{ConfigError, Origin};
use super::keys::{self, Key, Kind};
use super::secret::Address;
use super::sources::{self, Leaf};

/// The error is on the reader's list already, or `Reader::finish` puts it there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported;

/// A value as `config show` prints it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The key, as written in the file.
    pub key: String,
    /// The value as JSON (`null`: not set); secrets are replaced, passwords in addresses masked.
    pub value: serde_json::Value,
    /// Where it came from.
    pub origin: Origin,
}

/// What stands for a secret in `config show`.
pub(super) const SECRET_IS_SET: &str = "(set)";

/// What a parser makes of a value, or the sentence that says what is allowed.
pub(super) type Parsed<T> = Result<T, String>;

/// Reads a secret's own file.
pub(super) type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

pub(super) struct Reader<'a> {
    leaves: BTreeMap<Vec<String>, Leaf>,
    /// Sections that were refused as a whole: their keys need no error of their own.
    refused: BTreeSet<Vec<String>>,
    read_file: ReadFile<'a>,
    /// The configuration file's folder: where a relative path of the default file begins.
    pub home: PathBuf,
    pub errors: Vec<ConfigError>,
    pub shown: Vec<Shown>,
    /// The key paths that were asked for: the manual is tested against them.
    pub asked: BTreeSet<&'static str>,
}

impl<'a> Reader<'a> {
    pub fn new(leaves: BTreeMap<Vec<String>, Leaf>, read_file: ReadFile<'a>) -> Self {
        Self {
            leaves,
            refused: BTreeSet::new(),
            read_file,
            home: PathBuf::new(),
            errors: Vec::new(),
            shown: Vec::new(),
            asked: BTreeSet::new(),
        }
    }

    /// The value of a key that always has one.
    pub fn required<T>(
        &mut self,
        key: &'static str,
        names: &[&str],
        parse: impl FnOnce(&Value) -> Parsed<T>,
    ) -> Result<T, Reported> {
        if let Some(value) = self.optional(key, names, parse)? {
            return Ok(value);
        }
        let path = bind(key, names);
        // A section written as a value, or the reverse, is said once, by `finish`.
        if self.leaves.keys().any(|leaf| leaf.starts_with(&path) || path.starts_with(leaf)) {
            return Err(Reported);
        }
        Err(self.refuse(&path, "is missing"))
    }

    /// The value of a key that may be unset. `names` replace the key's `<…>` segments in order.
    pub fn optional<T>(
        &mut self,
        key: &'static str,
        names: &[&str],
        parse: impl FnOnce(&Value) -> Parsed<T>,
    ) -> Result<Option<T>, Reported> {
        let path = bind(key, names);
        let Some(spec) = keys::find(key) else {
            return Err(self.refuse(&path, "is not in the list of keys; this is a bug in ulak"));
        };
        self.asked.insert(spec.path);
        let Some((path, leaf)) = self.find(spec, path)? else { return Ok(None) };
        match parse(&leaf.value) {
            Ok(value) => {
                self.show(spec, &path, Some(&leaf));
                Ok(Some(value))
            }
            Err(allowed) => {
                let what = match spec.kind {
                    Kind::Plain => preview(&leaf.value),
                    Kind::Secret | Kind::Address | Kind::Service => "the value".to_owned(),
                };
                Err(self.fail(&path, leaf.origin, &format!("{what} is not allowed; use {allowed}")))
            }
        }
    }

    /// The names that the user chose below a section, such as the clinics' ids.
    pub fn names(&self, section: &[&str]) -> Vec<String> {
        let mut names: Vec<String> = self
            .leaves
            .keys()
            .filter(|path| {
                path.len() > section.len() && path.iter().zip(section).all(|(a, b)| a == b)
            })
            .map(|path| path[section.len()].clone())
            .collect();
        names.dedup();
        names
    }

    /// Refuses a whole section once, instead of each key in it.
    pub fn refuse_section(&mut self, section: &[&str], problem: &str) -> Reported {
        let path: Vec<String> = section.iter().map(|s| (*s).to_owned()).collect();
        let below: Vec<_> =
            self.leaves.keys().filter(|key| key.starts_with(&path)).cloned().collect();
        let origin = below.first().map_or(Origin::Unset, |key| self.leaves[key].origin.clone());
        self.refused.extend(below);
        self.fail(&path, origin, problem)
    }

    /// Puts an error about a value that was read on the list.
    pub fn refuse_key(&mut self, key: &'static str, names: &[&str], problem: &str) -> Reported {
        self.refuse(&bind(key, names), problem)
    }

    /// Where a key's value came from.
    pub fn origin(&self, key: &'static str, names: &[&str]) -> Origin {
        let path = bind(key, names);
        let own = self.leaves.get(&path);
        let twin = self.leaves.get(&twin_of(&path));
        // a file of its own replaces a default, as in `find`
        let leaf = own.filter(|own| twin.is_none() || own.origin != Origin::Default).or(twin);
        match leaf {
            Some(leaf) => leaf.origin.clone(),
            None if keys::find(key).is_some_and(|spec| spec.default.is_some()) => Origin::Default,
            None => Origin::Unset,
        }
    }

    /// A path in a value: relative to the file that names it (a default: to the configuration file), else to the working
    /// directory.
    pub fn beside(&self, key: &'static str, names: &[&str], path: &Path) -> PathBuf {
        match self.origin(key, names) {
            Origin::Default => self.home.join(path),
            origin => resolve(&origin, path),
        }
    }

    /// Ends the reading: everything that is no key is an error.
    pub fn finish(&mut self) {
        let unknown: Vec<_> = self
            .leaves
            .iter()
            .filter(|(path, leaf)| !self.refused.contains(*path) && !is_known(path, &leaf.value))
            .map(|(path, leaf)| (path.clone(), leaf.origin.clone()))
            .collect();
        for (path, origin) in unknown {
            let problem = if fits_a_key(&path, true) {
                "is a section and takes no value of its own".to_owned()
            } else {
                format!("is no known key; the nearest is {}", keys::nearest(&path))
            };
            self.errors.push(ConfigError::new(display(&path), origin, problem));
        }
    }

    /// The leaf that gives a key its value: the key's own, its twin's file, or its default.
    fn find(
        &mut self,
        spec: &Key,
        path: Vec<String>,
    ) -> Result<Option<(Vec<String>, Leaf)>, Reported> {
        let own = self.leaves.get(&path).cloned();
        let twin = twin_of(&path);
        let file = if spec.has_twin() { self.leaves.get(&twin).cloned() } else { None };
        match (own, file) {
            (Some(own), Some(file)) if own.origin != Origin::Default => {
                let problem = format!(
                    "is given twice, also as {} ({}); keep one",
                    display(&twin),
                    file.origin
                );
                Err(self.fail(&path, own.origin, &problem))
            }
            (_, Some(file)) => self.read_twin(twin, &file).map(Some),
            (Some(own), None) => Ok(Some((path, own))),
            (None, None) => {
                let default = spec.default.and_then(sources::literal);
                if default.is_none() && spec.default.is_none() {
                    self.show(spec, &path, None);
                }
                Ok(default.map(|value| (path, Leaf { value, origin: Origin::Default })))
            }
        }
    }

    fn read_twin(
        &mut self,
        twin: Vec<String>,
        file: &Leaf,
    ) -> Result<(Vec<String>, Leaf), Reported> {
        let Some(named) = file.value.as_str().filter(|text| !text.trim().is_empty()) else {
            return Err(self.fail(
                &twin,
                file.origin.clone(),
                "the value is not allowed; use the path of a file",
            ));
        };
        let at = resolve(&file.origin, Path::new(named));
        match (self.read_file)(&at) {
            Ok(text) => {
                // Editors and `echo` end a file with a line break that is no part of the secret.
                let value = Value::from(text.trim_end_matches(['\r', '\n']));
                Ok((twin, Leaf { value, origin: file.origin.clone() }))
            }
            Err(e) => {
                let problem = format!(
                    "{} cannot be read: {e}; use the path of a readable file",
                    at.display()
                );
                Err(self.fail(&twin, file.origin.clone(), &problem))
            }
        }
    }

    fn show(&mut self, spec: &Key, path: &[String], leaf: Option<&Leaf>) {
        let value = match (leaf, spec.kind) {
            (None, _) => serde_json::Value::Null,
            (Some(_), Kind::Secret) => SECRET_IS_SET.into(),
            (Some(leaf), Kind::Address) => {
                leaf.value.as_str().map_or_else(|| SECRET_IS_SET.into(), masked)
            }
            (Some(leaf), Kind::Plain | Kind::Service) => {
                serde_json::to_value(&leaf.value).unwrap_or_default()
            }
        };
        let origin = leaf.map_or(Origin::Unset, |leaf| leaf.origin.clone());
        self.shown.push(Shown { key: display(path), value, origin });
    }

    fn refuse(&mut self, path: &[String], problem: &str) -> Reported {
        let origin = match self.leaves.get(path).or_else(|| self.leaves.get(&twin_of(path))) {
            Some(leaf) => leaf.origin.clone(),
            None => Origin::Unset,
        };
        self.fail(path, origin, problem)
    }

    fn fail(&mut self, path: &[String], origin: Origin, problem: &str) -> Reported {
        self.errors.push(ConfigError::new(display(path), origin, problem));
        Reported
    }
}

/// A key, or a section that is there but empty.
fn is_known(path: &[String], value: &Value) -> bool {
    fits_a_key(path, false)
        || (value.as_dict().is_some_and(BTreeMap::is_empty) && fits_a_key(path, true))
}

/// Whether a key has this path, or (`as_section`) begins with it.
fn fits_a_key(path: &[String], as_section: bool) -> bool {
    keys::writable().any(|(_, key)| {
        let segments: Vec<&str> = key.split('.').collect();
        let length =
            if as_section { segments.len() > path.len() } else { segments.len() == path.len() };
        length
            && segments
                .iter()
                .zip(path)
                .all(|(segment, name)| keys::is_name(segment) || segment == name)
    })
}

/// Any text that is not an address (`none`) holds no password.
fn masked(text: &str) -> serde_json::Value {
    if database::file(text).is_ok_and(|file| file.is_some()) {
        return text.into();
    }
    let scheme = text.split(':').next().unwrap_or_default();
    match Address::parse(text, &[scheme]) {
        Ok(address) => address.to_string().into(),
        Err(_) if text.contains("://") => SECRET_IS_SET.into(),
        Err(_) => text.into(),
    }
}

fn resolve(origin: &Origin, path: &Path) -> PathBuf {
    match origin {
        Origin::File(file) => {
            file.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))
        }
        Origin::Default | Origin::Env(_) | Origin::Unset => path.to_owned(),
    }
}

fn twin_of(path: &[String]) -> Vec<String> {
    let mut twin = path.to_vec();
    if let Some(last) = twin.last_mut() {
        last.push_str("_file");
    }
    twin
}

fn bind(key: &str, names: &[&str]) -> Vec<String> {
    let mut names = names.iter();
    key.split('.')
        .map(|segment| {
            if keys::is_name(segment) { names.next().unwrap_or(&segment) } else { &segment }
                .to_string()
        })
        .collect()
}

/// A path as it is written in TOML.
pub(super) fn display(path: &[String]) -> String {
    path.iter()
        .map(|segment| {
            let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if !segment.is_empty() && segment.chars().all(bare) {
                segment.clone()
            } else {
                format!("\"{}\"", segment.escape_debug())
            }
        })
        .collect::<Vec<_>>()
        .join(".")
}

/// A value in an error: short, and on one line.
fn preview(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = serde_json::to_string(value).unwrap_or_default();
    if text.chars().count() <= LONGEST {
        return text;
    }
    format!("{}…", text.chars().take(LONGEST).collect::<String>())
}
