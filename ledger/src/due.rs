//! What is due: which lanes and clinics have something, and the rows in the order of their urgency. Reads only; `sweep` moves them.

use crate::db::Ledger;
use crate::engine::{Row, query, query_as, scalar};
use crate::error::LedgerError;
use crate::look::parse_state;
use crate::reconcile::{HELD_FOR, looked_after};
use crate::state::State;

/// Rows of one lane, state and clinic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Provider, account and sender.
    pub lane: String,
    /// State of all of them.
    pub state: State,
    /// Clinic of all of them.
    pub clinic: String,
    /// The earliest due time, milliseconds since 1970 UTC.
    pub due_at: i64,
}

/// Which due rows of a lane and clinic are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    /// Rows at most.
    pub limit: i64,
    /// How many of a class, those that have been due longest, are looked at for the ones that expire soonest.
    pub look_ahead: i64,
    /// For a lane that is being tried: first what may be sent twice without harm, if the try ends unknown (PROTOCOL rule 10).
    pub for_a_try: bool,
    /// Leaves out what is about a visit and has not expired: facts are not current (PROTOCOL rule 12).
    pub without_visits: bool,
}

impl Pick {
    /// The most urgent ones, of everything.
    pub fn first(limit: i64) -> Self {
        Self { limit, look_ahead: limit, for_a_try: false, without_visits: false }
    }
}

/// A due row, as the choice of what is released needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Notification.
    pub ntf: String,
    /// Its class: smaller is more urgent.
    pub class: i64,
}

/// The database's clock, read once: compared with a clock that is read for each row, the index would have to be read to its end,
/// however many rows are planned for later.
const NOW: &str = "(SELECT {now})";
/// Rows about a visit that have not expired are left out (`without_visits`).
const NO_VISITS: &str = "AND (expires_at <= (SELECT {now}) OR NOT EXISTS (SELECT 1 FROM notification v WHERE v.ntf = open.ntf AND v.appointment IS NOT NULL))";
/// Nobody has held the account for as long as an attempt is looked for. Its lane begins with `reconcile/` and the account.
const NOT_LOOKED_AFTER: &str = "AND (due_at <= (SELECT {now}) - 5 * CAST($5 AS BIGINT) OR NOT EXISTS ( \
    SELECT 1 FROM lease l WHERE l.name >= 'reconcile/' AND l.name < 'reconcile0' \
    AND l.until > (SELECT {now}) - CAST($5 AS BIGINT) AND substr('reconcile/' || $1 || '/', 1, length(l.name) + 1) = l.name || '/'))";
const _: () = assert!(HELD_FOR == 5, "NOT_LOOKED_AFTER says how often");

impl Ledger {
    /// Which lanes, states and clinics have rows, by a handful of index probes and not by reading the rows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn groups(&self) -> Result<Vec<Group>, LedgerError> {
        let rows = query(
            "-- groups\nWITH RECURSIVE g(ntf) AS ( \
               SELECT ntf FROM (SELECT ntf FROM open ORDER BY lane, state, clinic, due_at LIMIT 1) f \
               UNION ALL \
               SELECT (SELECT o.ntf FROM open o WHERE (o.lane, o.state, o.clinic) > (p.lane, p.state, p.clinic) \
                 ORDER BY o.lane, o.state, o.clinic, o.due_at LIMIT 1) FROM g JOIN open p ON p.ntf = g.ntf \
             ) SELECT o.lane, o.state, o.clinic, o.due_at FROM g JOIN open o ON o.ntf = g.ntf",
        )
        .fetch_all(self.db.read())
        .await?;
        let groups: Result<Vec<Group>, LedgerError> = rows.iter().map(group).collect();
        let mut groups = groups?;
        if groups.iter().any(|group| group.state == State::Unknown) {
            let looked_after = looked_after(self.db.read()).await?;
            for group in groups.iter_mut().filter(|group| group.state == State::Unknown) {
                group.due_at = looked_after.given_up_at(&group.lane, group.due_at, self.give_up_ms);
            }
        }
        Ok(groups)
    }

    /// How many rows of a lane are outside the ledger: released or being sent.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn outside(&self, lane: &str) -> Result<i64, LedgerError> {
        scalar("SELECT count(*) FROM open WHERE lane = $1 AND state IN ('released', 'sending')")
            .bind(lane)
            .fetch_one(self.db.read())
            .await
    }

    /// How many of these nobody has claimed: copies on the broker, and with workers that wait for a place in the lane's pace.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unclaimed(&self, lane: &str) -> Result<i64, LedgerError> {
        scalar("SELECT count(*) FROM open WHERE lane = $1 AND state = 'released'")
            .bind(lane)
            .fetch_one(self.db.read())
            .await
    }

    /// Due waiting rows of one lane and clinic whose number is free, most urgent first: by class, then what expires soonest of those
    /// that have been due longest. What has expired comes first of all in its class, and uses no place outside the ledger.
    ///
    /// A class hides no other one, however many of its rows are due: normal ones are told from the rest in the index `open_due`, and
    /// the rest has `open_unusual`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn due_waiting(
        &self,
        lane: &str,
        clinic: &str,
        pick: Pick,
    ) -> Result<Vec<Due>, LedgerError> {
        let visits = if pick.without_visits { NO_VISITS } else { "" };
        let of = |class: &str| {
            format!(
                "SELECT * FROM (SELECT ntf, class, expires_at, due_at FROM open WHERE lane = $1 AND clinic = $2 AND state = 'waiting' \
                 AND due_at <= {NOW} AND {class} {visits} \
                 AND NOT EXISTS (SELECT 1 FROM slot s WHERE s.key = open.number AND s.holder <> open.ntf) \
                 ORDER BY due_at LIMIT $3) c"
            )
        };
        // the first condition is what the small index is made for, in the words that both engines know it by
        let (urgent, normal, bulk) =
            (of("class <> 1 AND class = 0"), of("class = 1"), of("class <> 1 AND class = 2"));
        let (join, first) = if pick.for_a_try {
            (
                "JOIN notification n ON n.ntf = o.ntf",
                "CASE n.on_unknown WHEN 'resend' THEN 0 ELSE 1 END,",
            )
        } else {
            ("", "")
        };
        let rows: Vec<(String, i64)> = query_as(format!(
            "-- due waiting\nSELECT o.ntf, o.class FROM ({urgent} UNION ALL {normal} UNION ALL {bulk}) o {join} \
             ORDER BY {first} o.class, o.expires_at, o.due_at, o.ntf LIMIT $4",
        ))
        .bind(lane)
        .bind(clinic)
        .bind(pick.look_ahead.max(pick.limit))
        .bind(pick.limit)
        .fetch_all(self.db.read())
        .await?;
        Ok(rows.into_iter().map(|(ntf, class)| Due { ntf, class }).collect())
    }

    /// Rows of one group that are due, whatever they wait for; with `expired_only` those that have expired.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn due(
        &self,
        group: &Group,
        expired_only: bool,
        limit: i64,
    ) -> Result<Vec<String>, LedgerError> {
        let which = match (expired_only, group.state) {
            (true, _) => "AND expires_at <= (SELECT {now})",
            (false, State::Unknown) => NOT_LOOKED_AFTER,
            (false, _) => "",
        };
        self.due_of(group, which, limit).await
    }

    /// As [`Ledger::due`], without those about a visit that have not expired.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn due_without_visits(
        &self,
        group: &Group,
        limit: i64,
    ) -> Result<Vec<String>, LedgerError> {
        self.due_of(group, NO_VISITS, limit).await
    }

    async fn due_of(
        &self,
        group: &Group,
        which: &str,
        limit: i64,
    ) -> Result<Vec<String>, LedgerError> {
        let patience = if group.state == State::Unknown { self.give_up_ms } else { 0 };
        scalar(format!(
            "-- due\nSELECT ntf FROM open WHERE lane = $1 AND state = $2 AND clinic = $3 AND due_at <= {NOW} - CAST($5 AS BIGINT) {which} \
             ORDER BY due_at LIMIT $4",
        ))
        .bind(&group.lane)
        .bind(group.state.as_str())
        .bind(&group.clinic)
        .bind(limit)
        .bind(patience)
        .fetch_all(self.db.read())
        .await
    }
}

fn group(row: &Row) -> Result<Group, LedgerError> {
    Ok(Group {
        lane: row.try_get("lane")?,
        state: parse_state(&row.try_get::<String, _>("state")?)?,
        clinic: row.try_get("clinic")?,
        due_at: row.try_get("due_at")?,
    })
}
