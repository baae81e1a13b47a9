//! March 2031 at two clinics, written without a library of time zones: the product's is what is tested.

use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDate, NaiveDateTime, TimeDelta, Utc};

use crate::harness::clock::turkish_date;

/// Milliseconds since 1970 UTC.
pub type Ms = i64;

/// One minute.
pub const MINUTE: Ms = 60_000;
/// One hour.
pub const HOUR: Ms = 60 * MINUTE;
/// As many hours as a day has that is not touched by a change of the clock.
pub const DAY: Ms = 24 * HOUR;

/// A clinic and the clock on its wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clinic {
    /// Three hours before UTC all year round.
    Atasehir,
    /// In Berlin for this month: one hour before UTC, and two from 30 March 2031, 01:00 UTC.
    Besiktas,
}

impl Clinic {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Atasehir, Self::Besiktas];

    /// Its id.
    pub fn id(self) -> &'static str {
        match self {
            Self::Atasehir => "atasehir",
            Self::Besiktas => "besiktas",
        }
    }

    fn ahead(self, at: Ms) -> Ms {
        match self {
            Self::Atasehir => 3 * HOUR,
            Self::Besiktas if at < utc(2031, 3, 30, 1, 0) => HOUR,
            Self::Besiktas => 2 * HOUR,
        }
    }

    /// What its wall clock shows at an instant.
    pub fn wall(self, at: Ms) -> NaiveDateTime {
        naive(at + self.ahead(at))
    }

    /// The instant at which its wall clock shows this; of no use in the hour that is left out.
    pub fn at(self, wall: NaiveDateTime) -> Ms {
        let local = wall.and_utc().timestamp_millis();
        let guess = local - self.ahead(local);
        local - self.ahead(guess)
    }

    /// As events write an instant, with the offset that holds then.
    pub fn written(self, at: Ms) -> String {
        self.fixed(at).format("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// As Turkish texts show an instant: `21 Mart 2031 Cuma 14:30`.
    pub fn in_words(self, at: Ms) -> String {
        const DAYS: [&str; 7] =
            ["Pazartesi", "Salı", "Çarşamba", "Perşembe", "Cuma", "Cumartesi", "Pazar"];
        let at = self.fixed(at);
        let day = DAYS[at.weekday().num_days_from_monday() as usize];
        format!("{} {day} {}", turkish_date(at), at.format("%H:%M"))
    }

    fn fixed(self, at: Ms) -> DateTime<FixedOffset> {
        let seconds = i32::try_from(self.ahead(at) / 1_000).expect("a few hours");
        let utc = DateTime::<Utc>::from_timestamp_millis(at).expect("a date");
        utc.with_timezone(&FixedOffset::east_opt(seconds).expect("a few hours"))
    }
}

/// An instant by UTC.
pub fn utc(year: i32, month: u32, day: u32, hour: u32, minute: u32) -> Ms {
    let date = NaiveDate::from_ymd_opt(year, month, day).expect("a date");
    date.and_hms_opt(hour, minute, 0).expect("a time").and_utc().timestamp_millis()
}

/// When the month begins: midnight in Istanbul.
pub fn first() -> Ms {
    utc(2031, 2, 28, 21, 0)
}

/// When nothing is left to come.
pub fn last() -> Ms {
    first() + 60 * DAY
}

fn naive(ms: Ms) -> NaiveDateTime {
    let since = TimeDelta::try_milliseconds(ms).expect("a date");
    DateTime::UNIX_EPOCH.naive_utc() + since
}
