//! Code 30 or 40 for one clinic's account: its lane closes with an alert, another clinic's messages flow on, and after
//! the mend everything that waited is sent, each once.

use simulator::{Fault, FaultKind, Operation, Provider, Script};

use crate::harness::{Event, Installation, Options, receipt};

const LANE: &str = "netgsm/default/KLINIK";

/// Wrong credentials: whatever is asked of that account is answered with 30.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_credentials_close_the_lane_until_they_are_mended() {
    let mut clinic = Installation::start(Options { workers: 2, ..Options::default() }).await;
    let fault = Fault::new(Provider::Netgsm, Operation::Any, FaultKind::Code { code: "30".into() });
    clinic.outside.add_fault(fault.account("8501234567")).expect("a fault");
    let waiting = trouble(&mut clinic, "account: netgsm:30").await;
    clinic.outside.clear_faults();
    everything_goes(&clinic, &waiting).await;
    clinic.finish().await;
}

/// An unapproved sender: a send gets 40, and the list of approved senders lacks it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unapproved_sender_closes_the_lane_until_it_is_approved() {
    let mut script = Script::default();
    script.netgsm.accounts[0].senders = vec!["DISKLINIGI".to_owned()];
    let mut clinic =
        Installation::start(Options { workers: 2, script, ..Options::default() }).await;
    let waiting = trouble(&mut clinic, "account: netgsm:40").await;
    clinic.outside.set_script(Script::default()).expect("the default script");
    everything_goes(&clinic, &waiting).await;
    clinic.finish().await;
}

/// Ten events for the clinic in trouble, ten for the other one. Returns the former, all waiting.
async fn trouble(clinic: &mut Installation, why: &str) -> Vec<Event> {
    let ours: Vec<_> = (0..10).map(|n| receipt(&format!("ours-{n}"))).collect();
    let theirs: Vec<_> =
        (0..10).map(|n| receipt(&format!("theirs-{n}")).of_clinic("besiktas")).collect();
    for (our, their) in ours.iter().zip(&theirs) {
        clinic.publish(our).await;
        clinic.publish(their).await;
    }
    let messages = clinic.until_accepted(10).await;
    assert!(messages.iter().all(|message| message.sender == "OTHER"));
    let alert = clinic.alert("lane-closed").await;
    assert_eq!((&alert["lane"], &alert["why"]), (&LANE.into(), &why.into()), "{alert}");
    for event in &ours {
        let row = clinic.until_state(event, "waiting", "lane-closed").await;
        assert_eq!(row.lane.as_deref(), Some(LANE));
    }
    // Nothing is burnt and nothing is dead-lettered, however often the lane is tried meanwhile.
    clinic.run("UPDATE lane SET probe_at = 0 WHERE state = 'closed'").await;
    let probed = "SELECT probes FROM lane WHERE lane = 'netgsm/default/KLINIK'";
    clinic.until("a probe", async || (clinic.number(probed).await > 0).then_some(())).await;
    clinic.until_accepted(10).await;
    let books = clinic.balance().await;
    assert_eq!((&books["open"], &books["states"]["dead-lettered"]), (&10.into(), &0.into()));
    ours
}

/// After the mend: the next probe finds it, and the rows go.
async fn everything_goes(clinic: &Installation, waiting: &[Event]) {
    let probe_now = "UPDATE lane SET probe_at = 0 WHERE state = 'closed'";
    let last = "SELECT count(*) FROM open";
    clinic
        .until("nothing waits any more", async || {
            // The pauses between probes are minutes by design; the test does not wait for them.
            clinic.run(probe_now).await;
            (clinic.number(last).await == 0).then_some(())
        })
        .await;
    let messages = clinic.until_accepted(20).await;
    for event in waiting {
        let to = messages.iter().filter(|message| message.to == event.national()).count();
        assert_eq!(to, 1, "{} was sent {to} times", event.ntf());
        clinic.until_state(event, "accepted", "").await;
    }
}
