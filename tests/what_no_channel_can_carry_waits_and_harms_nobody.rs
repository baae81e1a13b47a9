//! A message that asks for a channel which nobody serves waits, also for a person who is known already, and the queue
//! goes on. One place in flight is enough for every queue to be served.

use serde_json::json;

use crate::harness::{Installation, Options, receipt, reminder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_asks_for_whatsapp_only_waits_and_is_looked_at_once() {
    let clinic = Installation::start(Options::default()).await;
    let known = receipt("known");
    clinic.publish(&known).await;
    clinic.until_state(&known, "accepted", "").await;
    let number = known.national().to_owned();
    let stuck = receipt("stuck").to(&number).set("/data/recipient/channels", json!(["whatsapp"]));
    clinic.publish(&stuck).await;
    clinic.until_state(&stuck, "waiting", "no-route").await;
    let records = clinic.log_show(&stuck.ntf()).await;
    let waits = records.iter().filter(|record| record["kind"] == "waiting").count();
    assert_eq!(waits, 1, "{records:?}");
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_place_in_flight_serves_every_queue() {
    let options = Options::default().set("ULAK_WORKER__IN_FLIGHT", 1);
    let clinic = Installation::start(options).await;
    for n in 0..3 {
        let (visit, payment) = (reminder(&format!("visit-{n}")), receipt(&format!("payment-{n}")));
        clinic.publish(&payment).await;
        clinic.until_state(&payment, "accepted", "").await;
        clinic.publish(&visit).await;
        clinic.until_state(&visit, "accepted", "").await;
    }
    clinic.finish().await;
}
