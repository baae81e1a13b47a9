//! A page of the dead letters, newest first, and the place where the next one begins.

use ledger::report::{ListFilter, Listed};
use ledger::{Ledger, LedgerError};
use std::fmt;

/// Letters on one page, and in one act.
pub(super) const PAGE: usize = 100;

/// A letter's place in the list. Many are refused in one instant, so the instant alone is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    at: i64,
    ntf: String,
}

impl Place {
    fn of(row: &Listed) -> Self {
        Self { at: row.created_at, ntf: row.ntf.clone() }
    }

    /// Reads what its `Display` wrote; `None`: something else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (at, ntf) = text.split_once('.')?;
        let is_id = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
        let fits = (1..=64).contains(&ntf.len()) && ntf.bytes().all(is_id);
        Some(Self { at: at.parse().ok()?, ntf: fits.then(|| ntf.to_owned())? })
    }

    /// Whether a letter comes after it, in the order of [`Ledger::list`].
    fn is_before(&self, row: &Listed) -> bool {
        row.created_at < self.at || (row.created_at == self.at && row.ntf > self.ntf)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at, self.ntf)
    }
}

/// The letters after a place, and the place of the last one if more come after it.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn page(
    ledger: &Ledger,
    filter: &ListFilter,
    after: Option<&Place>,
) -> Result<(Vec<Listed>, Option<Place>), LedgerError> {
    let mut limit = PAGE as i64 + 1;
    loop {
        // the list is cut off by the instant only: what of that stood on earlier pages comes once more
        let until = after.map(|place| place.at.saturating_add(1));
        let found = ledger.list(&ListFilter { until, limit, ..filter.clone() }).await?;
        let is_all = (found.len() as i64) < limit;
        let left = |row: &Listed| after.is_none_or(|place| place.is_before(row));
        let mut rows: Vec<Listed> = found.into_iter().filter(left).collect();
        if rows.len() > PAGE || is_all {
            let more = rows.len() > PAGE;
            rows.truncate(PAGE);
            let next = rows.last().filter(|_| more).map(Place::of);
            return Ok((rows, next));
        }
        limit = limit.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_and_nothing_else_is_one() {
        let place = Place { at: -7, ntf: "bad_a2".to_owned() };
        assert_eq!(Place::parse(&place.to_string()), Some(place));
        for wrong in ["", "7", "7.", "x.bad_a", "7.bad a", "7.<b>"] {
            assert_eq!(Place::parse(wrong), None, "{wrong}");
        }
    }
}
