//! The names of clinics and notifications.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// A clinic's name in `source` (`/clinics/<id>`), in configuration and in every row.
///
/// `[a-z0-9][a-z0-9-]{0,62}`: it is a label of DNS, a key of TOML and a word in a log line at once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClinicId(String);

/// Why a text is no clinic id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a clinic id is 1 to 63 of a-z, 0-9 and -, and does not begin with -")]
pub struct ClinicIdRefusal;

impl ClinicId {
    /// Takes a clinic id as it is written; nothing is trimmed or folded.
    pub fn parse(text: &str) -> Result<Self, ClinicIdRefusal> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let good = (1..=63).contains(&bytes.len())
            && plain(bytes[0])
            && bytes.iter().all(|&byte| plain(byte) || byte == b'-');
        if good { Ok(Self(text.to_owned())) } else { Err(ClinicIdRefusal) }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The `source` of this clinic's events: `/clinics/<id>`.
    pub fn source(&self) -> String {
        format!("{SOURCE_PREFIX}{}", self.0)
    }

    /// The clinic that a `source` names.
    pub fn of_source(source: &str) -> Result<Self, ClinicIdRefusal> {
        Self::parse(source.strip_prefix(SOURCE_PREFIX).ok_or(ClinicIdRefusal)?)
    }
}

const SOURCE_PREFIX: &str = "/clinics/";

impl fmt::Display for ClinicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for ClinicId {
    type Err = ClinicIdRefusal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for ClinicId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ClinicId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The name of a notification: `ntf_` or `bad_` and 26 letters.
///
/// It is made from what the clinic sent, so that every process and every redelivery finds the same one
/// (DESIGN §4, *Identity*).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NotificationId(String);

const OF_EVENT: &str = "ntf_";
const OF_REFUSED: &str = "bad_";
/// Bytes of the SHA-256 that are kept.
const KEPT: usize = 16;

impl NotificationId {
    /// The id of an event: `ntf_` and the base32 of the first 16 bytes of SHA-256(source ‖ 0 ‖ id).
    pub fn of_event(source: &str, id: &str) -> Self {
        Self::hashed(OF_EVENT, &[source.as_bytes(), id.as_bytes()])
    }

    /// The id of a body that was refused, which does not take the event's identity (`PROTOCOL.md` §2.13):
    /// `bad_` and the same over queue ‖ 0 ‖ AMQP message id ‖ 0 ‖ body.
    pub fn of_refused(queue: &str, message_id: &str, body: &[u8]) -> Self {
        Self::hashed(OF_REFUSED, &[queue.as_bytes(), message_id.as_bytes(), body])
    }

    fn hashed(prefix: &str, parts: &[&[u8]]) -> Self {
        Self(hashed(prefix, parts))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads an id back; `None` if it cannot have been made by this type.
    pub fn parse(text: &str) -> Option<Self> {
        let code = text.strip_prefix(OF_EVENT).or_else(|| text.strip_prefix(OF_REFUSED))?;
        is_code(code).then(|| Self(text.to_owned()))
    }

    /// Whether this names a refused body and not an event.
    pub fn is_refused_event(&self) -> bool {
        self.0.starts_with(OF_REFUSED)
    }
}

impl fmt::Display for NotificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for NotificationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for NotificationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom("a notification id is ntf_ or bad_ and 26 letters of base32")
        })
    }
}

/// The name of a fact that a clinic published: `fct_` and 26 letters, made as those of notifications are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactId(String);

const OF_FACT: &str = "fct_";

impl FactId {
    /// The id of a fact: `fct_` and the base32 of the first 16 bytes of SHA-256(source ‖ 0 ‖ id).
    pub fn of_event(source: &str, id: &str) -> Self {
        Self(hashed(OF_FACT, &[source.as_bytes(), id.as_bytes()]))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads an id back; `None` if it cannot have been made by this type.
    pub fn parse(text: &str) -> Option<Self> {
        is_code(text.strip_prefix(OF_FACT)?).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for FactId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FactId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("a fact id is fct_ and 26 letters of base32"))
    }
}

/// `prefix` and the base32 of the first 16 bytes of the SHA-256 over the parts with a 0 between them.
fn hashed(prefix: &str, parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            hash.update([0]);
        }
        hash.update(part);
    }
    let mut text = String::with_capacity(prefix.len() + 26);
    text.push_str(prefix);
    BASE32_NOPAD.encode_append(&hash.finalize()[..KEPT], &mut text);
    text.make_ascii_lowercase();
    text
}

/// Whether a text is what [`hashed`] puts behind its prefix.
fn is_code(code: &str) -> bool {
    !code.bytes().any(|byte| byte.is_ascii_uppercase())
        && BASE32_NOPAD
            .decode(code.to_ascii_uppercase().as_bytes())
            .is_ok_and(|bytes| bytes.len() == KEPT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_id_of_an_event_is_fixed_for_ever() {
        // Rows are found by it: a change of the recipe loses every notification there is.
        // printf '/clinics/atasehir\0A' | sha256sum | cut -c1-32 | xxd -r -p | base32
        let id = NotificationId::of_event("/clinics/atasehir", "A");
        assert_eq!(id.as_str(), "ntf_cm7yd2mz4euo47fdqah6bov3ji");
        assert!(!id.is_refused_event());
    }

    #[test]
    fn parts_of_an_id_cannot_be_shifted_into_one_another() {
        assert_ne!(NotificationId::of_event("ab", "c"), NotificationId::of_event("a", "bc"));
        let refused = NotificationId::of_refused("q", "m", b"body");
        assert_ne!(refused, NotificationId::of_refused("q", "mb", b"ody"));
        assert!(refused.is_refused_event());
    }

    #[test]
    fn only_a_canonical_notification_id_is_read_back() {
        for bad in [
            "",
            "ntf_",
            "ntf_MFRGGZDFMZTWQ2LKNNWG23TPOA",
            "ntf_aaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "ntf_aaaaaaaaaaaaaaaaaaaaaaaaab", // bits behind the last byte
            "ntf_aaaaaaaaaaaaaaaaaaaaaaaaa1",
            "xyz_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert_eq!(NotificationId::parse(bad), None, "{bad}");
        }
        assert!(NotificationId::parse("ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa").is_some());
    }

    #[test]
    fn a_fact_has_the_code_of_its_identity_under_its_own_prefix() {
        let fact = FactId::of_event("/clinics/atasehir", "A");
        assert_eq!(fact.as_str(), "fct_cm7yd2mz4euo47fdqah6bov3ji");
        assert_eq!(FactId::parse(fact.as_str()), Some(fact.clone()));
        assert_eq!(NotificationId::parse(fact.as_str()), None);
        assert_eq!(FactId::parse("ntf_cm7yd2mz4euo47fdqah6bov3ji"), None);
        assert_eq!(FactId::parse("fct_CM7YD2MZ4EUO47FDQAH6BOV3JI"), None);
        let json = serde_json::to_string(&fact).unwrap();
        assert_eq!(serde_json::from_str::<FactId>(&json).unwrap(), fact);
    }

    #[test]
    fn a_clinic_id_is_a_small_label() {
        for good in ["atasehir", "a", "0", "dis-hekimi-3", &"a".repeat(63)] {
            assert!(ClinicId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "Atasehir", "ataşehir", "a_b", "a/b", " a", &"a".repeat(64)] {
            assert!(ClinicId::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(
            ClinicId::of_source("/clinics/atasehir").map(|clinic| clinic.source()).as_deref(),
            Ok("/clinics/atasehir")
        );
        assert!(serde_json::from_str::<ClinicId>("\"A\"").is_err());
    }

    proptest! {
        #[test]
        fn every_id_reads_back_as_itself(source in ".*", id in ".*", body in any::<Vec<u8>>()) {
            for made in [NotificationId::of_event(&source, &id), NotificationId::of_refused(&source, &id, &body)] {
                prop_assert_eq!(NotificationId::parse(made.as_str()), Some(made.clone()));
                let json = serde_json::to_string(&made).unwrap();
                prop_assert_eq!(serde_json::from_str::<NotificationId>(&json).unwrap(), made);
            }
        }

        #[test]
        fn reading_an_id_never_panics(text in ".*") {
            let _ = NotificationId::parse(&text);
            let _ = ClinicId::parse(&text);
            let _ = ClinicId::of_source(&text);
            let _ = FactId::parse(&text);
        }
    }
}
