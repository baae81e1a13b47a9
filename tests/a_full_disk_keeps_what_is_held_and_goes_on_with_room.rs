//! The disk of the ledger is full while messages are sent: SQLite's, and PostgreSQL's. What a provider has answered is kept until it
//! can be written, nothing is taken meanwhile, readiness and log say why, and with room again everything goes on by itself, in the
//! same processes: nobody lost, nobody twice.

use sqlx::Row as _;
use sqlx::sqlite::SqlitePool;

use simulator::{Fault, FaultKind, Operation, Provider, Script};

use crate::harness::attack::{Attack, not_run};
use crate::harness::own_services::OwnServices;
use crate::harness::process::Process;
use crate::harness::small_disk::SmallDisk;
use crate::harness::{Embedded, Event, Options, PATIENCE, receipt};

/// Size of `ulak up`'s disk; its log file is on it too.
const SMALL_MIB: u32 = 24;
/// PostgreSQL's: its empty cluster takes about 40, of which 16 are the log's first segment.
const DATABASE_MIB: u32 = 160;
/// Posts until the door refuses; far more than a full disk takes.
const MOST: usize = 5_000;
/// What a worker says when it cannot write an outcome.
const KEPT: &str = "outcome not written yet: kept and tried again";
/// What it says of a message that came to the ledger before its claim and found it away.
const MET: &str = "a message met an absent ledger";
/// And when it does not keep it.
const GIVEN_BACK: &str = "a released copy was given back";
const TAKES_NOTHING: &str = "taking nothing until it does";
const QUEUES: [&str; 2] = ["ulak.appointment-reminder", "ulak.payment-receipt"];

/// A machine with its ledger on a small disk.
async fn small_machine() -> Result<(Embedded, SmallDisk), String> {
    let machine = Embedded::prepare(Script::default(), &[("ULAK_WORKER__IN_FLIGHT", "4")]).await;
    let disk = SmallDisk::over(&machine.folder, SMALL_MIB)?;
    Ok((machine, disk))
}

/// Somebody who reads for a long time, a backup for instance: meanwhile SQLite's log only gets longer, so that on a full disk nothing at
/// all can be committed. A log that was begun anew keeps its length and takes small commits until they have filled that.
async fn reader(machine: &Embedded) -> SqlitePool {
    let pool = machine.raw().await;
    for statement in ["BEGIN", "SELECT count(*) FROM meta"] {
        sqlx::query(statement).execute(&pool).await.expect("it reads");
    }
    pool
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_on_a_disk_that_is_full_and_has_room_again() {
    let (mut machine, disk) = match small_machine().await {
        Ok(both) => both,
        Err(why) => return not_run("SQLite on a disk that is full", &why),
    };
    // long enough that not all are sent when the disk is full
    let slow = Fault::new(Provider::Netgsm, Operation::Send, FaultKind::Slow { ms: 1_000 });
    machine.outside.add_fault(slow).expect("a fault");
    let mut hold = machine.up_held("after-answer").await;
    let reader = reader(&machine).await;
    let mut taken: Vec<Event> = Vec::new();
    for n in 0..60 {
        let event = receipt(&format!("before-{n}"));
        machine.post(&event).await;
        taken.push(event);
    }
    hold.reached().await;
    disk.fill(0);
    let refused = refused_by_the_door(&mut machine, &mut taken).await;
    assert_full(&machine).await;
    // the provider has it, and nobody can write that down
    hold.go();
    machine.up.as_mut().expect("it runs").line(KEPT).await;
    assert!(
        machine.rows().await.iter().any(|row| row.state.as_str() == "waiting"),
        "no claim fails"
    );

    disk.free();
    reader.close().await;
    machine.outside.clear_faults();
    goes_on(&machine, taken, refused).await;
    machine.finish().await;
    drop(disk);
}

/// What is in work and has not claimed yet is begun again with the ledger. No broker would bring it again, and patience with what was
/// released lasts a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_in_work_is_begun_again_when_there_is_room() {
    let (mut machine, disk) = match small_machine().await {
        Ok(both) => both,
        Err(why) => return not_run("a copy in work on a disk that is full", &why),
    };
    let mut hold = machine.up_held("after-read").await;
    let reader = reader(&machine).await;
    let event = receipt("in-work");
    machine.post(&event).await;
    hold.reached().await;
    disk.fill(0);
    hold.go();
    machine.up.as_mut().expect("it runs").line(MET).await;
    let refused = refused_by_the_door(&mut machine, &mut Vec::new()).await;

    disk.free();
    reader.close().await;
    goes_on(&machine, vec![event], refused).await;
    machine.finish().await;
    drop(disk);
}

/// A log that was begun anew takes small commits on a full disk, and the door takes what fits: readiness has said why before it refuses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_before_the_log_is_full_too() {
    let (mut machine, disk) = match small_machine().await {
        Ok(both) => both,
        Err(why) => return not_run("the log on a disk that is full", &why),
    };
    machine.up(&[]).await;
    let before = receipt("before");
    machine.post(&before).await;
    machine.until_state(&before, "accepted", "").await;
    let mut taken = vec![before];
    let own = machine.raw().await;
    let begun = sqlx::query("PRAGMA wal_checkpoint(RESTART)").fetch_one(&own).await.expect("done");
    assert_eq!(begun.get::<i64, _>(0), 0, "somebody was in the way");
    own.close().await;
    disk.fill(0);
    assert_full(&machine).await;
    let refused = refused_by_the_door(&mut machine, &mut taken).await;
    assert!(taken.len() > 1, "the log had room");
    assert_full(&machine).await;

    disk.free();
    goes_on(&machine, taken, refused).await;
    machine.finish().await;
    drop(disk);
}

async fn assert_full(machine: &Embedded) {
    let ready = machine.get("/readyz").await;
    assert_eq!(ready.status, 503, "{}", ready.body);
    assert!(ready.body.to_string().contains("full"), "{}", ready.body);
}

/// With room again: ready, the refused one is taken, everybody is accepted, once, and nobody had to wait for the end of patience.
async fn goes_on(machine: &Embedded, mut taken: Vec<Event>, refused: Event) {
    machine
        .until("it is ready again", async || {
            (machine.get("/readyz").await.status == 200).then_some(())
        })
        .await;
    machine.post(&refused).await;
    taken.push(refused);
    machine
        .until("everybody is accepted", async || {
            let rows = machine.rows().await;
            let accepted = rows.iter().all(|row| row.state.as_str() == "accepted");
            (rows.len() == taken.len() && accepted).then_some(())
        })
        .await;
    for event in &taken {
        assert_eq!(machine.outside.messages_to(event.national()).len(), 1, "{}", event.ntf());
    }
    assert_eq!(said(machine.up.as_ref().expect("it runs"), GIVEN_BACK), 0, "given back");
}

/// Posts until the door says 503; that event was not taken.
async fn refused_by_the_door(machine: &mut Embedded, taken: &mut Vec<Event>) -> Event {
    for n in 0..MOST {
        let event = receipt(&format!("full-{n}"));
        let answer = machine.try_post(&event).await.expect("the door answers");
        match answer.status {
            202 => taken.push(event),
            503 => return event,
            other => panic!("{other}: {}", answer.body),
        }
    }
    panic!("the disk never was full");
}

fn said(worker: &Process, what: &str) -> usize {
    worker.lines().iter().filter(|line| line.contains(what)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_on_a_disk_that_is_full_and_has_room_again() {
    let own = OwnServices::up().await;
    let disk = match SmallDisk::under_database(&own.services, DATABASE_MIB).await {
        Ok(disk) => disk,
        Err(why) => return not_run("PostgreSQL on a disk that is full", &why),
    };
    let options = Options { services: Some(own.services.clone()), ..Options::default() };
    let mut attack = Attack::without_a_proxy(options.set("ULAK_WORKER__IN_FLIGHT", 8)).await;
    attack.publish(20).await;
    attack.all_sent_once("a beginning").await;
    attack.load(400).await;
    disk.fill(0);
    for worker in &mut attack.clinic.workers {
        worker.line(TAKES_NOTHING).await;
        worker.line("disk is full").await;
        // it looks again and again, and is not deceived by a server that answers
        for _ in 0..3 {
            let before = said(worker, "the ledger is still away");
            let worker = &*worker;
            let again = async || (said(worker, "the ledger is still away") > before).then_some(());
            wait_until("another look", again).await;
        }
    }
    assert_eq!(attack.workers_ready().await, [503, 503]);
    let sent = attack.accepted();
    assert!(sent < attack.events.len(), "all was sent before the disk was full");
    let mut counts = Vec::new();
    for queue in QUEUES {
        counts.extend(attack.clinic.publisher.delivery_counts(queue).await);
    }
    // each of the two workers meets the outage once, and may get what the other one gave back just before
    assert!(counts.iter().all(|count| *count <= 2), "deliveries: {counts:?}");

    disk.free();
    attack.all_sent_once("a full disk").await;
    assert_eq!(attack.workers_ready().await, [200, 200]);
    for worker in &attack.clinic.workers {
        let pauses = said(worker, TAKES_NOTHING);
        assert!(pauses <= 2, "{} paused {pauses} times for one outage", worker.name);
    }
    attack.clinic.finish().await;
    drop(disk);
}

/// As [`crate::harness::Installation::until`], without asking a database that cannot write its statistics.
async fn wait_until(what: &str, look: impl AsyncFn() -> Option<()>) {
    let give_up = std::time::Instant::now() + PATIENCE;
    while look().await.is_none() {
        assert!(std::time::Instant::now() < give_up, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
