//! A provider that takes less than the account's cap says "too fast": all workers use less of the cap, everything is sent once, and
//! when the provider takes more again they use the whole cap again.

use std::time::{Duration, Instant};

use serde_json::Value;
use simulator::Script;

use crate::harness::process::Process;
use crate::harness::scrape::scrape;
use crate::harness::{Installation, Options, PATIENCE, receipt};

const LANE: &str = "netgsm/default/KLINIK";
/// What the workers are told, and what the account really takes; segments a second.
const CAP: u32 = 40;
const TAKES: u32 = 15;

/// What the account takes within any second; 0: whatever comes.
fn taking(mut script: Script, segments: u32) -> Script {
    for account in &mut script.netgsm.accounts {
        account.max_segments_per_s = segments;
    }
    script
}

/// The lane as `ulak lane status` shows it.
async fn lane(clinic: &Installation) -> Value {
    clinic.ulak(&["lane", "status", LANE]).await.json().pop().expect("one lane")
}

/// Waits until what every worker uses of the cap, by its metric, is so.
async fn until_caps_are(clinic: &mut Installation, so: impl Fn(f64) -> bool) {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let mut caps = vec![];
        for worker in &mut clinic.workers {
            let page = scrape(worker).await;
            caps.push(page.sum("ulak_rate_cap_per_second", &[("account", "netgsm/default")]));
        }
        if caps.iter().all(|cap| so(*cap)) {
            return;
        }
        assert!(Instant::now() < give_up, "{caps:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How often any worker has said this about the cap.
fn said(clinic: &Installation, what: &str) -> usize {
    let lines = clinic.workers.iter().flat_map(Process::lines);
    lines.filter(|line| line.contains(what) && line.contains("rate/netgsm/default")).count()
}

/// Answers "too fast" so far.
async fn throttled(clinic: &Installation) -> i64 {
    clinic.number("SELECT count(*) FROM attempt WHERE code = 'netgsm:80'").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_throttle_lowers_the_cap_and_it_rises_again() {
    let script = taking(Script::default(), TAKES);
    let options = Options { alone: true, workers: 2, script, ..Options::default() };
    let mut clinic =
        Installation::start(options.set("ULAK_PROVIDERS__NETGSM__MAX_PER_S", CAP)).await;
    let whole = |cap: f64| (cap - f64::from(CAP)).abs() < 0.01;
    until_caps_are(&mut clinic, whole).await;
    let status = lane(&clinic).await;
    assert_eq!((&status["max_per_s"], &status["cap_percent"]), (&CAP.into(), &100.into()));

    let events: Vec<_> = (0..70).map(|n| receipt(&format!("fast-{n}"))).collect();
    for event in &events {
        clinic.publish(event).await;
    }
    // both hear of it, whichever of them was told
    until_caps_are(&mut clinic, |cap| cap > 0.4 && cap <= f64::from(CAP) / 1.9).await;
    let status = lane(&clinic).await;
    assert_eq!((status["state"].as_str(), &status["max_per_s"]), (Some("open"), &CAP.into()));
    assert!(status["cap_percent"].as_i64().expect("a number") < 100, "{status}");

    // everything goes, once, however often it was put off
    for event in &events {
        clinic.until_state(event, "accepted", "").await;
    }
    clinic.until_accepted(events.len()).await;
    let lowered = said(&clinic, "asked too fast");
    assert!((1..=6).contains(&lowered), "not once for each answer: {lowered}");

    // the provider takes more; time passes
    clinic.outside.set_script(taking(clinic.outside.script(), 0)).expect("a script");
    let before = throttled(&clinic).await;
    clinic.run("UPDATE cap SET at = at - 20000").await;
    clinic
        .until("the cap is whole", async || {
            (clinic.number("SELECT count(*) FROM cap").await == 0).then_some(())
        })
        .await;
    until_caps_are(&mut clinic, whole).await;
    assert_eq!(said(&clinic, "whole again"), 1, "one of them says so");
    let more: Vec<_> = (0..20).map(|n| receipt(&format!("again-{n}"))).collect();
    for event in &more {
        clinic.publish(event).await;
    }
    clinic.until_accepted(events.len() + more.len()).await;
    assert_eq!(throttled(&clinic).await, before);
    clinic.finish().await;
}
