//! What the SLO is about, as a histogram: from the moment that a message was due to its acceptance, wherever it waited. And beside it, of
//! the same processes: ready in every part, facts that are current, alerts that never were at 0.

#![expect(clippy::float_cmp, reason = "a page of metrics writes counts as floats; they are whole")]

use std::time::{Duration, Instant};

use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::scrape::scrape;
use crate::harness::{Installation, Options, PATIENCE, receipt};

/// Pause between two looks at whether it is ready.
const LOOK_EVERY: Duration = Duration::from_millis(100);

const DELAY: &str = "ulak_acceptance_delay_seconds";
const LANE: (&str, &str) = ("lane", "netgsm/default/KLINIK");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_late_from_the_moment_it_was_due() {
    let options = Options { workers: 1, schedulers: 1, ..Options::default() };
    let mut clinic = Installation::start(options.set("ULAK_WORKER__QUICK_RETRIES", 0)).await;
    let (prompt, late) = (receipt("prompt"), receipt("late"));
    clinic.publish(&prompt).await;
    clinic.until_state(&prompt, "accepted", "").await;
    let fault = Fault::new(Provider::Netgsm, Operation::Send, FaultKind::Http { status: 503 });
    clinic.outside.add_fault(fault.times(1)).expect("a fault");
    // it must not be released before it is as old as this test wants it
    clinic.schedulers[0].frozen().await;
    clinic.publish(&late).await;
    clinic.until_state(&late, "waiting", "retry").await;
    // nobody came for it for so long
    let since = "CAST(extract(epoch FROM now()) * 1000 AS BIGINT) - 31000";
    let due = format!("UPDATE open SET due_at = {since} WHERE ntf = '{}'", late.ntf());
    assert_eq!(clinic.run(&due).await, 1);
    clinic.schedulers[0].thawed();
    clinic.until_state(&late, "accepted", "").await;

    let began = Instant::now();
    let worker = scrape(&mut clinic.workers[0]).await;
    let within = |le| worker.sum(&format!("{DELAY}_bucket"), &[LANE, ("le", le)]);
    assert_eq!((within("10.0"), within("30.0"), within("+Inf")), (1.0, 1.0, 2.0));
    assert!(worker.sum(&format!("{DELAY}_sum"), &[]) > 31.0);
    assert_eq!(worker.sum("ulak_sent_twice_total", &[]), 0.0);
    assert!(worker.text.contains("\nulak_sent_twice_total{} 0\n"), "{}", worker.text);
    for part in ["all", "configuration", "texts", "ledger", "broker", "clock", "not-stopping"] {
        // a machine that others use too may have made it doubt for a moment
        while scrape(&mut clinic.workers[0]).await.sum("ulak_ready", &[("part", part)]) != 1.0 {
            assert!(began.elapsed() < PATIENCE, "{part} does not become ready");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
    let scheduler = scrape(&mut clinic.schedulers[0]).await;
    let age = scheduler.sum("ulak_facts_age_seconds", &[]);
    assert!(scheduler.types.contains_key("ulak_facts_age_seconds") && age < 60.0, "{age}");
    clinic.until_accepted(2).await;
    clinic.finish().await;
}
