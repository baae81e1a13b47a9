//! From a request's body to the events in it, within limits.

use crate::problem::Problem;
use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use schemas::MAX_BODY_BYTES;
use serde_json::value::RawValue;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Largest body, bytes.
const LARGEST: usize = 1024 * 1024;
/// Most events in one array.
const MOST: usize = 1_000;
/// How long a body may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);
/// Limits of a body of events.
const EVENTS: Bounds = Bounds { most: LARGEST, said: "1 MiB", within: ARRIVES_WITHIN };
/// The same once the process stops.
const ARRIVES_AT_STOP: Duration = Duration::from_secs(3);
/// What is taken.
const TAKEN: [&str; 3] =
    ["application/cloudevents+json", "application/cloudevents-batch+json", "application/json"];

/// What a body may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Largest, bytes.
    pub most: usize,
    /// The same in words.
    pub said: &'static str,
    /// How long it may take to arrive.
    pub within: Duration,
}

impl Bounds {
    /// 413.
    pub fn too_large(self) -> Problem {
        Problem::too_large(format!("The body is over {}. Nothing was taken.", self.said))
    }
}

/// The body of a `POST /v1/events`: one event, or several that are taken all or not at all.
#[derive(Debug)]
pub(crate) enum Items<'a> {
    One(&'a [u8]),
    Many(Vec<&'a RawValue>),
}

/// Checks what the headers say of the body, before any of it is read.
///
/// # Errors
/// 413 or 415.
pub(crate) fn check(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key("ce-specversion") {
        return Err(Problem::media(
            "Headers `ce-…` are CloudEvents' binary mode, which is not taken: send structured JSON as application/cloudevents+json.",
        ));
    }
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(Problem::media("Send the body without Content-Encoding."));
    }
    let declared = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !declared.is_some_and(is_taken) {
        return Err(Problem::media(
            "Use Content-Type application/cloudevents+json for one event, application/cloudevents-batch+json for an array, or application/json for either, in UTF-8.",
        ));
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > LARGEST as u64) {
        return Err(too_large());
    }
    Ok(())
}

/// A media type that is taken, with no other character set than UTF-8.
fn is_taken(declared: &str) -> bool {
    let mut parts = declared.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    TAKEN.iter().any(|taken| essence.eq_ignore_ascii_case(taken))
        && parts.all(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            !name.trim().eq_ignore_ascii_case("charset")
                || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
}

/// Reads a body of events.
///
/// # Errors
/// As [`read_within`].
pub(crate) async fn read(body: Body, stop: &CancellationToken) -> Result<Vec<u8>, Problem> {
    read_within(body, EVENTS, stop).await.map_err(|problem| match problem.status() {
        413 => too_large(),
        _ => problem,
    })
}

/// Reads a body.
///
/// # Errors
/// 400 when it is cut off, 408 when it takes too long, 413 when it is too large, 503 when the process stops before it is there.
pub(crate) async fn read_within(
    body: Body,
    bounds: Bounds,
    stop: &CancellationToken,
) -> Result<Vec<u8>, Problem> {
    let body = Limited::new(body, bounds.most).collect();
    let stopped = async {
        stop.cancelled().await;
        tokio::time::sleep(ARRIVES_AT_STOP).await;
    };
    let read = tokio::select! {
        read = tokio::time::timeout(bounds.within, body) => {
            read.map_err(|_| Problem::slow(bounds.within))?
        }
        () = stopped => return Err(Problem::stopping()),
    };
    match read {
        Ok(read) => Ok(read.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(bounds.too_large()),
        Err(_) => Err(Problem::unreadable("The body was cut off. Nothing was taken.")),
    }
}

fn too_large() -> Problem {
    Problem::too_large("The body is over 1 MiB: send an array of fewer events. Nothing was taken.")
}

/// Splits a body into its events. What is wrong with each of them is found later.
///
/// # Errors
/// 400 when an array is no JSON, 413 when an event or the array is too large.
pub(crate) fn items(body: &[u8]) -> Result<Items<'_>, Problem> {
    let first = body.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    if first != Some(&b'[') {
        return if body.len() > MAX_BODY_BYTES {
            Err(event_too_large(0))
        } else {
            Ok(Items::One(body))
        };
    }
    let items: Vec<&RawValue> = serde_json::from_slice(body).map_err(|_| {
        Problem::unreadable(
            "The body begins as an array and is no JSON in UTF-8. Nothing was taken.",
        )
    })?;
    if items.len() > MOST {
        return Err(Problem::too_large(format!(
            "The array has {} events, which is over {MOST}: send it in parts. Nothing was taken.",
            items.len()
        )));
    }
    match items.iter().position(|item| item.get().len() > MAX_BODY_BYTES) {
        Some(index) => Err(event_too_large(index)),
        None => Ok(Items::Many(items)),
    }
}

fn event_too_large(index: usize) -> Problem {
    Problem::too_large(format!(
        "The event at index {index} is over 64 KiB: send only what its schema knows. Nothing was taken."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_taken_whatever_their_case_and_only_in_utf_8() {
        for taken in [
            "application/cloudevents+json",
            "application/CloudEvents+JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "application/cloudevents-batch+json; x=y",
        ] {
            assert!(is_taken(taken), "{taken}");
        }
        for other in [
            "",
            "text/plain",
            "application/json; charset=windows-1254",
            "application/jsonl",
            "application/cloudevents",
        ] {
            assert!(!is_taken(other), "{other}");
        }
    }

    #[test]
    fn an_array_is_split_without_being_changed_and_the_rest_is_one_event() {
        let Ok(Items::Many(items)) = items(b" \n[ {\"a\": 1.0} ,\t2]") else { panic!("an array") };
        assert_eq!(items.iter().map(|i| i.get()).collect::<Vec<_>>(), ["{\"a\": 1.0}", "2"]);
        assert!(matches!(super::items(b"{}"), Ok(Items::One(b"{}"))));
        assert!(matches!(super::items(b""), Ok(Items::One(b""))));
        assert!(super::items(b"[{}").is_err() && super::items(b"[\"\xff\"]").is_err());
    }

    #[test]
    fn each_limit_says_which_one_it_is() {
        let said = |body: &[u8]| serde_json::to_string(&items(body).unwrap_err()).unwrap();
        let event = format!("\"{}\"", "x".repeat(MAX_BODY_BYTES));
        assert!(said(event.as_bytes()).contains("index 0 is over 64 KiB"));
        assert!(said(format!("[1,{event}]").as_bytes()).contains("index 1 is over 64 KiB"));
        let many = format!("[{}1]", "1,".repeat(MOST));
        assert!(said(many.as_bytes()).contains("has 1001 events"));
        let most = format!("[{}1]", "1,".repeat(MOST - 1));
        assert!(items(most.as_bytes()).is_ok());
    }
}
