//! Two schedulers, three workers and a provider that fails at random, also so that nobody can know whether it took the message:
//! nobody gets two messages, the books balance, and whatever was not accepted certainly did not arrive and says why.
//!
//! `ULAK_TEST_EVENTS` makes it larger, never smaller; `ULAK_TEST_SEED` replays a run.

use std::time::Duration;

use simulator::{Fault, FaultKind, Operation, Provider, Script};

use crate::harness::load::{StubbornPublisher, events};
use crate::harness::{Event, Installation, Options, reconcile, reminder};

/// What CI runs at least.
const EVENTS: usize = 500;

/// Each strikes so many sends, of those that come to it in this share, and then no more: the installation gets well.
fn faults() -> Vec<Fault> {
    let send = |kind, share, times| {
        Fault::new(Provider::Netgsm, Operation::Send, kind).share(share).times(times)
    };
    vec![
        send(FaultKind::Http { status: 503 }, 0.1, 60),
        send(FaultKind::Http { status: 500 }, 0.03, 8),
        send(FaultKind::Slow { ms: 300 }, 0.1, 60),
        send(FaultKind::Hang { accept: true, seconds: 600 }, 0.03, 8),
        send(FaultKind::Hang { accept: false, seconds: 600 }, 0.03, 8),
        send(FaultKind::Reset { accept: true }, 0.03, 8),
        send(FaultKind::Reset { accept: false }, 0.03, 8),
        send(FaultKind::Garbage { accept: true }, 0.03, 8),
        send(FaultKind::Garbage { accept: false }, 0.03, 8),
    ]
}

/// Publishes a message now and then, for only behind a later one it is certain that one is not there, until all is settled.
async fn settled(clinic: &Installation, events: &mut Vec<Event>) {
    // Long waits for a retry are cut short; everything else takes its time, lanes that close and reopen included.
    let impatient = "UPDATE open o SET due_at = 0 FROM notification n WHERE n.ntf = o.ntf \
                     AND o.due_at <> 0 AND n.state = 'waiting' AND n.why = 'retry'";
    for i in 0..120 {
        clinic.run(impatient).await;
        if i % 4 == 0 {
            let later = reminder(&format!("later-{i}"));
            clinic.publish(&later).await;
            events.push(later);
        }
        let rows = clinic.rows().await;
        if rows.len() == events.len() && rows.iter().all(|row| row.due_at.is_none()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("it does not settle: {:?}", clinic.states().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_processes_and_random_faults_send_nobody_twice() {
    let setting = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
    };
    let seed = setting("ULAK_TEST_SEED", 20_261_121);
    let count = usize::try_from(setting("ULAK_TEST_EVENTS", EVENTS as u64)).expect("a number");
    assert!(count >= EVENTS, "ULAK_TEST_EVENTS={count} is less than {EVENTS}");
    let mut script = Script { seed, faults: faults(), ..Script::default() };
    reconcile::quick(&mut script);
    let options = Options { workers: 3, schedulers: 2, script, ..Options::default() };
    let options = reconcile::settings(options.set("ULAK_WORKER__REQUEST_DEADLINE_S", 2));
    let clinic = Installation::start(options.set("ULAK_WORKER__QUICK_RETRIES", 1)).await;
    let mut events = events(count);
    clinic.hide_all(&events);
    let mut publisher = StubbornPublisher::of(&clinic);
    for event in &events {
        publisher.publish(event).await;
    }
    settled(&clinic, &mut events).await;

    clinic.nobody_twice();
    let looks = clinic.number("SELECT count(*) FROM record WHERE kind = 'looked'").await;
    assert!(looks > 0, "seed {seed}: nothing was looked for: the faults did not strike");
    let rows = clinic.rows().await;
    for event in &events {
        let row = rows.iter().find(|row| row.ntf == event.ntf()).expect("a row");
        let sent = clinic.outside.messages_to(event.national()).len();
        if row.state == "accepted" {
            assert_eq!(sent, 1, "seed {seed}: {row:?}");
        } else {
            // a receipt that is not there is not sent again, nor is a reminder that was sent again already
            assert_eq!((row.state.as_str(), sent), ("unresolved", 0), "seed {seed}: {row:?}");
            assert!(!row.why.is_empty(), "seed {seed}: {row:?}");
        }
    }
    let books = clinic.balance().await;
    assert_eq!(books["received"], events.len(), "{books}");
    clinic.finish().await;
}
