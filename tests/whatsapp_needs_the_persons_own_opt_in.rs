//! WhatsApp needs the person's own opt-in in the registry as well as the answer of the consent source: with it the message goes there and its
//! record keeps the word; without it the next channel takes the message, or it ends and says why. A word that is taken back between
//! decision and claim stops the send.

use schemas::FactId;
use serde_json::{Value, json};
use simulator::{Consent, Provider, Script};

use crate::harness::{Embedded, Event, Installation, Options, clock, reminder};

/// Exchange that clinics publish facts to.
const FACTS: &str = "clinic.events";
/// The template that the twin of Meta has.
const TEMPLATE: &str = r#"
[whatsapp.templates.reminder]
type = "ulak.appointment-reminder.v1"
language = "tr"
provider = "whatsapp"
template = "randevu_hatirlatma"
parameters = ["recipient_name", "appointment_starts_at_date", "appointment_starts_at_time"]
"#;

/// What every process is told so that Meta can be used.
fn whatsapp(outside: &str) -> [(&'static str, String); 5] {
    [
        ("ULAK_PROVIDERS__WHATSAPP__BASE_URL", outside.to_owned()),
        ("ULAK_PROVIDERS__WHATSAPP__PHONE_NUMBER_ID", "100000000000001".to_owned()),
        ("ULAK_PROVIDERS__WHATSAPP__BUSINESS_ACCOUNT_ID", "200000000000001".to_owned()),
        ("ULAK_PROVIDERS__WHATSAPP__ACCESS_TOKEN", "meta-token".to_owned()),
        ("ULAK_CLINICS__ATASEHIR__TRANSFER_ABROAD", "explicit consent, form 7".to_owned()),
    ]
}

fn with_template(config: &std::path::Path) {
    let text = std::fs::read_to_string(config).expect("a configuration");
    std::fs::write(config, format!("{text}{TEMPLATE}")).expect("written");
}

async fn installation(workers: usize) -> Installation {
    let options = Options::default().set("ULAK_WORKER__QUICK_RETRIES", 0);
    let mut clinic = Installation::prepare(options).await;
    with_template(&clinic.config);
    let env = whatsapp(&clinic.outside.url());
    clinic.env.extend(env.map(|(name, value)| (name.to_owned(), value)));
    clinic.launch(workers, 1).await
}

/// A reminder to somebody who is reached by these channels, best first.
fn to(id: &str, channels: &[&str]) -> Event {
    reminder(id).set("/data/recipient/channels", json!(channels))
}

/// What the person of this event said an hour ago about a channel, as the clinic's system tells it.
fn said(event: &Event, id: &str, channel: &str, status: &str) -> Event {
    let at = clock::written(clock::turkey(-60));
    event
        .clone()
        .named(id)
        .set("/type", "clinic.consent-changed.v1")
        .without("/subject")
        .without("/data/appointment")
        .without("/data/recipient/name")
        .without("/data/recipient/channels")
        .set("/data/consent", json!({ "status": status, "channel": channel, "at": at }))
}

fn fact_id(event: &Event) -> String {
    FactId::of_event(event.text("/source"), event.text("/id")).as_str().to_owned()
}

/// The evidence of the last step that has any.
fn evidence(explained: &[Value]) -> Value {
    let steps = explained[0]["steps"].as_array().expect("steps");
    let found = steps.iter().rev().map(|step| &step["consent"]).find(|found| !found.is_null());
    found.expect("a step with evidence").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_it_whatsapp_is_taken_without_it_the_next_channel_or_none() {
    let clinic = installation(1).await;
    let both = ["whatsapp", "sms"];
    let (given, refused, unsaid) = (to("given", &both), to("refused", &both), to("unsaid", &both));
    let (alone, ret) = (to("alone", &["whatsapp"]), to("ret", &both));
    clinic.outside.set_consent(ret.e164(), Consent::Ret).expect("a number");
    let words = [
        said(&given, "w1", "whatsapp", "given"),
        said(&refused, "w2", "sms", "given"),
        said(&refused, "w3", "whatsapp", "refused"),
        said(&ret, "w4", "whatsapp", "given"),
    ];
    for word in &words {
        clinic.hide(word.national());
        clinic.publisher.body(FACTS, word.kind(), &word.body(), word.text("/id")).await;
    }
    clinic
        .until("all words are applied", async || {
            let count = clinic.number("SELECT count(*) FROM consent_word").await;
            (count == 4).then_some(())
        })
        .await;
    for event in [&given, &refused, &unsaid, &alone, &ret] {
        clinic.publish(event).await;
    }
    for event in [&given, &refused, &unsaid] {
        clinic.until_state(event, "accepted", "").await;
    }
    let row = clinic.until_state(&alone, "suppressed", "").await;
    assert_eq!((row.why.as_str(), row.attempts), ("no-opt-in", 0));
    let row = clinic.until_state(&ret, "suppressed", "").await;
    assert_eq!((row.why.as_str(), row.attempts), ("no-consent", 0), "İYS is asked as well");

    let mut sent: Vec<_> = clinic.until_accepted(3).await;
    sent.sort_by_key(|message| message.to.clone());
    let way = |event: &Event| {
        let message = sent.iter().find(|message| message.to == event.national()).expect("sent");
        (message.provider, message.channel.clone())
    };
    assert_eq!(way(&given), (Provider::Meta, "whatsapp".to_owned()));
    for event in [&refused, &unsaid] {
        assert_eq!(way(event), (Provider::Netgsm, "sms".to_owned()));
    }

    let kept = evidence(&clinic.ulak(&["log", "explain", &given.ntf()]).await.json());
    assert_eq!((&kept["source"], &kept["answer"]), (&"iys".into(), &"listed".into()), "{kept}");
    assert_eq!(kept["opt_in"]["said"], "given", "{kept}");
    assert_eq!(kept["opt_in"]["fact"], fact_id(&words[0]), "{kept}");
    assert!(kept["opt_in"]["said_at"].is_i64(), "{kept}");
    let kept = evidence(&clinic.ulak(&["log", "explain", &alone.ntf()]).await.json());
    assert_eq!(
        (&kept["opt_in"]["said"], &kept["source"]),
        (&"none".into(), &Value::Null),
        "{kept}"
    );
    let story = clinic.explain(&alone.ntf()).await;
    assert!(story.contains("opt-in to WhatsApp is not in the clinic's registry"), "{story}");
    assert!(story.contains("ulak consent record"), "{story}");
    let story = clinic.explain(&refused.ntf()).await;
    assert!(story.contains("no-opt-in: whatsapp"), "why not WhatsApp: {story}");
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taken_back_between_decision_and_claim_nothing_goes_by_whatsapp() {
    for (channels, state, messages) in
        [(&["whatsapp", "sms"][..], "accepted", 1), (&["whatsapp"][..], "suppressed", 0)]
    {
        let mut clinic = installation(0).await;
        let event = to("held", channels);
        let number = event.e164().to_owned();
        let record = async |clinic: &Installation, status: &str| {
            let who = ["consent", "record", "--clinic", "atasehir", "--phone", &number];
            let what = ["--channel", "whatsapp", status, "--reason", "asked at the desk"];
            let said = clinic.ulak(&[&who[..], &what[..]].concat()).await.json();
            assert_eq!(said[0]["fate"], "recorded", "{said:?}");
        };
        record(&clinic, "--given").await;
        clinic.publish(&event).await;
        let (mut worker, mut hold) = clinic.held_worker("before-claim");
        hold.reached().await;
        record(&clinic, "--refused").await;
        hold.go();
        worker.log_where("the end of it", |line| line["message"] == "handled").await;
        clinic.workers.push(worker);
        let row = clinic.row(&event).await.expect("a row");
        assert_eq!(row.state, state, "{row:?}");
        let sent = clinic.until_accepted(messages).await;
        assert!(sent.iter().all(|message| message.provider == Provider::Netgsm), "{sent:?}");
        clinic.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_machine_keeps_the_same_promise() {
    let mut clinic = Embedded::prepare(Script::default(), &[]).await;
    with_template(&clinic.config);
    let env = whatsapp(&clinic.outside.url());
    clinic.env.extend(env.map(|(name, value)| (name.to_owned(), value)));
    clinic.up(&[]).await;
    let both = ["whatsapp", "sms"];
    let (given, refused, alone) =
        (to("given", &both), to("refused", &both), to("alone", &["whatsapp"]));
    for word in
        [said(&given, "w1", "whatsapp", "given"), said(&refused, "w2", "whatsapp", "refused")]
    {
        clinic.post(&word).await;
    }
    for event in [&given, &refused, &alone] {
        clinic.post(event).await;
    }
    for event in [&given, &refused] {
        clinic.until_state(event, "accepted", "").await;
    }
    clinic.until_state(&alone, "suppressed", "no-opt-in").await;
    let sent = clinic.until_accepted(2).await;
    for message in sent {
        let by = if message.to == given.national() { Provider::Meta } else { Provider::Netgsm };
        assert_eq!(message.provider, by, "{message:?}");
    }
    clinic.finish().await;
}
