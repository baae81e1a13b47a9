//! What a claim or a settlement stands on: rows that it inserted or locked, persons and appointments as they are now.

use crate::decision::{AppointmentBasis, NewNotification, Origin, PersonBasis};
use crate::engine::{Tx, columns, query, scalar};
use crate::error::LedgerError;
use crate::protocol::{self, Command};
use crate::record::{Entry, NewRecord};
use crate::revs::Revs;
use crate::settle::ending;
use crate::slots::Leave;
use crate::state::State;
use crate::write::{Locked, Writes, lock};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

pub(crate) struct Draft<'a> {
    pub origin: &'a Origin,
    pub person: &'a PersonBasis,
    pub appointment: Option<&'a AppointmentBasis>,
    /// What a row that is new becomes: it is inserted as that, and taken back if it is not to be.
    pub becomes: NewRow<'a>,
}

/// State, reason and last attempt of a row that is new.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewRow<'a> {
    pub state: State,
    pub why: &'a str,
    pub attempt: i64,
}

/// What a slice stands on: rows inserted by it or locked, persons and appointments as they are now.
pub(crate) struct Ground {
    inserted: HashSet<String>,
    forgotten: Vec<String>,
    lost: HashSet<String>,
    locked: HashMap<String, Locked>,
    revs: Revs,
    /// By the database's clock, once everything was locked.
    pub now: i64,
    news: HashMap<String, Locked>,
}

impl Ground {
    pub async fn prepare<'a>(
        tx: &mut Tx,
        drafts: &[Draft<'a>],
        older: impl Iterator<Item = &'a str>,
    ) -> Result<Self, LedgerError> {
        let mut news: Vec<(&NewNotification, NewRow<'_>)> = drafts
            .iter()
            .filter_map(|d| match d.origin {
                Origin::New(new) => Some((&**new, d.becomes)),
                Origin::Released { .. } => None,
            })
            .collect();
        news.sort_unstable_by(|(a, _), (b, _)| a.ntf.cmp(&b.ntf));
        let inserted = insert_notifications(tx, &news).await?;
        let unknown: Vec<&PersonBasis> =
            drafts.iter().map(|d| d.person).filter(|p| p.rev == 0).collect();
        insert_persons(tx, unknown).await?;
        let mut ntfs: Vec<&str> = drafts
            .iter()
            .filter_map(|d| {
                if let Origin::Released { ntf, .. } = d.origin { Some(ntf.as_str()) } else { None }
            })
            .collect();
        ntfs.extend(older);
        let locked = if ntfs.is_empty() { HashMap::new() } else { lock(tx, &ntfs).await?.rows };
        let asks = drafts
            .iter()
            .map(|d| (d.person.lookup.as_str(), d.appointment.map(|a| a.key.as_str())));
        let revs = Revs::read(tx, asks).await?;
        Ok(Self {
            inserted,
            forgotten: vec![],
            lost: HashSet::new(),
            locked,
            now: revs.now(),
            revs,
            news: news.into_iter().map(|(new, _)| (new.ntf.clone(), locked_new(new))).collect(),
        })
    }

    /// The row that the protocol is asked about: none for a new one that we could insert.
    pub fn row(&self, origin: &Origin) -> Option<&protocol::Row> {
        match origin {
            Origin::New(new) if self.inserted.contains(&new.ntf) => None,
            // somebody else's row for the same event: any row makes a first copy stop
            Origin::New(_) => Some(&SOMEBODY_ELSES),
            Origin::Released { ntf, .. } => self.locked.get(ntf).map(|locked| &locked.row),
        }
    }

    pub fn person_is_another(&self, origin: &Origin, person: &PersonBasis) -> bool {
        // a released row has had its person from the start; only a new row's body was sealed for one just made
        matches!(origin, Origin::New(_))
            && self.revs.person(&person.lookup) != Some(person.id.as_str())
    }

    pub fn why_not(
        &self,
        origin: &Origin,
        person: &PersonBasis,
        appointment: Option<&AppointmentBasis>,
    ) -> Option<&'static str> {
        if self.person_is_another(origin, person) {
            return Some("another key was made for this person");
        }
        let seen = person.rev.max(1);
        if self.revs.person_rev(&person.lookup) != Some(seen) {
            return Some("the person's revision rose");
        }
        let appointment = appointment?;
        let rev = self.revs.appointment(&appointment.key);
        (rev != appointment.rev).then_some("the appointment's revision rose")
    }

    pub fn can_cancel(&self, ntf: &str) -> bool {
        let row = self.locked.get(ntf).map(|locked| &locked.row);
        protocol::apply(row, &Command::Cancel).is_ok()
    }

    pub fn supersede(
        &self,
        writes: &mut Writes,
        old: &str,
        by: &str,
        now: i64,
    ) -> Result<Leave, LedgerError> {
        let Some(locked) = self.locked.get(old) else { return Ok(Leave::All) };
        let Ok(change) = protocol::apply(Some(&locked.row), &Command::Cancel) else {
            return Ok(Leave::All);
        };
        let why = format!("superseded by {by}");
        let (state, why) = ending(State::Cancelled, change.row.state, &why);
        writes.row(old, &change.row, &why, now, None);
        let entry = Entry::Ended { state, why, consent: None };
        writes.records.push(NewRecord::of(&locked.clinic, old, now, &entry)?);
        Ok(Leave::ending(state, now, locked.gap_ms))
    }

    /// Of what lost nothing is to stay: its row was inserted only to learn whether it is new, its appointment does not move.
    pub fn forget(&mut self, origin: &Origin) {
        self.lost.insert(origin.ntf().to_owned());
        if let Origin::New(new) = origin
            && self.inserted.contains(&new.ntf)
        {
            self.forgotten.push(new.ntf.clone());
        }
    }

    pub async fn drop_forgotten(&mut self, tx: &mut Tx) -> Result<(), LedgerError> {
        if self.forgotten.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = self.forgotten.iter().map(|key| crate::db::Key { key }).collect();
        query("-- drop forgotten\nDELETE FROM notification WHERE ntf IN (SELECT key FROM {rows:key text})")
            .bind(columns(&keys)?)
            .execute(tx)
            .await?;
        Ok(())
    }

    /// Whether it is a new row that stands as what it becomes.
    pub fn is_inserted(&self, origin: &Origin) -> bool {
        matches!(origin, Origin::New(new) if self.inserted.contains(&new.ntf))
    }

    /// The row with the number that its due time carries from now on.
    pub fn after(&self, origin: &Origin, number: Option<&str>) -> Locked {
        let known = match origin {
            Origin::New(new) => self.news.get(&new.ntf),
            Origin::Released { ntf, .. } => self.locked.get(ntf),
        };
        let mut locked = known.cloned().unwrap_or_else(Locked::empty);
        locked.number = number.map(str::to_owned).or(locked.number);
        locked.releases = 0;
        locked
    }

    pub async fn move_appointments(
        &self,
        tx: &mut Tx,
        drafts: &[Draft<'_>],
    ) -> Result<(), LedgerError> {
        #[derive(Serialize)]
        struct Move<'a> {
            key: &'a str,
            clinic: &'a str,
            version: i64,
            kind: &'a str,
            starts_at: i64,
            cancelled: i64,
        }
        let moves: Vec<Move<'_>> = drafts
            .iter()
            .filter(|d| !self.lost.contains(d.origin.ntf()))
            .filter_map(|d| {
                let a = d.appointment?;
                let to = a.becomes.as_ref()?;
                Some(Move {
                    key: &a.key,
                    clinic: &a.clinic,
                    version: to.version,
                    kind: &to.kind,
                    starts_at: to.starts_at,
                    cancelled: i64::from(to.cancelled),
                })
            })
            .collect();
        if moves.is_empty() {
            return Ok(());
        }
        query(
            "-- move appointments\nINSERT INTO appointment (key, clinic, rev, version, version_kind, starts_at, cancelled, from_fact) \
             SELECT key, clinic, 1, version, kind, starts_at, cancelled, 0 \
             FROM {rows:key text, clinic text, version bigint, kind text, starts_at bigint, cancelled bigint} WHERE TRUE ORDER BY key \
             ON CONFLICT (key) DO UPDATE SET version = excluded.version, starts_at = excluded.starts_at, cancelled = excluded.cancelled, \
               rev = appointment.rev + CASE WHEN appointment.starts_at <> excluded.starts_at \
                 OR appointment.cancelled <> excluded.cancelled THEN 1 ELSE 0 END \
             WHERE appointment.from_fact = 0 AND appointment.version_kind = excluded.version_kind \
               AND appointment.version < excluded.version",
        )
        .bind(columns(&moves)?)
        .execute(tx)
        .await?;
        Ok(())
    }
}

static SOMEBODY_ELSES: protocol::Row =
    protocol::Row { state: State::Sending, fence: 0, attempts: vec![] };

fn locked_new(new: &NewNotification) -> Locked {
    Locked {
        row: protocol::Row { state: State::Waiting, fence: 0, attempts: vec![] },
        clinic: new.clinic.clone(),
        thing: Some(new.thing.clone()),
        gap: new.gap.clone(),
        gap_ms: new.gap_ms,
        class: new.class,
        expires_at: new.expires_at,
        ..Locked::empty()
    }
}

async fn insert_notifications(
    tx: &mut Tx,
    news: &[(&NewNotification, NewRow<'_>)],
) -> Result<HashSet<String>, LedgerError> {
    #[derive(Serialize)]
    struct Insert<'a> {
        #[serde(flatten)]
        new: &'a NewNotification,
        state: &'static str,
        why: &'a str,
        attempt: i64,
    }
    if news.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<Insert<'_>> = news
        .iter()
        .map(|(new, row)| Insert {
            new,
            state: row.state.as_str(),
            why: row.why,
            attempt: row.attempt,
        })
        .collect();
    let inserted: Vec<String> = scalar(
        "-- insert notifications\nINSERT INTO notification (ntf, clinic, type, source, event_id, subject, digest, person, appointment, version, \
           version_kind, thing, gap, gap_ms, class, on_unknown, expires_at, created_at, state, why, fence, attempt, changed_at) \
         SELECT ntf, clinic, type, source, event_id, subject, digest, person, appointment, version, version_kind, thing, gap, gap_ms, \
           class, on_unknown, expires_at, {now}, state, why, 0, attempt, {now} \
         FROM {rows:ntf text, clinic text, type text, source text, event_id text, subject text, digest text, person text, \
           appointment text, version bigint, version_kind text, thing text, gap text, gap_ms bigint, class bigint, on_unknown text, \
           expires_at bigint, state text, why text, attempt bigint} WHERE TRUE ON CONFLICT (ntf) DO NOTHING RETURNING ntf",
    )
    .bind(columns(&rows)?)
    .fetch_all(tx)
    .await?;
    Ok(inserted.into_iter().collect())
}

pub(crate) async fn insert_persons(
    tx: &mut Tx,
    mut persons: Vec<&PersonBasis>,
) -> Result<(), LedgerError> {
    if persons.is_empty() {
        return Ok(());
    }
    persons.sort_unstable_by(|a, b| a.lookup.cmp(&b.lookup));
    query(
        "-- insert persons\nINSERT INTO person (id, clinic, lookup, wrapped, master, rev, created_at) \
         SELECT id, clinic, lookup, wrapped, master, 1, {now} FROM {rows:id text, clinic text, lookup text, wrapped text, master text} \
         WHERE TRUE ON CONFLICT (lookup) DO NOTHING",
    )
    .bind(columns(&persons)?)
    .execute(tx)
    .await?;
    Ok(())
}

impl Locked {
    fn empty() -> Self {
        Self {
            row: protocol::Row { state: State::Waiting, fence: 0, attempts: vec![] },
            clinic: String::new(),
            thing: None,
            gap: None,
            gap_ms: 0,
            class: 0,
            expires_at: i64::MAX,
            of_a_visit: false,
            lane: String::new(),
            due_at: 0,
            releases: 0,
            number: None,
        }
    }
}
