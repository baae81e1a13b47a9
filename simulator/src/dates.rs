//! The vendors' ways to write a time. All of them mean Turkish local time.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, TimeZone, Utc};
use chrono_tz::Europe::Istanbul;

/// `ddMMyyyyHHmm` of Netgsm's send (facts A1), as milliseconds since 1970.
pub(crate) fn netgsm_send(text: &str) -> Option<i64> {
    digits(text, 12)?;
    local(read(text, "%d%m%Y%H%M")?)
}

/// `dd.MM.yyyy HH:mm:ss` of Netgsm's report (facts A4).
pub(crate) fn netgsm_report(text: &str) -> Option<i64> {
    // chrono would also take one-digit days and surrounding blanks.
    if text.len() != 19 {
        return None;
    }
    local(read(text, "%d.%m.%Y %H:%M:%S")?)
}

/// The three writings seen for Netgsm's inbox: 14, 12 or 8 digits (facts A5).
pub(crate) fn netgsm_inbox(text: &str) -> Option<i64> {
    match text.len() {
        14 => digits(text, 14).and_then(|()| local(read(text, "%d%m%Y%H%M%S")?)),
        12 => netgsm_send(text),
        8 => {
            digits(text, 8)?;
            local(NaiveDate::parse_from_str(text, "%d%m%Y").ok()?.and_hms_opt(0, 0, 0)?)
        }
        _ => None,
    }
}

/// `YYYY-MM-DD HH:mm:ss` of İYS (facts B0).
pub(crate) fn iys(text: &str) -> Option<i64> {
    if text.len() != 19 {
        return None;
    }
    local(read(text, "%Y-%m-%d %H:%M:%S")?)
}

/// Writes Netgsm's dotted form.
pub(crate) fn to_netgsm_report(ms: i64) -> String {
    write(ms, "%d.%m.%Y %H:%M:%S")
}

/// Writes İYS's form.
pub(crate) fn to_iys(ms: i64) -> String {
    write(ms, "%Y-%m-%d %H:%M:%S")
}

/// Writes RFC 3339 in UTC with milliseconds, for our own control API.
pub(crate) fn to_rfc3339(ms: i64) -> String {
    instant(ms).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Writes RFC 2822 in GMT, as Twilio does (facts A1).
pub(crate) fn to_rfc2822(ms: i64) -> String {
    instant(ms).format("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// Writes `YYMMDDhhmm`, Twilio's `RawDlrDoneDate` (facts A3).
pub(crate) fn to_twilio_done(ms: i64) -> String {
    instant(ms).format("%y%m%d%H%M").to_string()
}

/// Writes `ddMMyyyyHHmm`.
pub(crate) fn to_netgsm_send(ms: i64) -> String {
    write(ms, "%d%m%Y%H%M")
}

/// The GMT day of a Twilio filter, as its first millisecond: `YYYY-MM-DD`, or an instant of which only the day
/// counts (facts A2).
pub(crate) fn twilio_day(text: &str) -> Option<i64> {
    let day = match text.len() {
        10 => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?,
        _ => DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc).date_naive(),
    };
    Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
}

/// An instant in ISO 8601 (Twilio's `SendAt`, facts A1).
pub(crate) fn iso8601(text: &str) -> Option<i64> {
    Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis())
}

/// The day in Türkiye.
pub(crate) fn day(ms: i64) -> NaiveDate {
    instant(ms).with_timezone(&Istanbul).date_naive()
}

fn read(text: &str, format: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, format).ok()
}

fn digits(text: &str, count: usize) -> Option<()> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(())
}

fn local(at: NaiveDateTime) -> Option<i64> {
    // Türkiye has had no clock change since 2016; an hour of an older change takes its earlier reading.
    Istanbul.from_local_datetime(&at).earliest().map(|at| at.timestamp_millis())
}

fn write(ms: i64, format: &str) -> String {
    instant(ms).with_timezone(&Istanbul).format(format).to_string()
}

fn instant(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_writing_is_read_in_turkish_time() {
        let at = 1_790_854_200_000; // 2026-10-01T11:30:00Z
        assert_eq!(netgsm_send("011020261430"), Some(at));
        assert_eq!(netgsm_report("01.10.2026 14:30:00"), Some(at));
        assert_eq!(netgsm_inbox("01102026143000"), Some(at));
        assert_eq!(iys("2026-10-01 14:30:00"), Some(at));
        assert_eq!(to_rfc3339(at), "2026-10-01T11:30:00.000Z");
        assert_eq!(to_netgsm_send(at), "011020261430");
    }

    #[test]
    fn twilio_writes_and_reads_gmt() {
        let at = 1_692_853_305_000;
        assert_eq!(to_rfc2822(at), "Thu, 24 Aug 2023 05:01:45 +0000");
        assert_eq!(to_twilio_done(at), "2308240501");
        let day = Some(1_692_835_200_000);
        assert_eq!(twilio_day("2023-08-24"), day);
        assert_eq!(twilio_day("2023-08-24T23:59:59Z"), day);
        assert_eq!(twilio_day("2023-08-25T01:00:00+03:00"), day);
        assert_eq!(iso8601("2023-08-24T05:01:45Z"), Some(at));
        for wrong in ["", "24.08.2023", "2023-13-01", "2023-08-24 05:01"] {
            assert_eq!((twilio_day(wrong), iso8601(wrong)), (None, None), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_writing_is_refused() {
        for text in [
            "",
            "01102026143",
            "011020261430 ",
            "0110202614300",
            "321020261430",
            "01.10.20261430",
            "0110 0261430",
            "+11020261430",
        ] {
            assert_eq!(netgsm_send(text), None, "{text}");
        }
        for text in
            ["011020261430", "1.10.2026 14:30:00", "01.10.2026 14:30", "2026-10-01 14:30:00"]
        {
            assert_eq!(netgsm_report(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_of_dates_panic(text in "\\PC*") {
            let _ = (netgsm_send(&text), netgsm_report(&text), netgsm_inbox(&text), iys(&text));
            let _ = (twilio_day(&text), iso8601(&text));
        }

        #[test]
        fn what_is_written_is_read_back(seconds in 1_500_000_000_i64..4_000_000_000) {
            let ms = seconds * 1000;
            prop_assert_eq!(netgsm_report(&to_netgsm_report(ms)), Some(ms));
            prop_assert_eq!(iys(&to_iys(ms)), Some(ms));
        }
    }
}
