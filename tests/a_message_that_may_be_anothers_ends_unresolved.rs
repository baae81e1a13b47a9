//! Somebody else sends with the same Netgsm account to the same number within the same seconds. Whether the row in the report is the
//! lost message or the other one cannot be known: the attempt ends unresolved with that reason, and is never sent again.

use serde_json::json;
use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::{Event, Installation, Options, receipt, reminder, scaled};

/// Another program of the clinic sends with its account.
async fn sends_by_itself(clinic: &Installation, to: &Event, text: &str) {
    let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
    let body = json!({ "msgheader": "KLINIK", "iysfilter": "0", "encoding": "TR", "messages": [{ "msg": text, "no": to.national() }] });
    let answer = client
        .post(format!("{}/sms/rest/v2/send", clinic.outside.url()))
        .basic_auth("8501234567", Some("netgsm-secret"))
        .json(&body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
}

/// `foreign`: what the other program says; `None`: the same.
async fn ends_ambiguous(id: &str, accept: bool, foreign: Option<&str>, arrived: usize) {
    let clinic = Installation::start(Options { workers: 1, ..scaled::options() }).await;
    let event = reminder(id);
    let hang = FaultKind::Hang { accept, seconds: 600 };
    let fault = Fault::new(Provider::Netgsm, Operation::Send, hang);
    clinic.outside.add_fault(fault.number(event.national()).times(1)).expect("a fault");
    clinic.publish(&event).await;
    clinic.until_state(&event, "unknown", "").await;
    let own = clinic.outside.messages().first().map(|message| message.text.clone());
    let text = foreign.map(str::to_owned).or(own).expect("a text");
    sends_by_itself(&clinic, &event, &text).await;
    clinic.until_over(&event).await;
    let later = receipt(&format!("{id}-later"));
    clinic.publish(&later).await;
    clinic.until_state(&later, "accepted", "").await;
    let row = clinic.until_state(&event, "unresolved", "ambiguous").await;
    assert_eq!(row.attempts, 1, "{row:?}");
    let looks = clinic.looks(&event).await;
    assert!(looks.iter().all(|(saw, _)| saw != "absent" && saw != "found"), "{looks:?}");
    let to_it =
        clinic.outside.wait_for_to(event.national(), arrived, crate::harness::PATIENCE).await;
    assert_eq!(to_it.len(), arrived, "{to_it:?}");
    let said = clinic.explain(&event.ntf()).await;
    assert!(said.contains("may be it or another one"), "{said}");
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_rows_for_one_attempt_are_ambiguous() {
    ends_ambiguous("two-rows", true, None, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_with_other_segments_keeps_a_lost_reminder_from_being_sent_again() {
    ends_ambiguous("other-segments", false, Some(&"uzun bir metin ".repeat(30)), 1).await;
}
