//! What time it is elsewhere, by the `Date` of the answers that this process got.
//!
//! Quiet hours, due times and the windows that a provider is told of rest on the ledger's clock. Where that one is wrong, an hour for a
//! machine whose zone was set wrong by hand, people are written to at night and nothing here would notice. Nobody else's clock decides
//! anything: who differs is told of.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{DATE, HeaderMap};

/// Further apart than this, milliseconds, is no matter of slow answers or of clocks that are set now and then.
pub const DIFFERS_MS: i64 = 120_000;
/// An answer's time is read once in so long.
const EVERY: Duration = Duration::from_secs(10);
/// What was said longer ago than this is left out. Short: while this machine sleeps, the time since then stands still.
const OLD: Duration = Duration::from_mins(5);
/// Hosts that are remembered; a configuration names a handful.
const HOSTS: usize = 32;

/// The one of this process: clients of all accounts tell it.
static WALL: Mutex<Wall> = Mutex::new(Wall { said: BTreeMap::new() });

/// What each host said, and when this process heard it.
#[derive(Debug, Default)]
struct Wall {
    said: BTreeMap<String, (Instant, i64)>,
}

impl Wall {
    fn hear(&mut self, host: &str, heard: Instant, date: impl FnOnce() -> Option<i64>) {
        let known = self.said.get(host);
        if known.is_some_and(|(before, _)| heard.saturating_duration_since(*before) < EVERY)
            || (known.is_none() && self.said.len() >= HOSTS)
        {
            return;
        }
        if let Some(date) = date() {
            self.said.insert(host.to_owned(), (heard, date));
        }
    }

    fn ahead_ms(&self, at: Instant, now_ms: i64) -> Vec<(String, i64)> {
        let ahead = |(host, (heard, date)): (&String, &(Instant, i64))| {
            let since = at.saturating_duration_since(*heard);
            let there = date.saturating_add(i64::try_from(since.as_millis()).ok()?);
            (since < OLD).then(|| (host.clone(), now_ms.saturating_sub(there)))
        };
        self.said.iter().filter_map(ahead).collect()
    }
}

/// Reads the time of an answer.
pub(crate) fn hear(host: &str, headers: &HeaderMap) {
    let date = || {
        let text = headers.get(DATE)?.to_str().ok()?;
        Some(chrono::DateTime::parse_from_rfc2822(text.trim()).ok()?.timestamp_millis())
    };
    WALL.lock().unwrap_or_else(PoisonError::into_inner).hear(host, Instant::now(), date);
}

/// By how much our time is ahead of theirs, milliseconds (negative: behind), for each host that answered in the last five minutes; right to
/// some seconds. `now_ms` is ours now, milliseconds since 1970 UTC.
pub fn ahead_ms(now_ms: i64) -> Vec<(String, i64)> {
    WALL.lock().unwrap_or_else(PoisonError::into_inner).ahead_ms(Instant::now(), now_ms)
}

/// Whose clock is wrong. `None`: nobody differs, nobody has answered, or some agree with us, so that it is those who do not.
/// Otherwise by how much ours is ahead of the nearest of them, milliseconds.
pub fn wrong_by_ms(ahead: &[(String, i64)]) -> Option<i64> {
    let nearest = ahead.iter().map(|(_, ms)| *ms).min_by_key(|ms| ms.unsigned_abs())?;
    (nearest.unsigned_abs() > DIFFERS_MS.unsigned_abs()).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn their_time_goes_on_while_nobody_asks_and_is_forgotten_when_it_is_old() {
        let (mut wall, began) = (Wall::default(), Instant::now());
        wall.hear("sms", began, || Some(1_000_000));
        wall.hear("says-nothing", began, || None);
        let later = began + Duration::from_mins(1);
        assert_eq!(wall.ahead_ms(later, 1_060_000), [("sms".to_owned(), 0)]);
        assert_eq!(wall.ahead_ms(later, 1_060_000 + 3_600_000), [("sms".to_owned(), 3_600_000)]);
        assert_eq!(wall.ahead_ms(later, 0), [("sms".to_owned(), -1_060_000)]);
        assert_eq!(wall.ahead_ms(began + OLD, 0), []);
    }

    #[test]
    fn an_answer_soon_after_another_is_not_read_and_hosts_are_bounded() {
        let (mut wall, began) = (Wall::default(), Instant::now());
        wall.hear("sms", began, || Some(0));
        wall.hear("sms", began + EVERY / 2, || panic!("read again"));
        wall.hear("sms", began + EVERY, || Some(7));
        assert_eq!(wall.ahead_ms(began + EVERY, 7), [("sms".to_owned(), 0)]);
        for n in 0..2 * HOSTS {
            wall.hear(&format!("host-{n}"), began, || Some(0));
        }
        assert_eq!(wall.said.len(), HOSTS);
    }

    #[test]
    fn it_is_ours_that_is_wrong_where_nobody_agrees() {
        let hosts = |all: &[i64]| all.iter().map(|ms| ("h".to_owned(), *ms)).collect::<Vec<_>>();
        assert_eq!(wrong_by_ms(&[]), None);
        assert_eq!(wrong_by_ms(&hosts(&[DIFFERS_MS])), None);
        assert_eq!(wrong_by_ms(&hosts(&[10_800_000, 10_790_000])), Some(10_790_000));
        assert_eq!(wrong_by_ms(&hosts(&[-3_600_000])), Some(-3_600_000));
        assert_eq!(wrong_by_ms(&hosts(&[10_800_000, 300])), None, "one of theirs is");
    }

    #[test]
    fn the_date_of_an_answer_is_its_time() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "Sun, 22 Nov 2026 15:00:00 GMT".parse().unwrap());
        hear("unit-test.invalid", &headers);
        let of = |now| {
            let ahead = ahead_ms(now).into_iter().find(|(host, _)| host == "unit-test.invalid");
            ahead.unwrap().1
        };
        // 2026-11-22T18:00:00 in Istanbul is 15:00 UTC: who took the one for the other is three hours ahead
        let three_hours = of(1_795_359_600_000 + 10_800_000);
        assert!((10_790_000..=10_800_000).contains(&three_hours), "{three_hours}");
    }
}
