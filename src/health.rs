//! `/healthz` and `/readyz` of a long-running process.

mod steady;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use bus::{Bus, LinkState};
use ledger::{Engine, Ledger, LedgerError};
use metrics::Metrics;
use scheduler::reconcile::Counts;
use serde_json::{Value, json};
use steady::{OK, Seen, Steady};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use worker::Worker;

use crate::approved::Approved;
use crate::clocks::Clocks;
use crate::measures;

/// How often parts are looked at although nobody asks.
const LOOK_AT_PARTS_EVERY: Duration = Duration::from_secs(5);
/// The same where the ledger is a file.
const LOOK_AT_A_FILE_EVERY: Duration = Duration::from_secs(30);
/// How often the ledger's file is looked after.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Longest wait for the ledger's answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// A clock this far from the database's makes decisions wrong (PROTOCOL rule 15), milliseconds.
const CLOCK_OFF_MS: i64 = 5_000;

/// What readiness is asked of, as it comes to be there. Each is set once, by the start.
#[derive(Clone, Default)]
pub struct Parts(Arc<Known>);

#[derive(Default)]
struct Known {
    ledger: OnceLock<Ledger>,
    /// `None`: the process works without one.
    bus: OnceLock<Option<Arc<Bus>>>,
    worker: OnceLock<Arc<Worker>>,
    stop: OnceLock<CancellationToken>,
    metrics: OnceLock<Arc<Metrics>>,
    reconciled: OnceLock<Arc<Counts>>,
    approved: OnceLock<Arc<Approved>>,
    /// The process is one that sends: it is not ready before its worker is there.
    sends: OnceLock<()>,
    /// Ledger, broker, clock.
    parts: Mutex<[Steady; 3]>,
}

impl Parts {
    /// The ledger is open.
    pub fn has_ledger(&self, ledger: Ledger) {
        let _ = self.0.ledger.set(ledger);
    }

    /// The broker was reached, or there is none.
    pub fn has_broker(&self, bus: Option<Arc<Bus>>) {
        let _ = self.0.bus.set(bus);
    }

    /// Once it is cancelled the process is not ready any more, whatever else is there: nobody should send it anything new.
    pub fn ends_with(&self, stop: CancellationToken) {
        let _ = self.0.stop.set(stop);
    }

    /// What this process measures; told before anything else.
    pub fn measures(&self, metrics: Arc<Metrics>) {
        let _ = self.0.metrics.set(metrics);
    }

    /// What this process measures.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(self.0.metrics.get_or_init(|| Metrics::new([])))
    }

    /// A scheduler looks for unknown attempts.
    pub fn reconciles(&self, counts: Arc<Counts>) {
        let _ = self.0.reconciled.set(counts);
    }

    /// Templates are mapped, and compared with what their vendors approved.
    pub fn has_templates(&self, approved: Arc<Approved>) {
        let _ = self.0.approved.set(approved);
    }

    /// The process is one that sends; told before anything is asked.
    pub fn will_send(&self) {
        let _ = self.0.sends.set(());
    }

    /// What it has done, once there is one.
    pub(crate) fn reconciled(&self) -> Option<&Counts> {
        self.0.reconciled.get().map(|counts| &**counts)
    }

    /// The ledger, once it is open.
    pub(crate) fn ledger(&self) -> Option<&Ledger> {
        self.0.ledger.get()
    }

    /// The broker, once it was reached.
    pub(crate) fn bus(&self) -> Option<&Arc<Bus>> {
        self.0.bus.get()?.as_ref()
    }

    /// The worker, once there is one.
    pub(crate) fn worker(&self) -> Option<&Arc<Worker>> {
        self.0.worker.get()
    }

    /// A worker takes messages; it knows first when the ledger takes nothing any more.
    pub fn has_worker(&self, worker: Arc<Worker>) {
        let _ = self.0.worker.set(worker);
    }
}

/// Takes the address before anything else is done, so that a second process on the same port says so at once.
///
/// # Errors
/// The address is taken or not ours.
pub async fn bind(listen: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!(
            "cannot listen on {listen}; set {key} to another address, or to port 0 for a free one"
        )
    })?;
    tracing::info!(listen = %listener.local_addr()?, "health pages at /healthz and /readyz");
    Ok(listener)
}

/// Serves until the stop, also while ledger and broker are waited for.
pub async fn serve(listener: TcpListener, parts: Parts, stop: CancellationToken) {
    let served = axum::serve(listener, pages(parts))
        .with_graceful_shutdown(async move { stop.cancelled().await });
    if let Err(error) = served.await {
        tracing::warn!(%error, "health pages ended");
    }
}

/// Says so when the ledger's file is removed or replaced while it is open, also while nothing happens. Whoever works meets it by
/// himself.
pub async fn mind_the_file(ledger: Ledger, stop: CancellationToken) {
    let mut was_there = true;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        match ledger.is_in_place() {
            Err(error) if was_there => {
                tracing::error!(alert = "ledger-gone", %error, "nothing is taken");
            }
            Ok(()) if !was_there => tracing::info!("the ledger's file is in its place again"),
            Ok(()) | Err(_) => continue,
        }
        was_there = !was_there;
    }
}

/// `/healthz`, `/readyz` and `/metrics`.
pub fn pages(parts: Parts) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(measures::page))
        .with_state(parts)
}

async fn ready(State(parts): State<Parts>) -> (StatusCode, Json<Value>) {
    let (all, said) = parts.say().await;
    let status = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(said))
}

impl Parts {
    /// Whether the process is ready; else what `/readyz` says, on one line.
    ///
    /// # Errors
    /// What is missing or does not answer.
    pub async fn look(&self) -> Result<(), String> {
        let (all, said) = self.say().await;
        if all {
            Ok(())
        } else {
            Err(said["why"].as_str().map_or_else(|| said.to_string(), str::to_owned))
        }
    }

    /// What `/readyz` says.
    async fn say(&self) -> (bool, Value) {
        let ready = &self.metrics().process;
        let waits = |part: &'static str, why: &str| {
            ready.ready(part, false);
            ready.ready("all", false);
            (false, json!({ "ready": false, "why": why }))
        };
        if self.0.stop.get().is_some_and(CancellationToken::is_cancelled) {
            return waits("not-stopping", "stopping");
        }
        ready.ready("not-stopping", true);
        // a process whose configuration or texts are wrong ends before it answers anybody
        ready.ready("configuration", true);
        let Some(ledger) = self.0.ledger.get() else {
            return waits("ledger", "waiting for the ledger");
        };
        let Some(bus) = self.0.bus.get() else { return waits("broker", "waiting for the broker") };
        let worker = self.0.worker.get();
        if self.0.sends.get().is_some() && worker.is_none() {
            return waits("texts", "waiting for texts and templates");
        }
        let looked = self.looked(asked(ledger, bus.as_deref(), worker).await);
        let all = looked.iter().all(|(_, works, _)| *works);
        let mut said = json!({ "ready": all, "configuration": OK });
        for (part, works, word) in looked {
            ready.ready(part, works);
            said[part] = word.into();
        }
        if worker.is_some() {
            ready.ready("texts", true);
            said["texts"] = OK.into();
        }
        ready.ready("all", all);
        // no reason not to be ready: where a template does not work its messages take the next channel
        if let Some(approved) = self.0.approved.get() {
            said["templates"] = json!(approved.said());
        }
        (all, said)
    }

    /// What the parts are said to be after this look.
    fn looked(&self, seen: [(&'static str, Option<Seen>); 3]) -> Vec<(&'static str, bool, String)> {
        let now = Instant::now();
        let mut parts = self.0.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let told = seen.into_iter().zip(parts.iter_mut());
        let told = told.map(|((part, seen), steady)| match seen {
            Some(seen) => {
                let (works, said) = steady.seen(now, seen);
                (part, works, said.to_owned())
            }
            None => (part, true, "none".to_owned()),
        });
        told.collect()
    }

    /// Looks now and then although nobody asks, so that metrics know and a doubt has been looked at when somebody does.
    pub async fn keep_looking(self, stop: CancellationToken) {
        let mut clocks = Clocks::default();
        loop {
            self.say().await;
            if let Some(ledger) = self.ledger() {
                clocks.compare(ledger.clock().now_ms());
            }
            let every = match self.ledger().map(Ledger::engine) {
                // a look is a commit
                Some(Engine::Sqlite) => LOOK_AT_A_FILE_EVERY,
                Some(Engine::Postgres) | None => LOOK_AT_PARTS_EVERY,
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(every) => {}
            }
        }
        self.say().await;
    }
}

/// Asks everything that is there: ledger, broker (`None`: the process works without one), clock.
async fn asked(
    ledger: &Ledger,
    bus: Option<&Bus>,
    worker: Option<&Arc<Worker>>,
) -> [(&'static str, Option<Seen>); 3] {
    let broker = async {
        match bus {
            Some(bus) => Some(link(bus).await),
            None => None,
        }
    };
    let (said, broker) = tokio::join!(answer(ledger), broker);
    let is_out = worker.is_some_and(|worker| worker.outage.is_now());
    let said = match said {
        Seen::Works if is_out => Seen::Broken("takes nothing now".to_owned()),
        // whoever works with it knows already what this look does not
        Seen::Doubt(why) if is_out => Seen::Broken(why),
        said => said,
    };
    let offset_ms = ledger.clock().offset_ms();
    let clock = if offset_ms.abs() <= CLOCK_OFF_MS {
        Seen::Works
    } else {
        Seen::Broken(format!("{offset_ms} ms off"))
    };
    [("ledger", Some(said)), ("broker", broker), ("clock", Some(clock))]
}

/// Whether the ledger takes writes; measures the clock by the way. A file can be read while its disk is full, so it has to take a
/// commit, which costs little; a server has to be one that writes.
async fn answer(ledger: &Ledger) -> Seen {
    match tokio::time::timeout(PATIENCE, ledger.takes_commits()).await {
        Ok(Ok(())) => Seen::Works,
        Ok(Err(error @ LedgerError::Conflict)) => Seen::Doubt(error.to_string()),
        Ok(Err(error)) => Seen::Broken(error.to_string()),
        Err(_) => Seen::Doubt("no answer".to_owned()),
    }
}

/// Whether the broker answers, and what is consumed comes.
async fn link(bus: &Bus) -> Seen {
    for state in [bus.publisher().state(), bus.consuming_state()] {
        if let LinkState::Down(error) = &*state.borrow() {
            let said = error.to_string();
            return if error.is_permanent() { Seen::Broken(said) } else { Seen::Doubt(said) };
        }
    }
    if *bus.publisher().state().borrow() == LinkState::Starting {
        return Seen::Doubt("connecting".to_owned());
    }
    match tokio::time::timeout(PATIENCE, bus.round_trip()).await {
        Ok(Ok(())) => Seen::Works,
        Ok(Err(error)) => Seen::Doubt(error.to_string()),
        Err(_) => Seen::Doubt("no answer".to_owned()),
    }
}
