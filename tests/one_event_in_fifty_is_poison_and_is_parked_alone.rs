//! Under load one event in fifty is poison: bytes that are no JSON, an event of a version that nobody knows, one on which a handler
//! panics. Just those are parked; every neighbour is sent once, with one attempt.

use crate::harness::attack::Attack;
use crate::harness::publisher::NOTIFICATIONS;
use crate::harness::{Options, RECEIPT, receipt, reminder};

const EVENTS: usize = 600;
const ONE_IN: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_event_in_fifty() {
    let options = Options::default().set("ULAK_PANIC", "render");
    let mut attack = Attack::without_a_proxy(options).await;
    attack.clinic.expects_panics();
    attack.clinic.outside.clear_faults();
    let mut poison = 0;
    for chunk in 0..EVENTS / ONE_IN {
        attack.publish(ONE_IN - 1).await;
        match chunk % 3 {
            0 => {
                let id = format!("no-json-{chunk}");
                attack.clinic.publisher.body(NOTIFICATIONS, RECEIPT, b"{\"id\":", &id).await;
            }
            1 => {
                let unknown = receipt(&format!("version-{chunk}")).set("/specversion", "9.9");
                attack.clinic.publish(&unknown).await;
            }
            _ => attack.clinic.publish(&reminder(&format!("panic-{chunk}"))).await,
        }
        poison += 1;
    }
    let sent = EVENTS - poison;
    let rows = attack.clinic.until_settled(EVENTS).await;
    attack.clinic.until_accepted(sent).await;
    attack.clinic.nobody_twice();
    let of_state = |state: &str| rows.iter().filter(|row| row.state == state).count();
    assert_eq!((of_state("accepted"), of_state("dead-lettered")), (sent, poison));
    for event in &attack.events {
        let row = rows.iter().find(|row| row.ntf == event.ntf()).expect("a row");
        assert_eq!((row.state.as_str(), row.attempts), ("accepted", 1), "{row:?}");
    }
    assert_eq!(attack.clinic.dead_letters().await.len(), poison);
    attack.clinic.publisher.dead_letters(poison).await;
    attack.clinic.finish().await;
}
