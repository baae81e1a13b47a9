//! The provider never took a message, and its answer was lost: once a later message of the account is in its books and this one is not,
//! three times, a reminder is sent once more and a receipt ends unresolved. Without a later message nothing is proven.

use std::time::Duration;

use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::{Embedded, Event, Installation, Options, receipt, reminder, scaled};

const NOTHING_LATER: &str = "no later message of the account to compare with";

/// The first request about an event's number is not worked on and not answered.
fn lost(provider: Provider, event: &Event, kind: FaultKind) -> Fault {
    Fault::new(provider, Operation::Send, kind).number(event.national()).times(1)
}

fn hang() -> FaultKind {
    FaultKind::Hang { accept: false, seconds: 600 }
}

async fn start(provider: Provider) -> Installation {
    let options = match provider {
        Provider::Twilio => scaled::twilio(scaled::options()),
        _ => scaled::options(),
    };
    let (workers, schedulers) = (options.workers, options.schedulers);
    let mut clinic = Installation::prepare(options).await;
    let outside = clinic.outside.url();
    clinic.env.push(("ULAK_PROVIDERS__TWILIO__BASE_URL".to_owned(), outside));
    clinic.launch(workers, schedulers).await
}

async fn proven(provider: Provider) {
    let clinic = start(provider).await;
    let (again, never) = (reminder("again"), receipt("never"));
    clinic.outside.add_fault(lost(provider, &again, hang())).expect("a fault");
    let refused = FaultKind::Http { status: 500 };
    clinic.outside.add_fault(lost(provider, &never, refused)).expect("a fault");
    for event in [&again, &never] {
        clinic.publish(event).await;
        clinic.until_state(event, "unknown", "").await;
    }
    // looked for, and nothing is proven as long as nothing was sent later
    for event in [&again, &never] {
        for (saw, why) in clinic.until_looked(event, 2).await {
            assert_eq!((saw.as_str(), why.as_str()), ("nothing", NOTHING_LATER));
        }
        clinic.until_over(event).await;
    }
    clinic.until_accepted(0).await;
    let later = receipt("later");
    clinic.publish(&later).await;
    clinic.until_state(&later, "accepted", "").await;

    let row = clinic.until_state(&again, "accepted", "").await;
    assert_eq!(row.attempts, 2, "{row:?}");
    let row = clinic.until_state(&never, "unresolved", "absent, and its type").await;
    assert_eq!(row.attempts, 1, "{row:?}");
    for event in [&again, &never] {
        let looks = clinic.looks(event).await;
        let absent = looks.iter().filter(|(saw, _)| saw == "absent").count();
        assert_eq!(absent, 3, "{looks:?}");
    }
    let messages = clinic.until_accepted(2).await;
    let numbers: Vec<&str> = messages.iter().map(|message| message.to.as_str()).collect();
    assert_eq!(numbers, [later.national(), again.national()]);
    let said = clinic.explain(&again.ntf()).await;
    assert!(said.contains("attempt 1 did not arrive (absent): sent once more"), "{said}");
    let said = clinic.explain(&never.ntf()).await;
    assert!(said.contains("Not sent, as far as the provider's books show"), "{said}");
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_netgsm_a_reminder_goes_once_more_and_a_receipt_does_not() {
    proven(Provider::Netgsm).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_twilio_a_reminder_goes_once_more_and_a_receipt_does_not() {
    proven(Provider::Twilio).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_one_machine_too() {
    let env = scaled::env();
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let machine = Embedded::start(scaled::script(), &env).await;
    let event = reminder("again");
    let fault = lost(Provider::Netgsm, &event, hang());
    machine.outside.add_fault(fault).expect("a fault");
    machine.post(&event).await;
    machine.until_state(&event, "unknown", "").await;
    // a message of each second: some of them are later than the attempt
    let mut later = 0;
    let row = loop {
        let row = machine.row(&event).await.expect("its row");
        if row.attempts == 2 && row.state.as_str() == "accepted" {
            break row;
        }
        assert!(later < 60, "not sent again within a minute: {row:?}");
        later += 1;
        machine.post(&receipt(&format!("later-{later}"))).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    assert_eq!(row.attempts, 2);
    let to_it = machine.outside.wait_for_to(event.national(), 1, crate::harness::PATIENCE).await;
    assert_eq!(to_it.len(), 1, "{to_it:?}");
    machine.until_accepted(1 + later).await;
    machine.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_later_message_nothing_is_proven_and_nothing_is_sent() {
    let clinic = Installation::start(Options { workers: 1, ..scaled::options() }).await;
    let event = reminder("alone");
    clinic.outside.add_fault(lost(Provider::Netgsm, &event, hang())).expect("a fault");
    clinic.publish(&event).await;
    let row = clinic.until_state(&event, "unresolved", NOTHING_LATER).await;
    assert_eq!(row.attempts, 1, "{row:?}");
    let looks = clinic.looks(&event).await;
    assert!(looks.len() > 3 && looks.iter().all(|(saw, _)| saw == "nothing"), "{looks:?}");
    clinic.until_accepted(0).await;
    clinic.finish().await;
}
