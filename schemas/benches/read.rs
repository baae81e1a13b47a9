//! What reading one event costs: `cargo bench -p schemas`.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use schemas::{Incoming, PhoneNumber, Registry};

const ROUNDS: u32 = 20_000;
const REMINDER: &[u8] = include_bytes!("../examples/ulak.appointment-reminder.v1/ok-full.json");
const RECEIPT: &[u8] = include_bytes!("../examples/ulak.payment-receipt.v1/ok-design.json");
const REFUSED: &[u8] = include_bytes!("../examples/ulak.payment-receipt.v1/bad-amount-comma.json");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = io::stdout();
    let started = Instant::now();
    let registry = Registry::embedded()?;
    writeln!(out, "Registry::embedded        {:>9.1} ms", started.elapsed().as_secs_f64() * 1e3)?;
    let started = Instant::now();
    PhoneNumber::load_rules();
    let phone = PhoneNumber::parse("+905321234567")?;
    writeln!(out, "PhoneNumber::load_rules   {:>9.1} ms", started.elapsed().as_secs_f64() * 1e3)?;

    let knows = |clinic: &str| clinic == "atasehir";
    let mut show = |what: &str, each: Duration| {
        writeln!(out, "{what:<25} {:>9.2} µs", each.as_secs_f64() * 1e6)
    };
    show("phone number", time(|| PhoneNumber::parse(black_box(phone.e164()))))?;
    show("read a reminder", time(|| registry.read(black_box(REMINDER), None, &knows)))?;
    show("read a receipt", time(|| registry.read(black_box(RECEIPT), None, &knows)))?;
    show("refuse a receipt", time(|| registry.read(black_box(REFUSED), None, &knows)))?;
    let Incoming::Event(event) = registry.read(REMINDER, None, &knows)? else {
        return Err("the example is no event".into());
    };
    let sealed = event.envelope_json();
    show("reopen a reminder", time(|| registry.reopen(black_box(&sealed))))?;
    show("digest", time(|| event.digest()))?;
    show("envelope_json", time(|| event.envelope_json()))?;
    Ok(())
}

/// Mean of many rounds after a tenth of them as warm-up.
fn time<T>(mut run: impl FnMut() -> T) -> Duration {
    for _ in 0..ROUNDS / 10 {
        black_box(run());
    }
    let started = Instant::now();
    for _ in 0..ROUNDS {
        black_box(run());
    }
    started.elapsed() / ROUNDS
}
