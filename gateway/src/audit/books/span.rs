//! The days that are asked for.

use chrono::{Days, NaiveDate};

/// Most days that are shown at once: a quarter of a year.
pub(super) const LONGEST: i64 = 92;
/// Days that are shown if nobody asks for others, today included.
const USUAL: u64 = 14;

/// Days, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub from: NaiveDate,
    pub to: NaiveDate,
}

impl Span {
    /// Reads what a form asks for; empty fields stand for the usual days.
    ///
    /// # Errors
    /// The key of what is wrong with it.
    pub fn asked(from: &str, to: &str, today: NaiveDate) -> Result<Self, &'static str> {
        let read = |text: &str| match text {
            "" => Ok(None),
            // a year that no ledger has would overflow its milliseconds
            _ => NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .ok()
                .filter(|day| (2000..=2200).contains(&chrono::Datelike::year(day)))
                .map(Some)
                .ok_or("books.fault.day"),
        };
        let (from, to) = (read(from)?, read(to)?);
        let to = to.unwrap_or(today);
        let usual = || to.checked_sub_days(Days::new(USUAL - 1)).unwrap_or(to);
        let from = from.unwrap_or_else(usual);
        match (to - from).num_days() {
            ..0 => Err("books.fault.order"),
            days if days >= LONGEST => Err("books.fault.long"),
            _ => Ok(Self { from, to }),
        }
    }

    /// Each day.
    pub fn days(self) -> impl Iterator<Item = NaiveDate> {
        self.from.iter_days().take_while(move |day| *day <= self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn asked(from: &str, to: &str) -> Result<(String, String), &'static str> {
        let span = Span::asked(from, to, day("2026-11-22"))?;
        Ok((span.from.to_string(), span.to.to_string()))
    }

    fn span(from: &str, to: &str) -> (String, String) {
        (from.to_owned(), to.to_owned())
    }

    #[test]
    fn nothing_asked_is_the_last_two_weeks() {
        assert_eq!(asked("", ""), Ok(span("2026-11-09", "2026-11-22")));
        assert_eq!(asked("", "2026-03-14"), Ok(span("2026-03-01", "2026-03-14")));
        assert_eq!(asked("2026-11-20", ""), Ok(span("2026-11-20", "2026-11-22")));
    }

    #[test]
    fn what_cannot_be_shown_says_why() {
        assert_eq!(asked("22.11.2026", ""), Err("books.fault.day"));
        assert_eq!(asked("9999-01-01", "9999-01-02"), Err("books.fault.day"));
        assert_eq!(asked("2026-11-23", "2026-11-22"), Err("books.fault.order"));
        assert_eq!(asked("2026-11-23", ""), Err("books.fault.order"));
        assert_eq!(asked("2026-08-22", "2026-11-22"), Err("books.fault.long"));
        assert!(asked("2026-08-23", "2026-11-22").is_ok());
    }

    #[test]
    fn a_span_has_each_of_its_days_once() {
        let span = Span { from: day("2026-02-27"), to: day("2026-03-02") };
        let days: Vec<String> = span.days().map(|day| day.to_string()).collect();
        assert_eq!(days, ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]);
    }
}
