//! One message's story, in both languages.

use super::browser::Browser;
use crate::house::{open, receipt};
use ledger::access::Role;

#[tokio::test]
async fn a_story_begins_with_its_answer_and_is_told_in_the_language_that_is_chosen_once() {
    let house = open().await;
    let taken = house.send(&receipt("e1")).await.json();
    let ntf = taken["notifications"][0]["id"].as_str().unwrap().to_owned();
    let mut browser = Browser::of(&house, Role::Auditor, None).await;
    let path = format!("/audit/messages/{ntf}");
    let page = browser.get(&path).await;
    page.says("<html lang=\"tr\">");
    page.says("<h1>Henüz gönderilmedi: bekliyor.</h1>");
    page.says("yeni geldi; kararı bir işçi verir");
    page.says("Hiç deneme yapılmadı");
    page.says("alındı: http");
    let switch = page.link("/audit/messages/");
    assert_eq!(switch, format!("{path}?lang=en"));
    let english = browser.get(&switch).await;
    english.says("<html lang=\"en\">");
    english.says("<h1>Not sent yet: it waits.</h1>");
    assert!(
        english.cookies()[0].starts_with("ulak_lang=en; Path=/audit"),
        "{:?}",
        english.cookies()
    );
    // kept from here on, and back again
    browser.get(&path).await.says("Not sent yet");
    browser.get("/audit").await.says("Search messages");
    browser.get("/audit?lang=tr").await.says("Gönderi arama");
    browser.get("/audit").await.says("Gönderi arama");
    browser.get("/audit?lang=xx").await.says("Gönderi arama");
}

#[tokio::test]
async fn what_is_not_there_is_404_in_the_pages_language() {
    let house = open().await;
    let mut browser = Browser::of(&house, Role::Admin, None).await;
    for path in [
        "/audit/x",
        "/audit/messages",
        "/audit/messages/x",
        "/audit/messages/ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "/audit/messages/ntf_a/b/c",
        "/audit/messages/%ff",
        "/audit/facts/fct_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "/audit/facts/x",
        "/audit/export.xlsx",
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 404, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        page.says("Burada bir şey yok");
        browser.get(&format!("{path}?lang=en")).await.says("Nothing is here");
        browser.get("/audit?lang=tr").await;
    }
    let request = browser.post_request("/audit/books", &[]);
    let page = browser.send(request).await;
    assert_eq!((page.status, page.header("content-type")), (405, "text/html; charset=utf-8"));
    assert_eq!(browser.get("/audit/").await.header("location"), "/audit");
}
