//! Dates and times as people write them: `22 Kasım 2026 Pazar 14:30`.

use std::fmt::Write as _;
use std::sync::LazyLock;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Datelike, Days, FixedOffset, Locale, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use schemas::Language;

/// An instant on the wall clock of a clinic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    local: NaiveDateTime,
}

impl Moment {
    /// The wall clock of `zone` at `instant`. `None` for a year that a text cannot carry (not 1 to
    /// 9999), long before chrono's own limits, where it would panic.
    pub fn at(instant: DateTime<FixedOffset>, zone: Tz) -> Option<Self> {
        let utc = instant.naive_utc();
        if !(1..=9999).contains(&utc.year()) {
            return None;
        }
        let local = zone.from_utc_datetime(&utc).naive_local();
        (1..=9999).contains(&local.year()).then_some(Self { local })
    }

    /// `22 Kasım 2026`, `22 November 2026`.
    pub fn date(&self, language: Language) -> String {
        self.write(&FORMATS.date, language)
    }

    /// `14:30`: always 24 hours.
    pub fn time(&self, language: Language) -> String {
        self.write(&FORMATS.time, language)
    }

    /// `Pazar`, `Sunday`.
    pub fn day(&self, language: Language) -> String {
        self.write(&FORMATS.day, language)
    }

    /// `22 Kasım 2026 Pazar 14:30`, `Sunday 22 November 2026, 14:30`.
    pub fn date_time(&self, language: Language) -> String {
        match language {
            Language::Tr => self.write(&FORMATS.date_time_tr, language),
            Language::En => self.write(&FORMATS.date_time_en, language),
        }
    }

    /// `bugün`, `yarın` (`today`, `tomorrow`) as seen at `now`; `None` for any other day.
    ///
    /// A text may be read later than it was sent: only beside the date, never instead of it.
    pub fn near(&self, now: DateTime<Utc>, zone: Tz, language: Language) -> Option<&'static str> {
        let today = Self::at(now.fixed_offset(), zone)?.local.date();
        let (this, next) = match language {
            Language::Tr => ("bugün", "yarın"),
            Language::En => ("today", "tomorrow"),
        };
        if self.local.date() == today {
            Some(this)
        } else if today.checked_add_days(Days::new(1)) == Some(self.local.date()) {
            Some(next)
        } else {
            None
        }
    }

    fn write(&self, items: &[Item<'static>], language: Language) -> String {
        let locale = match language {
            Language::Tr => Locale::tr_TR,
            Language::En => Locale::en_GB,
        };
        let mut text = String::with_capacity(40);
        // The zone is no part of any format, so that the wall clock stands in as UTC.
        let shown = self.local.and_utc().format_localized_with_items(items.iter(), locale);
        // Writing into a String fails only on a format that FORMATS does not have.
        let written = write!(text, "{shown}");
        debug_assert!(written.is_ok(), "the formats are constant and tested");
        text
    }
}

/// Parsed once: parsing a format costs more than writing the date.
struct Formats {
    date: Vec<Item<'static>>,
    time: Vec<Item<'static>>,
    day: Vec<Item<'static>>,
    date_time_tr: Vec<Item<'static>>,
    date_time_en: Vec<Item<'static>>,
}

static FORMATS: LazyLock<Formats> = LazyLock::new(|| {
    let items = |format| StrftimeItems::new(format).collect();
    Formats {
        date: items("%-d %B %Y"),
        time: items("%H:%M"),
        day: items("%A"),
        date_time_tr: items("%-d %B %Y %A %H:%M"),
        date_time_en: items("%A %-d %B %Y, %H:%M"),
    }
});

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, Timelike};
    use proptest::prelude::*;

    use super::*;

    const MONTHS: [[&str; 12]; 2] = [
        [
            "Ocak", "Şubat", "Mart", "Nisan", "Mayıs", "Haziran", "Temmuz", "Ağustos", "Eylül",
            "Ekim", "Kasım", "Aralık",
        ],
        [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ],
    ];
    const DAYS: [[&str; 7]; 2] = [
        ["Pazartesi", "Salı", "Çarşamba", "Perşembe", "Cuma", "Cumartesi", "Pazar"],
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    ];

    fn at(text: &str, zone: Tz) -> Moment {
        Moment::at(DateTime::parse_from_rfc3339(text).unwrap(), zone).unwrap()
    }

    #[test]
    fn dates_are_written_as_people_write_them() {
        let visit = at("2026-11-22T14:30:00+03:00", Tz::Europe__Istanbul);
        assert_eq!(visit.date_time(Language::Tr), "22 Kasım 2026 Pazar 14:30");
        assert_eq!(visit.date_time(Language::En), "Sunday 22 November 2026, 14:30");
        assert_eq!(visit.date(Language::Tr), "22 Kasım 2026");
        assert_eq!(visit.day(Language::Tr), "Pazar");
        assert_eq!(visit.time(Language::Tr), "14:30");
        assert_eq!(
            at("2026-01-05T06:05:00Z", Tz::Europe__Istanbul).date_time(Language::Tr),
            "5 Ocak 2026 Pazartesi 09:05"
        );
    }

    #[test]
    fn every_month_and_day_has_its_name() {
        for (language, column) in [(Language::Tr, 0), (Language::En, 1)] {
            for month in 1..=12_u32 {
                let moment = at(&format!("2026-{month:02}-15T12:00:00Z"), Tz::UTC);
                assert_eq!(
                    moment.date(language),
                    format!("15 {} 2026", MONTHS[column][month as usize - 1])
                );
            }
            for (day, name) in DAYS[column].iter().enumerate() {
                // 2026-11-23 is a Monday.
                let moment = at(&format!("2026-11-{:02}T12:00:00Z", 23 + day), Tz::UTC);
                assert_eq!(moment.day(language), *name);
            }
        }
    }

    #[test]
    fn the_clock_is_the_clinics() {
        // Türkiye left summer time in 2016; before that its rules differ by the year.
        assert_eq!(at("2026-07-01T12:00:00Z", Tz::Europe__Istanbul).time(Language::Tr), "15:00");
        assert_eq!(at("2015-01-15T12:00:00Z", Tz::Europe__Istanbul).time(Language::Tr), "14:00");
        // Over midnight and over the year's end.
        assert_eq!(
            at("2026-12-31T21:30:00Z", Tz::Europe__Istanbul).date_time(Language::Tr),
            "1 Ocak 2027 Cuma 00:30"
        );
        // Both sides of a change of summer time, and zones that are no whole hours away.
        assert_eq!(at("2026-03-29T00:59:00Z", Tz::Europe__Berlin).time(Language::En), "01:59");
        assert_eq!(at("2026-03-29T01:00:00Z", Tz::Europe__Berlin).time(Language::En), "03:00");
        assert_eq!(at("2026-11-22T12:00:00Z", Tz::Asia__Kathmandu).time(Language::En), "17:45");
        assert_eq!(
            at("2026-07-22T12:00:00Z", Tz::Australia__Lord_Howe).time(Language::En),
            "22:30"
        );
    }

    #[test]
    fn near_days_are_named_by_the_clinics_calendar() {
        let zone = Tz::Europe__Istanbul;
        let visit = at("2026-11-22T00:15:00+03:00", zone);
        let seen = |now: &str| visit.near(now.parse().unwrap(), zone, Language::Tr);
        assert_eq!(seen("2026-11-21T20:00:00Z"), Some("yarın"));
        assert_eq!(seen("2026-11-21T21:00:00Z"), Some("bugün"), "midnight has passed in Istanbul");
        assert_eq!(seen("2026-11-20T20:00:00Z"), None);
        assert_eq!(seen("2026-11-23T20:00:00Z"), None);
        assert_eq!(
            visit.near("2026-11-21T20:00:00Z".parse().unwrap(), zone, Language::En),
            Some("tomorrow")
        );
    }

    #[test]
    fn a_day_is_near_to_the_second_and_by_the_zone() {
        let seen = |visit: &str, now: &str, zone| {
            at(visit, zone).near(now.parse().unwrap(), zone, Language::Tr)
        };
        let istanbul = Tz::Europe__Istanbul;
        // 22 November begins in Istanbul at 21:00 UTC.
        let late = "2026-11-22T23:59:00+03:00";
        assert_eq!(seen(late, "2026-11-20T20:59:59Z", istanbul), None);
        assert_eq!(seen(late, "2026-11-20T21:00:00Z", istanbul), Some("yarın"));
        assert_eq!(seen(late, "2026-11-21T20:59:59Z", istanbul), Some("yarın"));
        assert_eq!(seen(late, "2026-11-21T21:00:00Z", istanbul), Some("bugün"));
        assert_eq!(seen(late, "2026-11-22T20:59:59Z", istanbul), Some("bugün"));
        assert_eq!(seen(late, "2026-11-22T21:00:00Z", istanbul), None);
        // One pair of instants, three calendars.
        let (visit, now) = ("2026-11-22T05:00:00Z", "2026-11-21T22:30:00Z");
        assert_eq!(seen(visit, now, istanbul), Some("bugün"));
        assert_eq!(seen(visit, now, Tz::Europe__London), Some("yarın"));
        assert_eq!(seen(visit, now, Tz::America__Los_Angeles), Some("bugün"));
        // A day of 23 hours, and the turn of the year.
        let berlin = Tz::Europe__Berlin;
        assert_eq!(
            seen("2026-03-30T00:30:00+02:00", "2026-03-28T23:30:00Z", berlin),
            Some("yarın")
        );
        assert_eq!(
            seen("2027-01-01T00:00:00+03:00", "2026-12-31T20:59:59Z", istanbul),
            Some("yarın")
        );
    }

    #[test]
    fn absurd_years_are_refused_and_do_not_panic() {
        let zone = Tz::Pacific__Kiritimati;
        for text in ["0000-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"] {
            assert_eq!(Moment::at(DateTime::parse_from_rfc3339(text).unwrap(), zone), None);
        }
        for utc in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            assert_eq!(Moment::at(utc.fixed_offset(), zone), None);
            let visit = at("2026-11-22T00:15:00+03:00", zone);
            assert_eq!(visit.near(utc, zone, Language::Tr), None);
        }
    }

    /// Reads a written Turkish date back.
    fn read_back(text: &str) -> NaiveDateTime {
        let words: Vec<&str> = text.split(' ').collect();
        let month = MONTHS[0].iter().position(|name| *name == words[1]).unwrap() as u32 + 1;
        let date =
            NaiveDate::from_ymd_opt(words[2].parse().unwrap(), month, words[0].parse().unwrap())
                .unwrap();
        assert_eq!(DAYS[0][date.weekday().num_days_from_monday() as usize], words[3]);
        let (hour, minute) = words[4].split_once(':').unwrap();
        assert_eq!((hour.len(), minute.len()), (2, 2));
        date.and_hms_opt(hour.parse().unwrap(), minute.parse().unwrap(), 0).unwrap()
    }

    proptest! {
        #[test]
        fn any_instant_can_be_read_back(
            seconds in -20_000_000_000_i64..250_000_000_000,
            zone in proptest::sample::select(chrono_tz::TZ_VARIANTS.to_vec()),
        ) {
            let utc = DateTime::from_timestamp(seconds, 0).unwrap();
            let moment = Moment::at(utc.fixed_offset(), zone);
            let shown = utc.with_timezone(&zone).naive_local();
            if let Some(moment) = moment {
                prop_assert_eq!(read_back(&moment.date_time(Language::Tr)),
                    shown.with_second(0).unwrap());
            } else {
                prop_assert!(!(2..=9998).contains(&shown.year()));
            }
        }
    }
}
