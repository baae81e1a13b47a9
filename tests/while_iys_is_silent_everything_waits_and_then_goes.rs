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

/// The same at a cold start, when nobody holds a token: a minute of tries (one in twenty seconds) does not use up the
/// ten token calls that İYS allows in an hour.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_at_the_first_token_is_survived_without_a_ban() {
    let clinic = Installation::prepare(Options::default()).await;
    clinic
        .outside
        .add_fault(Fault::new(Provider::Iys, Operation::Any, FaultKind::Down))
        .expect("a fault");
    let clinic = clinic.launch(1, 1).await;
    let events = publish_ten(&clinic).await;
    let tries = || clinic.outside.requests().iter().filter(|r| r.path == "/oauth2/token").count();
    for n in 1..=3 {
        clinic
            .until("another try", async || {
                try_now(&clinic).await;
                (tries() >= n).then_some(())
            })
            .await;
    }
    clinic.until_accepted(0).await;
    clinic.outside.clear_faults();
    clinic
        .until("nothing waits any more", async || {
            try_now(&clinic).await;
            (clinic.number("SELECT count(*) FROM open").await == 0).then_some(())
        })
        .await;
    for event in &events {
        clinic.until_state(event, "accepted", "").await;
    }
    clinic.until_accepted(10).await;
    assert!(tries() <= 8, "{} token calls", tries());
    clinic.finish().await;
}

/// Twenty seconds pass: the lease of whoever fetches the token, and the pauses of rows and lanes.
async fn try_now(clinic: &Installation) {
    clinic.run("UPDATE token SET lease_until = 0 WHERE expires_at = 0").await;
    clinic.run("UPDATE lane SET probe_at = 0 WHERE state = 'closed'").await;
    clinic.run("UPDATE open SET due_at = 0 WHERE state = 'waiting'").await;
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

/// "Too fast" is no outage: the question is asked again, the lane stays open, and no row has to wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_iys_that_says_too_fast_is_asked_again() {
    let clinic = Installation::start(Options::default()).await;
    let too_fast = FaultKind::Code { code: "H124".into() };
    let fault = Fault::new(Provider::Iys, Operation::Consents, too_fast).times(6);
    clinic.outside.add_fault(fault).expect("a fault");
    let event = receipt("too-fast");
    clinic.publish(&event).await;
    clinic.until_state(&event, "accepted", "").await;
    let records = clinic.log_show(&event.ntf()).await;
    assert!(records.iter().all(|record| record["kind"] != "waiting"), "{records:?}");
    let closed = clinic.number("SELECT count(*) FROM lane").await;
    assert_eq!(closed, 0, "no lane was in trouble");
    clinic.finish().await;
}
