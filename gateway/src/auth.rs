//! Who asks: `Authorization: Bearer ulak_…` (RFC 6750).

use crate::door::{Door, Open};
use crate::problem::Problem;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use ledger::tokens::TokenSecret;

const MISSING: &str = r#"Bearer realm="ulak""#;
const WRONG: &str = r#"Bearer realm="ulak", error="invalid_token""#;

/// A caller that showed a good token.
pub(crate) struct Caller<'a> {
    pub open: &'a Open,
    /// The clinic that the token belongs to.
    pub clinic: String,
    secret: TokenSecret,
}

impl Caller<'_> {
    /// Whether the token is still good after a wait.
    pub async fn is_still_good(&self) -> Result<(), Problem> {
        match self.open.clinic_of(self.secret.clone()).await? {
            Some(_) => Ok(()),
            None => Err(wrong()),
        }
    }
}

/// Finds out who asks, before anything of the body is read.
///
/// # Errors
/// 401, or 503 while nobody can tell.
pub(crate) async fn caller<'a>(door: &'a Door, headers: &HeaderMap) -> Result<Caller<'a>, Problem> {
    let secret = shown(headers)?;
    let open = door.opened()?;
    match open.clinic_of(secret.clone()).await? {
        Some(clinic) => Ok(Caller { open, clinic, secret }),
        None => Err(wrong()),
    }
}

/// The token that is shown.
///
/// # Errors
/// 401: there is none, or several, or it is not written as one.
pub(crate) fn shown(headers: &HeaderMap) -> Result<TokenSecret, Problem> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(Problem::nobody(
            MISSING,
            "Send one header `Authorization: Bearer TOKEN`; `ulak token create CLINIC` makes a token.",
        ));
    };
    value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .and_then(|(_, token)| TokenSecret::parse(token.trim()))
        .ok_or_else(wrong)
}

fn wrong() -> Problem {
    Problem::nobody(
        WRONG,
        "The token is none of this installation's, or was revoked; `ulak token list` shows what there is.",
    )
}
