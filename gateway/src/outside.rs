//! What the door makes of bytes before it asks the ledger, for the fuzz targets (`fuzz/README.md`). Nothing of the product calls this.

use axum::http::HeaderMap;
use ledger::telling::Place;
use schemas::Registry;

use crate::{auth, body, events, hooks, outcomes};

/// What a body's items are, read for this clinic: `Ok` how many, `Err` the problem as JSON.
///
/// # Errors
/// The problem that the caller would be told.
pub fn posted(registry: &Registry, clinic: &str, body: &[u8]) -> Result<usize, String> {
    let shown = |problem| serde_json::to_string(&problem).unwrap_or_default();
    let knows = |_: &str| true;
    match body::items(body).map_err(shown)? {
        body::Items::One(item) => {
            events::read(registry, &knows, clinic, std::iter::once(item), true)
                .map_err(shown)
                .map(|all| all.len())
        }
        body::Items::Many(items) => {
            let items = items.iter().map(|item| item.get().as_bytes());
            events::read(registry, &knows, clinic, items, false).map_err(shown).map(|all| all.len())
        }
    }
}

/// Whether headers carry what is written as a token.
pub fn has_token(headers: &HeaderMap) -> bool {
    auth::shown(headers).is_ok()
}

/// Whether the headers of a body are taken.
pub fn takes(headers: &HeaderMap) -> bool {
    body::check(headers).is_ok()
}

/// A cursor, read.
pub fn cursor(text: &str) -> Option<Place> {
    outcomes::read_cursor(text)
}

/// A cursor, written.
pub fn write_cursor(place: Place) -> String {
    outcomes::cursor(place)
}

/// What a body of Netgsm's hint may mean.
pub fn hinted_jobs(body: &[u8]) -> Vec<String> {
    hooks::jobs(body)
}
