//! A month on one machine: `ulak up` on a SQLite file, facts over HTTP.

use serde_json::Value;
use simulator::{Script, Simulator};
use sqlx::Row as _;
use sqlx::sqlite::SqlitePool;

use super::calendar::{Clinic, Ms};
use super::drive::Place;
use super::in_config;
use super::random::Random;
use crate::harness::Embedded;

/// The machine.
pub struct Small {
    /// `ulak up`.
    pub machine: Embedded,
    raw: SqlitePool,
}

impl Small {
    /// At work, by a clock that a test moves.
    pub async fn start() -> Self {
        let mut machine = Embedded::prepare(Script::default(), &[("ULAK_TEST_CLOCK", "1")]).await;
        let text = std::fs::read_to_string(&machine.config).expect("it was written");
        std::fs::write(&machine.config, in_config(&text)).expect("written");
        machine.up(&[]).await;
        let raw = machine.raw().await;
        Self { machine, raw }
    }

    /// What was decided, fact by fact, in the order of their ids.
    pub async fn decisions(&self) -> Vec<String> {
        let records = "SELECT bytes FROM record WHERE kind IN ('fact-applied', 'fact-stale')";
        let rows = sqlx::query(records).fetch_all(&self.raw).await.expect("SQL");
        let mut all: Vec<String> = rows.iter().map(|row| decision(row.get("bytes"))).collect();
        all.sort();
        all
    }

    /// The end: see [`Embedded::finish`].
    pub async fn finish(self) {
        self.raw.close().await;
        self.machine.finish().await;
    }
}

/// Of a record what does not depend on keys.
fn decision(bytes: &str) -> String {
    let record: Value = serde_json::from_str(bytes).expect("JSON");
    let part = |name: &str| record[name].to_string();
    ["source", "id", "kind", "why", "digest", "plan", "cancelled"].map(part).join(" ")
}

impl Place for Small {
    fn outside(&self) -> &Simulator {
        &self.machine.outside
    }

    async fn move_clock(&mut self, by: Ms) {
        let put = "INSERT INTO meta (key, value) VALUES ('test-clock', $1) \
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        sqlx::query(put).bind(by.to_string()).execute(&self.raw).await.expect("SQL");
        // each look measures the clock; twice, because one may have been under way
        for _ in 0..2 {
            let answer = self.machine.get("/readyz").await;
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
    }

    async fn look(&self, now: Ms) -> (u64, Option<Ms>) {
        let look = "SELECT count(*) FILTER (WHERE due_at <= $1 OR state IN ('released', 'sending')) AS busy, \
                    min(due_at) FILTER (WHERE due_at > $1) AS next FROM open";
        let row = sqlx::query(look).bind(now).fetch_one(&self.raw).await.expect("SQL");
        (row.get::<i64, _>("busy") as u64, row.get("next"))
    }

    async fn facts(&mut self, clinic: Clinic, events: &[Value]) {
        let body = serde_json::to_vec(events).expect("JSON");
        let answer = self.machine.send_many(self.machine.token(clinic.id()), body).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
    }

    async fn direct(&mut self, clinic: Clinic, event: &Value) {
        let body = serde_json::to_vec(&[event]).expect("JSON");
        let answer = self.machine.send_many(self.machine.token(clinic.id()), body).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
    }

    async fn disturb(&mut self, _: &mut Random) {}
}
