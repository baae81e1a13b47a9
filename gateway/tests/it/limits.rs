//! Slow and rude callers, and the stop.

use crate::house::{AT_STOP, House, open, receipt};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Writes raw bytes and reads until the other side closes.
async fn raw(house: &House, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn nonsense_and_too_long_headers_are_refused_and_the_door_serves_on() {
    let house = open().await;
    assert!(raw(&house, b"nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(20_000));
    assert!(raw(&house, long.as_bytes()).await.starts_with("HTTP/1.1 431"));
    assert_eq!(house.send(&receipt("e1")).await.status, 202);
}

#[tokio::test]
async fn what_is_not_there_is_404_and_another_method_405_with_those_allowed() {
    let house = open().await;
    for path in ["/", "/v1", "/v1/events/x", "/healthz"] {
        assert_eq!(house.ask(house.get(path)).await.status, 404, "{path}");
    }
    let answer = house.ask(house.get("/v1/events")).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_not_taken() {
    let house = open().await;
    let body = receipt("e1").to_string();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        house.token,
        body.len()
    );
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body.as_bytes()[..body.len() - 1]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(!String::from_utf8_lossy(&answer).contains(" 202 "));
    assert_eq!(house.received().await, 0);
}

#[tokio::test]
async fn a_stop_lets_what_has_begun_finish_and_takes_nothing_new() {
    let house = open().await;
    let body = receipt("e1").to_string();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        house.token,
        body.len()
    );
    let idle = TcpStream::connect(house.address).await.unwrap();
    let mut begun = TcpStream::connect(house.address).await.unwrap();
    begun.write_all(head.as_bytes()).await.unwrap();
    // it reads the body: the request has begun
    let mut answer = [0; 12];
    begun.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    house.stop.cancel();
    assert!(!house.serving.is_finished());
    begun.write_all(body.as_bytes()).await.unwrap();
    let mut rest = String::new();
    begun.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("HTTP/1.1 202"), "{rest}");
    tokio::time::timeout(Duration::from_secs(5), house.serving).await.unwrap().unwrap();
    assert!(TcpStream::connect(house.address).await.is_err());
    drop(idle);
}

/// The head of a `POST /v1/events`.
fn head(token: &str, more: &str) -> String {
    format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n{more}\r\n\r\n"
    )
}

#[tokio::test]
async fn whoever_sends_all_of_his_body_first_still_reads_why_it_is_not_taken() {
    const MIB: usize = 1024 * 1024;
    let house = open().await;
    let nobodys = "ulak_none";
    let known = format!("connection: close\r\ncontent-length: {}", 3 * MIB);
    let unknown = "connection: close\r\ntransfer-encoding: chunked";
    let body = vec![b' '; 3 * MIB];
    let chunks = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    for (token, more, body, status) in [
        (nobodys, known.as_str(), &body, "401"),
        (&house.token, &known, &body, "413"),
        (nobodys, unknown, &chunks, "401"),
        (&house.token, unknown, &chunks, "413"),
    ] {
        let request = [head(token, more).as_bytes(), body].concat();
        let socket = TcpSocket::new_v4().unwrap();
        // so small that all of it is sent only if somebody reads it
        socket.set_send_buffer_size(16 * 1024).unwrap();
        let mut stream = socket.connect(house.address).await.unwrap();
        stream.write_all(&request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer}");
        assert!(answer.contains("urn:ulak:problem:"), "{answer}");
    }
}

#[tokio::test]
async fn nobody_holds_up_a_stop_with_half_a_request() {
    let house = open().await;
    // no request yet: half of its headers
    let mut headers = TcpStream::connect(house.address).await.unwrap();
    headers.write_all(b"POST /v1/events HTTP/1.1\r\nhost").await.unwrap();
    // half of the next one's
    let mut next = TcpStream::connect(house.address).await.unwrap();
    next.write_all(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    next.read_exact(&mut [0; 12]).await.unwrap();
    next.write_all(b"GET /openapi.json HTTP/1.1\r\nhost").await.unwrap();
    // a body that never comes
    let more = "expect: 100-continue\r\ncontent-length: 9";
    let mut body = TcpStream::connect(house.address).await.unwrap();
    body.write_all(head(&house.token, more).as_bytes()).await.unwrap();
    let mut answer = [0; 25];
    body.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer[..12], b"HTTP/1.1 100");
    house.stop.cancel();
    let dropped = tokio::time::timeout(Duration::from_secs(1), headers.read(&mut [0; 1])).await;
    assert!(!matches!(dropped.expect("dropped at once"), Ok(1..)));
    let mut said = String::new();
    body.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 503") && said.contains("problem:stopping"), "{said}");
    tokio::time::timeout(AT_STOP, house.serving).await.expect("the stop is not held up").unwrap();
    drop(next);
}
