//! `[database]`: PostgreSQL by its address, or one SQLite file by its path.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use super::reader::{Parsed, Reader, Reported};
use super::secret::{Address, MasterKey};
use super::values;

/// `[database]`
#[derive(Debug, Clone)]
pub struct Database {
    /// Where the ledger is: `postgres://…`, or `sqlite://FILE` with the whole path of the file.
    pub url: Address,
    /// The SQLite file; `None`: PostgreSQL.
    pub file: Option<PathBuf>,
    /// MiB that the SQLite file never grows beyond; `None`: no limit.
    pub max_mib: Option<NonZeroU32>,
    /// The key that wraps all other keys. Commands that open or seal personal data need it.
    pub master_key: Option<MasterKey>,
}

/// Address schemes of PostgreSQL.
const POSTGRES: [&str; 2] = ["postgres", "postgresql"];

/// What every SQLite address begins with.
const SQLITE: &str = "sqlite://";

/// What is allowed, for an error.
const ALLOWED: &str =
    "sqlite://FILE with the path of one file, without ? # %; or postgres://USER@HOST/DATABASE";

/// The largest limit of a SQLite file, MiB: 16 TiB.
const MAX_MIB: u32 = 16 * 1_024 * 1_024;

/// What stands in `database.url`.
enum Place {
    File(String),
    Server(Address),
}

pub(super) fn read(r: &mut Reader<'_>) -> Result<Database, Reported> {
    let place = r.required("database.url", &[], |value| place(value.as_str().unwrap_or_default()));
    let max_mib = r.optional("database.max_mib", &[], values::limit(MAX_MIB));
    let master_key = r.optional("database.master_key", &[], |value| {
        let key = value.as_str().and_then(MasterKey::parse);
        key.ok_or_else(|| {
            "exactly 32 random bytes as base64, such as `openssl rand -base64 32` prints".to_owned()
        })
    });
    let (url, file) = match place? {
        Place::Server(url) => (url, None),
        Place::File(path) => {
            let file = r.beside("database.url", &[], Path::new(&path));
            let Some(whole) = file.to_str() else {
                let problem = "lies in a folder whose name is not UTF-8; use another folder";
                return Err(r.refuse_key("database.url", &[], problem));
            };
            (Address::of_file(SQLITE, whole), Some(file))
        }
    };
    let max_mib = max_mib?.flatten();
    if max_mib.is_some() && file.is_none() {
        let problem = "is a limit of a SQLite file, and database.url is PostgreSQL; remove it";
        return Err(r.refuse_key("database.max_mib", &[], problem));
    }
    Ok(Database { url, file, max_mib, master_key: master_key? })
}

fn place(text: &str) -> Parsed<Place> {
    match file(text)? {
        Some(path) => Ok(Place::File(path.to_owned())),
        None => Address::parse(text, &POSTGRES)
            .map(Place::Server)
            .map_err(|allowed| format!("{allowed}, or sqlite://FILE")),
    }
}

impl Database {
    /// Reads an address that stands on a command line, with the file if it names one, seen from the working directory.
    ///
    /// # Errors
    /// What is allowed.
    pub fn address(text: &str) -> Result<(Address, Option<PathBuf>), String> {
        Ok(match place(text)? {
            Place::Server(url) => (url, None),
            Place::File(path) => (Address::of_file(SQLITE, &path), Some(path.into())),
        })
    }
}

/// The path in a SQLite address; `None`: it is the address of something else. Parameters are refused, and what only an escape could
/// write: the ledger sets a database up by itself, and every part of it reads the same path. What is not there after the
/// process (`:memory:`) keeps no promise.
pub(super) fn file(text: &str) -> Parsed<Option<&str>> {
    let text = text.trim();
    let Some(path) = text.strip_prefix(SQLITE) else {
        return if text.starts_with("sqlite:") { Err(ALLOWED.to_owned()) } else { Ok(None) };
    };
    let odd = |c: char| c.is_control() || "?#%".contains(c);
    // the address of a server under the wrong scheme: its password is no part of a path that may be shown
    let has_login = path
        .split('/')
        .next()
        .and_then(|host| host.split_once('@'))
        .is_some_and(|(user, _)| user.contains(':'));
    let names_a_file = !path.ends_with('/') && Path::new(path).file_name().is_some();
    if path.starts_with(':') || has_login || !names_a_file || path.contains(odd) {
        return Err(ALLOWED.to_owned());
    }
    Ok(Some(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_address_names_one_file_and_nothing_else() {
        for (text, path) in [
            ("sqlite://ulak.db", "ulak.db"),
            ("sqlite:///var/lib/ulak/Klinik Verisi.db", "/var/lib/ulak/Klinik Verisi.db"),
            ("sqlite://../data/ulak.db", "../data/ulak.db"),
            ("sqlite:///home/ayse@klinik/ulak.db", "/home/ayse@klinik/ulak.db"),
            (" sqlite://ulak.db ", "ulak.db"),
        ] {
            assert_eq!(file(text), Ok(Some(path)), "{text}");
        }
        for wrong in [
            "sqlite:",
            "sqlite://",
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite:ulak.db",
            "sqlite://ulak.db?mode=rwc",
            "sqlite://ulak.db#x",
            "sqlite://ulak%2Edb",
            "sqlite:///var/lib/ulak/",
            "sqlite://..",
            "sqlite://ulak:hunter2@db/ulak",
            "sqlite://a\nb",
        ] {
            let problem = file(wrong).expect_err(wrong);
            assert!(problem.contains("sqlite://FILE") && !problem.contains("hunter2"), "{problem}");
        }
        assert_eq!(file("postgres://db/ulak"), Ok(None));
    }
}
