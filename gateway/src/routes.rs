//! The paths of the door, and the document that describes them.

use crate::door::Door;
use crate::linger::linger;
use crate::problem::Problem;
use crate::{audit, events, hooks, notifications, outcomes};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use tokio::time::Instant;

/// The OpenAPI 3.1 document, as served.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// One path with its method and every status that it answers with.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Path, parameters in braces.
    pub path: &'static str,
    /// `get` or `post`.
    pub method: &'static str,
    /// Statuses, ascending.
    pub statuses: &'static [u16],
    handler: fn() -> MethodRouter<Door>,
}

/// Statuses of a webhook; 400 also for a path that is no UTF-8.
const POSTED: &[u16] = &[200, 400, 403, 404, 408, 413, 500, 503];
/// Statuses of a webhook's challenge.
const CHALLENGED: &[u16] = &[200, 400, 403, 404, 413];

/// Everything that the door answers. The router is made of it, and a test holds `openapi.json` to it.
pub const ROUTES: &[Route] = &[
    Route {
        path: "/v1/events",
        method: "post",
        statuses: &[202, 400, 401, 403, 408, 409, 413, 415, 422, 500, 503],
        handler: || post(events::post),
    },
    Route {
        path: "/v1/notifications/{id}",
        method: "get",
        statuses: &[200, 401, 404, 500, 503],
        handler: || get(notifications::by_id),
    },
    Route {
        path: "/v1/notifications",
        method: "get",
        statuses: &[200, 400, 401, 404, 500, 503],
        handler: || get(notifications::by_event),
    },
    Route {
        path: "/v1/outcomes",
        method: "get",
        statuses: &[200, 400, 401, 500, 503],
        handler: || get(outcomes::get),
    },
    Route {
        path: "/v1/webhooks/{provider}/{hook}",
        method: "post",
        statuses: POSTED,
        handler: || post(hooks::post),
    },
    Route {
        path: "/v1/webhooks/{provider}/{hook}",
        method: "get",
        statuses: CHALLENGED,
        handler: || get(hooks::challenge),
    },
    Route {
        path: "/v1/webhooks/{provider}/{hook}/{token}",
        method: "post",
        statuses: POSTED,
        handler: || post(hooks::post_with_token),
    },
    Route {
        path: "/v1/webhooks/{provider}/{hook}/{token}",
        method: "get",
        statuses: CHALLENGED,
        handler: || get(hooks::challenge_with_token),
    },
    Route { path: "/openapi.json", method: "get", statuses: &[200], handler: || get(openapi) },
];

/// The door's pages. May be merged with others (`/healthz`, `/readyz`) that have no fallback of their own.
pub fn router(door: &Door) -> Router {
    let mut router = audit::router();
    for route in ROUTES {
        router = router.route(route.path, (route.handler)());
    }
    router
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method",
                "The method is not taken here",
                "The header Allow names those that are; /openapi.json describes every path.",
            )
        })
        .fallback(async || {
            Problem::new(
                StatusCode::NOT_FOUND,
                "path",
                "Nothing is at this path",
                "/openapi.json describes every path.",
            )
        })
        .layer(middleware::from_fn_with_state(door.clone(), told))
        .with_state(door.clone())
}

async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

/// One line a request for whoever looks for trouble: neither query nor ids are in it.
async fn told(State(door): State<Door>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let (head, body) = request.into_parts();
    let body = linger(&head.headers, body);
    let request = Request::from_parts(head, body);
    // without an answer a caller could not tell a request that makes us panic from a network that is away
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = answer.unwrap_or_else(|_| {
        tracing::error!(%method, path = path.as_ref().map_or("-", MatchedPath::as_str), "a handler panicked on a request");
        if path.as_ref().is_some_and(|path| path.as_str().starts_with("/audit")) {
            audit::panicked()
        } else {
            Problem::panicked().into_response()
        }
    });
    // all but a style sheet, whose name changes with it
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Some(metrics) = door.metrics() {
        let path = path.as_ref().map_or("other", MatchedPath::as_str);
        metrics.process.answered(path, word(&method), response.status().as_u16());
    }
    tracing::debug!(
        %method,
        path = path.as_ref().map_or("-", MatchedPath::as_str),
        status = response.status().as_u16(),
        ms = began.elapsed().as_millis() as u64,
        "answered"
    );
    response
}

/// Callers may send any word as a method; only known ones become labels.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve;
    use tokio::net::TcpListener;
    use tokio_util::sync::CancellationToken;

    #[tokio::test]
    async fn a_handler_that_panics_is_answered_with_500_and_its_neighbours_are_served() {
        let panics = async || -> Response { panic!("a test asked for it") };
        let stop = CancellationToken::new();
        let registry = schemas::Registry::embedded().unwrap();
        let door = Door::new(crate::Settings::default(), registry.into(), stop.clone());
        let router = Router::new()
            .route("/panics", get(panics))
            .route("/audit/panics", get(panics))
            .route("/works", get(openapi))
            .layer(middleware::from_fn_with_state(door.clone(), told))
            .with_state(door);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, router, stop.clone(), FINISH));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for _ in 0..3 {
            let answer = client.get(format!("http://{address}/panics")).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
            let said: serde_json::Value = answer.json().await.unwrap();
            assert_eq!(said["status"], 500, "{said}");
            assert!(!said.to_string().contains("asked for it"), "{said}");
            let page = client.get(format!("http://{address}/audit/panics")).send().await.unwrap();
            assert_eq!(page.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
            assert!(page.headers().contains_key("content-security-policy"));
            let works = client.get(format!("http://{address}/works")).send().await.unwrap();
            assert_eq!(works.status(), StatusCode::OK);
        }
        stop.cancel();
        serving.await.unwrap();
    }

    /// Longer than anything here takes.
    const FINISH: std::time::Duration = std::time::Duration::from_secs(20);
}
