//! Broker and database absent at start: a clear line, then the processes wait, and work when both are there.

use crate::harness::installation::{SCHEDULER_IS_READY, WORKER_IS_READY};
use crate::harness::services::{Database, Vhost};
use crate::harness::{Installation, Options, Proxy, reminder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absent_services_are_waited_for() {
    let mut clinic = Installation::prepare(Options::default()).await;
    assert_eq!(clinic.ulak(&["migrate"]).await.code, 0);
    let mut database = Proxy::closed(&Database::address()).await;
    let mut broker = Proxy::closed(&Vhost::address()).await;
    let database_url = clinic.store.url_by(&database.address(), "postgres");
    let broker_url = clinic.vhost.url_by(&broker.address(), "guest");
    let env =
        [("ULAK_DATABASE__URL", database_url.as_str()), ("ULAK_BROKER__URL", broker_url.as_str())];
    let mut worker = clinic.process("worker", &env);
    let mut scheduler = clinic.process("scheduler", &env);
    // An event that is there before anybody is.
    let event = reminder("early");
    clinic.publish(&event).await;
    for process in [&mut worker, &mut scheduler] {
        process.line("waiting for the ledger").await;
    }
    database.open().await;
    for process in [&mut worker, &mut scheduler] {
        process.line("the ledger is there").await;
        process.line("does not answer at broker.url").await;
        assert!(process.runs());
    }
    broker.open().await;
    worker.line(WORKER_IS_READY).await;
    scheduler.line(SCHEDULER_IS_READY).await;
    clinic.workers.push(worker);
    clinic.schedulers.push(scheduler);
    clinic.until_state(&event, "accepted", "").await;
    clinic.until_accepted(1).await;
    clinic.finish().await;
}
