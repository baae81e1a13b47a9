use crate::plan::Rules;
use chrono::{DateTime, FixedOffset, NaiveTime, SecondsFormat, TimeDelta, Utc};
use schemas::quiet::QuietHours;
use schemas::{FactEvent, Registry, ReminderRule};
use serde_json::{Value, json};

mod applying;
mod deciding;
mod order;
mod taking;

/// The defaults of a clinic (DESIGN §3.3), without quiet hours: these tests run at any hour.
fn rules() -> Rules {
    Rules {
        zone: chrono_tz::Europe::Istanbul,
        reminders: ["24h", "2h"].map(|text| ReminderRule::parse(text).unwrap()).into(),
        quiet: None,
        min_notice: TimeDelta::minutes(90),
        min_gap: TimeDelta::hours(6),
        confirmation: false,
        cancellation: false,
        change_notice: false,
    }
}

fn observing_quiet_hours() -> Rules {
    let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    Rules { quiet: QuietHours::new(time(20), time(9)), ..rules() }
}

fn registry() -> Registry {
    Registry::embedded().unwrap()
}

fn written(at: DateTime<Utc>) -> String {
    let zone = FixedOffset::east_opt(3 * 3_600).unwrap();
    at.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Millis, false)
}

/// A fact of the type `clinic.<kind>.v1`.
fn fact(kind: &str, id: &str, time: DateTime<Utc>, data: &Value) -> FactEvent {
    let body = json!({
        "specversion": "1.0", "id": id, "source": "/clinics/atasehir", "type": format!("clinic.{kind}.v1"),
        "time": written(time), "data": data,
    });
    registry().read_fact(body.to_string().as_bytes(), None, &|_| true).unwrap()
}

fn person() -> Value {
    json!({ "name": "Ayşe Yılmaz", "phone": "+905321234567" })
}

/// Appointment A-1 in one of its versions.
fn visit(kind: &str, version: i64, time: DateTime<Utc>, starts_at: DateTime<Utc>) -> FactEvent {
    let appointment = json!({
        "id": "A-1", "version": version, "starts_at": written(starts_at), "with": "Dr. Çağrı Şahin",
    });
    let data = json!({ "recipient": person(), "appointment": appointment });
    fact(kind, &format!("{kind}-{version}"), time, &data)
}

fn booked(version: i64, time: DateTime<Utc>, starts_at: DateTime<Utc>) -> FactEvent {
    visit("appointment-booked", version, time, starts_at)
}

fn moved(version: i64, time: DateTime<Utc>, starts_at: DateTime<Utc>) -> FactEvent {
    visit("appointment-rescheduled", version, time, starts_at)
}

fn cancelled(version: i64, time: DateTime<Utc>) -> FactEvent {
    let data = json!({ "appointment": { "id": "A-1", "version": version } });
    fact("appointment-cancelled", &format!("cancelled-{version}"), time, &data)
}

fn paid(id: &str, payment: &str, at: DateTime<Utc>) -> FactEvent {
    let payment =
        json!({ "id": payment, "amount": "10.00", "currency": "TRY", "paid_at": written(at) });
    fact("payment-received", id, at, &json!({ "recipient": person(), "payment": payment }))
}

fn refunded(id: &str, payment: &str, refund: &str, at: DateTime<Utc>) -> FactEvent {
    let payment = json!({
        "id": payment, "refund_id": refund, "amount": "10.00", "currency": "TRY", "refunded_at": written(at),
    });
    fact("payment-refunded", id, at, &json!({ "recipient": person(), "payment": payment }))
}

fn said(id: &str, status: &str, channel: Option<&str>, at: DateTime<Utc>) -> FactEvent {
    let mut consent = json!({ "status": status, "at": written(at) });
    if let Some(channel) = channel {
        consent["channel"] = channel.into();
    }
    let data = json!({ "recipient": { "phone": "+905321234567" }, "consent": consent });
    fact("consent-changed", id, at, &data)
}
