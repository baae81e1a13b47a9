//! A reminder goes over WhatsApp to those who agreed to it, with the approved template, its values and our reference; without an
//! agreement, a template or the clinic's legal basis it is a text, and nothing of it goes to Meta.

use serde_json::Value;
use simulator::{Provider, Script};

use crate::harness::whatsapp::{
    self, BASIS, META, NETGSM, agrees, at_meta, at_twilio, count, until_sent,
};
use crate::harness::{Embedded, Event, Installation, Options, receipt, reminder};

async fn claimed(clinic: &Installation, event: &Event) -> Vec<Value> {
    let mut log = clinic.log_show(&event.ntf()).await;
    log.retain(|record| record["kind"] == "claimed");
    log
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_meta_with_the_approved_template_and_our_reference() {
    let clinic = whatsapp::start(at_meta(Options::default())).await;
    let agreed = reminder("agreed").set("/data/appointment/with", "Dr. Çağrı Şahin");
    agrees(&clinic, &agreed).await;
    clinic.publish(&agreed).await;
    let row = until_sent(&clinic, &agreed).await;
    assert_eq!(row.attempts, 1);
    let message = clinic.until_accepted(1).await.remove(0);
    assert_eq!((message.provider, message.channel.as_str()), (Provider::Meta, "whatsapp"));
    assert_eq!(message.template.as_deref(), Some("randevu_hatirlatma/tr"));
    assert_eq!(message.reference, Some(format!("{}-1", agreed.ntf())));
    assert_eq!(message.to, agreed.national());
    assert!(message.text.starts_with("Sayın Ayşe, ") && !message.text.contains("{{"));

    let claim = claimed(&clinic, &agreed).await.remove(0);
    assert_eq!((&claim["channel"], &claim["lane"]), (&"whatsapp".into(), &META.into()));
    assert_eq!(claim["template"], "whatsapp:randevu_hatirlatma/tr");
    assert_eq!((&claim["encoding"], &claim["segments"]), (&"template".into(), &1.into()));
    assert_eq!(claim["transfer_basis"], BASIS);
    assert_eq!(claim["instead"], Value::Null);
    // the values that the person saw, to be read again by an auditor
    let open = ["log", "explain", &agreed.ntf(), "--reveal", "--reason", "audit 2026/7"];
    let story = clinic.ulak(&open).await.json().remove(0);
    let steps = story["steps"].as_array().expect("steps");
    let kept = steps.iter().find_map(|step| step["text"].as_str().filter(|it| it.contains("1=")));
    let kept = kept.expect("opened");
    let values: Vec<&str> = kept.lines().collect();
    assert!(values.len() == 3 && values[0] == "1=Ayşe", "{claim}");
    for value in &values {
        let (_, value) = value.split_once('=').expect("a value");
        assert!(message.text.contains(value), "{value} is not in the message");
    }
    let opt_in = &claim["consent"]["opt_in"];
    assert_eq!((&opt_in["channel"], &opt_in["said"]), (&"whatsapp".into(), &"given".into()));
    assert_eq!(claim["consent"]["source"], "iys", "asked as well: {claim}");
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_did_not_agree_and_what_has_no_template_gets_a_text() {
    let clinic = whatsapp::start(at_meta(Options::default())).await;
    let (unsaid, receipt) = (reminder("unsaid"), receipt("no-template"));
    // a clinic without a legal basis, whatever the person said
    let at_home = reminder("at-home").of_clinic("besiktas");
    for event in [&receipt, &at_home] {
        agrees(&clinic, event).await;
    }
    for event in [&unsaid, &receipt, &at_home] {
        clinic.publish(event).await;
        until_sent(&clinic, event).await;
    }
    let messages = clinic.until_accepted(3).await;
    assert_eq!(count(&messages, Provider::Netgsm, "sms"), 3);
    let to_meta = |path: &str| path.ends_with("/messages") && !path.contains("Accounts");
    let asked = clinic.outside.requests();
    assert!(!asked.iter().any(|request| to_meta(&request.path)), "{asked:?}");
    for (event, instead) in [
        (&unsaid, "no-opt-in: whatsapp"),
        (&receipt, "not-available: whatsapp"),
        (&at_home, "not-available: whatsapp"),
    ] {
        let claim = claimed(&clinic, event).await.remove(0);
        assert_eq!(claim["instead"], instead);
        assert_eq!(claim["transfer_basis"], Value::Null);
        let said = clinic.explain(&event.ntf()).await;
        assert!(said.contains(instead), "{said}");
    }
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_person_the_clinic_and_the_type_order_the_channels_in_this_order() {
    let options =
        at_meta(Options::default()).set("ULAK_CLINICS__ATASEHIR__CHANNELS", "sms,whatsapp");
    let clinic = whatsapp::start(options).await;
    let (clinics, wished) = (reminder("clinics"), reminder("wished"));
    let only = reminder("only").set("/data/recipient/channels", vec!["whatsapp"]);
    let wished = wished.set("/data/recipient/channels", vec!["whatsapp", "sms"]);
    agrees(&clinic, &clinics).await;
    agrees(&clinic, &wished).await;
    for event in [&clinics, &wished, &only] {
        clinic.publish(event).await;
    }
    for (event, lane) in [(&clinics, NETGSM), (&wished, META)] {
        until_sent(&clinic, event).await;
        assert_eq!(claimed(&clinic, event).await.remove(0)["lane"], lane);
    }
    // who wants nothing but WhatsApp and never agreed to it is not written to
    let row = clinic.until_state(&only, "suppressed", "no-opt-in").await;
    assert_eq!(row.attempts, 0);
    clinic.until_accepted(2).await;
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_twilio_with_the_content_sid_and_its_variables() {
    let options = at_twilio(Options::default())
        .set("ULAK_GATEWAY__PUBLIC_URL", "http://127.0.0.1:9")
        .set("ULAK_PROVIDERS__TWILIO__WEBHOOK_TOKEN", "webhook-token-0123456789");
    let clinic = whatsapp::start(options).await;
    clinic.hide("webhook-token-0123456789");
    let agreed = reminder("agreed");
    agrees(&clinic, &agreed).await;
    clinic.publish(&agreed).await;
    until_sent(&clinic, &agreed).await;
    let message = clinic.until_accepted(1).await.remove(0);
    assert_eq!((message.provider, message.channel.as_str()), (Provider::Twilio, "whatsapp"));
    assert_eq!(message.template.as_deref(), Some("HX00000000000000000000000000000001"));
    assert_eq!(message.sender, "whatsapp:+13185550100");
    assert!(message.text.starts_with("Sayın Ayşe, "));
    let claim = claimed(&clinic, &agreed).await.remove(0);
    assert_eq!(claim["template"], "twilio:HX00000000000000000000000000000001/tr");
    assert_eq!(claim["lane"], whatsapp::TWILIO);
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_machine_does_the_same() {
    let mut env = at_meta(Options::default()).env;
    let mut clinic = Embedded::prepare(Script::default(), &[]).await;
    env.extend(whatsapp::addresses(&clinic.outside.url()));
    clinic.env.extend(env.into_iter().map(|(name, value)| (name.to_owned(), value)));
    clinic.up(&[]).await;
    let (agreed, unsaid) = (reminder("agreed"), reminder("unsaid"));
    clinic.hide(agreed.national());
    let args = whatsapp::agreement(&agreed);
    let said = clinic.ulak(&args.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    for event in [&agreed, &unsaid] {
        clinic.post(event).await;
        clinic
            .until("one sent", async || clinic.row(event).await.filter(|row| row.state.is_sent()))
            .await;
    }
    let messages = clinic.until_accepted(2).await;
    assert_eq!(count(&messages, Provider::Meta, "whatsapp"), 1);
    assert_eq!(count(&messages, Provider::Netgsm, "sms"), 1);
    clinic.finish().await;
}
