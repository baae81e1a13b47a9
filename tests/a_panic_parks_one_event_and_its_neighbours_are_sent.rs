//! A handler that panics on an event twice parks that event as a dead letter; its neighbours are sent, the worker goes
//! on. So it is with facts and with what comes back from the broker; after the claim there is only `Unknown`. What ends the whole
//! process is parked too, after it came back three times.

use std::time::Duration;

use crate::harness::installation::WORKER_IS_READY;
use crate::harness::process::Process;
use crate::harness::{Event, Installation, Options, PATIENCE, clock, receipt, reminder, scaled};

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A copy that is in a queue comes to an idle worker sooner.
const NOTHING_COMES: Duration = Duration::from_secs(3);

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

/// After the claim nobody may run it again: a request may have left. Its row says so, and it is looked after like any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_after_the_claim_is_an_unknown_attempt() {
    let mut clinic = Installation::start(Options::default().set("ULAK_PANIC", "after-claim")).await;
    clinic.expects_panics();
    let (poison, neighbour) = (receipt("panic"), receipt("neighbour"));
    clinic.publish(&poison).await;
    clinic.publish(&neighbour).await;
    clinic.until_state(&neighbour, "accepted", "").await;
    let row = clinic.until_state(&poison, "sending", "").await;
    assert_eq!(row.attempts, 1, "it is not claimed a second time");
    // it is acked: nobody gets it again, and its lease is what counts
    let queue = ["name", "messages"];
    clinic
        .until("an empty queue", async || {
            let queues =
                clinic.vhost.ctl("list_queues", &[&["--quiet"][..], &queue].concat()).await;
            let empty = queues.lines().any(|line| {
                line.split_whitespace().collect::<Vec<_>>() == ["ulak.payment-receipt", "0"]
            });
            empty.then_some(())
        })
        .await;
    clinic.make_due(&poison).await;
    clinic.until_state(&poison, "unknown", "lease-ran-out").await;
    clinic.until_accepted(1).await;
    assert!(clinic.dead_letters().await.is_empty(), "it may have arrived: that is no dead letter");
    clinic.finish().await;
}

fn booked(id: &str) -> Event {
    reminder(id)
        .set("/type", "clinic.appointment-booked.v1")
        .set("/data/appointment/starts_at", clock::written(clock::turkey(5 * 24 * 60)))
        .set("/data/appointment/version", 1)
}

/// Facts are applied together; the one at fault is parked alone, and the scheduler goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_on_a_fact_parks_that_fact() {
    let mut clinic =
        Installation::start(Options::default().set("ULAK_PANIC", "before-facts")).await;
    clinic.expects_panics();
    let facts: Vec<Event> =
        ["one", "panic", "two", "three"].iter().map(|id| booked(&format!("fact-{id}"))).collect();
    for fact in &facts {
        clinic.hide(fact.national());
        let id = fact.text("/id");
        clinic.publisher.body("clinic.events", fact.kind(), &fact.body(), id).await;
    }
    let dead = clinic.until("a dead letter", async || {
        let dead = clinic.dead_letters().await;
        (!dead.is_empty()).then_some(dead)
    });
    let dead = dead.await;
    assert_eq!((dead.len(), &dead[0]["rule"]), (1, &"handler-panic".into()), "{dead:?}");
    // three visits of two reminders each, and the fact that is parked
    clinic
        .until("the plan of the others", async || {
            let planned = "SELECT count(*) FROM open WHERE state = 'waiting'";
            (clinic.number(planned).await == 6).then_some(())
        })
        .await;
    // mended, it is put back by the usual way
    clinic.env.retain(|(name, _)| name != "ULAK_PANIC");
    let bad = dead[0]["ntf"].as_str().expect("an id").to_owned();
    let mut args = vec!["dead-letter", "replay", &bad];
    let dry = clinic.ulak(&args).await.json();
    assert_eq!(dry[0]["done"], false, "{dry:?}");
    args.extend(["--yes", "--reason", "mended"]);
    let done = clinic.ulak(&args).await.json();
    assert_eq!(done[0]["done"], true, "{done:?}");
    assert_eq!(clinic.number("SELECT count(*) FROM open WHERE state = 'waiting'").await, 8);
    clinic.finish().await;
}

/// What no queue took is taken in by the scheduler; one that makes it panic does not end that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_on_a_returned_message_parks_it() {
    let mut clinic =
        Installation::start(Options::default().set("ULAK_PANIC", "after-return")).await;
    clinic.expects_panics();
    let events = ["before", "panic", "after"].map(|id| receipt(&format!("returned-{id}")));
    for event in &events {
        clinic.hide(event.national());
        let id = event.text("/id");
        clinic.publisher.body("ulak.unroutable", event.kind(), &event.body(), id).await;
    }
    clinic.until_state(&events[0], "accepted", "").await;
    clinic.until_state(&events[2], "accepted", "").await;
    clinic.until_settled(3).await;
    let dead = clinic.dead_letters().await;
    assert_eq!((dead.len(), &dead[0]["rule"]), (1, &"handler-panic".into()), "{dead:?}");
    clinic.until_accepted(2).await;
    clinic.finish().await;
}

/// A message on which the process itself ends (abort, out of memory) comes back with every start, until the broker throws it out of
/// its queue. The third time it is parked. RabbitMQ's limit is set low here; by default it is 100 deliveries. The workers have one
/// message in work at a time, the others in hand: nobody is between claim and first byte when the process ends, which
/// `a_worker_killed_at_any_point…` looks at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_the_process_is_parked_and_its_neighbours_are_sent() {
    let mut clinic = Installation::prepare(scaled::options()).await.launch(0, 1).await;
    clinic.expects_panics();
    let limit = r#"{"delivery-limit":7}"#;
    let guard = ["guard", "^ulak\\.payment-receipt$", limit, "--apply-to", "queues"];
    clinic.vhost.ctl("set_policy", &guard).await;
    let neighbours: Vec<Event> = (0..3).map(|n| receipt(&format!("neighbour-{n}"))).collect();
    let poison = receipt("abort");
    for (n, neighbour) in neighbours.iter().enumerate() {
        if n == 0 {
            clinic.publish(&poison).await;
        }
        clinic.publish(neighbour).await;
    }
    let mut ends = 0;
    let parked = "SELECT count(*) FROM notification WHERE state = 'dead-lettered'";
    while clinic.number(parked).await == 0 {
        assert!(ends < 60, "it is never parked; {:?}", clinic.rows().await);
        // whoever started it starts it again
        let alone = [("ULAK_ABORT", "render"), ("ULAK_WORKER__IN_FLIGHT", "1")];
        let mut worker = clinic.process("worker", &alone);
        worker.line(WORKER_IS_READY).await;
        ends += u32::from(clinic.ended_or_parked(&mut worker, &poison).await);
        clinic.gone.push(worker);
    }
    let row = clinic.row(&poison).await.expect("a row");
    assert_eq!(
        (row.state.as_str(), row.why.as_str(), row.attempts),
        ("dead-lettered", "crash-loop", 0)
    );
    assert!(ends >= 3 * 8, "it was parked after {ends} ends of the process only");
    // without it they are sent: none of them is parked with it
    clinic.add_worker(&[]).await;
    for neighbour in &neighbours {
        let done = clinic.until("a neighbour is done", async || {
            let row = clinic.row(neighbour).await?;
            if ["waiting", "released"].contains(&row.state.as_str()) {
                clinic.make_due(neighbour).await;
            }
            (row.state == "accepted").then_some(row)
        });
        let row = done.await;
        assert_eq!(row.attempts, 1, "{row:?}");
    }
    clinic.until_accepted(neighbours.len()).await;
    let dead = clinic.dead_letters().await;
    assert_eq!((dead.len(), &dead[0]["rule"]), (1, &"crash-loop".into()), "{dead:?}");
    clinic.finish().await;
}

impl Installation {
    /// Waits until the process has ended by itself, or the poison is parked. Where nothing comes to the process any more, patience
    /// with the copies that the broker threw out is over.
    async fn ended_or_parked(&self, worker: &mut Process, poison: &Event) -> bool {
        let began = tokio::time::Instant::now();
        let mut patient_until = began + NOTHING_COMES;
        while worker.runs() {
            let row = self.row(poison).await;
            if row.as_ref().is_some_and(|row| row.state == "dead-lettered") {
                assert!(worker.stopped().await.success(), "{}", worker.tail());
                return false;
            }
            if row.is_some_and(|row| row.state == "released")
                && patient_until < tokio::time::Instant::now()
            {
                patient_until += NOTHING_COMES;
                self.run("UPDATE open SET due_at = 0 WHERE state = 'released'").await;
            }
            assert!(began.elapsed() < PATIENCE, "nothing happens");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        true
    }
}
