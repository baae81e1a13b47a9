//! A burst of receipts, each signed, doubled and out of order, while other messages are sent: all are taken, and nobody is sent
//! anything twice or not at all. How long it takes the benchmark measures (`ulak bench receipts`).

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};
use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::hooks::{self, Callback};
use crate::harness::{Event, Options, receipt};

/// Messages that are told of.
const MESSAGES: usize = 2_500;
/// What is told of each.
const WORDS: [&str; 10] = [
    "sending",
    "sent",
    "sent",
    "delivered",
    "sending",
    "delivered",
    "sent",
    "delivered",
    "sent",
    "delivered",
];
/// Callbacks under way at a time.
const AT_ONCE: usize = 200;
/// Messages that are sent meanwhile.
const OTHERS: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_others_are_sent() {
    let mut options = Options { workers: 2, ..Options::default() };
    hooks::quick(&mut options.script);
    let (clinic, door) = hooks::with_twilio(options).await;
    // what Twilio itself would tell of the first ones is lost
    let lost = Fault::new(Provider::Twilio, Operation::Callback, FaultKind::Down);
    clinic.outside.add_fault(lost).expect("a fault");
    let events: Vec<Event> = (0..MESSAGES).map(|n| receipt(&format!("burst-{n}"))).collect();
    for event in &events {
        clinic.publish(event).await;
    }
    let accepted = "SELECT count(*) FROM notification WHERE state = 'accepted'";
    let all = i64::try_from(MESSAGES).expect("a number");
    clinic
        .until("all accepted", async || (clinic.number(accepted).await == all).then_some(()))
        .await;
    let sids: BTreeMap<String, String> =
        clinic.outside.messages().into_iter().map(|it| (it.to, it.jobid)).collect();
    clinic.outside.clear_faults();
    let mut callbacks = Vec::with_capacity(MESSAGES * WORDS.len());
    for word in WORDS {
        for event in &events {
            callbacks.push(Callback::of(&door, &event.ntf(), &sids[event.national()], word, None));
        }
    }
    assert_eq!(callbacks.len(), 25_000);
    let client = hooks::client();
    let others: Vec<Event> = (0..OTHERS).map(|n| receipt(&format!("other-{n}"))).collect();
    let burst = stream::iter(&callbacks)
        .map(|it| it.post(&client, &door))
        .buffer_unordered(AT_ONCE)
        .fold(BTreeMap::new(), async |mut said, status| {
            *said.entry(status).or_insert(0) += 1;
            said
        });
    let sending = async {
        for event in &others {
            clinic.publish(event).await;
        }
    };
    let (said, ()) = tokio::join!(burst, sending);
    assert_eq!(said, BTreeMap::from([(200, 25_000)]));
    let delivered = "SELECT count(*) FROM notification WHERE state = 'delivered'";
    let all = i64::try_from(MESSAGES + OTHERS).expect("a number");
    clinic
        .until("all delivered", async || (clinic.number(delivered).await == all).then_some(()))
        .await;
    // of each message at most its way up is on record: sent, delivered; of one whose callback was faster than the record of its
    // answer that Twilio has it, too
    let receipts = clinic.number("SELECT count(*) FROM record WHERE kind = 'receipt'").await;
    let most = i64::try_from(2 * MESSAGES + 3 * OTHERS).expect("a number");
    assert!((all..=most).contains(&receipts), "{receipts} records");
    clinic.until_accepted(MESSAGES + OTHERS).await;
    clinic.finish().await;
}
