//! Looking for messages.

use super::browser::{Browser, Page};
use crate::house::{CLINIC, OTHER, booking, open, receipt, with};
use ledger::access::Role;
use std::collections::BTreeSet;

fn shown(page: &Page) -> Vec<String> {
    let links = page.text.split("href=\"/audit/messages/").skip(1);
    let ids = links.map(|rest| rest.split('"').next().unwrap().to_owned());
    let mut seen = BTreeSet::new();
    ids.filter(|id| seen.insert(id.clone())).collect()
}

#[tokio::test]
async fn a_number_is_found_and_stands_neither_in_the_address_nor_on_the_page() {
    let house = open().await;
    house.send(&receipt("e1")).await;
    house.send(&with(receipt("e2"), "/data/recipient/phone", "+905329998877")).await;
    let mut browser = Browser::of(&house, Role::Auditor, None).await;
    let found = browser.post("/audit", &[("phone", "0532 123 45 67")]).await;
    let place = found.place().to_owned();
    assert!(place.starts_with("/audit?") && place.contains("asked="), "{place}");
    let again = browser.post("/audit", &[("phone", "+90 532 1234567")]).await;
    assert_ne!(again.place(), place, "two searches for one number do not look alike");
    let page = browser.get(&place).await;
    assert_eq!(shown(&page).len(), 1, "{}", page.text);
    page.says("Aranan telefona giden her şey");
    for text in [&place, &page.text] {
        for number in ["5321234567", "532 123 45 67", "532%20"] {
            assert!(!text.contains(number), "{text}");
        }
    }
    // the address is of no use to anybody else, nor after a change
    let mut other = Browser::of(&house, Role::Auditor, None).await;
    let theirs = other.get(&place).await;
    assert_eq!(theirs.status, 422);
    theirs.says("başka bir oturuma ait");
    let unknown =
        browser.post("/audit", &[("phone", "0532 000 00 00"), ("state", "waiting")]).await;
    assert_eq!(unknown.status, 422);
    unknown.says("hiçbir kayıt yok");
    unknown.does_not_say("0532 000");
    let wrong = browser.post("/audit", &[("phone", "12")]).await;
    assert_eq!(wrong.status, 422);
    wrong.says("Telefon numarası anlaşılamadı");
}

#[tokio::test]
async fn an_appointment_that_got_no_message_is_answered_with_the_reason_of_each_rule() {
    let house = open().await;
    let now = house.ledger.clock().now();
    let soon = now + chrono::TimeDelta::minutes(40);
    let late = with(booking("A-1042"), "/data/appointment/starts_at", soon.to_rfc3339());
    let late = with(late, "/time", now.to_rfc3339());
    let taken = house.send(&late).await;
    assert_eq!(taken.status, 202, "{}", taken.text);
    let mut browser = Browser::of(&house, Role::Auditor, None).await;
    let found = browser.post("/audit", &[("appointment", "A-1042")]).await;
    let page = browser.get(found.place()).await;
    page.says("Randevu A-1042 hakkında her şey");
    assert_eq!(shown(&page), [""; 0], "{}", page.text);
    page.says("24h: planlanmadı, zamanı geçmişti");
    page.says("Randevu alındı");
    let fact = browser.get(&page.link("/audit/facts/")).await;
    fact.says("24h: planlanmadı, zamanı geçmişti");
}

#[tokio::test]
async fn an_appointment_whose_reminders_were_cancelled_says_so_and_a_message_leads_to_everything_about_it()
 {
    let house = open().await;
    house.send(&booking("A-7")).await;
    let mut cancelled = with(booking("A-7-c"), "/data/appointment/id", "A-7");
    cancelled["type"] = "clinic.appointment-cancelled.v1".into();
    let cancelled = with(cancelled, "/data/appointment/version", 2);
    let taken = house.send(&cancelled).await;
    assert_eq!(taken.status, 202, "{}", taken.text);
    let mut browser = Browser::of(&house, Role::Clinic, Some(CLINIC)).await;
    let found = browser.post("/audit", &[("appointment", "A-7")]).await;
    let page = browser.get(found.place()).await;
    assert_eq!(shown(&page).len(), 2, "{}", page.text);
    page.says(">Gönderilmedi: iptal edildi.</a>");
    page.says("Randevu iptal edildi.</span>");
    let message = browser.get(&page.link("/audit/messages/")).await;
    message.says("<h1>Gönderilmedi: iptal edildi.</h1>");
    let about = browser.get(&message.link("/audit?asked=")).await;
    assert_eq!(shown(&about).len(), 2);
    about.says("Aynı randevu ya da ödeme hakkında her şey");
}

#[tokio::test]
async fn a_payment_an_event_and_an_id_of_ours_are_found() {
    let house = open().await;
    let taken = house.send(&receipt("P-77")).await.json();
    let ntf = taken["notifications"][0]["id"].as_str().unwrap().to_owned();
    house.send(&receipt("P-78")).await;
    let mut browser = Browser::of(&house, Role::Auditor, None).await;
    let found = browser.post("/audit", &[("payment", "P-77")]).await;
    let page = browser.get(found.place()).await;
    assert_eq!(shown(&page), [ntf.as_str()]);
    let found = browser.post("/audit", &[("event", "P-77")]).await;
    assert_eq!(found.place(), "/audit?event=P-77");
    assert_eq!(shown(&browser.get("/audit?event=P-77").await), [ntf.as_str()]);
    let found = browser.post("/audit", &[("event", ntf.as_str())]).await;
    assert_eq!(found.place(), format!("/audit/messages/{ntf}"));
    // a field that is emptied is asked for no more; a number, which has none, until it is removed
    let sealed = |place: &str| {
        let query = place.split_once('?').unwrap().1.to_owned();
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        pairs.into_iter().find(|(name, _)| name == "asked").unwrap().1
    };
    let found = browser.post("/audit", &[("payment", "P-77")]).await;
    let asked = sealed(found.place());
    let emptied = browser.post("/audit", &[("asked", &asked), ("state", "waiting")]).await;
    assert_eq!(emptied.place(), "/audit?state=waiting");
    let found = browser.post("/audit", &[("phone", "05321234567")]).await;
    let asked = sealed(found.place());
    let narrowed = browser.post("/audit", &[("asked", &asked), ("state", "waiting")]).await;
    assert_eq!(sealed(narrowed.place()), asked);
    let both = [("payment", "P-77"), ("appointment", "A-1")];
    let page = browser.post("/audit", &both).await;
    assert_eq!(page.status, 422);
    page.says("yalnız birini doldurun");
    page.says("value=\"P-77\"");
}

#[tokio::test]
async fn each_field_narrows_and_a_wrong_one_is_named() {
    let house = open().await;
    house.send(&receipt("e1")).await;
    let mut browser = Browser::of(&house, Role::Auditor, None).await;
    for (query, rows) in [
        ("", 1),
        ("clinic=atasehir", 1),
        ("clinic=besiktas", 0),
        ("type=ulak.payment-receipt.v1", 1),
        ("type=ulak.appointment-reminder.v1", 0),
        ("state=waiting", 1),
        ("state=refused", 0),
        ("channel=sms", 0),
        ("provider=netgsm", 0),
        ("reason=new", 1),
        ("reason=no-consent", 0),
        ("from=2020-01-01T00:00", 1),
        ("to=2020-01-01T00:00", 0),
    ] {
        let page = browser.get(&format!("/audit?{query}")).await;
        assert_eq!((page.status, shown(&page).len()), (200, rows), "{query}");
    }
    for (query, said) in [
        ("from=yesterday", "Zaman anlaşılamadı"),
        ("from=2026-11-22T10:00&to=2026-11-22T10:00", "Bitiş başlangıçtan sonra olmalı"),
        ("state=gone", "Listedekilerden birini seçin"),
        ("type=ulak.x", "Listedekilerden birini seçin"),
        ("channel=fax", "Listedekilerden birini seçin"),
        ("event=%00", "yazılamayan işaretler"),
        ("asked=nonsense", "başka bir oturuma ait"),
        ("reason=0532+123+45+67", "numarayı telefon alanına yazın"),
        ("provider=12345678901", "numarayı telefon alanına yazın"),
        ("event=05321234567", "numarayı telefon alanına yazın"),
    ] {
        let page = browser.get(&format!("/audit?{query}")).await;
        assert_eq!(page.status, 422, "{query}");
        page.says(said);
    }
    // a number that was written into the wrong field gets into no address
    let number = [("reason", "0532 123 45 67"), ("event", "5321234567"), ("state", "waiting")];
    let page = browser.post("/audit", &number).await;
    assert_eq!(page.status, 422);
    for text in ["532 123", "5321234567", "532+123", "532%20123"] {
        page.does_not_say(text);
    }
    let long = "x".repeat(257);
    for field in ["appointment", "payment"] {
        let page = browser.post("/audit", &[(field, &long)]).await;
        assert_eq!(page.status, 422, "{field}");
        page.says("Metin çok uzun");
    }
    // a part of a filter would find more than was asked for
    let page = browser.get(&format!("/audit?state=refused&asked={}", "x".repeat(9_000))).await;
    assert_eq!(page.status, 414);
    page.says("Adres çok uzun");
    // a stranger gets to the login also from an address that cannot be gone back to
    let long = format!("/audit?asked={}", "%C5".repeat(2_000));
    assert_eq!(Browser::new(&house).get(&long).await.place(), "/audit/login?");
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap_or_a_repetition() {
    let house = open().await;
    let mut sent = BTreeSet::new();
    for n in 0..120 {
        let taken = house.send(&receipt(&format!("e{n}"))).await.json();
        sent.insert(taken["notifications"][0]["id"].as_str().unwrap().to_owned());
    }
    let mut browser = Browser::of(&house, Role::Clinic, Some(CLINIC)).await;
    let (mut seen, mut path) = (vec![], "/audit?state=waiting".to_owned());
    for rows in [50, 50, 20] {
        let page = browser.get(&path).await;
        assert_eq!(shown(&page).len(), rows, "{path}");
        seen.extend(shown(&page));
        // what comes meanwhile moves nothing
        house.send(&receipt(&format!("late{}", seen.len()))).await;
        if rows == 50 {
            path = page.next();
        } else {
            page.does_not_say("rel=\"next\"");
        }
    }
    assert_eq!(seen.len(), sent.len());
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), sent);
}

#[tokio::test]
async fn an_appointment_of_two_clinics_asks_which_and_a_clinic_looks_only_into_its_own() {
    let mut house = open().await;
    house.send(&booking("A-5")).await;
    let mut theirs = booking("A-5");
    theirs["source"] = format!("/clinics/{OTHER}").into();
    house.token =
        house.ledger.create_token(OTHER, "", "tester@here").await.unwrap().token.to_string();
    assert_eq!(house.send(&theirs).await.status, 202);
    let mut browser = Browser::of(&house, Role::Auditor, None).await;
    let page = browser.post("/audit", &[("appointment", "A-5")]).await;
    assert_eq!(page.status, 422);
    page.says("klinik seçin");
    let found = browser.post("/audit", &[("appointment", "A-5"), ("clinic", OTHER)]).await;
    let page = browser.get(found.place()).await;
    page.says("Klinik besiktas</td>");
    page.does_not_say("Klinik atasehir</td>");
    let mut own = Browser::of(&house, Role::Clinic, Some(CLINIC)).await;
    let found = own.post("/audit", &[("appointment", "A-5")]).await;
    let page = own.get(found.place()).await;
    page.says("Klinik atasehir</td>");
    page.does_not_say("besiktas");
}
