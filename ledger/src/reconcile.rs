//! What reconciliation reads of the ledger: attempts of which nobody knows whether they arrived, and what else went out at the same
//! time (`shared/PROTOCOL.md` rule 9). What a look changes is in [`looks`].

pub mod looks;

use crate::db::Ledger;
use crate::engine::{On, Query, Row, query, query_as, scalar};
use crate::error::LedgerError;
use std::collections::{BTreeSet, HashMap};

/// Who looks for an account's unknown attempts. A look under a hold that somebody else took meanwhile writes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Provider and account: `netgsm/default`.
    pub account: String,
    /// The process.
    pub holder: String,
    /// Raised whenever the holder changes.
    pub fence: i64,
}

/// An attempt that may have arrived. Times are milliseconds since 1970 UTC by the database's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownAttempt {
    /// Notification.
    pub ntf: String,
    /// Number of the attempt.
    pub n: u32,
    /// Provider, account and sender.
    pub lane: String,
    /// Keyed hash of (account, number).
    pub number: String,
    /// Billed segments.
    pub segments: u32,
    /// When it was claimed: no byte left before.
    pub started_at: i64,
    /// When its request was over: no byte of ours left after.
    pub deadline_at: i64,
    /// When it became unknown.
    pub unknown_at: i64,
    /// How often it was looked for.
    pub looks: u32,
    /// Its worker may still be at it: nobody can say yet what it is.
    pub under_way: bool,
}

impl UnknownAttempt {
    /// Provider and account.
    pub fn account(&self) -> &str {
        account_of(&self.lane)
    }
}

/// Ids of a provider, each with the keyed hashes of the numbers it is known for.
pub type KnownRefs = HashMap<String, Vec<String>>;

/// A message of an account that the provider has: a report in which it stands was made after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// The provider's id of it.
    pub provider_ref: String,
    /// Keyed hash of (account, number): a job may have several messages, and only this one's row is the control (ADR 0011).
    pub number: String,
    /// When it was claimed, milliseconds since 1970 UTC.
    pub started_at: i64,
    /// When the provider had answered.
    pub ended_at: i64,
}

/// Provider and account of a lane.
pub fn account_of(lane: &str) -> &str {
    let end = lane.match_indices('/').nth(1).map_or(lane.len(), |(at, _)| at);
    &lane[..end]
}

const WHAT: &str = "a.ntf, a.n, a.lane, a.number, a.segments, a.started_at, a.deadline_at, a.ended_at, a.looks, a.state";
/// Its lane begins with `$1`, which is `$2` characters long.
const OF_ACCOUNT: &str = "substr(a.lane, 1, CAST($2 AS INTEGER)) = $1";

/// A statement with [`OF_ACCOUNT`] in it.
fn of_account(text: String, account: &str) -> Query<Row> {
    let beginning = format!("{account}/");
    let length = beginning.chars().count() as i64;
    query(text).bind(beginning).bind(length)
}

impl Ledger {
    /// Takes or renews the hold of an account for `for_ms` milliseconds. `None`: another process has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn hold_account(
        &self,
        account: &str,
        holder: &str,
        for_ms: i64,
    ) -> Result<Option<Hold>, LedgerError> {
        let fence = self.lease_with_fence(&lease_name(account), holder, for_ms).await?;
        Ok(fence.map(|fence| Hold {
            account: account.to_owned(),
            holder: holder.to_owned(),
            fence,
        }))
    }

    /// Accounts of which an attempt is to be looked for now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unknown_accounts(&self) -> Result<BTreeSet<String>, LedgerError> {
        let lanes: Vec<String> = scalar(
            "-- unknown accounts\nSELECT DISTINCT a.lane FROM open o JOIN notification n ON n.ntf = o.ntf \
             JOIN attempt a ON a.ntf = o.ntf AND a.n = n.attempt WHERE o.state = 'unknown' AND o.due_at <= {now}",
        )
        .fetch_all(self.db.read())
        .await?;
        Ok(lanes.iter().map(|lane| account_of(lane).to_owned()).collect())
    }

    /// Attempts of an account that are to be looked for now, those first that have waited longest for their look.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unknown_due(
        &self,
        account: &str,
        limit: i64,
    ) -> Result<Vec<UnknownAttempt>, LedgerError> {
        let text = format!(
            "-- unknown due\nSELECT {WHAT} FROM open o JOIN notification n ON n.ntf = o.ntf \
             JOIN attempt a ON a.ntf = o.ntf AND a.n = n.attempt AND a.state = 'unknown' \
             WHERE o.state = 'unknown' AND o.due_at <= {{now}} AND {OF_ACCOUNT} ORDER BY o.due_at, a.started_at, a.ntf LIMIT $3"
        );
        let rows = of_account(text, account).bind(limit).fetch_all(self.db.read()).await?;
        rows.iter().map(unknown).collect()
    }

    /// All attempts of an account that were claimed in a time, both ends included, and may own a row of its report that no job id
    /// names: unknown ones, whatever became of their notification, those still under way, and those accepted without an id.
    /// (ADR 0009: one of them left out, its row is taken for another's, and it is sent again.)
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unknown_near(
        &self,
        account: &str,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<UnknownAttempt>, LedgerError> {
        let text = format!(
            "-- unknown near\nSELECT {WHAT} FROM attempt a WHERE a.started_at BETWEEN $3 AND $4 AND {OF_ACCOUNT} \
             AND (a.state IN ('open', 'unknown') OR (a.state = 'accepted' AND a.provider_ref IS NULL)) \
             ORDER BY a.started_at, a.ntf"
        );
        let statement = of_account(text, account).bind(from_ms).bind(to_ms);
        statement.fetch_all(self.db.read()).await?.iter().map(unknown).collect()
    }

    /// The provider's ids of all attempts of an account that were claimed in a time, both ends included, each with the keyed hashes
    /// of the numbers it is known for: several messages may share a job, and the id of one says nothing of the others (ADR 0011).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn known_refs(
        &self,
        account: &str,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<KnownRefs, LedgerError> {
        let text = format!(
            "-- known refs\nSELECT a.provider_ref, a.number FROM attempt a WHERE a.started_at BETWEEN $3 AND $4 AND {OF_ACCOUNT} \
             AND a.provider_ref IS NOT NULL"
        );
        let statement = of_account(text, account).bind(from_ms).bind(to_ms);
        let rows = statement.fetch_all(self.db.read()).await?;
        let mut known = KnownRefs::with_capacity(rows.len());
        for row in &rows {
            let numbers = known.entry(row.try_get("provider_ref")?).or_default();
            numbers.extend(row.try_get::<Option<String>, _>("number")?);
        }
        Ok(known)
    }

    /// The first messages of an account that its provider answered with their id and that were claimed at `at_ms` or later, at most
    /// `limit`. None that reconciliation found: what is to be proven must not prove itself.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn controls_after(
        &self,
        account: &str,
        at_ms: i64,
        limit: i64,
    ) -> Result<Vec<Control>, LedgerError> {
        let text = format!(
            "-- controls\nSELECT a.provider_ref, a.number, a.started_at, a.ended_at FROM attempt a WHERE a.started_at >= $3 \
             AND a.state = 'accepted' AND a.provider_ref IS NOT NULL AND a.looks = 0 AND {OF_ACCOUNT} \
             ORDER BY a.started_at, a.ntf LIMIT $4"
        );
        let statement = of_account(text, account).bind(at_ms).bind(limit);
        let control = |row: &Row| {
            Ok(Control {
                provider_ref: row.try_get("provider_ref")?,
                number: row.try_get::<Option<String>, _>("number")?.unwrap_or_default(),
                started_at: row.try_get("started_at")?,
                ended_at: row.try_get("ended_at")?,
            })
        };
        statement.fetch_all(self.db.read()).await?.iter().map(control).collect()
    }
}

/// Name of the lease under which an account is looked after.
fn lease_name(account: &str) -> String {
    format!("reconcile/{account}")
}

/// After so many times `reconcile.give_up` an attempt that is due ends by time although its account is held.
pub(crate) const HELD_FOR: i64 = 5;

/// Until when accounts are held by whoever looks for their unknown attempts, or were last; milliseconds since 1970 UTC.
#[derive(Debug)]
pub(crate) struct LookedAfter(HashMap<String, i64>);

impl LookedAfter {
    /// When an attempt of a lane that is due for a look at `due_at` ends because nobody looked: an account that is held, or was a
    /// moment ago, has somebody who will come to it, however long the queue of questions is. But a holder that fails at it again and
    /// again must not keep it for ever: [`HELD_FOR`].
    pub fn given_up_at(&self, lane: &str, due_at: i64, give_up_ms: i64) -> i64 {
        let held = self.0.get(account_of(lane)).copied().unwrap_or(i64::MIN);
        let most = due_at.saturating_add(give_up_ms.saturating_mul(HELD_FOR));
        due_at.max(held).saturating_add(give_up_ms).min(most)
    }
}

/// Reads who is looked after.
pub(crate) async fn looked_after<'a>(on: impl Into<On<'a>>) -> Result<LookedAfter, LedgerError> {
    let held: Vec<(String, i64)> = query_as(
        "-- looked after\nSELECT name, until FROM lease WHERE name >= 'reconcile/' AND name < 'reconcile0'",
    )
    .fetch_all(on)
    .await?;
    let account = |name: &str| name.trim_start_matches("reconcile/").to_owned();
    Ok(LookedAfter(held.into_iter().map(|(name, until)| (account(&name), until)).collect()))
}

fn unknown(row: &Row) -> Result<UnknownAttempt, LedgerError> {
    let count = |name: &str| Ok::<_, LedgerError>(row.try_get::<i64, _>(name)? as u32);
    let started_at = row.try_get("started_at")?;
    Ok(UnknownAttempt {
        ntf: row.try_get("ntf")?,
        n: count("n")?,
        lane: row.try_get("lane")?,
        number: row.try_get::<Option<String>, _>("number")?.unwrap_or_default(),
        segments: count("segments")?,
        started_at,
        deadline_at: row.try_get("deadline_at")?,
        unknown_at: row.try_get::<Option<i64>, _>("ended_at")?.unwrap_or(started_at),
        looks: count("looks")?,
        under_way: row.try_get::<String, _>("state")? == "open",
    })
}

#[cfg(test)]
mod tests {
    use super::account_of;

    #[test]
    fn the_account_of_a_lane_is_its_first_two_parts() {
        assert_eq!(account_of("netgsm/default/BASLIK"), "netgsm/default");
        assert_eq!(account_of("twilio/a/+15550100/x"), "twilio/a");
        assert_eq!(account_of("netgsm/default"), "netgsm/default");
        assert_eq!(account_of("none"), "none");
    }
}
