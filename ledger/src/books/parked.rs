//! Dead letters that nobody has looked after.
//!
//! Which rows these are stands in the rows themselves, but no index leads there: one on the state would cost every message. So the
//! reader of the books keeps the ids of all that became one in `parked`, and whoever counts them forgets those that are none any more,
//! whichever way: put back, dropped, taken in, or delivered after all by a late receipt.

use crate::db::{Ledger, json};
use crate::dead::handled;
use crate::engine::{Tx, query, scalar};
use crate::error::LedgerError;
use crate::stretch::{CURSOR, Stretch};

/// Ids that are forgotten at once.
const FORGOTTEN: i64 = 5_000;

/// Keeps what became a dead letter by these records.
pub(super) async fn note(tx: &mut Tx, stretch: &Stretch) -> Result<(), LedgerError> {
    let note = query(format!(
        "-- books: parked\n{CURSOR} INSERT INTO parked (ntf) SELECT DISTINCT r.ntf FROM record r WHERE {{beyond}} \
         AND {{up_to:$3,$4}} AND (r.kind = 'event-refused' \
           OR (r.kind = 'ended' AND r.bytes LIKE '%\"state\":\"dead-lettered\"%')) ON CONFLICT (ntf) DO NOTHING",
    ));
    stretch.of(note).execute(tx).await?;
    Ok(())
}

impl Ledger {
    /// How many dead letters nobody has put back, taken in or dropped, as far as records are counted. For the one process that counts
    /// the books, after it has counted.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn dead_letters_unhandled(&self) -> Result<i64, LedgerError> {
        let left = format!(
            "EXISTS (SELECT 1 FROM notification n WHERE n.ntf = p.ntf AND n.state = 'dead-lettered') AND NOT {}",
            handled("p.ntf")
        );
        loop {
            let others: Vec<String> = scalar(format!(
                "-- books: no dead letters\nSELECT p.ntf FROM parked p WHERE NOT ({left}) LIMIT $1"
            ))
            .bind(FORGOTTEN)
            .fetch_all(self.db.read())
            .await?;
            if others.is_empty() {
                break;
            }
            // not what became one again since: that is kept by a record that is counted after this
            query(
                "-- books: forget\nDELETE FROM parked WHERE ntf IN (SELECT value FROM {list:$1})",
            )
            .bind(json(&others)?)
            .execute(self.db.write())
            .await?;
            if (others.len() as i64) < FORGOTTEN {
                break;
            }
        }
        let count = format!("-- books: dead letters\nSELECT count(*) FROM parked p WHERE {left}");
        scalar(count).fetch_one(self.db.read()).await
    }
}
