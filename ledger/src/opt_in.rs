//! The registry: what a clinic's people said themselves about being contacted, channel by channel. Who never said anything has no word.
//!
//! It is asked only where its answer matters: for WhatsApp, which needs an opt-in, and where it is the consent source (DESIGN §4
//! *Consent*). Text messages of other installations cost nothing more.

use crate::db::Ledger;
use crate::engine::{columns, query};
use crate::error::LedgerError;
use crate::facts::said;
use crate::record::WordEvidence;
use crate::slice;
use schemas::Channel;
use serde::Serialize;
use std::collections::HashMap;

/// A number whose words are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordsAsk {
    /// Keyed hash under which words are kept: [`crate::vault::Purpose::Suppression`].
    pub key: String,
    /// Keyed hash of the person: [`crate::vault::Purpose::Person`].
    pub person: String,
}

/// The last word about a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The person refused; otherwise agreed.
    pub refused: bool,
    /// When it was said, milliseconds since 1970 UTC.
    pub said_at: i64,
    /// The fact that said it; absent where it was taken down before facts were kept with words.
    pub fact: Option<String>,
}

/// What is known of a number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// The person's revision when this was read, 0 if nobody knows the person. Every word raises it: a claim that is decided on words
    /// must not stand on a higher one (PROTOCOL rule 3).
    pub rev: i64,
    sms: Option<Word>,
    whatsapp: Option<Word>,
}

impl Words {
    /// With this word about a channel.
    #[must_use]
    pub fn with(mut self, channel: Channel, word: Word) -> Self {
        match channel {
            Channel::Sms => self.sms = Some(word),
            Channel::Whatsapp => self.whatsapp = Some(word),
        }
        self
    }

    /// As of this revision of the person.
    #[must_use]
    pub fn as_of(self, rev: i64) -> Self {
        Self { rev, ..self }
    }

    /// What was last said about a channel.
    pub fn of(&self, channel: Channel) -> Option<&Word> {
        match channel {
            Channel::Sms => self.sms.as_ref(),
            Channel::Whatsapp => self.whatsapp.as_ref(),
        }
    }

    /// Whether the person agreed to be contacted on a channel, and has not taken it back.
    pub fn given(&self, channel: Channel) -> bool {
        self.of(channel).is_some_and(|word| !word.refused)
    }

    /// Whether the person refused a channel.
    pub fn refused(&self, channel: Channel) -> bool {
        self.of(channel).is_some_and(|word| word.refused)
    }

    /// What the record of a decision keeps of it.
    pub fn evidence(&self, channel: Channel) -> WordEvidence {
        let word = self.of(channel);
        WordEvidence {
            channel: channel.as_str().to_owned(),
            said: word.map_or("none", |word| said(word.refused)).to_owned(),
            said_at: word.map(|word| word.said_at),
            fact: word.and_then(|word| word.fact.clone()),
        }
    }
}

impl Ledger {
    /// What is known of numbers, one answer for each.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn words(&self, asks: &[WordsAsk]) -> Result<Vec<Words>, LedgerError> {
        #[derive(Serialize)]
        struct Of<'a> {
            kind: &'static str,
            key: &'a str,
        }
        let mut keys = Vec::with_capacity(asks.len() * 2);
        for ask in asks {
            keys.push(Of { kind: "word", key: &ask.key });
            keys.push(Of { kind: "person", key: &ask.person });
        }
        // one statement: words and revision are of the same moment
        let found = query(
            "-- words\nWITH r AS (SELECT kind, key FROM {rows:kind text, key text}) \
             SELECT 'word' AS kind, w.key, w.channel, w.refused AS i, w.said_at, coalesce(w.fact, '') AS fact \
               FROM r JOIN consent_word w ON w.key = r.key WHERE r.kind = 'word' \
             UNION ALL SELECT 'person', p.lookup, '', p.rev, 0, '' FROM r JOIN person p ON p.lookup = r.key WHERE r.kind = 'person'",
        )
        .bind(columns(&keys)?)
        .fetch_all(self.db.read())
        .await?;
        let mut words: HashMap<String, Words> = HashMap::new();
        let mut revs: HashMap<String, i64> = HashMap::new();
        for row in &found {
            let (kind, key): (String, String) = (row.try_get("kind")?, row.try_get("key")?);
            let i: i64 = row.try_get("i")?;
            if kind == "person" {
                revs.insert(key, i);
                continue;
            }
            let (channel, fact): (String, String) = (row.try_get("channel")?, row.try_get("fact")?);
            let channel = Channel::parse(&channel)
                .ok_or_else(|| LedgerError::Corrupt(format!("word about channel {channel:?}")))?;
            let fact = Some(fact).filter(|fact| !fact.is_empty());
            let word = Word { refused: i == 1, said_at: row.try_get("said_at")?, fact };
            let known = words.remove(&key).unwrap_or_default();
            words.insert(key, known.with(channel, word));
        }
        let take = |ask: &WordsAsk| {
            let known = words.get(&ask.key).cloned().unwrap_or_default();
            known.as_of(revs.get(&ask.person).copied().unwrap_or(0))
        };
        Ok(asks.iter().map(take).collect())
    }

    /// [`Ledger::words`] with an answer for each: what cannot be understood fails alone.
    pub async fn words_each(&self, asks: &[WordsAsk]) -> Vec<Result<Words, LedgerError>> {
        slice::each(asks.len(), |range| self.words(&asks[range])).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(refused: bool) -> Word {
        Word { refused, said_at: 7, fact: Some("fct_a".to_owned()) }
    }

    #[test]
    fn a_word_is_of_its_channel_alone_and_is_told_with_its_fact() {
        let words = Words::default().with(Channel::Sms, word(true));
        assert!(words.refused(Channel::Sms) && !words.given(Channel::Sms));
        assert!(!words.refused(Channel::Whatsapp) && !words.given(Channel::Whatsapp));
        let evidence = words.evidence(Channel::Sms);
        assert_eq!((evidence.said.as_str(), evidence.said_at), ("refused", Some(7)));
        assert_eq!(evidence.fact.as_deref(), Some("fct_a"));
        let none = words.evidence(Channel::Whatsapp);
        assert_eq!((none.said.as_str(), none.said_at, none.fact), ("none", None, None));
        let given = words.with(Channel::Whatsapp, word(false));
        assert!(given.given(Channel::Whatsapp) && given.refused(Channel::Sms));
        assert_eq!(given.evidence(Channel::Whatsapp).said, "given");
    }
}
