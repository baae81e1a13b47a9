//! What other programs are measured against (`bench/compare`): `POST /iys/search` and `POST /sms/rest/v2/send` as their sources expect
//! them, which is not quite as Netgsm has them. It checks nothing and keeps nothing, so it costs less than the simulator does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::commands::say;

#[derive(Default)]
struct Counts {
    asked: AtomicU64,
    sent: AtomicU64,
}

/// Serves on a free port, which is said, until it is killed.
///
/// # Errors
/// There is no port.
pub async fn run() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("a port")?;
    say(json!({ "listening": listener.local_addr()?.to_string() }))?;
    axum::serve(listener, router()).await.context("the stand-in")
}

fn router() -> Router {
    Router::new()
        .route("/iys/search", post(search))
        .route("/sms/rest/v2/send", post(send))
        .route("/counts", get(counts))
        .with_state(Arc::new(Counts::default()))
}

async fn search(State(counts): State<Arc<Counts>>, Json(_): Json<Value>) -> Json<Value> {
    counts.asked.fetch_add(1, Ordering::Relaxed);
    Json(json!({ "code": "0", "error": "false", "query": { "status": "ONAY" } }))
}

async fn send(State(counts): State<Arc<Counts>>, Json(body): Json<Value>) -> Json<Value> {
    let messages = body["messages"].as_array().map_or(0, Vec::len) as u64;
    let job = counts.sent.fetch_add(messages, Ordering::Relaxed);
    Json(json!({ "code": "00", "jobid": format!("{job:026}"), "description": "queued" }))
}

async fn counts(State(counts): State<Arc<Counts>>) -> Json<Value> {
    let [asked, sent] = [&counts.asked, &counts.sent].map(|count| count.load(Ordering::Relaxed));
    Json(json!({ "asked": asked, "sent": sent }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_answers_as_the_peers_sources_expect_and_counts() {
        let counts = Arc::new(Counts::default());
        let Json(answer) = search(State(Arc::clone(&counts)), Json(json!({}))).await;
        assert_eq!(answer["query"]["status"], "ONAY");
        let Json(answer) =
            send(State(Arc::clone(&counts)), Json(json!({ "messages": [{}] }))).await;
        assert_eq!(answer["code"], "00");
        assert_eq!(answer["jobid"].as_str().map(str::len), Some(26));
        let Json(both) = super::counts(State(counts)).await;
        assert_eq!(both, json!({ "asked": 1, "sent": 1 }));
    }
}
