//! Notifications that came and went: what a search looks through.

use crate::books::HOUR_MS;
use crate::db::Ledger;
use crate::engine::{columns, query};
use crate::error::LedgerError;
use serde::Serialize;

use super::{SEALED, WRAPPED};

/// Notifications of one person.
const OF_A_PERSON: i64 = 4;
/// Notifications about one appointment.
const OF_A_VISIT: i64 = 3;
/// One in so many made a fact, too.
const FACT_EVERY: i64 = 10;

/// A notification that came and went.
#[derive(Debug, Clone, Serialize)]
pub struct PastRow {
    /// Notification.
    pub ntf: String,
    /// Its number among all of this ledger, by which its person, appointment and event are named.
    pub n: i64,
    /// Clinic.
    pub clinic: String,
    /// CloudEvents type.
    #[serde(rename = "type")]
    pub event_type: &'static str,
    /// State.
    pub state: &'static str,
    /// Why.
    pub why: &'static str,
    /// Channel of its attempt; with `lane`, if there was one.
    pub channel: Option<&'static str>,
    /// Lane of its attempt.
    pub lane: Option<&'static str>,
    /// When it was received, milliseconds since 1970 UTC.
    pub at: i64,
}

impl PastRow {
    /// Its event's id.
    pub fn event_id(n: i64) -> String {
        format!("event-of-the-bench-{n}")
    }

    /// The keyed hash by which its appointment is found.
    pub fn appointment(n: i64) -> String {
        format!("appointment-of-the-bench-{}", n / OF_A_VISIT)
    }

    /// The keyed hash by which its thing is found.
    pub fn thing(n: i64) -> String {
        format!("thing-of-the-bench-number-{n}")
    }

    /// The keyed hash by which its person is found.
    pub fn person(n: i64) -> String {
        format!("person-of-the-bench-{}", n / OF_A_PERSON)
    }
}

const ROWS: &str = "{rows:ntf text, n bigint, clinic text, type text, state text, why text, channel text, lane text, at bigint}";

impl Ledger {
    /// Writes them with their persons, attempts, facts and first records, one statement a table.
    ///
    /// # Errors
    /// When the database does not answer; nothing is written then.
    pub async fn bench_fill_past(&self, rows: &[PastRow]) -> Result<(), LedgerError> {
        let rows = columns(rows)?;
        let mut tx = self.db.begin().await?;
        for text in [persons(), notifications(), open(), attempts(), facts(), records()] {
            query(text).bind(&rows).execute(&mut tx).await?;
        }
        tx.commit().await
    }

    /// What the readers of records would have counted and noted of them by now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn bench_count_past(&self) -> Result<(), LedgerError> {
        query(format!(
            "-- bench: books\nINSERT INTO books (clinic, hour, kind, n) SELECT clinic, (created_at / {HOUR_MS}) * {HOUR_MS}, 'received', count(*) \
             FROM notification GROUP BY 1, 2 UNION ALL SELECT clinic, (created_at / {HOUR_MS}) * {HOUR_MS}, 'fact-applied', count(*) \
             FROM fact GROUP BY 1, 2",
        ))
        .execute(self.db.write())
        .await?;
        self.bench_has_read("books").await?;
        while !self.note_ends().await? {}
        while self.keep_hours(100).await? > 0 {}
        Ok(())
    }
}

fn persons() -> String {
    let wrapped = "w".repeat(WRAPPED);
    format!(
        "-- bench: past persons\nINSERT INTO person (id, clinic, lookup, wrapped, master, rev, created_at) \
         SELECT 'per_of_the_bench_number_' || CAST(r.n / {OF_A_PERSON} AS TEXT), r.clinic, \
           'person-of-the-bench-' || CAST(r.n / {OF_A_PERSON} AS TEXT), '{wrapped}', 'm', 0, r.at FROM {ROWS} \
         WHERE r.n % {OF_A_PERSON} = 0 ON CONFLICT (id) DO NOTHING"
    )
}

/// Keyed hashes have 32 letters, a digest 52; an id has 26 of its own that are spread as evenly.
fn notifications() -> String {
    format!(
        "-- bench: past notifications\nINSERT INTO notification (ntf, clinic, type, source, event_id, subject, digest, person, appointment, version, \
         version_kind, thing, gap, gap_ms, class, on_unknown, expires_at, created_at, state, why, fence, attempt, changed_at) \
         SELECT r.ntf, r.clinic, r.type, '/clinics/' || r.clinic, 'event-of-the-bench-' || CAST(r.n AS TEXT), \
         'appointment/A-' || CAST(r.n / {OF_A_VISIT} AS TEXT), substr(r.ntf, 5) || substr(r.ntf, 5), \
         'per_of_the_bench_number_' || CAST(r.n / {OF_A_PERSON} AS TEXT), 'appointment-of-the-bench-' || CAST(r.n / {OF_A_VISIT} AS TEXT), 1, \
         'explicit', 'thing-of-the-bench-number-' || CAST(r.n AS TEXT), substr(r.ntf, 5) || '-gap-0', 21600000, 1, 'stop', r.at + 86400000, r.at, \
         r.state, r.why, 1, CASE WHEN r.lane IS NULL THEN 0 ELSE 1 END, r.at + 2000 FROM {ROWS}"
    )
}

fn open() -> String {
    format!(
        "-- bench: past open\nINSERT INTO open (ntf, lane, state, clinic, due_at, class, expires_at, number, releases) \
         SELECT r.ntf, coalesce(r.lane, 'none'), r.state, r.clinic, r.at + 7200000, 1, r.at + 86400000, NULL, 0 FROM {ROWS} \
         WHERE r.state IN ('waiting', 'unknown')"
    )
}

fn attempts() -> String {
    format!(
        "-- bench: past attempts\nINSERT INTO attempt (ntf, n, channel, lane, state, token, number, segments, started_at, deadline_at, ended_at, \
         code, provider_ref, reach) SELECT r.ntf, 1, r.channel, r.lane, \
         CASE WHEN r.state IN ('accepted', 'delivered', 'undelivered') THEN 'accepted' WHEN r.state = 'refused' THEN 'refused' ELSE 'unknown' END, \
         substr(r.ntf, 5), NULL, 1 + r.n % 3, r.at + 500, r.at + 30500, r.at + 600 + (r.n % 977) * 3, 'netgsm:00', CAST(r.n AS TEXT), \
         CASE r.state WHEN 'delivered' THEN 'arrived' WHEN 'undelivered' THEN 'lost' ELSE 'unheard' END FROM {ROWS} WHERE r.lane IS NOT NULL"
    )
}

fn facts() -> String {
    format!(
        "-- bench: past facts\nINSERT INTO fact (id, clinic, type, source, event_id, digest, state, why, created_at, about) \
         SELECT 'fct_' || substr(r.ntf, 5), r.clinic, 'clinic.appointment-booked.v1', '/clinics/' || r.clinic, 'fact-of-the-bench-' || CAST(r.n AS TEXT), \
         substr(r.ntf, 5) || substr(r.ntf, 5), 'applied', '', r.at, 'appointment-of-the-bench-' || CAST(r.n / {OF_A_VISIT} AS TEXT) FROM {ROWS} \
         WHERE r.n % {FACT_EVERY} = 0"
    )
}

/// The record that made each; what it says opens nothing.
fn records() -> String {
    // a third of a real one's: what is searched is not in it
    let body = "b".repeat(SEALED / 3);
    format!(
        "-- bench: past records\nINSERT INTO record (clinic, ntf, kind, at, bytes) SELECT r.clinic, r.ntf, 'received', r.at, \
         '{{\"body\":\"{body}\",\"digest\":\"\",\"event_type\":\"' || r.type || '\",\"id\":\"\",\"kind\":\"received\",\"person\":\"\",\"source\":\"\",\"via\":\"http\"}}' \
         FROM {ROWS}"
    )
}
