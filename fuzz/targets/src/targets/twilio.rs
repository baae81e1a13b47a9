//! Answers of Twilio, and what its twin reads about callbacks.

use std::sync::LazyLock;

use providers::Outcome;
use providers::twilio::{Codes, MessageRow, outside};

use super::netgsm::{OWN, outcome_is_safe, probe_is_safe, said};
use crate::check::{has_number, holds_nothing_planted};
use crate::corpus;

static CODES: LazyLock<Codes> = LazyLock::new(|| Codes::embedded().expect("embedded codes"));

const PATH: &str = "/2010-04-01/Accounts/ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/Messages.json";

/// The answer to a send.
pub(super) fn send(input: &[u8]) {
    let (mut said, other) = said(input);
    if other & 1 == 1 {
        said.status = 201;
    }
    let outcome = outside::sent(&CODES, &OWN, &said);
    outcome_is_safe(&outcome, &said);
    if matches!(outcome, Outcome::Accepted(_)) {
        assert_eq!(said.status, 201);
    }
    if said.status < 400 && said.status != 201 {
        assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?} after HTTP {}", said.status);
    }
}

fn row_is_safe(row: &MessageRow) {
    let debug = format!("{row:?}");
    let text = row.text.expose();
    // an answer may have one text as body and as sid, and a sid is shown
    let elsewhere = text.chars().count() < 12 || row.state.sid.contains(text);
    assert!(elsewhere || !debug.contains(text), "Debug holds the text");
    assert!(!has_number(&row.state.error_words), "{}", row.state.error_words);
    assert!(row.state.sid.len() == 34 && row.state.sid.is_ascii(), "{}", row.state.sid);
    assert!(row.from.as_ref().is_none_or(|from| (1..=64).contains(&from.len())));
    let _ = (row.text.comparable(), row.text.is("Sayin Gizlisoyad, randevunuz"));
    match outside::outcome_of(&CODES, row) {
        Outcome::Refused(trouble) | Outcome::Unknown(trouble) | Outcome::Failed(_, trouble) => {
            assert!(!has_number(&trouble.detail), "{trouble}");
        }
        Outcome::Accepted(accepted) => assert_eq!(accepted.provider_ref, row.state.sid),
    }
}

/// A page of a list, and one message.
pub(super) fn list(input: &[u8]) {
    let (said, _) = said(input);
    match outside::page(&CODES, PATH, &said) {
        Ok(Some(page)) => {
            holds_nothing_planted("Debug of the next page", &format!("{:?}", page.next));
            page.rows.iter().for_each(row_is_safe);
            assert_eq!(page.next.is_some(), !outside::next(&page).is_empty());
        }
        Ok(None) => {}
        Err(trouble) => probe_is_safe(&trouble),
    }
    match outside::row(&CODES, &said) {
        Ok(Some(row)) => row_is_safe(&row),
        Ok(None) => {}
        Err(trouble) => probe_is_safe(&trouble),
    }
}

/// The account and its balance.
pub(super) fn account(input: &[u8]) {
    let (said, _) = said(input);
    match outside::balance(&CODES, &said) {
        Ok(balance) => assert!(balance.amount.len() <= 25 && balance.currency.len() == 3),
        Err(trouble) => probe_is_safe(&trouble),
    }
    if let Err(trouble) = outside::account(&CODES, &said) {
        probe_is_safe(&trouble);
    }
}

pub(super) fn callbacks() -> Vec<Vec<u8>> {
    corpus::texts(&[
        "https://hooks.example.com/v1/twilio/status?ntf=ntf_abc-1#rc=3&rp=all",
        "http://127.0.0.1:8090/x#rc=99999999999&rp=ct,rt,5xx",
        "https://under_score.example.com/",
        "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
        "ftp://x",
        "https://İstanbul.example/ı?ş=%ff#rc=%31",
        "MessageSid=SM1&MessageStatus=delivered&ErrorCode=30003&To=%2B905398887766",
    ])
}

/// Addresses and signatures of callbacks, as the twin reads and makes them.
pub(super) fn callback(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let _ = simulator::outside::is_callback(&text);
    let (name, value) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let one = simulator::outside::signature("12345", &text, &[("Sid", value), (name, value)]);
    let other = simulator::outside::signature(
        "12345",
        &text,
        &[(name, value), ("Sid", value), (name, value)],
    );
    assert!(
        one.is_some() && one == other,
        "the order of parameters, or one given twice, changes the signature"
    );
    let _ = simulator::Script::from_json(input);
}
