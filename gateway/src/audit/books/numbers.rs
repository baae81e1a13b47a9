//! Numbers as people of each language write them.

use crate::audit::when;
use chrono::NaiveDate;
use ledger::days::{CLASSES_MS, TimeToSend};
use metrics::{Currency, MICROS};
use story::Tongue;

/// What stands for a number that nobody knows.
pub(super) const NOTHING: &str = "–";

/// Writes numbers.
#[derive(Debug, Clone, Copy)]
pub(in crate::audit) struct Numbers(pub Tongue);

impl Numbers {
    /// `12.345` in Turkish, `12,345` in English.
    pub fn count(self, n: i64) -> String {
        let digits = n.unsigned_abs().to_string();
        let mut said = String::with_capacity(digits.len() * 4 / 3 + 1);
        if n < 0 {
            said.push('−');
        }
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                said.push(if self.0 == Tongue::Tr { '.' } else { ',' });
            }
            said.push(digit);
        }
        said
    }

    /// The same of a line of a plot.
    pub fn whole(self, n: f64) -> String {
        self.count(n.round() as i64)
    }

    /// `%97,5` in Turkish, `97.5%` in English.
    pub fn share(self, share: f64) -> String {
        // 99.96 % is not all of them
        let tenths = (share * 1_000.0).floor().clamp(0.0, 1_000.0);
        let number = self.tenths(tenths / 10.0);
        if self.0 == Tongue::Tr { format!("%{number}") } else { format!("{number}%") }
    }

    /// How many of how many, as a share.
    pub fn share_of(self, (part, all): (i64, i64)) -> String {
        if all == 0 { NOTHING.to_owned() } else { self.share(part as f64 / all as f64) }
    }

    /// An amount in millionths: two digits behind the point at least, and none left out that is not 0, so that what is added up agrees.
    pub fn amount(self, micros: u128) -> String {
        let (whole, rest) = (micros / u128::from(MICROS), micros % u128::from(MICROS));
        let rest = format!("{rest:06}");
        let behind = rest.trim_end_matches('0').len().max(2);
        let point = if self.0 == Tongue::Tr { ',' } else { '.' };
        let whole = self.count(i64::try_from(whole).unwrap_or(i64::MAX));
        format!("{whole}{point}{}", &rest[..behind])
    }

    /// The same with its currency: `1.234,50 ₺` in Turkish, `TRY 1,234.50` in English.
    pub fn money(self, micros: u128, currency: Currency) -> String {
        let amount = self.amount(micros);
        match (self.0, currency.as_str()) {
            (Tongue::Tr, "TRY") => format!("{amount} ₺"),
            (Tongue::Tr, code) => format!("{amount} {code}"),
            (Tongue::En, code) => format!("{code} {amount}"),
        }
    }

    /// A duration in milliseconds, in the largest unit that leaves a whole number before the point.
    pub fn duration(self, ms: f64) -> String {
        let units = [(86_400_000.0, "gün", "d"), (3_600_000.0, "sa", "h"), (60_000.0, "dk", "min")];
        let turkish = self.0 == Tongue::Tr;
        for (unit, tr, en) in units.into_iter().chain([(1_000.0, "sn", "s")]) {
            if ms >= unit {
                return format!("{} {}", self.tenths(ms / unit), if turkish { tr } else { en });
            }
        }
        format!("{} ms", self.whole(ms))
    }

    /// Within which time this share was sent.
    pub fn within(self, times: &TimeToSend, share: f64) -> String {
        match times.within_ms(share) {
            Some(ms) => format!("≤ {}", self.duration(ms as f64)),
            None if times.count() == 0 => NOTHING.to_owned(),
            None => format!("> {}", self.duration(CLASSES_MS[CLASSES_MS.len() - 1] as f64)),
        }
    }

    /// A day, whole.
    pub fn day(self, day: NaiveDate) -> String {
        when::day(day, self.0)
    }

    /// A day below a plot.
    pub fn short_day(self, day: NaiveDate) -> String {
        day.format(if self.0 == Tongue::Tr { "%d.%m." } else { "%d %b" }).to_string()
    }

    /// With one digit behind the point, if that is not 0.
    fn tenths(self, n: f64) -> String {
        let said = format!("{n:.1}");
        let said = said.strip_suffix(".0").unwrap_or(&said);
        if self.0 == Tongue::Tr { said.replace('.', ",") } else { said.to_owned() }
    }
}

/// A share of a day's times for a plot, milliseconds: what lies beyond the last class stands just above it.
pub(super) fn drawn(times: &TimeToSend, share: f64) -> Option<f64> {
    let beyond = || (times.count() > 0).then(|| CLASSES_MS[CLASSES_MS.len() - 1] as f64 * 1.5);
    times.within_ms(share).map(|ms| ms as f64).or_else(beyond)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TR: Numbers = Numbers(Tongue::Tr);
    const EN: Numbers = Numbers(Tongue::En);

    #[test]
    fn counts_are_grouped_as_each_language_does() {
        let said = [0, 999, 1_000, 1_234_567, -1_234].map(|n| TR.count(n));
        assert_eq!(said, ["0", "999", "1.000", "1.234.567", "−1.234"]);
        assert_eq!(EN.count(1_234_567), "1,234,567");
        assert_eq!(EN.count(i64::MIN), "−9,223,372,036,854,775,808");
    }

    #[test]
    fn a_share_is_never_more_than_it_is() {
        assert_eq!((TR.share(0.975), EN.share(0.975)), ("%97,5".to_owned(), "97.5%".to_owned()));
        assert_eq!((EN.share(0.9999), EN.share(1.0)), ("99.9%".to_owned(), "100%".to_owned()));
        assert_eq!(
            (EN.share_of((0, 0)), EN.share_of((1, 3))),
            ("–".to_owned(), "33.3%".to_owned())
        );
    }

    #[test]
    fn money_is_written_as_people_write_it_and_loses_no_digit() {
        let of = |micros, code| {
            let currency = Currency::parse(code).unwrap();
            (TR.money(micros, currency), EN.money(micros, currency))
        };
        for (micros, code, turkish, english) in [
            (1_234_500_000, "TRY", "1.234,50 ₺", "TRY 1,234.50"),
            (215_000, "TRY", "0,215 ₺", "TRY 0.215"),
            (7_000_000, "USD", "7,00 USD", "USD 7.00"),
            (1, "EUR", "0,000001 EUR", "EUR 0.000001"),
            (0, "TRY", "0,00 ₺", "TRY 0.00"),
        ] {
            assert_eq!(of(micros, code), (turkish.to_owned(), english.to_owned()));
        }
    }

    #[test]
    fn durations_are_in_units_that_people_know() {
        let said = [350.0, 2_500.0, 60_000.0, 900_000.0, 5_400_000.0, 604_800_000.0];
        let said = said.map(|ms| TR.duration(ms));
        assert_eq!(said, ["350 ms", "2,5 sn", "1 dk", "15 dk", "1,5 sa", "7 gün"]);
        assert_eq!(EN.duration(2_500.0), "2.5 s");
    }

    #[test]
    fn a_time_beyond_every_class_is_said_so_and_drawn_above_all_others() {
        let mut times = TimeToSend::default();
        assert_eq!((EN.within(&times, 0.5), drawn(&times, 0.5)), ("–".to_owned(), None));
        times.classes[CLASSES_MS.len()] = 3;
        assert_eq!(EN.within(&times, 0.5), "> 1 h");
        assert!(drawn(&times, 0.5) > Some(3_600_000.0));
    }
}
