use std::time::{Duration, Instant};

use serde_json::json;
use simulator::{Fault, FaultKind, Operation, Provider};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::caller::{BRAND, Caller, USER, login, message, prompt};

fn on_send(kind: FaultKind) -> Fault {
    Fault::new(Provider::Netgsm, Operation::Send, kind)
}

/// Writes a send by hand and tells how the connection ended: what came, and the error if there was one.
async fn raw_send(caller: &Caller) -> (Vec<u8>, Option<std::io::ErrorKind>) {
    let body = message("5321234567").to_string();
    let auth = data_encoding::BASE64.encode(format!("{}:{}", USER.0, USER.1).as_bytes());
    let request = format!(
        "POST /sms/rest/v2/send HTTP/1.1\r\nhost: x\r\nauthorization: Basic {auth}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(caller.twin.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut came = Vec::new();
    let end = stream.read_to_end(&mut came).await;
    (came, end.err().map(|error| error.kind()))
}

#[tokio::test]
async fn a_code_refuses_and_is_used_up() {
    let caller = Caller::new().await;
    let code = FaultKind::Code { code: "30".into() };
    caller.twin.add_fault(on_send(code).times(1)).unwrap();
    let struck = caller.send(&message("5321234567")).await;
    assert_eq!((struck.0, struck.code()), (406, "30"));
    assert_eq!(caller.twin.accepted(), 0);
    caller.sent("5321234567").await;
}

#[tokio::test]
async fn an_accepting_code_is_logged_and_1000_is_never_reported() {
    let caller = Caller::scripted(prompt()).await;
    for code in ["01", "1000"] {
        let kind = FaultKind::Code { code: code.into() };
        caller.twin.add_fault(on_send(kind).times(1)).unwrap();
        let answer = caller.send(&message("5321234567")).await;
        assert_eq!((answer.0, answer.code()), (200, code));
        let report = json!({ "jobids": [answer.1["jobid"]] });
        let report = caller.netgsm(USER, "report", &report).await;
        assert_eq!(report.code(), if code == "01" { "00" } else { "60" });
    }
    assert_eq!(caller.twin.accepted(), 2);
}

#[tokio::test]
async fn an_http_status_comes_without_a_code_and_nothing_is_accepted() {
    let caller = Caller::new().await;
    caller.twin.add_fault(on_send(FaultKind::Http { status: 503 }).times(3)).unwrap();
    for _ in 0..3 {
        assert_eq!(caller.send(&message("5321234567")).await.0, 503);
    }
    caller.sent("5321234567").await;
    assert_eq!(caller.twin.accepted(), 1);
    let statuses: Vec<_> = caller.twin.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [Some(503), Some(503), Some(503), Some(200)]);
}

#[tokio::test]
async fn a_hang_accepts_or_not_and_ends_with_a_closed_connection_and_no_byte() {
    for accept in [true, false] {
        let caller = Caller::new().await;
        caller.twin.add_fault(on_send(FaultKind::Hang { accept, seconds: 0 })).unwrap();
        assert_eq!(raw_send(&caller).await, (Vec::new(), None));
        assert_eq!(caller.twin.accepted(), u64::from(accept));
        let seen = &caller.twin.requests()[0];
        assert_eq!((seen.status, seen.fault.as_deref()), (None, Some("hang")));
    }
}

#[tokio::test]
async fn a_reset_is_a_tcp_reset() {
    for accept in [true, false] {
        let caller = Caller::new().await;
        caller.twin.add_fault(on_send(FaultKind::Reset { accept })).unwrap();
        let reset = Some(std::io::ErrorKind::ConnectionReset);
        assert_eq!(raw_send(&caller).await, (Vec::new(), reset));
        assert_eq!(caller.twin.accepted(), u64::from(accept));
    }
}

#[tokio::test]
async fn down_closes_at_once_without_a_byte() {
    let caller = Caller::new().await;
    caller.twin.add_fault(on_send(FaultKind::Down)).unwrap();
    assert_eq!(raw_send(&caller).await, (Vec::new(), None));
    assert_eq!(caller.twin.accepted(), 0);
}

#[tokio::test]
async fn garbage_is_200_with_bytes_that_nobody_can_read() {
    for accept in [true, false] {
        let caller = Caller::new().await;
        caller.twin.add_fault(on_send(FaultKind::Garbage { accept })).unwrap();
        let request = caller
            .request(reqwest::Method::POST, "/sms/rest/v2/send")
            .basic_auth(USER.0, Some(USER.1))
            .json(&message("5321234567"));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(std::str::from_utf8(&answer.bytes().await.unwrap()).is_err());
        assert_eq!(caller.twin.accepted(), u64::from(accept));
    }
}

#[tokio::test]
async fn slow_is_accepted_at_once_and_answered_late() {
    let caller = Caller::new().await;
    caller.twin.add_fault(on_send(FaultKind::Slow { ms: 250 })).unwrap();
    let begun = Instant::now();
    let body = message("5321234567");
    let mut answer = std::pin::pin!(caller.send(&body));
    tokio::select! {
        _ = &mut answer => panic!("the answer came before the message was logged"),
        logged = caller.twin.wait_for(1, Duration::from_secs(9)) => assert_eq!(logged.len(), 1),
    }
    assert_eq!(answer.await.code(), "00");
    assert!(begun.elapsed() >= Duration::from_millis(250));
}

#[tokio::test]
async fn a_fault_can_strike_one_number_or_one_account_only() {
    let caller = Caller::new().await;
    let http = || FaultKind::Http { status: 500 };
    caller.twin.add_fault(on_send(http()).number("+905321234567")).unwrap();
    caller.twin.add_fault(on_send(http()).account("8507654321")).unwrap();
    assert_eq!(caller.send(&message("05321234567")).await.0, 500);
    caller.sent("5321234568").await;
    let other = caller.netgsm(("8507654321", "x"), "send", &message("5321234568")).await;
    assert_eq!(other.0, 500);
}

#[tokio::test]
async fn iys_faults_strike_tokens_and_consents_apart() {
    let caller = Caller::scripted(prompt()).await;
    let token = caller.token().await;
    let code = |code: &str| FaultKind::Code { code: code.into() };
    let on = |operation, kind| Fault::new(Provider::Iys, operation, kind);
    caller.twin.add_fault(on(Operation::Token, code("invalid_grant")).times(1)).unwrap();
    caller.twin.add_fault(on(Operation::Consents, code("H192")).times(1)).unwrap();
    let by_number = on(Operation::Consents, code("H103")).number("5321234568");
    caller.twin.add_fault(by_number).unwrap();
    let refused = caller.post("/oauth2/token", &login()).await;
    assert_eq!((refused.0, &refused.1["error"]), (400, &json!("invalid_grant")));
    let path = format!("{BRAND}/consents/BIREYSEL/status/MESAJ");
    let mut answers = Vec::new();
    for number in ["+905321234567", "+905321234567", "+905321234568"] {
        let body = json!({ "recipients": [number] });
        answers.push(caller.iys(&token, reqwest::Method::POST, &path, &body).await.0);
    }
    assert_eq!(answers, [503, 200, 500]);
}

#[tokio::test]
async fn the_same_seed_fails_the_same_sends() {
    let run = async |seed: u64| {
        let fault = json!({ "provider": "netgsm", "operation": "send", "share": 0.5,
                            "fault": { "kind": "http", "status": 500 } });
        let caller = Caller::scripted(
            json!({ "seed": seed, "faults": [fault], "netgsm": { "same_number_per_minute": 0 } }),
        )
        .await;
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(caller.send(&message("5321234567")).await.0);
        }
        statuses
    };
    let first = run(1).await;
    assert_eq!(first, run(1).await);
    assert_ne!(first, run(2).await);
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_hanging_request() {
    let caller = Caller::new().await;
    caller.twin.add_fault(on_send(FaultKind::Hang { accept: true, seconds: 600 })).unwrap();
    let hanging = caller
        .request(reqwest::Method::POST, "/sms/rest/v2/send")
        .basic_auth(USER.0, Some(USER.1))
        .json(&message("5321234567"));
    let hanging = tokio::spawn(hanging.send());
    assert_eq!(caller.twin.wait_for(1, Duration::from_secs(5)).await.len(), 1);
    tokio::time::timeout(Duration::from_secs(5), caller.twin.stop()).await.unwrap();
    assert!(hanging.await.unwrap().is_err());
}
