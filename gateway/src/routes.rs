//! The paths of the door, and the document that describes them.

use crate::door::Door;
use crate::linger::linger;
use crate::problem::Problem;
use crate::{events, notifications, outcomes};
use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
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
    Route { path: "/openapi.json", method: "get", statuses: &[200], handler: || get(openapi) },
];

/// The door's pages. May be merged with others (`/healthz`, `/readyz`) that have no fallback of their own.
pub fn router(door: &Door) -> Router {
    let mut router = Router::new();
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
        .layer(middleware::from_fn(told))
        .with_state(door.clone())
}

async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

/// One line a request for whoever looks for trouble: neither query nor ids are in it.
async fn told(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let (head, body) = request.into_parts();
    let body = linger(&head.headers, body);
    let request = Request::from_parts(head, body);
    let mut response = next.run(request).await;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    tracing::debug!(
        %method,
        path = path.as_ref().map_or("-", MatchedPath::as_str),
        status = response.status().as_u16(),
        ms = began.elapsed().as_millis() as u64,
        "answered"
    );
    response
}
