//! Notifications that a fact makes, as events of their types: built from what the clinic published and held against their schemas,
//! as if the clinic had published them itself.

use super::Desk;
use chrono::{DateTime, FixedOffset};
use data_encoding::HEXLOWER;
use schemas::{Event, Fact, FactEvent, Incoming, PaymentFact, Refusal, Rule, Version};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// Types that facts make.
pub const REMINDER: &str = "ulak.appointment-reminder.v1";
/// See [`REMINDER`].
pub const CONFIRMATION: &str = "ulak.appointment-confirmation.v1";
/// See [`REMINDER`].
pub const CANCELLATION: &str = "ulak.appointment-cancellation.v1";
/// See [`REMINDER`].
pub const RECEIPT: &str = "ulak.payment-receipt.v1";
/// See [`REMINDER`].
pub const REFUND: &str = "ulak.refund-receipt.v1";

/// How ids of planned events begin.
pub const OURS: &str = "plan/";
/// Longest CloudEvents id.
const LONGEST_ID: usize = 200;

/// Id of what a rule makes of an appointment's version.
pub fn visit_id(appointment: &str, version: Version, rule: &str) -> String {
    let (Version::Explicit(n) | Version::EventTime(n)) = version;
    format!("{OURS}{appointment}/{n}/{rule}")
}

/// Id and type of a receipt: one for each payment, and for each refund of it.
pub fn receipt(payment: &PaymentFact) -> (String, &'static str) {
    let Some(refund) = &payment.refund_id else {
        return (format!("{OURS}payment/{}", payment.id), RECEIPT);
    };
    let id = format!("{OURS}refund/{}/{refund}", payment.id);
    if id.chars().count() <= LONGEST_ID {
        return (id, REFUND);
    }
    // two keys that are too long side by side
    let both = Sha256::new()
        .chain_update(payment.id.as_bytes())
        .chain_update([0])
        .chain_update(refund.as_bytes())
        .finalize();
    (format!("{OURS}refund/{}", HEXLOWER.encode(&both)), REFUND)
}

/// Keyed hash of the thing that a fact's receipt is about; `None`: it makes none.
pub fn thing_of_receipt(desk: &Desk<'_>, fact: &FactEvent) -> Option<String> {
    let (Fact::PaymentReceived(payment) | Fact::PaymentRefunded(payment)) = &fact.fact else {
        return None;
    };
    let (id, event_type) = receipt(payment);
    let event = event(desk, fact, event_type, &id, &fact.data).ok()?;
    Some((desk.thing)(&event, desk.registry.get(event_type)?))
}

/// An event of `event_type` at the fact's own time.
///
/// # Errors
/// Its own schema refuses it: the rule and the place, never a value.
pub fn event(
    desk: &Desk<'_>,
    fact: &FactEvent,
    event_type: &str,
    id: &str,
    data: &Value,
) -> Result<Event, Refusal> {
    let subject = fact.subject.clone().or_else(|| subject(&fact.fact));
    let mut body = json!({
        "specversion": "1.0", "id": id, "source": fact.source, "type": event_type, "time": fact.time.to_rfc3339(),
        "datacontenttype": "application/json", "data": data,
    });
    if let Some(body) = body.as_object_mut() {
        body.extend(subject.map(|subject| ("subject".to_owned(), subject.into())));
        let trace = fact.traceparent.clone();
        body.extend(trace.map(|trace| ("traceparent".to_owned(), trace.into())));
    }
    let refused = |rule, path| Refusal {
        rule,
        path,
        source: Some(fact.source.clone()),
        id: Some(fact.id.clone()),
        holds_person: true,
    };
    match desk.registry.read(body.to_string().as_bytes(), None, &|_| true) {
        Ok(Incoming::Event(event)) => Ok(*event),
        Ok(Incoming::Reference(_)) => Err(refused(Rule::Envelope, String::new())),
        Err(refusal) => Err(refused(refusal.rule, refusal.path)),
    }
}

fn subject(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::Booked(visit) | Fact::Rescheduled(visit) => format!("appointment/{}", visit.id),
        Fact::Cancelled(visit) => format!("appointment/{}", visit.id),
        Fact::PaymentReceived(payment) | Fact::PaymentRefunded(payment) => {
            format!("payment/{}", payment.id)
        }
        Fact::ConsentChanged(_) => return None,
    })
}

/// `recipient` and `appointment` as the fact told them, without what only a fact says.
pub fn of_visit(fact: &FactEvent) -> Map<String, Value> {
    let mut data = Map::new();
    for part in ["recipient", "appointment"] {
        data.extend(fact.data.get(part).map(|value| (part.to_owned(), value.clone())));
    }
    if let Some(appointment) = data.get_mut("appointment").and_then(Value::as_object_mut) {
        appointment.remove("reminders");
    }
    data
}

/// What was changed since the person was told last.
pub fn change(at: DateTime<FixedOffset>, previous: Option<DateTime<FixedOffset>>) -> Value {
    let mut change = json!({ "changed_at": at.to_rfc3339() });
    if let (Some(change), Some(previous)) = (change.as_object_mut(), previous) {
        change.insert("previous_starts_at".to_owned(), previous.to_rfc3339().into());
    }
    change
}
