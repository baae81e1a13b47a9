//! Tokens: who may speak for a clinic at the HTTP door, and who may log in to the pages.
//!
//! A token is `ulak_<id>_<secret>`. The secret is 32 random bytes and shown once; the ledger keeps a keyed hash of it. Every request
//! asks for it, or for the session that it opened, so that a revoked or expired token ends at once.

use crate::access::Role;
use crate::db::{Key, Ledger};
use crate::engine::{Row, columns, query};
use crate::error::LedgerError;
use crate::record::{Entry, NewRecord};
use crate::slice;
use crate::vault::{Purpose, base32, random_bytes};
use crate::write::{append, now, storable};
use std::collections::HashMap;
use zeroize::Zeroizing;

const PREFIX: &str = "ulak_";
/// Random bytes of an id, and characters of it.
pub(crate) const ID_BYTES: usize = 10;
const ID_CHARS: usize = 16;
/// Random bytes of a secret, and characters of it.
pub(crate) const SECRET_BYTES: usize = 32;
const SECRET_CHARS: usize = 52;

/// A token that somebody showed. Does not print its secret.
#[derive(Clone)]
pub struct TokenSecret {
    pub(crate) id: String,
    pub(crate) secret: Zeroizing<String>,
}

impl std::fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenSecret({}, …)", self.id)
    }
}

impl TokenSecret {
    /// Reads a token; `None`: it is not written as one.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = id_and_secret(text.strip_prefix(PREFIX)?)?;
        Some(Self { id, secret })
    }
}

/// `<id>_<secret>`, as tokens and sessions are written; `None`: something else.
pub(crate) fn id_and_secret(text: &str) -> Option<(String, Zeroizing<String>)> {
    let (id, secret) = text.split_once('_')?;
    let fits = |part: &str, chars| {
        part.len() == chars && part.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'))
    };
    (fits(id, ID_CHARS) && fits(secret, SECRET_CHARS))
        .then(|| (id.to_owned(), Zeroizing::new(secret.to_owned())))
}

/// A token that was just made.
#[derive(Debug)]
pub struct NewToken {
    /// Its id, by which it is listed and revoked.
    pub id: String,
    /// The token itself, for its clinic's system; nobody can read it again.
    pub token: Zeroizing<String>,
    /// When it ends by itself, milliseconds since 1970 UTC; `None`: never.
    pub expires_at: Option<i64>,
}

/// What a token is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenAsk {
    /// What it is for.
    pub role: Role,
    /// The clinic that it speaks for, or the one that may be seen with it; `None`: all.
    pub clinic: Option<String>,
    /// In the words of whoever makes it.
    pub label: String,
    /// When it ends by itself, from now on in milliseconds; `None`: never, which only the HTTP door's may.
    pub lasts_ms: Option<i64>,
}

impl TokenAsk {
    /// What is wrong with the wish, in words for whoever has it; `None`: nothing.
    pub fn wrong(&self) -> Option<String> {
        let role = self.role;
        let clinic = self.clinic.as_deref().filter(|clinic| !clinic.is_empty());
        let said = match (clinic, self.lasts_ms) {
            (None, _) if role.needs_clinic() => "is for one clinic: name it",
            (Some(_), _) if !role.takes_clinic() => "is for the whole installation: name no clinic",
            (_, None) if role.has_pages() => "ends by itself: say after how many days (--days)",
            (_, Some(lasts)) if lasts <= 0 => "would have ended already: give it a day or more",
            _ => return None,
        };
        Some(format!("a token of role {role} {said}"))
    }
}

/// A token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedToken {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub role: Role,
    /// The clinic that it speaks for, or the one that may be seen with it; `None`: all.
    pub clinic: Option<String>,
    /// What it is for, in the words of whoever made it.
    pub label: String,
    /// When it was made, milliseconds since 1970 UTC.
    pub created_at: i64,
    /// When it ends by itself, or did; `None`: never.
    pub expires_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
}

impl ListedToken {
    /// Whether it has ended by itself.
    pub fn has_expired(&self, now: i64) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// What became of a wish to revoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// It ended now.
    Now,
    /// It had ended before, milliseconds since 1970 UTC.
    Before(i64),
    /// There is no such token.
    Unknown,
}

const LISTED: &str =
    "SELECT id, role, clinic, label, created_at, expires_at, revoked_at FROM api_token";

impl Ledger {
    /// Makes a token of the HTTP door for a clinic, good until it is revoked. `who` made it, for the record.
    ///
    /// # Errors
    /// When the database does not answer, or there is no randomness.
    pub async fn create_token(
        &self,
        clinic: &str,
        label: &str,
        who: &str,
    ) -> Result<NewToken, LedgerError> {
        let ask = TokenAsk {
            role: Role::Door,
            clinic: Some(clinic.to_owned()),
            label: label.to_owned(),
            lasts_ms: None,
        };
        self.create_token_of(&ask, who).await
    }

    /// Makes a token of any role. `who` made it, for the record.
    ///
    /// # Errors
    /// [`LedgerError::Unsafe`] when the role needs a clinic, takes none, or must end by itself, and nothing of that was asked for; else
    /// when the database does not answer, or there is no randomness.
    pub async fn create_token_of(
        &self,
        ask: &TokenAsk,
        who: &str,
    ) -> Result<NewToken, LedgerError> {
        if let Some(wrong) = ask.wrong() {
            return Err(LedgerError::Unsafe(wrong));
        }
        let id = base32(&random_bytes::<ID_BYTES>()?[..]);
        let secret = Zeroizing::new(base32(&random_bytes::<SECRET_BYTES>()?[..]));
        let hash = self.vault().hash(Purpose::Token, &[&id, &secret]);
        let label = storable(&ask.label).into_owned();
        let clinic = ask.clinic.as_deref().unwrap_or_default();
        let mut tx = self.db.begin().await?;
        let now = now(&mut tx).await?;
        let expires_at = ask.lasts_ms.map(|lasts| now.saturating_add(lasts));
        query(
            "INSERT INTO api_token (id, role, clinic, label, hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&id)
        .bind(ask.role.as_str())
        .bind(clinic)
        .bind(&label)
        .bind(hash)
        .bind(now)
        .bind(expires_at)
        .execute(&mut tx)
        .await?;
        let entry = Entry::TokenCreated {
            token: id.clone(),
            label,
            who: storable(who).into_owned(),
            role: (ask.role != Role::Door).then_some(ask.role),
            expires_at,
        };
        append(&mut tx, &[NewRecord::of(clinic, "", now, &entry)?]).await?;
        tx.commit().await?;
        let token = Zeroizing::new(format!("{PREFIX}{id}_{}", *secret));
        Ok(NewToken { id, token, expires_at })
    }

    /// All tokens, also revoked ones, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tokens(&self) -> Result<Vec<ListedToken>, LedgerError> {
        let rows = query(format!("-- tokens\n{LISTED} ORDER BY created_at, id"))
            .fetch_all(self.db.read())
            .await?;
        rows.iter().map(listed).collect()
    }

    /// Ends a token at once, and every session that was opened with it. `who` did it, for the record.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn revoke_token(&self, id: &str, who: &str) -> Result<Revoked, LedgerError> {
        let mut tx = self.db.begin().await?;
        let found = query(format!("-- token\n{LISTED} WHERE id = $1 {{lock}}"))
            .bind(id)
            .fetch_optional(&mut tx)
            .await?;
        let Some(token) = found.as_ref().map(listed).transpose()? else {
            return Ok(Revoked::Unknown);
        };
        if let Some(at) = token.revoked_at {
            return Ok(Revoked::Before(at));
        }
        let now = now(&mut tx).await?;
        query("UPDATE api_token SET revoked_at = $2 WHERE id = $1")
            .bind(id)
            .bind(now)
            .execute(&mut tx)
            .await?;
        query("DELETE FROM session WHERE token = $1").bind(id).execute(&mut tx).await?;
        let entry = Entry::TokenRevoked { token: id.to_owned(), who: storable(who).into_owned() };
        let clinic = token.clinic.as_deref().unwrap_or_default();
        append(&mut tx, &[NewRecord::of(clinic, "", now, &entry)?]).await?;
        tx.commit().await?;
        Ok(Revoked::Now)
    }

    /// The clinic of each token of the HTTP door that was shown; `None`: it is nobody's, of another role, was revoked, or has expired.
    pub async fn clinics_of_tokens(
        &self,
        shown: &[TokenSecret],
    ) -> Vec<Result<Option<String>, LedgerError>> {
        slice::each(shown.len(), |range| self.clinics_of(&shown[range])).await
    }

    async fn clinics_of(&self, shown: &[TokenSecret]) -> Result<Vec<Option<String>>, LedgerError> {
        let ids: Vec<Key<'_>> = shown.iter().map(|token| Key { key: &token.id }).collect();
        let rows = query(
            "-- clinics of tokens\nSELECT id, clinic, hash FROM api_token \
             WHERE role = 'door' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > {now}) \
             AND id IN (SELECT key FROM {rows:key text})",
        )
        .bind(columns(&ids)?)
        .fetch_all(self.db.read())
        .await?;
        let mut known: HashMap<String, (String, String)> = HashMap::with_capacity(rows.len());
        for row in &rows {
            known.insert(row.try_get("id")?, (row.try_get("clinic")?, row.try_get("hash")?));
        }
        let clinic = |token: &TokenSecret| {
            let (clinic, hash) = known.get(&token.id)?;
            let parts = [token.id.as_str(), token.secret.as_str()];
            self.vault().fits(Purpose::Token, &parts, hash).then(|| clinic.clone())
        };
        Ok(shown.iter().map(clinic).collect())
    }
}

fn listed(row: &Row) -> Result<ListedToken, LedgerError> {
    let clinic: String = row.try_get("clinic")?;
    Ok(ListedToken {
        id: row.try_get("id")?,
        role: parse_role(&row.try_get::<String, _>("role")?)?,
        clinic: Some(clinic).filter(|clinic| !clinic.is_empty()),
        label: row.try_get("label")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}

/// A role as it stands in a row.
pub(crate) fn parse_role(text: &str) -> Result<Role, LedgerError> {
    Role::parse(text).ok_or_else(|| LedgerError::Corrupt(format!("role {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_does_not_print_its_secret() {
        let (id, secret) = ("a".repeat(ID_CHARS), "b".repeat(SECRET_CHARS));
        let token = TokenSecret::parse(&format!("ulak_{id}_{secret}")).unwrap();
        assert_eq!((token.id.as_str(), token.secret.as_str()), (id.as_str(), secret.as_str()));
        assert!(!format!("{token:?}").contains('b'));
    }

    #[test]
    fn what_is_not_written_as_a_token_is_none() {
        let (id, secret) = ("a".repeat(ID_CHARS), "b".repeat(SECRET_CHARS));
        for wrong in [
            String::new(),
            "ulak_".to_owned(),
            format!("{id}_{secret}"),
            format!("ulak_{id}{secret}"),
            format!("ulak_{id}_{secret}b"),
            format!("ulak_{id}_{}", secret.to_ascii_uppercase()),
            format!("ulak_{id}_{}", "1".repeat(SECRET_CHARS)),
            format!(" ulak_{id}_{secret}"),
        ] {
            assert!(TokenSecret::parse(&wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_role_says_whether_its_tokens_have_a_clinic_and_an_end() {
        let ask = |role, clinic: &str, lasts_ms| {
            let clinic = Some(clinic.to_owned()).filter(|clinic| !clinic.is_empty());
            TokenAsk { role, clinic, label: String::new(), lasts_ms }.wrong()
        };
        for (role, clinic, lasts) in [
            (Role::Door, "a", None),
            (Role::Door, "a", Some(1)),
            (Role::Clinic, "a", Some(1)),
            (Role::Auditor, "", Some(1)),
            (Role::Auditor, "a", Some(1)),
            (Role::Ops, "", Some(1)),
            (Role::Admin, "", Some(1)),
        ] {
            assert_eq!(ask(role, clinic, lasts), None);
        }
        for (role, clinic, lasts) in [
            (Role::Door, "", None),
            (Role::Clinic, "", Some(1)),
            (Role::Clinic, "a", None),
            (Role::Auditor, "", None),
            (Role::Auditor, "", Some(0)),
            (Role::Ops, "a", Some(1)),
            (Role::Admin, "a", Some(1)),
            (Role::Admin, "", None),
        ] {
            assert!(ask(role, clinic, lasts).is_some(), "{role} {clinic} {lasts:?}");
        }
    }

    #[test]
    fn bytes_fit_their_characters() {
        assert_eq!(base32(&[7; ID_BYTES]).len(), ID_CHARS);
        assert_eq!(base32(&[7; SECRET_BYTES]).len(), SECRET_CHARS);
    }
}
