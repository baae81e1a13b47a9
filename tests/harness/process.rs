//! One `ulak` process: its log as it is written, signals, its end.

use std::io::Write as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// Longest wait for anything that a process should do.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Longest wait for what a process said before it ended.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// A running process. It is killed when this is dropped.
pub struct Process {
    /// What it is called in failures: `worker-1`.
    pub name: String,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    written: watch::Receiver<usize>,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command`; what it says on stdout and stderr is kept, and written to `<folder>/<name>.log`.
    pub fn start(name: &str, mut command: Command, folder: &Path) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("ulak starts");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (count, written) = watch::channel(0);
        let file = std::fs::File::create(folder.join(format!("{name}.log"))).expect("a log file");
        let sink = Arc::new(Sink { lines: Arc::clone(&lines), count, file });
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        tokio::spawn(Arc::clone(&sink).follow(stdout.expect("piped")));
        tokio::spawn(sink.follow(stderr.expect("piped")));
        Self { name: name.to_owned(), child, lines, written, ended: None }
    }

    /// Everything it has said so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has said a line with this in it (from its start on) and returns that line.
    pub async fn line(&mut self, needle: &str) -> String {
        self.line_where(needle, |line| line.contains(needle)).await
    }

    /// Waits for a log line of which this is true.
    pub async fn log_where(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let parsed = |line: &str| serde_json::from_str::<Value>(line).ok();
        let line = self.line_where(what, |line| parsed(line).is_some_and(|line| is(&line))).await;
        parsed(&line).expect("it was parsed a moment ago")
    }

    async fn line_where(&mut self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let (lines, mut seen) = (Arc::clone(&self.lines), 0);
        let (name, written) = (self.name.clone(), &mut self.written);
        let find = async {
            loop {
                {
                    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(line) = lines[seen..].iter().find(|line| is(line)) {
                        return line.clone();
                    }
                    seen = lines.len();
                }
                if written.wait_for(|count| *count > seen).await.is_err() {
                    let all = lines.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(line) = all[seen..].iter().find(|line| is(line)) {
                        return line.clone();
                    }
                    panic!("{name} ended and never said {what:?}; it said:\n{}", all.join("\n"));
                }
            }
        };
        let Ok(line) = tokio::time::timeout(PATIENCE, find).await else {
            panic!(
                "{name} did not say {what:?} within {PATIENCE:?}; it said:\n{}",
                tail(&self.lines(), 40)
            )
        };
        line
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        kill_process(pid.expect("it runs"), signal).expect("it may be signalled");
    }

    /// Stops it where it stands (SIGSTOP); returns when the kernel says that it is stopped.
    pub async fn frozen(&self) {
        let stat = format!("/proc/{}/stat", self.child.id().expect("it runs"));
        self.signal(Signal::STOP);
        let is_stopped = || {
            let stat = std::fs::read_to_string(&stat).expect("it runs");
            // the state is the field behind the name in parentheses
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
        };
        while !is_stopped() {
            tokio::task::yield_now().await;
        }
    }

    /// Lets it run again (SIGCONT).
    pub fn thawed(&self) {
        self.signal(Signal::CONT);
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("a child of ours");
        }
        self.ended.is_none()
    }

    /// The most memory that it ever had resident, and what it has now, MiB.
    pub fn memory_mib(&self) -> (u64, u64) {
        let id = self.child.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).expect("KiB")
        };
        (kib("VmHWM:") / 1_024, kib("VmRSS:") / 1_024)
    }

    /// Waits for its end; at most a minute.
    pub async fn ended(&mut self) -> ExitStatus {
        if let Some(status) = self.ended {
            return status;
        }
        let Ok(status) = tokio::time::timeout(PATIENCE, self.child.wait()).await else {
            panic!(
                "{} did not end within {PATIENCE:?}; it said:\n{}",
                self.name,
                tail(&self.lines(), 40)
            )
        };
        // its last words may still be on their way; whoever it started may go on and hold its output open
        let all = async { while self.written.changed().await.is_ok() {} };
        let _ = tokio::time::timeout(LAST_WORDS, all).await;
        *self.ended.insert(status.expect("a child of ours"))
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stopped(&mut self) -> ExitStatus {
        if self.runs() {
            self.signal(Signal::TERM);
        }
        self.ended().await
    }

    /// Kills it where it stands (SIGKILL), and waits until it is gone.
    pub async fn killed(&mut self) {
        if self.runs() {
            self.signal(Signal::KILL);
        }
        self.ended().await;
    }

    /// Its last lines, for a failure.
    pub fn tail(&self) -> String {
        tail(&self.lines(), 40)
    }
}

/// The last `n` lines.
fn tail(lines: &[String], n: usize) -> String {
    lines[lines.len().saturating_sub(n)..].join("\n")
}

struct Sink {
    lines: Arc<Mutex<Vec<String>>>,
    count: watch::Sender<usize>,
    file: std::fs::File,
}

impl Sink {
    /// Ends with the stream; when both have ended, whoever waits for a line hears of it.
    async fn follow(self: Arc<Self>, from: impl AsyncRead + Unpin) {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).await.is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            // The file is for a person who looks at a failure; the test itself reads memory.
            let _ = writeln!(&self.file, "{text}");
            let count = {
                let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
                lines.push(text);
                lines.len()
            };
            self.count.send_replace(count);
            line.clear();
        }
    }
}
