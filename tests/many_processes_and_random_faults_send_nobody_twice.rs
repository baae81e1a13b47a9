//! Two schedulers, three workers and a provider that fails at random (with a fixed seed): nobody gets two messages, the
//! books balance, and whatever was not accepted is explained.

use simulator::{Fault, FaultKind, Operation, Provider, Script};

use crate::harness::load::{StubbornPublisher, events};
use crate::harness::{Installation, Options};

/// Each strikes so many sends, of those that come to it in this share, and then no more: the installation gets well.
fn faults() -> Vec<Fault> {
    let send = |kind, share, times| {
        Fault::new(Provider::Netgsm, Operation::Send, kind).share(share).times(times)
    };
    vec![
        send(FaultKind::Http { status: 503 }, 0.1, 60),
        send(FaultKind::Slow { ms: 300 }, 0.1, 60),
        send(FaultKind::Hang { accept: true, seconds: 600 }, 0.03, 8),
        send(FaultKind::Hang { accept: false, seconds: 600 }, 0.03, 8),
        send(FaultKind::Reset { accept: true }, 0.03, 8),
        send(FaultKind::Reset { accept: false }, 0.03, 8),
        send(FaultKind::Garbage { accept: true }, 0.03, 8),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_processes_and_random_faults_send_nobody_twice() {
    let script = Script { seed: 20_261_121, faults: faults(), ..Script::default() };
    let options = Options { workers: 3, schedulers: 2, script, ..Options::default() };
    let options = options.set("ULAK_WORKER__REQUEST_DEADLINE_S", 2);
    let clinic = Installation::start(options.set("ULAK_WORKER__QUICK_RETRIES", 1)).await;
    let events = events(500);
    clinic.hide_all(&events);
    let mut publisher = StubbornPublisher::of(&clinic);
    for event in &events {
        publisher.publish(event).await;
    }

    // Long waits for a retry are cut short; everything else takes its time, lanes that close and reopen included.
    clinic
        .until("500 rows that are settled or unknown", async || {
            let impatient = "UPDATE open o SET due_at = 0 FROM notification n WHERE n.ntf = o.ntf \
                             AND o.due_at <> 0 AND n.state = 'waiting' AND n.why = 'retry'";
            clinic.run(impatient).await;
            let rows = clinic.rows().await;
            let done = rows.iter().all(|row| row.due_at.is_none() || row.state == "unknown");
            (done && rows.len() == events.len()).then_some(())
        })
        .await;
    let unknown = clinic.ulak(&["log", "list", "--state", "unknown", "--limit", "1000"]).await;
    let unknown = unknown.json().len();
    assert!(unknown > 0, "no attempt is unknown: the faults did not strike");
    clinic.run("UPDATE open SET due_at = 0 WHERE state = 'unknown'").await;
    let rows = clinic.until_settled(events.len()).await;

    clinic.nobody_twice();
    let books = clinic.balance().await;
    let states = &books["states"];
    assert_eq!(books["received"], events.len(), "{books}");
    assert_eq!(states["unresolved"], unknown, "{books}");
    let resolved = |state: &str| usize::try_from(states[state].as_u64().expect("a number"));
    assert_eq!(resolved("accepted"), Ok(events.len() - unknown), "{books}");
    for event in &events {
        let row = rows.iter().find(|row| row.ntf == event.ntf()).expect("a row");
        let sent = clinic.outside.messages_to(event.national()).len();
        if row.state == "accepted" {
            assert_eq!(sent, 1, "{row:?}");
        } else {
            assert_eq!((row.state.as_str(), row.why.as_str()), ("unresolved", "gave up looking"));
            let explained = clinic.explain(&row.ntf).await;
            assert!(explained.contains("May have been sent"), "{explained}");
        }
    }
    clinic.finish().await;
}
