//! One process works with a SQLite file: two would release the same rows.
//!
//! The lock is the operating system's, on `<file>.lock`: it ends with its process, however that ends. The file stays.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::commands::Failure;
use crate::config::{ConfigError, Origin};

/// The lock on a database file, held until this is dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "what holds the lock is the open file")] File);

impl Lock {
    /// Takes the lock on a database file.
    ///
    /// # Errors
    /// Another process holds it; the folder is not there or cannot be written.
    pub fn take(database: &Path) -> Result<Self, Failure> {
        let path = path_of(database);
        let mut file = open(&path).map_err(|error| cannot_open(database, &path, &error))?;
        match file.try_lock() {
            Ok(()) => {
                // for people only: the lock itself holds no matter what stands in the file
                let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
                Ok(Self(file))
            }
            Err(TryLockError::WouldBlock) => Err(anyhow!(
                "another `ulak up`{} works with {}; stop it first, or give this one a file of its own with database.url",
                holder(&mut file),
                database.display()
            )
            .into()),
            Err(TryLockError::Error(error)) => Err(anyhow!(
                "{} cannot be locked: {error}; database.url must be on a disk of this machine",
                path.display()
            )
            .into()),
        }
    }
}

/// Beside the file itself, not beside a link to it: one ledger has one lock.
fn path_of(database: &Path) -> PathBuf {
    let whole = database.canonicalize().or_else(|_| {
        // it is not there yet: its folder is what may be linked
        let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize()?;
        Ok::<_, io::Error>(folder.join(database.file_name().unwrap_or_default()))
    });
    let mut path = whole.map_or_else(|_| OsString::from(database), PathBuf::into_os_string);
    path.push(".lock");
    path.into()
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// ` (process 4711)`, if the holder has written that.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(20).read_to_string(&mut text));
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(process)) => format!(" (process {process})"),
        _ => String::new(),
    }
}

fn cannot_open(database: &Path, path: &Path, error: &io::Error) -> Failure {
    let (shown, folder) = (path.display(), database.parent().unwrap_or(Path::new("")).display());
    let wrong = |problem: String| {
        let origin = Origin::Unset;
        Failure::Config(vec![ConfigError::new("database.url", origin, problem)])
    };
    match error.kind() {
        ErrorKind::NotFound => {
            wrong(format!("the folder {folder} is not there; make it, or use another file"))
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => wrong(format!(
            "{shown} cannot be written; give this user the right to write in its folder, or use another file"
        )),
        _ => anyhow!("{shown} cannot be opened: {error}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_on_one_file_is_told_which_one_holds_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("ulak.db");
        let held = Lock::take(&database).expect("free");
        // the lock belongs to the open file, so one process can stand for two
        let line = Lock::take(&database).expect_err("held").lines().join("\n");
        let (file, process) = (database.display().to_string(), std::process::id().to_string());
        assert!(line.contains("another `ulak up`") && line.contains(&file), "{line}");
        assert!(line.contains(&format!("(process {process})")), "{line}");
        drop(held);
        Lock::take(&database).expect("free again, though the file is still there");
        Lock::take(&folder.path().join("other.db")).expect("another file is another lock");
    }

    #[test]
    fn a_link_to_the_file_has_the_same_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, link) = (folder.path().join("ulak.db"), folder.path().join("link.db"));
        std::fs::write(&database, "").expect("written");
        std::os::unix::fs::symlink(&database, &link).expect("a link");
        let held = Lock::take(&database).expect("free");
        assert!(Lock::take(&link).is_err());
        drop(held);
        let inside = folder.path().join("inside");
        std::os::unix::fs::symlink(folder.path(), &inside).expect("a link");
        let _held = Lock::take(&inside.join("new.db")).expect("free, and not there yet");
        assert!(Lock::take(&folder.path().join("new.db")).is_err());
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_wrong_configuration() {
        let folder = tempfile::tempdir().expect("a folder");
        let failure = Lock::take(&folder.path().join("none/ulak.db")).expect_err("no folder");
        assert!(matches!(&failure, Failure::Config(errors) if errors[0].key == "database.url"));
        assert!(failure.lines()[0].contains("is not there; make it"), "{:?}", failure.lines());
    }
}
