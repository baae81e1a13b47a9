//! What the crate promises, seen from outside.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod desk;
mod golden;
mod loading;
mod rendering;
mod wording;
