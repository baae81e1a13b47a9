//! Every code that a provider's table lists for what became of an accepted message starts what the table says.

#![expect(clippy::expect_used, reason = "what a test stands on may end it")]

use providers::receipt::{Receipt, Remedy};
use providers::{LaneTrouble, meta, netgsm, twilio};
use receipts::{Fate, Provider, Told, Via, write_of};
use schemas::NotificationId;
use serde_json::json;

fn reference() -> String {
    format!("{}-1", NotificationId::of_event("/clinics/a", "1"))
}

fn told(provider: Provider, receipt: &Receipt) -> Told {
    write_of(provider, Via::Webhook, receipt).expect("it has our reference")
}

/// What a failure of this remedy starts.
fn holds(told: &Told, code: &str, remedy: Remedy, bad_number: bool, lane: Option<LaneTrouble>) {
    let fate = match remedy {
        Remedy::NextChannel => Fate::Lost { next_channel: true },
        Remedy::Stop => Fate::Lost { next_channel: false },
        Remedy::Unclear => Fate::Has,
    };
    assert_eq!(told.write.code, code);
    assert_eq!(told.starts.fate, fate, "{code}");
    assert_eq!(told.starts.lane, lane, "{code}");
    assert_eq!(told.write.bad_number, bad_number && remedy != Remedy::Unclear, "{code}");
    assert_eq!(told.write.next_channel, remedy == Remedy::NextChannel, "{code}");
    let words: Vec<&str> = told.write.detail.split_whitespace().collect();
    assert!(!words.is_empty(), "{code} says nothing");
}

#[test]
fn of_meta() {
    let codes = meta::Codes::embedded().unwrap();
    let mut seen = 0;
    for row in codes.rows().iter().filter(|row| row.subcode.is_none()) {
        for code in [row.code, row.last()] {
            let body = json!({ "object": "whatsapp_business_account", "entry": [{ "changes": [{ "value": {
                "metadata": { "phone_number_id": "100000000000001" },
                "statuses": [{ "id": "wamid.1", "status": "failed", "timestamp": "1800000000",
                    "biz_opaque_callback_data": reference(), "errors": [{ "code": code, "title": "x" }] }] } }] }] });
            let updates = meta::outside::updates(&codes, body.to_string().as_bytes()).unwrap();
            let told = told(Provider::Whatsapp, &updates.statuses[0].receipt);
            let class = row.class;
            holds(&told, &format!("meta:{code}"), class.remedy(), row.bad_number, class.lane());
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen}");
}

#[test]
fn of_twilio() {
    let codes = twilio::Codes::embedded().unwrap();
    let url = format!("https://k.example/v1/webhooks/twilio/status?m={}", reference());
    for row in codes.rows() {
        for status in ["undelivered", "failed"] {
            let body = format!(
                "MessageSid=SM{0}&AccountSid=AC{0}&MessageStatus={status}&ErrorCode={1}",
                "a".repeat(32),
                row.code
            );
            let form = twilio::outside::form(body.as_bytes());
            let callback = twilio::outside::status(&codes, &url, &form).expect("a state");
            let told = told(Provider::Twilio, &callback.receipt);
            let code = format!("twilio:{}", row.code);
            holds(&told, &code, row.remedy(), row.bad_number, row.class.lane());
        }
    }
    assert!(codes.rows().len() > 50, "{}", codes.rows().len());
}

#[test]
fn of_netgsm_with_every_reason_of_the_operators() {
    use netgsm::{End, ReportRow, ReportStatus, StatusClass};
    let codes = netgsm::Codes::embedded().unwrap();
    let errors = codes.delivery_errors().iter().map(Some).chain([None]);
    for error in errors {
        for row in codes.statuses() {
            let report = ReportRow {
                jobid: "112000720".to_owned(),
                number: None,
                status: ReportStatus { code: Some(row.code), class: row.class },
                segments: None,
                operator: None,
                delivered_at: None,
                error: error.map(|error| error.code),
                reference: Some(reference()),
            };
            let told = told(Provider::Netgsm, &report.receipt(&codes));
            match row.delivery {
                End::Queued => assert_eq!(told.starts.fate, Fate::Has),
                End::Delivered => assert_eq!(told.starts.fate, Fate::Arrived),
                End::Undelivered | End::Failed => {
                    let bad = row.bad_number || error.is_some_and(|error| error.bad_number);
                    let lane = (row.class == StatusClass::NoCredit).then_some(LaneTrouble::Credit);
                    let code = format!("netgsm:status-{}", row.code);
                    holds(&told, &code, row.remedy.unwrap(), bad, lane);
                }
            }
        }
    }
}
