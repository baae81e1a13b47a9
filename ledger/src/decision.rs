//! What a decision writes: a claim (transition 6), or a row that waits or ends without a send (transitions 1 and 5).

use crate::db::{Ledger, json, sql};
use crate::error::LedgerError;
use crate::protocol::{self, Command, Copy};
use crate::record::{Entry, NewRecord};
use crate::revs::Revs;
use crate::slice;
use crate::slots::{self, Leave, SlotNeed, Wanted};
use crate::state::State;
use crate::write::{Locked, Writes, lock, now};
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};

/// How long after the request deadline a lease ends, in milliseconds (PROTOCOL §1 `sending`).
pub const LEASE_AFTER_DEADLINE_MS: i64 = 30_000;

/// A notification that has no row yet.
#[derive(Debug, Clone, Serialize)]
pub struct NewNotification {
    /// Identity.
    pub ntf: String,
    /// Clinic.
    pub clinic: String,
    /// CloudEvents type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// CloudEvents source.
    pub source: String,
    /// CloudEvents id.
    pub event_id: String,
    /// CloudEvents subject.
    pub subject: Option<String>,
    /// Hex digest of the event.
    pub digest: String,
    /// Person.
    pub person: String,
    /// Keyed hash of the appointment.
    pub appointment: Option<String>,
    /// Version of the appointment that the event carries.
    pub version: Option<i64>,
    /// `explicit` or `event-time`.
    pub version_kind: Option<String>,
    /// Keyed hash of the same thing.
    pub thing: String,
    /// Keyed hash of the gap.
    pub gap: Option<String>,
    /// How long the gap is held after a send, milliseconds.
    pub gap_ms: i64,
    /// Release order: smaller first.
    pub class: i64,
    /// `resend` or `stop`.
    pub on_unknown: String,
    /// When it is of no use any more, milliseconds since 1970 UTC.
    pub expires_at: i64,
}

/// What the worker holds.
#[derive(Debug, Clone)]
pub enum Origin {
    /// The clinic's own copy of an event that has no row.
    New(Box<NewNotification>),
    /// A released copy.
    Released {
        /// Notification.
        ntf: String,
        /// Its release number.
        fence: u64,
    },
}

impl Origin {
    /// The notification.
    pub fn ntf(&self) -> &str {
        match self {
            Self::New(new) => &new.ntf,
            Self::Released { ntf, .. } => ntf,
        }
    }

    fn copy(&self) -> Copy {
        match self {
            Self::New(_) => Copy::First,
            Self::Released { fence, .. } => Copy::Numbered(*fence),
        }
    }
}

/// The person that the decision saw.
#[derive(Debug, Clone, Serialize)]
pub struct PersonBasis {
    /// Identifier.
    pub id: String,
    /// Clinic.
    pub clinic: String,
    /// Keyed hash of clinic and number.
    pub lookup: String,
    /// Wrapped data key.
    pub wrapped: String,
    /// Name of the master key that wraps it.
    pub master: String,
    /// Revision as seen; 0: not known before, to be inserted.
    pub rev: i64,
}

/// The appointment that the decision saw.
#[derive(Debug, Clone, Serialize)]
pub struct AppointmentBasis {
    /// Keyed hash.
    pub key: String,
    /// Clinic.
    pub clinic: String,
    /// Revision as seen; 0: not known before.
    pub rev: i64,
    /// What a direct notification makes of it (PROTOCOL rule 12); `None`: it stays.
    pub becomes: Option<AppointmentVersion>,
}

impl AppointmentBasis {
    /// The revision once this basis is written.
    pub fn rev_after(&self) -> i64 {
        match &self.becomes {
            Some(_) if self.rev == 0 => 1,
            Some(version) => self.rev + i64::from(version.moved),
            None => self.rev,
        }
    }
}

/// A version of an appointment.
#[derive(Debug, Clone, Serialize)]
pub struct AppointmentVersion {
    /// The number.
    pub version: i64,
    /// `explicit` or `event-time`.
    pub kind: String,
    /// Start, milliseconds since 1970 UTC.
    pub starts_at: i64,
    /// The start differs from the known one: the revision rises.
    pub moved: bool,
}

/// The claim: the one write that must precede a request.
#[derive(Debug, Clone)]
pub struct Claim {
    /// What the worker holds.
    pub origin: Origin,
    /// The person as seen.
    pub person: PersonBasis,
    /// The appointment as seen.
    pub appointment: Option<AppointmentBasis>,
    /// The instant at which the decision would change by itself, milliseconds since 1970 UTC.
    pub until: i64,
    /// Number that the attempt must get; the records name it.
    pub n: u32,
    /// Channel.
    pub channel: String,
    /// Provider, account and sender.
    pub lane: String,
    /// Keyed hash of (account, number).
    pub number: String,
    /// Random token by which the worker finds its claim again after an error in doubt.
    pub token: String,
    /// Billed segments.
    pub segments: u32,
    /// Longest time from this claim to the end of the request, milliseconds.
    pub deadline_ms: i64,
    /// Slots.
    pub needs: Vec<SlotNeed>,
    /// A waiting notification of the same thing that gives way to this one.
    pub supersedes: Option<String>,
    /// Entries for the log: `Received` if new, then `Claimed`.
    pub entries: Vec<Entry>,
}

/// Answer to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// The attempt is ours.
    Won,
    /// Nothing was written: look again. Says what stood in the way.
    LookAgain(&'static str),
}

/// A decision other than Send.
#[derive(Debug, Clone)]
pub struct Settle {
    /// What the worker holds.
    pub origin: Origin,
    /// The person, inserted with a new row.
    pub person: PersonBasis,
    /// The appointment, moved with a new row.
    pub appointment: Option<AppointmentBasis>,
    /// Where it goes.
    pub to: State,
    /// Why, in bounded words.
    pub why: String,
    /// Due time and lane of a row that waits.
    pub due: Option<(i64, String)>,
    /// Keyed hash of (account, number), for rows that wait for a number.
    pub number: Option<String>,
    /// Entries for the log.
    pub entries: Vec<Entry>,
}

struct Draft<'a> {
    origin: &'a Origin,
    person: &'a PersonBasis,
    appointment: Option<&'a AppointmentBasis>,
}

impl Ledger {
    /// Claims. Every claim gets an answer of its own; the slice is one transaction where its members do not share a slot.
    pub async fn claim(&self, claims: &[Claim]) -> Vec<Result<Claimed, LedgerError>> {
        let mut answers: Vec<Option<Result<Claimed, LedgerError>>> =
            claims.iter().map(|_| None).collect();
        let keys = |c: &Claim| -> Vec<String> {
            let mut keys: Vec<_> = c.needs.iter().map(|need| need.key.clone()).collect();
            keys.push(c.origin.ntf().to_owned());
            keys.extend(c.supersedes.clone());
            keys.extend(c.appointment.as_ref().map(|a| a.key.clone()));
            keys.push(c.person.lookup.clone());
            keys
        };
        let with_keys: Vec<Vec<String>> = claims.iter().map(keys).collect();
        for round in slice::rounds(&with_keys, |keys| keys.iter().map(String::as_str).collect()) {
            let slice: Vec<&Claim> = round.iter().map(|i| &claims[*i]).collect();
            let done = slice::each(slice.len(), |range| self.claim_slice(&slice[range])).await;
            for (i, answer) in round.into_iter().zip(done) {
                answers[i] = Some(answer);
            }
        }
        answers.into_iter().map(|a| a.unwrap_or(Ok(Claimed::LookAgain("not tried")))).collect()
    }

    /// Whether a claim whose reply was lost was written (PROTOCOL rule 7): its attempt, if it is still open.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_claim(&self, ntf: &str, token: &str) -> Result<Option<u32>, LedgerError> {
        let n: Option<i64> =
            sqlx::query_scalar("SELECT n FROM attempt WHERE ntf = $1 AND token = $2")
                .bind(ntf)
                .bind(token)
                .fetch_optional(&self.pool)
                .await?;
        Ok(n.map(|n| n as u32))
    }

    async fn claim_slice(&self, claims: &[&Claim]) -> Result<Vec<Claimed>, LedgerError> {
        let mut tx = self.pool.begin().await?;
        let drafts: Vec<Draft<'_>> = claims
            .iter()
            .map(|c| Draft {
                origin: &c.origin,
                person: &c.person,
                appointment: c.appointment.as_ref(),
            })
            .collect();
        let older = claims.iter().filter_map(|c| c.supersedes.as_deref());
        let mut ground = Ground::prepare(&mut tx, &drafts, older).await?;
        let now = now(&mut tx).await?;
        let mut answers: Vec<Claimed> = Vec::with_capacity(claims.len());
        let mut changes: Vec<Option<protocol::Change>> = Vec::with_capacity(claims.len());
        for claim in claims {
            let command =
                Command::Claim { copy: claim.origin.copy(), channel: claim.channel.clone() };
            let (answer, change) =
                match ground.why_not(&claim.origin, &claim.person, claim.appointment.as_ref()) {
                    Some(why) => (Claimed::LookAgain(why), None),
                    None if now >= claim.until => (Claimed::LookAgain("decision ran out"), None),
                    None => match protocol::apply(ground.row(&claim.origin), &command) {
                        Ok(change) if change.attempt == Some(claim.n) => {
                            (Claimed::Won, Some(change))
                        }
                        Ok(_) => (Claimed::LookAgain("another attempt number"), None),
                        Err(_) => (Claimed::LookAgain("the row moved on"), None),
                    },
                };
            let gives_way = claim.supersedes.as_ref().is_none_or(|old| ground.can_cancel(old));
            if gives_way {
                answers.push(answer);
                changes.push(change);
            } else {
                answers.push(Claimed::LookAgain("the older one moved on"));
                changes.push(None);
            }
        }
        let wanted: Vec<Wanted<'_>> = claims
            .iter()
            .zip(&changes)
            .filter(|(_, change)| change.is_some())
            .map(|(c, _)| Wanted {
                holder: c.origin.ntf(),
                needs: &c.needs,
                supersedes: c.supersedes.as_deref(),
            })
            .collect();
        let refused = slots::take(&mut tx, &wanted, now).await?;
        let mut writes = Writes::default();
        let mut attempts = vec![];
        let mut left = vec![];
        for ((claim, answer), change) in claims.iter().zip(&mut answers).zip(changes) {
            let ntf = claim.origin.ntf();
            let Some(change) = change else {
                ground.forget(&claim.origin);
                continue;
            };
            if refused.contains(ntf) {
                *answer = Claimed::LookAgain("a slot is taken");
                ground.forget(&claim.origin);
                continue;
            }
            let locked = ground.after(&claim.origin, Some(&claim.number));
            let deadline = now.saturating_add(claim.deadline_ms);
            let lease = deadline.saturating_add(LEASE_AFTER_DEADLINE_MS);
            let open = locked.open(ntf, State::Sending, &claim.lane, lease);
            writes.row(ntf, &change.row, "", now, Some(open));
            attempts.push(AttemptWrite::of(claim, now, deadline));
            for entry in &claim.entries {
                writes.records.push(NewRecord::of(&locked.clinic, ntf, now, entry)?);
            }
            if let Some(old) = &claim.supersedes {
                ground.supersede(&mut writes, old, ntf, now)?;
                left.push((old.clone(), Leave::All));
            }
        }
        ground.drop_forgotten(&mut tx).await?;
        insert_attempts(&mut tx, &attempts).await?;
        slots::leave(&mut tx, &left, now).await?;
        ground.move_appointments(&mut tx, &drafts).await?;
        writes.flush(&mut tx).await?;
        tx.commit().await?;
        Ok(answers)
    }

    /// Writes decisions other than Send. `false`: the row had moved on, nothing was written.
    pub async fn settle(&self, settles: &[Settle]) -> Vec<Result<bool, LedgerError>> {
        let mut answers: Vec<Option<Result<bool, LedgerError>>> =
            settles.iter().map(|_| None).collect();
        let keys: Vec<Vec<&str>> = settles
            .iter()
            .map(|s| {
                let mut keys = vec![s.origin.ntf(), s.person.lookup.as_str()];
                keys.extend(s.appointment.as_ref().map(|a| a.key.as_str()));
                keys
            })
            .collect();
        for round in slice::rounds(&keys, Clone::clone) {
            let slice: Vec<&Settle> = round.iter().map(|i| &settles[*i]).collect();
            let done = slice::each(slice.len(), |range| self.settle_slice(&slice[range])).await;
            for (i, answer) in round.into_iter().zip(done) {
                answers[i] = Some(answer);
            }
        }
        answers.into_iter().map(|a| a.unwrap_or(Ok(false))).collect()
    }

    async fn settle_slice(&self, settles: &[&Settle]) -> Result<Vec<bool>, LedgerError> {
        let mut tx = self.pool.begin().await?;
        let drafts: Vec<Draft<'_>> = settles
            .iter()
            .map(|s| Draft {
                origin: &s.origin,
                person: &s.person,
                appointment: s.appointment.as_ref(),
            })
            .collect();
        let mut ground = Ground::prepare(&mut tx, &drafts, std::iter::empty()).await?;
        let now = now(&mut tx).await?;
        let mut writes = Writes::default();
        let mut left = vec![];
        let mut answers = vec![];
        for settle in settles {
            let ntf = settle.origin.ntf();
            if settle.due.is_some() != (settle.to == State::Waiting) {
                // a row that waits without a due time would wait for ever
                return Err(LedgerError::Corrupt(format!(
                    "{ntf} is to be {} {} a due time",
                    settle.to,
                    if settle.due.is_some() { "with" } else { "without" }
                )));
            }
            let command = Command::Settle { copy: settle.origin.copy(), to: settle.to };
            let lost_person = ground.person_is_another(&settle.origin, &settle.person);
            let change = match protocol::apply(ground.row(&settle.origin), &command) {
                Ok(change) if !lost_person => change,
                _ => {
                    ground.forget(&settle.origin);
                    answers.push(false);
                    continue;
                }
            };
            let locked = ground.after(&settle.origin, settle.number.as_deref());
            let due = settle.due.as_ref().map(|(at, lane)| {
                locked.open(ntf, settle.to, lane, (*at).min(locked.expires_at).max(now))
            });
            writes.row(ntf, &change.row, &settle.why, now, due);
            for entry in &settle.entries {
                writes.records.push(NewRecord::of(&locked.clinic, ntf, now, entry)?);
            }
            if settle.to.is_final() {
                left.push((ntf.to_owned(), Leave::All));
            }
            answers.push(true);
        }
        ground.drop_forgotten(&mut tx).await?;
        slots::leave(&mut tx, &left, now).await?;
        ground.move_appointments(&mut tx, &drafts).await?;
        writes.flush(&mut tx).await?;
        tx.commit().await?;
        Ok(answers)
    }
}

/// What a slice stands on: rows inserted by it or locked, persons and appointments as they are now.
struct Ground {
    inserted: HashSet<String>,
    forgotten: Vec<String>,
    lost: HashSet<String>,
    locked: HashMap<String, Locked>,
    revs: Revs,
    news: HashMap<String, Locked>,
}

impl Ground {
    async fn prepare<'a>(
        tx: &mut PgConnection,
        drafts: &[Draft<'a>],
        older: impl Iterator<Item = &'a str>,
    ) -> Result<Self, LedgerError> {
        let mut news: Vec<&NewNotification> = drafts
            .iter()
            .filter_map(|d| if let Origin::New(new) = d.origin { Some(&**new) } else { None })
            .collect();
        news.sort_unstable_by(|a, b| a.ntf.cmp(&b.ntf));
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
        let locked = lock(tx, &ntfs).await?;
        let asks = drafts
            .iter()
            .map(|d| (d.person.lookup.as_str(), d.appointment.map(|a| a.key.as_str())));
        let revs = Revs::read(tx, asks).await?;
        Ok(Self {
            inserted,
            forgotten: vec![],
            lost: HashSet::new(),
            locked,
            revs,
            news: news.into_iter().map(|new| (new.ntf.clone(), locked_new(new))).collect(),
        })
    }

    /// The row that the protocol is asked about: none for a new one that we could insert.
    fn row(&self, origin: &Origin) -> Option<&protocol::Row> {
        match origin {
            Origin::New(new) if self.inserted.contains(&new.ntf) => None,
            // somebody else's row for the same event: any row makes a first copy stop
            Origin::New(_) => Some(&SOMEBODY_ELSES),
            Origin::Released { ntf, .. } => self.locked.get(ntf).map(|locked| &locked.row),
        }
    }

    fn person_is_another(&self, origin: &Origin, person: &PersonBasis) -> bool {
        // a released row has had its person from the start; only a new row's body was sealed for one just made
        matches!(origin, Origin::New(_))
            && self.revs.person(&person.lookup) != Some(person.id.as_str())
    }

    fn why_not(
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

    fn can_cancel(&self, ntf: &str) -> bool {
        let row = self.locked.get(ntf).map(|locked| &locked.row);
        protocol::apply(row, &Command::Cancel).is_ok()
    }

    fn supersede(
        &self,
        writes: &mut Writes,
        old: &str,
        by: &str,
        now: i64,
    ) -> Result<(), LedgerError> {
        let Some(locked) = self.locked.get(old) else { return Ok(()) };
        if let Ok(change) = protocol::apply(Some(&locked.row), &Command::Cancel) {
            let why = format!("superseded by {by}");
            writes.row(old, &change.row, &why, now, None);
            let entry = Entry::Ended { state: State::Cancelled, why, consent: None };
            writes.records.push(NewRecord::of(&locked.clinic, old, now, &entry)?);
        }
        Ok(())
    }

    /// Of what lost nothing is to stay: its row was inserted only to learn whether it is new, its appointment does not move.
    fn forget(&mut self, origin: &Origin) {
        self.lost.insert(origin.ntf().to_owned());
        if let Origin::New(new) = origin
            && self.inserted.contains(&new.ntf)
        {
            self.forgotten.push(new.ntf.clone());
        }
    }

    async fn drop_forgotten(&mut self, tx: &mut PgConnection) -> Result<(), LedgerError> {
        if self.forgotten.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = self.forgotten.iter().map(|key| crate::db::Key { key }).collect();
        sqlx::query(sql("-- drop forgotten\nDELETE FROM notification WHERE ntf IN (SELECT key FROM {rows:key text})"))
            .bind(json(&keys)?)
            .execute(tx)
            .await?;
        Ok(())
    }

    /// The row with the number that its due time carries from now on.
    fn after(&self, origin: &Origin, number: Option<&str>) -> Locked {
        let known = match origin {
            Origin::New(new) => self.news.get(&new.ntf),
            Origin::Released { ntf, .. } => self.locked.get(ntf),
        };
        let mut locked = known.cloned().unwrap_or_else(Locked::empty);
        locked.number = number.map(str::to_owned).or(locked.number);
        locked.releases = 0;
        locked
    }

    async fn move_appointments(
        &self,
        tx: &mut PgConnection,
        drafts: &[Draft<'_>],
    ) -> Result<(), LedgerError> {
        #[derive(Serialize)]
        struct Move<'a> {
            key: &'a str,
            clinic: &'a str,
            version: i64,
            kind: &'a str,
            starts_at: i64,
            rise: i64,
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
                    rise: i64::from(to.moved),
                })
            })
            .collect();
        if moves.is_empty() {
            return Ok(());
        }
        sqlx::query(sql(
            "-- move appointments\nINSERT INTO appointment (key, clinic, rev, version, version_kind, starts_at, cancelled, from_fact) \
             SELECT key, clinic, 1, version, kind, starts_at, 0, 0 \
             FROM {rows:key text, clinic text, version bigint, kind text, starts_at bigint, rise bigint} WHERE TRUE ORDER BY key \
             ON CONFLICT (key) DO UPDATE SET version = excluded.version, starts_at = excluded.starts_at, \
               rev = appointment.rev + CASE WHEN appointment.starts_at <> excluded.starts_at THEN 1 ELSE 0 END \
             WHERE appointment.from_fact = 0 AND appointment.version_kind = excluded.version_kind \
               AND appointment.version < excluded.version",
        ))
        .bind(json(&moves)?)
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
    tx: &mut PgConnection,
    news: &[&NewNotification],
) -> Result<HashSet<String>, LedgerError> {
    if news.is_empty() {
        return Ok(HashSet::new());
    }
    let inserted: Vec<String> = sqlx::query_scalar(sql(
        "-- insert notifications\nINSERT INTO notification (ntf, clinic, type, source, event_id, subject, digest, person, appointment, version, \
           version_kind, thing, gap, gap_ms, class, on_unknown, expires_at, created_at, state, why, fence, attempt, changed_at) \
         SELECT ntf, clinic, type, source, event_id, subject, digest, person, appointment, version, version_kind, thing, gap, gap_ms, \
           class, on_unknown, expires_at, {now}, 'waiting', '', 0, 0, {now} \
         FROM {rows:ntf text, clinic text, type text, source text, event_id text, subject text, digest text, person text, \
           appointment text, version bigint, version_kind text, thing text, gap text, gap_ms bigint, class bigint, on_unknown text, \
           expires_at bigint} WHERE TRUE ON CONFLICT (ntf) DO NOTHING RETURNING ntf",
    ))
    .bind(json(news)?)
    .fetch_all(tx)
    .await?;
    Ok(inserted.into_iter().collect())
}

async fn insert_persons(
    tx: &mut PgConnection,
    mut persons: Vec<&PersonBasis>,
) -> Result<(), LedgerError> {
    if persons.is_empty() {
        return Ok(());
    }
    persons.sort_unstable_by(|a, b| a.lookup.cmp(&b.lookup));
    sqlx::query(sql(
        "-- insert persons\nINSERT INTO person (id, clinic, lookup, wrapped, master, rev, created_at) \
         SELECT id, clinic, lookup, wrapped, master, 1, {now} FROM {rows:id text, clinic text, lookup text, wrapped text, master text} \
         WHERE TRUE ON CONFLICT (lookup) DO NOTHING",
    ))
    .bind(json(&persons)?)
    .execute(tx)
    .await?;
    Ok(())
}

/// An attempt about to be inserted.
#[derive(Debug, Serialize)]
pub(crate) struct AttemptWrite {
    pub ntf: String,
    pub n: i64,
    pub channel: String,
    pub lane: String,
    pub token: String,
    pub number: String,
    pub segments: i64,
    pub started_at: i64,
    pub deadline_at: i64,
}

impl AttemptWrite {
    fn of(claim: &Claim, now: i64, deadline_at: i64) -> Self {
        Self {
            ntf: claim.origin.ntf().to_owned(),
            n: i64::from(claim.n),
            channel: claim.channel.clone(),
            lane: claim.lane.clone(),
            token: claim.token.clone(),
            number: claim.number.clone(),
            segments: i64::from(claim.segments),
            started_at: now,
            deadline_at,
        }
    }
}

pub(crate) async fn insert_attempts(
    tx: &mut PgConnection,
    attempts: &[AttemptWrite],
) -> Result<(), LedgerError> {
    if attempts.is_empty() {
        return Ok(());
    }
    sqlx::query(sql(
        "-- insert attempts\nINSERT INTO attempt (ntf, n, channel, lane, state, token, number, segments, started_at, deadline_at) \
         SELECT ntf, n, channel, lane, 'open', token, number, segments, started_at, deadline_at \
         FROM {rows:ntf text, n bigint, channel text, lane text, token text, number text, segments bigint, started_at bigint, deadline_at bigint}",
    ))
    .bind(json(attempts)?)
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
            lane: String::new(),
            due_at: 0,
            releases: 0,
            number: None,
        }
    }
}
