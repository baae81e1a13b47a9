//! Netgsm's official npm client, pointed at the simulator, lists headers, sends, and reads the report: the twin is what
//! the vendor's own code expects.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use simulator::Simulator;

use crate::harness::PATIENCE;
use crate::harness::services::{folder, needed, root};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_client_sends_reports_and_lists_headers() {
    let outside = Simulator::start("127.0.0.1:0").await.expect("a port");
    let (kept, here) = folder();
    // A module finds its packages beside itself, whatever NODE_PATH says.
    std::fs::copy(root().join("tests/npm/netgsm_client.mjs"), here.join("client.mjs"))
        .expect("copied");
    let modules = needed("ULAK_TEST_NODE_MODULES");
    std::os::unix::fs::symlink(Path::new(&modules), here.join("node_modules")).expect("linked");
    let child = tokio::process::Command::new("node")
        .arg(here.join("client.mjs"))
        .args([outside.url().as_str(), "8501234567", "netgsm-secret", "KLINIK", "5321234567"])
        .env("REPORT_EVERY_MS", "1000")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node starts");
    let messages = outside.wait_for(1, PATIENCE).await;
    assert_eq!(messages.len(), 1, "the client did not send");
    // Wait for the first look at the report, which is too early; then half a minute passes at Netgsm.
    let looks = || outside.requests().iter().filter(|r| r.path.ends_with("/report")).count();
    let first_look = async {
        while looks() == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, first_look).await.expect("the client asks for the report");
    outside.advance(Duration::from_mins(1));
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("it ends");
    let output = output.expect("its output");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let said: serde_json::Value = serde_json::from_str(&said).expect("one JSON line");

    assert_eq!(said["ok"], true, "{said}");
    assert_eq!(
        said["headers"],
        serde_json::json!(["8501234567", "KLINIK", "DISKLINIGI"]),
        "{said}"
    );
    assert_eq!(
        (&said["send"]["code"], &said["send"]["jobid"]),
        (&"00".into(), &messages[0].jobid.as_str().into())
    );
    assert_eq!(said["report"]["before"][0], "60", "the report is empty just after a send: {said}");
    assert_eq!(said["report"]["jobs"].as_array().map(Vec::len), Some(1), "{said}");
    assert_eq!(messages[0].text, "Sayın Ayşe, randevunuz yarın 14:30'da.");
    outside.stop().await;
    drop(kept);
}
