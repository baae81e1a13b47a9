//! Workers that are held at a named place of the pipeline (`worker::hold`), and copies that get there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ledger::{Ledger, LedgerSettings, vault::Secret32};
use serde_json::Value;
use simulator::{Fault, FaultKind, Operation, Provider};
use tokio::time::Instant;

use super::event::Event;
use super::installation::{Installation, MASTER_KEY, WORKER_IS_READY};
use super::process::{PATIENCE, Process};
use super::services::random_name;

/// Pause between two looks for a file.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Which copy of an event a worker gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// What the clinic published; there is no row yet.
    ByTheClinic,
    /// What the scheduler released: a row whose first attempt certainly failed.
    ByTheScheduler,
}

impl Copied {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::ByTheClinic, Self::ByTheScheduler];

    /// For ids.
    pub fn name(self) -> &'static str {
        match self {
            Self::ByTheClinic => "clinic",
            Self::ByTheScheduler => "scheduler",
        }
    }

    /// Attempts that were made before.
    pub fn attempts_before(self) -> i64 {
        i64::from(self == Self::ByTheScheduler)
    }
}

/// A place at which the first message of one worker is held.
pub struct Hold {
    place: &'static str,
    file: PathBuf,
    reached_at: Option<Instant>,
}

impl Hold {
    /// A hold for a process that is about to be started.
    pub fn new(place: &'static str, folder: &Path) -> Self {
        let file = folder.join(format!("hold-{}", random_name()));
        Self { place, file, reached_at: None }
    }

    /// `ULAK_HOLD_FILE` of that process.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Waits until a message is there.
    pub async fn reached(&mut self) {
        let (file, give_up) = (self.file.with_extension("reached"), Instant::now() + PATIENCE);
        while !file.exists() {
            assert!(Instant::now() < give_up, "no message came to {} in a minute", self.place);
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.reached_at = Some(Instant::now());
    }

    /// When [`Hold::reached`] saw it there.
    pub fn reached_at(&self) -> Instant {
        self.reached_at.expect("it was waited for")
    }

    /// Lets it go on.
    pub fn go(&self) {
        std::fs::write(self.file.with_extension("go"), "").expect("written");
    }
}

/// Whether a log line says that a copy was acked because another one is or was in work.
pub fn says_stale(line: &Value) -> bool {
    line["message"] == "handled" && line["end"] == "Stale"
}

impl Installation {
    /// Starts a worker whose first message is held at this place.
    pub fn held_worker(&mut self, place: &'static str) -> (Process, Hold) {
        let hold = Hold::new(place, &self.folder);
        let path = hold.file().to_str().expect("UTF-8").to_owned();
        let env = [("ULAK_HOLD", place), ("ULAK_HOLD_FILE", path.as_str())];
        (self.process("worker", &env), hold)
    }

    /// Puts this copy of an event into its queue, for a worker that is started afterwards. For the scheduler's, a
    /// worker of before has made a first attempt that Netgsm throttled, and was stopped; this needs
    /// `ULAK_WORKER__QUICK_RETRIES=0`.
    pub async fn hand_over(&mut self, event: &Event, copied: Copied) {
        self.publish(event).await;
        if copied == Copied::ByTheClinic {
            return;
        }
        let throttled = FaultKind::Code { code: "80".to_owned() };
        let throttled = Fault::new(Provider::Netgsm, Operation::Send, throttled);
        self.outside.add_fault(throttled.number(event.national()).times(1)).expect("a fault");
        self.with_a_worker(async |clinic, _| {
            clinic.until_state(event, "waiting", "retry").await;
        })
        .await;
        self.make_due(event).await;
        self.until_state(event, "released", "").await;
    }

    /// Starts a worker, waits for what is wanted of it, and stops it.
    pub async fn with_a_worker(&mut self, wanted: impl AsyncFnOnce(&mut Self, &mut Process)) {
        let mut worker = self.process("worker", &[]);
        worker.line(WORKER_IS_READY).await;
        wanted(self, &mut worker).await;
        assert!(worker.stopped().await.success(), "{}", worker.tail());
        self.gone.push(worker);
    }

    /// The ledger by the product's own door, for what has no command yet.
    pub async fn ledger(&self) -> Ledger {
        let key = data_encoding::BASE64.decode(MASTER_KEY.as_bytes()).expect("base64");
        let settings = LedgerSettings {
            url: self.store.url().into(),
            master_key: Secret32::new(key.try_into().expect("32 bytes")),
            connections: 1,
            max_mib: None,
            name: "e2e".to_owned(),
        };
        Ledger::open(&settings).await.expect("the ledger is there")
    }
}
