//! `GET /v1/outcomes`: what became of a clinic's events, as CloudEvents in the order of their records.
//!
//! The caller keeps the cursor. Nothing that commits late is skipped (PROTOCOL rule 16); the same cursor asked twice gives the
//! same events with the same ids.

use crate::auth::{self, Caller};
use crate::door::{Door, within};
use crate::problem::Problem;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use data_encoding::BASE32_NOPAD;
use ledger::telling::{Message, Place};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::time::Duration;
use tokio::time::Instant;

/// Longest wait, seconds.
const LONGEST_WAIT_S: u64 = 60;
/// Events in one answer, unless the caller says otherwise, and at most.
const SOME: u32 = 100;
const MOST: u32 = 1_000;
/// A wait for a change looks again after so long in any case.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long one request goes on over records that are not this clinic's without being asked to wait.
const GO_ON: Duration = Duration::from_secs(2);
const CURSOR: &str = "cur_";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// The `next` of the answer before; without it, from the first record on.
    after: Option<String>,
    /// Seconds to wait for the first event.
    #[serde(default)]
    wait: u64,
    /// Events at most.
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Answer {
    /// CloudEvents, oldest first.
    events: Vec<Box<RawValue>>,
    /// What the next request says as `after`.
    next: String,
    /// There may be more at once.
    more: bool,
}

pub(crate) async fn get(
    State(door): State<Door>,
    headers: HeaderMap,
    query: Result<Query<Asked>, QueryRejection>,
) -> Response {
    match outcomes(&door, &headers, query).await {
        Ok(answer) => Json(answer).into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn outcomes(
    door: &Door,
    headers: &HeaderMap,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Answer, Problem> {
    let caller = auth::caller(door, headers).await?;
    let Ok(Query(asked)) = query else {
        return Err(Problem::query(
            "Ask with after=CURSOR, wait=SECONDS (0 to 60) and limit=NUMBER (1 to 1000); each may be left out.",
        ));
    };
    if asked.wait > LONGEST_WAIT_S {
        return Err(Problem::query("wait is at most 60 seconds."));
    }
    let limit = asked.limit.unwrap_or(SOME);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::query("limit is 1 to 1000."));
    }
    let after = match asked.after.as_deref() {
        None | Some("") => Place::default(),
        Some(text) => read_cursor(text).ok_or_else(|| {
            Problem::query("after is no cursor of this installation; use `next` of the answer before, or leave it out to begin at the first record.")
        })?,
    };
    let answer =
        look(door, &caller, after, i64::from(limit), Duration::from_secs(asked.wait)).await?;
    if asked.wait > 0 {
        // it may have been revoked while it waited
        caller.is_still_good().await?;
    }
    Ok(answer)
}

/// Looks until there is something to tell, or the wait is over.
async fn look(
    door: &Door,
    caller: &Caller<'_>,
    mut after: Place,
    limit: i64,
    wait: Duration,
) -> Result<Answer, Problem> {
    let began = Instant::now();
    let ledger = &caller.open.ledger;
    // from before the first look on, so that nothing is committed between a look and the wait
    let mut changes = ledger.changes();
    loop {
        let page = within(ledger.outcomes(&caller.clinic, after, limit)).await?;
        after = page.up_to;
        let spent = began.elapsed();
        let over = door.stop().is_cancelled() || spent >= wait.max(GO_ON);
        if !page.messages.is_empty() || over || (!page.more && spent >= wait) {
            let read = |message: Message| {
                serde_json::from_slice::<Box<RawValue>>(&message.body)
                    .map_err(|_| Problem::broken())
            };
            let events: Result<Vec<_>, _> = page.messages.into_iter().map(read).collect();
            return Ok(Answer { events: events?, next: cursor(after), more: page.more });
        }
        if page.more {
            continue;
        }
        let rest = wait.saturating_sub(spent).min(LOOK_AGAIN);
        tokio::select! {
            () = changes.next() => {}
            () = tokio::time::sleep(rest) => {}
            () = door.stop().cancelled() => {}
        }
    }
}

/// A place among the records as text; callers do not look into it.
pub(crate) fn cursor(place: Place) -> String {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&place.xid.to_be_bytes());
    bytes[8..].copy_from_slice(&place.id.to_be_bytes());
    format!("{CURSOR}{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
}

pub(crate) fn read_cursor(text: &str) -> Option<Place> {
    let bytes = BASE32_NOPAD.decode(text.strip_prefix(CURSOR)?.to_ascii_uppercase().as_bytes());
    let bytes: [u8; 16] = bytes.ok()?.try_into().ok()?;
    let (xid, id) = bytes.split_at(8);
    Some(Place {
        xid: i64::from_be_bytes(xid.try_into().ok()?),
        id: i64::from_be_bytes(id.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is() {
        for place in [Place::default(), Place { xid: 7, id: 8 }, Place { xid: i64::MAX, id: 1 }] {
            assert_eq!(read_cursor(&cursor(place)), Some(place));
        }
        for wrong in ["cur_", "7.8", "cur_aaaa", "", "CUR_AAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(read_cursor(wrong), None, "{wrong}");
        }
    }
}
