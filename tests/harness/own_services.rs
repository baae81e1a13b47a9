//! A broker and a database of a scenario's own, for what would disturb every other scenario: restarts.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::services::{Services, folder, root};

/// They live until this is dropped, and not longer than this process: `scripts/services run` takes them down when the
/// pipe to its command closes, however that comes about. Make them before what uses them.
pub struct OwnServices {
    /// Where they are.
    pub services: Services,
    script: Child,
    /// Deleted after the services are down: they are found by what is in it.
    _folder: TempDir,
}

impl OwnServices {
    /// Starts both.
    pub async fn up() -> Self {
        let up = tokio::task::spawn_blocking(Self::start);
        up.await.expect("services start; what stopped them is on stderr")
    }

    fn start() -> Self {
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
        let mut lines = BufReader::new(script.stdout.take().expect("piped")).lines();
        let mut line = || lines.next().expect("they start").expect("UTF-8");
        let services = Services { amqp: line(), database: line(), folder: path };
        Self { services, script, _folder: kept }
    }
}

impl Drop for OwnServices {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let down = self.script.wait().is_ok_and(|status| status.success());
        assert!(down || std::thread::panicking(), "services are not down: see stderr");
    }
}
