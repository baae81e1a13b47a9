//! A whole installation on its own vhost and database: simulator, scheduler, workers.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use simulator::{MessageView, Script, Simulator};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Row as _};
use tempfile::TempDir;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::cli::{self, Said};
use super::event::{Event, PERSONAL};
use super::hooks;
use super::log_line;
use super::process::{PATIENCE, Process};
use super::publisher::Publisher;
use super::services::{Database, Services, Vhost, folder};

/// What a worker says when it consumes from every queue.
pub const WORKER_IS_READY: &str = "taking messages from all queues";
/// What a scheduler says when it is at work.
pub const SCHEDULER_IS_READY: &str = "releasing what is due";
/// Pause between two looks at a state of the ledger.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The master key of every installation.
pub const MASTER_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// Texts that are looked for in logs at the end of a scenario: enough of them, even of a very large one.
pub const TEXTS: usize = 1_000;

/// What differs from installation to installation.
pub struct Options {
    /// No other installation runs meanwhile: for what measures time, or touches the services themselves.
    pub alone: bool,
    /// Workers that are started.
    pub workers: usize,
    /// Schedulers that are started.
    pub schedulers: usize,
    /// `clinics.atasehir.quiet_hours`.
    pub quiet_hours: String,
    /// Settings of every process, as variables: `("ULAK_WORKER__IN_FLIGHT", "8")`.
    pub env: Vec<(&'static str, String)>,
    /// What the outside world knows.
    pub script: Script,
    /// Where its vhost and database are; `None`: on the services that all scenarios share.
    pub services: Option<Services>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            alone: false,
            workers: 1,
            schedulers: 1,
            quiet_hours: "none".to_owned(),
            env: Vec::new(),
            script: Script::default(),
            services: None,
        }
    }
}

impl Options {
    /// Adds a setting of every process.
    #[must_use]
    pub fn set(mut self, variable: &'static str, value: impl std::fmt::Display) -> Self {
        self.env.push((variable, value.to_string()));
        self
    }
}

/// A row of the ledger's state table with its due time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Notification.
    pub ntf: String,
    /// State.
    pub state: String,
    /// Why.
    pub why: String,
    /// Number of its last attempt.
    pub attempts: i64,
    /// When it is due, milliseconds since 1970 UTC, if it is not final.
    pub due_at: Option<i64>,
    /// The lane it waits on.
    pub lane: Option<String>,
}

/// An installation. It ends with [`Installation::finish`], which looks at books and logs; dropped without that, it
/// fails the test.
pub struct Installation {
    /// The workers.
    pub workers: Vec<Process>,
    /// The schedulers.
    pub schedulers: Vec<Process>,
    /// Processes that a scenario has ended; their logs are looked at too.
    pub gone: Vec<Process>,
    /// Netgsm and İYS.
    pub outside: Simulator,
    /// The clinic's connection to the broker.
    pub publisher: Publisher,
    /// The ledger, past the product.
    pub database: PgPool,
    /// The configuration file.
    pub config: PathBuf,
    /// Settings of every process.
    pub env: Vec<(String, String)>,
    /// Its vhost.
    pub vhost: Vhost,
    /// Its database.
    pub store: Database,
    /// Its folder: configuration, logs, and whatever a scenario puts there.
    pub folder: PathBuf,
    secrets: Mutex<BTreeSet<String>>,
    panics: bool,
    started: usize,
    finished: bool,
    _folder: TempDir,
    _place: Place,
}

/// Installations read it; one that has to be alone writes it.
static MACHINE: RwLock<()> = RwLock::const_new(());

enum Place {
    Shared(#[expect(dead_code, reason = "held, not read")] RwLockReadGuard<'static, ()>),
    Alone(#[expect(dead_code, reason = "held, not read")] RwLockWriteGuard<'static, ()>),
}

impl Installation {
    /// Everything except the processes: vhost, database (not migrated), simulator, configuration.
    pub async fn prepare(options: Options) -> Self {
        let place = if options.alone {
            Place::Alone(MACHINE.write().await)
        } else {
            Place::Shared(MACHINE.read().await)
        };
        let services = options.services.unwrap_or_else(Services::shared);
        let (vhost, store) =
            (Vhost::create_on(&services).await, Database::create_on(&services).await);
        let script = hooks::on_their_way(options.script);
        let outside = Simulator::start_with("127.0.0.1:0", script).await.expect("a port");
        let (kept, folder) = folder();
        let config = folder.join("ulak.toml");
        let text = settings(&store.url(), &vhost.url(), &outside.url(), &options.quiet_hours);
        std::fs::write(&config, text).expect("written");
        let pool = PgPoolOptions::new().max_connections(2).connect(&store.url()).await;
        Self {
            workers: Vec::new(),
            schedulers: Vec::new(),
            gone: Vec::new(),
            outside,
            publisher: Publisher::connect(&vhost.url()).await,
            database: pool.expect("PostgreSQL"),
            config,
            env: options.env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            vhost,
            store,
            folder,
            secrets: Mutex::new(PERSONAL.map(str::to_owned).into()),
            panics: false,
            started: 0,
            finished: false,
            _folder: kept,
            _place: place,
        }
    }

    /// A running installation.
    pub async fn start(options: Options) -> Self {
        let (workers, schedulers) = (options.workers, options.schedulers);
        Self::prepare(options).await.launch(workers, schedulers).await
    }

    /// Migrates, starts the processes, and waits until they are at work.
    pub async fn launch(mut self, workers: usize, schedulers: usize) -> Self {
        let migrated = self.ulak(&["migrate"]).await;
        assert_eq!(migrated.code, 0, "{}{}", migrated.stdout, migrated.stderr);
        for _ in 0..schedulers {
            let process = self.process("scheduler", &[]);
            self.schedulers.push(process);
        }
        for _ in 0..workers {
            let process = self.process("worker", &[]);
            self.workers.push(process);
        }
        for process in &mut self.schedulers {
            process.line(SCHEDULER_IS_READY).await;
        }
        for process in &mut self.workers {
            process.line(WORKER_IS_READY).await;
        }
        self
    }

    /// Starts `ulak KIND` with these variables beside the settings of every process. It is the caller's, who gives
    /// it back through `workers`, `schedulers` or `gone`, so that its log is looked at.
    pub fn process(&mut self, kind: &str, env: &[(&str, &str)]) -> Process {
        self.started += 1;
        let mut command = cli::command(&self.config, &self.env);
        command.envs(env.iter().copied()).arg(kind).current_dir(&self.folder);
        Process::start(&format!("{kind}-{}", self.started), command, &self.folder)
    }

    /// Starts another worker and waits until it consumes.
    pub async fn add_worker(&mut self, env: &[(&str, &str)]) {
        let mut worker = self.process("worker", env);
        worker.line(WORKER_IS_READY).await;
        self.workers.push(worker);
    }

    /// Replaces each worker by one with these variables.
    pub async fn restart_workers(&mut self, env: &[(&str, &str)]) {
        for mut worker in std::mem::take(&mut self.workers) {
            assert!(worker.stopped().await.success(), "{}", worker.tail());
            self.gone.push(worker);
            self.add_worker(env).await;
        }
    }

    /// A scenario in which handlers panic on purpose says so.
    pub fn expects_panics(&mut self) {
        self.panics = true;
    }

    /// Publishes an event as a clinic does. Its number is looked for in every log at the end.
    pub async fn publish(&self, event: &Event) {
        self.hide(event.national());
        self.publisher.event(event).await;
    }

    /// Something more that no log may hold.
    pub fn hide(&self, secret: &str) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).insert(secret.to_owned());
    }

    /// `ulak ARGS… --json`.
    pub async fn ulak(&self, args: &[&str]) -> Said {
        let mut command = cli::command(&self.config, &self.env);
        command.arg("--json").current_dir(&self.folder);
        cli::said(command, args).await
    }

    /// `ulak log list --json`.
    pub async fn log_list(&self) -> Vec<Value> {
        self.ulak(&["log", "list", "--limit", "100000"]).await.json()
    }

    /// `ulak log show ID --json`.
    pub async fn log_show(&self, ntf: &str) -> Vec<Value> {
        self.ulak(&["log", "show", ntf]).await.json()
    }

    /// `ulak log explain ID`, for people.
    pub async fn explain(&self, ntf: &str) -> String {
        let said = cli::said(cli::command(&self.config, &self.env), &["log", "explain", ntf]).await;
        assert_eq!(said.code, 0, "{}", said.stderr);
        said.stdout
    }

    /// `ulak dead-letter list --json`.
    pub async fn dead_letters(&self) -> Vec<Value> {
        self.ulak(&["dead-letter", "list", "--limit", "100000"]).await.json()
    }

    /// `ulak log balance --json`; fails if the books do not balance.
    pub async fn balance(&self) -> Value {
        let said = self.ulak(&["log", "balance"]).await;
        assert_eq!(said.code, 0, "the books do not balance: {}{}", said.stdout, said.stderr);
        said.json().pop().expect("one line")
    }

    /// Runs SQL round the product's back; returns how many rows it touched.
    pub async fn run(&self, text: &str) -> u64 {
        let done = sqlx::query(AssertSqlSafe(text.to_owned())).execute(&self.database).await;
        done.expect("SQL").rows_affected()
    }

    /// One number.
    pub async fn number(&self, text: &str) -> i64 {
        let one = sqlx::query_scalar(AssertSqlSafe(text.to_owned()));
        one.fetch_one(&self.database).await.expect("SQL")
    }

    /// A text out of the ledger.
    pub async fn text(&self, text: &str) -> String {
        let one = sqlx::query_scalar(AssertSqlSafe(text.to_owned()));
        one.fetch_one(&self.database).await.expect("SQL")
    }

    /// All rows, oldest first.
    pub async fn rows(&self) -> Vec<Row> {
        let rows = sqlx::query(
            "SELECT n.ntf, n.state, n.why, n.attempt, o.due_at, o.lane FROM notification n \
             LEFT JOIN open o ON o.ntf = n.ntf ORDER BY n.created_at, n.ntf",
        )
        .fetch_all(&self.database)
        .await
        .expect("SQL");
        rows.iter()
            .map(|row| Row {
                ntf: row.get("ntf"),
                state: row.get("state"),
                why: row.get("why"),
                attempts: row.get("attempt"),
                due_at: row.get("due_at"),
                lane: row.get("lane"),
            })
            .collect()
    }

    /// The row of an event, if there is one.
    pub async fn row(&self, event: &Event) -> Option<Row> {
        let ntf = event.ntf();
        self.rows().await.into_iter().find(|row| row.ntf == ntf)
    }

    /// Waits until `look` finds something; fails after a minute with everything in the ledger.
    pub async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            if Instant::now() > give_up {
                let rows: Vec<String> =
                    self.rows().await.iter().map(|row| format!("{row:?}")).collect();
                panic!("not within {PATIENCE:?}: {what}; the ledger has:\n{}", rows.join("\n"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until the row of an event is in this state, for a reason that begins so.
    pub async fn until_state(&self, event: &Event, state: &str, why: &str) -> Row {
        let what = format!("{} {state} ({why})", event.ntf());
        let fits = |row: &Row| row.state == state && row.why.starts_with(why);
        self.until(&what, async || self.row(event).await.filter(fits)).await
    }

    /// Waits until there are `count` notifications (refused events too) and none of them is open.
    pub async fn until_settled(&self, count: usize) -> Vec<Row> {
        self.until(&format!("{count} settled notifications"), async || {
            let rows = self.rows().await;
            let settled = rows.len() == count && rows.iter().all(|row| row.due_at.is_none());
            settled.then_some(rows)
        })
        .await
    }

    /// Makes an open row due now.
    pub async fn make_due(&self, event: &Event) {
        let text = format!("UPDATE open SET due_at = 0 WHERE ntf = '{}'", event.ntf());
        assert_eq!(self.run(&text).await, 1, "{} is not open", event.ntf());
    }

    /// Waits for `count` accepted messages, and makes sure that there are not more.
    pub async fn until_accepted(&self, count: usize) -> Vec<MessageView> {
        let messages = self.outside.wait_for(count, PATIENCE).await;
        if messages.len() != count {
            let rows: Vec<String> =
                self.rows().await.iter().map(|row| format!("{row:?}")).collect();
            panic!(
                "{} messages, not {count}; the ledger has:\n{}",
                messages.len(),
                rows.join("\n")
            );
        }
        messages
    }

    /// Waits until some worker (then scheduler) has written a log line with this alert; returns it.
    pub async fn alert(&mut self, alert: &str) -> Value {
        let is = |line: &Value| line["alert"] == alert;
        let count = self.workers.len();
        assert!(count > 0, "no worker to wait for");
        if count == 1 {
            return self.workers[0].log_where(alert, is).await;
        }
        let logged = |processes: &[Process]| {
            let lines = processes.iter().flat_map(Process::lines);
            lines.filter_map(|line| serde_json::from_str(&line).ok()).find(|line| is(line))
        };
        self.until(alert, async || logged(&self.workers)).await
    }

    /// The end of every scenario: every process stops when it is asked to, the books balance, no log holds a name, a number or a
    /// text, and each of its lines is as docs/log-line.schema.json has it.
    pub async fn finish(mut self) {
        self.balance().await;
        let texts: Vec<String> =
            self.outside.messages().into_iter().take(TEXTS).map(|message| message.text).collect();
        for text in &texts {
            self.hide(text);
        }
        let mut processes = std::mem::take(&mut self.workers);
        processes.append(&mut self.schedulers);
        for process in &mut processes {
            assert!(process.runs(), "{} has ended by itself:\n{}", process.name, process.tail());
            let status = process.stopped().await;
            assert!(status.success(), "{} ended with {status}:\n{}", process.name, process.tail());
        }
        processes.append(&mut self.gone);
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for process in &processes {
            let lines = process.lines();
            log_line::all_checked(&lines);
            for line in lines {
                let leak = secrets.iter().find(|secret| line.contains(secret.as_str()));
                assert_eq!(leak, None, "{} logged personal data: {line}", process.name);
                // The second is what our own hook logs; the first comes before it is set.
                let panicked =
                    line.contains("panicked at") || line.contains(r#""message":"panic""#);
                assert!(!panicked || self.panics, "{} panicked:\n{}", process.name, process.tail());
            }
        }
        let rows = self.rows().await;
        let unsound = rows.iter().find(|row| {
            let open = ["waiting", "released", "sending", "unknown"].contains(&row.state.as_str());
            open != row.due_at.is_some()
        });
        assert_eq!(unsound, None, "a row whose due time does not fit its state");
        self.finished = true;
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        let failing = std::thread::panicking();
        if failing {
            for process in self.workers.iter().chain(&self.schedulers).chain(&self.gone) {
                print_tail(process);
            }
        }
        assert!(failing || self.finished, "the scenario did not end with finish()");
    }
}

#[expect(clippy::print_stderr, reason = "what a person needs who looks at a failed scenario")]
pub fn print_tail(process: &Process) {
    eprintln!("--- {}, last lines\n{}", process.name, process.tail());
}

pub fn settings(database: &str, broker: &str, outside: &str, quiet_hours: &str) -> String {
    format!(
        r#"[database]
url = "{database}"
master_key = "{MASTER_KEY}"
[broker]
url = "{broker}"
[worker]
listen = "127.0.0.1:0"
in_flight = 64
prefetch = 64
drain_s = 30
[scheduler]
listen = "127.0.0.1:0"
[providers.netgsm]
base_url = "{outside}"
username = "8501234567"
password = "netgsm-secret"
sender = "KLINIK"
[providers.netgsm.accounts.other]
username = "8507654321"
password = "other-secret"
sender = "OTHER"
[providers.iys]
base_url = "{outside}"
username = "iys-user"
password = "iys-secret"
iys_code = 100001
brand_code = 100001
[clinics.atasehir]
name = "Ataşehir Kliniği"
quiet_hours = "{quiet_hours}"
[clinics.besiktas]
name = "Beşiktaş Kliniği"
quiet_hours = "none"
[clinics.besiktas.accounts]
netgsm = "other"
[log]
format = "json"
level = "debug"
"#
    )
}
