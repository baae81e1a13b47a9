//! What the clinic's registry says of a message's number: the opt-in that WhatsApp needs beside the answer of the consent source, and
//! that source itself where it is the registry (DESIGN §4 *Consent*).
//!
//! [`look`] is called once a look, before the route is chosen where WhatsApp is a channel that the message could take; the decision calls
//! it where nobody did and it needs it. [`allows`] is what the route asks. Words are as of a revision of the person, and the claim stands
//! on no higher one: what was said between decision and claim stops it.

use crate::pipeline::decide::{Consent, OptIn};
use crate::pipeline::validate::Work;
use crate::settings::ConsentSource;
use crate::worker::Worker;
use chrono::{DateTime, Utc};
use ledger::LedgerError;
use ledger::opt_in::{Words, WordsAsk};
use ledger::record::{ConsentEvidence, WordEvidence};
use schemas::{Channel, ConsentRule};

/// Reads what is known of the number, unless this look did already.
///
/// # Errors
/// When the ledger does not answer.
pub async fn look(worker: &Worker, work: &mut Work<'_>) -> Result<(), LedgerError> {
    if work.words.is_none() {
        let (key, person) = (work.keys.suppression.clone(), work.keys.person.clone());
        let words = worker.asks.words.ask(WordsAsk { key, person }).await?;
        work.person.rev = basis(work.person.rev, Some(&words));
        work.words = Some(words);
    }
    Ok(())
}

/// Whether the decision about this channel stands on the registry.
pub fn is_needed(worker: &Worker, channel: Channel) -> bool {
    channel == Channel::Whatsapp || worker.settings.consent_source == ConsentSource::Registry
}

/// Whether the person's opt-in lets a message take WhatsApp, as far as [`look`] knows; without a look it does not.
pub fn allows(work: &Work<'_>) -> bool {
    work.words.as_ref().is_some_and(|words| words.given(Channel::Whatsapp))
}

/// The revision of the person that a claim stands on: of the two reads the earlier one.
pub fn basis(rev: i64, words: Option<&Words>) -> i64 {
    words.map_or(rev, |words| rev.min(words.rev))
}

/// What the decision about a channel needs of the registry.
pub fn of(words: Option<&Words>, channel: Channel) -> OptIn {
    match channel {
        Channel::Sms => OptIn::NotNeeded,
        Channel::Whatsapp if words.is_some_and(|words| words.given(channel)) => OptIn::Given,
        Channel::Whatsapp => OptIn::Missing,
    }
}

/// What the record of the decision keeps of it; `None`: this channel needs no opt-in.
pub fn evidence(words: Option<&Words>, channel: Channel) -> Option<WordEvidence> {
    let words = words.filter(|_| channel == Channel::Whatsapp)?;
    Some(words.evidence(channel))
}

/// The registry as the consent source: `required` needs a word that gives consent for the channel, `not-refused` none that refuses it.
pub fn answer(
    words: &Words,
    channel: Channel,
    rule: ConsentRule,
    asked_at: DateTime<Utc>,
    evidence: &mut ConsentEvidence,
) -> Consent {
    let (allowed, word) = match (words.of(channel), rule) {
        (Some(word), _) if word.refused => (false, "refused"),
        (Some(_), _) => (true, "given"),
        (None, ConsentRule::Required) => (false, "no-record"),
        (None, ConsentRule::NotRefused | ConsentRule::None) => (true, "no-refusal"),
    };
    evidence.source = Some("registry".to_owned());
    evidence.asked_at = Some(asked_at.timestamp_millis());
    evidence.answer = Some(word.to_owned());
    evidence.word = Some(words.evidence(channel));
    if allowed { Consent::Given { asked_at } } else { Consent::NotGiven }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::opt_in::Word;
    use proptest::prelude::*;

    fn nothing() -> ConsentEvidence {
        ConsentEvidence {
            rule: "required".to_owned(),
            rule_version: None,
            rule_from: "type".to_owned(),
            basis: None,
            source: None,
            brand: None,
            asked_at: None,
            request_id: None,
            answer: None,
            word: None,
            opt_in: None,
        }
    }

    fn said(refused: bool) -> Word {
        Word { refused, said_at: 5, fact: Some("fct_a".to_owned()) }
    }

    fn asked(words: &Words, rule: ConsentRule) -> (bool, String) {
        let mut evidence = nothing();
        let now = DateTime::UNIX_EPOCH;
        let consent = answer(words, Channel::Sms, rule, now, &mut evidence);
        let said = evidence.answer.clone().unwrap();
        assert_eq!(evidence.source.as_deref(), Some("registry"));
        assert_eq!(evidence.word, Some(words.evidence(Channel::Sms)));
        (matches!(consent, Consent::Given { .. }), said)
    }

    #[test]
    fn the_registry_as_source_goes_by_the_word_about_the_channel() {
        use ConsentRule::{NotRefused, Required};
        let none = Words::default().with(Channel::Whatsapp, said(false));
        assert_eq!(asked(&none, Required), (false, "no-record".to_owned()), "WhatsApp is another");
        assert_eq!(asked(&none, NotRefused), (true, "no-refusal".to_owned()));
        let given = Words::default().with(Channel::Sms, said(false));
        let refused = Words::default().with(Channel::Sms, said(true));
        for rule in [Required, NotRefused] {
            assert_eq!(asked(&given, rule), (true, "given".to_owned()));
            assert_eq!(asked(&refused, rule), (false, "refused".to_owned()));
        }
    }

    #[test]
    fn only_whatsapp_needs_an_opt_in_and_only_a_word_about_it_is_one() {
        let sms = Words::default().with(Channel::Sms, said(false));
        let both = sms.clone().with(Channel::Whatsapp, said(false));
        let taken_back = sms.clone().with(Channel::Whatsapp, said(true));
        for words in [None, Some(&sms), Some(&taken_back)] {
            assert_eq!(of(words, Channel::Whatsapp), OptIn::Missing);
            assert_eq!(of(words, Channel::Sms), OptIn::NotNeeded);
        }
        assert_eq!(of(Some(&both), Channel::Whatsapp), OptIn::Given);
        assert_eq!(evidence(Some(&both), Channel::Sms), None);
        let kept = evidence(Some(&taken_back), Channel::Whatsapp).unwrap();
        assert_eq!((kept.said.as_str(), kept.said_at), ("refused", Some(5)));
        assert_eq!(evidence(Some(&sms), Channel::Whatsapp).unwrap().said, "none");
    }

    proptest! {
        /// What was said after either of the two reads raised the revision beyond what the claim stands on.
        #[test]
        fn a_claim_stands_on_the_earlier_of_both_reads(seen in 0..9_i64, words in 0..9_i64) {
            let known = Words::default().as_of(words);
            let basis = basis(seen, Some(&known));
            prop_assert!(basis <= seen && basis <= words);
            prop_assert!(basis == seen || basis == words);
        }
    }
}
