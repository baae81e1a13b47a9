//! Attempts whose provider is asked what became of them, because its word by itself may never come.
//!
//! They are taken from records by a reader of its own, so that a send writes nothing for it.

use super::Delivery;
use crate::db::Ledger;
use crate::engine::{Row, Tx, columns, query};
use crate::error::LedgerError;
use crate::reconcile::account_of;
use crate::record::Entry;
use crate::shared::ReadRecord;
use crate::state::AttemptState;
use serde::Serialize;

/// Name of the reader's cursor.
const READER: &str = "receipts";
/// Kinds of records after which a provider has a message: its answer, and its word before that.
const KINDS: &[&str] = &["outcome", "receipt"];

/// An account whose provider can be asked, and when it is, counted from an attempt's claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedAccount {
    /// Provider and account: `netgsm/default`.
    pub account: String,
    /// It is first asked after so long, milliseconds.
    pub first_ms: i64,
    /// It is asked no more after so long, milliseconds.
    pub last_ms: i64,
}

/// An attempt that its provider is to be asked about. Times are milliseconds since 1970 UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedReceipt {
    /// Notification.
    pub ntf: String,
    /// Number of the attempt.
    pub n: u32,
    /// Provider.
    pub provider: String,
    /// Provider and account: `netgsm/default`.
    pub account: String,
    /// The provider's id of it.
    pub provider_ref: String,
    /// Keyed hash of (account, number).
    pub number: String,
    /// When it was claimed.
    pub started_at: i64,
    /// When it is asked about next.
    pub next_at: i64,
    /// How often it was asked about.
    pub looks: u32,
    /// When it is asked about no more.
    pub until: i64,
}

#[derive(Serialize)]
struct Attempt {
    ntf: String,
    n: i64,
}

#[derive(Serialize)]
struct Again<'a> {
    ntf: &'a str,
    n: i64,
    next_at: i64,
}

impl Ledger {
    /// Takes note of accepted attempts of these accounts that have a provider's id and of which no last word is known, from at most
    /// `limit` records. `true`: there may be more. Safe to repeat, and for two at once.
    ///
    /// # Errors
    /// When the database does not answer; the same records are read again then.
    pub async fn want_receipts(
        &self,
        accounts: &[AskedAccount],
        limit: i64,
    ) -> Result<bool, LedgerError> {
        let page = self.read_on(READER, KINDS, limit).await?;
        let Some((xid, id)) = page.looked_up_to else { return Ok(false) };
        let attempts: Vec<Attempt> = page.records.iter().filter_map(accepted).collect();
        if !attempts.is_empty() && !accounts.is_empty() {
            self.insert_wanted(&attempts, accounts).await?;
        }
        self.read_up_to(READER, xid, id).await?;
        Ok(page.more)
    }

    async fn insert_wanted(
        &self,
        attempts: &[Attempt],
        accounts: &[AskedAccount],
    ) -> Result<(), LedgerError> {
        #[derive(Serialize)]
        struct Wanted {
            ntf: String,
            n: i64,
            provider: String,
            account: String,
            provider_ref: String,
            number: String,
            started_at: i64,
            next_at: i64,
            until: i64,
        }
        let rows = query(
            "-- wanted: attempts\nSELECT DISTINCT a.ntf, a.n, a.lane, a.number, a.provider_ref, a.started_at \
             FROM {rows:ntf text, n bigint} JOIN attempt a ON a.ntf = r.ntf AND a.n = r.n \
             WHERE a.state = 'accepted' AND a.reach IN ('unheard', 'overdue') AND a.provider_ref IS NOT NULL",
        )
        .bind(columns(attempts)?)
        .fetch_all(self.db.read())
        .await?;
        let now = self.clock().now_ms();
        let mut wanted = Vec::with_capacity(rows.len());
        for row in &rows {
            let lane: String = row.try_get("lane")?;
            let account = account_of(&lane);
            let Some(asked) = accounts.iter().find(|asked| asked.account == account) else {
                continue;
            };
            let started_at: i64 = row.try_get("started_at")?;
            let until = started_at.saturating_add(asked.last_ms);
            if until <= now {
                // records of long ago are gone over for the first time
                continue;
            }
            wanted.push(Wanted {
                ntf: row.try_get("ntf")?,
                n: row.try_get("n")?,
                provider: account.split('/').next().unwrap_or_default().to_owned(),
                account: account.to_owned(),
                provider_ref: row.try_get("provider_ref")?,
                number: row.try_get::<Option<String>, _>("number")?.unwrap_or_default(),
                started_at,
                next_at: started_at.saturating_add(asked.first_ms),
                until,
            });
        }
        if wanted.is_empty() {
            return Ok(());
        }
        query(
            "-- want receipts\nINSERT INTO receipt_wanted (ntf, n, provider, account, provider_ref, number, started_at, next_at, looks, until) \
             SELECT ntf, n, provider, account, provider_ref, number, started_at, next_at, 0, until \
             FROM {rows:ntf text, n bigint, provider text, account text, provider_ref text, number text, started_at bigint, \
               next_at bigint, until bigint} WHERE TRUE ON CONFLICT (ntf, n) DO NOTHING",
        )
        .bind(columns(&wanted)?)
        .execute(self.db.write())
        .await?;
        Ok(())
    }

    /// Attempts of an account (`netgsm/default`) that are to be asked about now, those first that have waited longest.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn receipts_due(
        &self,
        account: &str,
        limit: i64,
    ) -> Result<Vec<WantedReceipt>, LedgerError> {
        let rows = query(
            "-- receipts due\nSELECT ntf, n, provider, account, provider_ref, number, started_at, next_at, looks, until FROM receipt_wanted \
             WHERE account = $1 AND next_at <= (SELECT {now}) ORDER BY next_at, ntf, n LIMIT $2",
        )
        .bind(account)
        .bind(limit)
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(wanted).collect()
    }

    /// Forgets attempts that are asked about no more because their time is over, also those of accounts that nobody asks any more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_receipts(&self) -> Result<u64, LedgerError> {
        query("-- receipts out of time\nDELETE FROM receipt_wanted WHERE until <= (SELECT {now})")
            .execute(self.db.write())
            .await
    }

    /// Attempts were asked about: each is due again at its time (milliseconds since 1970 UTC), or never (`None`): its answer
    /// is final, or that was the last question.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn receipts_looked(
        &self,
        looked: &[(String, u32, Option<i64>)],
    ) -> Result<(), LedgerError> {
        let again: Vec<_> = looked
            .iter()
            .filter_map(|(ntf, n, next)| Some(Again { ntf, n: i64::from(*n), next_at: (*next)? }))
            .collect();
        let done: Vec<_> = looked
            .iter()
            .filter(|(_, _, next)| next.is_none())
            .map(|(ntf, n, _)| (ntf.as_str(), *n))
            .collect();
        let mut tx = self.db.begin().await?;
        if !again.is_empty() {
            query(
                "-- receipts looked\nUPDATE receipt_wanted AS w SET next_at = r.next_at, looks = w.looks + 1 \
                 FROM {rows:ntf text, n bigint, next_at bigint} WHERE w.ntf = r.ntf AND w.n = r.n",
            )
            .bind(columns(&again)?)
            .execute(&mut tx)
            .await?;
        }
        forget(&mut tx, &done).await?;
        tx.commit().await
    }
}

/// Attempts are asked about no more.
pub(super) async fn forget(tx: &mut Tx, done: &[(&str, u32)]) -> Result<(), LedgerError> {
    if done.is_empty() {
        return Ok(());
    }
    let mut keys: Vec<Attempt> =
        done.iter().map(|(ntf, n)| Attempt { ntf: (*ntf).to_owned(), n: i64::from(*n) }).collect();
    keys.sort_unstable_by(|a, b| (&a.ntf, a.n).cmp(&(&b.ntf, b.n)));
    query(
        "-- receipts answered\nDELETE FROM receipt_wanted WHERE (ntf, n) IN (SELECT ntf, n FROM {rows:ntf text, n bigint})",
    )
    .bind(columns(&keys)?)
    .execute(tx)
    .await?;
    Ok(())
}

/// The attempt of a record that says that its provider has it, and may say more of it.
fn accepted(record: &ReadRecord) -> Option<Attempt> {
    let n = match Entry::parse(&record.bytes).ok()? {
        Entry::Outcome { attempt, outcome, .. } if outcome == AttemptState::Accepted.as_str() => {
            attempt
        }
        Entry::Receipt { attempt, delivery, .. } if !delivery.is_some_and(Delivery::is_final) => {
            attempt
        }
        _ => return None,
    };
    Some(Attempt { ntf: record.ntf.clone(), n: i64::from(n) })
}

fn wanted(row: &Row) -> Result<WantedReceipt, LedgerError> {
    Ok(WantedReceipt {
        ntf: row.try_get("ntf")?,
        n: row.try_get::<i64, _>("n")? as u32,
        provider: row.try_get("provider")?,
        account: row.try_get("account")?,
        provider_ref: row.try_get("provider_ref")?,
        number: row.try_get("number")?,
        started_at: row.try_get("started_at")?,
        next_at: row.try_get("next_at")?,
        looks: row.try_get::<i64, _>("looks")? as u32,
        until: row.try_get("until")?,
    })
}
