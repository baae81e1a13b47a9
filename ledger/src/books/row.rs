//! One notification: whether its row, its due time and its attempts are what its records say.

use crate::db::{Ledger, json};
use crate::engine::{Tx, query, query_as};
use crate::error::LedgerError;
use crate::record::Entry;
use crate::state::{AttemptState, Reach, State, named};
use crate::write::parse_attempt;
use std::collections::BTreeMap;

named! {
    /// What may be wrong with a notification.
    What {
        /// There are records of it and no row.
        RowMissing = "row-missing",
        /// There is a row and no record of it.
        RecordsMissing = "records-missing",
        /// A record of it cannot be read.
        RecordUnreadable = "record-unreadable",
        /// Its state, or that of an attempt, is not what its records say.
        Differs = "differs-from-records",
        /// It is not final and has no due time: nothing would ever move it.
        DueTimeMissing = "due-time-missing",
        /// It is final and has a due time.
        DueTimeOfFinal = "due-time-of-final",
        /// It has a due time, and neither row nor records.
        DueTimeOfNobody = "due-time-of-nobody",
        /// Its due time is of another state.
        DueTimeDiffers = "due-time-differs",
        /// An attempt is open although nobody is sending, or a newer one was made.
        AttemptOpen = "attempt-open",
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Notification.
    pub ntf: String,
    /// Clinic.
    pub clinic: String,
    /// When it was received, milliseconds since 1970 UTC.
    pub at: i64,
    /// What is wrong with it.
    pub what: What,
}

/// All that is known of a notification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Clinic, by its row or else its first record.
    pub clinic: String,
    /// When it was received, likewise.
    pub at: i64,
    /// State of its row; `None`: there is none.
    pub state: Option<State>,
    /// State that its due time is of; `None`: it has none.
    pub due: Option<State>,
    /// Its attempts, oldest first, with what is known of their way to the person.
    pub attempts: Vec<(AttemptState, Reach)>,
    /// Its records, oldest first; one that cannot be read is `None`.
    pub records: Vec<Option<Entry>>,
}

/// A notification as its records tell it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Its state; `None`: no record gives it one.
    pub state: Option<State>,
    /// Its attempts, oldest first, with what is known of their way to the person.
    pub attempts: Vec<(AttemptState, Reach)>,
}

/// The state and the attempts of a notification out of its records alone, oldest first.
pub fn rebuild<'a>(records: impl IntoIterator<Item = &'a Entry>) -> Rebuilt {
    let mut built = Rebuilt::default();
    for entry in records {
        built.take(entry);
    }
    built
}

impl Rebuilt {
    fn attempt(&mut self, n: u32) -> Option<&mut (AttemptState, Reach)> {
        self.attempts.get_mut((n as usize).checked_sub(1)?)
    }

    fn end(&mut self, n: u32, to: AttemptState) {
        if let Some((state, _)) = self.attempt(n) {
            *state = to;
        }
    }

    fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::EventRefused { .. } => self.state = Some(State::DeadLettered),
            Entry::Waiting { .. } | Entry::Replayed { .. } => self.state = Some(State::Waiting),
            Entry::Released { .. } => self.state = Some(State::Released),
            Entry::Claimed { .. } => {
                self.attempts.push((AttemptState::Open, Reach::Unheard));
                self.state = Some(State::Sending);
            }
            Entry::Outcome { attempt: n, outcome, then, .. } => {
                if let Some(to) = AttemptState::parse(outcome) {
                    self.end(*n, to);
                }
                self.state = Some(*then);
            }
            Entry::Receipt { attempt: n, reach, then, .. } => {
                // whoever says what became of it had it
                if let Some(attempt) = self.attempt(*n) {
                    *attempt = (AttemptState::Accepted, *reach);
                }
                self.state = Some(*then);
            }
            Entry::Overdue { attempt: n } => {
                if let Some((_, reach)) = self.attempt(*n) {
                    *reach = Reach::Overdue;
                }
            }
            Entry::LeaseRanOut { attempt: n, then } => {
                // one that had failed before its worker died stays failed
                if self.attempt(*n).is_some_and(|(state, _)| *state == AttemptState::Open) {
                    self.end(*n, AttemptState::Unknown);
                }
                self.state = Some(*then);
            }
            Entry::NotFound { attempt: n, resend, absent, then, .. } => {
                if *absent {
                    self.end(*n, AttemptState::Absent);
                }
                let usual = if *resend { State::Waiting } else { State::Unresolved };
                self.state = Some(then.unwrap_or(usual));
            }
            Entry::Ended { state, .. } => self.state = Some(*state),
            _ => {}
        }
    }
}

/// What is wrong with a notification; mostly nothing.
pub fn faults(seen: &Seen) -> Vec<What> {
    let Some(state) = seen.state else {
        return match (seen.records.is_empty(), seen.due) {
            (false, _) => vec![What::RowMissing],
            (true, Some(_)) => vec![What::DueTimeOfNobody],
            (true, None) => vec![],
        };
    };
    let mut wrong = vec![];
    match (seen.due, state.is_final()) {
        (None, false) => wrong.push(What::DueTimeMissing),
        // the next channel is tried some day
        (Some(State::Accepted), true) if state == State::Accepted => {}
        (Some(_), true) => wrong.push(What::DueTimeOfFinal),
        (Some(due), false) if due != state => wrong.push(What::DueTimeDiffers),
        _ => {}
    }
    let last = seen.attempts.len();
    let is_stray = |(n, (a, _)): (usize, &(AttemptState, Reach))| {
        *a == AttemptState::Open && (n != last || state != State::Sending)
    };
    if (1..).zip(&seen.attempts).any(is_stray) {
        wrong.push(What::AttemptOpen);
    }
    if seen.records.is_empty() {
        wrong.push(What::RecordsMissing);
        return wrong;
    }
    let Some(records) = seen.records.iter().map(Option::as_ref).collect::<Option<Vec<_>>>() else {
        wrong.push(What::RecordUnreadable);
        return wrong;
    };
    let built = rebuild(records);
    if built.state != Some(state) || built.attempts != seen.attempts {
        wrong.push(What::Differs);
    }
    wrong
}

impl Ledger {
    /// What is wrong with these notifications, all looked at in one snapshot. One that nobody knows is not wrong.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn faults(&self, ntfs: &[String]) -> Result<Vec<Fault>, LedgerError> {
        if ntfs.is_empty() {
            return Ok(vec![]);
        }
        let keys = json(ntfs)?;
        let mut tx = self.db.begin_snapshot().await?;
        let seen = look(&mut tx, &keys).await?;
        tx.rollback().await?;
        let fault = |(ntf, seen): (&String, &Seen), what| Fault {
            ntf: ntf.clone(),
            clinic: seen.clinic.clone(),
            at: seen.at,
            what,
        };
        Ok(seen
            .iter()
            .flat_map(|(ntf, seen)| {
                faults(seen).into_iter().map(move |what| fault((ntf, seen), what))
            })
            .collect())
    }
}

async fn look(tx: &mut Tx, keys: &str) -> Result<BTreeMap<String, Seen>, LedgerError> {
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    let records = query(
        "-- books: records\nSELECT ntf, clinic, at, bytes FROM record WHERE ntf IN (SELECT value FROM {list:$1}) ORDER BY ntf, id",
    )
    .bind(keys)
    .fetch_all(&mut *tx)
    .await?;
    for row in &records {
        let of = seen.entry(row.try_get("ntf")?).or_default();
        if of.records.is_empty() {
            (of.clinic, of.at) = (row.try_get("clinic")?, row.try_get("at")?);
        }
        of.records.push(Entry::parse(&row.try_get::<String, _>("bytes")?).ok());
    }
    let rows = query(
        "-- books: row\nSELECT n.ntf, n.clinic, n.created_at, n.state, o.state AS due FROM notification n LEFT JOIN open o ON o.ntf = n.ntf \
         WHERE n.ntf IN (SELECT value FROM {list:$1})",
    )
    .bind(keys)
    .fetch_all(&mut *tx)
    .await?;
    for row in &rows {
        let of = seen.entry(row.try_get("ntf")?).or_default();
        (of.clinic, of.at) = (row.try_get("clinic")?, row.try_get("created_at")?);
        of.state = Some(crate::look::parse_state(&row.try_get::<String, _>("state")?)?);
        let due: Option<String> = row.try_get("due")?;
        of.due = due.as_deref().map(crate::look::parse_state).transpose()?;
    }
    let lost: Vec<(String, String, String)> = query_as(
        "-- books: due times\nSELECT o.ntf, o.clinic, o.state FROM open o LEFT JOIN notification n ON n.ntf = o.ntf \
         WHERE n.ntf IS NULL AND o.ntf IN (SELECT value FROM {list:$1})",
    )
    .bind(keys)
    .fetch_all(&mut *tx)
    .await?;
    for (ntf, clinic, due) in lost {
        let of = seen.entry(ntf).or_default();
        of.clinic = clinic;
        of.due = Some(crate::look::parse_state(&due)?);
    }
    let attempts: Vec<(String, String)> = query_as(
        "-- books: attempts\nSELECT ntf, state || ':' || reach FROM attempt WHERE ntf IN (SELECT value FROM {list:$1}) ORDER BY ntf, n",
    )
    .bind(keys)
    .fetch_all(tx)
    .await?;
    for (ntf, state) in attempts {
        seen.entry(ntf).or_default().attempts.push(parse_attempt(&state)?);
    }
    // records that are about no notification, such as a replayed fact's, have neither row nor state
    seen.retain(|ntf, of| of.state.is_some() || ntf.starts_with("ntf_") || ntf.starts_with("bad_"));
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted() -> Seen {
        let outcome = Entry::Outcome {
            attempt: 1,
            outcome: "accepted".to_owned(),
            code: "netgsm:00".to_owned(),
            detail: String::new(),
            provider_ref: None,
            late: false,
            then: State::Accepted,
        };
        let claimed = r#"{"kind":"claimed","attempt":1,"channel":"sms","lane":"l","template":"t","template_version":"v","encoding":"gsm7","segments":1,"text":"","consent":{"rule":"none","rule_from":"type"},"starts_at":0,"stops_at":0}"#;
        let claimed = Entry::parse(claimed).unwrap();
        Seen {
            clinic: "c".to_owned(),
            at: 0,
            state: Some(State::Accepted),
            due: None,
            attempts: vec![(AttemptState::Accepted, Reach::Unheard)],
            records: vec![Some(claimed), Some(outcome)],
        }
    }

    #[test]
    fn a_sound_one_has_no_fault() {
        assert_eq!(faults(&accepted()), []);
        assert_eq!(faults(&Seen::default()), [], "nobody knows it");
        let astray = Seen { due: Some(State::Waiting), ..Seen::default() };
        assert_eq!(faults(&astray), [What::DueTimeOfNobody]);
    }

    #[test]
    fn whatever_is_broken_is_named() {
        let sound = accepted();
        let one = |seen: Seen| match faults(&seen).as_slice() {
            [what] => *what,
            other => panic!("{other:?}"),
        };
        assert_eq!(one(Seen { state: None, ..sound.clone() }), What::RowMissing);
        assert_eq!(one(Seen { records: vec![], ..sound.clone() }), What::RecordsMissing);
        assert_eq!(one(Seen { state: Some(State::Delivered), ..sound.clone() }), What::Differs);
        assert_eq!(one(Seen { attempts: vec![], ..sound.clone() }), What::Differs);
        assert_eq!(one(Seen { due: Some(State::Waiting), ..sound.clone() }), What::DueTimeOfFinal);
        let mut sending = sound.clone();
        sending.records.pop();
        sending.state = Some(State::Sending);
        sending.attempts = vec![(AttemptState::Open, Reach::Unheard)];
        assert_eq!(one(sending.clone()), What::DueTimeMissing);
        assert_eq!(
            one(Seen { due: Some(State::Unknown), ..sending.clone() }),
            What::DueTimeDiffers
        );
        sending.due = Some(State::Sending);
        assert_eq!(faults(&sending), []);
        sending.state = Some(State::Waiting);
        sending.due = Some(State::Waiting);
        assert_eq!(faults(&sending), [What::AttemptOpen, What::Differs]);
        let mut unreadable = sound;
        unreadable.records.push(None);
        assert_eq!(one(unreadable), What::RecordUnreadable);
    }
}
