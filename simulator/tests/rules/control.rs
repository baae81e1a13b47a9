use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::{Caller, USER, message};

#[tokio::test]
async fn the_page_for_people_lists_twins_and_control_calls() {
    let caller = Caller::new().await;
    let page = caller.get("/").await.1;
    let page = page.as_str().unwrap();
    for line in ["/sms/rest/v2/send", "/oauth2/token", "/_simulator/messages", "/_simulator/faults"]
    {
        assert!(page.contains(line), "{line}");
    }
}

#[tokio::test]
async fn messages_are_shown_with_the_agreed_fields() {
    let caller = Caller::new().await;
    caller.sent("5321234567").await;
    let messages = caller.get("/_simulator/messages").await.1;
    let message = messages["messages"][0].as_object().unwrap();
    for field in [
        "n",
        "at",
        "provider",
        "account",
        "sender",
        "to",
        "text",
        "reference",
        "jobid",
        "encoding",
        "startdate",
        "stopdate",
        "segments",
    ] {
        assert!(message.contains_key(field), "{field}");
    }
    assert_eq!((&message["provider"], &message["n"]), (&json!("netgsm"), &json!(1)));
    assert!(messages.get("more").is_none());
}

#[tokio::test]
async fn messages_are_read_after_a_cursor_by_number_and_in_parts() {
    let caller = Caller::new().await;
    for to in ["5321234567", "5321234568", "5321234567"] {
        caller.sent(to).await;
    }
    let numbers = async |query: &str| -> Vec<Value> {
        let messages = caller.get(&format!("/_simulator/messages?{query}")).await.1;
        messages["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["n"].clone())
            .collect()
    };
    assert_eq!(numbers("after=1").await, [2, 3]);
    assert_eq!(numbers("to=5321234567").await, [1, 3]);
    assert_eq!(numbers("to=%2B905321234567&after=1").await, [3]);
    assert_eq!(numbers("limit=2").await, [1, 2]);
    assert_eq!(caller.get("/_simulator/messages?limit=2").await.1["more"], true);
    assert_eq!(caller.get("/_simulator/messages?to=x").await.0, 400);
}

#[tokio::test]
async fn a_waiting_reader_is_woken_by_the_message_it_waits_for() {
    let caller = Caller::new().await;
    let wait = caller.get("/_simulator/messages?to=5321234567&count=2&wait_s=15");
    let begun = Instant::now();
    let (waited, ()) = tokio::join!(wait, async {
        for to in ["5321234567", "5321234568", "5321234567"] {
            caller.sent(to).await;
        }
    });
    assert_eq!(waited.1["messages"].as_array().unwrap().len(), 2);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_reader_that_waits_in_vain_gets_what_there_is() {
    let caller = Caller::new().await;
    caller.sent("5321234567").await;
    let answer = caller.get("/_simulator/messages?count=2&wait_s=0.1").await.1;
    assert_eq!(answer["messages"].as_array().unwrap().len(), 1);
    assert_eq!(caller.twin.wait_for(2, Duration::from_millis(50)).await.len(), 1);
    assert_eq!(caller.twin.wait_for_to("5321234567", 1, Duration::from_secs(9)).await.len(), 1);
}

#[tokio::test]
async fn requests_and_counters_show_everything_that_came() {
    let caller = Caller::new().await;
    caller.sent("5321234567").await;
    caller.send(&message("123")).await;
    caller.get("/nonsense").await;
    let requests = caller.get("/_simulator/requests").await.1;
    let requests = requests["requests"].as_array().unwrap();
    let statuses: Vec<&Value> = requests.iter().map(|request| &request["status"]).collect();
    assert_eq!(statuses, [200, 406, 404]);
    assert_eq!(requests[1]["code"], "70");
    let stats = caller.get("/_simulator/stats").await.1;
    assert_eq!((&stats["requests"], &stats["messages"]), (&json!(3), &json!(1)));
    assert_eq!(stats["calls"]["netgsm.send"]["codes"], json!({ "00": 1, "70": 1 }));
}

#[tokio::test]
async fn a_script_is_put_whole_and_shown_again() {
    let caller = Caller::new().await;
    let script = json!({ "netgsm": { "accounts": [
        { "username": "1", "password": "2", "senders": ["KLINIK"] }] } });
    let put = caller.request(Method::PUT, "/_simulator/script").json(&script);
    assert_eq!(caller.answer(put).await.0, 200);
    assert_eq!(caller.send(&message("5321234567")).await.code(), "30");
    assert_eq!(caller.netgsm(("1", "2"), "send", &message("5321234567")).await.code(), "00");
    let shown = caller.get("/_simulator/script").await.1;
    assert_eq!(shown["netgsm"]["accounts"][0]["username"], "1");
    let again = caller.request(Method::PUT, "/_simulator/script").json(&shown);
    assert_eq!(caller.answer(again).await.0, 200, "what is shown can be put");
}

#[tokio::test]
async fn a_bad_script_is_refused_and_the_old_one_stays() {
    let caller = Caller::new().await;
    for bad in [json!({ "nonsense": 1 }), json!({ "netgsm": { "page_rows": 0 } })] {
        let put = caller.request(Method::PUT, "/_simulator/script").json(&bad);
        let answer = caller.answer(put).await;
        assert!(answer.0 == 400 && answer.1["error"].is_string(), "{answer:?}");
    }
    caller.sent("5321234567").await;
}

#[tokio::test]
async fn faults_are_added_and_cleared_by_http() {
    let caller = Caller::new().await;
    let fault = json!({ "provider": "netgsm", "operation": "any", "fault": { "kind": "http", "status": 502 } });
    assert_eq!(caller.post("/_simulator/faults", &fault).await.0, 200);
    assert_eq!(caller.send(&message("5321234567")).await.0, 502);
    let clear = caller.request(Method::DELETE, "/_simulator/faults");
    assert_eq!(caller.answer(clear).await.0, 200);
    caller.sent("5321234567").await;
    for bad in [
        json!({ "provider": "netgsm", "fault": { "kind": "explode" } }),
        json!({ "provider": "netgsm", "share": 2, "fault": { "kind": "down" } }),
        json!({ "provider": "nobody", "fault": { "kind": "down" } }),
        json!({ "provider": "netgsm", "fault": { "kind": "http", "status": 200 } }),
    ] {
        assert_eq!(caller.post("/_simulator/faults", &bad).await.0, 400, "{bad}");
    }
}

#[tokio::test]
async fn consents_are_merged_by_http() {
    let caller = Caller::scripted(json!({ "iys": { "limits": { "enabled": false } } })).await;
    let token = caller.token().await;
    let path = format!("{}/consents/BIREYSEL/status/MESAJ", crate::caller::BRAND);
    let numbers = json!({ "recipients": ["+905321234567", "+905321234568"] });
    let merge = json!({ "numbers": { "+905321234567": "RET" } });
    assert_eq!(caller.post("/_simulator/consents", &merge).await.0, 200);
    let list = caller.iys(&token, Method::POST, &path, &numbers).await.1["list"].clone();
    assert_eq!(list, json!(["+905321234568"]));
    let merge = json!({ "default": "NONE", "numbers": { "5321234567": "ONAY" } });
    assert_eq!(caller.post("/_simulator/consents", &merge).await.0, 200);
    let list = caller.iys(&token, Method::POST, &path, &numbers).await.1["list"].clone();
    assert_eq!(list, json!(["+905321234567"]));
    let bad = json!({ "numbers": { "123": "RET" } });
    assert_eq!(caller.post("/_simulator/consents", &bad).await.0, 400);
}

#[tokio::test]
async fn the_clock_of_the_rules_moves_by_http() {
    let caller = Caller::new().await;
    let jobid = caller.sent("5321234567").await;
    assert_eq!(caller.post("/_simulator/clock", &json!({ "advance_s": 60 })).await.0, 200);
    let report = caller.netgsm(USER, "report", &json!({ "jobids": [jobid] })).await;
    assert_eq!(report.1["jobs"][0]["status"], 1);
    assert_eq!(caller.post("/_simulator/clock", &json!({ "advance_s": -1 })).await.0, 400);
}

#[tokio::test]
async fn an_unknown_path_and_another_method_are_told_apart() {
    let caller = Caller::new().await;
    assert_eq!(caller.get("/sms/rest/v2/send").await.0, 405);
    assert_eq!(caller.get("/_simulator/nonsense").await.0, 404);
}

#[tokio::test]
async fn the_served_form_runs_until_it_is_cancelled() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shutdown = tokio_util::sync::CancellationToken::new();
    let served =
        tokio::spawn(simulator::serve(listener, simulator::Script::default(), shutdown.clone()));
    shutdown.cancel();
    served.await.unwrap().unwrap();
}
