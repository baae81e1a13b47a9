//! "Why did A-1042 get nothing?" is one command: by appointment, payment, phone or event, in English or Turkish, also for
//! what was refused; personal data only with a reason that is on record first.

use simulator::Consent;

use crate::harness::cli::{self, Said};
use crate::harness::{Event, Installation, Options, receipt, reminder};

const CLINIC: [&str; 2] = ["--clinic", "atasehir"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_finds_out_with_one_command() {
    let clinic = Installation::start(Options::default()).await;
    let nothing = reminder("1042");
    clinic.outside.set_consent(nothing.e164(), Consent::Ret).expect("a number");
    // the same person pays and gets a receipt; a third event is refused before anybody looks at its person
    let paid = receipt("77");
    let refused = reminder("1043").set("/data/appointment/room", "B2");
    for event in [&nothing, &paid, &refused] {
        clinic.publish(event).await;
    }
    clinic.until_state(&nothing, "suppressed", "no-consent").await;
    clinic.until_state(&paid, "accepted", "").await;
    clinic.until_settled(3).await;

    let said = ask(&clinic, &["--appointment", "A-1042"]).await;
    for part in [
        "Not sent: no consent (ONAY) is on record for this number and brand.",
        "received by ulak.appointment-reminder",
        "rule required",
        "next: nothing more. If the person agrees",
    ] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
    let said = ask(&clinic, &["--appointment", "A-1042", "--lang", "tr"]).await;
    assert!(
        said.contains("Gönderilmedi: bu numara ve marka için kayıtlı onay (ONAY) yok."),
        "{said}"
    );
    assert!(said.contains("sonraki adım: başka bir şey olmaz."), "{said}");
    let said = ask(&clinic, &["--payment", "P-77"]).await;
    assert!(said.contains("Sent: the provider accepted it."), "{said}");
    assert!(said.contains("attempt 1 accepted, netgsm:00"), "{said}");
    let said = ask(&clinic, &["--appointment", "A-1043"]).await;
    assert!(said.contains("unknown-field at /data/appointment/room"), "{said}");
    assert!(said.contains("ulak dead-letter replay bad_"), "{said}");
    let source = nothing.text("/source");
    let by_event = ["log", "explain", "--source", source, "--id", nothing.text("/id"), "--json"];
    let story = run(&clinic, &by_event).await.json();
    assert_eq!(story[0]["ntf"], nothing.ntf(), "{story:?}");
    everybody_of_a_number(&clinic, &nothing).await;
    no_answer_echoes_the_question(&clinic).await;
    clinic.finish().await;
}

/// Several hits are listed, newest first, each with its answer.
async fn everybody_of_a_number(clinic: &Installation, first: &Event) {
    let second = receipt("78").to(first.national());
    clinic.publish(&second).await;
    clinic.until_state(&second, "suppressed", "no-consent").await;
    let written = format!("0{}", first.national());
    let said = ask(clinic, &["--phone", &written]).await;
    let at = |event: &Event| said.find(&event.ntf()).unwrap_or_else(|| panic!("missing: {said}"));
    assert!(at(&second) < at(first), "{said}");
    assert_eq!(said.matches("Not sent: no consent").count(), 2, "{said}");
    assert!(!said.contains(first.national()), "{said}");
    let filtered = clinic.ulak(&["log", "list", "--reason", "no-consent", "--since", "1h"]).await;
    assert_eq!((filtered.json().len(), filtered.stderr.as_str()), (2, ""));
    let newest = clinic.ulak(&["log", "list", "--reason", "no-consent", "--limit", "1"]).await;
    assert_eq!(newest.json().len(), 1);
    assert!(newest.one_line().contains("the newest 1 are shown, see --limit"), "{newest:?}");
    let filtered =
        clinic.ulak(&["log", "list", "--provider", "netgsm", "--type", "payment-receipt"]).await;
    let filtered = filtered.json();
    assert_eq!(filtered.len(), 1, "only what was tried has a lane: {filtered:?}");
    assert_eq!(filtered[0]["id"], "77");
}

async fn no_answer_echoes_the_question(clinic: &Installation) {
    let nobody = ["log", "explain", "--phone", "+905559876543", "--clinic", "atasehir"];
    let said = run(clinic, &nobody).await;
    assert_eq!(said.code, 1);
    let line = said.one_line();
    assert!(line.contains("nothing for this number") && line.contains("--appointment"), "{line}");
    assert!(!line.contains("5559876543"), "{line}");
    let said = run(clinic, &["log", "explain", "--phone", "0555 98", "--clinic", "atasehir"]).await;
    assert_eq!(said.code, 1);
    assert!(!said.one_line().contains("0555 98"), "{}", said.stderr);
    let said =
        run(clinic, &["log", "explain", "--appointment", "A-9", "--clinic", "atasehr"]).await;
    assert_eq!(said.code, 1);
    assert!(
        said.one_line().contains("clinic atasehr is not in this configuration"),
        "{}",
        said.stderr
    );
    // a reason is asked for, and who looked is on record before anything is shown
    let paid = receipt("77");
    let said = run(clinic, &["log", "explain", &paid.ntf(), "--reveal"]).await;
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    let open =
        ["log", "explain", &paid.ntf(), "--reveal", "--reason", "complaint 2026/114", "--json"];
    let story = run(clinic, &open).await.json();
    let steps = story[0]["steps"].as_array().expect("steps");
    assert!(
        steps.iter().any(|s| s["text"].as_str().is_some_and(|t| t.contains("ödemeniz"))),
        "{steps:?}"
    );
    let last = steps.last().expect("a step");
    assert_eq!(last["kind"], "revealed", "{last}");
    let looked = last["said"].as_str().expect("words");
    assert!(looked.contains('@') && looked.contains("complaint 2026/114"), "{looked}");
}

async fn ask(clinic: &Installation, question: &[&str]) -> String {
    let said = run(clinic, &[&["log", "explain"][..], question, &CLINIC].concat()).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    said.stdout
}

async fn run(clinic: &Installation, args: &[&str]) -> Said {
    cli::said(cli::command(&clinic.config, &clinic.env), args).await
}
