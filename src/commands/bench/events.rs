//! The events whose sending is measured: reminders and receipts in turn, each of a person of its own.

use bus::{Outgoing, names};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Europe::Istanbul;
use serde_json::{Value, json};

use super::rows;

/// Types of the events; each has a queue of its own.
pub const TYPES: [&str; 2] = ["ulak.appointment-reminder.v1", "ulak.payment-receipt.v1"];
/// The number of event 0, as the provider gets it.
const FIRST_NUMBER: u64 = 5_321_000_000;

/// Event `n`, as a clinic publishes it `now`.
pub fn event(n: u32, now: DateTime<Utc>) -> Outgoing {
    let of_type = TYPES[n as usize % TYPES.len()];
    let body = body(n, of_type, now).to_string().into_bytes();
    Outgoing {
        exchange: names::NOTIFICATIONS.to_owned(),
        routing_key: of_type.to_owned(),
        body,
        message_id: format!("bench-{n}"),
        headers: vec![],
        mandatory: false,
    }
}

/// The number of event `n`: ten digits, and nobody else's.
pub fn number(n: u32) -> u64 {
    FIRST_NUMBER + u64::from(n)
}

/// Which event a number is of; `None`: of none.
pub fn of_number(number: u64) -> Option<u32> {
    u32::try_from(number.checked_sub(FIRST_NUMBER)?).ok()
}

fn body(n: u32, of_type: &str, now: DateTime<Utc>) -> Value {
    let clinics: Vec<String> = rows::clinics().collect();
    let clinic = &clinics[n as usize / 2 % clinics.len()];
    let at = |minutes: i64| {
        let at = now + TimeDelta::try_minutes(minutes).unwrap_or_default();
        at.with_timezone(&Istanbul).to_rfc3339_opts(SecondsFormat::Secs, false)
    };
    let mut event = json!({
        "specversion": "1.0", "id": format!("bench/{n}"), "source": format!("/clinics/{clinic}"), "type": of_type,
        "time": at(0), "datacontenttype": "application/json",
        "data": { "recipient": { "name": "Ayşe Yılmaz", "phone": format!("+90{}", number(n)) } },
    });
    if of_type == TYPES[0] {
        event["subject"] = json!(format!("appointment/A-{n}"));
        event["data"]["appointment"] =
            json!({ "id": format!("A-{n}"), "starts_at": at(24 * 60), "with": "Dr. Çağrı Şahin" });
    } else {
        event["subject"] = json!(format!("payment/P-{n}"));
        event["data"]["payment"] = json!({ "id": format!("P-{n}"), "amount": "1250.50", "currency": "TRY", "paid_at": at(-1) });
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::Registry;

    #[test]
    fn each_event_is_one_that_a_worker_takes_and_has_a_number_of_its_own() {
        let now = "2026-11-21T20:00:00Z".parse().expect("an instant");
        let registry = Registry::embedded().expect("the event types");
        for n in [0, 1, 2, 39, 40, 99_999, 8_000_000] {
            let event = event(n, now);
            let key = Some(event.routing_key.as_str());
            let read = registry.read(&event.body, key, &|_| true);
            assert!(read.is_ok(), "{n}: {:?}", read.err());
            assert_eq!(of_number(number(n)), Some(n));
        }
        assert_eq!(of_number(5_000_000_000), None);
    }
}
