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
use ledger::Ledger;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Longest wait for the ledger's answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// A clock this far from the database's makes decisions wrong (PROTOCOL rule 15), milliseconds.
const CLOCK_OFF_MS: i64 = 5_000;

/// What readiness is asked of, once it is there.
#[derive(Clone, Default)]
pub struct Parts(Arc<OnceLock<(Ledger, Arc<Bus>)>>);

impl Parts {
    /// The process has both and begins its work.
    pub fn are(&self, ledger: Ledger, bus: Arc<Bus>) {
        // set once, by the start
        let _ = self.0.set((ledger, bus));
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
    let pages = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(parts);
    let served =
        axum::serve(listener, pages).with_graceful_shutdown(async move { stop.cancelled().await });
    if let Err(error) = served.await {
        tracing::warn!(%error, "health pages ended");
    }
}

async fn ready(State(parts): State<Parts>) -> (StatusCode, Json<Value>) {
    let Some((ledger, bus)) = parts.0.get() else {
        let waiting = json!({ "ready": false, "why": "waiting for ledger and broker" });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(waiting));
    };
    let (offset_of, link) = (ledger, bus.publisher().state());
    let ledger = match tokio::time::timeout(PATIENCE, ledger.measure_clock()).await {
        Ok(Ok(())) => "ok".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer".to_owned(),
    };
    let broker = match link.borrow().clone() {
        LinkState::Up => "ok".to_owned(),
        LinkState::Starting => "connecting".to_owned(),
        LinkState::Down(error) => error.to_string(),
    };
    let offset_ms = offset_of.clock().offset_ms();
    let clock = if offset_ms.abs() <= CLOCK_OFF_MS {
        "ok".to_owned()
    } else {
        format!("{offset_ms} ms off")
    };
    let all = [&ledger, &broker, &clock].iter().all(|part| *part == "ok");
    let status = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": all, "ledger": ledger, "broker": broker, "clock": clock })))
}
