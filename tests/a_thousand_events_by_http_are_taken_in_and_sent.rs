//! A thousand events, each in a request of its own and all at once: each is answered with 202 and sent once.

use futures::StreamExt as _;
use simulator::Script;

use crate::harness::{Embedded, receipt};

const EVENTS: usize = 1_000;
/// Connections of the clinic's system.
const ABREAST: usize = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_at_once() {
    let machine = Embedded::start(Script::default(), &[]).await;
    let events: Vec<_> = (0..EVENTS).map(|i| receipt(&format!("r{i}"))).collect();
    futures::stream::iter(&events)
        .for_each_concurrent(ABREAST, async |event| machine.post(event).await)
        .await;
    let messages = machine.until_accepted(EVENTS).await;
    let mut numbers: Vec<_> = messages.into_iter().map(|message| message.to).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), EVENTS, "somebody has two messages");
    machine.finish().await;
}
