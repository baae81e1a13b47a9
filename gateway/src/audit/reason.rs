//! Reasons that people give for what they do: needed, and bounded. They go into the records as they were written.

/// Longest reason, characters.
pub(super) const LONGEST: usize = 500;

/// What is wrong with a reason, as a key of the catalogue.
pub(super) fn fault(reason: &str) -> Option<&'static str> {
    match reason.chars().count() {
        0 => Some("reason.missing"),
        n if n > LONGEST => Some("reason.long"),
        _ if schemas::holds_a_number(reason) => Some("reason.number"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_needed_and_bounded_in_characters() {
        assert_eq!(fault(""), Some("reason.missing"));
        assert_eq!(fault("ş"), None);
        assert_eq!(fault(&"ş".repeat(LONGEST)), None);
        assert_eq!(fault(&"ş".repeat(LONGEST + 1)), Some("reason.long"));
        assert_eq!(fault("she called from 0532 123 45 67"), Some("reason.number"));
    }
}
