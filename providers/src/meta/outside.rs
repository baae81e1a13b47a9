//! What [`Client`](super::Client) and [`Hook`](super::Hook) make of bytes, for the fuzz targets (`fuzz/README.md`).

use super::client::number_of;
use super::codes::Codes;
use super::listing::TemplatePage;
use super::verdict::Reading;
use super::{NumberInfo, Updates, webhook};
use crate::outside::Said;
use crate::{Outcome, ProbeTrouble};

/// As `send` does.
pub fn sent(codes: &Codes, own: &[&str], said: &Said<'_>) -> Outcome {
    Reading { codes, own }.outcome(Ok(said.answer()))
}

/// As `templates` does.
///
/// # Errors
/// As there.
pub fn templates(codes: &Codes, said: &Said<'_>) -> Result<Option<TemplatePage>, ProbeTrouble> {
    Ok(TemplatePage::parse(&Reading { codes, own: &[] }.good(Ok(said.answer()))?))
}

/// As `number` does.
///
/// # Errors
/// As there.
pub fn number(codes: &Codes, said: &Said<'_>) -> Result<NumberInfo, ProbeTrouble> {
    number_of(&Reading { codes, own: &[] }.good(Ok(said.answer()))?)
}

/// As `updates` does once the signature is right.
pub fn updates(codes: &Codes, body: &[u8]) -> Option<Updates> {
    webhook::parse(codes, body)
}
