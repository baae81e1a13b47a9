//! Places for what asks much of the ledger: few at once, so that the API beside the pages always finds a connection.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Heavy questions at once: a search, a span of days, a list of dead letters, who did what, a piece of an export.
const HEAVY: usize = 2;
/// Exports at once.
const FILES: usize = 16;
/// How long somebody waits for a place before he is told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// The places of a door's pages.
#[derive(Debug)]
pub(crate) struct Places {
    heavy: Semaphore,
    /// Refused events are opened one search at a time: no key finds them.
    opening: Semaphore,
    /// Files that are taken: as long as somebody takes one, slowly or not, its connection is not free for the API.
    files: Arc<Semaphore>,
}

/// A place that is taken. Free again when it is dropped.
pub(crate) type Place<'a> = SemaphorePermit<'a>;

impl Default for Places {
    fn default() -> Self {
        Self {
            heavy: Semaphore::new(HEAVY),
            opening: Semaphore::new(1),
            files: Arc::new(Semaphore::new(FILES)),
        }
    }
}

impl Places {
    /// A place for a heavy question; `None`: there is none in time.
    pub(super) async fn heavy(&self) -> Option<Place<'_>> {
        within(PATIENCE, &self.heavy).await
    }

    /// The place for a search that opens refused events, which is taken before that for a heavy question; `None`: it is not free in time.
    pub(super) async fn opening(&self) -> Option<Place<'_>> {
        within(PATIENCE, &self.opening).await
    }

    /// A place for a file, for as long as it is taken; `None`: there is none.
    pub(super) fn file(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.files).try_acquire_owned().ok()
    }

    /// A place for a heavy question of somebody who waits as long as it takes; `None` never, as none is ever closed.
    pub(super) async fn heavy_at_last(&self) -> Option<Place<'_>> {
        self.heavy.acquire().await.ok()
    }
}

async fn within(patience: Duration, places: &Semaphore) -> Option<Place<'_>> {
    timeout(patience, places.acquire()).await.ok()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_finds_no_place_is_told_and_a_free_one_is_taken() {
        let places = Places::default();
        let mut taken = vec![];
        while let Some(place) = within(Duration::ZERO, &places.heavy).await {
            taken.push(place);
        }
        assert_eq!(taken.len(), HEAVY);
        // the two kinds do not stand in each other's way
        let opening = within(Duration::ZERO, &places.opening).await;
        assert!(opening.is_some() && within(Duration::ZERO, &places.opening).await.is_none());
        taken.pop();
        assert!(within(Duration::ZERO, &places.heavy).await.is_some());
        let mut files: Vec<_> = (0..FILES).map(|_| places.file().unwrap()).collect();
        assert!(places.file().is_none());
        files.pop();
        assert!(places.file().is_some());
    }
}
