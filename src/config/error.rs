//! What a person is told about a wrong setting: one line naming key, origin and what is allowed.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The default file that is built into the command.
    Default,
    /// The configuration file at this path.
    File(PathBuf),
    /// The environment variable of this name.
    Env(String),
    /// Nobody gave a value.
    Unset,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::Unset => f.write_str("not set"),
        }
    }
}

/// One thing that is wrong with the configuration.
///
/// `Display` is one line: `key (where from): what is wrong; what is allowed`. It never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} ({origin}): {problem}")]
pub struct ConfigError {
    /// The key as it is written in the file, such as `worker.in_flight`.
    pub key: String,
    /// Where its value came from.
    pub origin: Origin,
    /// What is wrong, and what is allowed.
    pub problem: String,
}

impl ConfigError {
    /// An error about `key`; line breaks in `problem` become spaces, so that it stays one line.
    pub fn new(key: impl Into<String>, origin: Origin, problem: impl AsRef<str>) -> Self {
        let problem = problem.as_ref().split_whitespace().collect::<Vec<_>>().join(" ");
        Self { key: key.into(), origin, problem }
    }
}
