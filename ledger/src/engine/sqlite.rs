//! SQLite: one file, one writer, commits that a power cut does not forget (`facts/probes.md` §3).

use super::place::OpenFile;
use super::{query_as, scalar};
use crate::db::{Ledger, LedgerSettings};
use crate::error::LedgerError;
use crate::server::{Server, StoreFile};
use secrecy::ExposeSecret as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqlitePool};
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a write waits for another process's write.
const BUSY: Duration = Duration::from_secs(5);
/// Pause between two tries to set a connection up.
const AGAIN: Duration = Duration::from_millis(20);
/// How long a call waits for its turn at the one writing connection.
const TURN: Duration = Duration::from_secs(15);
/// Bytes of a page; SQLite's own default, fixed here because `database.max_mib` is counted in it.
const PAGE: u32 = 4_096;
/// Pages for which there must be room before work goes on after the file or the disk was full.
const ROOM: i64 = 64;
/// Connections that read.
const READERS: u32 = 4;

#[derive(Debug, Clone)]
pub(super) struct Pools {
    /// One connection: transactions of this process take turns and never meet.
    pub write: SqlitePool,
    pub read: SqlitePool,
    /// Where the ledger is, and which file that is.
    pub file: OpenFile,
}

impl Pools {
    pub async fn close(&self) {
        self.read.close().await;
        // the last to close writes the log back into the file
        self.write.close().await;
    }
}

/// The file that a `sqlite://` address names.
///
/// # Errors
/// The address names none, or a database in memory, which would forget everything.
pub fn file_of(url: &str) -> Result<PathBuf, LedgerError> {
    let path = url.strip_prefix("sqlite://").unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    if path.is_empty() || path.contains(":memory:") {
        let line = "database.url names no file; use sqlite://ulak.db".to_owned();
        return Err(LedgerError::Unsafe(line));
    }
    Ok(PathBuf::from(path))
}

pub(super) async fn connect(settings: &LedgerSettings, create: bool) -> Result<Pools, LedgerError> {
    let file = file_of(settings.url.expose_secret())?;
    make_file(&file, create)?;
    // before SQLite opens it: what replaces it from here on is noticed
    let opened = OpenFile::at(&file)?;
    let options = SqliteConnectOptions::new()
        .filename(&file)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .page_size(PAGE)
        // what is deleted, and above all what is erased, leaves no trace in free pages
        .pragma("secure_delete", "ON")
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", "-8192")
        .pragma("journal_size_limit", "67108864")
        // the disk's own cache is flushed too, where that is not what fsync does (macOS)
        .pragma("fullfsync", "ON")
        .pragma("checkpoint_fullfsync", "ON");
    let mut writing = options.clone();
    if let Some(mib) = settings.max_mib {
        let pages = u64::from(mib) * 1_024 * 1_024 / u64::from(PAGE);
        writing = writing.pragma("max_page_count", pages.to_string());
    }
    let pool = || {
        SqlitePoolOptions::new()
            .acquire_timeout(TURN)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            // after a failed write to the disk SQLite has taken the transaction back by itself, and the driver believes for ever
            // that it is in one: another connection then takes the place of this one
            .before_acquire(|connection, _| {
                let done = !connection.is_in_transaction();
                Box::pin(async move { Ok(done) })
            })
    };
    let until = Instant::now() + BUSY;
    let write = loop {
        let one = pool().min_connections(1).max_connections(1);
        match one.connect_with(writing.clone()).await {
            // the change of a new file to WAL is the one thing that SQLite does not wait for when another process makes it too
            Err(error) if result_code(&error) == Some(5) && Instant::now() < until => {
                tokio::time::sleep(AGAIN).await;
            }
            connected => break connected.map_err(|error| at(&file, error))?,
        }
    };
    check_writable(&write).await.map_err(|error| at(&file, error))?;
    let read = pool().max_connections(READERS).connect_lazy_with(options.read_only(true));
    opened.is_in_place()?;
    Ok(Pools { write, read, file: opened })
}

/// The file, made readable by its owner alone if it is made here.
fn make_file(file: &Path, create: bool) -> Result<(), LedgerError> {
    let shown = file.display();
    let wrong = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound if create => LedgerError::Unsafe(format!(
            "the folder of {shown} is not there; make it, or set database.url to another file"
        )),
        ErrorKind::NotFound => LedgerError::Schema(format!(
            "there is no ledger at {shown}: `ulak up` makes one, and so does `ulak migrate`"
        )),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => no_right(file),
        ErrorKind::StorageFull => LedgerError::Away(format!("the disk of {shown} is full")),
        _ => LedgerError::Unsafe(format!("{shown} cannot be opened: {error}")),
    };
    match std::fs::metadata(file) {
        Ok(there) if there.is_dir() => {
            let line = format!("{shown} is a folder; set database.url to a file");
            return Err(LedgerError::Unsafe(line));
        }
        // not opened, not even to look: whoever closes a file undoes all locks that his process has on it, those of other
        // connections too, and another process may then delete the log (sqlite.org/howtocorrupt.html §2.2)
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound && create => {}
        Err(error) => return Err(wrong(error)),
    }
    let mut open = OpenOptions::new();
    open.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    match open.open(file) {
        Ok(_) => Ok(()),
        // somebody else was faster
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(wrong(error)),
    }
}

/// SQLite opens a file that it may not write without a word, and refuses the first write, which this is; it is rolled back. That
/// somebody else writes just now proves enough.
async fn check_writable(write: &SqlitePool) -> Result<(), sqlx::Error> {
    let write = async {
        let mut tx = write.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("PRAGMA user_version = 0").execute(&mut *tx).await?;
        tx.rollback().await
    };
    match write.await {
        Err(error) if result_code(&error) == Some(5) => Ok(()),
        done => done,
    }
}

/// SQLite's primary result code (sqlite.org/rescode.html).
fn result_code(error: &sqlx::Error) -> Option<i64> {
    let code: i64 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// Beside a file that may not be written SQLite makes a log and an index of it that may not be written either, and leaves them
/// there: whoever then mends the right of the file alone has mended nothing.
fn no_right(file: &Path) -> LedgerError {
    let log = ["", "-wal", "-shm"].map(|end| {
        let mut path = file.as_os_str().to_owned();
        path.push(end);
        PathBuf::from(path)
    });
    let is_read_only =
        |path: &&PathBuf| std::fs::metadata(path).is_ok_and(|there| there.permissions().readonly());
    let named: Vec<_> = log.iter().filter(is_read_only).map(|p| p.display().to_string()).collect();
    let shown = file.display();
    LedgerError::Unsafe(if named.is_empty() {
        format!(
            "{shown}, what lies beside it ({shown}-wal, {shown}-shm) or its folder cannot be written; give this user the right to all of them, or set database.url to another file"
        )
    } else {
        let files = named.join(" ");
        format!(
            "{files} cannot be written: `chmod u+w {files}`, or set database.url to another file"
        )
    })
}

/// Why a file that is there cannot be used.
fn at(file: &Path, error: sqlx::Error) -> LedgerError {
    let name = |line: String| format!("{}: {line}", file.display());
    match (result_code(&error), error.into()) {
        // no right, read-only, cannot be opened: the log and its index, which lie beside the file, are made at the start
        (Some(3 | 8 | 14 | 23), _) => no_right(file),
        (_, LedgerError::Unsafe(line)) => LedgerError::Unsafe(name(line)),
        (_, LedgerError::Away(line)) => LedgerError::Away(name(line)),
        (_, other) => other,
    }
}

/// What a write of this program leaves under a key of its own.
const ALIVE: &str = "INSERT INTO meta (key, value) SELECT 'alive', $1 WHERE TRUE ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// There is room for more: a full disk lets all reads and some small writes pass, so that a large one has to prove it.
pub(super) async fn is_back(pools: &Pools) -> Result<i64, LedgerError> {
    pools.file.is_in_place()?;
    disk_has_room(pools)?;
    let mut tx = pools.write.begin_with("BEGIN IMMEDIATE").await?;
    let room = "0".repeat(ROOM as usize * PAGE as usize);
    sqlx::query(ALIVE).bind(room).execute(&mut *tx).await?;
    tx.commit().await?;
    takes_commits(pools).await
}

fn disk_has_room(pools: &Pools) -> Result<(), LedgerError> {
    let room = ROOM.unsigned_abs() * u64::from(PAGE);
    if pools.file.has_room(room) { Ok(()) } else { Err(LedgerError::Away(full())) }
}

/// The file is in its place, a commit goes through, and both the file and its disk may still grow.
pub(super) async fn takes_commits(pools: &Pools) -> Result<i64, LedgerError> {
    pools.file.is_in_place()?;
    disk_has_room(pools)?;
    let mut tx = pools.write.begin_with("BEGIN IMMEDIATE").await?;
    let number = |name: &'static str| sqlx::query_scalar::<_, i64>(name);
    let most = number("PRAGMA max_page_count").fetch_one(&mut *tx).await?;
    let used = number("PRAGMA page_count").fetch_one(&mut *tx).await?;
    let free = number("PRAGMA freelist_count").fetch_one(&mut *tx).await?;
    if most.saturating_sub(used).saturating_add(free) < ROOM {
        return Err(LedgerError::Away(full()));
    }
    let now = super::Dialect::SQLITE.statement("SELECT {now}");
    let now: i64 = sqlx::query_scalar(now).fetch_one(&mut *tx).await?;
    sqlx::query(ALIVE).bind(now.to_string()).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(now)
}

/// What is said of a file that cannot grow.
pub(crate) fn full() -> String {
    "the disk is full, or the file has reached database.max_mib: make room; nothing is lost meanwhile".to_owned()
}

/// Whether a parameter holds a NUL, in itself or, if it is JSON, in one of its texts. SQLite would take it, and PostgreSQL, to
/// which a ledger may be moved, never does.
pub(super) fn holds_nul(text: &str) -> bool {
    if text.contains('\0') {
        return true;
    }
    // of backslashes that stand together every second one is itself escaped
    let escaped = |at: usize| text[..at].bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1;
    text.starts_with('[') && text.match_indices("\\u0000").any(|(at, _)| !escaped(at))
}

/// `data_version` as the writing connection sees it: it changes only with others' commits.
pub(super) async fn version_of_others(pools: &Pools) -> Option<i64> {
    // while the connection is in use there is work, and whoever works looks by itself
    let mut connection = pools.write.try_acquire()?;
    sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut *connection).await.ok()
}

/// How the file is set up, for `ulak doctor`.
pub(crate) async fn describe(ledger: &Ledger) -> Result<Server, LedgerError> {
    let (version, schema): (String, String) =
        query_as("SELECT sqlite_version(), (SELECT value FROM meta WHERE key = 'schema')")
            .fetch_one(ledger.db.read())
            .await?;
    let number = |name: &'static str| scalar::<i64>(name).fetch_one(ledger.db.write());
    let journal: String = scalar("PRAGMA journal_mode").fetch_one(ledger.db.write()).await?;
    let pages = number("PRAGMA page_count").await?;
    let most = number("PRAGMA max_page_count").await?;
    let path = match &ledger.db.pools {
        super::Pools::Sqlite(pools) => pools.file.path().to_owned(),
        super::Pools::Postgres(_) => PathBuf::new(),
    };
    let file = StoreFile {
        path,
        bytes: pages.saturating_mul(PAGE.into()),
        most_bytes: most.saturating_mul(PAGE.into()),
        wal: journal == "wal",
        synchronous_full: number("PRAGMA synchronous").await? >= 2,
    };
    Ok(Server {
        engine: super::Engine::Sqlite,
        version,
        schema,
        writable: ledger.writes().await?,
        standby: false,
        followers: 0,
        synchronous: false,
        file: Some(file),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_is_named_with_what_lies_beside_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let [file, index] = ["ulak.db", "ulak.db-shm"].map(|name| folder.path().join(name));
        let set = |path: &Path, mode| {
            std::fs::write(path, "").unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let said = || no_right(&file).to_string();
        set(&file, 0o600);
        // somebody else's, or the folder: all that it may be is named
        assert!(said().contains("ulak.db-shm") && said().contains("folder"), "{}", said());
        set(&index, 0o444);
        let only_index = format!("`chmod u+w {}`", index.display());
        assert!(said().contains(&only_index), "{}", said());
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o444)).unwrap();
        let both = format!("`chmod u+w {} {}`", file.display(), index.display());
        assert!(said().contains(&both), "{}", said());
    }

    #[test]
    fn a_nul_is_found_in_a_text_and_in_the_texts_of_a_json_list() {
        assert!(holds_nul("a\0b"));
        for (text, holds) in
            [("a\0b", true), ("\\\0", true), ("\\u0000", false), ("\\\\u0000", false)]
        {
            let list = serde_json::to_string(&[text]).unwrap();
            assert_eq!(holds_nul(&list), holds, "{list}");
        }
        assert!(!holds_nul("\\u0000 in words"));
    }
}
