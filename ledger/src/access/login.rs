//! Logging in by token, and how often somebody may be wrong.

use super::{Access, AccessKind, LASTS_MS, Role, SessionSecret, Visitor};
use crate::db::Ledger;
use crate::engine::{On, Row, Transaction, Tx, query};
use crate::error::LedgerError;
use crate::tokens::{TokenSecret, parse_role};
use crate::vault::Purpose;
use std::net::IpAddr;

/// Wrong tokens that one caller may show within [`TRIES_SPAN_MS`]; then a wrong one is answered [`LogIn::Later`] and no longer recorded. A
/// right one still opens: whoever shares an address with a guesser is not locked out, and 256 random bits are not guessed.
pub const TRIES: i64 = 10;
/// Wrong tokens that the whole installation answers within [`TRIES_SPAN_MS`]; then a wrong one is answered [`LogIn::Later`] whoever shows
/// it, and no longer recorded. A right one still opens: strangers lock nobody out.
pub const TRIES_EVERYWHERE: i64 = 200;
/// In which wrong tokens are counted: 15 minutes by the database's clock.
pub const TRIES_SPAN_MS: i64 = 15 * 60 * 1_000;

/// What became of a wish to log in.
#[derive(Debug)]
pub enum LogIn {
    /// The session was opened and recorded.
    In {
        /// For the cookie.
        secret: SessionSecret,
        /// Who it is.
        visitor: Visitor,
    },
    /// The token is nobody's, was revoked, has expired, or is one of the HTTP API. Which of these is not said to the caller.
    Wrong,
    /// Too many were wrong.
    Later {
        /// Until when, milliseconds since 1970 UTC.
        until: i64,
    },
}

/// The token that was shown, as it is kept.
struct Shown {
    id: String,
    role: Role,
    label: String,
    clinic: Option<String>,
    expires_at: Option<i64>,
}

/// What is known of a wish to log in.
struct Seen {
    now: i64,
    token: Option<Shown>,
    /// Why it opens nothing; `None`: it does.
    why: Option<&'static str>,
    tries: Tries,
}

/// Wrong tokens of this span.
struct Tries {
    by_all: i64,
    by_caller: i64,
}

impl Tries {
    const fn are_used_up(&self) -> bool {
        self.by_caller >= TRIES || self.by_all >= TRIES_EVERYWHERE
    }
}

impl Seen {
    const fn is_wrong(&self) -> bool {
        self.token.is_none() || self.why.is_some()
    }

    const fn span(&self) -> i64 {
        span_of(self.now)
    }

    const fn later(&self) -> LogIn {
        LogIn::Later { until: self.span() + TRIES_SPAN_MS }
    }
}

/// When the span began in which something is counted.
const fn span_of(now: i64) -> i64 {
    now - now.rem_euclid(TRIES_SPAN_MS)
}

impl Ledger {
    /// Opens a session for a token. `from` is the caller's address, of which only a keyed hash is kept, for as long as tries are
    /// counted; of an IPv6 address its /64 counts.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn log_in(&self, shown: &TokenSecret, from: &str) -> Result<LogIn, LedgerError> {
        self.try_login(Some(shown), from).await
    }

    /// As [`Ledger::log_in`] of what is not written as a token at all: it counts as a wrong one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn log_in_with_nonsense(&self, from: &str) -> Result<LogIn, LedgerError> {
        self.try_login(None, from).await
    }

    async fn try_login(
        &self,
        shown: Option<&TokenSecret>,
        from: &str,
    ) -> Result<LogIn, LedgerError> {
        let caller = self.vault().hash(Purpose::Caller, &[&network(from)]);
        let seen = self.look(self.db.read(), shown, &caller).await?;
        if seen.is_wrong() && seen.tries.are_used_up() {
            // who tries on and on costs one read, and nobody's turn to write
            return Ok(seen.later());
        }
        let mut tx = self.db.begin().await?;
        // it may have been revoked since
        let seen = self.look(&mut tx, shown, &caller).await?;
        let Seen { token: Some(token), why: None, now, .. } = seen else {
            return refuse(tx, seen, &caller).await;
        };
        let secret = self.open_session(&mut tx, &token.id, now).await?;
        let expires_at = now + LASTS_MS;
        let visitor = Visitor {
            session: secret.id.clone(),
            token: token.id.clone(),
            label: token.label.clone(),
            role: token.role,
            clinic: token.clinic.clone(),
            csrf: self.csrf(&secret),
            expires_at: token.expires_at.map_or(expires_at, |ends_at| ends_at.min(expires_at)),
        };
        Access::by(&visitor, AccessKind::LoggedIn).append(&mut tx).await?;
        tx.commit().await?;
        Ok(LogIn::In { secret, visitor })
    }

    /// One statement says who the token is, and how many wrong ones there were.
    async fn look<'a>(
        &self,
        on: impl Into<On<'a>>,
        shown: Option<&TokenSecret>,
        caller: &str,
    ) -> Result<Seen, LedgerError> {
        let row = query(
            "-- login\nSELECT o.now, t.hash, t.role, t.label, t.clinic, t.expires_at, t.revoked_at, e.span AS all_span, \
               e.tries AS all_tries, c.span AS caller_span, c.tries AS caller_tries FROM (SELECT {now} AS now) o \
             LEFT JOIN api_token t ON t.id = $1 LEFT JOIN login_try e ON e.caller = '' LEFT JOIN login_try c ON c.caller = $2",
        )
        .bind(shown.map_or("", |shown| shown.id.as_str()))
        .bind(caller)
        .fetch_one(on)
        .await?;
        let now: i64 = row.try_get("now")?;
        let counted = |span: &str, tries: &str| -> Result<i64, LedgerError> {
            let is_now = row.try_get::<Option<i64>, _>(span)? == Some(span_of(now));
            Ok(if is_now { row.try_get::<Option<i64>, _>(tries)?.unwrap_or(0) } else { 0 })
        };
        let tries = Tries {
            by_all: counted("all_span", "all_tries")?,
            by_caller: counted("caller_span", "caller_tries")?,
        };
        let (token, why) = match shown {
            Some(shown) => self.judge(&row, shown, now)?,
            None => (None, Some("unreadable")),
        };
        Ok(Seen { now, token, why, tries })
    }

    /// The token, if its secret is right, and why it opens nothing; `None` as a reason: it does.
    fn judge(
        &self,
        row: &Row,
        shown: &TokenSecret,
        now: i64,
    ) -> Result<(Option<Shown>, Option<&'static str>), LedgerError> {
        let hash: Option<String> = row.try_get("hash")?;
        let parts = [shown.id.as_str(), shown.secret.as_str()];
        let fits = self.vault().fits(Purpose::Token, &parts, hash.as_deref().unwrap_or_default());
        if hash.is_none() || !fits {
            return Ok((None, Some("nobody's")));
        }
        let clinic: String = row.try_get("clinic")?;
        let token = Shown {
            id: shown.id.clone(),
            role: parse_role(&row.try_get::<String, _>("role")?)?,
            label: row.try_get("label")?,
            clinic: Some(clinic).filter(|clinic| !clinic.is_empty()),
            expires_at: row.try_get("expires_at")?,
        };
        let why = if row.try_get::<Option<i64>, _>("revoked_at")?.is_some() {
            Some("revoked")
        } else if token.expires_at.is_some_and(|at| at <= now) {
            Some("expired")
        } else if token.role.has_pages() {
            None
        } else {
            Some("door")
        };
        Ok((Some(token), why))
    }
}

/// Counts and records a wrong token, as long as these are counted.
async fn refuse(mut tx: Transaction, seen: Seen, caller: &str) -> Result<LogIn, LedgerError> {
    let tries = lock_tries(&mut tx, caller, seen.span()).await?;
    if tries.are_used_up() {
        return Ok(seen.later());
    }
    count_try(&mut tx, caller).await?;
    failed(seen.token, seen.why.unwrap_or_default()).append(&mut tx).await?;
    tx.commit().await?;
    Ok(LogIn::Wrong)
}

/// Of an IPv6 address the /64, which is what one customer has; anything else as it is.
fn network(from: &str) -> String {
    match from.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(address) => address.to_string(),
        Err(_) => from.to_owned(),
    }
}

/// How many wrong tokens were shown in this span, by all and by this caller. Locks both, so that tries at the same moment count one
/// after the other, and forgets the spans before.
async fn lock_tries(tx: &mut Tx, caller: &str, span: i64) -> Result<Tries, LedgerError> {
    let mut tries = [0; 2];
    // all first: whoever has that row has all of them
    for (place, caller) in tries.iter_mut().zip(["", caller]) {
        let row = query(
            "-- login: tries\nINSERT INTO login_try (caller, span, tries) VALUES ($1, $2, 0) ON CONFLICT (caller) DO UPDATE \
             SET tries = CASE WHEN login_try.span = excluded.span THEN login_try.tries ELSE 0 END, span = excluded.span RETURNING tries",
        )
        .bind(caller)
        .bind(span)
        .fetch_one(&mut *tx)
        .await?;
        *place = row.try_get("tries")?;
    }
    query("DELETE FROM login_try WHERE span < $1").bind(span).execute(tx).await?;
    let [by_all, by_caller] = tries;
    Ok(Tries { by_all, by_caller })
}

async fn count_try(tx: &mut Tx, caller: &str) -> Result<(), LedgerError> {
    query("UPDATE login_try SET tries = tries + 1 WHERE caller IN ('', $1)")
        .bind(caller)
        .execute(tx)
        .await?;
    Ok(())
}

/// The record of a try that failed. Whose token it was is said only if it was the right one once.
fn failed(token: Option<Shown>, why: &str) -> Access {
    let what = AccessKind::LogInFailed { why: why.to_owned() };
    let (id, role, clinic) = match token {
        Some(token) => (Some(token.id), Some(token.role), token.clinic),
        None => (None, None, None),
    };
    let who = id.as_ref().map_or_else(|| "somebody".to_owned(), |id| format!("token {id}"));
    Access { who, token: id, role, clinic: clinic.unwrap_or_default(), ntf: None, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_an_address_or_the_network_of_one() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_ne!(network("192.0.2.7"), network("192.0.2.8"));
        assert_eq!(network("proxy"), "proxy");
    }
}
