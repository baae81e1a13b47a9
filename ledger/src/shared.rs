//! What all processes share through the ledger besides messages: permits, the access token, leases, readers of records.

use crate::db::{Ledger, json};
use crate::engine::{Row, query, scalar};
use crate::error::LedgerError;
use crate::vault::random_id;
use crate::write::now;
use zeroize::Zeroizing;

/// How long one process may take to fetch a token before another tries, milliseconds.
const TOKEN_LEASE_MS: i64 = 20_000;
/// Longest ban that a provider names (İYS, H084), milliseconds: more than any pause between tries.
const TOKEN_BAN_MS: i64 = HOUR_MS;
/// Pause after a token call that reached nobody, milliseconds.
const NOT_ASKED_MS: i64 = 2_000;
/// What lies further ahead than anybody could have taken it was written before the clock was put back, milliseconds.
pub(crate) const CLOCK_PUT_BACK_MS: i64 = 60_000;
/// One hour in milliseconds.
pub const HOUR_MS: i64 = 3_600_000;

fn token_key(account: &str) -> String {
    format!("token/{account}")
}

/// The shared token of an account.
#[derive(Debug)]
pub enum SharedToken {
    /// Use it.
    Ready {
        /// What was sealed, open.
        secret: Zeroizing<Vec<u8>>,
        /// When the access token ends, milliseconds since 1970 UTC.
        expires_at: i64,
    },
    /// It is this process's turn to fetch one; the old one may serve to refresh.
    Fetch {
        /// What was sealed before, if its refresh token is still good.
        refresh_with: Option<Zeroizing<Vec<u8>>>,
    },
    /// Another process is fetching, or the hourly budget is used up: come back.
    Wait,
}

/// Records that one read looks at.
pub const SCAN: i64 = 5_000;

/// What a reader gets.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The wanted records, oldest first.
    pub records: Vec<ReadRecord>,
    /// Up to where nothing wanted is left out: the cursor goes there once the records are done with. `None`: nothing new.
    pub looked_up_to: Option<(i64, i64)>,
    /// There may be more behind it.
    pub more: bool,
}

/// A record as a reader gets it.
#[derive(Debug, Clone)]
pub struct ReadRecord {
    /// Cursor: transaction.
    pub xid: i64,
    /// Cursor: number.
    pub id: i64,
    /// Clinic.
    pub clinic: String,
    /// Notification.
    pub ntf: String,
    /// Kind.
    pub kind: String,
    /// Milliseconds since 1970 UTC.
    pub at: i64,
    /// Canonical JSON.
    pub bytes: String,
}

impl Ledger {
    /// Takes `want` permits, all or none, of a budget of `cap` in each span of `span_ms`, shared by all processes.
    ///
    /// A wish larger than the whole budget is granted at the beginning of a span, else it would wait for ever. A clock that was put
    /// back begins anew: nobody waits until it has come again to where it was.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn permits(
        &self,
        key: &str,
        want: i64,
        cap: i64,
        span_ms: i64,
    ) -> Result<bool, LedgerError> {
        // who waited for the row may come from a span that has passed: it must not take the row back there; but nobody waits so long
        let granted: Option<i64> = scalar(
            "-- permits\nWITH t AS (SELECT {now} / CAST($4 AS BIGINT) AS span) \
             INSERT INTO permit (key, span, used) SELECT $1, t.span, CAST($2 AS BIGINT) FROM t WHERE TRUE \
             ON CONFLICT (key) DO UPDATE SET \
               span = CASE WHEN permit.span > excluded.span + $5 THEN excluded.span ELSE {greatest}(permit.span, excluded.span) END, \
               used = CASE WHEN permit.span BETWEEN excluded.span AND excluded.span + $5 THEN permit.used + excluded.used ELSE excluded.used END \
             WHERE permit.span NOT BETWEEN excluded.span AND excluded.span + $5 OR permit.used + excluded.used <= CAST($3 AS BIGINT) \
             RETURNING used",
        )
        .bind(key)
        .bind(want)
        .bind(cap)
        .bind(span_ms)
        // of an hour it may have been the next one
        .bind((CLOCK_PUT_BACK_MS / span_ms.max(1)).max(1))
        .fetch_optional(self.db.write())
        .await?;
        Ok(granted.is_some())
    }

    /// How much of a budget of [`Ledger::permits`] is used in the span that is running.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn permits_used(&self, key: &str, span_ms: i64) -> Result<i64, LedgerError> {
        let used: Option<i64> = scalar(
            "-- permits used\nSELECT used FROM permit WHERE key = $1 AND span >= {now} / CAST($2 AS BIGINT)",
        )
        .bind(key)
        .bind(span_ms)
        .fetch_optional(self.db.read())
        .await?;
        Ok(used.unwrap_or(0))
    }

    /// How many tokens of an account were asked for in the hour that is running.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tokens_asked_for(&self, account: &str) -> Result<i64, LedgerError> {
        self.permits_used(&token_key(account), HOUR_MS).await
    }

    /// The shared token of an account, or the right to fetch one. The hourly counter is written before the call is made.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn token(
        &self,
        account: &str,
        fetches_per_hour: i64,
    ) -> Result<SharedToken, LedgerError> {
        let mut tx = self.db.begin().await?;
        query(
            "INSERT INTO token (account, sealed, expires_at, refresh_expires_at, lease_until) VALUES ($1, '', 0, 0, 0) \
             ON CONFLICT (account) DO NOTHING",
        )
        .bind(account)
        .execute(&mut *tx)
        .await?;
        let row = query(
            "SELECT sealed, expires_at, refresh_expires_at, lease_until FROM token WHERE account = $1 {lock}",
        )
        .bind(account)
        .fetch_one(&mut *tx)
        .await?;
        let now = now(&mut tx).await?;
        let sealed: String = row.try_get("sealed")?;
        let (expires_at, refresh): (i64, i64) =
            (row.try_get("expires_at")?, row.try_get("refresh_expires_at")?);
        if expires_at > now {
            tx.commit().await?;
            let secret = self.vault().open_own(&format!("token/{account}"), &sealed)?;
            return Ok(SharedToken::Ready { secret, expires_at });
        }
        let lease_until: i64 = row.try_get("lease_until")?;
        // one that ends later than any that is taken now was taken by a clock that was put back since
        if lease_until > now && lease_until <= now + TOKEN_BAN_MS + CLOCK_PUT_BACK_MS {
            tx.commit().await?;
            return Ok(SharedToken::Wait);
        }
        let tried: Option<i64> = scalar("SELECT used FROM permit WHERE key = $1 AND span = $2")
            .bind(token_key(account))
            .bind(now / HOUR_MS)
            .fetch_optional(&mut *tx)
            .await?;
        // each try without a token doubles the time to the next one, so that an outage does not use up its hour at once
        let lease_ms = TOKEN_LEASE_MS << tried.unwrap_or(0).clamp(0, 6);
        query("UPDATE token SET lease_until = $2 WHERE account = $1")
            .bind(account)
            .bind(now.saturating_add(lease_ms))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        if !self.permits(&token_key(account), 1, fetches_per_hour, HOUR_MS).await? {
            return Ok(SharedToken::Wait);
        }
        let refresh_with = if refresh > now && !sealed.is_empty() {
            Some(self.vault().open_own(&format!("token/{account}"), &sealed)?)
        } else {
            None
        };
        Ok(SharedToken::Fetch { refresh_with })
    }

    /// The token call certainly did not reach anybody: it is not counted, and the next one need not wait for long.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn token_not_asked(&self, account: &str) -> Result<(), LedgerError> {
        let mut tx = self.db.begin().await?;
        let now = now(&mut tx).await?;
        query("UPDATE token SET lease_until = {least}(lease_until, $2) WHERE account = $1")
            .bind(account)
            .bind(now.saturating_add(NOT_ASKED_MS))
            .execute(&mut *tx)
            .await?;
        query("UPDATE permit SET used = {greatest}(used - 1, 0) WHERE key = $1")
            .bind(token_key(account))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The token call was refused for so long: nobody asks again before, because a call during İYS's ban starts its hour anew
    /// (`facts/netgsm_iys.md` B4). At most an hour.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn token_not_for(&self, account: &str, ms: i64) -> Result<(), LedgerError> {
        let mut tx = self.db.begin().await?;
        let now = now(&mut tx).await?;
        query("UPDATE token SET lease_until = {greatest}(lease_until, $2) WHERE account = $1")
            .bind(account)
            .bind(now.saturating_add(ms.clamp(0, TOKEN_BAN_MS)))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Keeps a fetched token for everybody. Instants are milliseconds since 1970 UTC.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_token(
        &self,
        account: &str,
        secret: &[u8],
        expires_at: i64,
        refresh_expires_at: i64,
    ) -> Result<(), LedgerError> {
        let sealed = self.vault().seal_own(&format!("token/{account}"), secret)?;
        query(
            "UPDATE token SET sealed = $2, expires_at = $3, refresh_expires_at = $4, lease_until = 0 WHERE account = $1",
        )
        .bind(account)
        .bind(sealed)
        .bind(expires_at)
        .bind(refresh_expires_at)
        .execute(self.db.write())
        .await?;
        Ok(())
    }

    /// Forgets an access token that was refused although it had not run out; `all` also its refresh token.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn drop_token(
        &self,
        account: &str,
        expires_at: i64,
        all: bool,
    ) -> Result<(), LedgerError> {
        query(
            "UPDATE token SET expires_at = 0, refresh_expires_at = CASE WHEN $3 THEN 0 ELSE refresh_expires_at END \
             WHERE account = $1 AND (expires_at = $2 OR $3)",
        )
        .bind(account)
        .bind(expires_at)
        .bind(all)
        .execute(self.db.write())
        .await?;
        Ok(())
    }

    /// Takes or renews a lease for background work that one process at a time does. `false`: another one has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lease(&self, name: &str, holder: &str, for_ms: i64) -> Result<bool, LedgerError> {
        Ok(self.lease_with_fence(name, holder, for_ms).await?.is_some())
    }

    /// As [`Ledger::lease`]; the fence is raised whenever the holder changes.
    pub(crate) async fn lease_with_fence(
        &self,
        name: &str,
        holder: &str,
        for_ms: i64,
    ) -> Result<Option<i64>, LedgerError> {
        scalar(
            "-- lease\nINSERT INTO lease (name, holder, until, fence) SELECT $1, $2, {now} + CAST($3 AS BIGINT), 1 WHERE TRUE \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until, \
               fence = lease.fence + CASE WHEN lease.holder = excluded.holder THEN 0 ELSE 1 END \
             WHERE lease.holder = excluded.holder OR lease.until <= {now} \
               OR lease.until > {now} + CAST($3 AS BIGINT) + CAST($4 AS BIGINT) RETURNING fence",
        )
        .bind(name)
        .bind(holder)
        .bind(for_ms)
        // one that ends later than any that is taken now was taken by a clock that was put back since: its holder may be gone
        .bind(CLOCK_PUT_BACK_MS)
        .fetch_optional(self.db.write())
        .await
    }

    /// A name for this process as a holder of leases.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn holder_name(process: &str) -> Result<String, LedgerError> {
        random_id(&format!("{process}-"))
    }

    /// Records after a reader's cursor, of given kinds, never past a transaction that may still commit (PROTOCOL rule 16).
    ///
    /// Looks at no more than [`SCAN`] records of other kinds on the way; the page says how far it looked.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn read_on(
        &self,
        reader: &str,
        kinds: &[&str],
        limit: i64,
    ) -> Result<Page, LedgerError> {
        let rows = query(
            "-- read on\nWITH c AS (SELECT coalesce(max(xid), 0) AS xid, coalesce(max(id), 0) AS id FROM reader WHERE name = $1), \
             s AS (SELECT r.* FROM record r WHERE {beyond} \
               AND {committed} ORDER BY {by_commit} LIMIT $4), \
             m AS (SELECT xid, id, clinic, ntf, kind, at, bytes FROM s WHERE kind IN (SELECT value FROM {list:$2}) ORDER BY xid, id LIMIT $3) \
             SELECT CAST(1 AS BIGINT) AS wanted, m.* FROM m UNION ALL \
             SELECT 0, e.xid, e.id, '', '', '', (SELECT count(*) FROM s), '' FROM (SELECT xid, id FROM s ORDER BY xid DESC, id DESC LIMIT 1) e \
             ORDER BY wanted, xid, id",
        )
        .bind(reader)
        .bind(json(kinds)?)
        .bind(limit)
        .bind(SCAN)
        .fetch_all(self.db.read())
        .await?;
        let mut page = Page::default();
        for row in &rows {
            let (xid, id): (i64, i64) = (row.try_get("xid")?, row.try_get("id")?);
            if row.try_get::<i64, _>("wanted")? == 0 {
                page.looked_up_to = Some((xid, id));
                // the count stands where a record has its time
                page.more = row.try_get::<i64, _>("at")? == SCAN;
                continue;
            }
            page.records.push(read_record(row)?);
        }
        // a full page may have left wanted records behind it
        if page.records.len() as i64 == limit {
            page.looked_up_to = page.records.last().map(|last| (last.xid, last.id));
            page.more = true;
        }
        Ok(page)
    }

    /// Moves a reader's cursor behind a record that it is done with. A cursor never goes back.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn read_up_to(&self, reader: &str, xid: i64, id: i64) -> Result<(), LedgerError> {
        query(
            "INSERT INTO reader (name, xid, id) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
             SET xid = excluded.xid, id = excluded.id WHERE (reader.xid, reader.id) < (excluded.xid, excluded.id)",
        )
        .bind(reader)
        .bind(xid)
        .bind(id)
        .execute(self.db.write())
        .await?;
        Ok(())
    }
}

/// A record with the columns of [`ReadRecord`].
pub(crate) fn read_record(row: &Row) -> Result<ReadRecord, LedgerError> {
    Ok(ReadRecord {
        xid: row.try_get("xid")?,
        id: row.try_get("id")?,
        clinic: row.try_get("clinic")?,
        ntf: row.try_get("ntf")?,
        kind: row.try_get("kind")?,
        at: row.try_get("at")?,
        bytes: row.try_get("bytes")?,
    })
}
