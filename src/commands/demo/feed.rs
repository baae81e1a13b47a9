//! How the clinics' systems hand their events over: to the HTTP door, or to RabbitMQ.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use zeroize::Zeroizing;

use super::events::{Events, MALFORMED};
use super::stage::Stage;
use crate::start;

/// The clinic that malformed bytes come from.
const SOMEBODY: &str = "atasehir";
/// The demo's name for what is no JSON.
const MALFORMED_ID: &str = "malformed";

/// What the door said to one event.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The event's id.
    pub event: String,
    /// HTTP status.
    pub status: u16,
    /// `rule at /path`, of an event that was not taken in.
    pub why: String,
}

/// A way in.
pub enum Feed<'a> {
    /// The HTTP door, with a token for each clinic.
    Door { client: Client, url: String, tokens: BTreeMap<String, Zeroizing<String>> },
    /// `ulak publish`.
    Broker(&'a Stage),
}

impl<'a> Feed<'a> {
    /// The way that this stage has.
    ///
    /// # Errors
    /// No token could be made.
    pub async fn new(stage: &'a Stage) -> anyhow::Result<Self> {
        let Some(door) = &stage.door else { return Ok(Self::Broker(stage)) };
        let mut tokens = BTreeMap::new();
        for clinic in super::stage::CLINICS {
            let made = stage.ledger.create_token(clinic, "demo", "ulak demo").await;
            tokens.insert(clinic.to_owned(), made.map_err(|error| anyhow!(error))?.token);
        }
        let client = Client::builder().no_proxy().build().context("an HTTP client")?;
        Ok(Self::Door { client, url: format!("{door}/v1/events"), tokens })
    }

    /// Says everything once, and something that is no JSON.
    ///
    /// # Errors
    /// Nobody takes it.
    pub async fn first(&self, events: &Events) -> anyhow::Result<Vec<Answer>> {
        let mut answers = self.say(&events.first).await?;
        match self {
            Self::Door { .. } => {
                answers.push(self.post(SOMEBODY, MALFORMED_ID, MALFORMED.to_vec()).await?);
            }
            Self::Broker(stage) => {
                let file = stage.keep("malformed.bin", MALFORMED)?;
                publish(stage, &["--raw", "--routing-key", "ulak.payment-receipt.v1", &file])
                    .await?;
            }
        }
        Ok(answers)
    }

    /// Says some things again.
    ///
    /// # Errors
    /// Nobody takes them.
    pub async fn again(&self, events: &Events) -> anyhow::Result<Vec<Answer>> {
        self.say(&events.again).await
    }

    async fn say(&self, events: &[Value]) -> anyhow::Result<Vec<Answer>> {
        let Self::Broker(stage) = self else {
            let mut answers = vec![];
            for event in events {
                let id = event["id"].as_str().unwrap_or_default();
                let source = event["source"].as_str().unwrap_or_default();
                let clinic = source.trim_start_matches("/clinics/");
                answers.push(self.post(clinic, id, event.to_string().into_bytes()).await?);
            }
            return Ok(answers);
        };
        let file =
            stage.keep("events.json", Value::from(events.to_vec()).to_string().as_bytes())?;
        // some of them are wrong on purpose: checked here, nothing would be published
        publish(stage, &["--no-check", &file]).await?;
        Ok(vec![])
    }

    async fn post(&self, clinic: &str, id: &str, body: Vec<u8>) -> anyhow::Result<Answer> {
        let Self::Door { client, url, tokens } = self else {
            return Err(anyhow!("there is no door"));
        };
        // a clinic that nobody knows has no token; its system tries another one's
        let token = tokens.get(clinic).or_else(|| tokens.get(SOMEBODY)).context("no token")?;
        let answer = client
            .post(url)
            .bearer_auth(&**token)
            .header("content-type", "application/cloudevents+json")
            .body(body)
            .send()
            .await
            .context("the HTTP door")?;
        let status = answer.status();
        let said: Value = answer.json().await.context("the HTTP door's answer")?;
        let why = if status == StatusCode::ACCEPTED { String::new() } else { reason(&said) };
        Ok(Answer { event: id.to_owned(), status: status.as_u16(), why })
    }
}

/// `rule at /path` as dead letters say it.
fn reason(problem: &Value) -> String {
    let first = problem.pointer("/errors/0").unwrap_or(problem);
    let text = |field: &str| first[field].as_str().unwrap_or_default();
    match (text("reason"), text("path")) {
        ("", _) => text("detail").to_owned(),
        (reason, "") => format!("{reason} at /"),
        (reason, path) => format!("{reason} at {path}"),
    }
}

async fn publish(stage: &Stage, arguments: &[&str]) -> anyhow::Result<()> {
    let done = stage.command(&["publish"])?.args(arguments).output().await?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(anyhow!("the events were not published: {}", said.lines().last().unwrap_or_default()))
}

impl Stage {
    /// Writes a file beside the configuration; its path.
    fn keep(&self, name: &str, bytes: &[u8]) -> anyhow::Result<String> {
        let path = self.folder().join(name);
        std::fs::write(&path, bytes).with_context(|| path.display().to_string())?;
        Ok(path.display().to_string())
    }
}

/// Why the ledger does not answer, for the caller.
pub fn looked<T>(found: Result<T, ledger::LedgerError>) -> Result<T, super::Failure> {
    found.map_err(start::ledger_failure)
}
