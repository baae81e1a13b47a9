//! A SQLite file for each test, and what SQL round the ledger's back says differently here.

use secrecy::SecretString;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Connections round the ledger's back: as another process has them.
pub type Pool = SqlitePool;

/// The database's clock in milliseconds.
pub const NOW: &str = "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)";

/// Behind the rows of an update by hand: nothing, there is one writer at a time.
pub const SKIP: &str = "";

/// How many statements the driver reports of BEGIN and COMMIT.
pub const REPORTED_BRACKETS: usize = 0;

/// Statements that wake whoever releases, in a transaction that makes rows due: a file is looked at.
pub const CALLS: usize = 0;

/// Takes back what schema 8 made of the indexes here.
pub const INDEXES_OF_7: &[&str] = &[
    "DROP INDEX notification_event",
    "DROP INDEX notification_person",
    "DROP INDEX notification_thing",
    "DROP INDEX notification_created",
    "CREATE INDEX notification_created ON notification (created_at)",
];

/// Rows that were read: nobody counts them here.
pub const ROWS_READ: Option<&str> = None;

/// Connections of a ledger that is called so: a file has none.
pub const CONNECTIONS_APART: Option<&str> = None;

/// `table.column` of all that a schema has.
pub const COLUMNS: &str = "SELECT t.name || '.' || c.name FROM sqlite_master t, pragma_table_info(t.name) c \
     WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";

/// Keeps every state that a budget was ever in, in `permit_watched`.
pub const WATCH_PERMITS: &[&str] = &[
    "CREATE TRIGGER watch_insert AFTER INSERT ON permit \
     BEGIN INSERT INTO permit_watched VALUES (NEW.span, NEW.used); END",
    "CREATE TRIGGER watch_update AFTER UPDATE ON permit \
     BEGIN INSERT INTO permit_watched VALUES (NEW.span, NEW.used); END",
];

/// A folder for one ledger; deleted with this value, also when the test fails.
pub struct Database {
    folder: TempDir,
}

impl Database {
    #[expect(clippy::unused_async, reason = "the other engine has to wait for its server")]
    pub async fn create() -> Self {
        Self { folder: tempfile::Builder::new().prefix("ulak-test-").tempdir().unwrap() }
    }

    /// A copy of a ledger as a power cut leaves it: the file, and the log beside it.
    pub async fn left_behind(file: &[u8], log: &[u8]) -> Self {
        let copy = Self::create().await;
        std::fs::write(copy.file(), file).unwrap();
        std::fs::write(copy.log(), log).unwrap();
        copy
    }

    pub fn url(&self) -> SecretString {
        url(&self.file())
    }

    pub fn pool(&self) -> Pool {
        pool(&self.file())
    }

    /// Where the ledger is, or will be.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ulak.db")
    }

    /// Where commits go first.
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("ulak.db-wal")
    }

    /// The folder of both.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The address of a file.
pub fn url(file: &Path) -> SecretString {
    SecretString::from(format!("sqlite://{}", file.display()))
}

/// Connections to a file that is there. They wait for each other as long as a test may take.
pub fn pool(file: &Path) -> Pool {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(Duration::from_mins(1))
        // what a test does by hand need not survive a power cut
        .synchronous(SqliteSynchronous::Normal);
    SqlitePoolOptions::new().max_connections(10).connect_lazy_with(options)
}
