//! When a message is asked about.

use ::receipts::{Fate, Told};
use ledger::receipts::WantedReceipt;
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

/// Netgsm: most messages end within a minute; a phone that is off is tried for up to 21 h (`facts/netgsm_iys.md` A1), and the report
/// comes after.
pub const NETGSM: [Duration; 7] = [
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    HOUR,
    Duration::from_hours(6),
    Duration::from_hours(24),
    Duration::from_hours(48),
];

/// Twilio: callbacks come within seconds, if they come; a message lives for 10 h at most (`facts/twilio_turkeysms_smsala.md` A1).
pub const TWILIO: [Duration; 3] =
    [Duration::from_mins(15), Duration::from_hours(2), Duration::from_hours(24)];

/// The last look may come late by as much, milliseconds: there is a queue of questions.
const LAST_MAY_BE_LATE_MS: i64 = 12 * 3_600_000;
/// After a question without an answer: so long at least and at most, and in between a quarter of the message's age, milliseconds.
const AFTER_SILENCE_MS: (i64, i64) = (60_000, 3_600_000);

/// The looks of a provider.
fn looks(provider: &str) -> &'static [Duration] {
    match provider {
        "netgsm" => &NETGSM,
        "twilio" => &TWILIO,
        _ => &[],
    }
}

/// How long after its claim a message of this provider is first asked about, and for how long at all, milliseconds. `None`: it cannot
/// be asked about.
pub fn first_and_last(provider: &str) -> Option<(i64, i64)> {
    let ms = |it: &Duration| i64::try_from(it.as_millis()).unwrap_or(i64::MAX);
    let looks = looks(provider);
    Some((ms(looks.first()?), ms(looks.last()?).saturating_add(LAST_MAY_BE_LATE_MS)))
}

/// The next look, milliseconds since 1970 UTC; `None`: that was the last.
pub fn next(wanted: &WantedReceipt, now: i64) -> Option<i64> {
    let at = |after: &Duration| {
        wanted.started_at.saturating_add(i64::try_from(after.as_millis()).unwrap_or(i64::MAX))
    };
    looks(&wanted.provider).iter().map(at).find(|at| *at > now)
}

/// The next look after a question that nobody answered.
pub fn after_silence(wanted: &WantedReceipt, now: i64) -> i64 {
    let age = now.saturating_sub(wanted.started_at);
    now.saturating_add((age / 4).clamp(AFTER_SILENCE_MS.0, AFTER_SILENCE_MS.1))
}

/// Whether nothing more is expected of a message.
pub fn is_final(told: &Told) -> bool {
    told.starts.fate != Fate::Has
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wanted(provider: &str, started_at: i64) -> WantedReceipt {
        WantedReceipt {
            ntf: "ntf_a".to_owned(),
            n: 1,
            provider: provider.to_owned(),
            account: format!("{provider}/default"),
            provider_ref: "1".to_owned(),
            number: String::new(),
            started_at,
            next_at: started_at,
            looks: 0,
            until: i64::MAX,
        }
    }

    const MIN: i64 = 60_000;

    #[test]
    fn looks_are_further_and_further_apart_and_end() {
        let of = wanted("netgsm", 1_000);
        let mut now = 0;
        let mut seen = vec![];
        while let Some(at) = next(&of, now) {
            seen.push((at - 1_000) / MIN);
            now = at;
        }
        assert_eq!(seen, [1, 5, 15, 60, 360, 1_440, 2_880]);
        let twilio = wanted("twilio", 0);
        assert_eq!(next(&twilio, 0), Some(15 * MIN));
        assert_eq!(next(&twilio, 24 * 60 * MIN), None);
        assert_eq!(next(&wanted("whatsapp", 0), 0), None);
        assert_eq!(first_and_last("netgsm"), Some((MIN, (48 + 12) * 60 * MIN)));
        assert_eq!(first_and_last("whatsapp"), None);
    }

    #[test]
    fn a_question_that_comes_late_leaves_out_those_before() {
        assert_eq!(next(&wanted("netgsm", 0), 59 * MIN), Some(60 * MIN));
        assert_eq!(next(&wanted("netgsm", 0), 61 * MIN), Some(360 * MIN));
    }

    proptest! {
        #[test]
        fn the_next_look_lies_ahead(
            started in 0_i64..1_000_000_000_000, age in -1_000_i64..300_000_000, twilio in any::<bool>(),
        ) {
            let of = wanted(if twilio { "twilio" } else { "netgsm" }, started);
            let now = started + age;
            prop_assert!(next(&of, now).is_none_or(|at| at > now));
            let again = after_silence(&of, now);
            prop_assert!(again >= now + AFTER_SILENCE_MS.0 && again <= now + AFTER_SILENCE_MS.1);
        }
    }
}
