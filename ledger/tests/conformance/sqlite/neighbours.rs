//! Two processes on one file: `ulak up`, and a tool beside it.

use crate::draft::{claim, outcome};
use crate::place::{Place, fresh, open, settings_of};
use ledger::decision::Claimed;
use ledger::protocol::Outcome;
use ledger::state::State;
use ledger::{Changes, Ledger};
use std::time::Duration;
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);

/// A ledger with connections of its own, as another process has them.
async fn neighbour(place: &Place) -> Ledger {
    Ledger::open(&place.settings).await.unwrap()
}

/// Waits until nothing is news any more.
async fn quiet(changes: &mut Changes) {
    while timeout(Duration::from_millis(400), changes.next()).await.is_ok() {}
}

async fn write(ledger: &Ledger, name: &str) {
    let answer = ledger.claim(&[claim(name)]).await.remove(0).unwrap();
    assert_eq!(answer, Claimed::Won);
}

#[tokio::test]
async fn what_another_process_writes_is_noticed_within_a_second() {
    let place = fresh().await;
    let tool = neighbour(&place).await;
    let mut changes = place.changes();
    quiet(&mut changes).await;
    for round in 0..10 {
        // once before anybody waits, once while somebody does
        if round % 2 == 0 {
            write(&tool, &format!("a{round}")).await;
            timeout(SECOND, changes.next()).await.unwrap();
        } else {
            let name = format!("a{round}");
            let ((), noticed) = tokio::join!(write(&tool, &name), timeout(SECOND, changes.next()));
            noticed.unwrap();
        }
        quiet(&mut changes).await;
    }
}

#[tokio::test]
async fn what_was_written_between_the_question_and_the_first_wait_is_noticed() {
    let place = fresh().await;
    let tool = neighbour(&place).await;
    let mut changes = place.changes();
    write(&tool, "a").await;
    timeout(SECOND, changes.next()).await.unwrap();
}

#[tokio::test]
async fn own_writes_are_noticed_at_once_and_several_as_one() {
    let place = fresh().await;
    let mut changes = place.changes();
    quiet(&mut changes).await;
    for name in ["a", "b", "c"] {
        place.sending(name).await;
    }
    let at_once = Duration::from_millis(50);
    timeout(at_once, changes.next()).await.unwrap();
    let nothing_more = timeout(Duration::from_millis(500), changes.next()).await;
    assert!(nothing_more.is_err(), "nobody wrote, and somebody was woken");
}

/// Claims and ends of `count` notifications, each call of which must go through.
async fn work(ledger: Ledger, task: usize, count: usize) {
    for i in 0..count {
        let name = format!("t{task}x{i}");
        write(&ledger, &name).await;
        let written = ledger.record_outcomes(&[outcome(&name, 1, Outcome::Accepted)]).await;
        assert_eq!(written.into_iter().next().unwrap().unwrap().state, State::Accepted);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_that_write_at_the_same_time_lose_nothing_and_refuse_nothing() {
    const EACH: usize = 25;
    let place = fresh().await;
    let tool = neighbour(&place).await;
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let ledger = if task % 2 == 0 { place.ledger.clone() } else { tool.clone() };
            tokio::spawn(work(ledger, task, EACH))
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let accepted = "SELECT count(*) FROM notification WHERE state = 'accepted'";
    assert_eq!(place.number(accepted).await, 8 * EACH as i64);
    assert_eq!(place.number("SELECT count(*) FROM record WHERE kind = 'claimed'").await, 200);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_process_that_ends_takes_nothing_from_the_one_that_stays() {
    let place = fresh().await;
    for round in 0..5 {
        let tool = neighbour(&place).await;
        write(&tool, &format!("tool{round}")).await;
        tool.close().await;
        place.sending(&format!("own{round}")).await;
    }
    place.close().await;
    assert!(!place.database.log().exists(), "the last to close writes the log back");
    let Place { database, .. } = place;
    let settings = settings_of(&database);
    let place = open(database, settings).await.unwrap();
    assert_eq!(place.number("SELECT count(*) FROM notification").await, 10);
    place.assert_sound().await;
}

/// The lock of a connection belongs to its whole process, and whoever closes the file anywhere in the process undoes it
/// (sqlite.org/howtocorrupt.html §2.2): a tool that ends would believe itself the last one, and delete the log under our feet.
/// The SQLite in here notices; that of another program may be older. Linux tells who holds a lock.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn opening_the_file_again_in_the_same_process_keeps_the_lock_on_it() {
    use std::os::unix::fs::MetadataExt as _;
    let place = fresh().await;
    place.sending("a").await;
    let inode = std::fs::metadata(place.database.file()).unwrap().ino();
    // by descriptor: the list of all locks of the machine is read in pieces, and misses some while others come and go
    let locks = || {
        let descriptors = std::fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
        // a neighbouring test may have closed one meanwhile
        let told = descriptors.filter_map(|it| std::fs::read_to_string(it.path()).ok());
        let of_ours =
            |line: &&str| line.starts_with("lock:") && line.contains(&format!(":{inode} "));
        told.map(|text| text.lines().filter(of_ours).count()).sum::<usize>()
    };
    assert!(locks() > 0, "the test looks in the wrong place");
    ledger::migrate(&place.settings).await.unwrap();
    assert!(locks() > 0, "migrate undid the lock");
    neighbour(&place).await.close().await;
    assert!(locks() > 0, "a second ledger undid the lock");
}
