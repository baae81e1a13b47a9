//! Append-only records: what was received, decided, handed over and answered. State tables are projections of these.
//!
//! Bytes are canonical JSON (RFC 8785): the same entry always has the same bytes, in every language. Personal fields
//! (`body`, `text`) are ciphertext under the person's key; lookup hashes are not in records (DESIGN §4 *Records*).

use crate::access::{AccessKind, Role};
use crate::error::LedgerError;
use crate::facts::WordBy;
use crate::receipts::Delivery;
use crate::state::{Reach, State};
use serde::{Deserialize, Serialize};

/// On what permission, and by which rule, a message was sent or not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentEvidence {
    /// The rule that was applied: `required`, `not-refused`, `none`.
    pub rule: String,
    /// Version of the type whose rule it is, or that the clinic's rule stands in for ([`schemas::EventType::version`]).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule_version: Option<String>,
    /// Who set the rule: `type`, or `clinic` with its legal basis.
    pub rule_from: String,
    /// The clinic's legal basis for a rule weaker than the type's own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub basis: Option<String>,
    /// Who was asked: `iys`, `registry`; absent when nobody had to be.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<String>,
    /// İYS brand that was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub brand: Option<String>,
    /// When the question was answered, milliseconds since 1970 UTC.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub asked_at: Option<i64>,
    /// İYS's id of the request.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<String>,
    /// Whether the number was listed with ONAY (`required`), or whether a RET is known (`not-refused`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub answer: Option<String>,
    /// What the clinic's registry says about this channel, where it was the one that was asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub word: Option<WordEvidence>,
    /// The registry's opt-in, which WhatsApp needs beside the answer of whoever was asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub opt_in: Option<WordEvidence>,
}

/// What the clinic's registry says of a number and a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordEvidence {
    /// `sms`, `whatsapp`.
    pub channel: String,
    /// `given`, `refused`, `none`: nobody ever said anything.
    pub said: String,
    /// When it was said, milliseconds since 1970 UTC.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub said_at: Option<i64>,
    /// The fact that said it; its records tell where it came from and who wrote it down.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fact: Option<String>,
}

/// What one rule of a plan came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// `24h`; `receipt`, `confirmation`, `cancellation`, `change`.
    pub rule: String,
    /// The notification; absent: it was skipped.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ntf: Option<String>,
    /// When it is due, milliseconds since 1970 UTC.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<i64>,
    /// The same on the clinic's wall, with its zone: `2026-11-22T14:30:00 Europe/Istanbul`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wall: Option<String>,
    /// Why it was skipped, in bounded words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub skipped: Option<String>,
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Entry {
    /// An event was accepted for handling; its whole body is kept here, sealed, and nowhere else.
    Received {
        /// CloudEvents type.
        event_type: String,
        /// CloudEvents source.
        source: String,
        /// CloudEvents id.
        id: String,
        /// Hex of SHA-256 over the canonical `type`, `subject`, `data`.
        digest: String,
        /// Whose key seals the body.
        person: String,
        /// The canonical event, sealed for `<ntf>/body`.
        body: String,
        /// Where it came from: a queue's name, `http`, `unroutable`.
        via: String,
    },
    /// It waits for something, until a time or for a lane.
    Waiting {
        /// Why: `quiet-hours`, `retry`, `lane-closed`, `consent-silent`, …
        why: String,
        /// When it is due again, milliseconds since 1970 UTC.
        until: i64,
        /// The lane it waits on.
        lane: String,
        /// Evidence, when consent was asked.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        consent: Option<ConsentEvidence>,
    },
    /// A fact counts. What it says is kept here, sealed; the notifications that it made and stopped are named.
    FactApplied {
        /// CloudEvents type.
        fact_type: String,
        /// CloudEvents source.
        source: String,
        /// CloudEvents id.
        id: String,
        /// Hex of SHA-256 over the canonical `type`, `subject`, `data`.
        digest: String,
        /// Whose key seals the body; absent: nobody's, it is sealed with the installation's.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        person: Option<String>,
        /// The canonical event, sealed for `<fact>/body`.
        body: String,
        /// Where it came from: a queue's name, `http`, `import`.
        via: String,
        /// What was planned, rule by rule.
        plan: Vec<Planned>,
        /// Notifications that it cancelled.
        cancelled: Vec<String>,
    },
    /// A fact that came after something newer, or said again what was known.
    FactStale {
        /// CloudEvents type.
        fact_type: String,
        /// CloudEvents source.
        source: String,
        /// CloudEvents id.
        id: String,
        /// Why, in bounded words.
        why: String,
        /// Where it came from.
        via: String,
    },
    /// A numbered copy went to the broker.
    Released {
        /// Its number.
        n: u64,
        /// It is about a visit and went although facts had not been current for minutes: a cancellation may not have been known.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        facts_not_current: bool,
    },
    /// An attempt was claimed: from here on the message may arrive.
    Claimed {
        /// Number of the attempt.
        attempt: u32,
        /// `sms` or `whatsapp`.
        channel: String,
        /// Provider, account and sender.
        lane: String,
        /// Name of the template.
        template: String,
        /// Hash of the template's source.
        template_version: String,
        /// `gsm7`, `turkish`, `ucs2`.
        encoding: String,
        /// Segments it is billed as.
        segments: u32,
        /// The exact text, sealed for `<ntf>/text/<attempt>`.
        text: String,
        /// On what permission.
        consent: ConsentEvidence,
        /// Earliest and latest instants told to the provider, milliseconds since 1970 UTC.
        starts_at: i64,
        /// See `starts_at`.
        stops_at: i64,
        /// Why not on the first lane of the clinic's order: `lane-closed: <that lane>`, `failover: <that lane>`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        instead: Option<String>,
        /// The clinic's legal basis, in words, where the provider is outside Türkiye.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        transfer_basis: Option<String>,
    },
    /// What became of an attempt.
    Outcome {
        /// Number of the attempt.
        attempt: u32,
        /// `accepted`, `refused`, `failed`, `unknown`.
        outcome: String,
        /// Provider code, bounded: `netgsm:00`, `http:503`, `timeout`.
        code: String,
        /// Masked words of the provider, or ours.
        detail: String,
        /// The provider's id of the message.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        provider_ref: Option<String>,
        /// It came after the row had moved on.
        late: bool,
        /// State of the notification afterwards.
        then: State,
    },
    /// The notification ended without an attempt deciding it.
    Ended {
        /// Final state.
        state: State,
        /// Why, in bounded words; may name another notification.
        why: String,
        /// Evidence, when consent decided.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        consent: Option<ConsentEvidence>,
    },
    /// The lease of a worker ran out.
    LeaseRanOut {
        /// Number of the attempt.
        attempt: u32,
        /// State of the notification afterwards.
        then: State,
    },
    /// Reconciliation looked for an attempt at its provider.
    Looked {
        /// Number of the attempt.
        attempt: u32,
        /// `found`, `absent`, `nothing` (it proved neither), `ambiguous`.
        saw: String,
        /// Why it proved nothing, or what was found.
        why: String,
        /// How often it was absent by now.
        absences: u32,
    },
    /// Reconciliation ended without finding the attempt.
    NotFound {
        /// Number of the attempt.
        attempt: u32,
        /// Whether it is sent again.
        resend: bool,
        /// Whether it is proven that it did not arrive; otherwise nobody could find out.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        absent: bool,
        /// How it was looked for.
        why: String,
        /// State of the notification afterwards, where an earlier attempt had been accepted.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        then: Option<State>,
    },
    /// A provider said what became of a message that it had taken.
    Receipt {
        /// Number of the attempt.
        attempt: u32,
        /// The provider's own word.
        word: String,
        /// What it means; absent: a word that is not known, which shows only that the provider has the message.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        delivery: Option<Delivery>,
        /// Provider code, bounded; may be empty.
        code: String,
        /// Masked words of the provider.
        detail: String,
        /// The provider's id of the message.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        provider_ref: Option<String>,
        /// By the provider's clock, milliseconds since 1970 UTC.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        at: Option<i64>,
        /// `webhook`, `report` or `poll`.
        via: String,
        /// What is known now of the attempt's way to the person.
        reach: Reach,
        /// State of the notification afterwards.
        then: State,
        /// It is another one than before.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        moved: bool,
    },
    /// Nothing was heard of an accepted attempt for so long that its next channel is tried.
    Overdue {
        /// Number of the attempt.
        attempt: u32,
    },
    /// The clinic published the same event again.
    Duplicate {
        /// Where the copy came from.
        via: String,
    },
    /// Two attempts were accepted.
    SentTwice {
        /// The attempt whose acceptance was the second.
        attempt: u32,
    },
    /// Two attempts were accepted on two channels, after the first was lost or not heard of.
    TwoChannel {
        /// The attempt whose acceptance was the second.
        attempt: u32,
    },
    /// An event that no rule accepts; it does not take its identity.
    EventRefused {
        /// Queue it came from.
        queue: String,
        /// The rule that refused it.
        rule: String,
        /// JSON pointer to what is wrong.
        path: String,
        /// Source, where readable.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        source: Option<String>,
        /// Id, where readable.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        id: Option<String>,
        /// Whether a person may be read from the body; then copies carry only the reference.
        holds_person: bool,
        /// The body, sealed with the installation's key for `<bad id>/body`.
        body: String,
    },
    /// The broker gave a body back.
    Returned {
        /// `ulak.returned` or `ulak.unroutable`.
        queue: String,
    },
    /// A dead letter was put back: every decision about it is made again.
    Replayed {
        /// Who did it: user and machine.
        who: String,
        /// Why, in that person's words.
        why: String,
    },
    /// The event of a refused one was taken in after all, as a notification of its own.
    TakenIn {
        /// That notification.
        into: String,
        /// Who did it.
        who: String,
        /// Why, in that person's words.
        why: String,
    },
    /// Somebody looked after a dead letter and wants to see it in lists no more. It stays what it is in the books.
    Dropped {
        /// Who did it.
        who: String,
        /// Why, in that person's words.
        why: String,
    },
    /// Somebody stopped it before it went out; the record before this one ended it.
    Stopped {
        /// Who did it: user and machine.
        who: String,
        /// Why, in that person's words.
        why: String,
    },
    /// Personal data was opened for a person; written before it is shown.
    Revealed {
        /// Who asked for it.
        who: String,
        /// Why, in that person's words.
        why: String,
        /// What was opened: `body`, `text`.
        fields: Vec<String>,
    },
    /// A lane closed, opened, or is being tried.
    Lane {
        /// Provider, account and sender.
        lane: String,
        /// `closed`, `trying`, `open`.
        state: String,
        /// Why.
        why: String,
        /// Who did it, if it was a person.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        who: Option<String>,
    },
    /// A number was put on the suppression list.
    PersonSuppressed {
        /// Why.
        why: String,
    },
    /// What a person said about being contacted stands from now on.
    ConsentSaid {
        /// For which channels: of others something later was said before.
        channels: Vec<String>,
        /// `given`, `refused`.
        said: String,
        /// When it was said, milliseconds since 1970 UTC.
        said_at: i64,
        /// Where the proof lies, in a short word.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        evidence: Option<String>,
        /// Who wrote it down, where a person did.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        by: Option<WordBy>,
    },
    /// Somebody asked what is known of a number's consent.
    ConsentChecked {
        /// Who asked.
        who: String,
        /// Whose number it is, if the clinic knows the person.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        person: Option<String>,
        /// `iys`, `netgsm`, `registry`.
        source: String,
        /// What that said: `listed`, `onay`, `ret`, `no-record`, `silent: …`, `given`, `refused`.
        answer: String,
    },
    /// A token was made.
    TokenCreated {
        /// Its id.
        token: String,
        /// What it is for, in that person's words.
        label: String,
        /// Who did it.
        who: String,
        /// Its role; absent: the HTTP door's.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        role: Option<Role>,
        /// When it ends by itself, milliseconds since 1970 UTC; absent: never.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        expires_at: Option<i64>,
    },
    /// A token was ended.
    TokenRevoked {
        /// Its id.
        token: String,
        /// Who did it.
        who: String,
    },
    /// Somebody saw or did something on the pages, or took rows away as a file.
    Access {
        /// Who: a token with its label, or user and machine.
        who: String,
        /// Id of the token, where one was used.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        token: Option<String>,
        /// Its role.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        role: Option<Role>,
        /// What.
        what: AccessKind,
    },
}

impl Entry {
    /// It could not be found out whether an attempt arrived.
    pub(crate) fn not_found(attempt: u32, why: &str, to: State) -> Self {
        let then = (to != State::Unresolved).then_some(to);
        Self::NotFound { attempt, resend: false, absent: false, why: why.to_owned(), then }
    }

    /// Name of the kind, as in the `kind` column.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Received { .. } => "received",
            Self::Waiting { .. } => "waiting",
            Self::FactApplied { .. } => "fact-applied",
            Self::FactStale { .. } => "fact-stale",
            Self::Released { .. } => "released",
            Self::Claimed { .. } => "claimed",
            Self::Outcome { .. } => "outcome",
            Self::Ended { .. } => "ended",
            Self::LeaseRanOut { .. } => "lease-ran-out",
            Self::Looked { .. } => "looked",
            Self::NotFound { .. } => "not-found",
            Self::Duplicate { .. } => "duplicate",
            Self::SentTwice { .. } => "sent-twice",
            Self::TwoChannel { .. } => "two-channel",
            Self::Receipt { .. } => "receipt",
            Self::Overdue { .. } => "overdue",
            Self::EventRefused { .. } => "event-refused",
            Self::Returned { .. } => "returned",
            Self::Replayed { .. } => "replayed",
            Self::TakenIn { .. } => "taken-in",
            Self::Dropped { .. } => "dropped",
            Self::Stopped { .. } => "stopped",
            Self::Revealed { .. } => "revealed",
            Self::Lane { .. } => "lane",
            Self::PersonSuppressed { .. } => "person-suppressed",
            Self::ConsentSaid { .. } => "consent-said",
            Self::ConsentChecked { .. } => "consent-checked",
            Self::TokenCreated { .. } => "token-created",
            Self::TokenRevoked { .. } => "token-revoked",
            Self::Access { .. } => "access",
        }
    }

    /// The deterministic bytes.
    ///
    /// # Errors
    /// When the entry cannot be written as JSON, which no entry of this type is.
    pub fn bytes(&self) -> Result<String, LedgerError> {
        let wrong = |e| LedgerError::Corrupt(format!("record of kind {}: {e}", self.kind()));
        // as RFC 8785 wants it where there are no fractions and all names are ASCII, in half the time
        let mut value = serde_json::to_value(self).map_err(wrong)?;
        value.sort_all_objects();
        serde_json::to_string(&value).map_err(wrong)
    }

    /// Reads bytes back.
    ///
    /// # Errors
    /// When the bytes are of a newer program or damaged.
    pub fn parse(bytes: &str) -> Result<Self, LedgerError> {
        serde_json::from_str(bytes).map_err(|e| LedgerError::Corrupt(format!("record: {e}")))
    }
}

/// A record about to be appended.
#[derive(Debug, Clone, Serialize)]
pub struct NewRecord {
    /// Clinic, empty where no clinic is concerned.
    pub clinic: String,
    /// Notification, empty where none is concerned.
    pub ntf: String,
    /// Kind of the entry.
    pub kind: &'static str,
    /// Milliseconds since 1970 UTC, the database's clock.
    pub at: i64,
    /// Canonical JSON.
    pub bytes: String,
}

impl NewRecord {
    /// Builds a record of an entry.
    ///
    /// # Errors
    /// As [`Entry::bytes`].
    pub fn of(clinic: &str, ntf: &str, at: i64, entry: &Entry) -> Result<Self, LedgerError> {
        Ok(Self {
            clinic: clinic.to_owned(),
            ntf: ntf.to_owned(),
            kind: entry.kind(),
            at,
            bytes: entry.bytes()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_canonical_and_carry_the_kind() {
        let entry = Entry::Ended {
            state: State::Expired,
            why: "appointment-past".to_owned(),
            consent: None,
        };
        assert_eq!(
            entry.bytes().unwrap(),
            r#"{"kind":"ended","state":"expired","why":"appointment-past"}"#
        );
        assert_eq!(Entry::parse(&entry.bytes().unwrap()).unwrap(), entry);
        assert!(entry.bytes().unwrap().contains(&format!(r#""kind":"{}""#, entry.kind())));
        let odd = "\u{0}\u{1f}\u{7f}\u{80}\u{2028}\u{1d11e}\"\\/\u{8}\u{c}\n\r\t\u{131}";
        let entry = Entry::Outcome {
            attempt: 2,
            outcome: odd.to_owned(),
            code: String::new(),
            detail: odd.to_owned(),
            provider_ref: Some(odd.to_owned()),
            late: true,
            then: State::Waiting,
        };
        assert_eq!(entry.bytes().unwrap(), serde_json_canonicalizer::to_string(&entry).unwrap());
    }
}
