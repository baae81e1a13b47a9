//! The connection to RabbitMQ stands and nobody answers: for a moment that may be anything, so the process stays ready; then it is not,
//! and is again when somebody answers.

use crate::harness::attack::{Attack, Neighbour};
use crate::harness::proxy::Way;
use crate::harness::{Options, PATIENCE};

/// Waits until every worker says this on `/readyz`.
async fn until_all_say(attack: &mut Attack, status: u16) {
    let give_up = std::time::Instant::now() + PATIENCE;
    loop {
        let ready = attack.workers_ready().await;
        assert!(!ready.is_empty());
        if ready.iter().all(|said| *said == status) {
            return;
        }
        assert!(std::time::Instant::now() < give_up, "{ready:?}, not {status}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_broker_is_a_doubt_before_it_is_an_outage() {
    let mut attack = Attack::on(Neighbour::Broker, Options::default()).await;
    until_all_say(&mut attack, 200).await;
    attack.way.set(Way::Silent);
    // one look without an answer is no outage
    assert!(attack.workers_ready().await.iter().all(|said| *said == 200));
    until_all_say(&mut attack, 503).await;
    attack.heal(true);
    until_all_say(&mut attack, 200).await;
    attack.clinic.finish().await;
}
