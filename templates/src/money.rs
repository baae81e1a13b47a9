//! Amounts as people write them: `1.250,50 TL`, `TRY 1,250.50`.
//!
//! An amount is a decimal string from the event to the text: no float ever holds money.

use schemas::Language;

/// Currencies whose amounts have no minor unit (ISO 4217); all others are shown with two digits.
const WITHOUT_MINOR_UNIT: [&str; 6] = ["JPY", "KRW", "CLP", "ISK", "VND", "XAF"];

/// Writes `amount` (`1250.50`) in `currency` (ISO 4217) for a reader of `language`.
///
/// Digits are never rounded or dropped; missing minor digits are added (`12.5` is `12,50 TL`).
/// `None` if the amount is no plain decimal (sign, exponent, comma, blank) or the currency is not
/// three capital letters.
pub fn format_money(amount: &str, currency: &str, language: Language) -> Option<String> {
    let (whole, fraction) = decimal(amount)?;
    if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let (thousands, point) = match language {
        Language::Tr => ('.', ','),
        Language::En => (',', '.'),
    };
    let mut text = String::with_capacity(whole.len() * 4 / 3 + fraction.len() + 8);
    if language == Language::En {
        text.push_str(currency);
        text.push(' ');
    }
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            text.push(thousands);
        }
        text.push(digit);
    }
    let minor = if WITHOUT_MINOR_UNIT.contains(&currency) { 0 } else { 2 };
    if minor > 0 || !fraction.is_empty() {
        text.push(point);
        text.push_str(fraction);
        text.extend(std::iter::repeat_n('0', minor_digits_missing(minor, fraction)));
    }
    if language == Language::Tr {
        text.push(' ');
        // What everybody in Türkiye says; the sign ₺ is in no SMS alphabet.
        text.push_str(if currency == "TRY" { "TL" } else { currency });
    }
    Some(text)
}

fn minor_digits_missing(minor: usize, fraction: &str) -> usize {
    minor.saturating_sub(fraction.len())
}

/// Whole digits without leading zeros, and the digits after the point.
fn decimal(amount: &str) -> Option<(&str, &str)> {
    let (whole, fraction) = match amount.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (amount, ""),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let significant = whole.trim_start_matches('0');
    Some((if significant.is_empty() { "0" } else { significant }, fraction))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tr(amount: &str) -> Option<String> {
        format_money(amount, "TRY", Language::Tr)
    }

    fn en(amount: &str) -> Option<String> {
        format_money(amount, "TRY", Language::En)
    }

    #[test]
    fn amounts_are_written_as_people_write_them() {
        for (amount, turkish, english) in [
            ("1250.50", "1.250,50 TL", "TRY 1,250.50"),
            ("0.05", "0,05 TL", "TRY 0.05"),
            ("7", "7,00 TL", "TRY 7.00"),
            ("12.5", "12,50 TL", "TRY 12.50"),
            ("999", "999,00 TL", "TRY 999.00"),
            ("1000", "1.000,00 TL", "TRY 1,000.00"),
            ("1234567.89", "1.234.567,89 TL", "TRY 1,234,567.89"),
            ("000120.00", "120,00 TL", "TRY 120.00"),
            ("00", "0,00 TL", "TRY 0.00"),
            (
                "9999999999999999999999999.99",
                "9.999.999.999.999.999.999.999.999,99 TL",
                "TRY 9,999,999,999,999,999,999,999,999.99",
            ),
        ] {
            assert_eq!(tr(amount).as_deref(), Some(turkish));
            assert_eq!(en(amount).as_deref(), Some(english));
        }
    }

    #[test]
    fn other_currencies_keep_their_code() {
        assert_eq!(format_money("1250.50", "EUR", Language::Tr).as_deref(), Some("1.250,50 EUR"));
        assert_eq!(format_money("1250.50", "EUR", Language::En).as_deref(), Some("EUR 1,250.50"));
        assert_eq!(format_money("1250", "JPY", Language::Tr).as_deref(), Some("1.250 JPY"));
    }

    #[test]
    fn what_is_no_plain_decimal_is_refused() {
        for amount in
            ["", ".", "1.", ".5", "-1", "+1", "1e9", "12,5", " 1", "1 ", "1.2.3", "٣", "0x1"]
        {
            assert_eq!(tr(amount), None, "{amount:?}");
        }
        for currency in ["", "TL", "try", "EURO", "₺₺₺"] {
            assert_eq!(format_money("1", currency, Language::Tr), None, "{currency:?}");
        }
    }

    /// Back from the text to the decimal string.
    fn read_back(text: &str, thousands: char, point: char) -> String {
        text.chars().filter(|c| *c != thousands).map(|c| if c == point { '.' } else { c }).collect()
    }

    proptest! {
        #[test]
        fn the_decimal_comes_back(whole in "0|[1-9][0-9]{0,30}", fraction in "[0-9]{2}") {
            let amount = format!("{whole}.{fraction}");
            let turkish = tr(&amount).unwrap();
            let digits = turkish.strip_suffix(" TL").unwrap();
            prop_assert_eq!(read_back(digits, '.', ','), amount.clone());
            let english = en(&amount).unwrap();
            prop_assert_eq!(read_back(english.strip_prefix("TRY ").unwrap(), ',', '.'), amount);
        }

        #[test]
        fn groups_are_of_three(whole in "[1-9][0-9]{0,30}") {
            let text = tr(&whole).unwrap();
            let groups: Vec<&str> = text.strip_suffix(",00 TL").unwrap().split('.').collect();
            prop_assert!((1..=3).contains(&groups[0].len()));
            prop_assert!(groups[1..].iter().all(|group| group.len() == 3));
        }

        #[test]
        fn no_input_panics(amount in "\\PC{0,20}", currency in "\\PC{0,4}") {
            let _ = format_money(&amount, &currency, Language::Tr);
        }
    }
}
