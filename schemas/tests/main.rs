//! The contract as publishers see it: the example folder, `README.md` and `asyncapi.yaml`.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod documents;
mod events_page;
mod examples;
mod generated;
mod outcomes;
