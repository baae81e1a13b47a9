//! The publishers that `docs/publishers` shows, Python's pika and Node's amqplib: the exact Turkish text is at the provider
//! within a second.

use std::process::Stdio;

use chrono::DateTime;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use crate::harness::services::{folder, needed, root};
use crate::harness::{Event, Installation, Options, PATIENCE, clock, receipt, reminder};

/// The longest that a text may take from the publisher's hand to the provider.
const WITHIN_MS: i64 = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pika_publishes_and_the_text_is_at_the_provider_within_a_second() {
    let mut python = Command::new(needed("ULAK_TEST_PYTHON"));
    python.arg(root().join("docs/publishers/publish.py"));
    publishes(python).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amqplib_publishes_and_the_text_is_at_the_provider_within_a_second() {
    let (_kept, here) = folder();
    // A module finds its packages beside itself, whatever NODE_PATH says.
    std::fs::copy(root().join("docs/publishers/publish.mjs"), here.join("publish.mjs"))
        .expect("copied");
    let modules = needed("ULAK_TEST_NODE_MODULES");
    std::os::unix::fs::symlink(modules, here.join("node_modules")).expect("linked");
    let mut node = Command::new("node");
    node.arg(here.join("publish.mjs"));
    publishes(node).await;
}

async fn publishes(mut publisher: Command) {
    // Alone: the second is measured, and neighbours would take part of it.
    let clinic = Installation::start(Options { alone: true, ..Options::default() }).await;
    let cases = cases();
    let mut child = publisher
        .arg(clinic.vhost.url())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the publisher starts");
    let mut events = child.stdin.take().expect("piped");
    let mut said = BufReader::new(child.stdout.take().expect("piped")).lines();
    for (n, (event, text)) in cases.iter().enumerate() {
        clinic.hide(event.national());
        let line = format!("{}\n", event.json());
        let handed_at_ms = clock::now_ms();
        events.write_all(line.as_bytes()).await.expect("it reads");
        let line = tokio::time::timeout(PATIENCE, said.next_line()).await.expect("it publishes");
        assert_eq!(line.expect("its output").as_deref(), Some(event.text("/id")), "confirmed");
        let messages = clinic.outside.wait_for_to(event.national(), 1, PATIENCE).await;
        assert_eq!(messages.len(), 1, "{} did not arrive", event.ntf());
        assert_eq!(messages[0].text, *text);
        let at = DateTime::parse_from_rfc3339(&messages[0].at).expect("RFC 3339");
        let took_ms = at.timestamp_millis() - handed_at_ms;
        // The first one fetches İYS's token and opens connections.
        assert!(n == 0 || took_ms <= WITHIN_MS, "{} took {took_ms} ms", event.ntf());
    }
    drop(events);
    let status = tokio::time::timeout(PATIENCE, child.wait()).await.expect("it ends");
    assert!(status.expect("a child of ours").success());
    clinic.until_accepted(cases.len()).await;
    clinic.until_settled(cases.len()).await;
    clinic.finish().await;
}

/// Events with their exact texts.
fn cases() -> Vec<(Event, String)> {
    let visit =
        |id: &str| reminder(id).set("/data/appointment/starts_at", "2031-05-17T14:30:00+03:00");
    let day = clock::turkish_date(clock::turkey(-1));
    vec![
        (
            visit("warm-up"),
            "Sayın Ayşe, 17 Mayıs 2031 Cumartesi 14:30 için planlanan randevunuzu hatırlatırız. \
             Sağlıklı günler dileriz. Ataşehir Kliniği"
                .to_owned(),
        ),
        (
            visit("with").set("/data/appointment/with", "Dr. Çağrı Şahin"),
            "Sayın Ayşe, 17 Mayıs 2031 Cumartesi 14:30 için planlanan randevunuzu hatırlatırız. \
             Görüşeceğiniz kişi: Dr. Çağrı Şahin. Sağlıklı günler dileriz. Ataşehir Kliniği"
                .to_owned(),
        ),
        (
            receipt("paid"),
            format!(
                "Sayın Mehmet, 1.250,50 TL tutarındaki ödemeniz {day} tarihinde alınmıştır. \
                 Teşekkür ederiz. Ataşehir Kliniği"
            ),
        ),
        (
            receipt("card")
                .set("/data/payment/method", "card")
                .set("/data/payment/card_last4", "0008")
                .set("/data/payment/installments", json!(1)),
            format!(
                "Sayın Mehmet, 1.250,50 TL tutarındaki ödemeniz {day} tarihinde alınmıştır. \
                 Ödeme yöntemi: kart. Kartın son dört hanesi: 0008. Tek çekim. Teşekkür ederiz. \
                 Ataşehir Kliniği"
            ),
        ),
    ]
}
