//! What became of a notification or a fact, why, on what evidence, and what happens next: looked up in the ledger and told in words,
//! in Turkish or English, for `ulak log explain` and for the auditors' pages alike.
//!
//! No word of a story comes from a patient: texts and bodies stay sealed in the records that it is told from.

mod delivery;
mod english;
pub mod lookup;
mod tell;
mod turkish;
mod words;

pub use tell::{FactStory, Step, Story, is_handled};
pub use words::{
    Frame, Situation, answer, because, begun, consent, did, fact_verdict, frame, meaning, next,
    planned,
};
pub use words::{sentence, state, verdict};

use chrono::DateTime;
use chrono_tz::Europe::Istanbul;

/// A language that stories are told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tongue {
    /// Turkish
    Tr,
    /// English
    En,
}

/// Wall clock of Türkiye, for people; the offset is in the text.
pub fn local(ms: i64) -> String {
    let at = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    at.with_timezone(&Istanbul).format("%Y-%m-%d %H:%M:%S%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_without_a_date_is_no_panic() {
        assert!(local(i64::MAX).starts_with("1970"));
    }
}
