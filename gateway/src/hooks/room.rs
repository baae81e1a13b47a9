//! How much of bodies that nobody has vouched for yet may be in memory.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use tokio::sync::{Semaphore, SemaphorePermit};

/// A body that declares no more than this needs no place: all connections together hold less than 16 MiB of them.
const SMALL: u64 = 16 * 1024;
/// Larger ones at a time: with 2 MiB each as much again, and no more senders that stall.
const LARGE_AT_ONCE: usize = 16;

/// Places for large bodies.
#[derive(Debug)]
pub(crate) struct Room(Semaphore);

impl Default for Room {
    fn default() -> Self {
        Self(Semaphore::new(LARGE_AT_ONCE))
    }
}

/// A place, or that none is needed.
pub(super) enum Place<'a> {
    Small,
    Large { _permit: SemaphorePermit<'a> },
}

impl Room {
    /// A place for a body; `None`: none is free, and the vendor comes again.
    pub(super) fn place(&self, headers: &HeaderMap) -> Option<Place<'_>> {
        if declared(headers).is_some_and(|length| length <= SMALL) {
            return Some(Place::Small);
        }
        self.0.try_acquire().ok().map(|permit| Place::Large { _permit: permit })
    }
}

/// The length that a body declares.
pub(super) fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_bodies_need_no_place_and_large_ones_do() {
        let room = Room::default();
        let of = |length: u64| HeaderMap::from_iter([(CONTENT_LENGTH, length.into())]);
        let held: Vec<_> = (0..LARGE_AT_ONCE).map(|_| room.place(&of(SMALL + 1))).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(room.place(&of(SMALL + 1)).is_none() && room.place(&HeaderMap::new()).is_none());
        assert!(room.place(&of(SMALL)).is_some());
        drop(held);
        assert!(room.place(&HeaderMap::new()).is_some());
    }
}
