//! Sessions: what a browser shows instead of the token, and for whom it stands.

use super::{Access, AccessKind, Right, Role};
use crate::db::Ledger;
use crate::engine::{Row, Tx, query};
use crate::error::LedgerError;
use crate::tokens::{ID_BYTES, SECRET_BYTES, id_and_secret, parse_role};
use crate::vault::{Purpose, base32, random_bytes};
use zeroize::Zeroizing;

/// A session that nobody used for so long is over: 30 minutes.
pub const IDLE_MS: i64 = 30 * 60 * 1_000;
/// A session is over after so long, however much it is used: 12 hours.
pub const LASTS_MS: i64 = 12 * 60 * 60 * 1_000;
/// That a session was used is written down once in so long, so that most pages write nothing.
const SEEN_MS: i64 = 60 * 1_000;

/// What a browser shows for its session, as its cookie's value: 80 bits that name it and 256 that prove it. Only a keyed hash of it is
/// kept. Does not print itself.
#[derive(Clone)]
pub struct SessionSecret {
    pub(super) id: String,
    pub(super) secret: Zeroizing<String>,
}

impl std::fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionSecret({}, …)", self.id)
    }
}

/// Who looks at the pages: a session and the token behind it, as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// Id of the session; no secret.
    pub session: String,
    /// Id of the token; no secret.
    pub token: String,
    /// What the token is for, in the words of whoever made it.
    pub label: String,
    /// Its role.
    pub role: Role,
    /// The one clinic that may be seen; `None`: all.
    pub clinic: Option<String>,
    /// What every form of this session carries, and [`Visitor::posted`] compares.
    pub csrf: String,
    /// When the session ends at the latest, milliseconds since 1970 UTC.
    pub expires_at: i64,
}

impl Visitor {
    /// Whether the visitor has a right.
    pub const fn may(&self, right: Right) -> bool {
        self.role.may(right)
    }

    /// Whether what is this clinic's may be seen. What is nobody's (an unreadable event, a lane) is for those who see all clinics.
    pub fn sees(&self, clinic: &str) -> bool {
        self.clinic.as_deref().is_none_or(|own| own == clinic)
    }

    /// Whether a form came from a page of this session. Takes the same time wherever the two differ.
    pub fn posted(&self, csrf: &str) -> bool {
        let (ours, theirs) = (self.csrf.as_bytes(), csrf.as_bytes());
        let differ = ours.iter().zip(theirs).fold(0, |differ, (a, b)| differ | (a ^ b));
        !ours.is_empty() && ours.len() == theirs.len() && differ == 0
    }

    /// Who it is, for records of what was done: `token k3v2x7ejq4s5mzcn (kalite denetimi)`.
    pub fn who(&self) -> String {
        match self.label.as_str() {
            "" => format!("token {}", self.token),
            label => format!("token {} ({label})", self.token),
        }
    }
}

impl SessionSecret {
    /// Reads a cookie's value; `None`: it is not written as one.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = id_and_secret(text)?;
        Some(Self { id, secret })
    }

    /// A new one.
    pub(super) fn new() -> Result<Self, LedgerError> {
        let id = base32(&random_bytes::<ID_BYTES>()?[..]);
        let secret = Zeroizing::new(base32(&random_bytes::<SECRET_BYTES>()?[..]));
        Ok(Self { id, secret })
    }

    pub(super) fn parts(&self) -> [&str; 2] {
        [&self.id, &self.secret]
    }

    /// The cookie's value.
    pub fn cookie(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}_{}", self.id, *self.secret))
    }
}

impl Ledger {
    /// Whose session this is; `None`: nobody's, or it is over, or its token was revoked or has expired. Asked with every request, so
    /// that all of these end at once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn visitor(&self, shown: &SessionSecret) -> Result<Option<Visitor>, LedgerError> {
        let row = query(
            "-- visitor\nSELECT s.id, s.hash, s.seen_at, s.expires_at, t.id AS token, t.label, t.role, t.clinic, t.expires_at AS ends_at, \
               {now} AS now \
             FROM session s JOIN api_token t ON t.id = s.token \
             WHERE s.id = $1 AND s.expires_at > {now} AND s.seen_at > {now} - $2 \
               AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > {now}) AND t.role <> 'door'",
        )
        .bind(&shown.id)
        .bind(IDLE_MS)
        .fetch_optional(self.db.read())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let hash: String = row.try_get("hash")?;
        if !self.vault().fits(Purpose::Session, &shown.parts(), &hash) {
            return Ok(None);
        }
        let (seen_at, now): (i64, i64) = (row.try_get("seen_at")?, row.try_get("now")?);
        if now - seen_at > SEEN_MS {
            query("-- visitor: seen\nUPDATE session SET seen_at = {now} WHERE id = $1")
                .bind(&shown.id)
                .execute(self.db.write())
                .await?;
        }
        let csrf = self.vault().hash(Purpose::Form, &shown.parts());
        visitor_of(&row, csrf).map(Some)
    }

    /// Ends the visitor's session.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn log_out(&self, visitor: &Visitor) -> Result<(), LedgerError> {
        self.end_sessions(visitor, false).await.map(drop)
    }

    /// Ends every session of the visitor's token, in whatever browser; how many those were.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn log_out_everywhere(&self, visitor: &Visitor) -> Result<u64, LedgerError> {
        self.end_sessions(visitor, true).await
    }

    async fn end_sessions(&self, visitor: &Visitor, everywhere: bool) -> Result<u64, LedgerError> {
        let mut tx = self.db.begin().await?;
        let ended = if everywhere {
            query("DELETE FROM session WHERE token = $1").bind(&visitor.token)
        } else {
            query("DELETE FROM session WHERE id = $1").bind(&visitor.session)
        };
        let ended = ended.execute(&mut *tx).await?;
        Access::by(visitor, AccessKind::LoggedOut { everywhere }).append(&mut tx).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Opens a session of a token that is good, and gives what the browser shows for it.
    pub(super) async fn open_session(
        &self,
        tx: &mut Tx,
        token: &str,
        now: i64,
    ) -> Result<SessionSecret, LedgerError> {
        let secret = SessionSecret::new()?;
        query("DELETE FROM session WHERE expires_at <= $1 OR seen_at <= $2")
            .bind(now)
            .bind(now - IDLE_MS)
            .execute(&mut *tx)
            .await?;
        query(
            "INSERT INTO session (id, token, hash, created_at, seen_at, expires_at) VALUES ($1, $2, $3, $4, $4, $5)",
        )
        .bind(&secret.id)
        .bind(token)
        .bind(self.vault().hash(Purpose::Session, &secret.parts()))
        .bind(now)
        .bind(now + LASTS_MS)
        .execute(tx)
        .await?;
        Ok(secret)
    }

    /// What every form of a session carries.
    pub(super) fn csrf(&self, secret: &SessionSecret) -> String {
        self.vault().hash(Purpose::Form, &secret.parts())
    }
}

/// Reads a session with its token.
fn visitor_of(row: &Row, csrf: String) -> Result<Visitor, LedgerError> {
    let (clinic, ends_at): (String, Option<i64>) =
        (row.try_get("clinic")?, row.try_get("ends_at")?);
    let expires_at: i64 = row.try_get("expires_at")?;
    Ok(Visitor {
        session: row.try_get("id")?,
        token: row.try_get("token")?,
        label: row.try_get("label")?,
        role: parse_role(&row.try_get::<String, _>("role")?)?,
        clinic: Some(clinic).filter(|clinic| !clinic.is_empty()),
        csrf,
        expires_at: ends_at.map_or(expires_at, |ends_at| ends_at.min(expires_at)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(clinic: Option<&str>) -> Visitor {
        Visitor {
            session: "s".to_owned(),
            token: "k3v2".to_owned(),
            label: "kalite denetimi".to_owned(),
            role: Role::Clinic,
            clinic: clinic.map(str::to_owned),
            csrf: "abcd".to_owned(),
            expires_at: 0,
        }
    }

    #[test]
    fn a_session_is_read_back_and_does_not_print_its_secret() {
        let secret = SessionSecret::new().unwrap();
        let read = SessionSecret::parse(&secret.cookie()).unwrap();
        assert_eq!(read.parts(), secret.parts());
        assert!(!format!("{read:?}").contains(&**secret.secret), "{read:?}");
        for wrong in [
            "",
            "_",
            "a_b",
            &format!("{}x", *secret.cookie()),
            &secret.cookie().to_ascii_uppercase(),
        ] {
            assert!(SessionSecret::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_form_is_of_this_session_only_with_the_whole_word() {
        let visitor = visitor(None);
        assert!(visitor.posted("abcd"));
        for wrong in ["", "abc", "abce", "abcde", "ABCD"] {
            assert!(!visitor.posted(wrong), "{wrong}");
        }
        let none = Visitor { csrf: String::new(), ..visitor };
        assert!(!none.posted(""));
    }

    #[test]
    fn who_may_see_one_clinic_sees_nobodys_neither() {
        assert!(visitor(None).sees("") && visitor(None).sees("a"));
        let one = visitor(Some("a"));
        assert!(one.sees("a") && !one.sees("b") && !one.sees(""));
        assert_eq!(one.who(), "token k3v2 (kalite denetimi)");
    }
}
