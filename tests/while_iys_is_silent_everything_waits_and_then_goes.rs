//! İYS is down: everything waits on its lane, nothing is sent and nothing is taken for "no consent"; then it goes.

use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::{Event, Installation, Options, receipt, reminder};

const IYS: &str = "iys/default";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_iys_makes_everything_wait_until_it_is_over() {
    let clinic = Installation::start(Options { workers: 2, ..Options::default() }).await;
    let before = receipt("before");
    clinic.publish(&before).await;
    clinic.until_state(&before, "accepted", "").await;
    clinic
        .outside
        .add_fault(Fault::new(Provider::Iys, Operation::Any, FaultKind::Down))
        .expect("a fault");
    let events = publish_ten(&clinic).await;
    all_wait(&clinic, &events).await;
    clinic.until_accepted(1).await;

    clinic.outside.clear_faults();
    all_go(&clinic, &events).await;
    clinic.until_accepted(11).await;
    clinic.finish().await;
}

/// The same at a cold start, when nobody holds a token: the tries of the outage must not use up the ten token calls
/// of the hour, or "then it goes" would be an hour later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_at_the_first_token_does_not_use_up_the_hour() {
    let clinic = Installation::prepare(Options::default()).await;
    clinic
        .outside
        .add_fault(Fault::new(Provider::Iys, Operation::Any, FaultKind::Down))
        .expect("a fault");
    let clinic = clinic.launch(1, 1).await;
    let events = publish_ten(&clinic).await;
    all_wait(&clinic, &events).await;
    // A minute of tries, in as many seconds as it takes to make them.
    let tries = || clinic.outside.requests().iter().filter(|r| r.path == "/oauth2/token").count();
    for n in 1..=12 {
        clinic.run("UPDATE lane SET probe_at = 0 WHERE state = 'closed'").await;
        let failed = format!("SELECT count(*) FROM lane WHERE state = 'closed' AND probes >= {n}");
        clinic
            .until("a probe that failed", async || {
                clinic.run("UPDATE open SET due_at = 0 WHERE state = 'waiting'").await;
                (clinic.number(&failed).await == 1).then_some(())
            })
            .await;
    }
    assert!(tries() <= 10, "{} token calls: İYS would ban us", tries());

    clinic.outside.clear_faults();
    all_go(&clinic, &events).await;
    clinic.until_accepted(10).await;
    clinic.finish().await;
}

async fn publish_ten(clinic: &Installation) -> Vec<Event> {
    let events: Vec<_> = (0..5)
        .flat_map(|n| [reminder(&format!("reminder-{n}")), receipt(&format!("receipt-{n}"))])
        .collect();
    for event in &events {
        clinic.publish(event).await;
    }
    events
}

async fn all_wait(clinic: &Installation, events: &[Event]) {
    for event in events {
        let row = clinic.until_state(event, "waiting", "consent-silent").await;
        assert_eq!((row.lane.as_deref(), row.attempts), (Some(IYS), 0));
    }
}

async fn all_go(clinic: &Installation, events: &[Event]) {
    clinic
        .until("nothing waits any more", async || {
            clinic.run("UPDATE lane SET probe_at = 0 WHERE state = 'closed'").await;
            (clinic.number("SELECT count(*) FROM open").await == 0).then_some(())
        })
        .await;
    for event in events {
        clinic.until_state(event, "accepted", "").await;
    }
}
