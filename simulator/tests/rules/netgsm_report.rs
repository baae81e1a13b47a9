use std::time::Duration;

use serde_json::{Value, json};

use crate::caller::{Answer, Caller, OTHER, USER, message, prompt};

async fn report(caller: &Caller, body: Value) -> Answer {
    caller.netgsm(USER, "report", &body).await
}

fn rows(answer: &Answer) -> &Vec<Value> {
    answer.1["jobs"].as_array().unwrap()
}

/// A range around now, which ends far enough ahead for every test.
fn around_now() -> Value {
    json!({ "startdate": "01.01.2026 00:00:00", "stopdate": "31.12.2099 23:59:59" })
}

#[tokio::test]
async fn the_report_is_empty_at_first_then_pending_then_final() {
    let caller = Caller::new().await;
    caller.twin.freeze_clock(true);
    let jobid = caller.sent("5321234567").await;
    let query = json!({ "jobids": [jobid] });
    assert_eq!(report(&caller, query.clone()).await.code(), "60");
    // Scripted: visible after 5 to 40 s, pending for 1 to 10 s more.
    caller.twin.advance(Duration::from_secs(4));
    assert_eq!(report(&caller, query.clone()).await.code(), "60");
    let mut statuses = Vec::new();
    for _ in 0..7 {
        caller.twin.advance(Duration::from_secs(8));
        let answer = report(&caller, query.clone()).await;
        statuses.push(answer.1["jobs"][0]["status"].as_u64());
    }
    assert_eq!(statuses.last().unwrap(), &Some(1));
    assert!(statuses.is_sorted(), "nothing, then 0, then 1: {statuses:?}");
}

#[tokio::test]
async fn a_message_is_pending_before_it_is_delivered() {
    let caller = Caller::scripted(
        json!({ "netgsm": { "report_delay_ms": [0, 0], "delivery_ms": [60_000, 60_000] } }),
    )
    .await;
    let jobid = caller.sent("5321234567").await;
    let pending = report(&caller, json!({ "jobids": [jobid] })).await;
    assert_eq!(rows(&pending)[0]["status"], 0);
    assert!(rows(&pending)[0].get("deliveredDate").is_none());
    caller.twin.advance(Duration::from_secs(61));
    assert_eq!(rows(&report(&caller, json!({ "jobids": [jobid] })).await)[0]["status"], 1);
}

#[tokio::test]
async fn a_row_has_the_official_fields_and_neither_text_nor_send_time() {
    let caller = Caller::scripted(prompt()).await;
    let mut body = message("5321234567");
    body["messages"][0]["referansID"] = json!("ntf_abc-1");
    let jobid = caller.send(&body).await.1["jobid"].clone();
    let answer = report(&caller, json!({ "jobids": [jobid] })).await;
    let row = rows(&answer)[0].as_object().unwrap();
    let mut names: Vec<&str> = row.keys().map(String::as_str).collect();
    names.sort_unstable();
    let wanted = ["deliveredDate", "errorCode", "jobid", "msglen", "number", "operator", "status"];
    assert_eq!(names, wanted);
    assert_eq!((&row["number"], &row["msglen"]), (&json!("905321234567"), &json!(1)));
    let date = row["deliveredDate"].as_str().unwrap();
    assert!(date.len() == 19 && date.as_bytes()[2] == b'.', "{date}");
}

#[tokio::test]
async fn the_reference_is_echoed_only_by_the_switch() {
    let mut script = prompt();
    script["netgsm"]["echo_reference"] = json!(true);
    let caller = Caller::scripted(script).await;
    let mut body = message("5321234567");
    body["messages"][0]["referansID"] = json!("ntf_abc-1");
    let jobid = caller.send(&body).await.1["jobid"].clone();
    let answer = report(&caller, json!({ "jobids": [jobid] })).await;
    assert_eq!(rows(&answer)[0]["referansID"], "ntf_abc-1");
}

#[tokio::test]
async fn the_eleventh_query_of_a_minute_gets_80() {
    let caller = Caller::scripted(prompt()).await;
    caller.twin.freeze_clock(true);
    let jobid = caller.sent("5321234567").await;
    for _ in 0..10 {
        assert_eq!(report(&caller, json!({ "jobids": [jobid] })).await.code(), "00");
    }
    assert_eq!(report(&caller, json!({ "jobids": [jobid] })).await.code(), "80");
    let other = caller.netgsm(OTHER, "report", &json!({ "jobids": [jobid] })).await;
    assert_eq!(other.code(), "60", "the budget is the account's, and so are the messages");
    caller.twin.advance(Duration::from_secs(61));
    assert_eq!(report(&caller, json!({ "jobids": [jobid] })).await.code(), "00");
}

#[tokio::test]
async fn a_range_is_read_page_by_page_of_at_most_100() {
    let caller = Caller::scripted(prompt()).await;
    let items: Vec<Value> =
        (0..130).map(|n| json!({ "msg": "x", "no": format!("5321234{n:03}") })).collect();
    let mut body = message("5321234567");
    body["messages"] = json!(items);
    assert_eq!(caller.send(&body).await.code(), "00");
    let page = |number: u64, size: Value| {
        let mut query = around_now();
        query["pagenumber"] = json!(number);
        query["pagesize"] = size;
        report(&caller, query)
    };
    assert_eq!(rows(&page(0, Value::Null).await).len(), 100);
    let second = page(1, json!(100)).await;
    assert_eq!(rows(&second).len(), 30);
    assert_eq!(rows(&second)[0]["number"], "905321234100");
    assert_eq!(page(2, json!(100)).await.code(), "60");
    for size in [0, 101] {
        assert_eq!(page(0, json!(size)).await.code(), "70");
    }
}

#[tokio::test]
async fn a_range_holds_only_what_was_accepted_in_it() {
    let caller = Caller::scripted(prompt()).await;
    caller.sent("5321234567").await;
    let query = |from: &str, to: &str| json!({ "startdate": from, "stopdate": to });
    let old = report(&caller, query("01.01.2026 00:00:00", "02.01.2026 00:00:00")).await;
    assert_eq!(old.code(), "60");
    assert_eq!(rows(&report(&caller, around_now()).await).len(), 1);
}

#[tokio::test]
async fn a_wrong_query_gets_70() {
    let caller = Caller::scripted(prompt()).await;
    let jobids: Vec<String> = (0..51).map(|n| n.to_string()).collect();
    for body in [
        json!({}),
        json!({ "jobids": [] }),
        json!({ "jobids": jobids }),
        json!({ "startdate": "01.01.2026 00:00:00" }),
        json!({ "startdate": "010120260000", "stopdate": "020120260000" }),
        json!({ "startdate": "02.01.2026 00:00:00", "stopdate": "01.01.2026 00:00:00" }),
    ] {
        assert_eq!(report(&caller, body.clone()).await.code(), "70", "{body}");
    }
}

#[tokio::test]
async fn a_number_ends_as_scripted() {
    let mut script = prompt();
    script["netgsm"]["outcomes"] = json!({ "5321234567": { "status": 3, "error_code": 105 },
                                           "5321234568": { "status": 0 } });
    let caller = Caller::scripted(script).await;
    for (to, status, error) in [("5321234567", 3, 105), ("5321234568", 0, 0), ("5321234569", 1, 0)]
    {
        let jobid = caller.sent(to).await;
        let answer = report(&caller, json!({ "jobids": [jobid] })).await;
        let row = &rows(&answer)[0];
        assert_eq!((&row["status"], &row["errorCode"]), (&json!(status), &json!(error)), "{to}");
    }
}

#[tokio::test]
async fn what_was_not_delivered_by_its_stopdate_is_expired() {
    let caller = Caller::scripted(
        json!({ "netgsm": { "report_delay_ms": [0, 0], "delivery_ms": [172_800_000, 172_800_000] } }),
    )
    .await;
    let jobid = caller.sent("5321234567").await;
    caller.twin.advance(Duration::from_hours(20));
    assert_eq!(rows(&report(&caller, json!({ "jobids": [jobid] })).await)[0]["status"], 0);
    // Without a stopdate Netgsm gives up 21 h after the start.
    caller.twin.advance(Duration::from_hours(2));
    assert_eq!(rows(&report(&caller, json!({ "jobids": [jobid] })).await)[0]["status"], 2);
}

#[tokio::test]
async fn the_iys_filter_stops_those_without_consent() {
    let caller = Caller::scripted(prompt()).await;
    caller.twin.set_consent("+905321234567", simulator::Consent::Ret).unwrap();
    let mut body = message("5321234567");
    for (filter, status) in [("0", 1), ("11", 16)] {
        body["iysfilter"] = json!(filter);
        let jobid = caller.send(&body).await.1["jobid"].clone();
        let answer = report(&caller, json!({ "jobids": [jobid] })).await;
        assert_eq!(rows(&answer)[0]["status"], status, "filter {filter}");
    }
}

#[tokio::test]
async fn only_a_job_that_has_not_begun_can_be_cancelled() {
    let caller = Caller::scripted(prompt()).await;
    let begun = caller.sent("5321234567").await;
    assert_eq!(caller.netgsm(USER, "cancel", &json!({ "jobid": begun })).await.code(), "60");
    let mut body = message("5321234567");
    body["startdate"] = json!("010120401000");
    let jobid = caller.send(&body).await.1["jobid"].clone();
    let cancel = json!({ "jobid": jobid });
    assert_eq!(caller.netgsm(OTHER, "cancel", &cancel).await.code(), "60");
    let answer = caller.netgsm(USER, "cancel", &cancel).await;
    assert_eq!((answer.code(), &answer.1["jobid"]), ("00", &jobid));
    assert_eq!(caller.netgsm(USER, "cancel", &cancel).await.code(), "60");
    assert_eq!(report(&caller, json!({ "jobids": [jobid] })).await.code(), "60");
    assert_eq!(caller.netgsm(USER, "cancel", &json!({})).await.code(), "70");
}

#[tokio::test]
async fn statistics_sum_up_a_job() {
    let caller = Caller::scripted(prompt()).await;
    let jobid = caller.sent("5321234567").await;
    let answer = caller.netgsm(USER, "stats", &json!({ "jobid": jobid })).await;
    assert_eq!(answer.1["stats"][0]["totalSms"], 1);
    assert_eq!(caller.netgsm(USER, "stats", &json!({ "jobid": "1" })).await.code(), "70");
}
