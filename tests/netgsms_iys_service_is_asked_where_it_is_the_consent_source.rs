//! `consent.source = "netgsm"`: its answers decide and are the evidence, its outage makes rows wait, its cap is kept by all workers.

use simulator::{Consent, Fault, FaultKind, Operation, Provider, Script};

use crate::harness::{Event, Installation, Options, cli, receipt, reminder};

const LANE: &str = "netgsm-iys/default";

fn options() -> Options {
    Options::default()
        .set("ULAK_CONSENT__SOURCE", "netgsm")
        .set("ULAK_PROVIDERS__NETGSM__IYS_BRAND_CODE", "100001")
        .set("ULAK_PROVIDERS__NETGSM__ACCOUNTS__OTHER__IYS_BRAND_CODE", "100001")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_answers_decide_and_iys_itself_is_not_asked() {
    let fast = options().set("ULAK_PROVIDERS__NETGSM__IYS_MAX_PER_MINUTE", "6000");
    let clinic = Installation::start(fast).await;
    let (refused, unknown, given) = (reminder("ret"), receipt("none"), reminder("onay"));
    clinic.outside.set_consent(refused.e164(), Consent::Ret).expect("a number");
    clinic.outside.set_consent(unknown.e164(), Consent::None).expect("a number");
    for event in [&refused, &unknown, &given] {
        clinic.publish(event).await;
    }
    for (event, answer) in [(&refused, "ret"), (&unknown, "no-record")] {
        let row = clinic.until_state(event, "suppressed", "").await;
        assert_eq!((row.why.as_str(), row.attempts), ("no-consent", 0));
        let said = clinic.explain(&event.ntf()).await;
        for evidence in ["asked netgsm", "brand 100001", answer] {
            assert!(said.contains(evidence), "{evidence} is missing: {said}");
        }
    }
    clinic.until_state(&given, "accepted", "").await;
    let asked = clinic.outside.requests();
    assert!(asked.iter().any(|request| request.path == "/iys/search"), "{asked:?}");
    assert!(!asked.iter().any(|request| request.path.contains("oauth2")), "{asked:?}");
    clinic.until_accepted(1).await;
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_outage_and_its_refusal_of_the_account_make_rows_wait_until_they_are_over() {
    let fast = options().set("ULAK_PROVIDERS__NETGSM__IYS_MAX_PER_MINUTE", "6000");
    let clinic = Installation::start(fast).await;
    for (n, kind) in
        [FaultKind::Down, FaultKind::Code { code: "30".into() }].into_iter().enumerate()
    {
        let fault = Fault::new(Provider::Netgsm, Operation::IysSearch, kind);
        clinic.outside.add_fault(fault).expect("a fault");
        let event = receipt(&format!("outage-{n}"));
        clinic.publish(&event).await;
        let row = clinic.until_state(&event, "waiting", "consent-silent").await;
        assert_eq!((row.lane.as_deref(), row.attempts), (Some(LANE), 0));
        clinic.outside.clear_faults();
        clinic
            .until("nothing waits any more", async || {
                clinic.run("UPDATE lane SET probe_at = 0 WHERE state = 'closed'").await;
                clinic.run("UPDATE open SET due_at = 0 WHERE state = 'waiting'").await;
                (clinic.number("SELECT count(*) FROM open").await == 0).then_some(())
            })
            .await;
        clinic.until_state(&event, "accepted", "").await;
    }
    clinic.until_accepted(2).await;
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_cap_is_kept_by_all_workers_and_who_finds_no_place_comes_back() {
    // 20 a minute: one in three seconds, more than a worker waits for in process
    let slow = Options { workers: 2, ..options() };
    let slow = slow.set("ULAK_PROVIDERS__NETGSM__IYS_MAX_PER_MINUTE", "20");
    let clinic = Installation::start(slow).await;
    let events: Vec<Event> = (0..5).map(|n| receipt(&format!("many-{n}"))).collect();
    let began = tokio::time::Instant::now();
    for event in &events {
        clinic.publish(event).await;
    }
    for event in &events {
        clinic.until_state(event, "accepted", "").await;
    }
    let questions = clinic.outside.requests().iter().filter(|r| r.path == "/iys/search").count();
    assert_eq!(questions, events.len(), "a question each, and none repeated");
    assert!(
        began.elapsed().as_secs() >= 12,
        "five places are twelve seconds: {:?}",
        began.elapsed()
    );
    let waited = clinic
        .number("SELECT count(DISTINCT ntf) FROM record WHERE kind = 'waiting' AND bytes LIKE '%consent-later%'")
        .await;
    assert!(waited >= 3, "{waited} waited for a place");
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_asks_it_and_says_for_how_many_messages_it_is_enough() {
    let clinic = Installation::start(options()).await;
    let (code, service) = doctor(&clinic).await;
    assert_eq!(code, 0, "{service}");
    assert!(
        service.contains("brand 100001") && service.contains("13,980 messages a day"),
        "{service}"
    );

    let mut script = Script::default();
    script.netgsm.accounts[0].brand_code = Some("100002".to_owned());
    clinic.outside.set_script(script).expect("a script");
    let (code, service) = doctor(&clinic).await;
    assert_eq!(code, 1, "{service}");
    assert!(service.contains("providers.netgsm.iys_brand_code"), "{service}");
    clinic.finish().await;
}

/// Exit code, and the line about the default account's brand.
async fn doctor(clinic: &Installation) -> (i32, String) {
    let said = cli::said(cli::command(&clinic.config, &clinic.env), &["doctor"]).await;
    let line = said.stdout.lines().find(|line| line.contains("netgsm-iys default"));
    (said.code, line.unwrap_or(&said.stdout).to_owned())
}
