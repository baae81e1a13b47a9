//! Named places at which a test can hold or crash a worker. Nothing of it is in a release build.
//!
//! `ULAK_HOLD=after-claim` with `ULAK_HOLD_FILE=/path` stops the first message that comes to `after-claim`: the file
//! `/path.reached` appears, and the message goes on when `/path.go` exists. `ULAK_PANIC=render` panics there, every time, for
//! events whose id contains the word `panic`.

#[cfg(debug_assertions)]
use std::{
    path::PathBuf, sync::OnceLock, sync::atomic::AtomicBool, sync::atomic::Ordering, time::Duration,
};

/// The places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The row and its surroundings were read.
    AfterRead,
    /// The decision is Send, the claim has not left.
    BeforeClaim,
    /// The claim is durable, no byte has left.
    AfterClaim,
    /// The provider answered, nothing is written.
    AfterAnswer,
    /// The outcome is durable, the delivery is not acked.
    BeforeAck,
    /// While the text is made; only for panics.
    Render,
}

#[cfg(debug_assertions)]
impl Place {
    const fn as_str(self) -> &'static str {
        match self {
            Self::AfterRead => "after-read",
            Self::BeforeClaim => "before-claim",
            Self::AfterClaim => "after-claim",
            Self::AfterAnswer => "after-answer",
            Self::BeforeAck => "before-ack",
            Self::Render => "render",
        }
    }
}

/// Holds here if a test asked for it.
#[cfg(debug_assertions)]
pub async fn at(place: Place) {
    static ORDER: OnceLock<Option<(String, PathBuf)>> = OnceLock::new();
    static HELD: AtomicBool = AtomicBool::new(false);
    let order = ORDER.get_or_init(|| {
        let place = std::env::var("ULAK_HOLD").ok()?;
        Some((place, PathBuf::from(std::env::var_os("ULAK_HOLD_FILE")?)))
    });
    let Some((wanted, file)) = order else { return };
    if wanted != place.as_str() || HELD.swap(true, Ordering::Relaxed) {
        return;
    }
    let (reached, go) = (file.with_extension("reached"), file.with_extension("go"));
    if std::fs::write(&reached, place.as_str()).is_err() {
        return;
    }
    while !go.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Panics here if a test asked for it.
///
/// # Panics
/// That is what it is for.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "the purpose of this function, in debug builds only")]
pub fn panic_at(place: Place, event_id: &str) {
    if event_id.contains("panic")
        && std::env::var("ULAK_PANIC").is_ok_and(|wanted| wanted == place.as_str())
    {
        panic!("a test asked for a panic at {}", place.as_str());
    }
}

/// Does nothing in a release build.
#[cfg(not(debug_assertions))]
pub async fn at(_: Place) {}

/// Does nothing in a release build.
#[cfg(not(debug_assertions))]
pub fn panic_at(_: Place, _: &str) {}
