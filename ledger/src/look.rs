//! The batched read before a decision: the row, the person, the appointment, the slots, the lanes in trouble.

use crate::db::Ledger;
use crate::engine::{Row, columns, query};
use crate::error::LedgerError;
use crate::protocol;
use crate::record::Entry;
use crate::slice;
use crate::state::{AttemptState, Reach, State};
use crate::write::parse_attempt;
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// What a notification's row says.
#[derive(Debug, Clone)]
pub struct SeenRow {
    /// State, fence and attempts.
    pub row: protocol::Row,
    /// Where the attempts were made and what became of them, oldest first.
    pub tried: Vec<Tried>,
    /// The lane that it waits on, or was released for; `None`: it is final.
    pub lane: Option<String>,
    /// Digest of the event that it stands for.
    pub digest: String,
    /// Why it is in its state.
    pub why: String,
    /// Clinic.
    pub clinic: String,
    /// The sealed event and the key that opens it; only if asked for.
    pub body: Option<SealedBody>,
}

/// An attempt of a notification, as the choice of its next lane needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Provider, account and sender.
    pub lane: String,
    /// Its state.
    pub state: AttemptState,
    /// Channel it went out on.
    pub channel: String,
    /// What is known of its way to the person.
    pub reach: Reach,
}

/// A sealed event body.
#[derive(Debug, Clone)]
pub struct SealedBody {
    /// The person whose key seals it.
    pub person: String,
    /// That key, wrapped.
    pub wrapped: String,
    /// The body, sealed for `<ntf>/body`.
    pub sealed: String,
}

/// One row to look for.
#[derive(Debug, Clone, Serialize)]
pub struct RowAsk {
    /// Notification.
    pub ntf: String,
    /// 1: the sealed body is wanted too (a copy by reference).
    pub body: i64,
}

/// Keyed hashes under which a notification's surroundings are found.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// [`crate::vault::Purpose::Person`].
    pub person: String,
    /// [`crate::vault::Purpose::Suppression`].
    pub suppression: String,
    /// [`crate::vault::Purpose::Appointment`], if it is about one.
    pub appointment: Option<String>,
    /// [`crate::vault::Purpose::Thing`].
    pub thing: String,
    /// [`crate::vault::Purpose::Gap`], if its type keeps a gap.
    pub gap: Option<String>,
    /// [`crate::vault::Purpose::Number`], where the provider does not echo our reference.
    pub number: Option<String>,
    /// Numbers on channels that may be unreachable ([`crate::receipts::unreachable_key`]).
    pub reach: Vec<String>,
}

/// A person as known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenPerson {
    /// Identifier.
    pub id: String,
    /// Wrapped data key.
    pub wrapped: String,
    /// Revision; raised by suppression and refusal.
    pub rev: i64,
}

/// An appointment as known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenAppointment {
    /// Revision; raised by cancellation and reschedule.
    pub rev: i64,
    /// Version that counts.
    pub version: i64,
    /// `explicit` or `event-time`.
    pub version_kind: String,
    /// Start, milliseconds since 1970 UTC.
    pub starts_at: i64,
    /// A tombstone stands.
    pub cancelled: bool,
    /// A fact came; direct notifications no longer move it.
    pub from_fact: bool,
}

/// Who holds a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The notification.
    pub ntf: String,
    /// Its state.
    pub state: State,
    /// Version of its event, if it has one.
    pub version: Option<(String, i64)>,
    /// Until when a finished holder keeps it; `None`: unfinished.
    pub until: Option<i64>,
}

/// What surrounds a notification.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The person, if known.
    pub person: Option<SeenPerson>,
    /// Why the number is suppressed, if it is.
    pub suppressed: Option<String>,
    /// The appointment, if known.
    pub appointment: Option<SeenAppointment>,
    /// Holder of the same thing.
    pub thing: Option<Holder>,
    /// Holder of the gap.
    pub gap: Option<Holder>,
    /// Holder of the number.
    pub number: Option<Holder>,
    /// Which of the numbers asked for could not be reached lately on their channel.
    pub unreachable: Vec<String>,
}

impl Ledger {
    /// Reads rows of notifications; `None` where there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn rows(&self, asks: &[RowAsk]) -> Result<Vec<Option<SeenRow>>, LedgerError> {
        let found = query(
            "-- rows\nSELECT n.ntf, n.state, n.fence, n.digest, n.why, n.clinic, n.person, \
               (SELECT string_agg(a.channel || ':' || a.state || ':' || a.reach || ':' || a.lane, '\n' ORDER BY a.n) FROM attempt a WHERE a.ntf = n.ntf) AS attempts, \
               (SELECT o.lane FROM open o WHERE o.ntf = n.ntf) AS lane, \
               CASE WHEN r.body = 1 THEN (SELECT e.bytes FROM record e WHERE e.ntf = n.ntf AND e.kind = 'received' LIMIT 1) END AS received, \
               CASE WHEN r.body = 1 THEN (SELECT p.wrapped FROM person p WHERE p.id = n.person) END AS wrapped \
             FROM {rows:ntf text, body bigint} JOIN notification n ON n.ntf = r.ntf",
        )
        .bind(columns(asks)?)
        .fetch_all(self.db.read())
        .await?;
        let mut rows = HashMap::with_capacity(found.len());
        for row in &found {
            let ntf: String = row.try_get("ntf")?;
            rows.insert(ntf, seen_row(row)?);
        }
        Ok(asks.iter().map(|ask| rows.get(&ask.ntf).cloned()).collect())
    }

    /// [`Ledger::rows`] with an answer for each: a row that cannot be understood fails alone.
    pub async fn rows_each(&self, asks: &[RowAsk]) -> Vec<Result<Option<SeenRow>, LedgerError>> {
        slice::each(asks.len(), |range| self.rows(&asks[range])).await
    }

    /// [`Ledger::surroundings`] with an answer for each: a row that cannot be understood fails alone.
    pub async fn surroundings_each(&self, asks: &[Keys]) -> Vec<Result<Surroundings, LedgerError>> {
        slice::each(asks.len(), |range| self.surroundings(&asks[range])).await
    }

    /// Reads persons, suppressions, appointments and slot holders.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn surroundings(&self, asks: &[Keys]) -> Result<Vec<Surroundings>, LedgerError> {
        #[derive(Serialize)]
        struct Of<'a> {
            kind: &'static str,
            key: &'a str,
        }
        let mut keys = Vec::with_capacity(asks.len() * 6);
        for ask in asks {
            let named = [
                ("person", Some(&ask.person)),
                ("suppression", Some(&ask.suppression)),
                ("appointment", ask.appointment.as_ref()),
                ("slot", Some(&ask.thing)),
                ("slot", ask.gap.as_ref()),
                ("slot", ask.number.as_ref()),
            ];
            keys.extend(named.into_iter().filter_map(|(kind, key)| Some(Of { kind, key: key? })));
            keys.extend(ask.reach.iter().map(|key| Of { kind: "reach", key }));
        }
        let found = query(
            "-- surroundings\nWITH r AS (SELECT kind, key FROM {rows:kind text, key text}) \
             SELECT 'person' AS kind, p.lookup AS key, p.id AS a, p.wrapped AS b, p.rev AS i, 0 AS j, 0 AS k, 0 AS l \
               FROM r JOIN person p ON p.lookup = r.key WHERE r.kind = 'person' \
             UNION ALL SELECT 'suppression', s.key, s.why, '', 0, 0, 0, 0 FROM r JOIN suppression s ON s.key = r.key WHERE r.kind = 'suppression' \
             UNION ALL SELECT 'appointment', a.key, a.version_kind, '', a.rev, a.version, a.starts_at, a.cancelled + 2 * a.from_fact \
               FROM r JOIN appointment a ON a.key = r.key WHERE r.kind = 'appointment' \
             UNION ALL SELECT 'slot', s.key, s.holder, n.state || ':' || coalesce(n.version_kind, ''), coalesce(s.until, -1), \
                 coalesce(n.version, 0), 0, 0 \
               FROM r JOIN slot s ON s.key = r.key JOIN notification n ON n.ntf = s.holder WHERE r.kind = 'slot' \
             UNION ALL SELECT 'reach', u.key, '', '', 0, 0, 0, 0 FROM r JOIN unreachable u ON u.key = r.key WHERE r.kind = 'reach' AND u.until > {now}",
        )
        .bind(columns(&keys)?)
        .fetch_all(self.db.read())
        .await?;
        let mut persons = HashMap::new();
        let mut suppressed = HashMap::new();
        let mut appointments = HashMap::new();
        let mut slots = HashMap::new();
        let mut unreachable = HashSet::new();
        for row in &found {
            let (kind, key): (String, String) = (row.try_get("kind")?, row.try_get("key")?);
            let (a, b): (String, String) = (row.try_get("a")?, row.try_get("b")?);
            let (i, j): (i64, i64) = (row.try_get("i")?, row.try_get("j")?);
            let (starts_at, flags): (i64, i64) = (row.try_get("k")?, row.try_get("l")?);
            match kind.as_str() {
                "person" => drop(persons.insert(key, SeenPerson { id: a, wrapped: b, rev: i })),
                "suppression" => drop(suppressed.insert(key, a)),
                "reach" => drop(unreachable.insert(key)),
                "appointment" => drop(appointments.insert(
                    key,
                    SeenAppointment {
                        rev: i,
                        version: j,
                        version_kind: a,
                        starts_at,
                        cancelled: flags & 1 == 1,
                        from_fact: flags & 2 == 2,
                    },
                )),
                _ => drop(slots.insert(key, holder(a, &b, i, j)?)),
            }
        }
        let take = |ask: &Keys| Surroundings {
            person: persons.get(&ask.person).cloned(),
            suppressed: suppressed.get(&ask.suppression).cloned(),
            appointment: ask.appointment.as_ref().and_then(|k| appointments.get(k)).cloned(),
            thing: slots.get(&ask.thing).cloned(),
            gap: ask.gap.as_ref().and_then(|k| slots.get(k)).cloned(),
            number: ask.number.as_ref().and_then(|k| slots.get(k)).cloned(),
            unreachable: ask.reach.iter().filter(|k| unreachable.contains(*k)).cloned().collect(),
        };
        Ok(asks.iter().map(take).collect())
    }
}

fn seen_row(row: &Row) -> Result<SeenRow, LedgerError> {
    let attempts: Option<String> = row.try_get("attempts")?;
    let (attempts, tried) = parse_attempts(attempts.as_deref().unwrap_or(""))?;
    let (received, wrapped): (Option<String>, Option<String>) =
        (row.try_get("received")?, row.try_get("wrapped")?);
    let body = match (received, wrapped) {
        (Some(bytes), Some(wrapped)) => match Entry::parse(&bytes)? {
            Entry::Received { person, body, .. } => {
                Some(SealedBody { person, wrapped, sealed: body })
            }
            _ => {
                return Err(LedgerError::Corrupt(
                    "a received record holds something else".to_owned(),
                ));
            }
        },
        _ => None,
    };
    Ok(SeenRow {
        row: protocol::Row {
            state: parse_state(&row.try_get::<String, _>("state")?)?,
            fence: row.try_get::<i64, _>("fence")? as u64,
            attempts,
        },
        tried,
        lane: row.try_get("lane")?,
        digest: row.try_get("digest")?,
        why: row.try_get("why")?,
        clinic: row.try_get("clinic")?,
        body,
    })
}

pub(crate) fn parse_state(text: &str) -> Result<State, LedgerError> {
    State::parse(text).ok_or_else(|| LedgerError::Corrupt(format!("state {text:?}")))
}

/// Reads attempts, one a line: channel, state, reach, lane.
fn parse_attempts(text: &str) -> Result<(Vec<protocol::Attempt>, Vec<Tried>), LedgerError> {
    let mut attempts = vec![];
    let mut tried = vec![];
    for line in text.lines() {
        let mut parts = line.splitn(4, ':');
        let mut part = || parts.next().unwrap_or_default();
        let (channel, state, reach, lane) = (part().to_owned(), part(), part(), part());
        let (state, reach) = parse_attempt(&format!("{state}:{reach}"))?;
        attempts.push(protocol::Attempt { channel: channel.clone(), state, reach });
        tried.push(Tried { lane: lane.to_owned(), state, channel, reach });
    }
    Ok((attempts, tried))
}

fn holder(
    ntf: String,
    state_and_kind: &str,
    until: i64,
    version: i64,
) -> Result<Holder, LedgerError> {
    let (state, kind) = state_and_kind.split_once(':').unwrap_or((state_and_kind, ""));
    Ok(Holder {
        ntf,
        state: parse_state(state)?,
        version: (!kind.is_empty()).then(|| (kind.to_owned(), version)),
        until: (until >= 0).then_some(until),
    })
}
