//! When a person is reminded of a visit: a time before it starts.

use std::fmt;

use chrono::TimeDelta;

/// A reminder of an appointment, as the clinic writes it: `24h`, `90m`, `1h30m`, `3d`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReminderRule {
    /// As it was written; it is `reminder.rule` of what is planned by it.
    pub text: String,
    /// What it means.
    pub before: Before,
}

/// How long before the start of the visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Before {
    /// `h` and `m`: so much time that passes, whatever clocks do.
    Elapsed(TimeDelta),
    /// `d`: so many calendar days, at the same time of day on the clinic's clock.
    Days(u32),
}

/// Why a text is no reminder rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReminderRuleRefusal {
    /// Not a number and a unit.
    #[error("a reminder is a time before the visit, such as 24h, 90m, 1h30m or 3d")]
    NotARule,
    /// Nothing, or more than anybody plans ahead.
    #[error("a reminder is more than zero and at most 60 days before the visit")]
    OutOfRange,
}

const MOST_DAYS: i64 = 60;

impl ReminderRule {
    /// Reads `<n>d`, `<n>h`, `<n>m` or `<n>h<n>m`: whole numbers without a sign or a leading zero, more than zero and at
    /// most 60 days. Minutes beside hours are at most 59, so that one span has one writing of that form.
    ///
    /// # Errors
    /// The text is written in another way, or is out of that range.
    pub fn parse(text: &str) -> Result<Self, ReminderRuleRefusal> {
        let before = match text.strip_suffix('d') {
            Some(days) => Before::Days(
                u32::try_from(within(number(days)?, MOST_DAYS)?)
                    .map_err(|_| ReminderRuleRefusal::OutOfRange)?,
            ),
            None => Before::Elapsed(TimeDelta::minutes(minutes(text)?)),
        };
        Ok(Self { text: text.to_owned(), before })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ReminderRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for ReminderRule {
    type Err = ReminderRuleRefusal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// `<n>h`, `<n>m` or `<n>h<n>m` in minutes.
fn minutes(text: &str) -> Result<i64, ReminderRuleRefusal> {
    const HOUR: i64 = 60;
    const MOST: i64 = MOST_DAYS * 24 * HOUR;
    let (hours, rest) = match text.split_once('h') {
        Some((hours, rest)) => (number(hours)?, rest),
        None => (0, text),
    };
    let minutes = match rest.strip_suffix('m') {
        Some(minutes) => number(minutes)?,
        None if rest.is_empty() && text.ends_with('h') => 0,
        None => return Err(ReminderRuleRefusal::NotARule),
    };
    // Beside hours there is no "0m" and no "90m".
    if text.contains('h') && !rest.is_empty() && !(1..HOUR).contains(&minutes) {
        return Err(ReminderRuleRefusal::NotARule);
    }
    within(hours * HOUR + minutes, MOST)
}

/// Up to six digits, so that nothing made of it overflows.
fn number(text: &str) -> Result<i64, ReminderRuleRefusal> {
    let digits = (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return Err(ReminderRuleRefusal::NotARule);
    }
    text.parse().map_err(|_| ReminderRuleRefusal::NotARule)
}

fn within(number: i64, most: i64) -> Result<i64, ReminderRuleRefusal> {
    if (1..=most).contains(&number) { Ok(number) } else { Err(ReminderRuleRefusal::OutOfRange) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rule_is_a_time_before_the_visit() {
        for (text, minutes) in [
            ("24h", 1_440),
            ("2h", 120),
            ("90m", 90),
            ("1m", 1),
            ("1h30m", 90),
            ("1440h", 86_400),
            ("86400m", 86_400),
        ] {
            let rule = ReminderRule::parse(text).unwrap();
            assert_eq!(rule.before, Before::Elapsed(TimeDelta::minutes(minutes)), "{text}");
            assert_eq!(rule.to_string(), text);
        }
        assert_eq!(ReminderRule::parse("3d").unwrap().before, Before::Days(3));
        assert_eq!("60d".parse::<ReminderRule>().unwrap().before, Before::Days(60));
    }

    #[test]
    fn what_is_no_such_time_is_refused() {
        for text in [
            "", "soon", "-2h", "+2h", "2", "h", "m", "d", "2 h", " 2h", "2h ", "2H", "1.5h", "2s",
            "2w", "1d12h", "h30m", "30m1h", "1h0m", "1h60m", "1h30", "02h", "1h05m", "2h2h", "٢h",
            "direct", "9999999m", "1hm", "d3",
        ] {
            assert_eq!(ReminderRule::parse(text), Err(ReminderRuleRefusal::NotARule), "{text:?}");
        }
        for text in ["0h", "0m", "0d", "61d", "1441h", "86401m", "1440h1m", "999999d"] {
            assert_eq!(ReminderRule::parse(text), Err(ReminderRuleRefusal::OutOfRange), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,12}|[0-9hmd+-]{0,12}") {
            if let Ok(rule) = ReminderRule::parse(&text) {
                prop_assert_eq!(rule.as_str(), text.as_str());
                match rule.before {
                    Before::Elapsed(span) => {
                        prop_assert!(span > TimeDelta::zero() && span <= TimeDelta::days(60));
                    }
                    Before::Days(days) => prop_assert!((1..=60).contains(&days)),
                }
            }
        }

        #[test]
        fn what_is_written_from_a_span_reads_back_as_it(hours in 0i64..1_440, minutes in 0i64..60) {
            prop_assume!(hours + minutes > 0);
            let text = match (hours, minutes) {
                (0, minutes) => format!("{minutes}m"),
                (hours, 0) => format!("{hours}h"),
                (hours, minutes) => format!("{hours}h{minutes}m"),
            };
            let before = ReminderRule::parse(&text).unwrap().before;
            prop_assert_eq!(before, Before::Elapsed(TimeDelta::minutes(hours * 60 + minutes)));
        }
    }
}
