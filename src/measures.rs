//! `/metrics` of a long-running process.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bus::{Bus, LinkState};
use metrics::{Link, Metrics, Prices};
use scheduler::reconcile::Counts;
use schemas::Registry;

use crate::health::Parts;

/// The text format of Prometheus, by the version that scrapers ask for.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The metrics of the process of this name, with the prices of its configuration.
pub fn of(process: &str, registry: &Registry, prices: &Prices) -> Arc<Metrics> {
    let metrics = Metrics::new(registry.types().map(|event_type| event_type.name.as_str()));
    metrics.process.is(process, env!("CARGO_PKG_VERSION"));
    metrics.costs.has_prices(prices);
    metrics
}

/// Serves them. Asks nobody: what others count is copied here, so that a scrape costs the ledger and the broker nothing.
pub async fn page(State(parts): State<Parts>) -> Response {
    let metrics = parts.metrics();
    let process = &metrics.process;
    if let Some(ledger) = parts.ledger() {
        process.clock_off(ledger.clock().offset_ms());
        process.clock_ahead(&providers::wall::ahead_ms(ledger.clock().now_ms()));
        metrics.ledger.show_facts_age(ledger.clock().now_ms());
    }
    if let Some(worker) = parts.worker() {
        process.ledger(worker.outage.is_now(), worker.outage.count());
        worker.show();
    }
    for (account, counts) in parts.reconciled().into_iter().flat_map(Counts::iter) {
        metrics.ledger.now_reconciled(account, &counts.all());
    }
    if let Some(bus) = parts.bus() {
        process.broker(&link(bus));
        for (queue, counts) in bus.consumed() {
            let counts = [
                ("delivered", counts.delivered),
                ("acked", counts.acked),
                ("lost-ack", counts.lost_acks),
                ("requeued", counts.requeued),
                ("dropped", counts.dropped),
            ];
            process.consumed(&queue, &counts);
        }
    }
    ([(CONTENT_TYPE, TEXT)], metrics.text()).into_response()
}

fn link(bus: &Bus) -> Link {
    let counts = bus.publisher().counts();
    Link {
        publishing: *bus.publisher().state().borrow() == LinkState::Up,
        consuming: *bus.consuming_state().borrow() == LinkState::Up,
        blocked: *bus.publisher().blocked().borrow(),
        published: [counts.confirmed, counts.returned, counts.nacked, counts.unconfirmed],
        republished: counts.republished,
        sessions: counts.sessions,
    }
}
