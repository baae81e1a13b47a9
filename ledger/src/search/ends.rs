//! Where to look for what ended how.
//!
//! What changes while a message is sent, its state and its reason, has no index: with one, no update of its row could stay in its page.
//! So a reader of records notes in which ten minutes the rows were made that a record was about, with the state and the reason that they
//! had when it came by. Whatever a row says now, the record that told so lies behind the reader, and then its place is noted, or before
//! it, and then its id is among those that are asked for by name. A place that is noted may have nothing left in it.

use super::ask::Ask;
use crate::books::HOUR_MS;
use crate::db::Ledger;
use crate::engine::{Query, Tx, columns, query, query_as, scalar};
use crate::error::LedgerError;
use crate::stretch::{CURSOR, Stretch, cursor};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Name of the reader's cursor.
const READER: &str = "ends";
/// Length of a place, milliseconds.
pub(super) const SPAN_MS: i64 = 600_000;
/// Records that one step reads at most.
const PAGE: i64 = 2_000;
/// Letters of a reason's first word that are kept; what is longer is found by its beginning. Behind the word may stand an id.
const WORD: usize = 64;
/// Records behind the reader of which the rows are asked for by name; behind more of them all is searched.
const BEHIND: i64 = 20_000;
/// Places that are looked at for one page.
const PLACES: i64 = 1_000;
/// Reasons that are suggested.
const REASONS: i64 = 200;
/// How often a row is told of until it has ended, so that so many times as much is enough for a page.
const TOLD: i64 = 4;

/// Where rows may be that fit.
pub(super) struct Places {
    /// Beginnings of places, the newest first, with how much was told of each.
    pub spans: Vec<(i64, i64)>,
    /// There may be more, older than these.
    pub more: bool,
    /// Ids of rows that were told of since.
    pub fresh: Vec<String>,
}

impl Places {
    /// The next places that are likely enough for so many rows; none are left of an empty answer.
    pub fn take(&mut self, rows: i64) -> Vec<i64> {
        let mut told = 0;
        let enough = self.spans.iter().position(|(_, n)| {
            told += n;
            told >= rows.saturating_mul(TOLD)
        });
        let count = enough.map_or(self.spans.len(), |place| place + 1);
        self.spans.drain(..count).map(|(span, _)| span).collect()
    }
}

impl Ledger {
    /// Notes where the next records lead, for searches. `true`: there are no more. One process at a time does it; two that do note nothing
    /// twice.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_ends(&self) -> Result<bool, LedgerError> {
        let Some(stretch) = Stretch::next(self, READER, PAGE).await? else { return Ok(true) };
        // what moves after this look has a record behind it
        let told = told(self, &stretch).await?;
        let hours = columns(&of_hours(self, &stretch, &told).await?)?;
        let told = columns(&told)?;
        let mut tx = self.db.begin().await?;
        if !stretch.is_read(&mut tx, READER).await? {
            // somebody else noted them
            tx.rollback().await?;
            return Ok(true);
        }
        for text in [
            "-- ends: kinds\nINSERT INTO end_kind (state, word) SELECT DISTINCT r.state, r.word FROM {rows:state text, word text, span bigint, n bigint} \
             WHERE TRUE ON CONFLICT (state, word) DO NOTHING",
            "-- ends: spans\nINSERT INTO end_span (state, word, span, n) SELECT r.state, r.word, r.span, r.n \
             FROM {rows:state text, word text, span bigint, n bigint} WHERE TRUE \
             ON CONFLICT (state, word, span) DO UPDATE SET n = end_span.n + excluded.n",
        ] {
            query(text).bind(&told).execute(&mut tx).await?;
        }
        query(
            "-- ends: hours\nINSERT INTO hour_told (hour, n) SELECT r.hour, r.n FROM {rows:hour bigint, n bigint} WHERE TRUE \
             ON CONFLICT (hour) DO UPDATE SET n = hour_told.n + excluded.n",
        )
        .bind(&hours)
        .execute(&mut tx)
        .await?;
        tx.commit().await?;
        Ok(stretch.records < PAGE)
    }

    /// First words of the reasons that notifications have or had, for whoever looks for one: at most 200, in the order of the alphabet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn reasons(&self) -> Result<Vec<String>, LedgerError> {
        let words: Vec<String> = scalar("-- ends: reasons\nSELECT DISTINCT word FROM end_kind WHERE word <> '' ORDER BY word LIMIT $1")
            .bind(REASONS)
            .fetch_all(self.db.read())
            .await?;
        // as they are looked for
        Ok(words.into_iter().map(|word| word.trim_end_matches([':', ',']).to_owned()).collect())
    }
}

/// A place that was told of, and how often.
#[derive(Serialize)]
struct Told {
    state: String,
    word: String,
    span: i64,
    n: i64,
}

/// What a stretch of records is about: `t`.
const ABOUT: &str = "t AS (SELECT DISTINCT r.ntf FROM record r WHERE {beyond} AND {up_to:$3,$4})";

/// The places of the rows that these records are about.
async fn told(ledger: &Ledger, stretch: &Stretch) -> Result<Vec<Told>, LedgerError> {
    let asked = query_as(format!(
        "-- ends: told\n{CURSOR}, {ABOUT} \
         SELECT n.state, substr({{word:n.why}}, 1, {WORD}), (n.created_at / {SPAN_MS}) * {SPAN_MS}, count(*) \
         FROM t JOIN notification n ON n.ntf = t.ntf GROUP BY 1, 2, 3"
    ));
    let rows: Vec<(String, String, i64, i64)> =
        stretch.of(asked).fetch_all(ledger.db.read()).await?;
    let told = |(state, word, span, n)| Told { state, word, span, n };
    Ok(rows.into_iter().map(told).collect())
}

/// An hour of which something was told, and how often.
#[derive(Serialize)]
struct Hour {
    hour: i64,
    n: i64,
}

/// The hours in which these rows were made, and the facts that the same records are about.
async fn of_hours(
    ledger: &Ledger,
    stretch: &Stretch,
    told: &[Told],
) -> Result<Vec<Hour>, LedgerError> {
    let asked = query_as(format!(
        "-- ends: facts\n{CURSOR}, {ABOUT} \
         SELECT (f.created_at / {HOUR_MS}) * {HOUR_MS}, count(*) FROM t JOIN fact f ON f.id = t.ntf \
         WHERE substr(t.ntf, 1, 4) = 'fct_' GROUP BY 1"
    ));
    let facts: Vec<(i64, i64)> = stretch.of(asked).fetch_all(ledger.db.read()).await?;
    let mut hours: BTreeMap<i64, i64> = facts.into_iter().collect();
    for told in told {
        *hours.entry(told.span.div_euclid(HOUR_MS) * HOUR_MS).or_default() += told.n;
    }
    Ok(hours.into_iter().map(|(hour, n)| Hour { hour, n }).collect())
}

/// Ids that a record behind the reader is about. `None`: those are too many.
pub(crate) async fn behind(tx: &mut Tx) -> Result<Option<Vec<String>>, LedgerError> {
    let (xid, id) = cursor(&mut *tx, READER).await?;
    let told: Vec<String> = scalar(format!(
        "-- ends: behind\n{CURSOR} SELECT r.ntf FROM record r WHERE {{beyond}} ORDER BY {{by_commit}} LIMIT $3"
    ))
    .bind(xid)
    .bind(id)
    .bind(BEHIND)
    .fetch_all(tx)
    .await?;
    let is_all = (told.len() as i64) < BEHIND;
    let told: BTreeSet<String> = told.into_iter().collect();
    Ok(is_all.then(|| told.into_iter().collect()))
}

/// Where rows older than an instant may be that have the state and the reason that are asked for. `None`: the reader is too far behind.
pub(super) async fn places(
    tx: &mut Tx,
    ask: &Ask<'_>,
    edge: i64,
) -> Result<Option<Places>, LedgerError> {
    let Some(fresh) = behind(&mut *tx).await? else { return Ok(None) };
    let (text, values) = ask.ends(edge, PLACES);
    let asked = values.into_iter().fold(query_as(text), Query::bind);
    let spans: Vec<(i64, i64)> = asked.fetch_all(tx).await?;
    let more = spans.len() as i64 == PLACES;
    Ok(Some(Places { spans, more, fresh }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_places_are_taken_as_are_likely_enough() {
        let spans = vec![(9, 10), (7, 30), (6, 1), (2, 500), (1, 1)];
        let mut places = Places { spans, more: false, fresh: vec![] };
        assert_eq!(places.take(10), [9, 7]);
        assert_eq!(places.take(100), [6, 2]);
        assert_eq!(places.take(1_000), [1]);
        assert_eq!(places.take(1_000), [] as [i64; 0]);
    }
}
