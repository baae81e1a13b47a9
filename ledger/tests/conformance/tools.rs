//! What people do with the ledger: look things up, put dead letters back, drop them, pause lanes; each act on the record.

use crate::draft::{CLINIC, LANE, claim, claim_copy, ntf, settle};
use crate::place::{Place, fresh};
use ledger::dead::Act;
use ledger::decision::Claimed;
use ledger::find::{By, person_key, thing_key};
use ledger::intake;
use ledger::lanes::{LaneState, PAUSED};
use ledger::pauses::Resumed;
use ledger::protocol::Outcome;
use ledger::record::Entry;
use ledger::report::ListFilter;
use ledger::state::State;
use schemas::{Event, Incoming, PhoneNumber, Registry};

const ACT: Act<'_> = Act { who: "ayse@m1", why: "mended" };

async fn kinds(place: &Place, ntf: &str) -> Vec<&'static str> {
    place.records(ntf).await.unwrap().iter().map(|record| record.entry.kind()).collect()
}

fn dead() -> ListFilter {
    ListFilter { state: Some(State::DeadLettered), limit: 100, ..ListFilter::default() }
}

async fn listed(place: &Place, filter: &ListFilter) -> Vec<String> {
    let mut found: Vec<_> =
        place.list(filter).await.unwrap().into_iter().map(|row| row.ntf).collect();
    found.sort_unstable();
    found
}

/// A dead letter that came as a valid event.
async fn dead_row(place: &Place, name: &str) {
    place.waiting(name).await;
    assert_eq!(place.dead_letter(&[ntf(name)], "crash-loop").await.unwrap(), [ntf(name)]);
}

#[tokio::test]
async fn a_replayed_dead_letter_is_due_now_and_is_decided_about_anew() {
    let place = fresh().await;
    dead_row(&place, "a").await;
    place.waiting("w").await;
    let asked = [ntf("a"), ntf("w"), ntf("nobody"), "bad_a".to_owned(), ntf("a")];
    assert_eq!(place.replay(&asked, ACT).await.unwrap(), [ntf("a")]);
    let row = place.find(&ntf("a")).await.unwrap().unwrap();
    assert_eq!(
        (row.state, row.why.as_str(), row.lane.as_deref()),
        (State::Waiting, "replayed", Some("none"))
    );
    assert!(place.due_in(&ntf("a")).await.unwrap() <= 0);
    let last = place.records(&ntf("a")).await.unwrap().pop().unwrap().entry;
    assert_eq!(last, Entry::Replayed { who: "ayse@m1".to_owned(), why: "mended".to_owned() });
    let mut copies = place.release(&[ntf("a")]).await.unwrap();
    let copy = copies.remove(0);
    assert_eq!(place.claim_one(claim_copy("a", &copy, 1)).await, Claimed::Won);
    assert!(
        place.replay(&[ntf("a")], ACT).await.unwrap().is_empty(),
        "it is no dead letter any more"
    );
    place.assert_sound().await;
}

#[tokio::test]
async fn two_people_who_replay_the_same_dead_letter_replay_it_once() {
    let place = fresh().await;
    for round in 0..20 {
        let name = format!("r{round}");
        dead_row(&place, &name).await;
        let ids = [ntf(&name)];
        let (a, b) = tokio::join!(place.replay(&ids, ACT), place.replay(&ids, ACT));
        assert_eq!(a.unwrap().len() + b.unwrap().len(), 1, "round {round}");
        assert_eq!(place.count_records(&ntf(&name), "replayed").await.unwrap(), 1);
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn a_dropped_dead_letter_leaves_the_lists_and_stays_in_the_books() {
    let place = fresh().await;
    dead_row(&place, "a").await;
    dead_row(&place, "b").await;
    place.waiting("w").await;
    let asked = [ntf("a"), ntf("w"), ntf("nobody"), ntf("a")];
    assert_eq!(place.drop_dead_letters(&asked, ACT).await.unwrap(), [ntf("a")]);
    assert!(place.drop_dead_letters(&asked, ACT).await.unwrap().is_empty());
    assert_eq!(listed(&place, &dead()).await, [ntf("a"), ntf("b")]);
    let unhandled = ListFilter { unhandled: true, ..dead() };
    assert_eq!(listed(&place, &unhandled).await, [ntf("b")]);
    assert_eq!(place.state("a").await, Some(State::DeadLettered));
    // a dropped one may be put back; if it fails again, somebody has to look at it again
    assert_eq!(place.replay(&[ntf("a")], ACT).await.unwrap(), [ntf("a")]);
    place.dead_letter(&[ntf("a")], "crash-loop").await.unwrap();
    assert_eq!(listed(&place, &unhandled).await, [ntf("a"), ntf("b")]);
    place.assert_sound().await;
}

/// How many dead letters are left, once all records are counted.
async fn left(place: &Place) -> i64 {
    let behind = "SELECT count(*) FROM record r WHERE NOT EXISTS ( \
        SELECT 1 FROM reader c WHERE c.name = 'books' AND (r.xid, r.id) <= (c.xid, c.id))";
    while place.number(behind).await > 0 {
        place.count_books(1).await.unwrap();
    }
    place.dead_letters_unhandled().await.unwrap()
}

#[tokio::test]
async fn a_dead_letter_is_left_until_somebody_has_looked_after_it_whatever_comes_first() {
    let place = fresh().await;
    assert_eq!(left(&place).await, 0);
    for name in ["a", "b", "c"] {
        dead_row(&place, name).await;
    }
    place.waiting("w").await;
    assert_eq!(left(&place).await, 3);
    // dropped and then put back is one less, not two
    place.drop_dead_letters(&[ntf("a")], ACT).await.unwrap();
    assert_eq!(left(&place).await, 2);
    place.replay(&[ntf("a"), ntf("b")], ACT).await.unwrap();
    assert_eq!(left(&place).await, 1);
    place.dead_letter(&[ntf("a")], "crash-loop").await.unwrap();
    assert_eq!(left(&place).await, 2);
    // before anybody has counted that it became one again, too
    place.replay(&[ntf("a")], ACT).await.unwrap();
    place.dead_letter(&[ntf("a")], "crash-loop").await.unwrap();
    assert_eq!(left(&place).await, 2);
    // whatever else makes it none: a receipt that comes late
    place.run("UPDATE notification SET state = 'delivered' WHERE ntf = 'ntf_c'").await;
    assert_eq!(left(&place).await, 1);
    assert_eq!(place.number("SELECT count(*) FROM parked").await, 1, "the others are forgotten");
}

#[tokio::test]
async fn who_looks_at_personal_data_is_on_record_before_anything_is_shown() {
    let place = fresh().await;
    place.sending("a").await;
    place.reveal(CLINIC, &ntf("a"), ACT, &["body", "text"]).await.unwrap();
    let last = place.records(&ntf("a")).await.unwrap().pop().unwrap().entry;
    let Entry::Revealed { who, why, fields } = last else { panic!("{last:?}") };
    assert_eq!(
        (who.as_str(), why.as_str(), fields.join(",")),
        ("ayse@m1", "mended", "body,text".to_owned())
    );
    place.assert_sound().await;
}

#[tokio::test]
async fn a_paused_lane_is_opened_by_nobody_but_a_person() {
    let place = fresh().await;
    assert!(place.pause_lane(LANE, "prices", "ayse@m1").await.unwrap());
    assert!(!place.pause_lane(LANE, "prices of May", "ayse@m1").await.unwrap());
    let lane = place.lanes().await.unwrap().remove(0);
    assert!(lane.is_paused());
    assert_eq!(lane.why, format!("{PAUSED}prices of May"));
    // no probe, however due it looks; nothing that was under way; no trouble
    assert_eq!(place.run("UPDATE lane SET probe_at = 0").await, 1);
    assert!(!place.lease_probe(LANE).await.unwrap());
    place.probe_later(LANE, "netgsm:30", 0).await.unwrap();
    assert_eq!(place.widen_lane(LANE, LaneState::Closed).await.unwrap(), None);
    assert!(!place.close_lane(LANE, "account: netgsm:30", 0).await.unwrap());
    assert!(place.lanes().await.unwrap().remove(0).is_paused());
    assert_eq!(place.resume_lane(LANE, "mended", "ayse@m1").await.unwrap(), Resumed::Open);
    assert_eq!(place.lanes().await.unwrap().remove(0).state, LaneState::Open);
    assert_eq!(place.resume_lane(LANE, "again", "ayse@m1").await.unwrap(), Resumed::WasOpen);
    assert_eq!(place.resume_lane("netgsm/x/y", "?", "ayse@m1").await.unwrap(), Resumed::WasOpen);
    let said: Vec<_> = place.records("").await.unwrap().into_iter().map(|r| r.entry).collect();
    let who =
        said.iter().filter(|e| matches!(e, Entry::Lane { who: Some(who), .. } if who == "ayse@m1"));
    assert_eq!(who.count(), 3, "two pauses and one resume: {said:?}");
}

#[tokio::test]
async fn a_lane_in_trouble_is_probed_after_a_pause_and_not_opened() {
    let place = fresh().await;
    place.close_lane(LANE, "account: netgsm:30", 3_600_000).await.unwrap();
    // resumed without a pause: the next probe is now
    assert_eq!(place.resume_lane(LANE, "mended", "a@m").await.unwrap(), Resumed::Probed);
    assert!(place.lease_probe(LANE).await.unwrap());
    assert!(place.pause_lane(LANE, "wait", "a@m").await.unwrap());
    assert!(!place.pause_lane(LANE, "wait longer", "a@m").await.unwrap());
    assert_eq!(place.resume_lane(LANE, "mended", "a@m").await.unwrap(), Resumed::Probed);
    let lane = place.lanes().await.unwrap().remove(0);
    assert_eq!((lane.state, lane.is_paused(), lane.width), (LaneState::Closed, false, None));
    assert!(place.lease_probe(LANE).await.unwrap());
    assert_eq!(place.widen_lane(LANE, LaneState::Closed).await.unwrap(), Some(LaneState::Trying));
}

#[tokio::test]
async fn the_load_of_a_lane_is_what_waits_and_what_is_on_its_way() {
    let place = fresh().await;
    place.waiting("a").await;
    place.waiting("b").await;
    place.sending("c").await;
    let loads = place.lane_loads().await.unwrap();
    assert_eq!(loads.len(), 1);
    assert_eq!((loads[0].lane.as_str(), loads[0].waiting, loads[0].outside), (LANE, 2, 1));
    assert!(loads[0].next_due.is_some());
}

#[tokio::test]
async fn a_list_is_filtered_by_time_lane_reason_and_rule() {
    let place = fresh().await;
    place.waiting("w").await;
    place.sending("s").await;
    place.outcome_one("s", 1, Outcome::Accepted).await;
    assert!(place.settle_one(settle("d", State::Suppressed)).await);
    dead_row(&place, "x").await;
    let all = ListFilter { limit: 100, ..ListFilter::default() };
    let lane = |lane: &str| ListFilter { provider: Some(lane.to_owned()), ..all.clone() };
    assert_eq!(listed(&place, &lane("netgsm/850")).await, [ntf("s"), ntf("w")]);
    assert!(listed(&place, &lane("netgsm/850%")).await.is_empty(), "no pattern");
    assert_eq!(listed(&place, &lane("")).await.len(), 4);
    let reason = |why: &str| ListFilter { reason: Some(why.to_owned()), ..all.clone() };
    assert_eq!(listed(&place, &reason("beca")).await, [ntf("d"), ntf("w")]);
    let rule = |rule: &str| ListFilter { rule: Some(rule.to_owned()), ..dead() };
    assert_eq!(listed(&place, &rule("crash-loop")).await, [ntf("x")]);
    assert!(listed(&place, &rule("crash")).await.is_empty());
    let now = place.now().await;
    let until = |at: i64| ListFilter { until: Some(at), ..all.clone() };
    assert_eq!(listed(&place, &until(now + 60_000)).await.len(), 4);
    assert!(listed(&place, &until(now - 60_000)).await.is_empty());
}

fn event(id: &str, phone: &str) -> (Registry, Event) {
    let registry = Registry::embedded().unwrap();
    let body = serde_json::json!({
        "specversion": "1.0", "id": id, "source": "/clinics/atasehir", "type": "ulak.payment-receipt.v1",
        "time": "2026-11-21T11:02:00+03:00",
        "data": {
            "recipient": { "name": "Mehmet Işık", "phone": phone },
            "payment": { "id": "P-\"77\" ş", "amount": "1250.50", "currency": "TRY", "paid_at": "2026-11-21T11:01:40+03:00" },
        },
    });
    let read = registry.read(body.to_string().as_bytes(), None, &|id| id == CLINIC);
    let Ok(Incoming::Event(event)) = read else { panic!("{read:?}") };
    (registry, *event)
}

#[tokio::test]
async fn an_event_that_is_taken_in_is_due_once_and_found_by_payment_and_phone() {
    let place = fresh().await;
    let (registry, event) = event("e1", "+905421112233");
    let event_type = registry.get(&event.event_type).unwrap();
    let take =
        || place.take_in(&event, event_type, 1_000, "replay of bad_x", "taken in after a refusal");
    let (a, b) = tokio::join!(take(), take());
    assert!(a.unwrap() ^ b.unwrap(), "one of two takes it in");
    assert!(!take().await.unwrap());
    let id = event.ntf().as_str().to_owned();
    assert_eq!(kinds(&place, &id).await, ["received", "waiting"]);
    assert!(place.due_in(&id).await.unwrap() <= 0);
    // the sealed body opens, and is the event
    let sealed = place.sealed_body(&id).await.unwrap().unwrap();
    let key = place.vault().data_key(&sealed.person, &sealed.wrapped).unwrap();
    let body = key.open(&intake::body_place(&id), &sealed.sealed).unwrap();
    assert_eq!(registry.reopen(&body).unwrap().ntf(), event.ntf());
    // found by what people know, which is compared as keyed hashes
    let thing = thing_key(place.vault(), CLINIC, &event.event_type, "P-\"77\" ş").unwrap();
    assert_eq!(thing, intake::keys(place.vault(), &event, event_type).thing);
    let phone = PhoneNumber::parse("0542 111 22 33").unwrap();
    let person = |clinic| By::Person(person_key(place.vault(), clinic, &phone));
    for (by, hits) in [
        (By::Things(vec!["other".to_owned(), thing]), 1),
        (person(CLINIC), 1),
        (person("besiktas"), 0),
        (By::Appointment("none".to_owned()), 0),
    ] {
        assert_eq!(place.find_by(&by, 10).await.unwrap().len(), hits, "{by:?}");
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn an_appointment_is_found_newest_first() {
    let place = fresh().await;
    for name in ["a", "b"] {
        let mut claim = claim(name);
        if let ledger::decision::Origin::New(new) = &mut claim.origin {
            new.appointment = Some("visit".to_owned());
        }
        assert_eq!(place.claim_one(claim).await, Claimed::Won);
    }
    place.run("UPDATE notification SET created_at = created_at - 1000 WHERE ntf = 'ntf_a'").await;
    let found = place.find_by(&By::Appointment("visit".to_owned()), 10).await.unwrap();
    let found: Vec<_> = found.iter().map(|row| row.ntf.as_str()).collect();
    assert_eq!(found, ["ntf_b", "ntf_a"]);
}

#[tokio::test]
async fn what_is_refused_and_very_large_is_not_opened_by_a_search() {
    let place = fresh().await;
    let refusal = schemas::Refusal {
        rule: schemas::Rule::UnknownClinic,
        path: "/source".to_owned(),
        source: None,
        id: None,
        holds_person: true,
    };
    for size in [1_000, 60_000, 120_000, 200_000] {
        let body = vec![b'x'; size];
        let arrived = ("ulak.payment-receipt", "m1", &body[..]);
        let bad = intake::refused(place.vault(), arrived, &refusal, CLINIC, "").unwrap();
        place.refuse(&[bad]).await.unwrap();
    }
    let lengths =
        "SELECT count(*) FROM record WHERE kind = 'event-refused' AND length(bytes) <= 131072";
    assert_eq!(place.number(lengths).await, 2);
    assert_eq!(listed(&place, &dead()).await.len(), 4, "they are there all the same");
    let opened = async |limit| {
        let bodies = place.refused_bodies(CLINIC, limit).await.unwrap();
        (bodies.events.len(), bodies.all)
    };
    assert_eq!(opened(10).await, (2, false), "two are too large");
    place.run("DELETE FROM notification WHERE ntf IN (SELECT ntf FROM record WHERE length(bytes) > 131072)").await;
    assert_eq!([opened(10).await, opened(2).await], [(2, true); 2]);
    assert_eq!(opened(1).await, (1, false), "there is an older one");
}

#[tokio::test]
async fn a_refused_event_that_was_taken_in_says_where_it_went() {
    let place = fresh().await;
    let refusal = schemas::Refusal {
        rule: schemas::Rule::UnknownClinic,
        path: "/source".to_owned(),
        source: Some("/clinics/atasehir".to_owned()),
        id: Some("e1".to_owned()),
        holds_person: true,
    };
    let arrived = ("ulak.payment-receipt", "m1", &b"{}"[..]);
    let bad = intake::refused(place.vault(), arrived, &refusal, CLINIC, "").unwrap();
    let id = bad.ntf.clone();
    place.refuse(&[bad]).await.unwrap();
    let bodies = place.refused_bodies(CLINIC, 10).await.unwrap().events;
    assert_eq!((bodies.len(), bodies[0].id.as_deref()), (1, Some("e1")));
    assert!(place.refused_bodies("besiktas", 10).await.unwrap().events.is_empty());
    let sealed = place.refused_body(&id).await.unwrap().unwrap();
    let body = place.vault().open_own(&intake::body_place(&id), &sealed).unwrap();
    assert_eq!(body.as_slice(), b"{}");
    let rule = ListFilter { rule: Some("unknown-clinic".to_owned()), ..dead() };
    assert_eq!(listed(&place, &rule).await, std::slice::from_ref(&id));
    assert!(place.mark_taken_in(&id, "ntf_x", ACT).await.unwrap());
    assert!(!place.mark_taken_in(&id, "ntf_x", ACT).await.unwrap());
    assert_eq!(kinds(&place, &id).await, ["event-refused", "taken-in"]);
    assert!(listed(&place, &ListFilter { unhandled: true, ..dead() }).await.is_empty());
    assert!(place.replay(&[id], ACT).await.unwrap().is_empty(), "it was never taken in itself");
    assert_eq!(place.balance(None).await.unwrap().received, 1);
    place.assert_sound().await;
}

#[tokio::test]
async fn the_database_is_described_and_nothing_stays_of_the_question() {
    let place = fresh().await;
    let server = place.server().await.unwrap();
    assert!(server.writable && !server.standby, "{server:?}");
    assert_eq!(place.number("SELECT count(*) FROM meta WHERE key = 'doctor'").await, 0);
}
