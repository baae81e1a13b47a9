//! What [`Client`](super::Client) makes of an answer, for the fuzz targets (`fuzz/README.md`).

use super::client::{account_of, balance_of};
use super::codes::Codes;
use super::listing::MessagePage;
use super::message::MessageRow;
use super::verdict::Reading;
use super::{AccountInfo, Balance, ContentPage, Form, StatusCallback};
use crate::fields::Fields;
use crate::outside::Said;
use crate::{Outcome, ProbeTrouble};

/// As `send` does.
pub fn sent(codes: &Codes, own: &[&str], said: &Said<'_>) -> Outcome {
    Reading { codes, own }.outcome(Ok(said.answer()))
}

/// As `outcome_of` does.
pub fn outcome_of(codes: &Codes, row: &MessageRow) -> Outcome {
    Reading { codes, own: &[row.text.expose()] }.of_message(&row.state)
}

/// As `list` does.
///
/// # Errors
/// As there.
pub fn page(
    codes: &Codes,
    path: &str,
    said: &Said<'_>,
) -> Result<Option<MessagePage>, ProbeTrouble> {
    Ok(MessagePage::parse(&good(codes, said)?, path))
}

/// The pairs that the question after a page repeats.
pub fn next(page: &MessagePage) -> Vec<(&str, &str)> {
    page.next.as_ref().map(super::NextPage::pairs).unwrap_or_default()
}

/// As `fetch` does.
///
/// # Errors
/// As there.
pub fn row(codes: &Codes, said: &Said<'_>) -> Result<Option<MessageRow>, ProbeTrouble> {
    let body = good(codes, said)?;
    Ok(Fields::parse(&body).and_then(|fields| MessageRow::of_fields(&fields)))
}

/// As `balance` does.
///
/// # Errors
/// As there.
pub fn balance(codes: &Codes, said: &Said<'_>) -> Result<Balance, ProbeTrouble> {
    balance_of(&good(codes, said)?)
}

/// As `account` does.
///
/// # Errors
/// As there.
pub fn account(codes: &Codes, said: &Said<'_>) -> Result<AccountInfo, ProbeTrouble> {
    account_of(&good(codes, said)?)
}

/// As `templates` does.
///
/// # Errors
/// As there.
pub fn templates(codes: &Codes, said: &Said<'_>) -> Result<Option<ContentPage>, ProbeTrouble> {
    Ok(ContentPage::parse(&good(codes, said)?))
}

/// The fields of a body whose signature is right.
pub fn form(body: &[u8]) -> Form {
    Form::of(body)
}

/// As `Hook::status` does once the signature is right.
pub fn status(codes: &Codes, url: &str, form: &Form) -> Option<StatusCallback> {
    super::hook::status(codes, url, form)
}

fn good(codes: &Codes, said: &Said<'_>) -> Result<Vec<u8>, ProbeTrouble> {
    Reading { codes, own: &[] }.good(Ok(said.answer()))
}
