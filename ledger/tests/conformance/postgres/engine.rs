//! A PostgreSQL database for each test, and what SQL round the ledger's back says differently here.

use secrecy::SecretString;
use sqlx::postgres::{PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgPool};

/// Connections round the ledger's back.
pub type Pool = PgPool;

/// The database's clock in milliseconds.
pub const NOW: &str = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";

/// Behind the rows of an update by hand: those that somebody is writing are left out, so that no deadlock is of our making.
pub const SKIP: &str = "FOR UPDATE SKIP LOCKED";

/// How many statements the driver reports of BEGIN and COMMIT.
pub const REPORTED_BRACKETS: usize = 2;

/// Statements that wake whoever releases, in a transaction that makes rows due.
pub const CALLS: usize = 1;

/// Takes back what schema 8 made of the indexes here.
pub const INDEXES_OF_7: &[&str] = &["DROP INDEX notification_keys"];

/// Rows of notifications and attempts that were read, whichever way.
pub const ROWS_READ: Option<&str> = Some(
    "SELECT CAST(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) AS BIGINT) FROM pg_stat_user_tables \
     WHERE relname IN ('notification', 'attempt', 'record', 'fact')",
);

/// Connections of a ledger that is called so.
pub const CONNECTIONS_APART: Option<&str> = Some(
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'apart' AND datname = current_database()",
);

/// `table.column` of all that a schema has.
pub const COLUMNS: &str = "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'";

/// Keeps every state that a budget was ever in, in `permit_watched`.
pub const WATCH_PERMITS: &[&str] = &[
    "CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     INSERT INTO permit_watched VALUES (NEW.span, NEW.used); RETURN NEW; END $$",
    "CREATE TRIGGER watch AFTER INSERT OR UPDATE ON permit FOR EACH ROW EXECUTE FUNCTION watch()",
];

/// An empty database; dropped with this value, also when the test fails.
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    pub async fn create() -> Self {
        let Ok(server) = std::env::var("DATABASE_URL") else {
            panic!(
                "DATABASE_URL is not set; run: scripts/services run /tmp/ulak-services -- cargo test -p ledger"
            );
        };
        let name = ledger::vault::random_id("ulak_test_").unwrap();
        let database = Self { server, name };
        let mut admin = PgConnection::connect(&database.server).await.unwrap();
        let create = format!("CREATE DATABASE {}", database.name);
        sqlx::query(AssertSqlSafe(create)).execute(&mut admin).await.unwrap();
        database
    }

    pub fn url(&self) -> SecretString {
        SecretString::from(self.address())
    }

    pub fn pool(&self) -> Pool {
        PgPoolOptions::new().max_connections(10).connect_lazy(&self.address()).unwrap()
    }

    fn address(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let server = self.server.clone();
        // the test's own runtime is blocked by this drop, so another one does it
        let done = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut admin = PgConnection::connect(&server).await?;
                sqlx::query(AssertSqlSafe(drop)).execute(&mut admin).await?;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
            })
        });
        let dropped = done.join().is_ok_and(|result| result.is_ok());
        assert!(dropped || std::thread::panicking(), "{} was not dropped", self.name);
    }
}
