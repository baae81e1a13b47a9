//! Events and clinics for the tests.

use chrono::{DateTime, Utc};
use schemas::{Channel, ClinicId, Event, Incoming, Registry};
use serde_json::{Value, json};
use templates::{ClinicFace, Message, NameStyle, RenderError, Renderer};

pub const REMINDER: &str = "ulak.appointment-reminder.v1";
pub const RECEIPT: &str = "ulak.payment-receipt.v1";
pub const CONFIRMATION: &str = "ulak.appointment-confirmation.v1";
pub const CANCELLATION: &str = "ulak.appointment-cancellation.v1";
pub const REFUND: &str = "ulak.refund-receipt.v1";

/// The registry, the built-in texts, and one clinic.
pub struct Desk {
    pub registry: Registry,
    pub renderer: Renderer,
    pub clinic: ClinicFace,
}

impl Desk {
    pub fn new() -> Self {
        let registry = Registry::embedded().unwrap();
        let renderer = Renderer::load(&registry, &[]).unwrap();
        Self { registry, renderer, clinic: clinic() }
    }

    /// An event of `event_type` from its data, through the registry as in the worker.
    pub fn event(&self, event_type: &str, data: &Value) -> Event {
        let body = json!({
            "specversion": "1.0", "id": "01JD", "source": "/clinics/atasehir", "type": event_type,
            "time": "2026-11-21T10:00:00+03:00", "datacontenttype": "application/json", "data": data,
        });
        match self.registry.read(body.to_string().as_bytes(), None, &|_| true) {
            Ok(Incoming::Event(event)) => *event,
            Ok(Incoming::Reference(_)) => panic!("an event was read as a reference"),
            Err(refusal) => panic!("{refusal}: {data}"),
        }
    }

    pub fn render(&self, event: &Event) -> Result<Message, RenderError> {
        let event_type = self.registry.get(&event.event_type).unwrap();
        self.renderer.render(event, event_type, &self.clinic, Channel::Sms, now())
    }

    pub fn text(&self, event_type: &str, data: &Value) -> String {
        self.render(&self.event(event_type, data)).unwrap().text.expose().to_owned()
    }
}

pub fn clinic() -> ClinicFace {
    ClinicFace {
        id: ClinicId::parse("atasehir").unwrap(),
        name: "Ataşehir Kliniği".to_owned(),
        phone: Some("0216 555 44 33".to_owned()),
        address: None,
        zone: chrono_tz::Tz::Europe__Istanbul,
        name_style: NameStyle::First,
    }
}

pub fn now() -> DateTime<Utc> {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

/// The reminder of DESIGN §3.1.
pub fn reminder() -> Value {
    json!({
        "recipient": { "name": "Ayşe Yılmaz", "phone": "+905321234567", "channels": ["sms"] },
        "appointment": { "id": "A-1042", "version": 3, "starts_at": "2026-11-22T14:30:00+03:00",
                         "with": "Dr. Çağrı Şahin" },
    })
}

/// The receipt of DESIGN §3.1.
pub fn receipt() -> Value {
    json!({
        "recipient": { "name": "Mehmet Işık", "phone": "+905421112233" },
        "payment": { "id": "P-77", "amount": "1250.50", "currency": "TRY",
                     "paid_at": "2026-11-21T11:01:40+03:00", "method": "card",
                     "card_last4": "0008", "installments": 1 },
    })
}

/// A visit that was moved, told once: the new time, and the one that the person knows.
pub fn moved() -> Value {
    let mut data =
        with(reminder(), &[("appointment.starts_at", json!("2026-11-25T10:00:00+03:00"))]);
    data["change"] = json!({ "changed_at": "2026-11-16T09:12:00+03:00",
                             "previous_starts_at": "2026-11-22T14:30:00+03:00" });
    data
}

/// A payment that was paid back.
pub fn refund() -> Value {
    json!({
        "recipient": { "name": "Mehmet Işık", "phone": "+905421112233" },
        "payment": { "id": "P-77", "refund_id": "R-9", "amount": "1250.50", "currency": "TRY",
                     "refunded_at": "2026-11-23T09:30:05+03:00", "method": "card",
                     "card_last4": "0008" },
    })
}

/// `data` with the value at `path` (`appointment.with`) replaced, or removed by `null`.
pub fn with(mut data: Value, changes: &[(&str, Value)]) -> Value {
    for (path, value) in changes {
        let (parent, key) = path.split_once('.').unwrap();
        let parent = data[parent].as_object_mut().unwrap();
        if value.is_null() {
            parent.remove(key);
        } else {
            parent.insert((*key).to_owned(), value.clone());
        }
    }
    data
}
