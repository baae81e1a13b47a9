//! PostgreSQL: how it is reached, and what it must promise.

use super::query_as;
use crate::db::{Ledger, LedgerSettings};
use crate::error::LedgerError;
use crate::server::Server;
use secrecy::ExposeSecret as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgPool, Row as _};
use std::str::FromStr as _;
use std::time::Duration;

/// Longest wait for a new connection after an outage.
const RECONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Longest wait for the sign of life of an idle connection.
const PING_LIMIT: Duration = Duration::from_secs(2);

/// Every statement of the hot path looks a few hundred keys up. The planner knows neither how many there are (they come as JSON) nor,
/// in a table that has just begun to grow, how large it is; and it keeps the plan that it made first: reading all of `slot` for a
/// hundred keys, merging all of `person` (docs/performance.md: 440 µs of its time a message, and 250 without these). What a plan costs
/// is nonsense then where it has no other way, and nonsense is no reason to compile it: no JIT, which took seconds.
const LOOKUPS: [(&str, &str); 4] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// A worker's statements are few, and each is planned once: left to itself PostgreSQL plans a lookup of three keys anew each time,
/// because a plan for three seems cheaper than one for ten (docs/performance.md: half the time of a message at 500/s). Others also ask
/// for spans of time, whose plans depend on what is asked for.
const PLANNED_ONCE: [(&str, &str); 1] = [("plan_cache_mode", "force_generic_plan")];
/// The process whose connections these are (`LedgerSettings::name`).
const WORKER: &str = "ulak worker";

pub(super) async fn connect(settings: &LedgerSettings) -> Result<PgPool, LedgerError> {
    let options = PgConnectOptions::from_str(settings.url.expose_secret())
        .map_err(|_| LedgerError::Login("database.url cannot be read".to_owned()))?
        .application_name(&settings.name)
        .options([("statement_timeout", "30s"), ("idle_in_transaction_session_timeout", "30s")])
        .options(LOOKUPS);
    let options = if settings.name == WORKER { options.options(PLANNED_ONCE) } else { options };
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

/// A new connection is taken (a server that is shutting down refuses it, while it may still serve old ones), its disk has room, and
/// idle connections that died are closed, so that they fail nobody later.
pub(super) async fn is_back(pool: &PgPool) -> Result<i64, LedgerError> {
    let asked = tokio::time::timeout(RECONNECT_LIMIT, ask_anew(pool));
    let now = asked.await.map_err(|_| LedgerError::Away("no connection in time".to_owned()))??;
    let idle: Vec<_> = std::iter::from_fn(|| pool.try_acquire()).collect();
    for mut connection in idle {
        if !matches!(tokio::time::timeout(PING_LIMIT, connection.ping()).await, Ok(Ok(()))) {
            // without a goodbye: nobody may be there to hear it
            drop(connection.detach());
        }
    }
    Ok(now)
}

async fn ask_anew(pool: &PgPool) -> Result<i64, LedgerError> {
    let mut new = pool.connect_options().connect().await?;
    let now = super::Dialect::POSTGRES.statement("SELECT {now}");
    let now: i64 = sqlx::query_scalar(now).fetch_one(&mut new).await?;
    has_room(&mut new).await?;
    // whether the server hears of the goodbye is its own affair
    let _ = new.close().await;
    Ok(now)
}

/// A server answers, and even commits, while its disk is full: what is written next must find room for 256 KiB. The table is this
/// connection's own and gone with its transaction.
async fn has_room(connection: &mut sqlx::PgConnection) -> Result<(), LedgerError> {
    let room = "CREATE TEMPORARY TABLE ulak_room ON COMMIT DROP AS \
                SELECT n, repeat(md5(CAST(n AS TEXT)), 60) AS filling FROM generate_series(1, 128) AS n";
    match sqlx::raw_sql(room).execute(connection).await {
        Ok(_) => Ok(()),
        // whoever may not make such a table learns of a full disk only when a claim fails
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42501") => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// How the server is set up, for `ulak doctor`.
pub(crate) async fn describe(ledger: &Ledger) -> Result<Server, LedgerError> {
    let (version, standby, names, schema): (String, bool, String, String) = query_as(
        "SELECT current_setting('server_version'), pg_is_in_recovery(), current_setting('synchronous_standby_names'), \
         (SELECT value FROM meta WHERE key = 'schema')",
    )
    .fetch_one(ledger.db.read())
    .await?;
    // asked, not tried: whoever only looks has no right to write, and its role may be set to read for that very reason
    let writable: bool = super::scalar(
        "SELECT current_setting('transaction_read_only') = 'off' OR (NOT pg_is_in_recovery() AND EXISTS ( \
           SELECT 1 FROM pg_settings WHERE name = 'default_transaction_read_only' AND source IN ('user', 'database user')))",
    )
    .fetch_one(ledger.db.read())
    .await?;
    // whoever may not see the others' rows sees no followers: then nothing is said about them
    let followers: i64 =
        super::scalar("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")
            .fetch_one(ledger.db.read())
            .await?;
    Ok(Server {
        engine: super::Engine::Postgres,
        version,
        schema,
        writable,
        standby,
        followers,
        synchronous: !names.trim().is_empty(),
        file: None,
    })
}
