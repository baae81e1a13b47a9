//! Finding notifications by what people know: an appointment, a payment, a phone number. Only keyed hashes are compared.

use crate::db::{Ledger, json};
use crate::engine::{query, query_as, scalar};
use crate::error::LedgerError;
use crate::record::Entry;
use crate::report::{LISTED, Listed, listed};
use crate::vault::{Purpose, Vault};
use schemas::PhoneNumber;

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// Keyed hash of clinic and appointment id ([`crate::intake::appointment_key`]).
    Appointment(String),
    /// Keyed hashes of the same thing, one for each type that it may be ([`thing_key`]).
    Things(Vec<String>),
    /// Keyed hash of clinic and number ([`person_key`]).
    Person(String),
}

/// The keyed hash of the thing that types name by one id, such as a payment.
///
/// # Errors
/// When the id cannot be written as JSON, which no text is.
pub fn thing_key(
    vault: &Vault,
    clinic: &str,
    event_type: &str,
    id: &str,
) -> Result<String, LedgerError> {
    // as schemas::Event::same_thing writes it
    let thing = serde_json_canonicalizer::to_string(&[id])
        .map_err(|e| LedgerError::Corrupt(format!("an id that is no JSON: {e}")))?;
    Ok(vault.hash(Purpose::Thing, &[clinic, event_type, &thing]))
}

/// The keyed hash under which a person of a clinic is found.
pub fn person_key(vault: &Vault, clinic: &str, phone: &PhoneNumber) -> String {
    vault.hash(Purpose::Person, &[clinic, phone.e164()])
}

/// Refused events whose bodies one search opens.
pub const REFUSED_AT_MOST: i64 = 200;
/// Bytes of the record of such an event at most; one that is larger is found by its id alone.
pub const REFUSED_BYTES: i64 = 128 * 1024;

/// A refused event with its sealed body.
#[derive(Debug, Clone)]
pub struct RefusedBody {
    /// Its row.
    pub row: Listed,
    /// The body, sealed with the installation's key for `<bad id>/body`.
    pub sealed: String,
    /// Source, where it was readable.
    pub source: Option<String>,
    /// Id, where it was readable.
    pub id: Option<String>,
}

/// Refused events, as far as one search opens them.
#[derive(Debug, Clone, Default)]
pub struct RefusedBodies {
    /// Newest first.
    pub events: Vec<RefusedBody>,
    /// Whether these are all: none is older than the limit reaches, none too large.
    pub all: bool,
}

impl Ledger {
    /// Notifications about an appointment, a payment or a person, newest first. Reads the whole state table: a person asks, not
    /// a worker.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_by(&self, by: &By, limit: i64) -> Result<Vec<Listed>, LedgerError> {
        let (condition, keys) = match by {
            By::Appointment(key) => {
                ("n.appointment IN (SELECT value FROM {list:$1})", vec![key.clone()])
            }
            By::Things(keys) => ("n.thing IN (SELECT value FROM {list:$1})", keys.clone()),
            By::Person(key) => (
                "n.person IN (SELECT p.id FROM person p WHERE p.lookup IN (SELECT value FROM {list:$1}))",
                vec![key.clone()],
            ),
        };
        let text = format!(
            "-- find by\nSELECT {LISTED} WHERE {condition} ORDER BY n.created_at DESC, n.ntf LIMIT $2"
        );
        let rows = query(text).bind(json(&keys)?).bind(limit).fetch_all(self.db.read()).await?;
        rows.iter().map(listed).collect()
    }

    /// Refused events of a clinic, and those whose clinic could not be read, newest first, with their sealed bodies: whom and what
    /// they are about is known only from there. At most [`REFUSED_AT_MOST`], and of these only those whose record is not larger than
    /// [`REFUSED_BYTES`]: one search takes no more than 25 MiB.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refused_bodies(
        &self,
        clinic: &str,
        limit: i64,
    ) -> Result<RefusedBodies, LedgerError> {
        let text = format!(
            "-- refused bodies\nSELECT {LISTED} WHERE n.state = 'dead-lettered' AND substr(n.ntf, 1, 4) = 'bad_' \
             AND n.clinic IN ($1, '') ORDER BY n.created_at DESC, n.ntf LIMIT $2"
        );
        let limit = limit.min(REFUSED_AT_MOST);
        // one more than is opened: whether there are more
        let rows = query(text).bind(clinic).bind(limit + 1).fetch_all(self.db.read()).await?;
        let mut rows: Vec<Listed> = rows.iter().map(listed).collect::<Result<_, _>>()?;
        let mut all = rows.len() as i64 <= limit;
        rows.truncate(usize::try_from(limit).unwrap_or_default());
        let ids: Vec<&str> = rows.iter().map(|row| row.ntf.as_str()).collect();
        let bytes: Vec<(String, String)> = query_as(
            "SELECT ntf, bytes FROM record WHERE ntf IN (SELECT value FROM {list:$1}) AND kind = 'event-refused' \
             AND octet_length(bytes) <= $2",
        )
        .bind(json(&ids)?)
        .bind(REFUSED_BYTES)
        .fetch_all(self.db.read())
        .await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let Some((_, bytes)) = bytes.iter().find(|(ntf, _)| *ntf == row.ntf) else {
                all = false;
                continue;
            };
            if let Entry::EventRefused { body, source, id, .. } = Entry::parse(bytes)? {
                found.push(RefusedBody { row, sealed: body, source, id });
            }
        }
        Ok(RefusedBodies { events: found, all })
    }

    /// The sealed body of one refused event.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refused_body(&self, ntf: &str) -> Result<Option<String>, LedgerError> {
        let bytes: Option<String> =
            scalar("SELECT bytes FROM record WHERE ntf = $1 AND kind = 'event-refused' LIMIT 1")
                .bind(ntf)
                .fetch_optional(self.db.read())
                .await?;
        Ok(match bytes.map(|bytes| Entry::parse(&bytes)).transpose()? {
            Some(Entry::EventRefused { body, .. }) => Some(body),
            _ => None,
        })
    }
}
