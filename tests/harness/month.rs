//! A month of a clinic's life that passes in a minute: what happens in it, what it must lead to, and the clocks that make it pass.
//!
//! Nothing here is shared with the product. What an appointment must get is worked out in `model` from the rules as they are
//! promised (DESIGN §4 *Time*), on a calendar of its own.

mod book;
mod calendar;
mod clocks;
mod drive;
mod facts;
mod model;
mod on_rabbitmq;
mod on_sqlite;
mod random;
mod verdict;

pub use book::{Month, Size};
pub use drive::{Passed, pass};
pub use on_rabbitmq::Large;
pub use on_sqlite::Small;
pub use random::setting;
pub use verdict::{IN_SPITE_OF_KILLS, PROMPT};

/// The configuration of a month: quiet hours at both clinics, one of them in Berlin, where the clock is set forward in it, and logs
/// that fit into memory.
fn in_config(text: &str) -> String {
    text.replace(r#"quiet_hours = "none""#, r#"quiet_hours = "20:00-09:00""#)
        .replace("[clinics.besiktas]\n", "[clinics.besiktas]\ntime_zone = \"Europe/Berlin\"\n")
        .replace(r#"level = "debug""#, r#"level = "info""#)
}
