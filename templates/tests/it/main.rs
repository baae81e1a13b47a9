//! What the crate promises, seen from outside.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod checking;
mod desk;
mod golden;
mod icu;
mod loading;
mod node;
mod previewing;
mod rendering;
mod suffixes;
mod twilio;
mod wording;
