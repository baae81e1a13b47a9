//! Codes that Netgsm gives about the message end it; codes about its rate make it wait, and it is sent.

use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::{Installation, Options, receipt};

fn code(code: &str) -> Fault {
    Fault::new(Provider::Netgsm, Operation::Send, FaultKind::Code { code: code.to_owned() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_or_number_that_netgsm_refuses_ends_refused_and_the_lane_stays_open() {
    let clinic = Installation::start(Options::default()).await;
    let cases = [("20", receipt("text")), ("70", receipt("number"))];
    for (answer, event) in &cases {
        clinic.outside.add_fault(code(answer).number(event.national())).expect("a fault");
        clinic.publish(event).await;
    }
    let good = receipt("good");
    clinic.publish(&good).await;
    for (answer, event) in &cases {
        let row = clinic.until_state(event, "refused", "").await;
        assert_eq!(row.attempts, 1);
        let said = clinic.explain(&event.ntf()).await;
        assert!(said.contains(&format!("netgsm:{answer}")), "{said}");
        assert!(said.contains("Not sent: the provider refused it"), "{said}");
    }
    clinic.until_state(&good, "accepted", "").await;
    clinic.until_accepted(1).await;
    assert_eq!(clinic.number("SELECT count(*) FROM lane WHERE state <> 'open'").await, 0);
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_throttled_message_waits_and_is_sent() {
    let clinic = Installation::start(Options::default()).await;
    let (soon, later) = (receipt("soon"), receipt("later"));
    clinic.outside.add_fault(code("80").number(soon.national()).times(1)).expect("a fault");
    clinic.outside.add_fault(code("80").number(later.national()).times(4)).expect("a fault");
    clinic.publish(&soon).await;
    clinic.publish(&later).await;
    // Once: tried again within the second, in the same process.
    assert_eq!(clinic.until_state(&soon, "accepted", "").await.attempts, 2);
    // All quick tries: its row waits half a minute.
    let row = clinic.until_state(&later, "waiting", "retry").await;
    assert_eq!(row.attempts, 4);
    clinic.make_due(&later).await;
    assert_eq!(clinic.until_state(&later, "accepted", "").await.attempts, 5);
    assert_eq!(clinic.number("SELECT count(*) FROM lane WHERE state <> 'open'").await, 0);
    clinic.until_accepted(2).await;
    clinic.finish().await;
}
