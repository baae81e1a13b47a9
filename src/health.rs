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
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use worker::Worker;

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

/// `/healthz` and `/readyz`.
pub fn pages(parts: Parts) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(parts)
}

async fn ready(State(parts): State<Parts>) -> (StatusCode, Json<Value>) {
    let waits =
        |why: &str| (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false, "why": why })));
    let Some(ledger) = parts.0.ledger.get() else { return waits("waiting for the ledger") };
    let Some(bus) = parts.0.bus.get() else { return waits("waiting for the broker") };
    let said = answer(ledger).await;
    let is_out = parts.0.worker.get().is_some_and(|worker| worker.outage.is_now());
    let said = if is_out && said == OK { "takes nothing now".to_owned() } else { said };
    let broker = bus.as_ref().map_or_else(|| "none".to_owned(), |bus| link(bus));
    let offset_ms = ledger.clock().offset_ms();
    let clock =
        if offset_ms.abs() <= CLOCK_OFF_MS { OK.to_owned() } else { format!("{offset_ms} ms off") };
    let all = said == OK && clock == OK && (bus.is_none() || broker == OK);
    let status = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": all, "ledger": said, "broker": broker, "clock": clock })))
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
