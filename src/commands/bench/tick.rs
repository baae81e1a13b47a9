//! `schedule-tick`: one look while nothing is due must not cost more because more is planned.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::Ledger;
use scheduler::release::Releaser;
use scheduler::{Outlet, Settings};

use super::line::{Line, micros, percentile};

/// Looks that are not counted: connections are made, statements prepared.
const WARM_UP: usize = 20;
/// Looks that are counted.
const LOOKS: usize = 300;
/// The ratio that is a promise (DESIGN §6).
const MOST: f64 = 1.5;

/// Looks at both in turn, so that what else the machine does falls on both.
///
/// # Errors
/// The ledger is away, or something was due.
pub async fn measure(few: &Ledger, many: &Ledger, rows: u32) -> anyhow::Result<Line> {
    let mut looks: [(Releaser, Vec<Duration>); 2] =
        [few, many].map(|ledger| (releaser(ledger), Vec::with_capacity(LOOKS)));
    for n in 0..WARM_UP + LOOKS {
        for (releaser, took) in &mut looks {
            let began = Instant::now();
            let ticked = releaser.tick().await?;
            let elapsed = began.elapsed();
            anyhow::ensure!(!ticked.left && ticked.moved == 0, "something is due");
            if n >= WARM_UP {
                took.push(elapsed);
            }
        }
    }
    let [few, many] = looks.map(|(_, mut took)| {
        took.sort_unstable();
        micros(percentile(&took, 0.5))
    });
    let ratio = many / few;
    Ok(Line::of("schedule-tick")
        .count("planned", rows as usize)
        .count("planned_few", (rows / 100).max(1) as usize)
        .number("tick_us", many)
        .number("tick_us_few", few)
        .number("ratio", ratio)
        .goal(format!("ratio <= {MOST}"), ratio <= MOST))
}

fn releaser(ledger: &Ledger) -> Releaser {
    let settings = Settings {
        clinics: BTreeMap::new(),
        netgsm: BTreeMap::new(),
        twilio: BTreeMap::new(),
        twilio_whatsapp: BTreeMap::new(),
        whatsapp: BTreeMap::new(),
        lanes: BTreeMap::new(),
        reconcile: scheduler::ReconcileSettings::default(),
        tick: Duration::from_millis(200),
        metrics: metrics::Metrics::new([]),
        drain: Duration::from_secs(1),
    };
    Releaser::new(ledger.clone(), Outlet::Nobody, Arc::new(settings))
}
