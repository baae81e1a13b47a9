//! The one place of these tests that reads the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};

/// Turkey has had one offset, summer and winter, since 2016.
const TURKEY_S: i32 = 3 * 3_600;

/// Now, in milliseconds since 1970 UTC.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the machine's clock is set");
    i64::try_from(since.as_millis()).expect("before the year 292 million")
}

/// Now in Turkey, plus so many minutes (or minus).
pub fn turkey(plus_minutes: i64) -> DateTime<FixedOffset> {
    let plus = TimeDelta::try_minutes(plus_minutes).expect("a few days");
    let utc = DateTime::<Utc>::from_timestamp_millis(now_ms()).expect("a date") + plus;
    utc.with_timezone(&FixedOffset::east_opt(TURKEY_S).expect("three hours"))
}

/// An instant as events write it.
pub fn written(at: DateTime<FixedOffset>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// The date as a Turkish text shows it: `21 Kasım 2026`. Written here a second time on purpose: the product's own
/// formatting is what is tested.
pub fn turkish_date(at: DateTime<FixedOffset>) -> String {
    use chrono::Datelike as _;
    const MONTHS: [&str; 12] = [
        "Ocak", "Şubat", "Mart", "Nisan", "Mayıs", "Haziran", "Temmuz", "Ağustos", "Eylül", "Ekim",
        "Kasım", "Aralık",
    ];
    format!("{} {} {}", at.day(), MONTHS[at.month0() as usize], at.year())
}
