//! A person pauses a lane: its messages wait, no probe opens it, no other lane notices, and after the resume each is sent once.

use serde_json::Value;

use crate::harness::lanes::until_workers_know;
use crate::harness::{Installation, Options, receipt};

const LANE: &str = "netgsm/default/KLINIK";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_on_a_paused_lane_goes_when_a_person_says_so() {
    let clinic = Installation::start(Options::default()).await;
    let wrong = clinic.ulak(&["lane", "pause", "netgsm/default/KLINK", "--reason", "prices"]).await;
    assert_eq!(wrong.code, 1);
    assert!(wrong.one_line().contains(LANE), "the lanes are named: {}", wrong.stderr);
    let paused = clinic.ulak(&["lane", "pause", LANE, "--reason", "wrong prices"]).await.json();
    assert_eq!(paused[0]["new"], true, "{paused:?}");
    until_workers_know(&clinic).await;

    let ours: Vec<_> = (0..3).map(|n| receipt(&format!("ours-{n}"))).collect();
    for event in &ours {
        clinic.publish(event).await;
    }
    for event in &ours {
        let row = clinic.until_state(event, "waiting", "lane-closed").await;
        assert_eq!(row.lane.as_deref(), Some(LANE));
    }
    // however due the probe and the rows look: the other clinic's messages flow, ours stay
    clinic.run("UPDATE lane SET probe_at = 0").await;
    for event in &ours {
        clinic.make_due(event).await;
    }
    for n in 0..3 {
        let theirs = receipt(&format!("theirs-{n}")).of_clinic("besiktas");
        clinic.publish(&theirs).await;
        clinic.until_state(&theirs, "accepted", "").await;
    }
    let messages = clinic.until_accepted(3).await;
    assert!(messages.iter().all(|message| message.sender == "OTHER"), "{messages:?}");
    let lane = lane(&clinic).await;
    assert_eq!((&lane["state"], &lane["waiting"]), (&"paused".into(), &3.into()), "{lane}");
    assert!(lane["why"].as_str().is_some_and(|why| why.contains("wrong prices")), "{lane}");
    assert_eq!(lane["next_probe"], Value::Null, "{lane}");
    let said = clinic.explain(&ours[0].ntf()).await;
    assert!(said.contains(&format!("ulak lane resume {LANE}")), "{said}");

    let resumed = clinic.ulak(&["lane", "resume", LANE, "--reason", "prices mended"]).await.json();
    assert_eq!(resumed[0]["resumed"], "open", "{resumed:?}");
    for event in &ours {
        clinic.until_state(event, "accepted", "").await;
    }
    clinic.until_accepted(6).await;
    let recorded = "SELECT count(*) FROM record WHERE kind = 'lane' AND bytes LIKE '%\"who\":%@%'";
    assert_eq!(clinic.number(recorded).await, 2, "pause and resume are on record with who did it");
    clinic.finish().await;
}

/// The lane as `ulak lane status` shows it.
async fn lane(clinic: &Installation) -> Value {
    let mut lanes = clinic.ulak(&["lane", "status", LANE]).await.json();
    assert_eq!(lanes.len(), 1, "{lanes:?}");
    lanes.remove(0)
}
