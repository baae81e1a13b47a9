//! Two events for the same appointment and start are one message, whatever their ids; the other one is suppressed and
//! names the one that was sent.

use crate::harness::{Installation, Options, receipt, reminder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_events_for_the_same_appointment_and_start_are_one_message() {
    let clinic = Installation::start(Options { workers: 2, ..Options::default() }).await;
    let first = reminder("appointment-1");
    let second = first.clone().named("appointment-2");
    clinic.publish(&first).await;
    clinic.until_state(&first, "accepted", "").await;
    clinic.publish(&second).await;
    let row = clinic.until_state(&second, "suppressed", "").await;
    assert_eq!(row.why, format!("duplicate of {}", first.ntf()));
    clinic.until_accepted(1).await;

    let said = clinic.explain(&second.ntf()).await;
    assert!(said.contains(&format!("duplicate of {}", first.ntf())), "{said}");
    clinic.finish().await;
}

/// Both are in flight at two workers when neither has been sent: the slot in the ledger decides, not a look before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_events_for_one_payment_at_the_same_moment_are_one_message() {
    let clinic = Installation::start(Options { workers: 2, ..Options::default() }).await;
    let payment = receipt("payment");
    let all: Vec<_> = (0..20).map(|n| payment.clone().named(&format!("payment-{n}"))).collect();
    futures::future::join_all(all.iter().map(|event| clinic.publish(event))).await;
    clinic.until_accepted(1).await;
    // Those that met the first one in flight wait half a minute before they are decided again.
    clinic.until("twenty rows", async || (clinic.rows().await.len() == 20).then_some(())).await;
    clinic
        .until("one accepted, nineteen suppressed", async || {
            clinic.run("UPDATE open SET due_at = 0 WHERE state = 'waiting'").await;
            let rows = clinic.rows().await;
            let count = |state: &str| rows.iter().filter(|row| row.state == state).count();
            (count("accepted") == 1 && count("suppressed") == 19).then_some(())
        })
        .await;
    let rows = clinic.rows().await;
    let sent = rows.iter().find(|row| row.state == "accepted").expect("one");
    let why = format!("duplicate of {}", sent.ntf);
    assert!(rows.iter().all(|row| row.ntf == sent.ntf || row.why == why), "{rows:?}");
    clinic.until_accepted(1).await;
    clinic.finish().await;
}
