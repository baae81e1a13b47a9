//! Report rows in the order of all providers (A4).

use super::*;
use crate::receipt::{Delivery, Failure, advances};

fn row(status: &Value, error: &Value) -> ReportRow {
    let codes = Codes::embedded().unwrap();
    let body = json!({"code": "00", "jobs": [{"jobid": "17377215342605050417149344",
        "number": "905321234567", "status": status, "errorCode": error, "msglen": 1,
        "deliveredDate": "06.10.2026 14:30:12", "referansID": "ntf_abc-1"}]});
    ReportPage::parse(&codes, body.to_string().as_bytes()).unwrap().rows.remove(0)
}

fn receipt(status: impl Into<Value>, error: impl Into<Value>) -> crate::receipt::Receipt {
    row(&status.into(), &error.into()).receipt(&Codes::embedded().unwrap())
}

fn failure(delivery: &Delivery) -> &Failure {
    delivery.failure().unwrap()
}

/// The table of A4: what each status is, and what may be done about the message.
#[test]
fn every_status_of_the_facts_has_its_place() {
    use Remedy::{NextChannel, Stop};
    for (status, word, remedy, bad_number, lane) in [
        (0, "queued", None, false, None),
        (1, "delivered", None, false, None),
        (2, "undelivered", Some(NextChannel), false, None),
        (3, "undelivered", Some(NextChannel), true, None),
        (4, "failed", Some(NextChannel), false, None),
        (11, "undelivered", Some(NextChannel), false, None),
        (12, "failed", Some(NextChannel), false, None),
        // an earlier copy exists: nothing more may be sent
        (13, "failed", Some(Stop), false, None),
        (14, "failed", Some(NextChannel), false, Some(LaneTrouble::Credit)),
        (15, "failed", Some(Stop), false, None),
        (16, "failed", Some(Stop), false, None),
        (17, "failed", Some(NextChannel), false, None),
        (22, "undelivered", Some(NextChannel), false, None),
        (103, "failed", Some(NextChannel), false, None),
    ] {
        let receipt = receipt(status, 0);
        let delivery = receipt.delivery.unwrap();
        assert_eq!(delivery.as_str(), word, "{status}");
        assert_eq!(delivery.failure().map(|it| it.remedy), remedy, "{status}");
        assert_eq!(delivery.failure().is_some_and(|it| it.bad_number), bad_number, "{status}");
        assert_eq!(delivery.failure().and_then(|it| it.lane), lane, "{status}");
        assert_eq!(receipt.word, status.to_string());
        assert_eq!(receipt.reference.as_deref(), Some("ntf_abc-1"));
        assert_eq!(receipt.provider_ref, "17377215342605050417149344");
        assert_eq!(receipt.at.is_some(), status == 1);
    }
    let codes = Codes::embedded().unwrap();
    for row in codes.statuses() {
        let ends = matches!(row.delivery, End::Undelivered | End::Failed);
        assert_eq!(row.remedy.is_some(), ends, "{row:?}");
        assert_eq!(row.class.is_terminal(), row.delivery != End::Queued, "{row:?}");
    }
}

#[test]
fn the_operators_reason_is_told_and_may_mark_the_number() {
    for (error, bad) in
        [(105, true), (104, true), (116, true), (117, true), (102, false), (111, false)]
    {
        let delivery = receipt(11, error).delivery.unwrap();
        let failure = failure(&delivery);
        assert_eq!(failure.bad_number, bad, "{error}");
        assert_eq!(failure.code, "netgsm:status-11");
        assert!(failure.detail.ends_with(&format!("({error})")), "{}", failure.detail);
    }
    let delivery = receipt(12, 999).delivery.unwrap();
    assert!(failure(&delivery).detail.contains("documented nowhere (999)"));
}

#[test]
fn a_status_nobody_documented_says_nothing_and_changes_nothing() {
    for status in [json!(7), json!(100), json!("x"), json!(null), json!(70_000)] {
        let receipt = receipt(status.clone(), 0);
        assert_eq!(receipt.delivery, None, "{status}");
    }
    assert!(!format!("{:?}", receipt(3, 105)).contains("5321234567"));
    assert!(!advances(Some(&Delivery::Delivered), &receipt(0, 0).delivery.unwrap()));
}
