//! The policy of an event type: what stands under `x-ulak`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Channel;

/// How a type of message is treated. `policy.json` is its schema and says what each key means.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Order of release within a lane.
    pub class: Class,
    /// Channels that the type may use, best first.
    pub channels: Vec<Channel>,
    /// Which consent a send needs.
    pub consent: ConsentRule,
    /// Whether the clinic's quiet hours hold it back.
    pub quiet_hours: bool,
    /// When it is useless.
    pub expires: Expiry,
    /// Dotted paths under `data` that name the thing the message is about.
    pub same_as: Vec<String>,
    /// Whether two messages for one appointment and start keep the clinic's `min_gap`.
    pub min_gap: bool,
    /// What follows when an attempt that may have arrived is proven absent.
    pub on_unknown: OnUnknown,
    /// After how long without a receipt the next channel is tried; `None`: never.
    #[serde(deserialize_with = "optional_span")]
    pub fallback_after: Option<Duration>,
    /// Longest text, in SMS segments.
    pub max_segments: u32,
    /// Which appointment it speaks of.
    #[serde(default)]
    pub visit: Visit,
}

/// Which appointment a message speaks of, and so what stops it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Visit {
    /// One that stands: its cancellation stops the message.
    #[default]
    Standing,
    /// One that was cancelled, which is what it tells: an appointment that stands again stops the message.
    Cancelled,
}

/// Order of release within a lane: what is smaller goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Somebody waits for it now: codes, alerts.
    Urgent,
    /// Reminders, receipts.
    Normal,
    /// Whatever may wait for all others.
    Bulk,
}

/// Which consent a send needs; a clinic may set another one in its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConsentRule {
    /// İYS lists the number with ONAY.
    Required,
    /// No RET is known.
    NotRefused,
    /// Consent is not asked.
    None,
}

impl ConsentRule {
    /// `required`, `not-refused`, `none`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::NotRefused => "not-refused",
            Self::None => "none",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Required, Self::NotRefused, Self::None]
            .into_iter()
            .find(|rule| rule.as_str() == text)
    }
}

impl fmt::Display for ConsentRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What follows when an attempt that may have arrived is proven absent (`PROTOCOL.md` §2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnUnknown {
    /// Send once more, if it is still useful.
    Resend,
    /// Leave it `unresolved`.
    Stop,
}

/// The instant after which a message is useless.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expiry {
    /// Dotted path under `data` of a required instant.
    pub field: String,
    /// What is added to it.
    #[serde(deserialize_with = "span")]
    pub plus: Duration,
}

fn span<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(source)?;
    parse_span(&text).ok_or_else(|| serde::de::Error::custom("a span is a number and s, m, h or d"))
}

fn optional_span<'de, D: serde::Deserializer<'de>>(
    source: D,
) -> Result<Option<Duration>, D::Error> {
    let text = Option::<String>::deserialize(source)?;
    text.map(|text| {
        parse_span(&text)
            .ok_or_else(|| serde::de::Error::custom("a span is a number and s, m, h or d"))
    })
    .transpose()
}

/// `^[0-9]{1,4}[smhd]$`
fn parse_span(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    if number.is_empty() || number.len() > 4 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok().map(|number| Duration::from_secs(number * unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_a_number_and_a_unit() {
        assert_eq!(parse_span("0s"), Some(Duration::ZERO));
        assert_eq!(parse_span("90m"), Some(Duration::from_mins(90)));
        assert_eq!(parse_span("7d"), Some(Duration::from_hours(168)));
        for bad in ["", "d", "7", "7w", "-1d", "+1d", "12345s", "7 d", "7ş"] {
            assert_eq!(parse_span(bad), None, "{bad}");
        }
    }

    #[test]
    fn urgent_comes_first() {
        assert!(Class::Urgent < Class::Normal && Class::Normal < Class::Bulk);
    }
}
