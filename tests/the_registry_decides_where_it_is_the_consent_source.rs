//! `consent.source = "registry"`: who agreed at the clinic is written to, who refused or never said anything is not, wherever the word came
//! from; nobody outside is asked, and the decision keeps the word that it stands on.

use schemas::FactId;
use serde_json::Value;
use simulator::Script;

use crate::harness::{Embedded, Event, Installation, Options, clock, receipt};

/// Exchange that clinics publish facts to.
const FACTS: &str = "clinic.events";
const SOURCE: (&str, &str) = ("ULAK_CONSENT__SOURCE", "registry");

/// What the person of this event said an hour ago, as the clinic's system tells it.
fn said(event: &Event, id: &str, status: &str) -> Event {
    event
        .clone()
        .named(id)
        .set("/type", "clinic.consent-changed.v1")
        .without("/subject")
        .without("/data/payment")
        .without("/data/recipient/name")
        .set(
            "/data/consent",
            serde_json::json!({
                "status": status, "channel": "sms", "at": clock::written(clock::turkey(-60)),
            }),
        )
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
async fn given_goes_refused_and_unsaid_do_not_and_the_decision_keeps_the_word() {
    let clinic = Installation::start(Options::default().set(SOURCE.0, SOURCE.1)).await;
    let (given, refused, unsaid) = (receipt("given"), receipt("refused"), receipt("unsaid"));
    let words = [said(&given, "w-given", "given"), said(&refused, "w-refused", "refused")];
    for word in &words {
        clinic.hide(word.national());
        clinic.publisher.body(FACTS, word.kind(), &word.body(), word.text("/id")).await;
    }
    clinic
        .until("both words are applied", async || {
            let count = clinic.number("SELECT count(*) FROM consent_word").await;
            (count == 2).then_some(())
        })
        .await;
    for event in [&given, &refused, &unsaid] {
        clinic.publish(event).await;
    }
    clinic.until_state(&given, "accepted", "").await;
    let row = clinic.until_state(&refused, "suppressed", "").await;
    assert_eq!(row.why, "suppressed: consent-refused");
    let row = clinic.until_state(&unsaid, "suppressed", "").await;
    assert_eq!((row.why.as_str(), row.attempts), ("no-consent", 0));

    let kept = evidence(&clinic.ulak(&["log", "explain", &given.ntf()]).await.json());
    assert_eq!((&kept["source"], &kept["answer"]), (&"registry".into(), &"given".into()), "{kept}");
    assert_eq!(kept["word"]["fact"], fact_id(&words[0]), "{kept}");
    let at = clock::turkey(-60).timestamp_millis();
    let told = kept["word"]["said_at"].as_i64().expect("an instant");
    assert!((at - 60_000..=at).contains(&told), "{kept}");
    let kept = evidence(&clinic.ulak(&["log", "explain", &unsaid.ntf()]).await.json());
    assert_eq!((&kept["answer"], &kept["word"]["said"]), (&"no-record".into(), &"none".into()));
    let story = clinic.explain(&given.ntf()).await;
    assert!(story.contains("asked registry") && story.contains(&fact_id(&words[0])), "{story}");

    // the person agrees at the desk: the next event goes
    let number = format!("0{}", unsaid.national());
    let args =
        ["consent", "record", "--clinic", "atasehir", "--phone", &number, "--channel", "sms"];
    let done =
        clinic.ulak(&[&args[..], &["--given", "--reason", "asked at the desk"]].concat()).await;
    let done = done.json().remove(0);
    assert_eq!((&done["fate"], &done["said"]), (&"recorded".into(), &"given".into()), "{done}");
    let next = receipt("next").to(unsaid.national());
    clinic.publish(&next).await;
    clinic.until_state(&next, "accepted", "").await;
    let kept = evidence(&clinic.ulak(&["log", "explain", &next.ntf()]).await.json());
    assert_eq!(kept["word"]["fact"], done["fact"], "{kept}");

    clinic.until_accepted(2).await;
    let asked = clinic.outside.requests();
    let about =
        |path: &str| path.contains("oauth2") || path.contains("consents") || path.contains("iys");
    assert!(!asked.iter().any(|request| about(&request.path)), "{asked:?}");
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_machine_keeps_the_same_promise() {
    let clinic = Embedded::start(Script::default(), &[SOURCE]).await;
    let (given, refused, unsaid) = (receipt("given"), receipt("refused"), receipt("unsaid"));
    for word in [said(&given, "w-given", "given"), said(&refused, "w-refused", "refused")] {
        clinic.post(&word).await;
    }
    for event in [&given, &refused, &unsaid] {
        clinic.post(event).await;
    }
    clinic.until_state(&given, "accepted", "").await;
    clinic.until_state(&refused, "suppressed", "suppressed: consent-refused").await;
    clinic.until_state(&unsaid, "suppressed", "no-consent").await;
    clinic.until_accepted(1).await;
    clinic.finish().await;
}
