//! Dead letters: all of them are listed, and refused events are found by what they speak of.

use super::browser::{Browser, Page};
use crate::house::{CLINIC, House, OTHER, open};
use ledger::access::Role;
use ledger::intake::body_place;
use ledger::record::Entry;
use ledger::refused::RefusedEvent;
use serde_json::json;
use std::collections::BTreeSet;

/// A refused event about an appointment, as the worker records it.
fn refused(house: &House, ntf: String, clinic: &str, appointment: &str) -> RefusedEvent {
    let body = json!({
        "source": format!("/clinics/{clinic}"),
        "data": { "appointment": { "id": appointment }, "recipient": { "phone": "0532 123 45 67" } },
    });
    let sealed = house.ledger.vault().seal_own(&body_place(&ntf), body.to_string().as_bytes());
    RefusedEvent {
        entry: Entry::EventRefused {
            queue: "ulak.events".to_owned(),
            rule: "unknown-field".to_owned(),
            path: "/data/x".to_owned(),
            source: None,
            id: None,
            holds_person: true,
            body: sealed.unwrap(),
        },
        ntf,
        clinic: clinic.to_owned(),
        event_type: "ulak.appointment-reminder.v1".to_owned(),
        why: "unknown-field".to_owned(),
    }
}

fn shown(page: &Page) -> Vec<String> {
    let links = page.text.split("href=\"/audit/messages/").skip(1);
    links.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn letters_of_one_instant_stand_on_the_pages_once_each() {
    let house = open().await;
    let ids = (0..130).map(|n: u8| {
        let (tens, ones) = (char::from(b'a' + n / 16), char::from(b'a' + n % 16));
        format!("bad_{tens}{ones}{}", "a".repeat(24))
    });
    let ids: Vec<String> = ids.collect();
    let events: Vec<_> = ids.iter().map(|id| refused(&house, id.clone(), CLINIC, "A-1")).collect();
    house.ledger.refuse(&events).await.unwrap();
    let mut browser = Browser::of(&house, Role::Ops, None).await;
    let first = browser.get("/audit/dead-letters").await;
    let second = browser.get(&first.link("/audit/dead-letters?before=")).await;
    second.does_not_say("rel=\"next\"");
    let (mut seen, rest) = (shown(&first), shown(&second));
    assert_eq!((seen.len(), rest.len()), (100, 30));
    seen.extend(rest);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), ids.into_iter().collect());
}

#[tokio::test]
async fn a_refused_event_is_found_by_what_it_speaks_of_with_a_clinic_and_without() {
    let house = open().await;
    let id = |letter: &str| format!("bad_{}", letter.repeat(26));
    let own = refused(&house, id("a"), CLINIC, "A-1");
    let theirs = refused(&house, id("b"), OTHER, "A-2");
    house.ledger.refuse(&[own, theirs]).await.unwrap();
    let mut browser = Browser::of(&house, Role::Auditor, None).await;
    for (fields, found) in [
        ([("appointment", "A-1"), ("clinic", "")], Some("a")),
        ([("appointment", "A-1"), ("clinic", CLINIC)], Some("a")),
        ([("appointment", "A-1"), ("clinic", OTHER)], None),
        ([("appointment", "A-2"), ("clinic", "")], Some("b")),
        ([("phone", "05321234567"), ("clinic", OTHER)], Some("b")),
        ([("phone", "05329999999"), ("clinic", "")], None),
    ] {
        let page = browser.post("/audit", &fields).await;
        match found {
            Some(letter) => {
                let page = browser.get(page.place()).await;
                assert_eq!(shown(&page), [id(letter)], "{fields:?}");
            }
            None => assert_eq!(page.status, 422, "{fields:?}"),
        }
    }
    let several = browser.post("/audit", &[("phone", "05321234567")]).await;
    assert_eq!(several.status, 422);
    several.says("klinik seçin");
    let mut own = Browser::of(&house, Role::Clinic, Some(CLINIC)).await;
    assert_eq!(own.post("/audit", &[("appointment", "A-2")]).await.status, 422);
}

#[tokio::test]
async fn refused_events_that_were_not_looked_at_are_spoken_of() {
    let house = open().await;
    let events = |from: u16, n: u16, clinic: &str, appointment: &str| -> Vec<RefusedEvent> {
        let letter = |n: u16| char::from(b'a' + u8::try_from(n % 16).unwrap());
        let id = |n: u16| {
            format!("bad_{}{}{}{}", letter(n / 256), letter(n / 16), letter(n), "a".repeat(23))
        };
        (from..from + n).map(|n| refused(&house, id(n), clinic, appointment)).collect()
    };
    house.ledger.refuse(&events(0, 200, CLINIC, "A-1")).await.unwrap();
    let mut browser = Browser::of(&house, Role::Auditor, None).await;
    let nothing = browser.post("/audit", &[("appointment", "A-9")]).await;
    nothing.says("hiçbir kayıt yok");
    house.ledger.refuse(&events(200, 1, OTHER, "A-2")).await.unwrap();
    let unseen = browser.post("/audit", &[("appointment", "A-9")]).await;
    assert_eq!(unseen.status, 422);
    unseen.says("en yeni 200 reddedilmiş olaydan biri");
    unseen.does_not_say("hiçbir kayıt yok");
    let found = browser.post("/audit", &[("appointment", "A-1")]).await;
    browser.get(found.place()).await.says("yalnız en yeni 200 tanesine bakıldı");
    // all of that clinic's were
    let found = browser.post("/audit", &[("appointment", "A-2"), ("clinic", OTHER)]).await;
    browser.get(found.place()).await.does_not_say("tanesine bakıldı");
}
