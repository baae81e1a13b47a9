//! What a person does with dead letters: put back, drop, take in what was refused; and the record of who looked at personal data.

use crate::db::Ledger;
use crate::engine::{Tx, scalar};
use crate::error::LedgerError;
use crate::protocol::{self, Command};
use crate::record::{Entry, NewRecord};
use crate::state::State;
use crate::write::{Locks, Writes, append, lock, storable};

/// Where a replayed row waits: a lane of nobody, which nothing closes. The worker that decides about it finds the lane that counts.
pub(crate) const LANE_OF_NOBODY: &str = "none";

/// Who does something, and why: both go into the record.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// User and machine.
    pub who: &'a str,
    /// In that person's words.
    pub why: &'a str,
}

impl Act<'_> {
    fn parts(&self) -> (String, String) {
        (storable(self.who).into_owned(), storable(self.why).into_owned())
    }
}

impl Ledger {
    /// Puts dead letters back (transition 16): they wait, due now, and every decision is made again. Returns those that were.
    ///
    /// Refused events (`bad_…`) are left out: they have no body that was ever valid. See [`Ledger::take_in`].
    ///
    /// # Errors
    /// When the database does not answer; nothing is put back then.
    pub async fn replay(&self, ntfs: &[String], act: Act<'_>) -> Result<Vec<String>, LedgerError> {
        let mut tx = self.db.begin().await?;
        let keys: Vec<&str> =
            ntfs.iter().map(String::as_str).filter(|ntf| !ntf.starts_with("bad_")).collect();
        let Locks { rows: locked, now } = lock(&mut tx, &keys).await?;
        let mut writes = Writes::default();
        let mut done = vec![];
        for ntf in ntfs {
            let Some(before) = locked.get(ntf).filter(|_| !done.contains(ntf)) else { continue };
            let Ok(change) = protocol::apply(Some(&before.row), &Command::Replay) else {
                continue;
            };
            let mut due = before.open(ntf, change.row.state, LANE_OF_NOBODY, now);
            due.releases = 0;
            due.number = None;
            writes.row(ntf, &change.row, "replayed", now, Some(due));
            let (who, why) = act.parts();
            let entry = Entry::Replayed { who, why };
            writes.records.push(NewRecord::of(&before.clinic, ntf, now, &entry)?);
            done.push(ntf.clone());
        }
        writes.flush(&mut tx).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Marks dead letters as looked after. They stay dead-lettered in the books. Returns those that were marked.
    ///
    /// # Errors
    /// When the database does not answer; nothing is marked then.
    pub async fn drop_dead_letters(
        &self,
        ntfs: &[String],
        act: Act<'_>,
    ) -> Result<Vec<String>, LedgerError> {
        self.mark(ntfs, |_| {
            let (who, why) = act.parts();
            Entry::Dropped { who, why }
        })
        .await
    }

    /// Marks a refused event as taken in as the notification `into`. `false`: it was marked before, or is no dead letter.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn mark_taken_in(
        &self,
        refused: &str,
        into: &str,
        act: Act<'_>,
    ) -> Result<bool, LedgerError> {
        let marked = self
            .mark(&[refused.to_owned()], |_| {
                let (who, why) = act.parts();
                Entry::TakenIn { into: into.to_owned(), who, why }
            })
            .await?;
        Ok(!marked.is_empty())
    }

    /// Writes a record on dead letters that nobody has looked after, under the lock of their rows.
    async fn mark(
        &self,
        ntfs: &[String],
        entry: impl Fn(&str) -> Entry,
    ) -> Result<Vec<String>, LedgerError> {
        let mut tx = self.db.begin().await?;
        let keys: Vec<&str> = ntfs.iter().map(String::as_str).collect();
        let Locks { rows: locked, now } = lock(&mut tx, &keys).await?;
        let mut records = vec![];
        let mut done: Vec<String> = vec![];
        for ntf in ntfs {
            let Some(before) = locked.get(ntf) else { continue };
            if before.row.state != State::DeadLettered
                || done.contains(ntf)
                || is_handled(&mut tx, ntf).await?
            {
                continue;
            }
            records.push(NewRecord::of(&before.clinic, ntf, now, &entry(ntf))?);
            done.push(ntf.clone());
        }
        append(&mut tx, &records).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Records that personal data of a notification is about to be shown to a person. Call it before showing anything.
    ///
    /// # Errors
    /// When the database does not answer: then nothing may be shown.
    pub async fn reveal(
        &self,
        clinic: &str,
        ntf: &str,
        act: Act<'_>,
        fields: &[&str],
    ) -> Result<(), LedgerError> {
        let (who, why) = act.parts();
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        let entry = Entry::Revealed { who, why, fields };
        self.note(&[(clinic.to_owned(), ntf.to_owned(), entry)]).await
    }
}

/// Whether somebody has looked after a dead letter since it became one.
async fn is_handled(tx: &mut Tx, ntf: &str) -> Result<bool, LedgerError> {
    let text = format!("SELECT {}", handled("$1"));
    scalar(text).bind(ntf).fetch_one(tx).await
}

/// The condition for it; `ntf` is a column or a parameter.
pub(crate) fn handled(ntf: &str) -> String {
    format!(
        "coalesce((SELECT h.kind IN ('dropped', 'taken-in') FROM record h WHERE h.ntf = {ntf} \
           AND h.kind IN ('event-refused', 'ended', 'replayed', 'dropped', 'taken-in') ORDER BY h.id DESC LIMIT 1), FALSE)"
    )
}
