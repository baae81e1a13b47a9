//! A broker and a database of a scenario's own, for what would disturb every other scenario: restarts.

use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use super::process::PATIENCE;
use super::services::{Services, folder, root};

/// They live until [`OwnServices::down`], and not longer than this process: `scripts/services run` takes them down when
/// the pipe to its command closes, however that comes about.
pub struct OwnServices {
    /// Where they are.
    pub services: Services,
    script: Child,
    pipe: ChildStdin,
    _folder: TempDir,
}

impl OwnServices {
    /// Starts both.
    pub async fn up() -> Self {
        let (kept, path) = folder();
        let say_and_wait = r#"printf '%s\n' "$AMQP_URL" "$DATABASE_URL"; exec cat >/dev/null"#;
        let mut script = Command::new(root().join("scripts/services"))
            .arg("run")
            .arg(&path)
            .args(["--", "sh", "-c", say_and_wait])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("scripts/services starts");
        let pipe = script.stdin.take().expect("piped");
        let mut lines = BufReader::new(script.stdout.take().expect("piped")).lines();
        let mut line = async || {
            let next = tokio::time::timeout(PATIENCE, lines.next_line()).await;
            let line = next.expect("services start within a minute").expect("readable");
            line.expect("services start; what stopped them is on stderr")
        };
        let services = Services { amqp: line().await, database: line().await, folder: path };
        Self { services, script, pipe, _folder: kept }
    }

    /// Stops both and waits until they are gone.
    pub async fn down(mut self) {
        drop(self.pipe);
        let ended = tokio::time::timeout(PATIENCE, self.script.wait()).await;
        let status = ended.expect("services stop within a minute").expect("a child of ours");
        assert!(status.success(), "scripts/services run ended with {status}");
    }
}
