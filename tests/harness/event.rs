//! Events as a clinic publishes them, and what of them must never be seen in a log.

use std::sync::atomic::{AtomicU32, Ordering};

use schemas::NotificationId;
use serde_json::{Value, json};

use super::clock;

/// Type of a reminder.
pub const REMINDER: &str = "ulak.appointment-reminder.v1";
/// Type of a receipt.
pub const RECEIPT: &str = "ulak.payment-receipt.v1";

/// Words of the fixtures that belong to patients and to what is written to them.
pub const PERSONAL: [&str; 8] =
    ["Ayşe", "Yılmaz", "Mehmet", "Işık", "Çağrı", "hatırlatırız", "ödemeniz", "Sağlıklı günler"];

/// A number that no other event of this run has.
fn next_national() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("532{:07}", 1_000_000 + NEXT.fetch_add(1, Ordering::Relaxed))
}

/// One event.
#[derive(Debug, Clone)]
pub struct Event(Value);

/// A reminder of an appointment of tomorrow, of Ayşe Yılmaz at Ataşehir.
pub fn reminder(id: &str) -> Event {
    let starts_at = clock::written(clock::turkey(24 * 60));
    envelope(id, REMINDER)
        .set("/subject", format!("appointment/A-{id}"))
        .set("/data/recipient/name", "Ayşe Yılmaz")
        .set("/data/appointment", json!({ "id": format!("A-{id}"), "starts_at": starts_at }))
}

/// A receipt of a payment made a minute ago, of Mehmet Işık at Ataşehir.
pub fn receipt(id: &str) -> Event {
    let paid_at = clock::written(clock::turkey(-1));
    envelope(id, RECEIPT)
        .set("/subject", format!("payment/P-{id}"))
        .set("/data/recipient/name", "Mehmet Işık")
        .set(
            "/data/payment",
            json!({ "id": format!("P-{id}"), "amount": "1250.50", "currency": "TRY", "paid_at": paid_at }),
        )
}

fn envelope(id: &str, event_type: &str) -> Event {
    Event(json!({
        "specversion": "1.0", "id": id, "source": "/clinics/atasehir", "type": event_type,
        "time": clock::written(clock::turkey(0)), "datacontenttype": "application/json",
        "data": { "recipient": { "phone": format!("+90{}", next_national()) } },
    }))
}

impl Event {
    /// Sets the value at a JSON pointer; objects on the way are made.
    #[must_use]
    pub fn set(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        let mut place = &mut self.0;
        for name in pointer.trim_start_matches('/').split('/') {
            place = &mut place[name];
        }
        *place = value.into();
        self
    }

    /// Removes the value at a JSON pointer.
    #[must_use]
    pub fn without(mut self, pointer: &str) -> Self {
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        let parent = self.0.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
        parent.remove(name).expect("it was there");
        self
    }

    /// The same for another clinic.
    #[must_use]
    pub fn of_clinic(self, clinic: &str) -> Self {
        self.set("/source", format!("/clinics/{clinic}"))
    }

    /// The same for another number.
    #[must_use]
    pub fn to(self, national: &str) -> Self {
        self.set("/data/recipient/phone", format!("+90{national}"))
    }

    /// The same with another id and all else unchanged.
    #[must_use]
    pub fn named(self, id: &str) -> Self {
        self.set("/id", id)
    }

    /// Text at a JSON pointer.
    pub fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).expect("text")
    }

    /// Its type.
    pub fn kind(&self) -> &str {
        self.text("/type")
    }

    /// Its number in ten digits, as the provider gets it.
    pub fn national(&self) -> &str {
        self.text("/data/recipient/phone").strip_prefix("+90").expect("E.164")
    }

    /// The number in E.164.
    pub fn e164(&self) -> &str {
        self.text("/data/recipient/phone")
    }

    /// The notification it becomes.
    pub fn ntf(&self) -> String {
        let ntf = NotificationId::of_event(self.text("/source"), self.text("/id"));
        ntf.as_str().to_owned()
    }

    /// The bytes to publish.
    pub fn body(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).expect("JSON")
    }

    /// The JSON.
    pub fn json(&self) -> &Value {
        &self.0
    }
}
