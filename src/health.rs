//! `/healthz` and `/readyz` of a long-running process.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use bus::{Bus, LinkState};
use ledger::{Engine, Ledger};
use metrics::Metrics;
use scheduler::reconcile::Counts;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use worker::Worker;

use crate::approved::Approved;
use crate::measures;

/// What is said of a part that does what it should.
const OK: &str = "ok";
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
        let waits = |why: &str| (false, json!({ "ready": false, "why": why }));
        if self.0.stop.get().is_some_and(CancellationToken::is_cancelled) {
            return waits("stopping");
        }
        let Some(ledger) = self.0.ledger.get() else { return waits("waiting for the ledger") };
        let Some(bus) = self.0.bus.get() else { return waits("waiting for the broker") };
        let (all, mut said) = asked(ledger, bus.as_deref(), self.0.worker.get()).await;
        // no reason not to be ready: where a template does not work its messages take the next channel
        if let Some(approved) = self.0.approved.get() {
            said["templates"] = json!(approved.said());
        }
        (all, said)
    }
}

/// Asks everything that is there.
async fn asked(ledger: &Ledger, bus: Option<&Bus>, worker: Option<&Arc<Worker>>) -> (bool, Value) {
    let said = answer(ledger).await;
    let is_out = worker.is_some_and(|worker| worker.outage.is_now());
    let said = if is_out && said == OK { "takes nothing now".to_owned() } else { said };
    let broker = bus.map_or_else(|| "none".to_owned(), link);
    let offset_ms = ledger.clock().offset_ms();
    let clock =
        if offset_ms.abs() <= CLOCK_OFF_MS { OK.to_owned() } else { format!("{offset_ms} ms off") };
    let all = said == OK && clock == OK && (bus.is_none() || broker == OK);
    (all, json!({ "ready": all, "ledger": said, "broker": broker, "clock": clock }))
}

/// Whether the ledger answers; measures the clock by the way.
async fn answer(ledger: &Ledger) -> String {
    // a SQLite file can be read while its disk is full: that it takes a commit is what counts, and costs little
    let asked = async {
        match ledger.engine() {
            Engine::Sqlite => ledger.takes_commits().await,
            Engine::Postgres => ledger.measure_clock().await,
        }
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(())) => OK.to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer".to_owned(),
    }
}

fn link(bus: &Bus) -> String {
    match bus.publisher().state().borrow().clone() {
        LinkState::Up => OK.to_owned(),
        LinkState::Starting => "connecting".to_owned(),
        LinkState::Down(error) => error.to_string(),
    }
}
