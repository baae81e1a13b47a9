//! What a worker would refuse, said before anything is published: the same reading, the same words.

use schemas::{ClinicId, Refusal, Registry};

use super::Event;
use crate::commands::{Settings, say};

/// Reads each event as a worker would. Returns the refused ones with their place in the file, counted from 0.
pub(super) fn refusals(settings: &Settings, events: &[Event]) -> Vec<(usize, Refusal)> {
    let clinics = &settings.config.clinics;
    // Where no clinic is configured it cannot be said which there are: then the worker judges that, unless it has this configuration.
    let anybody = clinics.is_empty() && settings.config.broker.url.is_some();
    let knows = |id: &str| anybody || ClinicId::parse(id).is_ok_and(|id| clinics.contains_key(&id));
    read(&settings.registry, events, &knows)
}

fn read(
    registry: &Registry,
    events: &[Event],
    knows: &dyn Fn(&str) -> bool,
) -> Vec<(usize, Refusal)> {
    let refused = |(index, event): (usize, &Event)| {
        let key = Some(event.routing_key.as_str());
        let refusal = if event.is_fact() {
            registry.read_fact(&event.body, key, knows).err()
        } else {
            registry.read(&event.body, key, knows).err()
        };
        refusal.map(|refusal| (index, refusal))
    };
    events.iter().enumerate().filter_map(refused).collect()
}

/// One line for a refused event.
pub(super) fn report_refused(
    events: &[Event],
    index: usize,
    refusal: &Refusal,
    json: bool,
) -> std::io::Result<()> {
    if json {
        return say(serde_json::json!({
            "fate": "refused",
            "index": index,
            "rule": refusal.rule.as_str(),
            "path": refusal.path,
            "meaning": refusal.rule.meaning(),
            "id": refusal.id,
            "source": refusal.source,
        }));
    }
    let name = refusal.id.as_deref().map(|id| format!(" ({})", id.escape_debug()));
    let (number, total) = (index + 1, events.len());
    say(format_args!("refused: event {number} of {total}{}: {refusal}", name.unwrap_or_default()))
}

/// One line for an event that a worker would take, where nothing is published.
pub(super) fn report_valid(event: &Event, index: usize, json: bool) -> std::io::Result<()> {
    if json {
        let (notification, fact) = event.known_as_json();
        return say(serde_json::json!({
            "fate": "valid",
            "index": index,
            "id": event.id,
            "source": event.source,
            "notification": notification,
            "fact": fact,
        }));
    }
    say(format_args!("valid: {}, {}", event.name(), event.known_as().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(body: &str) -> Event {
        let key = Some("ulak.payment-receipt.v1");
        crate::commands::publish::event(body.as_bytes().to_vec(), key).expect("an event")
    }

    fn refused(body: &str) -> Option<String> {
        let registry = Registry::embedded().expect("built in");
        let refusals = read(&registry, &[event(body)], &|clinic| clinic == "atasehir");
        refusals.first().map(|(index, refusal)| format!("{index}: {refusal}"))
    }

    const GOOD: &str =
        include_str!("../../../schemas/examples/ulak.payment-receipt.v1/ok-design.json");

    #[test]
    fn a_good_event_is_not_refused() {
        assert_eq!(refused(GOOD), None);
    }

    #[test]
    fn what_a_worker_would_refuse_is_refused_with_its_words() {
        for (body, said) in [
            (GOOD.replace("1250.50", "77,50"), "0: amount at /data/payment/amount: "),
            (GOOD.replace("atasehir", "kadikoy"), "0: unknown-clinic at /source: "),
            (
                GOOD.replace("payment-receipt", "appointment-reminder"),
                "0: type-mismatch at /type: ",
            ),
            ("[]".to_owned(), "0: envelope at the body: "),
        ] {
            let refusal = refused(&body).expect("refused");
            assert!(refusal.starts_with(said), "{refusal}");
            assert!(!refusal.contains("77,50") && !refusal.contains("kadikoy"), "{refusal}");
        }
    }
}
