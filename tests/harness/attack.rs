//! An installation under attack, and what is counted after it: nobody lost, nobody twice, and whoever is unknown is named.

use std::io::Write as _;
use std::time::{Duration, Instant};

use simulator::{Fault, FaultKind, Operation, Provider};

use super::event::Event;
use super::installation::{Installation, Options, Row};
use super::load::{StubbornPublisher, events};
use super::process::{PATIENCE, Process};
use super::proxy::{Proxy, Way};
use super::scaled;
use super::services::{Database, Services, Vhost};

/// Longest time in which everything is well again: a connection that is lost without a word is given up after 35 s, and one that was
/// asked just before that after another 35 s (`ledger::engine::lent`).
const RECOVERY: Duration = Duration::from_mins(2);
/// Pause between two looks at the ledger.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// To whom the way is in the test's hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbour {
    /// RabbitMQ.
    Broker,
    /// PostgreSQL.
    Database,
    /// Netgsm.
    Netgsm,
    /// İYS.
    Iys,
}

/// How every event of an attack ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ends {
    /// Accepted, and with the provider exactly once.
    pub accepted: usize,
    /// Nobody knows: with the provider once or not at all, and listed for a person.
    pub unresolved: usize,
}

/// An installation, the way to one of its neighbours, and a clinic that publishes.
pub struct Attack {
    /// The installation: two workers and a scheduler.
    pub clinic: Installation,
    /// The way.
    pub way: Proxy,
    /// All events so far.
    pub events: Vec<Event>,
    publisher: StubbornPublisher,
}

/// What cannot be found out is given up after seconds instead of a quarter of an hour, after as many looks as anybody has, and the
/// provider answers as many questions as that takes.
pub fn soon_given_up(mut options: Options) -> Options {
    options.script.netgsm.report_queries_per_minute = scaled::QUERIES;
    options
        .set("ULAK_PROVIDERS__NETGSM__QUERIES_PER_MIN", scaled::QUERIES)
        .set("ULAK_RECONCILE__SETTLE", "1s,1s,1s")
        .set("ULAK_RECONCILE__GIVE_UP", "10s")
}

impl Attack {
    /// Two workers and a scheduler behind a proxy, at a provider that takes 50 ms for a message, so that there is work in every
    /// moment. `heartbeat` of the broker's connections in seconds, short so that a silent one is noticed soon.
    pub async fn on(neighbour: Neighbour, options: Options) -> Self {
        let services = options.services.clone().unwrap_or_else(Services::shared);
        let mut clinic = Installation::prepare(options).await;
        let target = match neighbour {
            Neighbour::Broker => Vhost::address_on(&services),
            Neighbour::Database => Database::address_on(&services),
            Neighbour::Netgsm | Neighbour::Iys => {
                clinic.outside.url().trim_start_matches("http://").to_owned()
            }
        };
        let way = Proxy::to(&target).await;
        let by = way.address();
        let (key, url) = match neighbour {
            Neighbour::Broker => {
                ("ULAK_BROKER__URL", clinic.vhost.url_by(&by, "guest") + "?heartbeat=2")
            }
            Neighbour::Database => ("ULAK_DATABASE__URL", clinic.store.url_by(&by, "postgres")),
            Neighbour::Netgsm => ("ULAK_PROVIDERS__NETGSM__BASE_URL", format!("http://{by}")),
            Neighbour::Iys => ("ULAK_PROVIDERS__IYS__BASE_URL", format!("http://{by}")),
        };
        clinic.env.push((key.to_owned(), url));
        Self::begin(clinic, way).await
    }

    /// The same without a way of its own: for what strikes the services themselves.
    pub async fn without_a_proxy(options: Options) -> Self {
        let clinic = Installation::prepare(options).await;
        Self::begin(clinic, Proxy::closed("127.0.0.1:1").await).await
    }

    async fn begin(clinic: Installation, way: Proxy) -> Self {
        let clinic = clinic.launch(2, 1).await;
        let slow = Fault::new(Provider::Netgsm, Operation::Send, FaultKind::Slow { ms: 50 });
        clinic.outside.add_fault(slow).expect("a fault");
        let publisher = StubbornPublisher::of(&clinic);
        Self { clinic, way, events: Vec::new(), publisher }
    }

    /// Publishes so many more events.
    pub async fn publish(&mut self, count: usize) {
        let all = self.events.len() + count;
        // ids go on where the last ones ended; each event has a number of its own
        let more: Vec<Event> = events(all).into_iter().skip(self.events.len()).collect();
        self.clinic.hide_all(&more);
        for event in more {
            self.publisher.publish(&event).await;
            self.events.push(event);
        }
    }

    /// Publishes `count` events and waits until some of them are with the provider and others are not: that is load.
    pub async fn load(&mut self, count: usize) {
        let before = self.accepted();
        self.publish(count).await;
        self.clinic.outside.wait_for(before + count / 10, PATIENCE).await;
        assert!(
            self.accepted() < before + count,
            "all was sent before the attack: that is no load"
        );
    }

    /// Messages that the provider has.
    pub fn accepted(&self) -> usize {
        usize::try_from(self.clinic.outside.accepted()).expect("a number")
    }

    /// Opens the way again; `reset`: what stood before is gone, as behind a firewall that was started again.
    pub fn heal(&self, reset: bool) {
        self.way.set(Way::Open);
        if reset {
            self.way.reset_all();
        }
    }

    /// Waits until everything so far was accepted, exactly once.
    pub async fn all_sent_once(&mut self, what: &str) {
        self.all_taken_once(what, |row| row.state == "accepted").await;
    }

    /// Waits until everything so far has such an end, and is with the provider exactly once.
    pub async fn all_taken_once(&mut self, what: &str, is_end: impl Fn(&Row) -> bool) {
        let count = self.events.len();
        let give_up = Instant::now() + RECOVERY;
        loop {
            let rows = self.clinic.rows().await;
            let open: Vec<_> = rows.iter().filter(|row| !is_end(row)).collect();
            if open.is_empty() && rows.len() == count {
                break;
            }
            assert!(
                Instant::now() < give_up,
                "{} of {count} rows, these not sent within {RECOVERY:?} after {what}: {open:#?}",
                rows.len()
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.clinic.nobody_twice();
        assert_eq!(self.accepted(), count, "after {what}");
    }

    /// Waits until everything so far has ended, and counts how.
    pub async fn ends(&mut self, what: &str) -> Ends {
        self.clinic.ends_of(&self.events, what).await
    }

    /// Attempts that may have arrived when they ended, whatever became of them later.
    pub async fn unknown(&self) -> i64 {
        let outcomes = r#"SELECT count(*) FROM record WHERE kind = 'outcome' AND bytes LIKE '%"outcome":"unknown"%'"#;
        self.clinic.number(outcomes).await
    }

    /// What `/readyz` of each worker says.
    pub async fn workers_ready(&mut self) -> Vec<u16> {
        let mut ready = Vec::new();
        for worker in &mut self.clinic.workers {
            ready.push(worker.ready().await);
        }
        ready
    }
}

impl Process {
    /// Status of its `/readyz`.
    pub async fn ready(&mut self) -> u16 {
        let line = self.log_where("its address", |line| line["listen"].is_string()).await;
        let url = format!("http://{}/readyz", line["listen"].as_str().expect("an address"));
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
        let answer = client.expect("a client").get(url).send().await.expect("it answers");
        answer.status().as_u16()
    }
}

impl Installation {
    /// Waits until all these events have ended, of an installation that is [`soon_given_up`] where some may be unknown. Long waits are cut
    /// short (a retry, the next look at an unknown attempt, the next probe of a lane); nothing else is done for them. Then each is accepted and with the provider once, or `unresolved` and with
    /// it at most once; anything else fails.
    pub async fn ends_of(&self, events: &[Event], what: &str) -> Ends {
        let impatient = [
            "UPDATE open SET due_at = 0 WHERE due_at <> 0 AND (state = 'unknown' OR ntf IN \
             (SELECT ntf FROM notification WHERE state = 'waiting' AND why LIKE 'retry%'))",
            "UPDATE lane SET probe_at = 0 WHERE state = 'closed'",
        ];
        let rows = self
            .until(&format!("{} have ended after {what}", events.len()), async || {
                for text in impatient {
                    self.run(text).await;
                }
                let rows = self.rows().await;
                let ended = rows.iter().all(|row| row.due_at.is_none());
                (ended && rows.len() == events.len()).then_some(rows)
            })
            .await;
        self.nobody_twice();
        let mut ends = Ends::default();
        for event in events {
            let ntf = event.ntf();
            let row = rows.iter().find(|row| row.ntf == ntf).expect("nobody is lost");
            let sent = self.outside.messages_to(event.national()).len();
            match row.state.as_str() {
                "accepted" => {
                    assert_eq!(sent, 1, "after {what}: {row:?}");
                    ends.accepted += 1;
                }
                "unresolved" => {
                    assert!(sent <= 1, "after {what}: {row:?}");
                    assert!(!row.why.is_empty(), "unresolved without a reason: {row:?}");
                    ends.unresolved += 1;
                }
                other => panic!("after {what}: {other} is no end of these events: {row:?}"),
            }
        }
        let books = self.balance().await;
        assert_eq!(books["received"], events.len(), "{books}");
        assert_eq!(books["states"]["accepted"], ends.accepted, "{books}");
        assert_eq!(books["states"]["unresolved"], ends.unresolved, "{books}");
        ends
    }
}

/// Says on the terminal, past the test harness that hides what passing tests say, and in the file that `scripts/test` prints at its
/// end, that something was **not run**, and why. It is never counted as passed in silence.
pub fn not_run(what: &str, why: &str) {
    let line = format!("not run: {what}: {why}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(file) = std::env::var_os("ULAK_TEST_NOT_RUN") {
        let open = std::fs::OpenOptions::new().create(true).append(true).open(file);
        open.and_then(|mut file| file.write_all(line.as_bytes())).expect("the report is written");
    }
}
