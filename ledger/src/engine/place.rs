//! Whether the file that is open is still the one at its path. SQLite goes on writing into a file that was removed or replaced, and
//! commits into it are gone with the process that holds it open.

use crate::error::LedgerError;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file at its path, as it was when it was opened.
#[derive(Debug, Clone)]
pub(super) struct OpenFile(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    /// Device and number of the file on it: together nothing else has them while it is open.
    identity: (u64, u64),
}

impl OpenFile {
    /// Remembers which file is at `path`; taken before SQLite opens it.
    ///
    /// # Errors
    /// Nobody can tell: the file is not there.
    pub fn at(path: &Path) -> Result<Self, LedgerError> {
        match std::fs::metadata(path) {
            Ok(there) => {
                Ok(Self(Arc::new(Opened { path: path.to_owned(), identity: identity(&there) })))
            }
            Err(error) => Err(LedgerError::Away(unseen(path, &error))),
        }
    }

    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// One `stat`, a microsecond or two beside a commit's milliseconds: asked before and after each of them.
    ///
    /// # Errors
    /// [`LedgerError::Away`]: what is written now would be lost. Should the same file come back to its path, all is well again.
    pub fn is_in_place(&self) -> Result<(), LedgerError> {
        let path = self.path();
        let line = match std::fs::metadata(path) {
            Ok(there) if identity(&there) == self.0.identity => return Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => unseen(path, &error),
            Ok(_) | Err(_) => format!(
                "{} was removed or replaced while it was open: stop, put it back, start",
                path.display()
            ),
        };
        Err(LedgerError::Away(line))
    }

    /// Whether the disk has room for so many bytes. What cannot be asked about is believed to have it: a commit will tell.
    ///
    /// SQLite's log keeps its length when it is begun anew, so small commits pass for a while on a disk that is full.
    pub fn has_room(&self, bytes: u64) -> bool {
        let Ok(disk) = rustix::fs::statvfs(self.path()) else { return true };
        if disk.f_blocks == 0 {
            // a file system that does not say how large it is
            return true;
        }
        // what a file system reserves for root is root's
        let is_root = rustix::process::geteuid().is_root();
        let blocks = if is_root { disk.f_bfree } else { disk.f_bavail };
        blocks.saturating_mul(disk.f_frsize) >= bytes
    }
}

fn identity(there: &Metadata) -> (u64, u64) {
    (there.dev(), there.ino())
}

fn unseen(path: &Path, error: &io::Error) -> String {
    format!("{} cannot be looked at: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_moved_or_replaced_is_missed_and_the_same_file_is_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("ulak.db"), folder.path().join("aside.db"));
        std::fs::write(&path, "x").unwrap();
        let open = OpenFile::at(&path).unwrap();
        open.is_in_place().unwrap();
        std::fs::rename(&path, &aside).unwrap();
        let says_gone = |result: Result<(), LedgerError>| {
            let error = result.unwrap_err();
            assert!(matches!(error, LedgerError::Away(_)), "{error:?}");
            assert!(error.to_string().contains("ulak.db was removed or replaced"), "{error}");
        };
        says_gone(open.is_in_place());
        std::fs::copy(&aside, &path).unwrap();
        says_gone(open.is_in_place());
        std::fs::rename(&aside, &path).unwrap();
        open.is_in_place().unwrap();
    }
}
