//! `ulak.db` is moved away under a running `ulak up`: from that moment on nothing is answered with 202, it is not ready, and its log
//! says why. Put back, the same file is continued.

use std::time::Duration;

use simulator::Script;
use sqlx::Row as _;

use crate::harness::{Embedded, receipt};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_file_that_is_gone_takes_nothing() {
    let mut machine = Embedded::start(Script::default(), &[]).await;
    let (before, meanwhile) = (receipt("before"), receipt("meanwhile"));
    machine.post(&before).await;
    machine.until_state(&before, "accepted", "").await;
    let (file, aside) = (machine.folder.join("ulak.db"), machine.folder.join("aside.db"));

    std::fs::rename(&file, &aside).expect("moved");
    let answer = machine.try_post(&meanwhile).await.expect("the door answers");
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(machine.get("/readyz").await.status, 503);
    let ready = machine.get("/readyz").await.body.to_string();
    assert!(ready.contains("removed or replaced while it was open"), "{ready}");
    // also where nobody asks
    let up = machine.up.as_mut().expect("it runs");
    let said = up.log_where("the alert", |line| line["alert"] == "ledger-gone").await.to_string();
    assert!(
        said.contains("ulak.db was removed or replaced") && said.contains("put it back"),
        "{said}"
    );

    std::fs::rename(&aside, &file).expect("moved back");
    let again = async || {
        let answer = machine.try_post(&meanwhile).await.expect("the door answers");
        (answer.status == 202).then_some(())
    };
    machine.until("the door takes events again", again).await;
    machine.until_state(&meanwhile, "accepted", "").await;
    machine.until_accepted(2).await;
    machine.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_in_its_place_takes_nothing_until_the_next_start() {
    let mut machine = Embedded::start(Script::default(), &[]).await;
    let (file, copy) = (machine.folder.join("ulak.db"), machine.folder.join("copy.db"));
    machine.stopped().await;
    // a stop that had no time for it leaves what was written last in the file's log: the copy is to be whole
    let raw = machine.raw().await;
    let moved = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&raw).await;
    assert_eq!(moved.expect("moved").get::<i64, _>(0), 0, "nobody else has the file");
    raw.close().await;
    std::fs::copy(&file, &copy).expect("copied");
    machine.up(&[]).await;
    std::fs::rename(&copy, &file).expect("replaced");
    let event = receipt("late");
    let answer = machine.try_post(&event).await.expect("the door answers");
    assert_eq!(answer.status, 503, "{}", answer.body);
    tokio::time::timeout(Duration::from_mins(1), machine.stopped()).await.expect("it stops");
    // of the old file's log nothing may be read into the new one
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(machine.folder.join(format!("ulak.db{end}")));
    }
    machine.up(&[]).await;
    machine.post(&event).await;
    machine.until_state(&event, "accepted", "").await;
    machine.finish().await;
}
