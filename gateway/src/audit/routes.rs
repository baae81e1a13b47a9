//! The paths of the pages, who may see each, and what is said below `/audit` where nothing is.

use crate::audit::call::Call;
use crate::audit::{
    access, asked, books, dead, export, lanes, login, message, opened, page, search, style,
};
use crate::door::Door;
use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, any, get, post};
use ledger::access::Right;

/// Who may see a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Everybody: the login and the style sheet.
    Nothing,
    /// Whoever is logged in.
    Session,
    /// Whoever has this right.
    Right(Right),
    /// Whoever has this right and sees all clinics: what it shows belongs to none of them.
    OfAll(Right),
}

/// One path with its method and who may see it.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Path, parameters in braces.
    pub path: &'static str,
    /// `get` or `post`.
    pub method: &'static str,
    /// Who may see it. Handlers ask for it themselves; a test holds them to it.
    pub need: Need,
    handler: fn() -> MethodRouter<Door>,
}

const fn of(
    method: &'static str,
    path: &'static str,
    need: Need,
    handler: fn() -> MethodRouter<Door>,
) -> Page {
    Page { path, method, need, handler }
}

const READ: Need = Need::Right(Right::Read);
const OPERATE: Need = Need::Right(Right::Operate);
const EXPORT: Need = Need::Right(Right::Export);

/// Everything below `/audit`. The router is made of it.
pub const PAGES: &[Page] = &[
    of("get", "/audit", READ, || get(search::get)),
    of("post", "/audit", READ, || post(asked::post)),
    of("get", "/audit/login", Need::Nothing, || get(login::get)),
    of("post", "/audit/login", Need::Nothing, || post(login::post)),
    of("post", "/audit/logout", Need::Session, || post(login::leave)),
    of("get", "/audit/session", Need::Session, || get(login::session)),
    of("get", "/audit/style/{hash}", Need::Nothing, || get(style::get)),
    of("get", "/audit/messages/{ntf}", READ, || get(message::get)),
    of("post", "/audit/messages/{ntf}/open", Need::Right(Right::Open), || post(opened::message)),
    of("get", "/audit/facts/{fact}", READ, || get(message::fact)),
    of("post", "/audit/facts/{fact}/open", Need::Right(Right::Open), || post(opened::fact)),
    of("get", "/audit/export.csv", EXPORT, || get(export::csv)),
    of("get", "/audit/export.jsonl", EXPORT, || get(export::jsonl)),
    of("get", "/audit/books", READ, || get(books::get)),
    of("get", "/audit/dead-letters", READ, || get(dead::get)),
    of("post", "/audit/dead-letters/replay", OPERATE, || post(dead::replay)),
    of("post", "/audit/dead-letters/drop", OPERATE, || post(dead::drop_letters)),
    of("get", "/audit/lanes", Need::OfAll(Right::Read), || get(lanes::get)),
    of("post", "/audit/lanes/pause", OPERATE, || post(lanes::pause)),
    of("post", "/audit/lanes/resume", OPERATE, || post(lanes::resume)),
    of("get", "/audit/access", Need::Right(Right::SeeAccess), || get(access::get)),
];

/// What the navigation offers, to whom.
pub(super) const NAV: &[(&str, &str, Right)] = &[
    ("/audit", "nav.search", Right::Read),
    ("/audit/books", "nav.books", Right::Read),
    ("/audit/dead-letters", "nav.dead", Right::Read),
    ("/audit/lanes", "nav.lanes", Right::Read),
    ("/audit/access", "nav.access", Right::SeeAccess),
];

/// The pages: all that is at or below `/audit`, with an HTML answer also where nothing is.
pub(crate) fn router() -> Router<Door> {
    let mut router = Router::new()
        .route("/audit/", any(|| async { Redirect::permanent("/audit") }))
        .route("/audit/{*rest}", any(nothing));
    for page in PAGES {
        router = router.route(page.path, (page.handler)());
    }
    router.method_not_allowed_fallback(not_so).layer(middleware::from_fn(kept))
}

async fn kept(request: Request, next: Next) -> Response {
    page::keep_to_itself(next.run(request).await)
}

/// For a page whose handler panicked: nothing of the request is known any more.
pub(crate) fn panicked() -> Response {
    let said = "<!DOCTYPE html><html lang=\"tr\"><title>Ulak</title><p>Ulak bu sayfada hata yaptı; nedeni günlüğünde yazıyor. / Ulak failed on this page; its log says why.</p></html>";
    page::keep_to_itself((StatusCode::INTERNAL_SERVER_ERROR, Html(said)).into_response())
}

async fn nothing(call: Call) -> Response {
    page::stranger(&call, StatusCode::NOT_FOUND, "error.missing")
}

async fn not_so(call: Call) -> Response {
    page::stranger(&call, StatusCode::METHOD_NOT_ALLOWED, "error.method")
}

/// The path as it is routed, of those that there are: bounded, whoever asks for what.
pub(super) fn known(matched: &str) -> &'static str {
    PAGES.iter().map(|page| page.path).find(|path| *path == matched).unwrap_or("/audit/…")
}

/// The method, of those that there are.
pub(super) fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}

/// The entry of the navigation that a path belongs to; a message belongs to the search.
pub(super) fn section(path: &str) -> &'static str {
    let below = |href: &str| {
        path == href || path.strip_prefix(href).is_some_and(|rest| rest.starts_with('/'))
    };
    let own = NAV.iter().map(|(href, ..)| *href).find(|href| *href != "/audit" && below(href));
    let of_search = ["/audit/messages", "/audit/facts"].iter().any(|place| below(place));
    own.unwrap_or(if path == "/audit" || of_search { "/audit" } else { "" })
}

/// The page whose form posted here.
pub(super) fn before(call: &Call) -> &str {
    if call.template == "/audit/login" || call.template == "/audit" {
        return call.template;
    }
    call.path.rsplit_once('/').map_or("/audit", |(before, _)| before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_belongs_to_one_entry_of_the_navigation() {
        for (path, entry) in [
            ("/audit", "/audit"),
            ("/audit/messages/ntf_a", "/audit"),
            ("/audit/facts/fct_a", "/audit"),
            ("/audit/books", "/audit/books"),
            ("/audit/lanes/pause", "/audit/lanes"),
            ("/audit/lanesx", ""),
            ("/audit/login", ""),
        ] {
            assert_eq!(section(path), entry, "{path}");
        }
    }
}
