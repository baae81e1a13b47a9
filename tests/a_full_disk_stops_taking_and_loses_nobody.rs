//! The ledger's file cannot grow any more: nothing is taken in that cannot be kept, the door says 503, readiness says why. With room
//! again everybody who was told 202 has a message, once.

use simulator::Script;

use crate::harness::{Embedded, Event, receipt};

/// Events until the file is full; far more than fit.
const MOST: usize = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_reached_its_limit() {
    let mut machine = Embedded::start(Script::default(), &[("ULAK_DATABASE__MAX_MIB", "1")]).await;
    let mut taken: Vec<Event> = Vec::new();
    let refused = loop {
        assert!(taken.len() < MOST, "the file never was full");
        let event = receipt(&format!("r{}", taken.len()));
        let answer = machine.try_post(&event).await.expect("the door answers");
        match answer.status {
            202 => taken.push(event),
            status => break (status, answer.body, event),
        }
    };
    assert_eq!(refused.0, 503, "{}", refused.1);
    assert!(taken.len() > 20, "only {} fitted", taken.len());
    let ready = machine.get("/readyz").await;
    assert_eq!(ready.status, 503, "{}", ready.body);
    assert!(ready.body.to_string().contains("full"), "{}", ready.body);
    // reading goes on
    assert!(machine.rows().await.len() >= taken.len());

    machine.killed().await;
    machine.env.retain(|(name, _)| name != "ULAK_DATABASE__MAX_MIB");
    machine.up(&[]).await;
    machine.post(&refused.2).await;
    taken.push(refused.2);
    machine
        .until("everybody has ended", async || {
            let rows = machine.rows().await;
            let open = ["waiting", "released", "sending"];
            rows.iter().all(|row| !open.contains(&row.state.as_str())).then_some(())
        })
        .await;
    for event in &taken {
        let row = machine.row(event).await.expect("nobody is lost");
        let messages = machine.outside.messages_to(event.national()).len();
        match row.state.as_str() {
            "accepted" => assert_eq!(messages, 1, "{row:?}"),
            // its outcome could not be written before the kill
            "unknown" => assert!(messages <= 1, "{row:?}"),
            other => panic!("{other}: {row:?}"),
        }
    }
    machine.finish().await;
}
