//! What of an envelope is kept, whether it carries a notification or a fact.

use chrono::{DateTime, FixedOffset};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::canonical::canonical;

/// The attributes that make an event and those that are kept with it.
pub(crate) struct Kept<'a> {
    pub(crate) source: &'a str,
    pub(crate) id: &'a str,
    pub(crate) event_type: &'a str,
    pub(crate) time: DateTime<FixedOffset>,
    pub(crate) subject: Option<&'a str>,
    pub(crate) data: &'a Value,
    pub(crate) traceparent: Option<&'a str>,
}

impl Kept<'_> {
    /// SHA-256 over RFC 8785 of `type`, `subject` (left out when absent) and `data`.
    pub(crate) fn digest(&self) -> [u8; 32] {
        #[derive(Serialize)]
        struct Digested<'a> {
            data: &'a Value,
            #[serde(skip_serializing_if = "Option::is_none")]
            subject: Option<&'a str>,
            r#type: &'a str,
        }
        let digested = Digested { data: self.data, subject: self.subject, r#type: self.event_type };
        Sha256::digest(canonical(&digested)).into()
    }

    /// All of it as canonical JSON, personal data included.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Envelope<'a> {
            data: &'a Value,
            id: &'a str,
            source: &'a str,
            specversion: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            subject: Option<&'a str>,
            time: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            traceparent: Option<&'a str>,
            r#type: &'a str,
        }
        canonical(&Envelope {
            data: self.data,
            id: self.id,
            source: self.source,
            specversion: "1.0",
            subject: self.subject,
            time: self.time.to_rfc3339(),
            traceparent: self.traceparent,
            r#type: self.event_type,
        })
    }
}
