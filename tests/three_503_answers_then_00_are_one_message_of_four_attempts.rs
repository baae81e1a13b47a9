//! Netgsm answers 503 three times, then 00: one message, four attempts, each with its outcome in the log.

use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::{Installation, Options, reminder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_503_answers_then_00_are_one_message_of_four_attempts() {
    let clinic = Installation::start(Options { workers: 2, ..Options::default() }).await;
    let fault = Fault::new(Provider::Netgsm, Operation::Send, FaultKind::Http { status: 503 });
    clinic.outside.add_fault(fault.times(3)).expect("a fault");
    let event = reminder("hiccup");
    clinic.publish(&event).await;
    let row = clinic.until_state(&event, "accepted", "").await;
    assert_eq!(row.attempts, 4);

    let log = clinic.log_show(&event.ntf()).await;
    let outcomes: Vec<_> = log
        .iter()
        .filter(|record| record["kind"] == "outcome")
        .map(|record| {
            (record["attempt"].as_i64(), record["outcome"].as_str(), record["code"].as_str())
        })
        .collect();
    let failed = |n| (Some(n), Some("failed"), Some("http:503"));
    let accepted = (Some(4), Some("accepted"), Some("netgsm:00"));
    assert_eq!(outcomes, [failed(1), failed(2), failed(3), accepted]);
    let listed = clinic.log_list().await;
    assert_eq!((listed.len(), listed[0]["attempts"].as_i64()), (1, Some(4)));
    clinic.until_accepted(1).await;
    clinic.finish().await;
}
