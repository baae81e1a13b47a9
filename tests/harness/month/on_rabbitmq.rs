//! A month in a large installation: facts by RabbitMQ, PostgreSQL, a worker, and two schedulers that are killed at random.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use simulator::Simulator;
use sqlx::Row as _;

use super::calendar::{Clinic, DAY, Ms};
use super::drive::Place;
use super::in_config;
use super::random::Random;
use crate::harness::installation::{Installation, Options};
use crate::harness::process::Process;
use crate::harness::publisher::NOTIFICATIONS;
use crate::harness::services::random_name;

/// Exchange that clinics publish facts to.
const FACTS: &str = "clinic.events";
/// Schedulers.
const SCHEDULERS: usize = 2;

/// The installation.
pub struct Large {
    /// Its processes and services.
    pub clinic: Installation,
    client: reqwest::Client,
    /// Where processes serve their health pages, by name.
    doors: BTreeMap<String, String>,
    /// How often a scheduler was killed.
    pub kills: usize,
    /// Facts that say that what was published before them is applied.
    marks: usize,
    now: Ms,
}

impl Large {
    /// At work, by a clock that a test moves.
    pub async fn start() -> Self {
        let clinic = Installation::prepare(Options::default().set("ULAK_TEST_CLOCK", 1)).await;
        let text = std::fs::read_to_string(&clinic.config).expect("it was written");
        std::fs::write(&clinic.config, in_config(&text)).expect("written");
        let clinic = clinic.launch(1, SCHEDULERS).await;
        let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        Self { clinic, client, doors: BTreeMap::new(), kills: 0, marks: 0, now: 0 }
    }

    /// Each process that has a door is asked whether it is ready, which makes it measure the clock; one that only begins measures it
    /// by itself.
    async fn measured(&mut self) {
        for process in self.clinic.schedulers.iter().chain(&self.clinic.workers) {
            if !self.doors.contains_key(&process.name) {
                self.doors.extend(door(process).map(|door| (process.name.clone(), door)));
            }
            let Some(door) = self.doors.get(&process.name) else { continue };
            for _ in 0..2 {
                let answer = self.client.get(format!("http://{door}/readyz")).send().await;
                answer.unwrap_or_else(|error| panic!("{}: {error}", process.name));
            }
        }
    }

    async fn publish(&self, exchange: &str, event: &Value) {
        let body = serde_json::to_vec(event).expect("JSON");
        let kind = event["type"].as_str().expect("text");
        self.clinic.publisher.body(exchange, kind, &body, &random_name()).await;
    }

    async fn number(&self, text: &'static str, with: &str) -> i64 {
        let one = sqlx::query_scalar(text).bind(with);
        one.fetch_one(&self.clinic.database).await.expect("SQL")
    }
}

fn door(process: &Process) -> Option<String> {
    process.lines().into_iter().find_map(|line| {
        let line: Value = serde_json::from_str(&line).ok()?;
        line["listen"].as_str().map(str::to_owned)
    })
}

impl Place for Large {
    fn outside(&self) -> &Simulator {
        &self.clinic.outside
    }

    async fn move_clock(&mut self, by: Ms) {
        let put = "INSERT INTO meta (key, value) VALUES ('test-clock', $1) \
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        sqlx::query(put).bind(by.to_string()).execute(&self.clinic.database).await.expect("SQL");
        self.now = crate::harness::clock::now_ms() + by;
        self.measured().await;
        // whoever sleeps until the next due time has slept by the old clock
        self.clinic.run("SELECT pg_notify('ulak_due', '')").await;
    }

    async fn look(&self, now: Ms) -> (u64, Option<Ms>) {
        let look = "SELECT count(*) FILTER (WHERE due_at <= $1 OR state IN ('released', 'sending')) AS busy, \
                    min(due_at) FILTER (WHERE due_at > $1) AS next FROM open";
        let row = sqlx::query(look).bind(now).fetch_one(&self.clinic.database).await.expect("SQL");
        (row.get::<i64, _>("busy") as u64, row.get("next"))
    }

    async fn facts(&mut self, clinic: Clinic, events: &[Value]) {
        for event in events {
            self.publish(FACTS, event).await;
        }
        // one queue, one consumer: when this is applied all before it is
        self.marks += 1;
        let id = format!("mark-{}", self.marks);
        let mark = json!({
            "specversion": "1.0", "id": id, "source": format!("/clinics/{}", clinic.id()),
            "type": "clinic.appointment-booked.v1", "time": clinic.written(self.now),
            "datacontenttype": "application/json",
            "data": {
                "recipient": { "name": "Ayşe Yılmaz", "phone": "+905320000000" },
                "appointment": {
                    "id": id, "version": 1, "starts_at": clinic.written(self.now + 20 * DAY), "reminders": [],
                },
            },
        });
        self.publish(FACTS, &mark).await;
        let applied = "SELECT count(*) FROM fact WHERE event_id = $1";
        self.clinic
            .until("facts are applied", async || {
                (self.number(applied, &id).await == 1).then_some(())
            })
            .await;
    }

    async fn direct(&mut self, _: Clinic, event: &Value) {
        self.publish(NOTIFICATIONS, event).await;
        let (source, id) = (event["source"].as_str(), event["id"].as_str());
        let ntf = schemas::NotificationId::of_event(source.expect("text"), id.expect("text"));
        let there = "SELECT count(*) FROM notification WHERE ntf = $1";
        let look = async || (self.number(there, ntf.as_str()).await == 1).then_some(());
        self.clinic.until("it is taken in", look).await;
    }

    /// Now and then a scheduler is killed, or both, and others begin at once.
    async fn disturb(&mut self, random: &mut Random) {
        if !random.percent(12) {
            return;
        }
        // somewhere between the look at what is due and the last copy
        tokio::time::sleep(Duration::from_millis(random.below(25) as u64)).await;
        let both = random.percent(25);
        for _ in 0..=usize::from(both) {
            let mut killed =
                self.clinic.schedulers.remove(random.below(self.clinic.schedulers.len()));
            killed.killed().await;
            self.clinic.gone.push(killed);
            self.kills += 1;
        }
        while self.clinic.schedulers.len() < SCHEDULERS {
            let begun = self.clinic.process("scheduler", &[]);
            self.clinic.schedulers.push(begun);
        }
    }
}
