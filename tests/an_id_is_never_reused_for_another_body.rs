//! The same (source, id) with another body is refused `id-reused`, also when both arrive at the same moment.

use crate::harness::{Installation, Options, receipt};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_event_under_a_taken_id_is_refused() {
    let clinic = Installation::start(Options::default()).await;
    let event = receipt("taken");
    clinic.publish(&event).await;
    clinic.until_state(&event, "accepted", "").await;
    clinic.publish(&event.clone().set("/data/payment/amount", "9999.00")).await;
    let rows = clinic.until_settled(2).await;
    assert_eq!(
        (rows[1].state.as_str(), rows[1].why.as_str()),
        ("dead-lettered", "id-reused at /id")
    );
    let dead = clinic.dead_letters().await;
    assert_eq!((&dead[0]["rule"], &dead[0]["path"]), (&"id-reused".into(), &"/id".into()));
    clinic.until_accepted(1).await;
    clinic.finish().await;
}

/// Ten times two bodies under one id, both in flight at once: one of each pair is sent, the other refused, none lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_events_under_one_id_at_the_same_moment_one_is_refused() {
    let clinic = Installation::start(Options { workers: 2, ..Options::default() }).await;
    let pairs: Vec<_> = (0..10)
        .map(|n| receipt(&format!("pair-{n}")))
        .map(|one| (one.clone(), one.set("/data/payment/id", "another")))
        .collect();
    let both = pairs.iter().flat_map(|(one, other)| [one, other]);
    futures::future::join_all(both.map(|event| clinic.publish(event))).await;
    // All the others are one payment: whichever came first is the message of its id, and of those only one is sent.
    clinic
        .until("ten identities, ten refused", async || {
            clinic.run("UPDATE open SET due_at = 0 WHERE state = 'waiting'").await;
            let rows = clinic.rows().await;
            let refused = rows.iter().filter(|row| row.why == "id-reused at /id").count();
            let ended = rows.iter().all(|row| row.due_at.is_none());
            (rows.len() == 20 && refused == 10 && ended).then_some(())
        })
        .await;
    let books = clinic.balance().await;
    assert_eq!((&books["received"], &books["duplicates"]), (&20.into(), &0.into()), "{books}");
    clinic.finish().await;
}
