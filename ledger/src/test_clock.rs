//! A test's clock: the database's time, moved. Nothing of it is in a release build.
//!
//! A process that was started with `ULAK_TEST_CLOCK=1` adds the milliseconds in `meta` under `test-clock` to the database's clock,
//! in statements and in itself, and measures that clock ten times a second instead of once a minute (each look at `/readyz` measures
//! it too). Whoever moves it does so while nothing is in flight, or leases run out. What a process measures by its own machine, such
//! as the five seconds before the first byte (PROTOCOL rule 6), is not moved.

#[cfg(debug_assertions)]
use std::sync::OnceLock;

/// By how much the clock is moved, in SQL, milliseconds.
pub(crate) const SHIFT: &str =
    "COALESCE((SELECT CAST(t.value AS BIGINT) FROM meta AS t WHERE t.key = 'test-clock'), 0)";

/// Whether this process goes by a test's clock.
#[cfg(debug_assertions)]
pub(crate) fn is_on() -> bool {
    static ON: OnceLock<bool> = OnceLock::new();
    *ON.get_or_init(|| std::env::var("ULAK_TEST_CLOCK").is_ok_and(|value| value == "1"))
}

/// Never in a release build.
#[cfg(not(debug_assertions))]
pub(crate) const fn is_on() -> bool {
    false
}

/// An expression for the time, `per_ms` units a millisecond, as a test has moved it.
pub(crate) fn moved(now: &str, per_ms: u32) -> String {
    if is_on() { format!("({now} + {per_ms} * {SHIFT})") } else { now.to_owned() }
}
