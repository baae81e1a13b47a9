//! What came in: the last requests, and counters over all of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::dates;
use crate::faults::{Operation, Provider};
use crate::lock::locked;

/// Most requests kept.
const MOST_REQUESTS: usize = 10_000;
/// Most characters of a path kept; the rest of a nonsense path is of no use.
const MOST_PATH: usize = 200;

/// One request to a twin as the control API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestView {
    /// Its number, from 1.
    pub n: u64,
    /// When its fate was decided: RFC 3339, UTC, milliseconds.
    pub at: String,
    /// HTTP method.
    pub method: String,
    /// Path without its query.
    pub path: String,
    /// HTTP status of the answer; nothing where no answer comes.
    pub status: Option<u16>,
    /// The vendor's code of the answer.
    pub code: Option<String>,
    /// The fault that struck it.
    pub fault: Option<String>,
    /// The W3C trace context that it carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

#[derive(Debug)]
struct Request {
    at_ms: i64,
    method: Box<str>,
    path: Box<str>,
    status: Option<u16>,
    code: Box<str>,
    fault: Option<&'static str>,
    traceparent: Option<Box<str>>,
}

/// The fate of one request.
#[derive(Debug)]
pub(crate) struct Sighting<'a> {
    pub at_ms: i64,
    pub method: &'a str,
    pub path: &'a str,
    /// Nothing: a path that no twin has.
    pub call: Option<(Provider, Operation)>,
    pub status: Option<u16>,
    pub code: &'a str,
    pub fault: Option<&'static str>,
    pub traceparent: Option<&'a str>,
}

#[derive(Debug, Default)]
struct Counters {
    total: u64,
    ring: VecDeque<Request>,
    /// By (provider, operation).
    calls: BTreeMap<(&'static str, &'static str), Calls>,
    faults: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
struct Calls {
    count: u64,
    codes: BTreeMap<Box<str>, u64>,
}

/// Requests seen and connections held.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    counters: Mutex<Counters>,
    /// Connections ever taken.
    pub connections: AtomicU64,
    /// Connections open now.
    pub open: AtomicU64,
}

impl Seen {
    /// Notes the fate of a request.
    pub(crate) fn note(&self, sighting: &Sighting<'_>) {
        let mut counters = locked(&self.counters);
        let counters = &mut *counters;
        counters.total += 1;
        if let Some(fault) = sighting.fault {
            *counters.faults.entry(fault).or_default() += 1;
        }
        let (provider, operation) =
            sighting.call.map_or(("none", "unknown_path"), |(p, o)| (p.as_str(), o.as_str()));
        let calls = counters.calls.entry((provider, operation)).or_default();
        calls.count += 1;
        match calls.codes.get_mut(sighting.code) {
            Some(count) => *count += 1,
            None => {
                calls.codes.insert(sighting.code.into(), 1);
            }
        }
        if counters.ring.len() == MOST_REQUESTS {
            counters.ring.pop_front();
        }
        counters.ring.push_back(Request {
            at_ms: sighting.at_ms,
            method: sighting.method.into(),
            path: sighting.path.chars().take(MOST_PATH).collect::<String>().into_boxed_str(),
            status: sighting.status,
            code: sighting.code.into(),
            fault: sighting.fault,
            traceparent: sighting.traceparent.filter(|it| it.len() <= MOST_PATH).map(Into::into),
        });
    }

    /// The requests kept, oldest first, newer than `after`.
    pub(crate) fn list(&self, after: u64) -> Vec<RequestView> {
        let counters = locked(&self.counters);
        let dropped = counters.total - counters.ring.len() as u64;
        let skip = usize::try_from(after.saturating_sub(dropped)).unwrap_or(usize::MAX);
        let kept = counters.ring.iter().enumerate().skip(skip);
        kept.map(|(index, request)| RequestView {
            n: dropped + index as u64 + 1,
            at: dates::to_rfc3339(request.at_ms),
            method: request.method.to_string(),
            path: request.path.to_string(),
            status: request.status,
            code: (!request.code.is_empty()).then(|| request.code.to_string()),
            fault: request.fault.map(str::to_owned),
            traceparent: request.traceparent.as_deref().map(str::to_owned),
        })
        .collect()
    }

    /// The counters; `messages` and `segments` come from the message log.
    pub(crate) fn stats(&self, messages: u64, segments: u64) -> Value {
        let counters = locked(&self.counters);
        let mut calls = serde_json::Map::new();
        for ((provider, operation), Calls { count, codes }) in &counters.calls {
            let codes: BTreeMap<&str, u64> =
                codes.iter().map(|(code, count)| (code.as_ref(), *count)).collect();
            calls.insert(
                format!("{provider}.{operation}"),
                json!({ "requests": count, "codes": codes }),
            );
        }
        json!({
            "requests": counters.total,
            "messages": messages,
            "segments": segments,
            "connections": {
                "open": self.open.load(Ordering::Relaxed),
                "total": self.connections.load(Ordering::Relaxed),
            },
            "calls": calls,
            "faults": counters.faults,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(path: &str) -> Sighting<'_> {
        Sighting {
            at_ms: 0,
            method: "POST",
            path,
            call: Some((Provider::Netgsm, Operation::Send)),
            status: Some(200),
            code: "00",
            fault: None,
            traceparent: None,
        }
    }

    #[test]
    fn the_ring_keeps_the_newest_and_the_counters_keep_all() {
        let seen = Seen::default();
        for _ in 0..MOST_REQUESTS + 5 {
            seen.note(&sighting("/sms/rest/v2/send"));
        }
        let all = seen.list(0);
        assert_eq!((all.len(), all[0].n), (MOST_REQUESTS, 6));
        assert_eq!(seen.list(MOST_REQUESTS as u64 + 4).len(), 1);
        assert!(seen.list(u64::MAX).is_empty());
        let stats = seen.stats(1, 2);
        assert_eq!(stats["calls"]["netgsm.send"]["codes"]["00"], MOST_REQUESTS + 5);
    }

    #[test]
    fn a_very_long_path_is_cut() {
        let seen = Seen::default();
        seen.note(&sighting(&"ğ".repeat(5000)));
        assert_eq!(seen.list(0)[0].path.chars().count(), MOST_PATH);
    }
}
