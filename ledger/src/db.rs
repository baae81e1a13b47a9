//! Connection, migrations, and the fragments in which engines differ.

use crate::clock::{Clock, local_now};
use crate::error::LedgerError;
use crate::sweep::GIVE_UP_MS;
use crate::vault::{Secret32, Vault, fingerprint, new_lookup_key};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgPool, Row, SqlSafeStr, SqlStr};
use std::str::FromStr;
use std::time::Duration;

/// Schema version that this program writes.
const SCHEMA: i64 = 1;
const MIGRATIONS: &[(i64, &[&str])] = &[(
    1,
    &[
        include_str!("../migrations/0001_ledger.sql"),
        include_str!("../migrations/0001_postgres.sql"),
    ],
)];
/// Advisory lock that migrations take; any fixed number.
const MIGRATION_LOCK: i64 = 0x756c_616b;

/// Longest wait for a new connection after an outage.
const RECONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How to reach the ledger.
#[derive(Debug, Clone)]
pub struct LedgerSettings {
    /// `postgres://…`.
    pub url: SecretString,
    /// The master key.
    pub master_key: Secret32,
    /// Connections at most.
    pub connections: u32,
    /// Shown by the database as the application's name.
    pub name: String,
}

/// All that is durable.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(crate) pool: PgPool,
    vault: Vault,
    clock: Clock,
    pub(crate) give_up_ms: i64,
}

/// Replaces the fragments `{rows:…}`, `{now}`, `{skip}` by what the engine understands.
pub(crate) fn sql(text: &str) -> SqlStr {
    let mut out = text
        .replace("{skip}", "FOR UPDATE SKIP LOCKED")
        .replace("{now}", "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)");
    while let Some((before, rest)) = out.split_once("{rows:") {
        let Some((columns, after)) = rest.split_once('}') else { break };
        out = format!("{before}json_to_recordset($1::json) AS r({columns}){after}");
    }
    AssertSqlSafe(out).into_sql_str()
}

/// The one parameter of a grouped statement.
pub(crate) fn json<T: Serialize>(rows: &[T]) -> Result<String, LedgerError> {
    serde_json::to_string(rows).map_err(|e| LedgerError::Corrupt(e.to_string()))
}

/// One-column rows.
#[derive(Serialize)]
pub(crate) struct Key<'a> {
    pub key: &'a str,
}

async fn connect(settings: &LedgerSettings) -> Result<PgPool, LedgerError> {
    let url = settings.url.expose_secret();
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(LedgerError::Login("only postgres:// is known".to_owned()));
    }
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| LedgerError::Login("database.url cannot be read".to_owned()))?
        .application_name(&settings.name)
        .options([("statement_timeout", "30s"), ("idle_in_transaction_session_timeout", "30s")]);
    // the first connection is made alone: a pool hides why it cannot connect
    let first = options.connect();
    let mut first = tokio::time::timeout(Duration::from_secs(10), first)
        .await
        .map_err(|_| LedgerError::Away("no answer within 10 s".to_owned()))??;
    check_server(&mut first).await?;
    let _ = first.close().await;
    Ok(PgPoolOptions::new()
        .max_connections(settings.connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(5))
        .test_before_acquire(false)
        .connect_lazy_with(options))
}

async fn check_server(connection: &mut sqlx::PgConnection) -> Result<(), LedgerError> {
    let row = sqlx::query(
        "SELECT CAST(current_setting('server_version_num') AS BIGINT) AS version, current_setting('fsync') AS fsync, \
         current_setting('synchronous_commit') AS sync",
    )
    .fetch_one(connection)
    .await?;
    let (version, fsync, sync): (i64, String, String) =
        (row.try_get("version")?, row.try_get("fsync")?, row.try_get("sync")?);
    if version < 140_000 {
        return Err(LedgerError::Unsafe(format!(
            "PostgreSQL {} is too old: 14 or newer is needed",
            version / 10_000
        )));
    }
    if fsync != "on" || sync == "off" || sync == "local" {
        return Err(LedgerError::Unsafe(format!(
            "PostgreSQL runs with fsync={fsync}, synchronous_commit={sync}: a power cut would forget what was sent; set both to on"
        )));
    }
    Ok(())
}

/// Brings the schema to this program's version and binds the ledger to its master key. Safe to repeat, and to run twice at once.
///
/// # Errors
/// [`LedgerError::Key`] when the ledger belongs to another master key, [`LedgerError::Schema`] when it is newer.
pub async fn migrate(settings: &LedgerSettings) -> Result<i64, LedgerError> {
    let pool = connect(settings).await?;
    let mut tx = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK).execute(&mut *tx).await?;
    let found = schema_version(&mut tx).await?;
    if found > SCHEMA {
        return Err(newer(found));
    }
    for (_, files) in MIGRATIONS.iter().filter(|(version, _)| *version > found) {
        for file in *files {
            let text = file
                .replace("{xid}", "(CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT))")
                .replace("{serial}", "BIGINT GENERATED ALWAYS AS IDENTITY NOT NULL")
                .replace("{fill}", "WITH (fillfactor = 85)");
            sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut *tx).await?;
        }
    }
    let put = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    let keep = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
    sqlx::query(put).bind("schema").bind(SCHEMA.to_string()).execute(&mut *tx).await?;
    sqlx::query(keep)
        .bind("master")
        .bind(fingerprint(&settings.master_key))
        .execute(&mut *tx)
        .await?;
    sqlx::query(keep)
        .bind("lookup")
        .bind(new_lookup_key(&settings.master_key)?)
        .execute(&mut *tx)
        .await?;
    open_vault(&mut tx, settings).await?;
    tx.commit().await?;
    pool.close().await;
    Ok(found)
}

fn newer(found: i64) -> LedgerError {
    LedgerError::Schema(format!(
        "the ledger has schema {found}, this program knows {SCHEMA}: start a newer ulak"
    ))
}

async fn schema_version(connection: &mut sqlx::PgConnection) -> Result<i64, LedgerError> {
    let there: bool = sqlx::query_scalar("SELECT to_regclass('meta') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !there {
        return Ok(0);
    }
    let version: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'schema'")
        .fetch_optional(connection)
        .await?;
    Ok(version.and_then(|v| v.parse().ok()).unwrap_or(0))
}

async fn open_vault(
    connection: &mut sqlx::PgConnection,
    settings: &LedgerSettings,
) -> Result<Vault, LedgerError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT key, value FROM meta WHERE key IN ('master', 'lookup')")
            .fetch_all(connection)
            .await?;
    let get =
        |name: &str| rows.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let ours = fingerprint(&settings.master_key);
    match (get("master"), get("lookup")) {
        (Some(theirs), _) if theirs != ours => Err(LedgerError::Key(format!(
            "database.master_key is not the key of this ledger (ledger: {theirs}, configured: {ours})"
        ))),
        (Some(_), Some(lookup)) => Vault::open(settings.master_key.clone(), lookup),
        _ => Err(LedgerError::Schema("the ledger has no keys yet: run `ulak migrate`".to_owned())),
    }
}

impl Ledger {
    /// Connects, checks server, schema and key, and measures the clock.
    ///
    /// # Errors
    /// [`LedgerError::Away`]: wait and try again. All others need somebody.
    pub async fn open(settings: &LedgerSettings) -> Result<Self, LedgerError> {
        let pool = connect(settings).await?;
        let mut connection = pool.acquire().await?;
        match schema_version(&mut connection).await? {
            SCHEMA => {}
            found if found > SCHEMA => return Err(newer(found)),
            found => {
                return Err(LedgerError::Schema(format!(
                    "the ledger has schema {found}, this program needs {SCHEMA}: run `ulak migrate`"
                )));
            }
        }
        let vault = open_vault(&mut connection, settings).await?;
        drop(connection);
        let ledger = Self { pool, vault, clock: Clock::default(), give_up_ms: GIVE_UP_MS };
        ledger.measure_clock().await?;
        Ok(ledger)
    }

    /// With another time for which an unknown attempt is looked for (`reconcile.give_up`).
    #[must_use]
    pub fn giving_up_after(mut self, give_up: Duration) -> Self {
        self.give_up_ms = i64::try_from(give_up.as_millis()).unwrap_or(i64::MAX);
        self
    }

    /// The installation's keys.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The one clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Measures the offset to the database's clock; also the cheapest proof that the ledger answers.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn measure_clock(&self) -> Result<(), LedgerError> {
        let asked = local_now();
        let database: i64 = sqlx::query_scalar(sql("SELECT {now}")).fetch_one(&self.pool).await?;
        self.clock.measured(asked, local_now(), database);
        Ok(())
    }

    /// Proves after an outage that it is over: a new connection is taken (a server that is shutting down refuses it, while it
    /// may still serve old ones), and idle connections that died are closed, so that they fail nobody later.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_back(&self) -> Result<(), LedgerError> {
        let options = self.pool.connect_options();
        let connecting = tokio::time::timeout(RECONNECT_LIMIT, options.connect());
        let mut new = connecting
            .await
            .map_err(|_| LedgerError::Away("no connection in time".to_owned()))??;
        let asked = local_now();
        let database: i64 = sqlx::query_scalar(sql("SELECT {now}")).fetch_one(&mut new).await?;
        self.clock.measured(asked, local_now(), database);
        // whether the server hears of the goodbye is its own affair
        let _ = new.close().await;
        let idle: Vec<_> = std::iter::from_fn(|| self.pool.try_acquire()).collect();
        for mut connection in idle {
            if connection.ping().await.is_err() {
                let _ = connection.close().await;
            }
        }
        Ok(())
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::sql;

    #[test]
    fn fragments_become_what_the_engine_understands() {
        let text = sql("SELECT a FROM {rows:a text, b bigint} WHERE b < {now}");
        assert_eq!(
            text.as_str(),
            "SELECT a FROM json_to_recordset($1::json) AS r(a text, b bigint) WHERE b < CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
        );
    }
}
