//! Tokens of the HTTP door: who may speak for a clinic.
//!
//! A token is `ulak_<id>_<secret>`. The secret is 32 random bytes and shown once; the ledger keeps a keyed hash of it. Every request
//! asks for it, so that a revoked token ends at once.

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
const ID_BYTES: usize = 10;
const ID_CHARS: usize = 16;
/// Random bytes of a secret, and characters of it.
const SECRET_BYTES: usize = 32;
const SECRET_CHARS: usize = 52;

/// A token that somebody showed. Does not print its secret.
#[derive(Clone)]
pub struct TokenSecret {
    id: String,
    secret: Zeroizing<String>,
}

impl std::fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenSecret({}, …)", self.id)
    }
}

impl TokenSecret {
    /// Reads a token; `None`: it is not written as one.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let fits = |part: &str, chars| {
            part.len() == chars && part.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'))
        };
        (fits(id, ID_CHARS) && fits(secret, SECRET_CHARS))
            .then(|| Self { id: id.to_owned(), secret: Zeroizing::new(secret.to_owned()) })
    }
}

/// A token that was just made.
#[derive(Debug)]
pub struct NewToken {
    /// Its id, by which it is listed and revoked.
    pub id: String,
    /// The token itself, for its clinic's system; nobody can read it again.
    pub token: Zeroizing<String>,
}

/// A token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedToken {
    /// Its id.
    pub id: String,
    /// The clinic that it speaks for.
    pub clinic: String,
    /// What it is for, in the words of whoever made it.
    pub label: String,
    /// When it was made, milliseconds since 1970 UTC.
    pub created_at: i64,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
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

const LISTED: &str = "SELECT id, clinic, label, created_at, revoked_at FROM api_token";

impl Ledger {
    /// Makes a token for a clinic. `who` made it, for the record.
    ///
    /// # Errors
    /// When the database does not answer, or there is no randomness.
    pub async fn create_token(
        &self,
        clinic: &str,
        label: &str,
        who: &str,
    ) -> Result<NewToken, LedgerError> {
        let id = base32(&random_bytes::<ID_BYTES>()?[..]);
        let secret = Zeroizing::new(base32(&random_bytes::<SECRET_BYTES>()?[..]));
        let hash = self.vault().hash(Purpose::Token, &[&id, &secret]);
        let label = storable(label).into_owned();
        let mut tx = self.db.begin().await?;
        let now = now(&mut tx).await?;
        query("INSERT INTO api_token (id, clinic, label, hash, created_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(&id)
            .bind(clinic)
            .bind(&label)
            .bind(hash)
            .bind(now)
            .execute(&mut tx)
            .await?;
        let entry =
            Entry::TokenCreated { token: id.clone(), label, who: storable(who).into_owned() };
        append(&mut tx, &[NewRecord::of(clinic, "", now, &entry)?]).await?;
        tx.commit().await?;
        let token = Zeroizing::new(format!("{PREFIX}{id}_{}", *secret));
        Ok(NewToken { id, token })
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

    /// Ends a token at once. `who` did it, for the record.
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
        let entry = Entry::TokenRevoked { token: id.to_owned(), who: storable(who).into_owned() };
        append(&mut tx, &[NewRecord::of(&token.clinic, "", now, &entry)?]).await?;
        tx.commit().await?;
        Ok(Revoked::Now)
    }

    /// The clinic of each token that was shown; `None`: it is nobody's, or was revoked.
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
             WHERE revoked_at IS NULL AND id IN (SELECT key FROM {rows:key text})",
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
    Ok(ListedToken {
        id: row.try_get("id")?,
        clinic: row.try_get("clinic")?,
        label: row.try_get("label")?,
        created_at: row.try_get("created_at")?,
        revoked_at: row.try_get("revoked_at")?,
    })
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
    fn bytes_fit_their_characters() {
        assert_eq!(base32(&[7; ID_BYTES]).len(), ID_CHARS);
        assert_eq!(base32(&[7; SECRET_BYTES]).len(), SECRET_CHARS);
    }
}
