//! A handler that panics on an event twice parks that event as a dead letter; its neighbours are sent, the worker goes
//! on.

use crate::harness::{Installation, Options, clock, receipt, reminder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_parks_one_event_and_its_neighbours_are_sent() {
    let mut clinic = Installation::start(Options::default().set("ULAK_PANIC", "render")).await;
    clinic.expects_panics();
    let neighbours: Vec<_> = (0..6).map(|n| reminder(&format!("neighbour-{n}"))).collect();
    let poison = reminder("panic");
    for (n, neighbour) in neighbours.iter().enumerate() {
        if n == 3 {
            clinic.publish(&poison).await;
        }
        clinic.publish(neighbour).await;
    }
    for neighbour in &neighbours {
        clinic.until_state(neighbour, "accepted", "").await;
    }
    clinic.until_settled(7).await;
    let dead = clinic.dead_letters().await;
    assert_eq!((dead.len(), &dead[0]["rule"]), (1, &"handler-panic".into()), "{dead:?}");
    // A person may be in the body, so its copy on the broker is a reference.
    let copies = clinic.publisher.dead_letters(1).await;
    assert_eq!(copies[0].reason, "handler-panic");
    let body = String::from_utf8(copies[0].body.clone()).expect("UTF-8");
    assert!(!body.contains(poison.national()) && body.contains("ulak:bad_"), "{body}");

    // The worker goes on.
    let after = reminder("after");
    clinic.publish(&after).await;
    clinic.until_state(&after, "accepted", "").await;
    clinic.until_accepted(7).await;
    clinic.finish().await;
}

/// On a copy that the scheduler released it is the row that is parked, under the event's own id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_on_a_released_copy_parks_its_row() {
    let time = |minutes: i64| clock::turkey(minutes).format("%H:%M").to_string();
    let options =
        Options { quiet_hours: format!("{}-{}", time(-60), time(60)), ..Options::default() };
    let mut clinic = Installation::start(options).await;
    clinic.expects_panics();
    let poison = reminder("panic");
    clinic.publish(&poison).await;
    clinic.until_state(&poison, "waiting", "quiet-hours").await;
    let awake = ("ULAK_CLINICS__ATASEHIR__QUIET_HOURS", "none");
    clinic.restart_workers(&[awake, ("ULAK_PANIC", "render")]).await;
    clinic.make_due(&poison).await;
    let row = clinic.until_state(&poison, "dead-lettered", "").await;
    assert_eq!((row.why.as_str(), row.attempts), ("handler-panic", 0));
    let copies = clinic.publisher.dead_letters(1).await;
    assert_eq!(
        (copies[0].reason.as_str(), &copies[0].message_id),
        ("handler-panic", &poison.ntf())
    );
    let neighbour = receipt("neighbour");
    clinic.publish(&neighbour).await;
    clinic.until_state(&neighbour, "accepted", "").await;
    clinic.until_accepted(1).await;
    clinic.finish().await;
}
