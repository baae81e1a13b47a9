//! What a fact is decided on: what is known of its appointment, and what was made of it before.

use crate::db::{Key, Ledger, json};
use crate::engine::query;
use crate::error::LedgerError;
use crate::look::{SeenAppointment, parse_state};
use crate::state::State;

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
}

/// A notification of an appointment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeRow {
    /// Notification.
    pub ntf: String,
    /// CloudEvents type.
    pub event_type: String,
    /// State.
    pub state: State,
}

impl Ledger {
    /// What is known where a fact arrives. `id`: of the fact; `appointment`: its keyed hash.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fact_ground(
        &self,
        id: &str,
        appointment: Option<&str>,
    ) -> Result<FactGround, LedgerError> {
        let mut ground = FactGround::default();
        let rows = query(
            "-- fact ground\nSELECT 'fact' AS kind, f.digest AS a, '' AS b, '' AS c, 0 AS rev, 0 AS version, 0 AS starts_at, 0 AS flags \
               FROM fact f WHERE f.id = $1 \
             UNION ALL SELECT 'appointment', a.version_kind, coalesce(a.content, ''), '', a.rev, a.version, a.starts_at, \
               a.cancelled + 2 * a.from_fact FROM appointment a WHERE a.key = $2",
        )
        .bind(id)
        .bind(appointment)
        .fetch_all(self.db.read())
        .await?;
        for row in &rows {
            let (a, b): (String, String) = (row.try_get("a")?, row.try_get("b")?);
            if row.try_get::<String, _>("kind")? == "fact" {
                ground.known = Some(a);
                continue;
            }
            let flags: i64 = row.try_get("flags")?;
            ground.content = Some(b).filter(|content| !content.is_empty());
            ground.appointment = Some(SeenAppointment {
                rev: row.try_get("rev")?,
                version: row.try_get("version")?,
                version_kind: a,
                starts_at: row.try_get("starts_at")?,
                cancelled: flags & 1 == 1,
                from_fact: flags & 2 == 2,
            });
        }
        if ground.appointment.is_some()
            && let Some(appointment) = appointment
        {
            ground.made = self.made_of(appointment).await?;
        }
        Ok(ground)
    }

    async fn made_of(&self, appointment: &str) -> Result<Vec<MadeRow>, LedgerError> {
        let rows = query(
            "-- made of\nSELECT ntf, type, state FROM notification WHERE appointment IN (SELECT key FROM {rows:key text}) \
             ORDER BY created_at DESC, ntf",
        )
        .bind(json(&[Key { key: appointment }])?)
        .fetch_all(self.db.read())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(MadeRow {
                    ntf: row.try_get("ntf")?,
                    event_type: row.try_get("type")?,
                    state: parse_state(&row.try_get::<String, _>("state")?)?,
                })
            })
            .collect()
    }
}
