//! Answers of Netgsm.

use std::sync::LazyLock;
use std::time::Duration;

use providers::netgsm::{Codes, Operation, outside};
use providers::outside::Said;
use providers::{FailedKind, Outcome, ProbeTrouble, Trouble};
use schemas::{PhoneNumber, RecipientType};

use crate::check::{
    PLANTED, choose, has_number, head, holds_nothing_planted, one_line, tells_nothing,
};

static CODES: LazyLock<Codes> = LazyLock::new(|| Codes::embedded().expect("embedded codes"));

/// What the message was about: none of it may come back.
pub(super) const OWN: [&str; 3] =
    ["Sayin Gizlikişi Gizlisoyad, randevunuz", "+905398887766", "5398887766"];

const STATUS: [u16; 16] =
    [200, 200, 200, 200, 406, 406, 201, 204, 302, 400, 401, 403, 429, 500, 503, 999];

const AFTER: [Option<&[u8]>; 12] = [
    None,
    None,
    None,
    Some(b"30"),
    Some(b"1e400"),
    Some(b"-5"),
    Some(b"NaN"),
    Some(b"0.5"),
    Some(b"99999999999999999999"),
    Some(b"Tue, 17 Nov 2026 10:00:30 GMT"),
    Some(b"Fri, 31 Dec 9999 23:59:60 +2359"),
    Some(b"\xff"),
];

const DATE: [Option<&[u8]>; 5] = [
    None,
    Some(b"Tue, 17 Nov 2026 10:00:00 GMT"),
    Some(b"Mon, 1 Jan 0001 00:00:00 -2359"),
    Some(b"x"),
    Some(b"Fri, 31 Dec 9999 23:59:59 GMT"),
];

/// The answer that an input is, with one byte to choose something else by.
pub(super) fn said(input: &[u8]) -> (Said<'_>, u8) {
    let ([status, after, date, other], body) = head(input);
    let said = Said {
        status: choose(&STATUS, status),
        retry_after: choose(&AFTER, after),
        date: choose(&DATE, date),
        body: (other != 255).then_some(body),
    };
    (said, other)
}

pub(super) fn trouble_is_safe(trouble: &Trouble) {
    let code = &trouble.code;
    assert!(
        (1..=40).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_graphic()),
        "{code:?}"
    );
    tells_nothing("a trouble", &trouble.detail);
    assert!(trouble.detail.chars().count() <= 400, "{}", trouble.detail);
}

fn short(after: Option<Duration>) {
    assert!(after.is_none_or(|after| after <= Duration::from_hours(1)), "{after:?}");
}

/// What every outcome of an answer holds to (`PROTOCOL.md` rule 8).
pub(super) fn outcome_is_safe(outcome: &Outcome, said: &Said<'_>) {
    match outcome {
        Outcome::Accepted(accepted) => {
            assert!(said.body.is_some(), "accepted without a whole answer");
            assert!(accepted.provider_ref.len() <= 64 && accepted.provider_ref.is_ascii());
            assert!((1..=40).contains(&accepted.code.len()), "{}", accepted.code);
            tells_nothing("a warning", accepted.warning.as_deref().unwrap_or_default());
        }
        Outcome::Refused(trouble) | Outcome::Unknown(trouble) => trouble_is_safe(trouble),
        Outcome::Failed(kind, trouble) => {
            trouble_is_safe(trouble);
            match kind {
                FailedKind::NotSent => {
                    panic!("an answer cannot say that nothing was sent: {trouble}")
                }
                FailedKind::Retry { after } => short(*after),
                FailedKind::Lane(_) | FailedKind::NextChannel => {}
            }
        }
    }
    if said.status >= 500 && said.status != 503 {
        assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?} after HTTP {}", said.status);
    }
}

/// A probe is about nobody, so it knows no name to look for; numbers are masked all the same.
pub(super) fn probe_is_safe(trouble: &ProbeTrouble) {
    let detail = &trouble.trouble().detail;
    one_line("a trouble", detail);
    assert!(!has_number(detail) && detail.chars().count() <= 400, "{detail}");
    if let ProbeTrouble::Busy { after, .. } = trouble {
        short(*after);
    }
}

/// The answer to a send.
pub(super) fn send(input: &[u8]) {
    let (said, other) = said(input);
    let operation = choose(&[Operation::Send, Operation::Send, Operation::Otp], other);
    let outcome = outside::sent(&CODES, operation, &OWN, &said, other & 64 == 0);
    outcome_is_safe(&outcome, &said);
    if let Outcome::Accepted(_) = outcome {
        assert!(matches!(said.status, 200 | 406));
        let body = String::from_utf8_lossy(said.body.unwrap_or_default()).into_owned();
        assert!(body.contains('0'), "accepted without an accepting code: {body:?}");
    }
}

/// A page of the report.
pub(super) fn report(input: &[u8]) {
    let (said, _) = said(input);
    match outside::report(&CODES, &said) {
        Ok(page) => {
            let mut debug = format!("{page:?}");
            for row in &page.rows {
                // an id is shown, and an answer may have a number where its id belongs
                let ids = [Some(&row.jobid), row.reference.as_ref()];
                for id in ids.into_iter().flatten() {
                    if PLANTED.iter().any(|planted| id.contains(planted)) {
                        debug = debug.replace(id.as_str(), "");
                    }
                }
            }
            holds_nothing_planted("Debug of a page", &debug);
            for row in &page.rows {
                assert!((1..=64).contains(&row.jobid.len()) && row.jobid.trim() == row.jobid);
                assert!(row.reference.as_ref().is_none_or(|it| (1..=128).contains(&it.len())));
                assert!(row.error != Some(0));
            }
            assert!(page.rows.len() + page.unreadable <= said.body.map_or(0, <[u8]>::len));
        }
        Err(trouble) => probe_is_safe(&trouble),
    }
}

/// Balance, packages, sender names, cancelling.
pub(super) fn account(input: &[u8]) {
    let (said, _) = said(input);
    match outside::balance(&CODES, &said) {
        Ok(Some(balance)) => {
            let credit = balance.credit.unwrap_or_default();
            assert!(
                credit.len() <= 24
                    && credit.bytes().all(|b| b.is_ascii_digit() || b"-.".contains(&b)),
                "{credit:?}"
            );
            assert!(balance.packages.iter().all(|package| package.name.chars().count() <= 80));
        }
        Ok(None) => {}
        Err(trouble) => probe_is_safe(&trouble),
    }
    if let Err(trouble) = outside::headers(&CODES, &said) {
        probe_is_safe(&trouble);
    }
    if let Err(trouble) = outside::cancelled(&CODES, &said) {
        probe_is_safe(&trouble);
    }
}

/// What Netgsm's İYS service says of a number: nothing that is not documented is a consent, or the lack of one.
pub(super) fn consent(input: &[u8]) {
    let (said, other) = said(input);
    let number = PhoneNumber::parse("+905398887766").expect("a number");
    let kind = choose(&[RecipientType::Bireysel, RecipientType::Tacir], other);
    match outside::consent(&CODES, kind, &number, &said) {
        Ok(answer) => {
            super::iys::answer_is_safe(&answer);
            if matches!(answer, providers::iys::SingleAnswer::Found(_)) {
                let body = String::from_utf8_lossy(said.body.unwrap_or_default()).into_owned();
                // `\u004fNAY` is ONAY too
                assert!(
                    body.contains("ONAY") || body.contains("RET") || body.contains("\\u"),
                    "{body:?}"
                );
            }
        }
        Err(trouble) => probe_is_safe(&trouble),
    }
}
