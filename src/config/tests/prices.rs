//! Prices: of each account its own, and refused in one line.

use super::*;
use crate::start;

const PRICED: &str = r#"
    [providers.netgsm]
    username = 8501234567
    password = "netgsm-hunter"
    segment_price = "0.215 TRY"
    [providers.netgsm.accounts.second]
    username = 8507654321
    password = "netgsm-hunter"
    [providers.twilio]
    account_sid = "AC0123456789abcdef0123456789abcdef"
    auth_token = "twilio-hunter"
    from = "KLINIK"
    message_price = "0.0133 USD"
    [providers.whatsapp]
    phone_number_id = "106540352242922"
    access_token = "meta-hunter"
    message_price = "1 EUR"
"#;

#[test]
fn each_account_has_its_own_price_on_each_channel_or_none() {
    let config = load(PRICED, &[]).expect("valid");
    let prices = start::prices(&config);
    let of = |lane, channel| prices.of_lane(lane, channel).map(|price| price.to_string());
    assert_eq!(of("netgsm/default/KLINIK", "sms").as_deref(), Some("0.215 TRY"));
    assert_eq!(of("netgsm/second/KLINIK", "sms"), None, "a contract is one account's");
    assert_eq!(of("twilio/default/KLINIK", "sms"), None);
    assert_eq!(of("twilio/default/whatsapp:+1", "whatsapp").as_deref(), Some("0.0133 USD"));
    assert_eq!(of("whatsapp/default/106540352242922", "whatsapp").as_deref(), Some("1 EUR"));
    let shown = shown(&config);
    assert_eq!(shown["providers.netgsm.segment_price"].0, "\"0.215 TRY\"");
    assert_eq!(shown["providers.netgsm.accounts.second.segment_price"].0, "null");
    let env = [("ULAK_PROVIDERS__NETGSM__ACCOUNTS__SECOND__SEGMENT_PRICE", "0.3 TRY")];
    let prices = start::prices(&load(PRICED, &env).expect("valid"));
    assert!(prices.of_lane("netgsm/second/KLINIK", "sms").is_some());
}

#[test]
fn a_wrong_price_is_one_line_that_names_its_key() {
    for (from, to, key) in [
        ("\"0.215 TRY\"", "\"0,215 TRY\"", "providers.netgsm.segment_price"),
        ("\"0.215 TRY\"", "0.215", "providers.netgsm.segment_price"),
        ("\"0.0133 USD\"", "\"0 USD\"", "providers.twilio.message_price"),
        ("\"1 EUR\"", "\"1 Euro\"", "providers.whatsapp.message_price"),
    ] {
        let said = line(&PRICED.replace(from, to), &[]);
        assert!(said.starts_with(&format!("{key} ")), "{said}");
        assert!(said.contains("such as \"0.215 TRY\"") && !said.contains('\n'), "{said}");
    }
}
