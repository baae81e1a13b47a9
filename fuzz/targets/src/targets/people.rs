//! Who: numbers, names, ids, and who sees the person.

use schemas::{
    Channel, ClinicId, ConsentRule, ConsentStatus, FactId, Language, NotificationId, PersonName,
    PhoneNumber, RecipientType, Rule, check_practitioner, folded_words,
};

use crate::check::tells_nothing;
use crate::corpus;

pub(super) fn phones() -> Vec<Vec<u8>> {
    corpus::texts(&[
        "+905398887766",
        "0532 123 45 67",
        "5321234567",
        "+90 (532) 123-45-67",
        "00905321234567",
        "905321234567",
        "+90 (0) 532 123 45 67",
        "0 (532) 123 45 67",
        "+90 05321234567",
        "0216 000 00 00",
        "444 1 444",
        "112",
        "+14155550100",
        "0850 123 45 67",
        "\u{202a}+90 532 123 45 67\u{202c}",
        "0532.123.45.67/0533",
        "+90 533 860 12 34",
    ])
}

/// A phone number in any Turkish writing.
pub(super) fn phone(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match PhoneNumber::parse(&text) {
        Ok(number) => {
            let e164 = number.e164();
            let digits = e164.strip_prefix("+90").expect("Turkish");
            assert!(
                digits.len() == 10
                    && digits.starts_with('5')
                    && digits.bytes().all(|b| b.is_ascii_digit()),
                "{e164}"
            );
            assert_eq!(number.national(), digits);
            for again in
                [e164.to_owned(), digits.to_owned(), format!("0{digits}"), format!("0090{digits}")]
            {
                assert_eq!(PhoneNumber::parse(&again).as_ref(), Ok(&number), "{again}");
            }
            let written: String = text.chars().filter(char::is_ascii_digit).collect();
            assert!(written.ends_with(digits), "the number is made of other digits than the text");
            for shown in [number.to_string(), format!("{number:?}")] {
                assert!(!shown.contains(digits) && shown.contains("*****"), "{shown}");
            }
        }
        Err(refusal) => {
            tells_nothing("the refusal", &refusal.to_string());
            tells_nothing("its rule", Rule::from(refusal).meaning());
        }
    }
}

pub(super) fn names() -> Vec<Vec<u8>> {
    corpus::texts(&[
        "Ayşe Yılmaz",
        "Gizlikişi Gizlisoyad",
        "İbrahim Işık",
        "A. B.",
        "Jean-Pierre d'Arc",
        "Dr. Çağrı Şahin",
        "Uzm. Dt. Öz Diş",
        "Prof. Dr. Kardiyoloji",
        "Dyt. İ. Ğ.",
        "O'Neil 3",
        "Ayşe 05321234567",
        "",
        " ",
        "S\u{327}ule",
        "李 小龍",
        "محمد علي",
    ])
}

/// A person's name, and the words of `with`.
pub(super) fn person(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match PersonName::parse(&text) {
        Ok(name) => {
            let full = name.full().to_owned();
            assert_eq!(
                PersonName::parse(&full).map(|name| name.full().to_owned()),
                Ok(full.clone()),
                "not the same again"
            );
            assert!(!full.chars().any(char::is_control), "{full:?}");
            assert!(!name.first().is_empty() && full.contains(name.first()), "{full:?}");
            assert!(!name.initials().is_empty() && !name.initials().chars().any(char::is_control));
            if full.chars().count() > 12 {
                assert!(!format!("{name:?} {name}").contains(&full), "shown");
            }
        }
        Err(refusal) => tells_nothing("the refusal", &refusal.to_string()),
    }
    if let Err(refusal) = check_practitioner(&text) {
        tells_nothing("the refusal", &refusal.to_string());
    }
    for word in folded_words(&text) {
        assert!(!word.is_empty());
    }
}

pub(super) fn identifiers() -> Vec<Vec<u8>> {
    corpus::texts(&[
        "atasehir",
        "/clinics/atasehir",
        "ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "fct_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "rej_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "sms",
        "whatsapp",
        "tr",
        "en",
        "BIREYSEL",
        "TACIR",
        "none",
        "required",
        "not-refused",
        "granted",
        "refused",
        "not-json",
        "a-b-c-1",
        "A",
        "/clinics/",
        "/clinics/a/b",
    ])
}

/// Ids and words with a fixed writing: what is read is written the same.
pub(super) fn identifier(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(clinic) = ClinicId::parse(&text) {
        assert_eq!(clinic.as_str(), text);
        assert_eq!(ClinicId::of_source(&clinic.source()), Ok(clinic));
    }
    if let Ok(clinic) = ClinicId::of_source(&text) {
        assert_eq!(clinic.source(), text);
    }
    if let Some(ntf) = NotificationId::parse(&text) {
        assert_eq!(ntf.as_str(), text);
    }
    if let Some(fact) = FactId::parse(&text) {
        assert_eq!(fact.as_str(), text);
    }
    let (source, id) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let made = NotificationId::of_event(source, id);
    assert_eq!(NotificationId::parse(made.as_str()), Some(made));
    let made = FactId::of_event(source, id);
    assert_eq!(FactId::parse(made.as_str()), Some(made));
    assert!(NotificationId::of_refused(source, id, input).is_refused_event());
    let words = [
        Channel::parse(&text).map(Channel::as_str),
        Language::parse(&text).map(Language::as_str),
        RecipientType::parse(&text).map(RecipientType::as_str),
        ConsentRule::parse(&text).map(ConsentRule::as_str),
        ConsentStatus::parse(&text).map(ConsentStatus::as_str),
        Rule::parse(&text).map(Rule::as_str),
    ];
    for word in words.into_iter().flatten() {
        assert_eq!(word, text);
    }
}
