mod at_the_cap;

use super::*;
use chrono::{SecondsFormat, TimeDelta};
use ledger::LedgerSettings;
use ledger::sweep::ReleasedCopy;
use ledger::vault::Secret32;
use schemas::{Incoming, Registry};
use tokio::sync::mpsc;

/// Longer than anything here takes; nothing sleeps that long.
const PATIENCE: Duration = Duration::from_secs(20);

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
    let paid_at = ledger.clock().now().to_rfc3339_opts(SecondsFormat::Secs, true);
    let payment = serde_json::json!({
        "id": id, "amount": "10.00", "currency": "TRY", "paid_at": paid_at, "method": "card",
        "card_last4": "0008", "installments": 1,
    });
    take_in_of(ledger, "atasehir", id, "ulak.payment-receipt.v1", ("payment", payment)).await;
}

/// A reminder of a visit in so many minutes, due now.
async fn remind(ledger: &Ledger, clinic: &str, id: &str, minutes: i64) {
    let starts_at = ledger.clock().now() + TimeDelta::minutes(minutes);
    let starts_at = starts_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let visit = serde_json::json!({ "id": id, "starts_at": starts_at });
    take_in_of(ledger, clinic, id, "ulak.appointment-reminder.v1", ("appointment", visit)).await;
}

async fn take_in_of(
    ledger: &Ledger,
    clinic: &str,
    id: &str,
    event_type: &str,
    (about, what): (&str, serde_json::Value),
) {
    let registry = Registry::embedded().unwrap();
    let time = ledger.clock().now().to_rfc3339_opts(SecondsFormat::Secs, true);
    let body = serde_json::json!({
        "specversion": "1.0", "id": id, "source": format!("/clinics/{clinic}"), "type": event_type,
        "time": time, "subject": format!("{about}/{id}"), "datacontenttype": "application/json",
        "data": { "recipient": { "name": "Mehmet Işık", "phone": "+905421112233" }, about: what },
    });
    let read = registry.read(body.to_string().as_bytes(), None, &|_| true).unwrap();
    let Incoming::Event(event) = read else { panic!("no event") };
    let event_type = registry.get(&event.event_type).unwrap();
    assert!(ledger.take_in(&event, event_type, 0, "test", "new").await.unwrap());
    // this process's clock may be some milliseconds behind the database's, after which a row is due
    while ledger
        .groups()
        .await
        .unwrap()
        .iter()
        .any(|group| (1..1_000).contains(&group.due_at.saturating_sub(ledger.clock().now_ms())))
    {
        tokio::task::yield_now().await;
    }
}

/// What has come out so far, by event id.
fn out(worker: &mut mpsc::Receiver<ReleasedCopy>) -> Vec<String> {
    std::iter::from_fn(|| worker.try_recv().ok()).map(|copy| copy.event_id).collect()
}

fn settings() -> Settings {
    Settings {
        clinics: BTreeMap::new(),
        netgsm: BTreeMap::new(),
        twilio: BTreeMap::new(),
        twilio_whatsapp: BTreeMap::new(),
        whatsapp: BTreeMap::new(),
        lanes: BTreeMap::new(),
        reconcile: crate::reconcile::ReconcileSettings::default(),
        // never the reason why something happens in these tests
        tick: Duration::from_hours(1),
        metrics: metrics::Metrics::new([]),
        drain: Duration::ZERO,
    }
}

fn releaser(ledger: &Ledger, room: usize) -> (Releaser, mpsc::Receiver<ReleasedCopy>) {
    releaser_told(ledger, room, settings())
}

fn releaser_told(
    ledger: &Ledger,
    room: usize,
    settings: Settings,
) -> (Releaser, mpsc::Receiver<ReleasedCopy>) {
    let (to, from) = mpsc::channel(room);
    (Releaser::new(ledger.clone(), Outlet::Here(to), Arc::new(settings)), from)
}

/// Rows that nobody has decided about yet are released in the window of the lane that they will take, not in one of their own: those
/// that find no place in its pace would come back, each with two transactions and two records.
#[tokio::test]
async fn what_has_no_lane_yet_is_released_in_the_window_of_its_clinics_lane() {
    const LANE: &str = "netgsm/default/KLINIK";
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder).await;
    for n in 0..30 {
        take_in(&ledger, &format!("p-{n}")).await;
    }
    let mut told = settings();
    let account = providers::netgsm::Account::new("default", "user", "secret".to_owned().into());
    told.netgsm.insert("default".to_owned(), (account, Some(3)));
    told.lanes.insert(schemas::ClinicId::parse("atasehir").unwrap(), vec![LANE.to_owned()]);
    let (mut releaser, mut worker) = releaser_told(&ledger, 100, told);
    assert_eq!(releaser.tick().await.unwrap().released, 6, "two seconds of the cap");
    assert_eq!(releaser.tick().await.unwrap().released, 0, "they are still outside");
    assert_eq!(ledger.outside(LANE).await.unwrap(), 6, "they have their lane");
    assert_eq!(out(&mut worker).len(), 6);

    // no lane takes any: a worker says why they wait, which needs no place in any pace
    ledger.close_lane(LANE, "outage: test", 60_000).await.unwrap();
    assert_eq!(releaser.tick().await.unwrap().released, 24);
    assert_eq!(ledger.outside(LANE).await.unwrap(), 6);
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
    assert_eq!(pause(Some(40)), Duration::from_millis(42));
    let left = Ticked { next_in: Some(40), left: true, ..Ticked::default() };
    assert_eq!(releaser.pause(&left), Duration::from_millis(42));
    let nothing_later = Ticked { left: true, ..Ticked::default() };
    assert_eq!(releaser.pause(&nothing_later), releaser.settings.tick);
    // while rows go out: neither row by row nor after a whole tick
    for next_in in [None, Some(1), Some(40)] {
        let going = Ticked { released: 1, next_in, left: true, ..Ticked::default() };
        assert_eq!(releaser.pause(&going), GOING);
    }
}

#[tokio::test]
async fn one_look_releases_several_slices_and_hands_every_one_over() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder).await;
    let all = SLICE + 3;
    for i in 0..all {
        take_in(&ledger, &format!("p{i}")).await;
    }
    let (mut releaser, mut worker) = releaser(&ledger, 2 * all);
    assert_eq!(releaser.tick().await.unwrap().released, all);
    let mut out = out(&mut worker);
    out.sort();
    out.dedup();
    assert_eq!(out.len(), all);
    assert_eq!(releaser.tick().await.unwrap().released, 0);
}

#[tokio::test]
async fn until_facts_are_current_only_what_is_about_no_visit_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder).await;
    remind(&ledger, "atasehir", "visit", 600).await;
    take_in(&ledger, "payment").await;
    // what another process knew before this one began says nothing of what was published since
    ledger.facts_are_current(ledger.clock().now_ms() - 50).await.unwrap();
    let (releaser, mut worker) = releaser(&ledger, 10);
    let mut releaser = releaser.with_facts_from_a_queue();
    let ticked = releaser.tick().await.unwrap();
    assert_eq!((ticked.released, ticked.left), (1, true));
    assert_eq!(out(&mut worker), ["payment"]);
    assert_eq!(releaser.tick().await.unwrap().released, 0);
    ledger.facts_are_current(ledger.clock().now_ms()).await.unwrap();
    assert_eq!(releaser.tick().await.unwrap().released, 1);
    assert_eq!(out(&mut worker), ["visit"]);
}

#[tokio::test]
async fn where_facts_have_been_silent_for_minutes_a_visits_row_goes_and_its_record_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder).await;
    remind(&ledger, "atasehir", "visit", 600).await;
    take_in(&ledger, "payment").await;
    let (mut releaser, mut worker) = releaser(&ledger, 10);
    let now = ledger.clock().now_ms();
    let mut gate = Gate::new(now - 400_000);
    assert_eq!(gate.look(now - 20_000, 0), Pass::Shut, "it has to be seen for a while");
    releaser.gate = Some(gate);
    assert_eq!(releaser.tick().await.unwrap().released, 2);
    let mut released = out(&mut worker);
    released.sort();
    assert_eq!(released, ["payment", "visit"]);
    for (id, said) in [("visit", true), ("payment", false)] {
        let ntf = ledger.find_by_event(id).await.unwrap().remove(0).ntf;
        let last = ledger.records(&ntf).await.unwrap().pop().unwrap().entry;
        assert_eq!(last, ledger::record::Entry::Released { n: 1, facts_not_current: said }, "{id}");
    }
}

#[tokio::test]
async fn late_after_an_outage_what_is_useful_goes_in_order_of_urgency_and_the_rest_expires() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder).await;
    // all of them are due; the one that begins soonest was planned last
    for (id, minutes) in [("tomorrow", 24 * 60), ("tonight", 300), ("soon", 90)] {
        remind(&ledger, "atasehir", id, minutes).await;
    }
    for i in 0..3 {
        remind(&ledger, "besiktas", &format!("other{i}"), 1_000 + i).await;
    }
    remind(&ledger, "atasehir", "begun", -1).await;
    let (mut releaser, mut worker) = releaser(&ledger, 2);
    let mut released = vec![];
    let mut moved = 0;
    for _ in 0..20 {
        let ticked = releaser.tick().await.unwrap();
        assert!(ticked.released <= 2, "no more than there is room for");
        moved += ticked.moved;
        released.extend(out(&mut worker));
        if released.len() == 6 {
            break;
        }
    }
    assert_eq!(moved, 1, "what has begun is not told any more");
    let of = |clinic: &str| -> Vec<&String> {
        let is_other = clinic == "besiktas";
        released.iter().filter(|id| id.starts_with("other") == is_other).collect()
    };
    assert_eq!(of("atasehir"), ["soon", "tonight", "tomorrow"]);
    assert_eq!(of("besiktas"), ["other0", "other1", "other2"]);
    let last_of_other = released.iter().rposition(|id| id.starts_with("other")).unwrap();
    assert!(last_of_other >= 3, "the clinics took turns: {released:?}");
    let expired = ledger.find_by_event("begun").await.unwrap().remove(0);
    assert_eq!((expired.state, expired.why.as_str()), (State::Expired, "appointment-past"));
}

#[tokio::test]
async fn two_releases_side_by_side_release_everything_once() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder).await;
    for i in 0..40 {
        take_in(&ledger, &format!("p{i}")).await;
    }
    let ((mut one, mut to_one), (mut two, mut to_two)) =
        (releaser(&ledger, 30), releaser(&ledger, 30));
    let mut all = vec![];
    while all.len() < 40 {
        let (first, second) = tokio::join!(one.tick(), two.tick());
        first.unwrap();
        second.unwrap();
        all.extend(out(&mut to_one));
        all.extend(out(&mut to_two));
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 40);
}
