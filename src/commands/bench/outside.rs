//! Provider and İYS: `ulak simulator` as a process of its own, and what it was sent.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value;

use super::super::demo::process::Process;
use super::usage::Pid;

/// Longest wait for one answer of it.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
/// Messages of one look.
const PAGE: usize = 20_000;
/// The call whose answers are counted.
const SEND: &str = "netgsm.send";
/// Netgsm's code for too many segments a second.
const OVER_LIMIT: &str = "80";

/// It, running; killed when this is dropped.
pub struct Outside {
    process: Process,
    pid: Pid,
    url: String,
    client: reqwest::Client,
}

/// A message that it accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accepted {
    /// To whom: ten digits.
    pub to: u64,
    /// When, milliseconds since 1970 by this machine's clock; whole ones.
    pub at_ms: f64,
    /// Segments.
    pub segments: u32,
}

/// How much it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Messages accepted.
    pub accepted: u64,
    /// Sends, also those that were refused or never answered.
    pub sends: u64,
    /// Sends that were refused because they were over the account's limit.
    pub over_limit: u64,
}

#[derive(Deserialize)]
struct Page {
    messages: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    n: u64,
    at: String,
    to: String,
    jobid: String,
    segments: u32,
}

impl Outside {
    /// Starts it with a script; `folder` takes what it says.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(folder: &Path, script: &Value) -> anyhow::Result<Self> {
        let file = folder.join("script.json");
        std::fs::write(&file, script.to_string()).with_context(|| file.display().to_string())?;
        let script = file.display().to_string();
        let arguments = ["--json", "simulator", "--listen", "127.0.0.1:0", "--script", &script];
        let mut process = Process::start(&folder.join("ulak.toml"), "simulator", &arguments)?;
        let line: Value = serde_json::from_str(&process.line("listening").await?)?;
        let address = line["listening"].as_str().context("the simulator's address")?;
        let pid = Pid(process.id().context("the simulator has ended")?);
        let client = reqwest::Client::builder().no_proxy().timeout(ANSWERS_WITHIN).build()?;
        Ok(Self { process, pid, url: format!("http://{address}"), client })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// An error if it has ended.
    ///
    /// # Errors
    /// It has.
    pub fn still_runs(&mut self) -> anyhow::Result<()> {
        self.process.still_runs()
    }

    async fn asked(&self, what: &str) -> anyhow::Result<reqwest::Response> {
        let url = format!("{}/_simulator/{what}", self.url);
        self.client.get(url).send().await.context("the simulator")
    }

    /// Counts so far.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn counted(&self) -> anyhow::Result<Counted> {
        let stats: Value = self.asked("stats").await?.json().await?;
        Ok(counted(&stats))
    }

    /// All messages that it accepted, in their order.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn accepted(&self) -> anyhow::Result<Vec<Accepted>> {
        let accepted = |row: &Row| {
            let at = DateTime::parse_from_rfc3339(&row.at)?.timestamp_millis() as f64;
            Ok(Accepted { to: row.to.parse()?, at_ms: at, segments: row.segments })
        };
        self.rows().await?.iter().map(accepted).collect()
    }

    /// The id that it gave the message to each number.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn ids(&self) -> anyhow::Result<HashMap<u64, String>> {
        let rows = self.rows().await?;
        rows.into_iter().map(|row| Ok((row.to.parse()?, row.jobid))).collect()
    }

    async fn rows(&self) -> anyhow::Result<Vec<Row>> {
        let mut all = vec![];
        let mut after = 0;
        loop {
            let what = format!("messages?after={after}&limit={PAGE}");
            let page: Page = self.asked(&what).await?.json().await?;
            let Some(last) = page.messages.last() else { return Ok(all) };
            after = last.n;
            all.extend(page.messages);
        }
    }
}

fn counted(stats: &Value) -> Counted {
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let send = &stats["calls"][SEND];
    Counted {
        accepted: number(&stats["messages"]),
        sends: number(&send["requests"]),
        over_limit: number(&send["codes"][OVER_LIMIT]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_over_the_limit_are_counted_apart() {
        let stats = serde_json::json!({
            "messages": 5,
            "calls": { "netgsm.send": { "requests": 8, "codes": { "00": 5, "80": 3 } } },
        });
        assert_eq!(counted(&stats), Counted { accepted: 5, sends: 8, over_limit: 3 });
        let nothing = Counted { accepted: 0, sends: 0, over_limit: 0 };
        assert_eq!(counted(&Value::Null), nothing);
    }
}
