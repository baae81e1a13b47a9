//! Phone numbers as the vendors read them on the wire; not as we read them (crate `schemas`).

/// Netgsm's `no`: ten digits `5XXXXXXXXX`, with `0` or `90` before them tolerated (facts A1).
///
/// The answer is the ten digits as a number: `5321234567`.
pub(crate) fn netgsm(no: &str) -> Option<u64> {
    let national = match no.len() {
        10 => no,
        11 => no.strip_prefix('0')?,
        12 => no.strip_prefix("90")?,
        _ => return None,
    };
    if !national.starts_with('5') || !national.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    national.parse().ok()
}

/// Any writing of a Turkish mobile that a person may put into a fault or a filter.
pub(crate) fn written_by_a_person(text: &str) -> Option<u64> {
    let bare: String = text.chars().filter(|c| !matches!(c, '+' | ' ' | '-' | '(' | ')')).collect();
    netgsm(bare.strip_prefix("00").unwrap_or(&bare))
}

/// Keys from here on are numbers abroad: more than any national or E.164 number has digits.
const ABROAD: u64 = 1_000_000_000_000_000;

/// A number in E.164 (Twilio's `To`, facts A1) as the message log keeps it: ten digits of a Turkish number as
/// [`netgsm`] reads them, so that one number is one key at every provider; anything abroad above them.
pub(crate) fn e164(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('+')?;
    if !(8..=15).contains(&digits.len())
        || digits.starts_with('0')
        || !digits.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    match digits.strip_prefix("90") {
        Some(national) => (national.len() == 10).then(|| national.parse().ok())?,
        None => Some(ABROAD + digits.parse::<u64>().ok()?),
    }
}

/// A number that a person looks for in the log: any writing of a Turkish mobile, or E.164 abroad.
pub(crate) fn looked_for(text: &str) -> Option<u64> {
    if text.starts_with('+') && !text.starts_with("+90") {
        let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')')).collect();
        return e164(&bare);
    }
    written_by_a_person(text)
}

/// A key as the message log shows it: ten digits of a Turkish number, E.164 abroad.
pub(crate) fn shown(key: u64) -> String {
    if key < ABROAD { key.to_string() } else { format!("+{}", key - ABROAD) }
}

/// A key in E.164.
pub(crate) fn to_e164(key: u64) -> String {
    if key < ABROAD { format!("+90{key}") } else { format!("+{}", key - ABROAD) }
}

/// İYS's key of a recipient: e-mail in lower case, phone as it came; `None` for what H121/H120 refuse.
///
/// `+9005…` passes, as at İYS, which stores it where nobody finds it (facts B2).
pub(crate) fn iys_phone(recipient: &str) -> bool {
    let Some(digits) = recipient.strip_prefix('+') else { return false };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    match digits.strip_prefix("90") {
        Some(rest) => match rest.as_bytes() {
            [b'2'..=b'5' | b'8', ..] => rest.len() == 10,
            [b'0', b'5', ..] => rest.len() == 11,
            _ => false,
        },
        None => !digits.starts_with('0') && (8..=15).contains(&digits.len()),
    }
}

/// İYS's e-mail rule: 6 to 265 characters, ASCII, one `@` with something on both sides, a dot after it.
pub(crate) fn iys_email(recipient: &str) -> bool {
    (6..=265).contains(&recipient.len())
        && recipient.is_ascii()
        && !recipient.contains(' ')
        && recipient.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty() && !host.contains('@') && host.contains('.') && !host.starts_with('.')
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn netgsm_takes_ten_digits_and_tolerates_0_and_90() {
        for no in ["5321234567", "05321234567", "905321234567"] {
            assert_eq!(netgsm(no), Some(5_321_234_567), "{no}");
        }
    }

    #[test]
    fn netgsm_refuses_everything_else() {
        for no in [
            "",
            "532123456",
            "+905321234567",
            "2121234567",
            "00905321234567",
            "53212345a7",
            "５３２１２３４５６７",
            "9005321234567",
        ] {
            assert_eq!(netgsm(no), None, "{no}");
        }
    }

    #[test]
    fn a_number_has_one_key_at_every_provider_and_numbers_abroad_are_apart() {
        assert_eq!(e164("+905321234567"), netgsm("5321234567"));
        // Ten digits that begin with 5 all the same: not the Turkish mobile.
        let abroad = e164("+5321234567").unwrap();
        assert_ne!(Some(abroad), netgsm("5321234567"));
        assert_eq!((shown(abroad), to_e164(abroad)), ("+5321234567".into(), "+5321234567".into()));
        assert_eq!(
            (shown(5_321_234_567), to_e164(5_321_234_567)),
            ("5321234567".into(), "+905321234567".into())
        );
        assert_eq!(looked_for("+1 318 555 0100"), e164("+13185550100"));
        assert_eq!(looked_for("0532 123 45 67"), Some(5_321_234_567));
        for wrong in [
            "905321234567",
            "+90532123456",
            "+9005321234567",
            "+0905321234567",
            "+123",
            "+",
            "+1234567890123456",
        ] {
            assert_eq!(e164(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn iys_takes_e164_and_swallows_the_zero_after_the_country_code() {
        assert!(
            iys_phone("+905321234567") && iys_phone("+902121234567") && iys_phone("+9005321234567")
        );
        assert!(iys_phone("+4915112345678"));
        for refused in
            ["905321234567", "5321234567", "+90532123456", "+901234567890", "+", "+90532123456x"]
        {
            assert!(!iys_phone(refused), "{refused}");
        }
    }

    #[test]
    fn iys_takes_plain_e_mails() {
        assert!(iys_email("ornek@adiniz.com"));
        for refused in
            ["a@b.c", "ornekadiniz.com", "ayşe@adiniz.com", "a b@adiniz.com", "@adiniz.com"]
        {
            assert!(!iys_email(refused), "{refused}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_of_numbers_panic(text in "\\PC*") {
            let _ = (netgsm(&text), written_by_a_person(&text), iys_phone(&text), iys_email(&text));
            let _ = (e164(&text), looked_for(&text));
        }

        #[test]
        fn every_mobile_is_read_alike_in_all_tolerated_writings(digits in 5_000_000_000_u64..6_000_000_000) {
            for written in [digits.to_string(), format!("0{digits}"), format!("90{digits}")] {
                prop_assert_eq!(netgsm(&written), Some(digits));
                let by_hand = format!("+90 {digits}");
                prop_assert_eq!(written_by_a_person(&by_hand), Some(digits));
                prop_assert_eq!(e164(&format!("+90{digits}")), Some(digits));
            }
        }
    }
}
