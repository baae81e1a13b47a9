//! What [`Client`](super::Client) makes of an answer, for the fuzz targets (`fuzz/README.md`).

use schemas::{PhoneNumber, RecipientType};

use super::client::unreadable;
use super::codes::{Codes, Operation};
use super::consents::answered;
use super::report::{Balance, ReportPage};
use super::verdict::Reading;
use crate::fields::Fields;
use crate::iys::SingleAnswer;
use crate::outside::Said;
use crate::{Outcome, ProbeTrouble};

/// As `send` and `otp` do.
pub fn sent(
    codes: &Codes,
    operation: Operation,
    own: &[&str],
    said: &Said<'_>,
    bare: bool,
) -> Outcome {
    Reading { codes, operation, own }.outcome(Ok(said.answer()), bare)
}

/// As `report` does.
///
/// # Errors
/// As there.
pub fn report(codes: &Codes, said: &Said<'_>) -> Result<ReportPage, ProbeTrouble> {
    match good(codes, Operation::Report, said)? {
        None => Ok(ReportPage::none()),
        Some(body) => ReportPage::parse(codes, &body).ok_or_else(|| unreadable("no list of jobs")),
    }
}

/// As `credit` and `packages` do.
///
/// # Errors
/// As there.
pub fn balance(codes: &Codes, said: &Said<'_>) -> Result<Option<Balance>, ProbeTrouble> {
    Ok(good(codes, Operation::Balance, said)?.and_then(|body| Balance::parse(&body)))
}

/// As `headers` does.
///
/// # Errors
/// As there.
pub fn headers(codes: &Codes, said: &Said<'_>) -> Result<Option<Vec<String>>, ProbeTrouble> {
    let body = good(codes, Operation::Msgheader, said)?.unwrap_or_default();
    Ok(Fields::parse(&body).and_then(|fields| fields.texts("msgheaders")))
}

/// As `cancel` does: whether it was cancelled.
///
/// # Errors
/// As there.
pub fn cancelled(codes: &Codes, said: &Said<'_>) -> Result<bool, ProbeTrouble> {
    Ok(good(codes, Operation::Cancel, said)?.is_some())
}

/// As `Consents::of` does.
///
/// # Errors
/// As there.
pub fn consent(
    codes: &Codes,
    kind: RecipientType,
    number: &PhoneNumber,
    said: &Said<'_>,
) -> Result<SingleAnswer, ProbeTrouble> {
    let own = [number.e164(), number.national()];
    let answer = said.answer();
    let body = answer.body.clone().unwrap_or_default();
    let good = Reading { codes, operation: Operation::IysSearch, own: &own }.good(Ok(answer));
    answered(good, &body, kind, number)
}

fn good(
    codes: &Codes,
    operation: Operation,
    said: &Said<'_>,
) -> Result<Option<Vec<u8>>, ProbeTrouble> {
    Reading { codes, operation, own: &[] }.good(Ok(said.answer()))
}
