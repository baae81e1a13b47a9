use std::time::Duration;

use proptest::prelude::*;
use reqwest::header::HeaderMap;
use tokio::net::TcpListener;

use super::*;
use crate::peer::{Peer, Then, answer};

const BODY: &str = "{\"text\":\"merhaba\"}";

fn limits() -> Limits {
    Limits {
        connect: Duration::from_millis(500),
        total: Duration::from_millis(700),
        ..Limits::default()
    }
}

fn service(url: &str) -> Service {
    Service::new(url, &limits(), "test").unwrap()
}

async fn send(service: &Service, fresh: Freshness) -> Result<Answer, Broken> {
    service
        .ask(Ask {
            method: Method::POST,
            path: "/send",
            query: &[],
            authorization: None,
            body: Some(BODY.into()),
            fresh: Some(fresh),
        })
        .await
}

fn lost(result: Result<Answer, Broken>) -> Broken {
    match result {
        Ok(answer) => answer.body.expect_err("an answer came back"),
        Err(broken) => broken,
    }
}

#[tokio::test]
async fn a_stale_decision_puts_no_byte_on_the_wire() {
    let peer = Peer::start(vec![Then::Say(answer(200, "", "first"))]).await;
    let service = service(&peer.url());
    let broken = lost(send(&service, Freshness::started_ago(Duration::from_secs(6))).await);
    assert_eq!((broken.may_have_left, broken.code), (false, "stale"));
    peer.until_ended(1).await;
    assert_eq!(peer.seen(), [""; 0], "not even a head");
    // A later request proves that the peer was listening all the time.
    assert_eq!(send(&service, Freshness::start()).await.unwrap().status, 200);
    assert_eq!(peer.connections(), 2, "the connection of the stale request is not used again");
    assert_eq!(peer.seen().len(), 1, "{:?}", peer.seen());
}

#[tokio::test]
async fn a_stale_decision_puts_no_byte_on_a_kept_connection_either() {
    let peer =
        Peer::start(vec![Then::Say(answer(200, "", "")), Then::Say(answer(200, "", ""))]).await;
    let service = service(&peer.url());
    send(&service, Freshness::start()).await.unwrap();
    let broken = lost(send(&service, Freshness::started_ago(Duration::from_secs(6))).await);
    assert_eq!((broken.may_have_left, broken.code), (false, "stale"));
    peer.until_ended(1).await;
    assert_eq!(peer.seen().len(), 1, "{:?}", peer.seen());
    send(&service, Freshness::start()).await.unwrap();
    assert_eq!(peer.seen().len(), 2, "{:?}", peer.seen());
}

#[tokio::test]
async fn a_refused_connection_is_certainly_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let broken = lost(send(&service(&url), Freshness::start()).await);
    assert_eq!((broken.may_have_left, broken.code), (false, "connect"));
}

#[tokio::test]
async fn an_unknown_host_and_a_failed_tls_handshake_are_certainly_not_sent() {
    let broken = lost(send(&service("http://no-such-host.invalid"), Freshness::start()).await);
    assert!(!broken.may_have_left);

    let peer = Peer::start(vec![]).await;
    let https = peer.url().replace("http://", "https://");
    let broken = lost(send(&service(&https), Freshness::start()).await);
    assert_eq!((broken.may_have_left, broken.code), (false, "connect-timeout"));
    assert!(peer.seen().iter().all(|got| !got.contains("merhaba")));
}

#[tokio::test]
async fn a_peer_that_closes_after_reading_may_have_it_and_sees_it_once() {
    let peer = Peer::start(vec![Then::Close]).await;
    let broken = lost(send(&service(&peer.url()), Freshness::start()).await);
    assert_eq!((broken.may_have_left, broken.code), (true, "cut"));
    assert_eq!(peer.seen().len(), 1);
}

#[tokio::test]
async fn a_slow_answer_may_have_it() {
    let peer = Peer::start(vec![Then::Hang]).await;
    let broken = lost(send(&service(&peer.url()), Freshness::start()).await);
    assert_eq!((broken.may_have_left, broken.code), (true, "timeout"));
    assert_eq!(peer.seen().len(), 1);
}

#[tokio::test]
async fn a_request_after_a_deadline_never_hears_the_answer_to_the_one_before() {
    let peer = Peer::start(vec![Then::Hang, Then::Say(answer(200, "", "second"))]).await;
    let service = service(&peer.url());
    assert_eq!(lost(send(&service, Freshness::start()).await).code, "timeout");
    let answer = send(&service, Freshness::start()).await.unwrap();
    assert_eq!(answer.body.unwrap(), b"second");
    assert_eq!(peer.connections(), 2);
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_may_have_it() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"code\":\"00\"".to_vec();
    let peer = Peer::start(vec![Then::Say(half.clone()), Then::SayAndClose(half)]).await;
    let service = service(&peer.url());
    assert_eq!(lost(send(&service, Freshness::start()).await).code, "timeout");
    assert_eq!(lost(send(&service, Freshness::start()).await).code, "cut");
}

#[tokio::test]
async fn garbage_and_oversized_answers_may_have_it() {
    let mut endless = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    endless.resize(endless.len() + ANSWER_BYTES + 1, b' ');
    let peer = Peer::start(vec![
        Then::SayAndClose(b"\x00\xff not http at all\r\n\r\n".to_vec()),
        Then::SayAndClose(endless),
    ])
    .await;
    let service = service(&peer.url());
    let broken = lost(send(&service, Freshness::start()).await);
    assert_eq!((broken.may_have_left, broken.code), (true, "cut"));
    let broken = lost(send(&service, Freshness::start()).await);
    assert_eq!((broken.may_have_left, broken.code), (true, "too-large"));
}

#[tokio::test]
async fn the_largest_allowed_answer_is_read() {
    let peer = Peer::start(vec![Then::Say(answer(200, "", &"x".repeat(ANSWER_BYTES)))]).await;
    let answer = send(&service(&peer.url()), Freshness::start()).await.unwrap();
    assert_eq!(answer.body.unwrap().len(), ANSWER_BYTES);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Peer::start(vec![Then::Say(answer(200, "", ""))]).await;
    for status in [301, 302, 303, 307, 308] {
        let to = format!("location: {}/send\r\n", other.url());
        let peer = Peer::start(vec![Then::Say(answer(status, &to, ""))]).await;
        let answer = send(&service(&peer.url()), Freshness::start()).await.unwrap();
        assert_eq!(answer.status, status);
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_kept_connection_that_the_peer_closed_never_doubles_a_request() {
    for _ in 0..50 {
        // The answer says keep-alive; the close follows at once and races with the next request.
        let peer = Peer::start(vec![
            Then::SayAndClose(answer(200, "connection: keep-alive\r\n", "")),
            Then::Say(answer(200, "", "")),
        ])
        .await;
        let service = service(&peer.url());
        send(&service, Freshness::start()).await.unwrap();
        let second = send(&service, Freshness::start()).await;
        let seen = peer.seen().len() - 1;
        match second {
            Ok(answer) => assert_eq!((answer.status, seen), (200, 1)),
            // Taken by the dead connection: nobody may have read it, but nobody can know.
            Err(broken) => {
                assert!(broken.may_have_left);
                assert!(seen <= 1, "{seen}");
            }
        }
    }
}

#[tokio::test]
async fn a_kept_connection_that_closes_after_reading_sees_the_request_once() {
    let peer = Peer::start(vec![
        Then::Say(answer(200, "connection: keep-alive\r\n", "")),
        Then::Close,
        Then::Say(answer(200, "", "")),
    ])
    .await;
    let service = service(&peer.url());
    send(&service, Freshness::start()).await.unwrap();
    let broken = lost(send(&service, Freshness::start()).await);
    assert_eq!((broken.may_have_left, broken.code), (true, "cut"));
    assert_eq!((peer.seen().len(), peer.connections()), (2, 1));
}

#[tokio::test]
async fn who_gives_up_first_shuts_the_gate_for_good() {
    let gate = Arc::new(Gate::default());
    gate.moves(SHUT).unwrap();
    let fresh = Freshness::start();
    let mut body = GuardedBody { bytes: Some(BODY.into()), fresh, gate, hold: None };
    assert_eq!(body.size_hint().exact(), Some(BODY.len() as u64));
    let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
    assert!(matches!(frame, Some(Err(MayNotLeave))));
    assert!(body.is_end_stream());
}

#[tokio::test]
async fn the_request_says_who_we_are_and_how_long_it_is() {
    let peer = Peer::start(vec![Then::Say(answer(200, "", ""))]).await;
    send(&service(&format!("{}/base/", peer.url())), Freshness::start()).await.unwrap();
    let head = peer.seen().remove(0);
    assert!(head.starts_with("POST /base/send HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("content-length: {}\r\n", BODY.len())), "{head}");
    assert!(head.contains(concat!("user-agent: ulak/", env!("CARGO_PKG_VERSION"))), "{head}");
}

#[test]
fn an_address_with_a_password_or_another_scheme_is_refused_and_not_shown() {
    for url in [
        "http://u:geheim@host",
        "ftp://host",
        "host",
        "",
        "http://",
        "http://h/?q=1",
        "http://h/#f",
    ] {
        let error = Service::new(url, &limits(), "netgsm account a").unwrap_err().to_string();
        assert!(error.contains("netgsm account a") && !error.contains("geheim"), "{error}");
    }
}

fn wait(value: &str, date: Option<&str>) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, value.parse().unwrap());
    if let Some(date) = date {
        headers.insert(DATE, date.parse().unwrap());
    }
    retry_after(&headers)
}

#[test]
fn retry_after_is_clamped_whatever_it_says() {
    let hour = Some(LONGEST_WAIT);
    assert_eq!(wait("7", None), Some(Duration::from_secs(7)));
    assert_eq!(wait("0.5", None), Some(Duration::from_millis(500)));
    assert_eq!(wait("-3", None), Some(Duration::ZERO));
    for huge in ["1e30", "inf", "18446744073709551616", "3601"] {
        assert_eq!(wait(huge, None), hour);
    }
    assert_eq!(wait("NaN", None), None);
    assert_eq!(wait("soon", None), None);
    let date = "Sat, 21 Nov 2026 10:00:00 GMT";
    assert_eq!(wait("Sat, 21 Nov 2026 10:00:30 GMT", Some(date)), Some(Duration::from_secs(30)));
    assert_eq!(wait("Sat, 21 Nov 2026 09:00:00 GMT", Some(date)), Some(Duration::ZERO));
    assert_eq!(wait("Sat, 21 Nov 2099 09:00:00 GMT", Some(date)), hour);
    assert_eq!(wait("Sat, 21 Nov 2026 10:00:30 GMT", None), None);
}

proptest! {
    #[test]
    fn no_retry_after_panics_or_passes_an_hour(value in "[ -~]{0,40}") {
        if let Some(wait) = wait(&value, Some("Sat, 21 Nov 2026 10:00:00 GMT")) {
            prop_assert!(wait <= LONGEST_WAIT);
        }
    }
}
