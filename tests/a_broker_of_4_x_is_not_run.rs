//! What RabbitMQ 4.x does otherwise (`facts/rabbitmq_practice.md` §4.12): a delivery limit of 20 where none is set, `basic.nack` that
//! is not counted (4.3), `basic.cancel` where a consumer took too long (4.3). Debian 12 has 3.10 and no other broker is here, so
//! this is **not run**: it is counted as ignored, with its reason, and never as passed. With `AMQP_URL` at a 4.x broker:
//! `cargo test -p ulak --test e2e -- --ignored a_broker_of_4_x`.

use crate::harness::load::events;
use crate::harness::{Installation, Options};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "not run: it needs a RabbitMQ 4.x broker (rabbitmq_practice §4.12); Debian 12 has 3.10"]
async fn a_broker_of_4_x_redelivers_without_end_and_loses_nobody() {
    const TIMES: i64 = 25;
    let clinic = Installation::start(Options { workers: 0, ..Options::default() }).await;
    let version = clinic.vhost.version().await;
    let major: u32 = version.split('.').next().and_then(|n| n.parse().ok()).expect("a version");
    assert!(
        major >= 4,
        "this broker is {version}: point AMQP_URL and ULAK_SERVICES_DIR at a 4.x one"
    );
    let events = events(10);
    for event in &events {
        clinic.publish(event).await;
    }
    // given back more often than the limit that a 4.x broker sets by itself
    for _ in 0..TIMES {
        for queue in ["ulak.appointment-reminder", "ulak.payment-receipt"] {
            clinic.publisher.delivery_counts(queue).await;
        }
    }
    let mut clinic = clinic;
    clinic.add_worker(&[]).await;
    clinic.until_each_was_sent_once(&events).await;
    clinic.finish().await;
}
