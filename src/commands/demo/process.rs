//! The demo's own `ulak` processes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

/// How long a process may take to start.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks at its log.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running process; it is killed when this is dropped.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// This very program with a configuration, apart from what the caller's environment says about another installation.
pub fn command(config: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("this program's own path")?);
    for (name, _) in std::env::vars_os() {
        let ours = |prefix: &str| name.to_str().is_some_and(|name| name.starts_with(prefix));
        if ["ULAK_", "NETGSM_", "TWILIO_"].into_iter().any(ours) {
            command.env_remove(&name);
        }
    }
    command.arg("--config").arg(config).stdin(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

impl Process {
    /// Starts `ulak <arguments>`; what it says goes to `<folder>/<name>.log`.
    pub fn start(config: &Path, name: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let log = config.with_file_name(format!("{name}.log"));
        let out = File::create(&log).with_context(|| log.display().to_string())?;
        let mut command = command(config)?;
        command.args(arguments).stdout(out.try_clone()?).stderr(out);
        let child = command.spawn().context("ulak does not start")?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// The operating system's number for it; `None`: it has ended.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Everything it has said.
    pub fn said(&self) -> anyhow::Result<String> {
        let bytes = std::fs::read(&self.log).with_context(|| self.log.display().to_string())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Waits for a line with `words` in it.
    pub async fn line(&mut self, words: &str) -> anyhow::Result<String> {
        let look = async {
            loop {
                let said = self.said()?;
                // the last line may be half written
                let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
                if let Some(line) = whole.lines().find(|line| line.contains(words)) {
                    return Ok(line.to_owned());
                }
                self.still_runs()?;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        match tokio::time::timeout(PATIENCE, look).await {
            Ok(line) => line,
            Err(_) => Err(anyhow!(
                "{} did not say \"{words}\" within {} s; see {}",
                self.name,
                PATIENCE.as_secs(),
                self.log.display()
            )),
        }
    }

    /// An error with its last line if it has ended.
    pub fn still_runs(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let said = self.said()?;
        let last = said.lines().last().unwrap_or("nothing");
        Err(anyhow!("{} ended ({status}); its last line: {last}", self.name))
    }

    /// Asks it to stop and waits; whether it ended well.
    pub async fn end(mut self) -> anyhow::Result<bool> {
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM)?;
        }
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let well = matches!(&ended, Ok(Ok(status)) if status.success());
        if !well {
            super::say(format_args!(
                "NOT AS FORESEEN: {} did not end well after SIGTERM; see {}",
                self.name,
                self.log.display()
            ))?;
        }
        Ok(well)
    }
}
