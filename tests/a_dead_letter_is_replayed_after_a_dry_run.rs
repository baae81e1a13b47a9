//! A dead letter is put back by a person: first what would happen, then with a reason; every decision is made again, each
//! message is sent once, and the books say who did it.

use ledger::vault::Secret32;
use ledger::{Ledger, LedgerSettings};
use secrecy::SecretString;
use serde_json::Value;

use crate::harness::{Installation, Options, receipt, reminder};

const WHY: [&str; 3] = ["--yes", "--reason", "clinic configured"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_event_is_taken_in_once_what_was_wrong_is_mended() {
    let mut clinic = Installation::start(Options::default()).await;
    let event = receipt("early").of_clinic("kadikoy");
    let hopeless = receipt("hopeless").set("/data/payment/amount", "abc");
    clinic.publish(&event).await;
    clinic.publish(&hopeless).await;
    clinic.until_settled(2).await;
    let bad = letter(&clinic, "unknown-clinic").await;
    let still = replay(&clinic, &[&bad]).await;
    assert_eq!(still["would"], "nothing", "{still}");
    assert!(still["said"].as_str().is_some_and(|s| s.contains("unknown-clinic")), "{still}");

    let text = std::fs::read_to_string(&clinic.config).expect("the configuration");
    let kadikoy = "[clinics.kadikoy]\nname = \"Kadıköy Kliniği\"\nquiet_hours = \"none\"\n";
    std::fs::write(&clinic.config, format!("{text}{kadikoy}")).expect("written");
    clinic.restart_workers(&[]).await;
    let dry = replay(&clinic, &[&bad]).await;
    assert_eq!((&dry["would"], &dry["done"]), (&"take-in".into(), &false.into()), "{dry}");
    assert_eq!(dry["into"], event.ntf(), "{dry}");
    assert!(dry["said"].as_str().is_some_and(|s| s.contains("which is asked then")), "{dry}");
    assert_eq!(clinic.rows().await.len(), 2, "a dry run does nothing");
    assert_eq!(clinic.ulak(&["dead-letter", "replay", &bad, "--yes"]).await.code, 2);

    let done = replay(&clinic, &[&[bad.as_str()][..], &WHY].concat()).await;
    assert_eq!(done["done"], true, "{done}");
    clinic.until_state(&event, "accepted", "").await;
    assert_eq!(clinic.until_accepted(1).await[0].to, event.national());
    let said = clinic.explain(&bad).await;
    assert!(said.contains(&format!("taken in as {}", event.ntf())), "{said}");
    assert!(said.contains("clinic configured") && said.contains('@'), "{said}");
    // once is enough, and what cannot be mended is dropped
    let again = clinic.ulak(&[&["dead-letter", "replay", &bad][..], &WHY].concat()).await;
    assert_eq!(again.code, 1, "{}", again.stdout);
    let args = ["dead-letter", "drop", "--rule", "amount", "--yes", "--reason", "they know"];
    assert_eq!(clinic.ulak(&args).await.json().len(), 1);
    assert!(clinic.dead_letters().await.is_empty(), "both are looked after");
    let all = clinic.ulak(&["dead-letter", "list", "--all"]).await.json();
    assert_eq!(all.len(), 2, "and both stay in the books");
    assert_eq!(clinic.balance().await["states"]["dead-lettered"], 2);
    clinic.until_accepted(1).await;
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_notification_is_decided_about_anew() {
    let mut clinic = Installation::prepare(Options::default()).await.launch(0, 1).await;
    // a clinic that is always asleep keeps it waiting
    clinic.add_worker(&[("ULAK_CLINICS__ATASEHIR__QUIET_HOURS", "00:00-23:59")]).await;
    let event = reminder("parked");
    clinic.publish(&event).await;
    clinic.until_state(&event, "waiting", "quiet-hours").await;
    let ledger = ledger_of(&clinic).await;
    assert_eq!(ledger.dead_letter(&[event.ntf()], "crash-loop").await.expect("parked").len(), 1);
    ledger.close().await;
    clinic.restart_workers(&[]).await;
    let dry = replay(&clinic, &["--rule", "crash-loop"]).await;
    assert_eq!((&dry["would"], &dry["ntf"]), (&"replay".into(), &event.ntf().into()), "{dry}");
    assert_eq!(clinic.row(&event).await.expect("a row").state, "dead-lettered");
    let done = replay(&clinic, &[&["--rule", "crash-loop"][..], &WHY].concat()).await;
    assert_eq!(done["done"], true, "{done}");
    clinic.until_state(&event, "accepted", "").await;
    clinic.until_accepted(1).await;
    let said = clinic.explain(&event.ntf()).await;
    assert!(said.contains("put back by") && said.contains("clinic configured"), "{said}");
    clinic.finish().await;
}

/// The dead letter of a rule.
async fn letter(clinic: &Installation, rule: &str) -> String {
    let letters = clinic.ulak(&["dead-letter", "list", "--rule", rule]).await.json();
    assert_eq!(letters.len(), 1, "{letters:?}");
    letters[0]["ntf"].as_str().expect("an id").to_owned()
}

/// `ulak dead-letter replay ARGS… --json` about one dead letter.
async fn replay(clinic: &Installation, args: &[&str]) -> Value {
    let mut lines = clinic.ulak(&[&["dead-letter", "replay"][..], args].concat()).await.json();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

async fn ledger_of(clinic: &Installation) -> Ledger {
    let settings = LedgerSettings {
        url: SecretString::from(clinic.store.url()),
        master_key: Secret32::new(*b"01234567890123456789012345678901"),
        connections: 1,
        max_mib: None,
        name: "e2e".to_owned(),
    };
    Ledger::open(&settings).await.expect("migrated")
}
