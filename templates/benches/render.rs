//! What one render costs, both types in both languages: the goal is under 10 µs.
#![expect(clippy::print_stdout, reason = "the result of a benchmark is what it prints")]

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use schemas::{Channel, ClinicId, Incoming, Registry};
use serde_json::json;
use templates::{ClinicFace, NameStyle, Renderer};

const ROUNDS: u32 = 100_000;

fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::embedded()?;
    let renderer = Renderer::load(&registry, &[])?;
    let clinic = ClinicFace {
        id: ClinicId::parse("atasehir")?,
        name: "Ataşehir Kliniği".to_owned(),
        phone: Some("0216 555 44 33".to_owned()),
        address: None,
        zone: chrono_tz::Tz::Europe__Istanbul,
        name_style: NameStyle::First,
    };
    let now = "2026-11-21T10:00:00Z".parse()?;
    for (event_type, mut data) in [
        (
            "ulak.appointment-reminder.v1",
            json!({
                "recipient": { "name": "Ayşe Yılmaz", "phone": "+905321234567" },
                "appointment": { "id": "A-1042", "version": 3, "with": "Dr. Çağrı Şahin",
                                 "starts_at": "2026-11-22T14:30:00+03:00" },
            }),
        ),
        (
            "ulak.payment-receipt.v1",
            json!({
                "recipient": { "name": "Mehmet Işık", "phone": "+905421112233" },
                "payment": { "id": "P-77", "amount": "1250.50", "currency": "TRY",
                             "paid_at": "2026-11-21T11:01:40+03:00", "method": "card",
                             "card_last4": "0008", "installments": 3 },
            }),
        ),
    ] {
        for language in ["tr", "en"] {
            data["recipient"]["language"] = json!(language);
            let body = json!({
                "specversion": "1.0", "id": "01JD", "source": "/clinics/atasehir",
                "type": event_type, "time": "2026-11-21T10:00:00+03:00", "data": data,
            });
            let read = registry.read(body.to_string().as_bytes(), None, &|_| true);
            let Ok(Incoming::Event(event)) = read else { return Err("no event".into()) };
            let policy = registry.get(event_type).ok_or("no type")?;
            let start = Instant::now();
            for _ in 0..ROUNDS {
                let message =
                    renderer.render(black_box(&event), policy, &clinic, Channel::Sms, now)?;
                black_box(message);
            }
            let each = start.elapsed() / ROUNDS;
            println!("{event_type} {language}: {:.2} µs", each.as_secs_f64() * 1e6);
        }
    }
    Ok(())
}
