//! The provider takes a message and its answer is lost: its books are read, the message is found, and nobody gets it twice. At
//! Netgsm with and without the echo of our reference, at Twilio, and on one machine without broker or database server.

use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::{Embedded, Event, Installation, Options, receipt, reminder, scaled};

/// Three ways to lose an answer; each request was worked on.
fn lost() -> [(Event, FaultKind); 3] {
    [
        (receipt("hang"), FaultKind::Hang { accept: true, seconds: 600 }),
        (reminder("reset"), FaultKind::Reset { accept: true }),
        (receipt("garbage"), FaultKind::Garbage { accept: true }),
    ]
}

fn strike(provider: Provider, event: &Event, kind: &FaultKind) -> Fault {
    Fault::new(provider, Operation::Send, kind.clone()).number(event.national())
}

async fn all_are_found(provider: Provider, options: Options, by: &str) {
    let (workers, schedulers) = (options.workers, options.schedulers);
    let mut clinic = Installation::prepare(options).await;
    let outside = clinic.outside.url();
    clinic.env.push(("ULAK_PROVIDERS__TWILIO__BASE_URL".to_owned(), outside));
    let clinic = clinic.launch(workers, schedulers).await;
    let cases = lost();
    for (event, kind) in &cases {
        clinic.outside.add_fault(strike(provider, event, kind)).expect("a fault");
        clinic.publish(event).await;
    }
    // found needs no message to compare with: nothing else is sent
    for (event, _) in &cases {
        let row = clinic.until_state(event, "accepted", "").await;
        assert_eq!(row.attempts, 1, "{row:?}");
        let looks = clinic.looks(event).await;
        let (saw, why) = looks.last().expect("a look");
        assert_eq!(saw, "found", "{looks:?}");
        assert!(why.starts_with("found: "), "{looks:?}");
        let said = clinic.explain(&event.ntf()).await;
        for part in ["Sent: the provider accepted it", by, "its answer was lost"] {
            assert!(said.contains(part), "{part} is missing: {said}");
        }
    }
    let messages = clinic.until_accepted(3).await;
    // receipts will be asked for by the provider's own id of each
    for (event, _) in &cases {
        let records = clinic.log_show(&event.ntf()).await;
        let outcome = records.iter().rev().find(|record| record["kind"] == "outcome");
        let sent = messages.iter().find(|message| message.to == event.national()).expect("one");
        assert_eq!(outcome.expect("an outcome")["provider_ref"], sent.jobid);
    }
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn netgsm_without_an_echo_is_asked_by_number_time_and_segments() {
    all_are_found(Provider::Netgsm, scaled::options(), "by its number, time and segments").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn netgsm_with_an_echo_is_asked_by_our_reference() {
    let mut options = scaled::options()
        .set("ULAK_PROVIDERS__NETGSM__SEND_REFERENCE", true)
        .set("ULAK_PROVIDERS__NETGSM__ECHOES_REFERENCE", true);
    options.script.netgsm.echo_reference = true;
    all_are_found(Provider::Netgsm, options, "by its reference").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twilio_is_asked_by_number_time_and_text() {
    let options = scaled::twilio(scaled::options());
    all_are_found(Provider::Twilio, options, "by its number, time and text").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_one_machine_too() {
    let env = scaled::env();
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let machine = Embedded::start(scaled::script(), &env).await;
    let cases = lost();
    for (event, kind) in &cases {
        machine.outside.add_fault(strike(Provider::Netgsm, event, kind)).expect("a fault");
        machine.post(event).await;
    }
    for (event, _) in &cases {
        let row = machine.until_state(event, "accepted", "").await;
        assert_eq!(row.attempts, 1, "{row:?}");
    }
    machine.until_accepted(3).await;
    machine.finish().await;
}
