//! Moves a whole ledger to another database, in one transaction there, and proves that everything arrived.
//!
//! The old ledger is marked, so that nothing can be sent from both. Safe to repeat: what was moved is compared again.

mod tables;

use crate::db::{LedgerSettings, check_key, refuse_newer};
use crate::engine::{Db, Engine, Row, Tx, Value, columns, query, query_as, scalar};
use crate::error::LedgerError;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use tables::{Column, Kind, RECORD, TABLES, Table};

pub use tables::covered;

/// Rows read and written at a time.
const SLICE: usize = 1_000;
/// Advisory lock of a move on PostgreSQL; any fixed number.
const MOVE_LOCK: i64 = 0x756c_616c;
/// Under this key of `meta` an old ledger says where it went.
pub(crate) const MOVED_TO: &str = "moved-to";

/// What was moved, or had been before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// Each table with its rows and their digest, the same at both ends.
    pub tables: Vec<CarriedTable>,
    /// Everything was there already: nothing was written.
    pub already: bool,
}

/// One table of a moved ledger.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CarriedTable {
    /// Its name.
    pub table: &'static str,
    /// Rows.
    pub rows: u64,
    /// Sum of the SHA-256 of each row, in hexadecimal digits.
    pub digest: String,
}

/// Moves everything from one ledger to another. `to` is the target as people read it, without a password; `progress` hears of each
/// slice: the table, and the rows of it that are done.
///
/// # Errors
/// [`LedgerError::Unsafe`] when the target holds something else or has gone on since; nothing was changed there then.
pub async fn carry(
    from: &LedgerSettings,
    to: (&LedgerSettings, &str),
    progress: &mut (dyn FnMut(&'static str, u64) + Send),
) -> Result<Carried, LedgerError> {
    let source = Db::connect(from, false).await?;
    // held until the end: nobody writes to a ledger that is being moved
    let mut old = source.begin().await?;
    take_alone(&mut old, source.engine(), "from").await?;
    if source.engine() == Engine::Postgres {
        old.script("LOCK TABLE notification, record, open IN EXCLUSIVE MODE").await?;
    }
    let schema = source.schema_version(&mut old).await?;
    refuse_newer(schema)?;
    check_key(&mut old, from).await?;
    let target = Db::connect(to.0, true).await?;
    let mut new = target.begin().await?;
    // before anything is written there: it may be the same database
    take_alone(&mut new, target.engine(), "to").await?;
    new.rollback().await?;
    crate::migrate(to.0).await?;
    let mut new = target.begin().await?;
    take_alone(&mut new, target.engine(), "to").await?;
    if target.schema_version(&mut new).await? != schema {
        let line =
            "the two ledgers have different schemas: run `ulak migrate` on the old one first";
        return Err(LedgerError::Schema(line.to_owned()));
    }
    let already = is_the_same(&mut old, &mut new).await?;
    if !already {
        refuse_filled(&mut new).await?;
        fill(&mut old, source.engine(), (&mut new, target.engine()), progress).await?;
    }
    let ends = ((&mut *old, source.engine()), (&mut *new, target.engine()));
    let tables = compare(ends.0, ends.1, already).await?;
    // a process that began meanwhile has read that nothing was moved
    refuse_in_use(&mut old, source.engine(), "from").await?;
    refuse_in_use(&mut new, target.engine(), "to").await?;
    new.commit().await?;
    query("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
        .bind(MOVED_TO)
        .bind(to.1)
        .execute(&mut old)
        .await?;
    old.commit().await?;
    source.close().await;
    target.close().await;
    Ok(Carried { tables, already })
}

/// Makes sure that nobody works with a ledger on PostgreSQL, and that it is not the one at the other end: the lock of a database can be
/// had once. On SQLite the caller holds the file's lock.
async fn take_alone(tx: &mut Tx, engine: Engine, end: &str) -> Result<(), LedgerError> {
    if engine == Engine::Sqlite {
        return Ok(());
    }
    // reading and comparing at the other end takes its time
    tx.set("SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0")
        .await?;
    let ours: bool =
        scalar("SELECT pg_try_advisory_xact_lock($1)").bind(MOVE_LOCK).fetch_one(&mut *tx).await?;
    if !ours {
        let line = "--from and --to are the same database, or another move of it is under way; nothing was changed";
        return Err(LedgerError::Unsafe(line.to_owned()));
    }
    refuse_in_use(tx, engine, end).await
}

async fn refuse_in_use(tx: &mut Tx, engine: Engine, end: &str) -> Result<(), LedgerError> {
    if engine == Engine::Sqlite {
        return Ok(());
    }
    let others: Vec<String> = scalar(
        "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name LIKE 'ulak %' AND application_name <> 'ulak migrate' ORDER BY 1",
    )
    .fetch_all(tx)
    .await?;
    if others.is_empty() {
        return Ok(());
    }
    Err(LedgerError::Unsafe(format!(
        "the database of --{end} is in use ({}): stop these processes first; nothing was changed",
        others.join(", ")
    )))
}

/// Whether the target is this ledger already: the key that hashes numbers is made once for each installation.
async fn is_the_same(old: &mut Tx, new: &mut Tx) -> Result<bool, LedgerError> {
    let ours = "SELECT value FROM meta WHERE key = 'lookup'";
    let (old, new): (String, String) =
        (scalar(ours).fetch_one(old).await?, scalar(ours).fetch_one(new).await?);
    Ok(old == new)
}

async fn refuse_filled(new: &mut Tx) -> Result<(), LedgerError> {
    let rows: i64 =
        scalar("SELECT (SELECT count(*) FROM record) + (SELECT count(*) FROM notification)")
            .fetch_one(new)
            .await?;
    if rows == 0 {
        return Ok(());
    }
    Err(LedgerError::Unsafe(
        "the target is the ledger of another installation; move to an empty database".to_owned(),
    ))
}

async fn fill(
    old: &mut Tx,
    from: Engine,
    (new, engine): (&mut Tx, Engine),
    progress: &mut (dyn FnMut(&'static str, u64) + Send),
) -> Result<(), LedgerError> {
    let lookup: String =
        scalar("SELECT value FROM meta WHERE key = 'lookup'").fetch_one(&mut *old).await?;
    query("UPDATE meta SET value = $1 WHERE key = 'lookup'")
        .bind(lookup)
        .execute(&mut *new)
        .await?;
    for table in TABLES.iter().chain([&RECORD]) {
        let insert = table.insert(engine);
        let mut rows = Rows::of(table, from);
        while let Some(slice) = rows.next(old).await? {
            query(&*insert).bind(columns(&slice)?).execute(&mut *new).await?;
            progress(table.name, rows.read);
        }
        if table.name == RECORD.name && engine == Engine::Postgres && rows.read > 0 {
            let after = "SELECT setval(pg_get_serial_sequence('record', 'id'), $1)";
            query(after).bind(rows.read as i64).fetch_all(&mut *new).await?;
        }
    }
    for (name, position) in readers(old).await? {
        query("INSERT INTO reader (name, xid, id) SELECT $1, {xid}, $2")
            .bind(name)
            .bind(position)
            .execute(&mut *new)
            .await?;
    }
    Ok(())
}

/// Readers with the number of records that each is done with: numbers of transactions mean nothing elsewhere.
async fn readers(tx: &mut Tx) -> Result<Vec<(String, i64)>, LedgerError> {
    query_as(
        "SELECT c.name, (SELECT count(*) FROM record r WHERE NOT ({after})) FROM reader c ORDER BY c.name",
    )
    .fetch_all(tx)
    .await
}

async fn compare(
    (old, from): (&mut Tx, Engine),
    (new, to): (&mut Tx, Engine),
    already: bool,
) -> Result<Vec<CarriedTable>, LedgerError> {
    let mut all = vec![];
    for table in TABLES.iter().chain([&RECORD]) {
        let (ours, theirs) = (digest(old, table, from).await?, digest(new, table, to).await?);
        if ours != theirs {
            return Err(LedgerError::Unsafe(differs(table.name, ours.0, theirs.0, already)));
        }
        let (rows, sum) = ours;
        let digest = sum.map(|word| format!("{word:016x}")).concat();
        all.push(CarriedTable { table: table.name, rows, digest });
    }
    if readers(old).await? != readers(new).await? {
        return Err(LedgerError::Unsafe(differs("reader", 0, 0, already)));
    }
    Ok(all)
}

fn differs(table: &str, ours: u64, theirs: u64, already: bool) -> String {
    let what = format!("table {table} differs ({ours} rows here, {theirs} there)");
    if already {
        format!(
            "this ledger was moved before and the target has gone on since: {what}; nothing was changed"
        )
    } else {
        format!("{what}: nothing was moved; run it again")
    }
}

/// Rows and the sum of their hashes: the same in whatever order they are read.
async fn digest(
    tx: &mut Tx,
    table: &'static Table,
    engine: Engine,
) -> Result<(u64, [u64; 4]), LedgerError> {
    let mut sum = [0_u64; 4];
    let mut rows = Rows::of(table, engine);
    while let Some(slice) = rows.next(tx).await? {
        for row in slice {
            // the map is sorted by name, so the text is the same at both ends
            let hash: [u8; 32] = Sha256::digest(row.to_string()).into();
            for (word, bytes) in sum.iter_mut().zip(hash.as_chunks::<8>().0) {
                *word = word.wrapping_add(u64::from_be_bytes(*bytes));
            }
        }
    }
    Ok((rows.read, sum))
}

/// The rows of a table, slice by slice in the order of its key.
struct Rows {
    table: &'static Table,
    keys: &'static [Column],
    after: Option<Vec<Value>>,
    read: u64,
}

impl Rows {
    fn of(table: &'static Table, engine: Engine) -> Self {
        Self { table, keys: table.keys(engine), after: None, read: 0 }
    }

    async fn next(&mut self, tx: &mut Tx) -> Result<Option<Vec<Json>>, LedgerError> {
        let after = self.after.take();
        let mut select = query(self.table.select(self.keys, after.is_some(), SLICE));
        for value in after.into_iter().flatten() {
            select = select.bind(value);
        }
        let rows = select.fetch_all(tx).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        let keys = self.keys.iter();
        self.after = Some(keys.map(|key| key_value(last, key)).collect::<Result<_, _>>()?);
        let mut slice = Vec::with_capacity(rows.len());
        for row in &rows {
            self.read += 1;
            slice.push(self.table.json(row, self.read)?);
        }
        Ok(Some(slice))
    }
}

fn key_value(row: &Row, key: &Column) -> Result<Value, LedgerError> {
    Ok(match key.1 {
        Kind::Text => Value::Text(row.try_get(key.0)?),
        Kind::Int => Value::Int(row.try_get(key.0)?),
    })
}
