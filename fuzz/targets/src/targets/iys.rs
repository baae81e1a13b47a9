//! Answers of İYS.

use std::sync::LazyLock;

use providers::iys::{ConsentRecord, Errors, IysTrouble, SingleAnswer, outside};
use schemas::PhoneNumber;

use super::netgsm::{OWN, said, trouble_is_safe};
use crate::check::{holds_nothing_planted, one_line, tells_nothing};

static ERRORS: LazyLock<Errors> = LazyLock::new(|| Errors::embedded().expect("embedded errors"));

static ASKED: LazyLock<Vec<PhoneNumber>> = LazyLock::new(|| {
    ["+905398887766", "+905321234567"]
        .iter()
        .map(|text| PhoneNumber::parse(text).expect("a number"))
        .collect()
});

fn record_is_safe(record: &ConsentRecord) {
    for text in [&record.source, &record.transaction_id].into_iter().flatten() {
        assert!(
            (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()),
            "{text:?}"
        );
    }
}

pub(super) fn answer_is_safe(answer: &SingleAnswer) {
    if let SingleAnswer::Found(record) = answer {
        record_is_safe(record);
    }
}

/// A token pair, brands.
pub(super) fn token(input: &[u8]) {
    if let Some(tokens) = outside::tokens(input) {
        let debug = format!("{tokens:?}");
        assert!(!debug.contains("eyJ"), "{debug}");
        holds_nothing_planted("Debug of tokens", &debug);
        assert!(
            tokens.expires_in.as_secs() <= 86_400 && tokens.refresh_expires_in.as_secs() <= 86_400
        );
    }
    for brand in outside::brands(input).unwrap_or_default() {
        assert!((1..=128).contains(&brand.code.len()));
        assert!(brand.name.is_none_or(|name| name.chars().count() <= 120));
    }
}

/// Answers about consent: nobody is listed who was not asked about.
pub(super) fn consent(input: &[u8]) {
    let (said, other) = said(input);
    let body = said.body.unwrap_or_default();
    if let Some(batch) = outside::batch(body, &ASKED) {
        assert!(batch.listed.len() <= ASKED.len());
        assert!(batch.listed.iter().all(|number| ASKED.iter().any(|asked| asked.e164() == number)));
        assert!((1..=128).contains(&batch.request_id.len()));
    }
    if let Some(record) = outside::record(body, &ASKED[0]) {
        record_is_safe(&record);
    }
    let trouble = outside::trouble(&ERRORS, &said, other & 1 == 0, &OWN);
    match &trouble {
        IysTrouble::Silent(silence) => trouble_is_safe(&silence.trouble),
        IysTrouble::Account(trouble) => trouble_is_safe(trouble),
        IysTrouble::BadRequest(rejection) => trouble_is_safe(&rejection.trouble),
        IysTrouble::Reauth => assert!(other & 1 == 0, "no token was shown"),
    }
    one_line("a trouble", &trouble.to_string());
    tells_nothing("a trouble's code", trouble.code());
}
