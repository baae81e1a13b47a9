//! Named places at which a test can hold, kill or crash a process. Nothing of it is in a release build.
//!
//! `ULAK_HOLD=after-claim` with `ULAK_HOLD_FILE=/path` stops whatever comes first to `after-claim`: the file `/path.reached`
//! appears, and it goes on when `/path.go` exists. `ULAK_PANIC=render` panics there, every time, for events whose id contains the
//! word `panic`; `ULAK_ABORT=render` ends the process there for those whose id contains `abort`.
//!
//! It stands in this crate because all that act on a notification know this one, and needs nothing but the standard library.
//! `tests/` kills and stops processes at every one of [`Place::ALL`], so a new place without a scenario is a failing test.

#[cfg(debug_assertions)]
use std::{
    env, fs,
    path::PathBuf,
    sync::OnceLock,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// Pause between two looks whether what is held may go on.
#[cfg(debug_assertions)]
const LOOK_EVERY: Duration = Duration::from_millis(10);

macro_rules! places {
    ($($(#[$doc:meta])+ $place:ident = $word:literal,)+) => {
        /// The places, in the order in which a notification comes to them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Place {
            $($(#[$doc])+ $place,)+
        }

        impl Place {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$place,)+];

            /// As it is written in `ULAK_HOLD`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$place => $word,)+
                }
            }
        }
    };
}

places! {
    /// Worker: a copy arrived, nothing was read.
    Received = "received",
    /// Worker: the row and its surroundings were read.
    AfterRead = "after-read",
    /// Worker: it is decided, whoever was asked about consent has answered.
    AfterConsent = "after-consent",
    /// Worker: the permit of the lane is taken, the claim has not left.
    BeforeClaim = "before-claim",
    /// Worker: the claim is durable, no connection was asked for.
    AfterClaim = "after-claim",
    /// Worker: the first member of a job has come, nobody has looked for others (`providers.netgsm.batch`).
    BeforeJob = "before-job",
    /// Worker: the connection stands, no byte of the request has left; what follows is the look at the decision's age.
    BeforeBytes = "before-bytes",
    /// Worker: the provider answered, nothing is written.
    AfterAnswer = "after-answer",
    /// Worker: the lane has heard of it, the outcome is not written.
    BeforeOutcome = "before-outcome",
    /// Worker: the outcome is durable, the delivery is not acked.
    BeforeAck = "before-ack",
    /// Worker: a certain failure is durable, the next attempt under the same lease is not claimed.
    BackOff = "back-off",
    /// Worker: how it ended is durable, whatever the end, and the delivery is not acked.
    Handled = "handled",
    /// Worker: while the text is made; only for panics.
    Render = "render",
    /// Scheduler: a release is committed, no copy is published.
    AfterRelease = "after-release",
    /// Scheduler: a copy is published, nobody has looked whether it was confirmed.
    AfterPublish = "after-publish",
    /// Scheduler: facts and what follows from them are in the transaction, which is not committed.
    BeforeFacts = "before-facts",
    /// Scheduler: facts are durable, their deliveries are not acked.
    AfterFacts = "after-facts",
    /// Scheduler: what came back from the broker is durable, the delivery is not acked.
    AfterReturn = "after-return",
    /// Scheduler: dead letters are on the broker, the cursor has not moved.
    AfterRelay = "after-relay",
    /// Scheduler: outcomes are told, the cursor has not moved.
    AfterTelling = "after-telling",
    /// Scheduler: the provider's list was read, no look is written.
    AfterScan = "after-scan",
}

/// Waits for as long as a test wants it; without a test it is ready at once.
#[must_use = "nothing is held unless it is waited for"]
#[derive(Debug)]
pub struct Hold {
    #[cfg(debug_assertions)]
    go: Option<PathBuf>,
}

/// Holds here if a test asked for it, once in the life of a process.
#[cfg(debug_assertions)]
pub fn at(place: Place) -> Hold {
    static ORDER: OnceLock<Option<(String, PathBuf)>> = OnceLock::new();
    static HELD: AtomicBool = AtomicBool::new(false);
    let order = ORDER.get_or_init(|| {
        let place = env::var("ULAK_HOLD").ok()?;
        Some((place, PathBuf::from(env::var_os("ULAK_HOLD_FILE")?)))
    });
    let wanted = order.as_ref().filter(|(wanted, _)| wanted == place.as_str());
    let Some((_, file)) = wanted.filter(|_| !HELD.swap(true, Ordering::Relaxed)) else {
        return Hold { go: None };
    };
    let reached = fs::write(file.with_extension("reached"), place.as_str());
    Hold { go: reached.is_ok().then(|| file.with_extension("go")) }
}

impl Future for Hold {
    type Output = ();

    #[cfg(debug_assertions)]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.go.as_ref().is_none_or(|go| go.exists()) {
            return Poll::Ready(());
        }
        // a thread instead of a timer: this crate knows no runtime
        let waker = context.waker().clone();
        thread::spawn(move || {
            #[expect(clippy::disallowed_methods, reason = "a thread of its own, no runtime's")]
            thread::sleep(LOOK_EVERY);
            waker.wake();
        });
        Poll::Pending
    }

    #[cfg(not(debug_assertions))]
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// Panics here if a test asked for it, or ends the process.
///
/// # Panics
/// That is what it is for.
#[cfg(debug_assertions)]
pub fn panic_at(place: Place, event_id: &str) {
    let asked = |variable| env::var(variable).is_ok_and(|wanted| wanted == place.as_str());
    let panics = event_id.contains("panic") && asked("ULAK_PANIC");
    assert!(!panics, "a test asked for a panic at {}", place.as_str());
    if event_id.contains("abort") && asked("ULAK_ABORT") {
        std::process::abort();
    }
}

/// Holds nothing in a release build.
#[cfg(not(debug_assertions))]
pub fn at(_: Place) -> Hold {
    Hold {}
}

/// Does nothing in a release build.
#[cfg(not(debug_assertions))]
pub fn panic_at(_: Place, _: &str) {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_place_has_a_name_of_its_own() {
        let names: BTreeSet<_> = Place::ALL.iter().map(|place| place.as_str()).collect();
        assert_eq!(names.len(), Place::ALL.len());
        let plain = |name: &&str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        assert!(names.iter().all(plain), "{names:?}");
    }

    #[test]
    fn nothing_is_held_that_nobody_asked_for() {
        let mut context = Context::from_waker(std::task::Waker::noop());
        for place in Place::ALL {
            assert!(Pin::new(&mut at(*place)).poll(&mut context).is_ready());
        }
    }
}
