//! What every answer below `/audit` carries.

use super::browser::Browser;
use crate::house::{open, receipt};
use gateway::{Need, PAGES};
use ledger::access::Role;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn every_answer_keeps_to_itself_whatever_it_is() {
    let house = open().await;
    let mut browser = Browser::of(&house, Role::Clinic, Some("atasehir")).await;
    let mut stranger = Browser::new(&house);
    let mut answers = vec![
        browser.get("/audit").await,
        browser.get("/audit/x").await,
        browser.get("/audit/access").await,
        browser.get("/audit?state=x").await,
        browser.post_just("/audit/logout", &[]).await,
        browser.get("/audit/export.csv").await,
        stranger.get("/audit").await,
        stranger.get("/audit/login").await,
    ];
    let refused = stranger.post_request("/audit/books", &[]);
    answers.push(stranger.send(refused).await);
    let css = browser.get(&answers[0].link("/audit/style/")).await;
    assert_eq!((css.status, css.header("content-type")), (200, "text/css; charset=utf-8"));
    assert_eq!(css.header("cache-control"), "public, max-age=31536000, immutable");
    for answer in &answers {
        assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    }
    answers.push(css);
    for answer in &answers {
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        );
        for (name, value) in [
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{name} of {answer:?}");
        }
    }
    let api = browser.get("/openapi.json").await;
    assert_eq!(api.header("content-security-policy"), "");
}

#[tokio::test]
async fn a_head_is_answered_like_a_get_without_its_body() {
    let house = open().await;
    house.send(&receipt("e1")).await;
    let mut browser = Browser::of(&house, Role::Admin, None).await;
    for page in PAGES.iter().filter(|page| page.method == "get" && !page.path.contains('{')) {
        let head = browser.head(page.path).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{page:?}");
        assert_ne!(head.header("content-type"), "");
    }
    let mut stranger = Browser::new(&house);
    for page in PAGES.iter().filter(|page| page.method == "get" && page.need != Need::Nothing) {
        assert!(stranger.head(page.path).await.place().starts_with("/audit/login"), "{page:?}");
    }
}

#[tokio::test]
async fn a_form_is_bounded_and_must_be_one() {
    let house = open().await;
    let mut browser = Browser::of(&house, Role::Admin, None).await;
    let large = "x".repeat(65 * 1024);
    let page = browser.post("/audit", &[("event", &large)]).await;
    assert_eq!(page.status, 413);
    page.says("Form çok büyük");
    let csrf = browser.csrf.clone();
    let request = browser.post_request("/audit", &[("csrf", csrf.as_str())]);
    let request = request.headers(crate::house::header("content-type", "text/plain"));
    let page = browser.send(request).await;
    assert_eq!(page.status, 415);
    assert_eq!(browser.get("/audit").await.status, 200);
}

#[tokio::test]
async fn a_form_that_does_not_arrive_is_given_up_and_says_so() {
    let house = open().await;
    let browser = Browser::of(&house, Role::Admin, None).await;
    let mut line = TcpStream::connect(house.address).await.unwrap();
    let cookie = &browser.cookies["ulak_session"];
    let head = format!(
        "POST /audit HTTP/1.1\r\nhost: x\r\ncookie: ulak_session={cookie}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: 100\r\n\r\ncsrf="
    );
    line.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("Form zamanında gelmedi"), "{answer}");
}
