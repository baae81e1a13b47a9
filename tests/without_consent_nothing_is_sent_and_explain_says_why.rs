//! RET or no record at İYS, or a suppressed number: nothing is sent, and `log explain` says why with the evidence.

use ledger::vault::{Purpose, Secret32};
use ledger::{Ledger, LedgerSettings};
use secrecy::SecretString;
use simulator::Consent;

use crate::harness::{Event, Installation, Options, receipt, reminder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_and_a_missing_record_suppress_and_are_explained_with_the_evidence() {
    let clinic = Installation::start(Options::default()).await;
    let (refused, unknown, given) = (reminder("ret"), receipt("none"), reminder("onay"));
    clinic.outside.set_consent(refused.e164(), Consent::Ret).expect("a number");
    clinic.outside.set_consent(unknown.e164(), Consent::None).expect("a number");
    for event in [&refused, &unknown, &given] {
        clinic.publish(event).await;
    }
    for event in [&refused, &unknown] {
        let row = clinic.until_state(event, "suppressed", "").await;
        assert_eq!((row.why.as_str(), row.attempts), ("no-consent", 0));
        let said = clinic.explain(&event.ntf()).await;
        assert!(
            said.contains("no consent (ONAY) is on record for this number and brand"),
            "{said}"
        );
        for evidence in ["rule required", "of the type", "asked iys", "brand 100001", "not-listed"]
        {
            assert!(said.contains(evidence), "{evidence} is missing: {said}");
        }
        let evidence = evidence(&clinic, event).await;
        assert_eq!(evidence["rule"], "required", "{evidence}");
        assert_eq!(evidence["source"], "iys", "{evidence}");
        assert_eq!(evidence["brand"], "100001", "{evidence}");
        assert_eq!(evidence["answer"], "not-listed", "{evidence}");
        assert!(evidence["asked_at"].is_number(), "{evidence}");
        assert!(evidence["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{evidence}");
    }
    // The same kind of evidence stands behind what was sent.
    clinic.until_state(&given, "accepted", "").await;
    let evidence = evidence(&clinic, &given).await;
    assert_eq!((&evidence["answer"], &evidence["brand"]), (&"listed".into(), &"100001".into()));
    let messages = clinic.until_accepted(1).await;
    assert_eq!(messages[0].to, given.national());
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suppressed_number_is_not_contacted_and_nobody_is_asked_about_it() {
    let clinic = Installation::start(Options::default()).await;
    let (event, elsewhere) = (receipt("suppressed"), receipt("other-clinic"));
    let elsewhere = elsewhere.of_clinic("besiktas").to(event.national());
    suppress(&clinic, "atasehir", &event).await;
    clinic.publish(&event).await;
    clinic.publish(&elsewhere).await;
    let row = clinic.until_state(&event, "suppressed", "").await;
    assert_eq!(row.why, "suppressed: asked us to stop");
    let said = clinic.explain(&event.ntf()).await;
    assert!(said.contains("Not sent: suppressed: asked us to stop"), "{said}");
    // The list belongs to one clinic: another one has its own patients.
    clinic.until_state(&elsewhere, "accepted", "").await;
    let messages = clinic.until_accepted(1).await;
    assert_eq!(messages[0].sender, "OTHER");
    clinic.finish().await;
}

/// What the record of the decision says about consent.
async fn evidence(clinic: &Installation, event: &Event) -> serde_json::Value {
    let explained = clinic.ulak(&["log", "explain", &event.ntf()]).await.json();
    let steps = explained[0]["steps"].as_array().expect("steps").clone();
    let mut consent = steps.into_iter().map(|mut step| step["consent"].take());
    consent.rfind(|consent| !consent.is_null()).expect("a step with evidence")
}

async fn suppress(clinic: &Installation, id: &str, event: &Event) {
    let settings = LedgerSettings {
        url: SecretString::from(clinic.store.url()),
        master_key: Secret32::new(*b"01234567890123456789012345678901"),
        connections: 1,
        max_mib: None,
        name: "e2e".to_owned(),
    };
    let ledger = Ledger::open(&settings).await.expect("migrated");
    let key = |purpose| ledger.vault().hash(purpose, &[id, event.e164()]);
    let (number, person) = (key(Purpose::Suppression), key(Purpose::Person));
    ledger.suppress(id, &number, &person, "asked us to stop").await.expect("written");
    ledger.close().await;
}
