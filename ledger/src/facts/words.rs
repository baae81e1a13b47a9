//! What persons say about being contacted, channel by channel: the later word holds, in whatever order they arrive.

use crate::db::Ledger;
use crate::engine::{Tx, query};
use crate::error::LedgerError;
use crate::record::Entry;
use schemas::Channel;
use serde::{Deserialize, Serialize};

/// What a person said, as a fact tells it.
#[derive(Debug, Clone)]
pub struct FactWord {
    /// Keyed hash for the suppression list.
    pub key: String,
    /// Keyed hash of the person.
    pub person: String,
    /// Channels that it holds for.
    pub channels: Vec<Channel>,
    /// The person refused; otherwise an earlier refusal is taken back.
    pub refused: bool,
    /// When it was said, milliseconds since 1970 UTC.
    pub said_at: i64,
    /// Why a number is suppressed by it, in bounded words.
    pub why: String,
    /// Where the proof lies, in a short word that names nobody.
    pub evidence: Option<String>,
    /// Who wrote it down, where a person did.
    pub by: Option<WordBy>,
}

/// A person who wrote down what another one said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordBy {
    /// User and machine.
    pub who: String,
    /// Why, in that person's words.
    pub why: String,
    /// Line and file it was read from: `line 12 of list.csv (sha256 0123456789abcdef)`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<String>,
}

/// A word that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaidWord {
    /// The channel that it holds for.
    pub channel: Channel,
    /// The person refused.
    pub refused: bool,
    /// When it was said, milliseconds since 1970 UTC.
    pub said_at: i64,
}

impl SaidWord {
    /// Whether it stands against another one about the same channel: the later one does, and at the same instant a refusal.
    pub fn stands_against(&self, refused: bool, said_at: i64) -> bool {
        (self.said_at, self.refused) >= (said_at, refused)
    }
}

impl Ledger {
    /// Writes what a person said, and raises the person's revision. The suppression list is what was last said about text messages:
    /// a word about another channel alone neither puts a number on it nor takes it off. `fact` is the fact that says it. Returns what
    /// the log says of it; `None`: later words stand.
    pub(super) async fn say_in(
        &self,
        tx: &mut Tx,
        (clinic, fact): (&str, &str),
        word: &FactWord,
    ) -> Result<Option<Entry>, LedgerError> {
        let mut took = vec![];
        for channel in &word.channels {
            let written = query(
                "-- say\nINSERT INTO consent_word (key, channel, clinic, refused, said_at, fact) VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (key, channel) DO UPDATE SET refused = excluded.refused, said_at = excluded.said_at, fact = excluded.fact \
                 WHERE consent_word.said_at < excluded.said_at \
                   OR (consent_word.said_at = excluded.said_at AND consent_word.refused < excluded.refused)",
            )
            .bind(&word.key)
            .bind(channel.as_str())
            .bind(clinic)
            .bind(i64::from(word.refused))
            .bind(word.said_at)
            .bind(fact)
            .execute(&mut *tx)
            .await?;
            if written == 0 {
                continue;
            }
            took.push(channel.as_str().to_owned());
            if *channel == Channel::Sms {
                if word.refused {
                    put_on_list(tx, clinic, &word.key, &word.why, word.said_at).await?;
                } else {
                    take_off_list(tx, &word.key, word.said_at).await?;
                }
            }
        }
        if took.is_empty() {
            return Ok(None);
        }
        self.raise_person(tx, clinic, &word.person).await?;
        Ok(Some(word.entry(took)))
    }
}

impl FactWord {
    /// For the log: for which channels it stands from now on.
    fn entry(&self, channels: Vec<String>) -> Entry {
        Entry::ConsentSaid {
            channels,
            said: said(self.refused).to_owned(),
            said_at: self.said_at,
            evidence: self.evidence.clone(),
            by: self.by.clone(),
        }
    }
}

/// `given`, `refused`: a word as records and people write it.
pub(crate) fn said(refused: bool) -> &'static str {
    if refused { "refused" } else { "given" }
}

/// Puts a number on the suppression list; one that is on it keeps its reason.
pub(crate) async fn put_on_list(
    tx: &mut Tx,
    clinic: &str,
    key: &str,
    why: &str,
    at: i64,
) -> Result<(), LedgerError> {
    query(
        "-- put on list\nINSERT INTO suppression (key, clinic, why, at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (key) DO UPDATE SET at = excluded.at WHERE suppression.at < excluded.at",
    )
    .bind(key)
    .bind(clinic)
    .bind(why)
    .bind(at)
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes a number off, unless it was put on later.
async fn take_off_list(tx: &mut Tx, key: &str, said_at: i64) -> Result<(), LedgerError> {
    query("-- take off list\nDELETE FROM suppression WHERE key = $1 AND at < $2")
        .bind(key)
        .bind(said_at)
        .execute(tx)
        .await?;
    Ok(())
}
