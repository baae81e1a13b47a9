//! What a page says for paper, where its form and its menu are not: to what it is restricted, when it was made, whether that is all.

use super::browser::Browser;
use crate::house::{CLINIC, open, receipt};
use ledger::access::Role;

#[tokio::test]
async fn paper_says_the_filter_the_time_and_whether_there_is_more() {
    let house = open().await;
    for n in 0..51 {
        house.send(&receipt(&format!("e{n}"))).await;
    }
    let mut browser = Browser::of(&house, Role::Auditor, None).await;
    let page = browser.get("/audit").await;
    page.says("Süzgeç: yok, bütün kayıtlar");
    page.says("(Europe/Istanbul)</p>");
    page.says("Bu sayfa hepsi değil");
    let last = browser.get(&page.next()).await;
    last.says("ilk sayfa değil");
    last.does_not_say("Bu sayfa hepsi değil");
    last.does_not_say("bütün kayıtlar");
    let held = browser
        .get(&format!("/audit?state=waiting&clinic={CLINIC}&from=2026-01-01T00:00&reason=new"))
        .await;
    held.says("Süzgeç: Başlangıç: 2026-01-01 00:00 · Klinik: Klinik atasehir · Durum: bekliyor · Neden kodu: new<");
    // a number that was typed into a wrong field is written back nowhere
    browser.get("/audit?reason=05321234567").await.does_not_say("Neden kodu: 0532");
    browser.get("/audit/session").await.does_not_say("Süzgeç:");
}

#[tokio::test]
async fn how_many_rows_a_file_has_is_said_before_it_is_taken() {
    let house = open().await;
    for n in 0..60 {
        house.send(&receipt(&format!("e{n}"))).await;
    }
    let mut browser = Browser::of(&house, Role::Auditor, None).await;
    let page = browser.get("/audit?state=waiting").await;
    page.does_not_say("60 satır.");
    // nobody is made to wait for it unasked
    let counted = browser.get(page.link("/audit?state=waiting&amp;size=1").as_str()).await;
    counted.says("60 satır.");
    browser.get("/audit?event=e7").await.says("1 satır.");
}

#[tokio::test]
async fn reasons_that_there_are_can_be_chosen_and_others_typed() {
    let house = open().await;
    house.send(&receipt("e1")).await;
    while !house.ledger.note_ends().await.unwrap() {}
    let mut browser = Browser::of(&house, Role::Auditor, None).await;
    let page = browser.get("/audit?reason=something-else").await;
    page.says("list=\"reasons\"");
    page.says("<option value=\"new\"></option>");
    page.says("value=\"something-else\"");
    // what others' messages ran into is nothing to a clinic
    let mut own = Browser::of(&house, Role::Clinic, Some(CLINIC)).await;
    own.get("/audit").await.does_not_say("datalist");
}
