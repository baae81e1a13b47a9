use super::*;
use chrono::{SecondsFormat, TimeDelta};
use ledger::LedgerSettings;
use ledger::sweep::ReleasedCopy;
use ledger::vault::Secret32;
use schemas::{Incoming, Registry};
use tokio::sync::mpsc;

/// Longer than anything here takes; nothing sleeps that long.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn clinics_take_turns_and_the_window_is_kept() {
    let lists = vec![vec!["a1", "a2", "a3", "a4"], vec!["b1"], vec!["c1", "c2"]];
    assert_eq!(round_robin(lists.clone(), 5), ["a1", "b1", "c1", "a2", "c2"]);
    assert_eq!(round_robin(lists.clone(), 100).len(), 7);
    assert!(round_robin(lists, 0).is_empty());
}

/// A ledger of its own, on disk as long as the folder lives.
async fn ledger(folder: &tempfile::TempDir) -> Ledger {
    let told = LedgerSettings {
        url: format!("sqlite://{}", folder.path().join("ulak.db").display()).into(),
        master_key: Secret32::new([7; 32]),
        connections: 2,
        max_mib: None,
        name: "test".to_owned(),
    };
    ledger::migrate(&told).await.unwrap();
    Ledger::open(&told).await.unwrap()
}

/// A payment of this moment, due now.
async fn take_in(ledger: &Ledger, id: &str) {
    let registry = Registry::embedded().unwrap();
    let time = ledger.clock().now().to_rfc3339_opts(SecondsFormat::Secs, true);
    let body = serde_json::json!({
        "specversion": "1.0", "id": id, "source": "/clinics/atasehir", "type": "ulak.payment-receipt.v1",
        "time": time, "subject": format!("payment/{id}"), "datacontenttype": "application/json",
        "data": {
            "recipient": { "name": "Mehmet Işık", "phone": "+905421112233" },
            "payment": {
                "id": id, "amount": "10.00", "currency": "TRY", "paid_at": time, "method": "card",
                "card_last4": "0008", "installments": 1,
            },
        },
    });
    let read = registry.read(body.to_string().as_bytes(), None, &|_| true).unwrap();
    let Incoming::Event(event) = read else { panic!("no event") };
    let event_type = registry.get(&event.event_type).unwrap();
    assert!(ledger.take_in(&event, event_type, 0, "test", "new").await.unwrap());
}

fn releaser(ledger: &Ledger, room: usize) -> (Releaser, mpsc::Receiver<ReleasedCopy>) {
    let settings = Settings {
        clinics: BTreeMap::new(),
        netgsm: BTreeMap::new(),
        twilio: BTreeMap::new(),
        lanes: BTreeMap::new(),
        // never the reason why something happens in these tests
        tick: Duration::from_hours(1),
        drain: Duration::ZERO,
    };
    let (to, from) = mpsc::channel(room);
    (Releaser::new(ledger.clone(), Outlet::Here(to), Arc::new(settings)), from)
}

#[tokio::test]
async fn no_more_is_released_than_the_worker_in_this_process_has_room_for() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder).await;
    for id in ["a", "b", "c"] {
        take_in(&ledger, id).await;
    }
    let (mut releaser, mut worker) = releaser(&ledger, 2);
    assert_eq!(releaser.tick().await.unwrap().released, 2);
    assert_eq!(releaser.tick().await.unwrap().released, 0, "there is no room");
    let copy = worker.recv().await.unwrap();
    assert_eq!((copy.fence, copy.event_type.as_str()), (1, "ulak.payment-receipt.v1"));
    assert_eq!(releaser.tick().await.unwrap().released, 1);
    let idle = releaser.tick().await.unwrap();
    assert_eq!((idle.released, idle.moved), (0, 0));
    assert!(idle.next_in.is_some(), "patience with what was released");
}

#[tokio::test]
async fn what_comes_in_wakes_the_release_and_a_full_worker_wakes_it_by_its_progress() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder).await;
    let (releaser, mut worker) = releaser(&ledger, 1);
    let stop = CancellationToken::new();
    let running = tokio::spawn(releaser.run(stop.clone()));
    for id in ["a", "b", "c"] {
        take_in(&ledger, id).await;
    }
    let mut seen = vec![];
    while seen.len() < 3 {
        seen.push(tokio::time::timeout(PATIENCE, worker.recv()).await.unwrap().unwrap().event_id);
    }
    seen.sort();
    assert_eq!(seen, ["a", "b", "c"]);
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn at_a_new_start_what_was_released_and_not_begun_is_released_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder).await;
    take_in(&ledger, "a").await;
    let (mut before, _held) = releaser(&ledger, 5);
    assert_eq!(before.tick().await.unwrap().released, 1);
    let (mut after, mut worker) = releaser(&ledger, 5);
    assert_eq!(after.tick().await.unwrap().released, 0, "patience with the first one is not over");
    assert_eq!(ledger.take_over().await.unwrap(), 1);
    let stop = CancellationToken::new();
    let running = tokio::spawn(after.run(stop.clone()));
    let copy = tokio::time::timeout(PATIENCE, worker.recv()).await.unwrap().unwrap();
    assert_eq!(copy.fence, 2, "a copy of before the start is void");
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn where_only_time_is_waited_for_the_pause_lasts_until_the_next_due_time() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder).await;
    let (releaser, _worker) = releaser(&ledger, 1);
    let pause = |next_in| releaser.pause(&Ticked { next_in, ..Ticked::default() });
    assert_eq!(pause(None), IDLE);
    assert_eq!(pause(Some(TimeDelta::hours(8).num_milliseconds())), IDLE);
    assert_eq!(pause(Some(40)), Duration::from_millis(40));
}
