//! Going through all rows in slices, and what is due and has not gone.

use crate::db::Ledger;
use crate::due::Group;
use crate::engine::scalar;
use crate::error::LedgerError;
use crate::report::DISAGREES;
use crate::state::State;

/// Rows of one lane, state and clinic that are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// Provider, account and sender.
    pub lane: String,
    /// State of all of them.
    pub state: State,
    /// Clinic of all of them.
    pub clinic: String,
    /// How many are due, counted up to the limit that was asked for.
    pub due: i64,
    /// How many there are, due or not; counted only of those that are outside the ledger, likewise.
    pub outside: i64,
    /// When the first of them was due, milliseconds since 1970 UTC; may lie ahead.
    pub due_at: i64,
}

impl Ledger {
    /// The next notifications in the order of their ids, which says nothing about their age.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn notifications_after(
        &self,
        ntf: &str,
        limit: i64,
    ) -> Result<Vec<String>, LedgerError> {
        scalar("-- books: walk\nSELECT ntf FROM notification WHERE ntf > $1 ORDER BY ntf LIMIT $2")
            .bind(ntf)
            .bind(limit)
            .fetch_all(self.db.read())
            .await
    }

    /// The next due times likewise, and of those only the ones that are of no row, or of one in another state.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn astray_after(&self, ntf: &str, limit: i64) -> Result<Astray, LedgerError> {
        let next: Vec<String> =
            scalar("-- books: walk due\nSELECT ntf FROM open WHERE ntf > $1 ORDER BY ntf LIMIT $2")
                .bind(ntf)
                .bind(limit)
                .fetch_all(self.db.read())
                .await?;
        let Some(last) = next.last().cloned() else { return Ok(Astray::default()) };
        let astray = scalar(
            "-- books: astray\nSELECT o.ntf FROM open o LEFT JOIN notification n ON n.ntf = o.ntf AND n.state = o.state \
             WHERE o.ntf > $1 AND o.ntf <= $2 AND n.ntf IS NULL",
        )
        .bind(ntf)
        .bind(&last)
        .fetch_all(self.db.read())
        .await?;
        Ok(Astray { ntfs: astray, last: Some(last) })
    }

    /// Some notifications whose state is not what the last of their records says. Reads all of them: for a person who asks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn disagreeing(
        &self,
        clinic: Option<&str>,
        limit: i64,
    ) -> Result<Vec<String>, LedgerError> {
        scalar(format!(
            "-- books: disagreeing\nSELECT n.ntf FROM notification n WHERE {DISAGREES} ORDER BY n.ntf LIMIT $2"
        ))
        .bind(clinic)
        .bind(limit)
        .fetch_all(self.db.read())
        .await
    }

    /// What is due and has not moved, and what is outside the ledger, by lane, state and clinic; each counted up to `most`. A handful
    /// of index probes, however much is planned for later.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn backlog(&self, most: i64) -> Result<Vec<Backlog>, LedgerError> {
        let now = self.clock().now_ms();
        let mut backlog = vec![];
        for group in self.groups().await? {
            let due = if group.due_at > now { 0 } else { self.count(&group, true, most).await? };
            let outside = !matches!(group.state, State::Waiting | State::Accepted);
            let outside = if outside { self.count(&group, false, most).await? } else { 0 };
            let Group { lane, state, clinic, due_at } = group;
            backlog.push(Backlog { lane, state, clinic, due, outside, due_at });
        }
        Ok(backlog)
    }

    async fn count(&self, group: &Group, due: bool, most: i64) -> Result<i64, LedgerError> {
        let due = if due { "AND due_at <= (SELECT {now})" } else { "" };
        scalar(format!(
            "-- books: backlog\nSELECT count(*) FROM (SELECT 1 FROM open WHERE lane = $1 AND state = $2 AND clinic = $3 {due} LIMIT $4) d",
        ))
        .bind(&group.lane)
        .bind(group.state.as_str())
        .bind(&group.clinic)
        .bind(most)
        .fetch_one(self.db.read())
        .await
    }
}

/// Due times that fit no row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Astray {
    /// What they are of.
    pub ntfs: Vec<String>,
    /// Where to go on; `None`: that were all.
    pub last: Option<String>,
}
