//! What people saw and did, in the append-only records.

use super::{Right, Role, Visitor};
use crate::db::Ledger;
use crate::engine::{Query, Row, Tx, Value, query};
use crate::error::LedgerError;
use crate::record::{Entry, NewRecord};
use crate::write::{append, now, storable};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// Something that somebody saw or did, about to be recorded. Holds no personal data: ids, role names, a person's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Who: [`Visitor::who`], or user and machine of a command.
    pub who: String,
    /// Id of the token, where one was used.
    pub token: Option<String>,
    /// Its role.
    pub role: Option<Role>,
    /// The clinic whose data it is about; empty: of all, or nobody's.
    pub clinic: String,
    /// The notification that it is about; it stands in its story then.
    pub ntf: Option<String>,
    /// What.
    pub what: AccessKind,
}

impl Access {
    /// Something that a visitor did, about the clinic that they may see.
    pub fn by(visitor: &Visitor, what: AccessKind) -> Self {
        Self {
            who: visitor.who(),
            token: Some(visitor.token.clone()),
            role: Some(visitor.role),
            clinic: visitor.clinic.clone().unwrap_or_default(),
            ntf: None,
            what,
        }
    }

    /// The same, about one notification of a clinic.
    #[must_use]
    pub fn about(mut self, clinic: &str, ntf: &str) -> Self {
        clinic.clone_into(&mut self.clinic);
        self.ntf = Some(ntf.to_owned());
        self
    }

    /// Appends the record of it.
    pub(super) async fn append(&self, tx: &mut Tx) -> Result<(), LedgerError> {
        let now = now(tx).await?;
        let entry = Entry::Access {
            who: storable(&self.who).into_owned(),
            token: self.token.clone(),
            role: self.role,
            what: self.what.storable(),
        };
        let ntf = storable(self.ntf.as_deref().unwrap_or_default());
        append(tx, &[NewRecord::of(&storable(&self.clinic), &ntf, now, &entry)?]).await
    }
}

impl AccessKind {
    /// What a person wrote, as the database can hold it.
    fn storable(&self) -> Self {
        match self {
            Self::Denied { path, right } => {
                Self::Denied { path: storable(path).into_owned(), right: *right }
            }
            Self::Opened { reason, fields } => {
                Self::Opened { reason: storable(reason).into_owned(), fields: fields.clone() }
            }
            Self::Exported { filter, rows } => {
                Self::Exported { filter: storable(filter).into_owned(), rows: *rows }
            }
            Self::Acted { what } => Self::Acted { what: storable(what).into_owned() },
            other => other.clone(),
        }
    }
}

/// What somebody saw or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "kebab-case")]
pub enum AccessKind {
    /// Opened a session.
    LoggedIn,
    /// Ended one, or all of a token's.
    LoggedOut {
        /// All of the token's.
        everywhere: bool,
    },
    /// Showed a token that opens no pages. Of one caller's at most [`super::TRIES`] in a span are recorded, of all at most
    /// [`super::TRIES_EVERYWHERE`].
    LogInFailed {
        /// `nobody's`, `revoked`, `expired`, `door`, `unreadable`.
        why: String,
    },
    /// Was refused a page or an act.
    Denied {
        /// The page's path with its parameters in braces, never what stood in them.
        path: String,
        /// The right that was missing; absent: it was another clinic's, or the form was not this session's.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        right: Option<Right>,
    },
    /// Opened personal data; recorded before it is shown.
    Opened {
        /// Why, in that person's words.
        reason: String,
        /// What: `body`, `text`, `name`, `phone`.
        fields: Vec<String>,
    },
    /// Took rows away as a file.
    Exported {
        /// What was asked for, in words without personal data ([`crate::search::SearchFilter::words`]).
        filter: String,
        /// Rows written.
        rows: u64,
    },
    /// Steered something. Replays, drops and lanes have records of their own beside this one, with the same `who`.
    Acted {
        /// Such as `replay`, `drop`, `pause netgsm/default/KLINIK`.
        what: String,
    },
}

/// What is asked for of who did what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessFilter {
    /// At or after, milliseconds since 1970 UTC.
    pub from: Option<i64>,
    /// Before.
    pub to: Option<i64>,
    /// About this clinic's data.
    pub clinic: Option<String>,
    /// By this token.
    pub token: Option<String>,
    /// About this notification.
    pub ntf: Option<String>,
}

/// Something that somebody saw or did, as recorded. Personal data that was opened at the command line stands here too
/// (`revealed`), and tokens that were made and revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accessed {
    /// When, milliseconds since 1970 UTC.
    pub at: i64,
    /// What.
    pub access: Access,
}

impl Ledger {
    /// Records what somebody saw or did. Before personal data is shown: without the record nothing may be.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_access(&self, access: &Access) -> Result<(), LedgerError> {
        let mut tx = self.db.begin().await?;
        access.append(&mut tx).await?;
        tx.commit().await
    }

    /// Who saw and did what, newest first, at most `limit`; `after` is the cursor of the page before, and the second value that of the
    /// next one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn accesses(
        &self,
        filter: &AccessFilter,
        after: Option<i64>,
        limit: i64,
    ) -> Result<(Vec<Accessed>, Option<i64>), LedgerError> {
        // the kinds stand as in the index of schema 8
        let mut text = "-- accesses\nSELECT id, at, clinic, ntf, bytes FROM record \
             WHERE kind IN ('access', 'revealed', 'token-created', 'token-revoked')"
            .to_owned();
        let mut values: Vec<Value> = vec![];
        let conditions = [
            ("id <", after.map(Value::from)),
            ("at >=", filter.from.map(Value::from)),
            ("at <", filter.to.map(Value::from)),
            ("clinic =", filter.clinic.as_deref().map(Value::from)),
            ("ntf =", filter.ntf.as_deref().map(Value::from)),
            ("{as_json:bytes}->>'token' =", filter.token.as_deref().map(Value::from)),
        ];
        for (condition, value) in conditions {
            let Some(value) = value else { continue };
            values.push(value);
            // a String takes it all
            let _ = write!(text, " AND {condition} ${}", values.len());
        }
        let limit = limit.max(1);
        let _ = write!(text, " ORDER BY id DESC LIMIT {limit}");
        let asked = values.into_iter().fold(query(text), Query::bind);
        let rows = asked.fetch_all(self.db.read()).await?;
        let next = match rows.last() {
            Some(last) if rows.len() as i64 == limit => Some(last.try_get("id")?),
            _ => None,
        };
        let found: Result<Vec<_>, _> = rows.iter().map(accessed).collect();
        Ok((found?.into_iter().flatten().collect(), next))
    }
}

/// Reads a record; `None`: it is about something else.
fn accessed(row: &Row) -> Result<Option<Accessed>, LedgerError> {
    let (at, clinic, ntf): (i64, String, String) =
        (row.try_get("at")?, row.try_get("clinic")?, row.try_get("ntf")?);
    let acted = |what: String| AccessKind::Acted { what };
    let (who, token, role, what) = match Entry::parse(&row.try_get::<String, _>("bytes")?)? {
        Entry::Access { who, token, role, what } => (who, token, role, what),
        Entry::Revealed { who, why, fields } => {
            (who, None, None, AccessKind::Opened { reason: why, fields })
        }
        Entry::TokenCreated { token, who, role, .. } => {
            let role = role.unwrap_or(Role::Door);
            (who, None, None, acted(format!("token create --role {role}: {token}")))
        }
        Entry::TokenRevoked { token, who } => {
            (who, None, None, acted(format!("token revoke {token}")))
        }
        _ => return Ok(None),
    };
    let ntf = Some(ntf).filter(|ntf| !ntf.is_empty());
    Ok(Some(Accessed { at, access: Access { who, token, role, clinic, ntf, what } }))
}
