//! `ulak doctor`: one line a check, with what to do. Nothing is sent, nothing is changed.

mod abroad;
mod consents;
mod file;
mod inside;
mod outside;
mod whatsapp;

use std::time::Duration;

use ledger::lanes::Lane;
use serde_json::json;

use super::{Failure, Settings, runtime, say};
use crate::cli::Global;

/// Longest wait for one check.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Ok,
    Warn,
    Fail,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    check: String,
    status: Status,
    said: String,
    todo: Option<String>,
}

impl Finding {
    fn ok(check: impl Into<String>, said: impl Into<String>) -> Self {
        Self { check: check.into(), status: Status::Ok, said: said.into(), todo: None }
    }

    fn warn(check: impl Into<String>, said: impl Into<String>, todo: impl Into<String>) -> Self {
        let todo = Some(todo.into());
        Self { check: check.into(), status: Status::Warn, said: said.into(), todo }
    }

    fn fail(check: impl Into<String>, said: impl Into<String>, todo: impl Into<String>) -> Self {
        let todo = Some(todo.into());
        Self { check: check.into(), status: Status::Fail, said: said.into(), todo }
    }

    /// One line, whatever others said.
    fn line(&self) -> String {
        let todo = self.todo.as_ref().map(|todo| format!(" -> {todo}")).unwrap_or_default();
        let text = format!("{}{todo}", self.said);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{:<4}  {:<18} {text}", self.status.as_str(), self.check)
    }
}

/// Runs the command.
///
/// # Errors
/// The configuration cannot be read at all, or a check failed.
pub fn run(global: &Global) -> Result<(), Failure> {
    let settings = Settings::read(global)?;
    let failed = runtime()?.block_on(async {
        let mut report = Report { json: global.json, failed: 0 };
        report.all(inside::configuration(&settings))?;
        report.all(within("broker", inside::broker(&settings)).await)?;
        let (ledger, findings) = inside::database(&settings).await;
        report.all(findings)?;
        let lanes: Vec<Lane> = match &ledger {
            Some(ledger) => ledger.lanes().await.unwrap_or_default(),
            None => Vec::new(),
        };
        if ledger.is_some() {
            report.all(inside::lanes(&lanes))?;
        }
        report.all(inside::texts(&settings))?;
        let worker = crate::start::worker_settings(&settings.config);
        report.all(within("netgsm", outside::netgsm(&worker)).await)?;
        report.all(within("twilio", abroad::twilio(&worker)).await)?;
        report.all(within("whatsapp", whatsapp::numbers(&settings.config, &worker)).await)?;
        report.all(within("templates", whatsapp::templates(&settings, &worker)).await)?;
        report.all(abroad::bases(&worker))?;
        report.all(within("iys", outside::iys(&worker, ledger.as_ref(), &lanes)).await)?;
        let asked = consents::netgsm(&worker, ledger.as_ref());
        report.all(within("netgsm-iys", asked).await)?;
        if let Some(ledger) = ledger {
            report.all(outside::clock(&providers::wall::ahead_ms(ledger.clock().now_ms())))?;
            ledger.close().await;
        }
        Ok::<_, Failure>(report.failed)
    })?;
    match failed {
        0 => Ok(()),
        // each is on a line of its own
        1 => Err(anyhow::anyhow!("1 check failed; what to do stands behind its arrow").into()),
        n => {
            Err(anyhow::anyhow!("{n} checks failed; what to do stands behind their arrows").into())
        }
    }
}

async fn within(check: &str, work: impl Future<Output = Vec<Finding>>) -> Vec<Finding> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        let said = format!("no answer within {} s", PATIENCE.as_secs());
        vec![Finding::fail(check, said, "look at the network between this machine and the service")]
    })
}

struct Report {
    json: bool,
    failed: usize,
}

impl Report {
    /// Prints each finding when it is known: a slow service does not hide what was found before it.
    fn all(&mut self, findings: Vec<Finding>) -> Result<(), Failure> {
        for finding in findings {
            self.failed += usize::from(finding.status == Status::Fail);
            if self.json {
                say(json!({
                    "check": finding.check, "status": finding.status.as_str(),
                    "said": finding.said, "todo": finding.todo,
                }))?;
            } else {
                say(finding.line())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_with_what_to_do_behind_an_arrow() {
        let finding = Finding::fail("broker", "refused\n  access", "mend broker.url");
        assert_eq!(finding.line(), "fail  broker             refused access -> mend broker.url");
        assert_eq!(Finding::ok("clock", "3 ms off").line(), "ok    clock              3 ms off");
    }
}
