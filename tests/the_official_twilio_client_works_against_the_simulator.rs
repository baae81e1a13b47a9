//! Twilio's official npm client, pointed at the simulator, sends an SMS and a WhatsApp template, lists, fetches, reads the templates
//! and a refusal, and finds our twin's callbacks signed as Twilio's own: the twin is what the vendor's code expects.

use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use simulator::{Script, Simulator};

use crate::harness::PATIENCE;
use crate::harness::hooks::{ACCOUNT, AUTH_TOKEN, quick};
use crate::harness::services::{folder, needed, root};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_client_sends_lists_and_validates_our_signature() {
    let mut script = Script::default();
    quick(&mut script);
    let outside = Simulator::start_with("127.0.0.1:0", script).await.expect("a port");
    let (kept, here) = folder();
    // A module finds its packages beside itself, whatever NODE_PATH says.
    std::fs::copy(root().join("tests/npm/twilio_client.mjs"), here.join("client.mjs"))
        .expect("copied");
    let modules = needed("ULAK_TEST_NODE_MODULES");
    std::os::unix::fs::symlink(Path::new(&modules), here.join("node_modules")).expect("linked");
    let child = tokio::process::Command::new("node")
        .arg(here.join("client.mjs"))
        .args([outside.url().as_str(), ACCOUNT, AUTH_TOKEN, "5321234567"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node starts");
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("it ends");
    let output = output.expect("its output");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let said: serde_json::Value = serde_json::from_str(&said).expect("one JSON line");

    assert_eq!(said["ok"], true, "{said}");
    let messages = outside.wait_for(2, PATIENCE).await;
    assert_eq!(messages.len(), 2, "the refused one was sent");
    for (kind, to) in [("sms", "+905321234567"), ("whatsapp", "whatsapp:+905321234567")] {
        let sid = said[kind]["sid"].as_str().expect("a sid");
        assert!(messages.iter().any(|message| message.jobid == sid), "{said}");
        assert_eq!(said[kind]["to"], to, "{said}");
    }
    assert_eq!(said["fetched"], "Sayın Ayşe, randevunuz yarın 14:30'da.");
    assert_eq!(said["listed"], json!([said["sms"]["sid"]]), "SMS and WhatsApp are listed apart");
    let template = json!(["HX00000000000000000000000000000001", "approved"]);
    assert_eq!(said["contents"], json!([template]));
    assert_eq!(said["refusal"]["status"], 400, "{said}");
    let callbacks = said["callbacks"].as_array().expect("callbacks");
    assert!(callbacks.len() >= 4, "sent and delivered of both: {said}");
    for callback in callbacks {
        assert_eq!(
            (&callback["valid"], &callback["forged"]),
            (&true.into(), &false.into()),
            "{said}"
        );
        assert!(callback["query"].as_str().expect("a query").starts_with("m=ntf_a-1"), "{said}");
    }
    outside.stop().await;
    drop(kept);
}
