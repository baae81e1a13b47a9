//! One machine with nothing installed: `ulak up` on a SQLite file, reached over HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ledger::report::{ListFilter, Listed};
use ledger::vault::Secret32;
use ledger::{Ledger, LedgerSettings};
use reqwest::Client;
use serde_json::Value;
use simulator::{MessageView, Script, Simulator};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use tempfile::TempDir;

use super::cli::{self, Said};
use super::event::{Event, PERSONAL};
use super::held::Hold;
use super::hooks;
use super::installation::{self, MASTER_KEY};
use super::log_line;
use super::process::{PATIENCE, Process};
use super::services::folder;

/// What `ulak up` says when it takes what is due.
pub const UP_IS_READY: &str = "releasing what is due";
/// Pause between two looks at a state of the ledger.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The clinics of every configuration.
const CLINICS: [&str; 2] = ["atasehir", "besiktas"];

/// A machine with `ulak up`. It ends with [`Embedded::finish`]; dropped without that, it fails the test.
pub struct Embedded {
    /// The process, while there is one.
    pub up: Option<Process>,
    /// Processes that a scenario has ended.
    pub gone: Vec<Process>,
    /// Netgsm, Twilio and İYS.
    pub outside: Simulator,
    /// The configuration file.
    pub config: PathBuf,
    /// Its folder.
    pub folder: PathBuf,
    /// Settings of every process.
    pub env: Vec<(String, String)>,
    /// Address of the HTTP door.
    pub door: String,
    client: Client,
    tokens: BTreeMap<String, String>,
    secrets: Mutex<BTreeSet<String>>,
    started: usize,
    finished: bool,
    _folder: TempDir,
}

/// What the door said.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its body.
    pub body: Value,
}

impl Embedded {
    /// Everything except the process; the ledger is not there yet.
    pub async fn prepare(script: Script, env: &[(&str, &str)]) -> Self {
        let script = hooks::on_their_way(script);
        let outside = Simulator::start_with("127.0.0.1:0", script).await.expect("a port");
        let (kept, folder) = folder();
        let config = folder.join("ulak.toml");
        let database = format!("sqlite://{}", folder.join("ulak.db").display());
        let text = installation::settings(&database, "none", &outside.url(), "none");
        std::fs::write(&config, format!("{text}[gateway]\nlisten = \"127.0.0.1:0\"\n"))
            .expect("written");
        Self {
            up: None,
            gone: Vec::new(),
            outside,
            config,
            folder,
            env: env.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            door: String::new(),
            client: Client::builder().no_proxy().build().expect("an HTTP client"),
            tokens: BTreeMap::new(),
            secrets: Mutex::new(PERSONAL.map(str::to_owned).into()),
            started: 0,
            finished: false,
            _folder: kept,
        }
    }

    /// A machine at work.
    pub async fn start(script: Script, env: &[(&str, &str)]) -> Self {
        let mut machine = Self::prepare(script, env).await;
        machine.up(&[]).await;
        machine
    }

    /// Starts `ulak up` and waits until it takes what is due.
    pub async fn up(&mut self, env: &[(&str, &str)]) {
        let mut up = self.process(env);
        self.find_door(&mut up).await;
        up.line(UP_IS_READY).await;
        self.up = Some(up);
        if self.tokens.is_empty() {
            let ledger = self.ledger().await;
            for clinic in CLINICS {
                let made = ledger.create_token(clinic, "e2e", "e2e").await.expect("a token");
                self.tokens.insert(clinic.to_owned(), made.token.to_string());
            }
        }
    }

    /// Starts `ulak up` and waits for nothing.
    pub fn process(&mut self, env: &[(&str, &str)]) -> Process {
        self.started += 1;
        let mut command = cli::command(&self.config, &self.env);
        command.envs(env.iter().copied()).arg("up").current_dir(&self.folder);
        Process::start(&format!("up-{}", self.started), command, &self.folder)
    }

    /// Starts `ulak up` whose first message is held at this place.
    pub async fn up_held(&mut self, place: &'static str) -> Hold {
        let hold = Hold::new(place, &self.folder);
        let path = hold.file().to_str().expect("UTF-8").to_owned();
        self.up(&[("ULAK_HOLD", place), ("ULAK_HOLD_FILE", &path)]).await;
        hold
    }

    async fn find_door(&mut self, up: &mut Process) {
        let said = up.log_where("its address", |line| line["listen"].is_string()).await;
        self.door = format!("http://{}", said["listen"].as_str().expect("text"));
    }

    /// kill −9.
    pub async fn killed(&mut self) {
        let mut up = self.up.take().expect("it runs");
        up.killed().await;
        self.gone.push(up);
    }

    /// SIGTERM; it must end well.
    pub async fn stopped(&mut self) {
        let mut up = self.up.take().expect("it runs");
        assert!(up.stopped().await.success(), "{}", up.tail());
        self.gone.push(up);
    }

    /// The token of a clinic.
    pub fn token(&self, clinic: &str) -> &str {
        self.tokens.get(clinic).expect("a clinic of the configuration")
    }

    /// Posts an event as its clinic does. An error: nobody answered.
    pub async fn try_post(&self, event: &Event) -> reqwest::Result<Answer> {
        self.hide(event.national());
        let clinic = event.text("/source").trim_start_matches("/clinics/");
        self.send(self.token(clinic), event.body()).await
    }

    /// Posts bytes with a token.
    pub async fn send(&self, token: &str, body: Vec<u8>) -> reqwest::Result<Answer> {
        self.send_as(token, "application/cloudevents+json", body).await
    }

    /// Posts an array of events with a token; the door must answer.
    pub async fn send_many(&self, token: &str, body: Vec<u8>) -> Answer {
        let sent = self.send_as(token, "application/cloudevents-batch+json", body).await;
        sent.expect("the door answers")
    }

    async fn send_as(&self, token: &str, kind: &str, body: Vec<u8>) -> reqwest::Result<Answer> {
        let answer = self
            .client
            .post(format!("{}/v1/events", self.door))
            .bearer_auth(token)
            .header("content-type", kind)
            .body(body)
            .send()
            .await?;
        let status = answer.status().as_u16();
        Ok(Answer { status, body: answer.json().await? })
    }

    /// Posts an event that must be taken in.
    pub async fn post(&self, event: &Event) {
        let answer = self.try_post(event).await.expect("the door answers");
        assert_eq!(answer.status, 202, "{}", answer.body);
    }

    /// `GET` with the token of Ataşehir.
    pub async fn get(&self, path: &str) -> Answer {
        let request = self.client.get(format!("{}{path}", self.door));
        let answer = request.bearer_auth(self.token("atasehir")).send().await.expect("an answer");
        let status = answer.status().as_u16();
        Answer { status, body: answer.json().await.unwrap_or_default() }
    }

    /// Something more that no log may hold.
    pub fn hide(&self, secret: &str) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).insert(secret.to_owned());
    }

    /// `ulak ARGS… --json`, while `ulak up` runs or not.
    pub async fn ulak(&self, args: &[&str]) -> Said {
        let mut command = cli::command(&self.config, &self.env);
        command.arg("--json").current_dir(&self.folder);
        cli::said(command, args).await
    }

    /// The ledger, past the process.
    pub async fn ledger(&self) -> Ledger {
        let key = data_encoding::BASE64.decode(MASTER_KEY.as_bytes()).expect("base64");
        let settings = LedgerSettings {
            url: format!("sqlite://{}", self.folder.join("ulak.db").display()).into(),
            master_key: Secret32::new(key.try_into().expect("32 bytes")),
            connections: 1,
            max_mib: None,
            name: "e2e".to_owned(),
        };
        Ledger::open(&settings).await.expect("the ledger is there")
    }

    /// The file, past the product.
    pub async fn raw(&self) -> SqlitePool {
        let options = SqliteConnectOptions::new()
            .filename(self.folder.join("ulak.db"))
            .busy_timeout(PATIENCE);
        SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("the file")
    }

    /// All rows, newest first.
    pub async fn rows(&self) -> Vec<Listed> {
        let ledger = self.ledger().await;
        let filter = ListFilter { limit: 1_000_000, ..ListFilter::default() };
        let rows = ledger.list(&filter).await.expect("a list");
        ledger.close().await;
        rows
    }

    /// The row of an event, if there is one.
    pub async fn row(&self, event: &Event) -> Option<Listed> {
        let ledger = self.ledger().await;
        let row = ledger.find(&event.ntf()).await.expect("an answer");
        ledger.close().await;
        row
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
    pub async fn until_state(&self, event: &Event, state: &str, why: &str) -> Listed {
        let what = format!("{} {state} ({why})", event.ntf());
        let fits = |row: &Listed| row.state.as_str() == state && row.why.starts_with(why);
        self.until(&what, async || self.row(event).await.filter(fits)).await
    }

    /// Waits for `count` accepted messages, and makes sure that there are not more.
    pub async fn until_accepted(&self, count: usize) -> Vec<MessageView> {
        let messages = self.outside.wait_for(count, PATIENCE).await;
        assert_eq!(messages.len(), count, "messages");
        messages
    }

    /// `ulak log balance --json`; fails if the books do not balance.
    pub async fn balance(&self) -> Value {
        let said = self.ulak(&["log", "balance"]).await;
        assert_eq!(said.code, 0, "the books do not balance: {}{}", said.stdout, said.stderr);
        said.json().pop().expect("one line")
    }

    /// The end of every scenario: the process stops when it is asked to, the books balance, no log holds a name, a number or a text,
    /// and each of its lines is as docs/log-line.schema.json has it.
    pub async fn finish(mut self) {
        if self.up.is_some() {
            self.stopped().await;
        }
        self.balance().await;
        for message in self.outside.messages().into_iter().take(installation::TEXTS) {
            self.hide(&message.text);
        }
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for process in &self.gone {
            let lines = process.lines();
            log_line::all_checked(&lines);
            for line in lines {
                let leak = secrets.iter().find(|secret| line.contains(secret.as_str()));
                assert_eq!(leak, None, "{} logged personal data: {line}", process.name);
                let panicked =
                    line.contains("panicked at") || line.contains(r#""message":"panic""#);
                assert!(!panicked, "{} panicked:\n{}", process.name, process.tail());
            }
        }
        self.finished = true;
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        let failing = std::thread::panicking();
        if failing {
            for process in self.up.iter().chain(self.gone.last()) {
                installation::print_tail(process);
            }
        }
        assert!(failing || self.finished, "the scenario did not end with finish()");
    }
}
