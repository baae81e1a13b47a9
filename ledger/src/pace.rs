//! An even pace that all processes keep: each place in it is some microseconds long and is had by one of them.

use crate::db::{Ledger, json};
use crate::engine::query;
use crate::error::LedgerError;
use crate::shared::CLOCK_PUT_BACK_MS;
use std::time::Duration;

/// One of the places that are asked for together: where it begins and ends behind the first, microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    begins: i64,
    ends: i64,
}

impl Ledger {
    /// Takes the next place in a pace: `us` microseconds of it. Returns how long to wait for the place, or `None` if the next one is
    /// more than `ahead` away, in which case nothing is taken.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn pace(
        &self,
        key: &str,
        us: i64,
        ahead: Duration,
    ) -> Result<Option<Duration>, LedgerError> {
        Ok(self.paces(key, &[us], ahead).await?.pop().flatten())
    }

    /// Takes the next places in a pace, one behind the other, in one statement. Returns for each how long to wait for it, or `None` if
    /// it is more than `ahead` away: of that one and those behind it nothing is taken.
    ///
    /// An even pace, not a budget a second: providers count any second, not ours. A clock that was put back begins anew.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn paces(
        &self,
        key: &str,
        us: &[i64],
        ahead: Duration,
    ) -> Result<Vec<Option<Duration>>, LedgerError> {
        let ahead = i64::try_from(ahead.as_micros()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
        let places = one_behind_the_other(us);
        if places.is_empty() {
            return Ok(vec![]);
        }
        let ends: Vec<i64> = places.iter().map(|place| place.ends).collect();
        // up to the end of the first one that reaches further than there is room before it: `room` is from the next place to `ahead`
        let taken = |room: &str| {
            format!(
                "(SELECT coalesce(min(CASE WHEN CAST(value AS BIGINT) > {room} THEN CAST(value AS BIGINT) END), max(CAST(value AS BIGINT))) \
                 FROM {{list:$1}})"
            )
        };
        // `used` is how much is taken here, so that `excluded.span - excluded.used` is now; who waited for the row sees what is left
        let next = "{greatest}(permit.span, excluded.span - excluded.used)";
        let first = taken("CAST($3 AS BIGINT)");
        let behind = taken(&format!("excluded.span - excluded.used + $3 - {next}"));
        let row = query(format!(
            "-- pace\nWITH t AS (SELECT {{now_us}} AS now, {first} AS taken) \
             INSERT INTO permit (key, span, used) SELECT $2, t.now + t.taken, t.taken FROM t WHERE TRUE \
             ON CONFLICT (key) DO UPDATE SET \
               span = CASE WHEN permit.span > excluded.span + $4 THEN excluded.span ELSE {next} + {behind} END, \
               used = CASE WHEN permit.span > excluded.span + $4 THEN excluded.used ELSE {behind} END \
             WHERE permit.span <= excluded.span - excluded.used + $3 OR permit.span > excluded.span + $4 \
             RETURNING span - used - {{now_us}} AS wait, used"
        ))
        .bind(json(&ends)?)
        .bind(key)
        .bind(ahead)
        // the last place may be one that is longer than this
        .bind(ahead.saturating_mul(2).saturating_add(CLOCK_PUT_BACK_MS * 1_000))
        .fetch_optional(self.db.write())
        .await?;
        let Some(row) = row else { return Ok(vec![None; us.len()]) };
        let (wait, used): (i64, i64) = (row.try_get("wait")?, row.try_get("used")?);
        let wait_of = |place: &Place| {
            let us = u64::try_from(wait.saturating_add(place.begins)).unwrap_or(0);
            (place.begins < used).then(|| Duration::from_micros(us))
        };
        Ok(places.iter().map(wait_of).collect())
    }

    /// Gives places back that were taken for sends which did not happen: those behind them move up.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn give_back(&self, key: &str, us: i64) -> Result<(), LedgerError> {
        query("-- give back\nUPDATE permit SET span = span - $2 WHERE key = $1")
            .bind(key)
            .bind(us)
            .execute(self.db.write())
            .await?;
        Ok(())
    }
}

fn one_behind_the_other(us: &[i64]) -> Vec<Place> {
    let mut places = Vec::with_capacity(us.len());
    let mut begins: i64 = 0;
    for us in us {
        let ends = begins.saturating_add((*us).max(1));
        places.push(Place { begins, ends });
        begins = ends;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_stand_one_behind_the_other_and_none_is_empty() {
        let places = one_behind_the_other(&[20, 0, 5]);
        let ends: Vec<_> = places.iter().map(|place| (place.begins, place.ends)).collect();
        assert_eq!(ends, [(0, 20), (20, 21), (21, 26)]);
    }
}
