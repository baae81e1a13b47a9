//! A statement with its parameters and the rows of its answer, the same to whoever writes SQL on either engine.

use super::dialect::rows_columns;
use super::{Dialect, Lent, On, Pools, Rows, Tx, sqlite};
use crate::error::LedgerError;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{ColumnIndex, Decode, Postgres, Row as _, Sqlite, Type};
use std::sync::Arc;

/// A parameter.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(crate) enum Value {
    Text(Option<String>),
    Int(Option<i64>),
    Bool(bool),
    /// All of `{rows:…}`; the first parameter.
    Rows(Arc<Rows>),
    /// A column of them, PostgreSQL's way.
    Texts(Vec<Option<String>>),
    Ints(Vec<Option<i64>>),
}

impl From<Arc<Rows>> for Value {
    fn from(rows: Arc<Rows>) -> Self {
        Self::Rows(rows)
    }
}

impl From<&Arc<Rows>> for Value {
    fn from(rows: &Arc<Rows>) -> Self {
        Self::Rows(Arc::clone(rows))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(Some(text.clone()))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<&Option<String>> for Value {
    fn from(text: &Option<String>) -> Self {
        Self::Text(text.clone())
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(Some(n))
    }
}

impl From<Option<i64>> for Value {
    fn from(n: Option<i64>) -> Self {
        Self::Int(n)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

/// What a column may hold.
pub(crate) trait Column:
    for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite>
{
}

impl<T> Column for T where
    T: for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite>
{
}

/// A row of an answer.
#[derive(Debug)]
pub(crate) enum Row {
    Postgres(PgRow),
    Sqlite(SqliteRow),
}

impl Row {
    /// The value of a column.
    pub fn try_get<T, I>(&self, column: I) -> Result<T, LedgerError>
    where
        T: Column,
        I: ColumnIndex<PgRow> + ColumnIndex<SqliteRow>,
    {
        Ok(match self {
            Self::Postgres(row) => row.try_get(column)?,
            Self::Sqlite(row) => row.try_get(column)?,
        })
    }
}

/// What a row is read into.
pub(crate) trait FromRow: Sized {
    fn from_row(row: &Row) -> Result<Self, LedgerError>;
}

impl<A: Column> FromRow for (A,) {
    fn from_row(row: &Row) -> Result<Self, LedgerError> {
        Ok((row.try_get(0)?,))
    }
}

impl<A: Column, B: Column> FromRow for (A, B) {
    fn from_row(row: &Row) -> Result<Self, LedgerError> {
        Ok((row.try_get(0)?, row.try_get(1)?))
    }
}

impl<A: Column, B: Column, C: Column> FromRow for (A, B, C) {
    fn from_row(row: &Row) -> Result<Self, LedgerError> {
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
    }
}

impl<A: Column, B: Column, C: Column, D: Column> FromRow for (A, B, C, D) {
    fn from_row(row: &Row) -> Result<Self, LedgerError> {
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))
    }
}

/// A statement with its parameters; rows become `T`.
pub(crate) struct Query<T> {
    text: String,
    values: Vec<Value>,
    read: fn(Row) -> Result<T, LedgerError>,
}

/// A statement whose rows are looked at column by column.
pub(crate) fn query(text: impl Into<String>) -> Query<Row> {
    Query { text: text.into(), values: vec![], read: Ok }
}

/// A statement whose rows are tuples.
pub(crate) fn query_as<T: FromRow>(text: impl Into<String>) -> Query<T> {
    let read = |row: Row| T::from_row(&row);
    Query { text: text.into(), values: vec![], read }
}

/// A statement with one column.
pub(crate) fn scalar<T: Column>(text: impl Into<String>) -> Query<T> {
    let read = |row: Row| row.try_get(0);
    Query { text: text.into(), values: vec![], read }
}

impl<T> Query<T> {
    /// Adds the next parameter: `$1`, `$2`, …
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// All rows.
    pub async fn fetch_all<'a>(self, on: impl Into<On<'a>>) -> Result<Vec<T>, LedgerError> {
        let read = self.read;
        let rows = self.rows(on.into()).await?;
        rows.into_iter().map(read).collect()
    }

    /// The first row, if there is one.
    pub async fn fetch_optional<'a>(self, on: impl Into<On<'a>>) -> Result<Option<T>, LedgerError> {
        Ok(self.fetch_all(on).await?.into_iter().next())
    }

    /// The one row.
    pub async fn fetch_one<'a>(self, on: impl Into<On<'a>>) -> Result<T, LedgerError> {
        let row = self.fetch_optional(on).await?;
        row.ok_or_else(|| {
            LedgerError::Corrupt("a statement that gives one row gave none".to_owned())
        })
    }

    /// Runs it; how many rows it touched.
    pub async fn execute<'a>(self, on: impl Into<On<'a>>) -> Result<u64, LedgerError> {
        let (text, values) = (self.text, self.values);
        Ok(match on.into() {
            On::Tx(Tx::Postgres(tx)) => {
                tx.execute(for_postgres(&text, values)).await?.rows_affected()
            }
            On::Tx(Tx::Sqlite(tx)) => {
                let query = for_sqlite(&text, values)?;
                query.execute(&mut **tx).await?.rows_affected()
            }
            // what is executed writes, whatever it was called on
            On::Read(db) | On::Write(db) => {
                let touched = match &db.pools {
                    Pools::Postgres(pool) => {
                        let mut lent = Lent::from(pool).await?;
                        lent.execute(for_postgres(&text, values)).await?.rows_affected()
                    }
                    Pools::Sqlite(pools) => {
                        pools.file.is_in_place()?;
                        for_sqlite(&text, values)?.execute(&pools.write).await?.rows_affected()
                    }
                };
                db.commits.send_modify(|n| *n += 1);
                db.is_in_place()?;
                touched
            }
        })
    }

    async fn rows(self, on: On<'_>) -> Result<Vec<Row>, LedgerError> {
        let (text, values) = (self.text, self.values);
        let postgres = |rows: Vec<PgRow>| rows.into_iter().map(Row::Postgres).collect();
        let sqlite = |rows: Vec<SqliteRow>| rows.into_iter().map(Row::Sqlite).collect();
        Ok(match on {
            On::Tx(Tx::Postgres(tx)) => postgres(tx.fetch_all(for_postgres(&text, values)).await?),
            On::Tx(Tx::Sqlite(tx)) => {
                sqlite(for_sqlite(&text, values)?.fetch_all(&mut **tx).await?)
            }
            On::Read(db) => match &db.pools {
                Pools::Postgres(pool) => {
                    postgres(Lent::from(pool).await?.fetch_all(for_postgres(&text, values)).await?)
                }
                Pools::Sqlite(pools) => {
                    pools.file.is_in_place()?;
                    sqlite(for_sqlite(&text, values)?.fetch_all(&pools.read).await?)
                }
            },
            On::Write(db) => {
                let rows = match &db.pools {
                    Pools::Postgres(pool) => postgres(
                        Lent::from(pool).await?.fetch_all(for_postgres(&text, values)).await?,
                    ),
                    Pools::Sqlite(pools) => {
                        pools.file.is_in_place()?;
                        sqlite(for_sqlite(&text, values)?.fetch_all(&pools.write).await?)
                    }
                };
                db.commits.send_modify(|n| *n += 1);
                db.is_in_place()?;
                rows
            }
        })
    }
}

fn for_postgres(
    text: &str,
    values: Vec<Value>,
) -> sqlx::query::Query<'static, Postgres, PgArguments> {
    let query = sqlx::query(Dialect::POSTGRES.statement(text));
    let columns = rows_columns(text).unwrap_or_default();
    let flat = values.into_iter().flat_map(|value| match value {
        // the only one that has them, but for rows that several statements ask for
        Value::Rows(rows) => Arc::unwrap_or_clone(rows).arrays(columns),
        one => vec![one],
    });
    flat.fold(query, |query, value| match value {
        Value::Text(text) => query.bind(text),
        Value::Int(n) => query.bind(n),
        Value::Bool(yes) => query.bind(yes),
        Value::Texts(texts) => query.bind(texts),
        Value::Ints(ints) => query.bind(ints),
        // taken apart above
        Value::Rows(_) => query,
    })
}

fn for_sqlite(
    text: &str,
    values: Vec<Value>,
) -> Result<sqlx::query::Query<'static, Sqlite, SqliteArguments>, LedgerError> {
    let mut query = sqlx::query(Dialect::SQLITE.statement(text));
    for value in values {
        query = match value {
            Value::Text(Some(text)) if sqlite::holds_nul(&text) => {
                return Err(LedgerError::Statement("a text holds a NUL character".to_owned()));
            }
            Value::Text(text) => query.bind(text),
            Value::Int(n) => query.bind(n),
            Value::Bool(yes) => query.bind(yes),
            Value::Rows(rows) if rows.hold_nul() => {
                return Err(LedgerError::Statement("a text holds a NUL character".to_owned()));
            }
            Value::Rows(rows) => query.bind(rows.json()),
            Value::Texts(_) | Value::Ints(_) => {
                return Err(LedgerError::Statement("SQLite has no arrays".to_owned()));
            }
        };
    }
    Ok(query)
}
