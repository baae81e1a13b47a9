use proptest::prelude::*;

use super::*;

fn e164(text: &str) -> Result<String, PhoneRefusal> {
    PhoneNumber::parse(text).map(|number| number.e164().to_owned())
}

#[test]
fn every_turkish_writing_becomes_e164() {
    for writing in [
        "+905321234567",
        "+90 532 123 45 67",
        "905321234567",
        "90 532 1234567",
        "00905321234567",
        "0090 532 123 45 67",
        "05321234567",
        "0532 123 45 67",
        "0532 123 4567",
        "5321234567",
        "532 123 45 67",
        "0(532) 123 45 67",
        "(0532) 123-45-67",
        "(532)1234567",
        "0 532 123 45 67",
        "0.532.123.45.67",
        "0532-123-45-67",
        "0532/1234567",
        "+90 (532) 123 45 67",
        "+90 (0) 532 123 45 67",
        "+90(0)5321234567",
        "0090 (0) 532 123 45 67",
        "(+90) 532 123 45 67",
        " 0532 123 45 67 ",
        "0532\u{a0}123\u{a0}45\u{a0}67",
        "0532\u{202f}123\u{2009}45\u{2011}67",
        "\u{202a}+90 532 123 45 67\u{202c}",
        "0532 – 123 — 45 − 67",
    ] {
        assert_eq!(e164(writing).as_deref(), Ok("+905321234567"), "{writing:?}");
    }
}

#[test]
fn every_operators_ranges_and_northern_cyprus_are_mobile() {
    for national in
        ["5011234567", "5051234567", "5301234567", "5338612345", "5428612345", "5549999999"]
    {
        assert_eq!(PhoneNumber::parse(national).unwrap().national(), national);
        assert_eq!(e164(&format!("+90{national}")), Ok(format!("+90{national}")));
    }
}

#[test]
fn each_way_to_be_no_mobile_number_has_its_name() {
    use PhoneRefusal::{DoubleZero, Foreign, Landline, NotANumber, NotMobile, TooLong, TooShort};
    for (text, refusal) in [
        ("", NotANumber),
        ("123", NotANumber),
        ("182", NotANumber),
        ("yok", NotANumber),
        ("0532 123 45 6x", NotANumber),
        ("0532 123 45 67 dahili 12", NotANumber),
        ("tel:+905321234567", NotANumber),
        ("0532,1234567", NotANumber),
        ("0532\n1234567", NotANumber),
        ("0532\u{0}1234567", NotANumber),
        ("٠٥٣٢١٢٣٤٥٦٧", NotANumber),
        ("++905321234567", NotANumber),
        ("0532+1234567", NotANumber),
        ("+0905321234567", NotANumber),
        ("0532 123 45 6", TooShort),
        ("532123456", TooShort),
        ("+90532123456", TooShort),
        ("90532123456", TooShort),
        ("444 0 123", TooShort),
        ("0532 123 45 678", TooLong),
        ("+9053212345678", TooLong),
        ("0532 123 45 67 / 0542 111 22 33", TooLong),
        ("14155552671", TooLong),
        ("0212 345 67 89", Landline),
        ("+90 312 345 67 89", Landline),
        ("0392 345 67 89", Landline),
        ("+4915112345678", Foreign),
        ("0049 151 12345678", Foreign),
        ("+1 415 555 2671", Foreign),
        ("+9005321234567", DoubleZero),
        ("+90 0532 123 45 67", DoubleZero),
        ("9005321234567", DoubleZero),
        ("009005321234567", DoubleZero),
        ("0850 123 45 67", NotMobile),
        ("0800 123 45 67", NotMobile),
        ("0512 345 67 89", NotMobile),
        ("0111 222 33 44", NotMobile),
        ("0599 123 45 67", NotMobile),
    ] {
        assert_eq!(e164(text), Err(refusal), "{text:?}");
    }
}

#[test]
fn a_number_prints_masked() {
    let number = PhoneNumber::parse("0532 123 45 67").unwrap();
    assert_eq!(number.to_string(), "+90532*****67");
    assert_eq!(format!("{number:?} {:?}", Some(&number)), "+90532*****67 Some(+90532*****67)");
}

proptest! {
    #[test]
    fn reading_never_panics(text in ".*", near in "[+0-9 ().\\-\u{a0}/x;]{0,40}") {
        let _ = PhoneNumber::parse(&text);
        let _ = PhoneNumber::parse(&near);
    }

    #[test]
    fn what_is_read_is_a_valid_mobile_number_and_reads_back(text in "(\\+90|0|0090|90|) ?[25][0-9]{2} ?[0-9]{3} ?[0-9]{4}") {
        if let Ok(number) = PhoneNumber::parse(&text) {
            prop_assert_eq!(e164(number.e164()), Ok(number.e164().to_owned()));
            prop_assert_eq!(e164(number.national()), Ok(number.e164().to_owned()));
            prop_assert_eq!(number.e164().len(), 13);
            prop_assert!(!number.to_string().contains(&number.national()[3..8]));
        }
    }

    #[test]
    fn ten_digits_are_mobile_exactly_when_libphonenumber_says_so(national in "(5[0-9]{9}|[1-9][0-9]{9})") {
        let full = phonenumber::parse(None, format!("+90{national}")).unwrap();
        let mobile = full.is_valid() && full.number_type(&DATABASE) == Type::Mobile;
        prop_assert_eq!(PhoneNumber::parse(&national).is_ok(), mobile);
    }
}

#[test]
fn a_text_with_nine_digits_in_a_row_holds_a_number() {
    for text in
        ["0532 123 45 67", "call (0532) 123-45-67", "TC 12345678901", "532/123/4567", "12345\n6789"]
    {
        assert!(holds_a_number(text), "{text}");
    }
    for text in
        ["", "ticket 12345678", "2026-11-22 or later", "12345678 and 9", "1,250.50 TL at 14:30"]
    {
        assert!(!holds_a_number(text), "{text}");
    }
}
