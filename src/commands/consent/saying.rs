//! What a person said, as the fact that a clinic's own system would have published.

use chrono::{DateTime, SecondsFormat, Utc};
use ledger::vault::{Purpose, Vault};
use schemas::{Channel, ClinicId, FactEvent, PhoneNumber, Refusal, Registry};
use serde_json::json;

/// What a person said. It names the person: its `Debug` shows a masked number.
#[derive(Debug, Clone)]
pub(super) struct Saying {
    /// The number.
    pub(super) phone: PhoneNumber,
    /// The channel that it holds for; `None`: all.
    pub(super) channel: Option<Channel>,
    /// The person refused; otherwise agreed.
    pub(super) refused: bool,
    /// When it was said, milliseconds since 1970 UTC.
    pub(super) at: i64,
    /// Where the proof lies.
    pub(super) evidence: Option<String>,
}

impl Saying {
    /// `given`, `refused`.
    pub(super) const fn said(&self) -> &'static str {
        if self.refused { "refused" } else { "given" }
    }

    /// Names of the channels that it holds for.
    pub(super) fn channels(&self) -> Vec<&'static str> {
        super::channels(self.channel).into_iter().map(Channel::as_str).collect()
    }

    /// Its fact, held against the contract like any other. The same saying is the same fact, whoever writes it down again: its id is
    /// a keyed hash of it, which tells nobody the number.
    ///
    /// # Errors
    /// It says something that no fact may.
    pub(super) fn fact(
        &self,
        registry: &Registry,
        vault: &Vault,
        clinic: &ClinicId,
        now: i64,
    ) -> Result<FactEvent, Refusal> {
        let channel = self.channel.map_or("all", Channel::as_str);
        let at = instant(self.at);
        let evidence = self.evidence.as_deref().unwrap_or_default();
        let parts =
            [clinic.as_str(), "consent", self.phone.e164(), channel, self.said(), &at, evidence];
        let mut consent = json!({ "status": self.said(), "channel": channel, "at": at });
        if let (Some(consent), Some(evidence)) = (consent.as_object_mut(), &self.evidence) {
            consent.insert("evidence".to_owned(), evidence.as_str().into());
        }
        let body = json!({
            "specversion": "1.0",
            "id": format!("consent/{}", vault.hash(Purpose::Import, &parts)),
            "source": clinic.source(),
            "type": "clinic.consent-changed.v1",
            "time": instant(now),
            "datacontenttype": "application/json",
            "data": { "recipient": { "phone": self.phone.e164() }, "consent": consent },
        });
        registry.read_fact(body.to_string().as_bytes(), None, &|id| id == clinic.as_str())
    }
}

fn instant(ms: i64) -> String {
    let at: DateTime<Utc> = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use ledger::vault::{Secret32, new_lookup_key};
    use schemas::{Fact, Rule};

    use super::*;

    fn vault() -> Vault {
        let wrapped = new_lookup_key(&Secret32::new([7; 32])).expect("randomness");
        Vault::open(Secret32::new([7; 32]), &wrapped).expect("its own key")
    }

    fn said(refused: bool, at: i64) -> Saying {
        Saying {
            phone: PhoneNumber::parse("0532 123 45 67").expect("a number"),
            channel: Some(Channel::Whatsapp),
            refused,
            at,
            evidence: Some("form-7".to_owned()),
        }
    }

    #[test]
    fn a_saying_is_one_fact_and_its_id_tells_nobody_the_number() {
        let (registry, vault) = (Registry::embedded().expect("types"), vault());
        let clinic = ClinicId::parse("atasehir").expect("a clinic");
        let fact = |saying: &Saying, now| saying.fact(&registry, &vault, &clinic, now);
        let first = fact(&said(false, 5_000), 9_000).expect("a fact");
        let again = fact(&said(false, 5_000), 99_000).expect("a fact");
        assert_eq!((first.fact_id(), first.digest()), (again.fact_id(), again.digest()));
        for other in [said(true, 5_000), said(false, 6_000)] {
            assert_ne!(fact(&other, 9_000).expect("a fact").id, first.id);
        }
        assert!(!first.id.contains("5321234567"), "{}", first.id);
        let Fact::ConsentChanged(read) = &first.fact else { panic!("another fact") };
        assert_eq!(read.at.timestamp_millis(), 5_000);
        assert_eq!(
            (read.channel, read.evidence.as_deref()),
            (Some(Channel::Whatsapp), Some("form-7"))
        );
        assert!(!format!("{:?}", said(true, 0)).contains("1234567"));
    }

    #[test]
    fn what_was_not_said_yet_is_no_fact() {
        let (registry, vault) = (Registry::embedded().expect("types"), vault());
        let clinic = ClinicId::parse("atasehir").expect("a clinic");
        let ahead = said(false, 90_000_000_000).fact(&registry, &vault, &clinic, 9_000);
        assert_eq!(ahead.expect_err("ahead").rule, Rule::Range);
    }
}
