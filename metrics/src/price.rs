//! Prices of the configuration, and amounts of money: whole millionths, never a float.

use std::collections::BTreeMap;
use std::fmt;

/// Millionths in one unit of a currency.
pub const MICROS: u64 = 1_000_000;
/// Digits behind the point.
const PLACES: usize = 6;
/// The highest price, in units of its currency: what costs more is a slip of the pen in any currency.
const HIGHEST: u64 = 100_000;

/// A currency by its code of ISO 4217: three capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// `TRY`. `None`: not three capital letters. The list of ISO 4217 changes and is not looked at.
    pub fn parse(text: &str) -> Option<Self> {
        let code: [u8; 3] = text.as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_uppercase).then_some(Self(code))
    }

    /// Its code.
    pub fn as_str(&self) -> &str {
        // capital letters are text
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one segment of a text message costs, or one message of `WhatsApp`. Always more than zero: what costs nothing and what is not
/// known would look the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    micros: u64,
    currency: Currency,
}

impl Price {
    /// `0.215 TRY`: a decimal with a point and at most 6 digits behind it, one or more blanks, a currency. `None`: anything else, zero, or
    /// more than 100000.
    pub fn parse(text: &str) -> Option<Self> {
        let (amount, currency) = text.trim().split_once(' ')?;
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > PLACES {
            return None;
        }
        let whole: u64 = whole.parse().ok()?;
        let fraction: u64 = format!("{fraction:0<PLACES$}").parse().ok()?;
        let micros = whole.checked_mul(MICROS)?.checked_add(fraction)?;
        let fits = (1..=HIGHEST * MICROS).contains(&micros);
        let currency = Currency::parse(currency.trim_start())?;
        fits.then_some(Self { micros, currency })
    }

    /// In millionths of its currency's unit.
    pub fn micros(&self) -> u64 {
        self.micros
    }

    /// Its currency.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// What so many cost, in millionths.
    pub fn times(&self, count: u32) -> u64 {
        self.micros.saturating_mul(u64::from(count))
    }
}

/// As it is written in the configuration, without zeros at the end.
impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:0>PLACES$}", self.micros % MICROS);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{}{point}{fraction} {}", self.micros / MICROS, self.currency)
    }
}

/// The prices of an installation: of an account by channel. Accounts that are not among them have none that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prices(BTreeMap<(String, &'static str), Price>);

impl Prices {
    /// Sets what one segment or message costs with this account (`netgsm`, `default`) on this channel (`sms`, `whatsapp`).
    pub fn set(&mut self, provider: &str, account: &str, channel: &'static str, price: Price) {
        self.0.insert((format!("{provider}/{account}"), channel), price);
    }

    /// What one segment or message on this lane (`netgsm/default/KLINIK`) costs. `None`: no price is configured for its account.
    pub fn of_lane(&self, lane: &str, channel: &str) -> Option<Price> {
        let mut slashes = lane.match_indices('/').map(|(at, _)| at);
        let account = &lane[..slashes.nth(1).unwrap_or(lane.len())];
        let mut all = self.0.iter();
        let same = |((of, on), _): &(&(String, &str), &Price)| of == account && *on == channel;
        all.find(same).map(|(_, price)| *price)
    }

    /// All: `provider/account`, channel, price.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'static str, Price)> {
        self.0.iter().map(|((account, channel), price)| (account.as_str(), *channel, *price))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn micros(text: &str) -> Option<u64> {
        Price::parse(text).map(|price| price.micros())
    }

    #[test]
    fn a_price_is_a_decimal_with_its_currency() {
        for (text, expected) in [
            ("0.215 TRY", 215_000),
            ("1 USD", 1_000_000),
            ("0.000001 EUR", 1),
            ("  0012.50   TRY ", 12_500_000),
            ("100000 VND", 100_000_000_000),
        ] {
            assert_eq!(micros(text), Some(expected), "{text}");
        }
        for wrong in [
            "",
            "0.215",
            "TRY",
            "0.215TRY",
            "0,215 TRY",
            "TRY 0.215",
            "0.215 TL",
            "0.215 try",
            "0.215 TRYX",
            "-1 TRY",
            "+1 TRY",
            ".5 TRY",
            "1. TRY",
            "1e3 TRY",
            "0 TRY",
            "0.000 TRY",
            "0.0000001 TRY",
            "1.2.3 TRY",
            "100000.000001 TRY",
            "99999999999999999999 TRY",
            "1 TRY EUR",
            "1\tTRY",
            "٣ TRY",
            "1 ₺₺₺",
            "1 TÜ",
        ] {
            assert_eq!(micros(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_lane_has_the_price_of_its_account_on_its_channel() {
        let price = |text| Price::parse(text).unwrap();
        let mut prices = Prices::default();
        assert!(prices.is_empty());
        prices.set("twilio", "default", "sms", price("0.05 USD"));
        prices.set("twilio", "default", "whatsapp", price("0.01 USD"));
        prices.set("netgsm", "second", "sms", price("0.2 TRY"));
        let of = |lane, channel| prices.of_lane(lane, channel).map(|price| price.to_string());
        assert_eq!(of("twilio/default/+1", "sms").as_deref(), Some("0.05 USD"));
        assert_eq!(of("twilio/default/whatsapp:+1", "whatsapp").as_deref(), Some("0.01 USD"));
        // a sender's name is no one's but its own
        assert_eq!(of("netgsm/second/A/B", "sms").as_deref(), Some("0.2 TRY"));
        assert_eq!(of("netgsm/second", "sms").as_deref(), Some("0.2 TRY"));
        for (lane, channel) in [
            ("netgsm/default/A", "sms"),
            ("netgsm/second/A", "whatsapp"),
            ("netgsm", "sms"),
            ("", ""),
        ] {
            assert_eq!(of(lane, channel), None, "{lane} {channel}");
        }
        assert_eq!(prices.iter().count(), 3);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in prop_oneof![any::<String>(), "[0-9.,]{0,24} ?[A-Zİ]{0,4}"]) {
            if let Some(price) = Price::parse(&text) {
                prop_assert!((1..=HIGHEST * MICROS).contains(&price.micros()));
                prop_assert_eq!(Price::parse(&price.to_string()), Some(price), "{}", text);
            }
        }

        #[test]
        fn the_decimal_comes_back(whole in 0..100_000_u64, fraction in "[0-9]{1,6}", currency in "[A-Z]{3}") {
            let text = format!("{whole}.{fraction} {currency}");
            let of_text: u64 = format!("{fraction:0<6}").parse().unwrap();
            let expected = whole * MICROS + of_text;
            match Price::parse(&text) {
                None => prop_assert_eq!(expected, 0),
                Some(price) => {
                    prop_assert_eq!(price.micros(), expected);
                    prop_assert_eq!(price.currency().to_string(), currency);
                    prop_assert_eq!(price.times(7), expected * 7);
                }
            }
        }
    }
}
