//! In and out.

use super::browser::{Browser, on_record, token};
use crate::house::{CLINIC, closed_over, open};
use gateway::Reached;
use ledger::access::{AccessKind, Role, TRIES};
use std::collections::BTreeSet;

#[tokio::test]
async fn a_token_opens_a_session_that_its_cookie_keeps_from_scripts_and_other_sites() {
    let house = open().await;
    let mut browser = Browser::new(&house);
    let asked = browser.get("/audit?state=refused").await;
    assert_eq!(asked.place(), "/audit/login?next=%2Faudit%3Fstate%3Drefused");
    let form = browser.get(asked.place()).await;
    form.says("Giriş");
    let token = token(&house, Role::Auditor, None).await;
    let fields = [("token", token.as_str()), ("next", "/audit?state=refused")];
    let inside = browser.post("/audit/login", &fields).await;
    assert_eq!(inside.place(), "/audit?state=refused");
    let cookies = inside.cookies();
    let cookie = cookies.iter().find(|cookie| cookie.starts_with("ulak_session=")).unwrap();
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    // plain HTTP on this machine: a browser would not send a Secure one back
    assert!(!cookie.contains("Secure") && !cookie.contains(&token), "{cookie}");
    assert_eq!(browser.get("/audit").await.status, 200);
    let kinds = on_record(&house).await;
    assert!(kinds.iter().any(|one| one.access.what == AccessKind::LoggedIn), "{kinds:?}");
}

#[tokio::test]
async fn over_https_the_cookie_is_host_bound_and_secure() {
    let house = closed_over(Reached::Https).await;
    house.open();
    let mut browser = Browser::new(&house);
    let token = token(&house, Role::Auditor, None).await;
    let inside = browser.log_in(&token).await;
    let cookies = inside.cookies();
    let cookie = cookies.iter().find(|cookie| cookie.starts_with("__Host-ulak=")).unwrap();
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Strict", "; Secure"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    assert_eq!(browser.get("/audit").await.status, 200);
}

#[tokio::test]
async fn every_wrong_token_is_answered_alike() {
    let house = open().await;
    let good = token(&house, Role::Auditor, None).await;
    let (id, secret) = good.rsplit_once('_').unwrap();
    let forged = format!("{id}_{}", secret.chars().rev().collect::<String>());
    let nobody = format!("ulak_{}_{secret}", "a".repeat(16));
    let door = house.token.clone();
    let mut answers = BTreeSet::new();
    for wrong in [forged.as_str(), &nobody, &door, "", "x", "ulak_", "<script>"] {
        let mut browser = Browser::new(&house);
        let page = browser.log_in(wrong).await;
        assert_eq!(page.status, 403);
        assert!(!browser.cookies.contains_key("ulak_session"));
        answers.insert(page.text.replace(&browser.csrf, ""));
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn who_is_wrong_too_often_is_told_in_turkish_when_to_come_back() {
    let house = open().await;
    let mut browser = Browser::new(&house);
    let mut statuses = vec![];
    for _ in 0..=TRIES {
        statuses.push(browser.log_in("ulak_nobody").await.status);
    }
    let many = usize::try_from(TRIES).unwrap();
    assert_eq!(statuses[..many], vec![403; many]);
    let later = browser.log_in("ulak_nobody").await;
    assert_eq!(later.status, 429);
    later.says("Çok fazla yanlış deneme oldu");
    let wait: u64 = later.header("retry-after").parse().unwrap();
    assert!((1..=15 * 60).contains(&wait), "{wait}");
    // whoever shares an address with a guesser is not locked out
    let right = token(&house, Role::Auditor, None).await;
    assert_eq!(browser.log_in(&right).await.status, 303);
}

#[tokio::test]
async fn a_login_form_of_elsewhere_is_not_taken() {
    let house = open().await;
    let token = token(&house, Role::Auditor, None).await;
    let mut browser = Browser::new(&house);
    let fields = [("token", token.as_str()), ("csrf", "x")];
    assert_eq!(browser.post_just("/audit/login", &fields).await.status, 403);
    browser.get("/audit/login").await;
    assert_eq!(browser.post_just("/audit/login", &fields).await.status, 403);
    browser.get("/audit/login").await;
    let csrf = browser.csrf.clone();
    let fields = [("token", token.as_str()), ("csrf", csrf.as_str())];
    let request = browser.post_request("/audit/login", &fields);
    let elsewhere = browser.send(request.header("sec-fetch-site", "cross-site")).await;
    assert_eq!(elsewhere.status, 403);
    assert!(!browser.cookies.contains_key("ulak_session"));
    assert_eq!(browser.log_in(&token).await.status, 303);
}

#[tokio::test]
async fn logging_out_ends_one_session_and_everywhere_ends_all_of_the_token() {
    let house = open().await;
    let token = token(&house, Role::Auditor, None).await;
    let mut browsers = [Browser::new(&house), Browser::new(&house), Browser::new(&house)];
    for browser in &mut browsers {
        assert_eq!(browser.log_in(&token).await.status, 303);
        assert_eq!(browser.get("/audit").await.status, 200);
    }
    let [first, second, third] = &mut browsers;
    let kept = first.cookies.clone();
    let out = first.post("/audit/logout", &[]).await;
    assert_eq!(out.place(), "/audit/login?said=login.out");
    first.get(out.place()).await.says("Çıkış yapıldı");
    // the browser forgot it; the ledger too
    first.cookies = kept;
    assert!(first.get("/audit").await.place().starts_with("/audit/login?"));
    assert_eq!(second.get("/audit").await.status, 200);
    let out = second.post("/audit/logout", &[("all", "1")]).await;
    assert_eq!(out.place(), "/audit/login?said=login.out_everywhere");
    assert!(third.get("/audit").await.place().contains("said=login.ended"));
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let house = open().await;
    let mut browser = Browser::of(&house, Role::Clinic, Some(CLINIC)).await;
    assert_eq!(browser.get("/audit").await.status, 200);
    let tokens = house.ledger.tokens().await.unwrap();
    let mine = tokens.iter().find(|token| token.role == Role::Clinic).unwrap();
    house.ledger.revoke_token(&mine.id, "tester@here").await.unwrap();
    assert!(browser.get("/audit").await.place().starts_with("/audit/login?"));
}

#[tokio::test]
async fn without_https_nobody_but_this_machine_has_pages_and_the_api_works() {
    let house = closed_over(Reached::Nothing).await;
    house.open();
    let mut browser = Browser::new(&house);
    for path in ["/audit", "/audit/login", "/audit/books"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 403, "{path}");
        page.says("gateway.public_url");
        page.does_not_say("<form");
    }
    let token = token(&house, Role::Auditor, None).await;
    let page = browser.post_just("/audit/login", &[("token", token.as_str())]).await;
    assert_eq!(page.status, 403);
    assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);
    assert_eq!(house.send(&crate::house::receipt("e1")).await.status, 202);
}

#[tokio::test]
async fn before_the_ledger_is_there_the_login_says_so() {
    let house = closed_over(Reached::Loopback).await;
    let mut browser = Browser::new(&house);
    browser.get("/audit/login").await;
    let page = browser.post("/audit/login", &[("token", "ulak_x")]).await;
    assert_eq!((page.status, page.header("retry-after")), (503, "5"));
    page.says("Kayıtlara şu anda ulaşılamıyor");
}
