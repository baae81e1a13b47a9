//! Names and numbers: closed until somebody who may says why, and that is on record.

use super::browser::{Browser, on_record};
use crate::house::{CLINIC, booking, open, receipt};
use ledger::access::{AccessKind, Role};

const PERSONAL: [&str; 4] = ["Ayşe", "Yılmaz", "5321234567", "532 123"];

#[tokio::test]
async fn nothing_personal_is_on_a_page_before_it_is_opened_and_the_opening_is_on_record_with_its_reason()
 {
    let house = open().await;
    let taken = house.send(&receipt("e1")).await.json();
    let ntf = taken["notifications"][0]["id"].as_str().unwrap().to_owned();
    let mut browser = Browser::of(&house, Role::Auditor, None).await;
    let path = format!("/audit/messages/{ntf}");
    for page in [browser.get("/audit").await, browser.get(&path).await] {
        for personal in PERSONAL {
            page.does_not_say(personal);
        }
    }
    for short in ["", "test", "     why      ", "a b c d e f g h i"] {
        let page = browser.post(&format!("{path}/open"), &[("reason", short)]).await;
        assert_eq!(page.status, 422, "{short}");
        page.says("Gerekçe en az 10 harf olmalı");
        page.does_not_say("Ayşe");
    }
    let opened = || async {
        let all = on_record(&house).await.into_iter();
        all.filter(|one| matches!(one.access.what, AccessKind::Opened { .. })).collect::<Vec<_>>()
    };
    assert_eq!(opened().await.len(), 0);
    let reason = "şikâyet 2026/114 incelemesi";
    let page = browser.post(&format!("{path}/open"), &[("reason", reason)]).await;
    assert_eq!(page.status, 200);
    page.says("Ayşe Yılmaz");
    page.says("+905321234567");
    // the record is part of the story that is told
    page.says(reason);
    let on_record = opened().await;
    let [one] = on_record.as_slice() else { panic!("{on_record:?}") };
    assert_eq!(
        (one.access.clinic.as_str(), one.access.ntf.as_deref()),
        (CLINIC, Some(ntf.as_str()))
    );
    assert_eq!(one.access.role, Some(Role::Auditor));
    let AccessKind::Opened { reason: said, fields } = &one.access.what else { unreachable!() };
    assert_eq!(
        (said.as_str(), fields.as_slice()),
        (reason, ["name", "phone", "text"].map(str::to_owned).as_slice())
    );
    // closed again for everybody
    browser.get(&path).await.does_not_say("Ayşe");
    let page = browser.get("/audit/access").await;
    page.says(reason);
    page.does_not_say("Ayşe");
}

#[tokio::test]
async fn a_fact_is_opened_likewise() {
    let house = open().await;
    let taken = house.send(&booking("A-1042")).await.json();
    let fact = taken["facts"][0]["id"].as_str().unwrap().to_owned();
    let mut browser = Browser::of(&house, Role::Clinic, Some(CLINIC)).await;
    let path = format!("/audit/facts/{fact}");
    browser.get(&path).await.does_not_say("Ayşe");
    let short = browser.post(&format!("{path}/open"), &[("reason", "no")]).await;
    assert_eq!(short.status, 422);
    let page = browser.post(&format!("{path}/open"), &[("reason", "the desk asked for it")]).await;
    page.says("Ayşe Yılmaz");
    page.says("the desk asked for it");
}

#[tokio::test]
async fn who_steers_lanes_does_not_open_anything() {
    let house = open().await;
    let taken = house.send(&receipt("e1")).await.json();
    let ntf = taken["notifications"][0]["id"].as_str().unwrap().to_owned();
    let mut browser = Browser::of(&house, Role::Ops, None).await;
    let page = browser.get(&format!("/audit/messages/{ntf}")).await;
    page.says("Rolünüz kişisel veriyi açamaz");
    let fields = [("reason", "a good long reason")];
    let page = browser.post(&format!("/audit/messages/{ntf}/open"), &fields).await;
    assert_eq!(page.status, 403);
    page.does_not_say("Ayşe");
}
