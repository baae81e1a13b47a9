//! The file of a SQLite ledger: whether it keeps what it is told, and how much more it can take.

use std::io;
use std::path::Path;

use ledger::server::{Server, StoreFile};

use super::Finding;

const MIB: u64 = 1_024 * 1_024;
/// Less room than this is soon used up: a message takes about 3 kB (DESIGN §6).
const ROOM_WARN: u64 = 1_024 * MIB;
/// Less room than this is no room: SQLite's log alone may need as much.
const ROOM_FAIL: u64 = 64 * MIB;
/// A file of `database.max_mib` that is fuller than this, percent, is said.
const FULL_WARN: u64 = 80;

/// What can be said about the file. `limited`: `database.max_mib` is set.
pub(super) fn findings(server: &Server, file: &StoreFile, limited: bool) -> Vec<Finding> {
    let mut findings = vec![kept(server, file), disk(&file.path, free(&file.path))];
    if limited {
        findings.push(limit(file));
    }
    findings
}

fn kept(server: &Server, file: &StoreFile) -> Finding {
    let name = format!(
        "SQLite {}, schema {}, {} ({})",
        server.version,
        server.schema,
        file.path.display(),
        size(file.bytes.unsigned_abs())
    );
    if !server.writable {
        return Finding::fail(
            "database",
            format!("{name}: it cannot be written to"),
            "give this user the right to write the file and its folder: SQLite keeps its log beside it",
        );
    }
    if !file.wal || !file.synchronous_full {
        let journal = if file.wal { "WAL" } else { "no WAL" };
        let commits = if file.synchronous_full { "FULL" } else { "not FULL" };
        return Finding::fail(
            "database",
            format!(
                "{name}: journal {journal}, synchronous {commits}: a power cut would forget what was sent"
            ),
            "put the file on a disk of this machine: network folders cannot do this",
        );
    }
    Finding::ok(
        "database",
        format!(
            "{name}, writable, commits are durable (WAL, synchronous=FULL), the master key is the ledger's"
        ),
    )
}

/// Bytes that this user may still write to the disk of `path`.
fn free(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn disk(path: &Path, free: io::Result<u64>) -> Finding {
    let free = match free {
        Ok(free) => free,
        Err(error) => {
            let said = format!("free space beside {} is not told: {error}", path.display());
            return Finding::warn("disk", said, "look with `df` whether there is room");
        }
    };
    let said = format!("{} free beside {}", size(free), path.display());
    let todo = "make room: when the disk is full nothing more is accepted or sent, and what is there stays whole";
    match free {
        ..ROOM_FAIL => Finding::fail("disk", said, todo),
        ROOM_FAIL..ROOM_WARN => Finding::warn("disk", said, todo),
        _ => Finding::ok("disk", said),
    }
}

/// How much of `database.max_mib` the file has.
fn limit(file: &StoreFile) -> Finding {
    let (used, most) = (file.bytes.unsigned_abs(), file.most_bytes.unsigned_abs());
    let percent = used.saturating_mul(100).checked_div(most).unwrap_or(100);
    let said = format!("{percent} % of database.max_mib: {} of {}", size(used), size(most));
    if percent < FULL_WARN {
        return Finding::ok("limit", said);
    }
    let todo = "raise database.max_mib: when the file is full nothing more is accepted or sent";
    Finding::warn("limit", said, todo)
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    match bytes / MIB {
        mib @ 10_240.. => format!("{} GiB", mib / 1_024),
        mib @ 1.. => format!("{mib} MiB"),
        0 => format!("{} KiB", bytes.div_ceil(1_024)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;
    use ledger::Engine;

    fn server() -> (Server, StoreFile) {
        let file = StoreFile {
            path: "/var/lib/ulak/ulak.db".into(),
            bytes: 79 * 1_024 * 1_024,
            most_bytes: 100 * 1_024 * 1_024,
            wal: true,
            synchronous_full: true,
        };
        let server = Server {
            engine: Engine::Sqlite,
            version: "3.50.2".to_owned(),
            schema: "1".to_owned(),
            writable: true,
            standby: false,
            followers: 0,
            synchronous: false,
            file: Some(file.clone()),
        };
        (server, file)
    }

    #[test]
    fn a_file_that_keeps_what_it_is_told_is_named_with_its_size() {
        let (server, file) = server();
        let found = kept(&server, &file);
        assert_eq!(found.status, Status::Ok);
        assert!(found.said.starts_with("SQLite 3.50.2, schema 1, /var/lib/ulak/ulak.db (79 MiB)"));
    }

    #[test]
    fn a_file_that_cannot_be_written_or_would_forget_fails() {
        let (server, file) = server();
        let shut = Server { writable: false, ..server.clone() };
        let forgetful = [
            StoreFile { wal: false, ..file.clone() },
            StoreFile { synchronous_full: false, ..file.clone() },
        ];
        assert_eq!(kept(&shut, &file).status, Status::Fail);
        assert!(forgetful.iter().all(|file| kept(&server, file).status == Status::Fail));
    }

    #[test]
    fn room_warns_before_it_fails() {
        let path = Path::new("/x");
        let status = |free| disk(path, free).status;
        assert_eq!(status(Ok(2_048 * MIB)), Status::Ok);
        assert_eq!(status(Ok(ROOM_WARN - 1)), Status::Warn);
        assert_eq!(status(Ok(ROOM_FAIL - 1)), Status::Fail);
        assert_eq!(status(Err(io::Error::from(io::ErrorKind::NotFound))), Status::Warn);
        let folder = tempfile::tempdir().expect("temporary folder");
        assert!(free(folder.path()).expect("a disk") > 0);
    }

    #[test]
    fn a_limited_file_warns_when_it_is_nearly_full() {
        let (_, file) = server();
        assert_eq!(limit(&file).said, "79 % of database.max_mib: 79 MiB of 100 MiB");
        assert_eq!(limit(&file).status, Status::Ok);
        let fuller = StoreFile { bytes: 80 * 1_024 * 1_024, ..file };
        assert_eq!(limit(&fuller).status, Status::Warn);
    }

    #[test]
    fn sizes_are_written_for_people() {
        let sizes = [1, 5_000, 3 * MIB, 10_239 * MIB, 10_240 * MIB].map(size);
        assert_eq!(sizes, ["1 KiB", "5 KiB", "3 MiB", "10239 MiB", "10 GiB"]);
    }
}
