//! Netgsm takes a message in, its answer never comes (hang, reset, garbage), and its report does not answer either: the outcome is
//! unknown, then unresolved with that reason, it is listed, and nothing is sent twice. An answer that only comes late is waited for.

use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::{Installation, Options, receipt, reminder, scaled};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_never_comes_ends_unresolved_and_nothing_is_sent_twice() {
    let mut clinic = Installation::start(Options { workers: 2, ..scaled::options() }).await;
    let silent = Fault::new(Provider::Netgsm, Operation::Report, FaultKind::Http { status: 502 });
    clinic.outside.add_fault(silent).expect("a fault");
    let cases = [
        (receipt("hang"), FaultKind::Hang { accept: true, seconds: 600 }),
        (reminder("reset"), FaultKind::Reset { accept: true }),
        (receipt("garbage"), FaultKind::Garbage { accept: true }),
    ];
    for (event, kind) in &cases {
        let fault = Fault::new(Provider::Netgsm, Operation::Send, kind.clone());
        clinic.outside.add_fault(fault.number(event.national())).expect("a fault");
        clinic.publish(event).await;
    }
    for (event, _) in &cases {
        let row = clinic.until_state(event, "unknown", "").await;
        assert_eq!(row.attempts, 1, "{row:?}");
    }
    clinic.until_accepted(3).await;
    let books = clinic.balance().await;
    assert_eq!((&books["open"], &books["states"]["unknown"]), (&3.into(), &3.into()), "{books}");

    for (event, _) in &cases {
        clinic.until_state(event, "unresolved", "no answer: http:502").await;
        let said = clinic.explain(&event.ntf()).await;
        for part in ["May have been sent", "proves nothing (no answer: http:502"] {
            assert!(said.contains(part), "{part} is missing: {said}");
        }
    }
    let is_alert = |line: &serde_json::Value| line["alert"] == "unresolved";
    clinic.schedulers[0].log_where("the alert", is_alert).await;
    let listed = clinic.ulak(&["log", "list", "--state", "unresolved"]).await.json();
    assert_eq!(listed.len(), 3, "{listed:?}");

    // What may have arrived still holds its thing: the clinic's second try under another id is no second message.
    clinic.outside.clear_faults();
    for (event, _) in &cases {
        let again = event.clone().named(&format!("{}-again", event.text("/id")));
        clinic.publish(&again).await;
        let row = clinic.until_state(&again, "suppressed", "").await;
        assert_eq!(row.why, format!("duplicate of {}", event.ntf()));
    }
    clinic.until_accepted(3).await;
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_only_late_is_waited_for() {
    let clinic =
        Installation::start(Options::default().set("ULAK_WORKER__REQUEST_DEADLINE_S", 20)).await;
    let event = receipt("slow");
    let fault = Fault::new(Provider::Netgsm, Operation::Send, FaultKind::Slow { ms: 3_000 });
    clinic.outside.add_fault(fault).expect("a fault");
    clinic.publish(&event).await;
    let row = clinic.until_state(&event, "accepted", "").await;
    assert_eq!(row.attempts, 1);
    clinic.until_accepted(1).await;
    clinic.finish().await;
}
