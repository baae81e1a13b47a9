//! Templates over WhatsApp, and what the account lists (A6).

use super::*;
use crate::template::{Listed, Misfit, Wanted, compare};

const HX: &str = "HX0123456789abcdef0123456789abcdef";
const SENDER: &str = "whatsapp:+908501112233";

fn on_whatsapp(url: &str) -> Client {
    client(Account { from: From::WhatsApp(SENDER.into()), ..account(url) })
}

fn template<'a>(to: &'a PhoneNumber, variables: &'a [&'a str]) -> TwilioTemplate<'a> {
    TwilioTemplate {
        to,
        content_sid: HX,
        variables,
        validity: Duration::from_mins(90),
        reference: "ntf_abc-2",
        attempt: 2,
        status_callback: Some("https://klinik.example/h#rc=5"),
    }
}

#[tokio::test]
async fn a_template_says_every_field_and_its_variables_are_json_in_a_string() {
    let body = with(&[("to", json!("whatsapp:+905321234567")), ("from", json!(SENDER))]);
    let peer = Peer::start(vec![Then::Say(answer(201, "", &body)); 2]).await;
    let to = phone();
    let client = on_whatsapp(&peer.url());
    let variables = ["Ayşe \"A\" Yılmaz", "22.11.2026\n 14:30"];
    let outcome = client.send_template(template(&to, &variables), Freshness::start()).await;
    let Outcome::Accepted(accepted) = outcome else { panic!("{outcome:?}") };
    assert_eq!((accepted.provider_ref.as_str(), accepted.code.as_str()), (SM, "twilio:queued"));
    assert_eq!(client.sender().as_str(), SENDER);
    assert_eq!(
        form_of(&peer.seen()[0]),
        pairs(&[
            ("To", "whatsapp:+905321234567"),
            ("From", SENDER),
            ("ContentSid", HX),
            ("ContentVariables", r#"{"1":"Ayşe \"A\" Yılmaz","2":"22.11.2026 14:30"}"#),
            ("ValidityPeriod", "5400"),
            ("Attempt", "2"),
            ("StatusCallback", "https://klinik.example/h?m=ntf_abc-2#rc=5"),
        ])
    );
    let plain = TwilioTemplate { status_callback: None, ..template(&to, &[]) };
    assert!(matches!(client.send_template(plain, Freshness::start()).await, Outcome::Accepted(_)));
    let names: Vec<String> = form_of(&peer.seen()[1]).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["To", "From", "ContentSid", "ValidityPeriod", "Attempt"]);
    assert_no_secret(&format!("{:?}", template(&to, &variables)));
}

#[tokio::test]
async fn twelve_variables_keep_their_order() {
    let peer = Peer::start(vec![Then::Say(answer(201, "", &message().to_string()))]).await;
    let values: Vec<String> = (1..=12).map(|n| format!("v{n}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let to = phone();
    let client = on_whatsapp(&peer.url());
    let _ = client.send_template(template(&to, &values), Freshness::start()).await;
    let form = form_of(&peer.seen()[0]);
    let json = &form.iter().find(|(name, _)| name == "ContentVariables").unwrap().1;
    let map: Value = serde_json::from_str(json).unwrap();
    for n in 1..=12 {
        assert_eq!(map[n.to_string()], format!("v{n}"));
    }
}

#[tokio::test]
async fn what_cannot_be_sent_asks_nobody_and_codes_lead_to_the_next_channel() {
    let peer = Peer::start(vec![
        Then::Say(answer(400, "", r#"{"code":63003,"message":"+905321234567 Ayşe","status":400}"#)),
        Then::Say(answer(400, "", r#"{"code":21910,"message":"x","status":400}"#)),
        Then::Close,
    ])
    .await;
    let client = on_whatsapp(&peer.url());
    let to = phone();
    let late = TwilioTemplate { validity: Duration::from_millis(900), ..template(&to, &[]) };
    let odd = TwilioTemplate { content_sid: "HX1", ..template(&to, &[]) };
    for (message, code) in [(late, "window-closed"), (odd, "content-sid")] {
        let outcome = client.send_template(message, Freshness::start()).await;
        assert!(matches!(&outcome, Outcome::Failed(FailedKind::NotSent, t) if t.code == code));
    }
    assert_eq!(peer.connections(), 0);
    let variables = ["Ayşe"];
    let outcome = client.send_template(template(&to, &variables), Freshness::start()).await;
    assert!(
        matches!(&outcome, Outcome::Failed(FailedKind::NextChannel, t) if t.code == "twilio:63003")
    );
    assert_no_secret(&format!("{outcome:?}"));
    let outcome = client.send_template(template(&to, &variables), Freshness::start()).await;
    let lane = FailedKind::Lane(LaneTrouble::Sender);
    assert!(matches!(&outcome, Outcome::Failed(kind, _) if *kind == lane), "{outcome:?}");
    let outcome = client.send_template(template(&to, &variables), Freshness::start()).await;
    assert!(matches!(outcome, Outcome::Unknown(_)));
}

#[test]
fn a_whatsapp_sender_is_a_number_on_whatsapp() {
    for bad in
        ["whatsapp:", "whatsapp:KLINIK", "whatsapp:12345", "whatsapp:+90 850", "+908501112233"]
    {
        let account = Account { from: From::WhatsApp(bad.into()), ..account("http://x") };
        let error = Client::new(account, Limits::default()).unwrap_err().to_string();
        assert!(error.contains("whatsapp:+E164"), "{error}");
    }
}

#[test]
fn the_templates_have_a_host_of_their_own_at_the_real_service_only() {
    for (base, content) in [
        ("https://api.twilio.com", "https://content.twilio.com"),
        ("https://api.dublin.ie1.twilio.com", "https://content.dublin.ie1.twilio.com"),
        ("http://127.0.0.1:8090", "http://127.0.0.1:8090"),
        ("https://api.example.com/twilio", "https://api.example.com/twilio"),
    ] {
        assert_eq!(account(base).content_url(), content);
    }
}

#[tokio::test]
async fn messages_to_a_number_are_listed_on_whatsapp_apart() {
    let row = with(&[("to", json!("whatsapp:+905321234567"))]);
    let row: Value = serde_json::from_str(&row).unwrap();
    let peer = Peer::start(vec![Then::Say(answer(200, "", &list_of(&[row], &Value::Null)))]).await;
    let to = phone();
    let client = on_whatsapp(&peer.url());
    let page = client.list(ListQuery::of_whatsapp(&to)).await.unwrap();
    assert!(peer.seen()[0].contains("Messages.json?To=whatsapp%3A%2B905321234567&PageSize=50 "));
    assert_eq!(page.rows[0].to.as_ref(), Some(&to));
    let receipt = client.receipt_of(&page.rows[0]);
    assert_eq!(receipt.delivery, Some(crate::receipt::Delivery::Queued));
    assert_eq!(receipt.provider_ref, SM);
}

fn content(sid: &str, approval: &Value) -> Value {
    json!({"sid": sid, "account_sid": AC, "friendly_name": "randevu", "language": "tr",
        "variables": {"1": "ad", "2": "saat"},
        "types": {"twilio/card": {"title": "Sayın {{1}}, {{2}}",
            "actions": [{"type": "URL", "title": "Aç", "url": "https://k.example/{{3}}"}]}},
        "approval_requests": approval})
}

#[tokio::test]
async fn the_list_with_approvals_is_read_and_compared() {
    let approved = json!({"type": "whatsapp", "name": "randevu", "category": "UTILITY",
        "content_type": "twilio/card", "status": "approved", "rejection_reason": ""});
    let next = "https://content.twilio.com/v1/ContentAndApprovals?PageSize=50&Page=1&PageToken=PT1";
    let other = HX.replace("HX01", "HXff");
    let mut picker = content(&other, &Value::Null);
    picker["types"] = json!({"twilio/list-picker": {"body": "x"}});
    let page = json!({"contents": [content(HX, &approved), picker, {"sid": "HX1"}, 7],
        "meta": {"page": 0, "page_size": 50, "next_page_url": next, "key": "contents"}});
    let last = json!({"contents": [], "meta": {"next_page_url": null}});
    let peer = Peer::start(vec![
        Then::Say(answer(200, "", &page.to_string())),
        Then::Say(answer(200, "", &last.to_string())),
        Then::Say(answer(200, "", "{}")),
    ])
    .await;
    let client = on_whatsapp(&peer.url());
    let first = client.templates().await.unwrap();
    assert_eq!((first.templates.len(), first.unreadable), (2, 2));
    let listed = Listed {
        id: HX.into(),
        name: "randevu".into(),
        language: "tr".into(),
        status: "APPROVED".into(),
        category: "UTILITY".into(),
        parameters: vec!["1".into(), "2".into(), "3".into()],
        buttons: vec![],
        unsupported: vec![],
    };
    assert_eq!(first.templates[0], listed);
    assert_eq!(first.templates[1].status, "UNSUBMITTED");
    assert_eq!(first.templates[1].unsupported, ["twilio/list-picker"]);
    let second = client.templates_next(first.next.as_ref().unwrap()).await.unwrap();
    assert_eq!((second.templates.len(), second.next), (0, None));
    let seen = peer.seen();
    assert!(seen[0].starts_with("GET /v1/ContentAndApprovals?PageSize=50 HTTP/1.1\r\n"));
    assert!(seen[0].contains("authorization: Basic "));
    assert!(seen[1].starts_with("GET /v1/ContentAndApprovals?PageSize=50&Page=1&PageToken=PT1 "));
    assert!(matches!(client.templates().await, Err(ProbeTrouble::Silent(_))));

    let wanted = |parameters: &[&str]| Wanted {
        name: HX.into(),
        language: "tr".into(),
        parameters: parameters.iter().map(|it| (*it).to_owned()).collect(),
        buttons: vec![],
    };
    assert_eq!(compare(&wanted(&["name", "time", "token"]), &first.templates), Ok(()));
    let misfit = compare(&wanted(&["name", "time"]), &first.templates).unwrap_err();
    assert!(matches!(misfit, Misfit::Differs { .. }), "{misfit}");
}

#[tokio::test]
async fn one_template_is_asked_for_with_its_approval() {
    let approval = json!({"sid": HX, "account_sid": AC, "url": "x",
        "whatsapp": {"type": "whatsapp", "category": "UTILITY", "status": "Paused"}});
    let missing = r#"{"code":20404,"message":"x","status":404}"#;
    let peer = Peer::start(vec![
        Then::Say(answer(200, "", &content(HX, &Value::Null).to_string())),
        Then::Say(answer(200, "", &approval.to_string())),
        Then::Say(answer(404, "", missing)),
        Then::Say(answer(401, "", r#"{"code":20003,"status":401}"#)),
    ])
    .await;
    let client = on_whatsapp(&peer.url());
    let listed = client.template(HX).await.unwrap().unwrap();
    assert_eq!((listed.status.as_str(), listed.is_approved()), ("PAUSED", false));
    assert!(peer.seen()[1].starts_with(&format!("GET /v1/Content/{HX}/ApprovalRequests ")));
    assert_eq!(client.template(HX).await.unwrap(), None);
    assert!(matches!(client.template(HX).await, Err(ProbeTrouble::Lane(..))));
    assert!(matches!(client.template("../x").await, Err(ProbeTrouble::Request(_))));
    assert_eq!(peer.seen().len(), 4);
}
