//! Counting: records by the reader's cursor, rows by the hour in which they were made.

use super::{HOUR_MS, HourBooks, Line, compare, parked};
use crate::db::Ledger;
use crate::engine::{Tx, query, query_as, scalar};
use crate::error::LedgerError;
use crate::facts::FACTS;
use crate::stretch::{CURSOR, Stretch, cursor};

/// Name of the reader's cursor.
const READER: &str = "books";
/// Records that one step counts at most.
pub const PAGE: i64 = 2_000;
/// Kinds of records that are counted. All others change a state and are counted with the rows.
/// In the statement and not a parameter of it: the planner takes a list that it does not know for a hundred kinds, and then reads the
/// records once for each.
const KINDS: &str = "'received', 'event-refused', 'duplicate', 'sent-twice', 'two-channel', 'fact-applied', 'fact-stale'";

/// What one step did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Records that it went over.
    pub records: i64,
    /// Notifications that they are about, some of them.
    pub touched: Vec<String>,
}

impl Counted {
    /// Whether nothing is left to count.
    pub fn is_all(&self) -> bool {
        self.records < PAGE
    }
}

/// A row's hour is that of its making, which the record that made it may lie a moment behind.
/// `facts`: the place of [`of_facts`].
fn by_kind(filter: &str, facts: &str) -> String {
    format!(
        "SELECT k.clinic, k.hour, k.kind, count(*) AS n FROM (SELECT r.clinic, \
           CASE WHEN r.kind = 'duplicate' AND substr(r.ntf, 1, 4) = 'fct_' THEN 'fact-duplicate' \
             WHEN r.kind = 'event-refused' AND (r.bytes LIKE {facts} OR EXISTS ( \
               SELECT 1 FROM notification f WHERE f.ntf = r.ntf AND substr(f.type, 1, 7) = 'clinic.')) THEN 'fact-refused' \
             ELSE r.kind END AS kind, \
           (coalesce(CASE WHEN r.kind IN ('received', 'event-refused') THEN (SELECT n.created_at FROM notification n WHERE n.ntf = r.ntf) \
             WHEN r.kind IN ('fact-applied', 'fact-stale') THEN (SELECT f.created_at FROM fact f WHERE f.id = r.ntf) END, r.at) \
             / {HOUR_MS}) * {HOUR_MS} AS hour \
         FROM record r WHERE {{beyond}} AND {filter} AND r.kind IN ({KINDS})) k"
    )
}

fn of_facts() -> String {
    format!("%\"queue\":\"{FACTS}\"%")
}

impl Ledger {
    /// Counts the next records, and names up to `name` notifications that they are about. One process at a time does it; two that do
    /// count nothing twice.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_books(&self, name: i64) -> Result<Counted, LedgerError> {
        let Some(stretch) = Stretch::next(self, READER, PAGE).await? else {
            return Ok(Counted::default());
        };
        let mut tx = self.db.begin().await?;
        if !stretch.is_read(&mut tx, READER).await? {
            // somebody else counted them
            tx.rollback().await?;
            return Ok(Counted::default());
        }
        let count = query(format!(
            "-- books: count\n{CURSOR} INSERT INTO books (clinic, hour, kind, n) {} WHERE TRUE GROUP BY k.clinic, k.hour, k.kind \
             ON CONFLICT (clinic, hour, kind) DO UPDATE SET n = books.n + excluded.n",
            by_kind("{up_to:$3,$4}", "$5")
        ));
        stretch.of(count).bind(of_facts()).execute(&mut tx).await?;
        parked::note(&mut tx, &stretch).await?;
        tx.commit().await?;
        let touched = scalar(format!(
            "-- books: touched\n{CURSOR} SELECT DISTINCT r.ntf FROM record r WHERE {{beyond}} \
             AND {{up_to:$3,$4}} AND substr(r.ntf, 1, 4) IN ('ntf_', 'bad_') LIMIT $5",
        ));
        let touched = stretch.of(touched).bind(name).fetch_all(self.db.read()).await?;
        let records = stretch.records;
        Ok(Counted { records, touched })
    }

    /// The books of the hours that begin at `from` or later and before `until` (milliseconds since 1970 UTC), of one clinic or of all;
    /// all of one instant. What the reader has not counted yet is counted here, so the answer is right however far it has come.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn hours(
        &self,
        clinic: Option<&str>,
        from: i64,
        until: i64,
    ) -> Result<Vec<HourBooks>, LedgerError> {
        let mut tx = self.db.begin_snapshot().await?;
        let hours = Span { clinic, from, until }.hours(&mut tx).await?;
        tx.rollback().await?;
        Ok(hours)
    }

    /// The first hour of the books from `from` on; `None`: there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn next_hour(&self, from: i64) -> Result<Option<i64>, LedgerError> {
        scalar("-- books: next hour\nSELECT min(hour) FROM books WHERE hour >= $1")
            .bind(from)
            .fetch_one(self.db.read())
            .await
    }
}

/// What is counted: of one clinic or of all, from the beginning of an hour until another one.
pub(crate) struct Span<'a> {
    pub clinic: Option<&'a str>,
    pub from: i64,
    pub until: i64,
}

impl Span<'_> {
    /// The books of each hour, in the order of hour and clinic.
    pub(crate) async fn hours(&self, tx: &mut Tx) -> Result<Vec<HourBooks>, LedgerError> {
        let told = self.told(tx).await?;
        let rows = self.rows(tx, "notification").await?;
        let facts = self.rows(tx, "fact").await?;
        Ok(compare(&told, &rows, &facts))
    }

    /// What records say.
    pub(crate) async fn told(&self, tx: &mut Tx) -> Result<Vec<Line>, LedgerError> {
        let mut told = self.counted(tx).await?;
        told.extend(self.uncounted(tx).await?);
        Ok(told)
    }

    async fn counted(&self, tx: &mut Tx) -> Result<Vec<Line>, LedgerError> {
        let rows: Vec<(String, i64, String, i64)> = query_as(
            "-- books: counted\nSELECT clinic, hour, kind, n FROM books WHERE hour >= $1 AND hour < $2 \
             AND (CAST($3 AS TEXT) IS NULL OR clinic = $3)",
        )
        .bind(self.from)
        .bind(self.until)
        .bind(self.clinic)
        .fetch_all(tx)
        .await?;
        Ok(lines(rows))
    }

    /// What lies behind the reader's cursor and is visible already.
    async fn uncounted(&self, tx: &mut Tx) -> Result<Vec<Line>, LedgerError> {
        let from = cursor(&mut *tx, READER).await?;
        let rows: Vec<(String, i64, String, i64)> = query_as(format!(
            "-- books: uncounted\n{CURSOR} {} WHERE k.hour >= $4 AND k.hour < $5 AND (CAST($6 AS TEXT) IS NULL OR k.clinic = $6) \
             GROUP BY k.clinic, k.hour, k.kind",
            by_kind("TRUE", "$3")
        ))
        .bind(from.0)
        .bind(from.1)
        .bind(of_facts())
        .bind(self.from)
        .bind(self.until)
        .bind(self.clinic)
        .fetch_all(tx)
        .await?;
        Ok(lines(rows))
    }

    /// What is there, by state.
    pub(crate) async fn rows(&self, tx: &mut Tx, table: &str) -> Result<Vec<Line>, LedgerError> {
        let rows: Vec<(String, i64, String, i64)> = query_as(format!(
            "-- books: rows\nSELECT clinic, (created_at / {HOUR_MS}) * {HOUR_MS} AS hour, state, count(*) FROM {table} \
             WHERE created_at >= $1 AND created_at < $2 AND (CAST($3 AS TEXT) IS NULL OR clinic = $3) GROUP BY 1, 2, 3",
        ))
        .bind(self.from)
        .bind(self.until)
        .bind(self.clinic)
        .fetch_all(tx)
        .await?;
        Ok(lines(rows))
    }
}

fn lines(rows: Vec<(String, i64, String, i64)>) -> Vec<Line> {
    rows.into_iter().map(|(clinic, hour, what, n)| Line { clinic, hour, what, n }).collect()
}
