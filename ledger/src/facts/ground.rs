//! What a fact is decided on: what is known of its appointment or person, and what was made of it before.

use super::SaidWord;
use crate::engine::{Tx, query};
use crate::error::LedgerError;
use crate::look::{SeenAppointment, parse_state};
use crate::state::State;
use schemas::Channel;

/// What is known where a fact arrives.
#[derive(Debug, Clone, Default)]
pub struct FactGround {
    /// Digest of the fact of this source and id that was applied before.
    pub known: Option<String>,
    /// The appointment as it is known.
    pub appointment: Option<SeenAppointment>,
    /// Hash of what the fact said whose version counts.
    pub content: Option<String>,
    /// Notifications of this appointment so far, newest first.
    pub made: Vec<MadeRow>,
    /// What the person said before, channel by channel.
    pub words: Vec<SaidWord>,
    /// The notification that the fact would make is there already.
    pub told: bool,
}

/// A notification of an appointment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeRow {
    /// Notification.
    pub ntf: String,
    /// CloudEvents type.
    pub event_type: String,
    /// CloudEvents id.
    pub event_id: String,
    /// State.
    pub state: State,
    /// Keyed hash of the thing that it is about.
    pub thing: String,
    /// Kind and number of its appointment's version.
    pub version: Option<(String, i64)>,
    /// When it is due, milliseconds since 1970 UTC, if it is not final.
    pub due_at: Option<i64>,
}

impl FactGround {
    pub(super) async fn read(
        tx: &mut Tx,
        id: &str,
        appointment: Option<&str>,
        suppression: Option<&str>,
        ntf: Option<&str>,
    ) -> Result<Self, LedgerError> {
        let mut ground = Self::default();
        let rows = query(
            "-- fact ground\nSELECT 'fact' AS kind, f.digest AS a, '' AS b, 0 AS rev, 0 AS version, 0 AS starts_at, 0 AS flags \
               FROM fact f WHERE f.id = $1 \
             UNION ALL SELECT 'appointment', a.version_kind, coalesce(a.content, ''), a.rev, a.version, a.starts_at, \
               a.cancelled + 2 * a.from_fact FROM appointment a WHERE a.key = $2 \
             UNION ALL SELECT 'word', w.channel, '', 0, 0, w.said_at, w.refused FROM consent_word w WHERE w.key = $3 \
             UNION ALL SELECT 'told', '', '', 0, 0, 0, 0 FROM notification n WHERE n.ntf = $4",
        )
        .bind(id)
        .bind(appointment)
        .bind(suppression)
        .bind(ntf)
        .fetch_all(&mut *tx)
        .await?;
        for row in &rows {
            let (a, b): (String, String) = (row.try_get("a")?, row.try_get("b")?);
            let (starts_at, flags): (i64, i64) = (row.try_get("starts_at")?, row.try_get("flags")?);
            match row.try_get::<String, _>("kind")?.as_str() {
                "fact" => ground.known = Some(a),
                "told" => ground.told = true,
                "word" => ground.words.extend(Channel::parse(&a).map(|channel| SaidWord {
                    channel,
                    refused: flags == 1,
                    said_at: starts_at,
                })),
                _ => {
                    ground.content = Some(b).filter(|content| !content.is_empty());
                    ground.appointment = Some(SeenAppointment {
                        rev: row.try_get("rev")?,
                        version: row.try_get("version")?,
                        version_kind: a,
                        starts_at,
                        cancelled: flags & 1 == 1,
                        from_fact: flags & 2 == 2,
                    });
                }
            }
        }
        if let Some(appointment) = appointment {
            ground.made = made_of(tx, appointment).await?;
        }
        Ok(ground)
    }
}

/// A row that waits for its next channel has been sent on another one: to a fact it is as one that was accepted, neither replaced nor
/// planned again. A visit that was cancelled or moved stops it where it is decided.
async fn made_of(tx: &mut Tx, appointment: &str) -> Result<Vec<MadeRow>, LedgerError> {
    let rows = query(
        "-- made of\nSELECT n.ntf, n.type, n.event_id, CASE WHEN n.state IN ('waiting', 'released') \
           AND EXISTS (SELECT 1 FROM attempt a WHERE a.ntf = n.ntf AND a.state = 'accepted') THEN 'accepted' ELSE n.state END AS state, n.thing, n.version, n.version_kind, o.due_at \
         FROM notification n LEFT JOIN open o ON o.ntf = n.ntf WHERE n.appointment = $1 ORDER BY n.created_at DESC, n.ntf",
    )
    .bind(appointment)
    .fetch_all(tx)
    .await?;
    rows.iter()
        .map(|row| {
            let version: Option<i64> = row.try_get("version")?;
            let kind: Option<String> = row.try_get("version_kind")?;
            Ok(MadeRow {
                ntf: row.try_get("ntf")?,
                event_type: row.try_get("type")?,
                event_id: row.try_get("event_id")?,
                state: parse_state(&row.try_get::<String, _>("state")?)?,
                thing: row.try_get::<Option<String>, _>("thing")?.unwrap_or_default(),
                version: kind.zip(version),
                due_at: row.try_get("due_at")?,
            })
        })
        .collect()
}
