//! Beside a running `ulak up`: `ulak publish` puts an event into the ledger and it is sent; `ulak log`, `lane` and `dead-letter` read
//! and steer.

use simulator::{Fault, FaultKind, Operation, Provider, Script};

use crate::harness::{Embedded, Event, reminder};

async fn publish(machine: &Embedded, event: &Event) {
    machine.hide(event.national());
    let file = machine.folder.join("event.json");
    std::fs::write(&file, event.body()).expect("written");
    let said = machine.ulak(&["publish", file.to_str().expect("UTF-8")]).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stdout.contains(&event.ntf()), "{}", said.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_published_beside_it_is_sent() {
    let machine = Embedded::start(Script::default(), &[]).await;
    let event = reminder("beside");
    publish(&machine, &event).await;
    machine.until_state(&event, "accepted", "").await;
    publish(&machine, &event).await;
    assert_eq!(machine.balance().await["received"], 1);
    assert_eq!(machine.until_accepted(1).await.len(), 1);
    machine.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_that_is_paused_beside_it_holds_back_until_it_is_resumed() {
    let machine = Embedded::start(Script::default(), &[]).await;
    let lane = "netgsm/default/KLINIK";
    let paused = machine.ulak(&["lane", "pause", lane, "--reason", "test"]).await;
    assert_eq!(paused.code, 0, "{}", paused.stderr);
    // the process knows it within half a second: what comes before that still goes
    let mut sent = 0;
    let waits = loop {
        let event = reminder(&format!("paused{sent}"));
        machine.post(&event).await;
        let row = machine
            .until("accepted, or waiting on the lane", async || {
                // a row that was not released yet waits too, but on no lane
                let row = machine.row(&event).await?;
                let told = row.state.as_str() == "accepted" || row.why == "lane-closed";
                told.then_some(row)
            })
            .await;
        if row.why == "lane-closed" {
            break event;
        }
        sent += 1;
        assert!(sent < 1_000, "the pause is not noticed");
    };
    let later = reminder("later");
    machine.post(&later).await;
    machine.until_state(&later, "waiting", "lane-closed").await;
    machine.until_accepted(sent).await;
    let resumed = machine.ulak(&["lane", "resume", lane, "--reason", "test"]).await;
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    for event in [&waits, &later] {
        machine.until_state(event, "accepted", "").await;
    }
    machine.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_that_is_replayed_beside_it_is_decided_about_anew() {
    let machine = Embedded::start(Script::default(), &[]).await;
    let event = reminder("refused");
    let refused =
        Fault::new(Provider::Netgsm, Operation::Send, FaultKind::Code { code: "70".into() });
    machine.outside.add_fault(refused.number(event.national()).times(1)).expect("a fault");
    machine.post(&event).await;
    machine.until_state(&event, "refused", "").await;
    // a refusal is final: there is no dead letter of it, and the command says so
    let said = machine.ulak(&["dead-letter", "list"]).await;
    assert_eq!(said.json().len(), 0);
    let said = machine.ulak(&["log", "show", &event.ntf()]).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    machine.finish().await;
}
