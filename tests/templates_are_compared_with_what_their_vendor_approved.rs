//! A mapped template that takes other values than the vendor approved refuses the start with both lists; a vendor that is silent
//! keeps nobody from starting. `doctor` says the same, and `template preview` shows the values.

use serde_json::Value;
use simulator::{Fault, FaultKind, Operation, Provider, Script};

use crate::harness::cli::{self, Said};
use crate::harness::whatsapp::{self, agrees, at_meta, at_twilio, count};
use crate::harness::{Embedded, Installation, Options, PATIENCE, reminder};

/// `ulak KIND` of an installation that is migrated, until it ends by itself.
async fn ends(clinic: &Installation, kind: &str) -> Said {
    let mut command = cli::command(&clinic.config, &clinic.env);
    command.current_dir(&clinic.folder);
    tokio::time::timeout(PATIENCE, cli::said(command, &[kind])).await.expect("it ends")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_values_than_the_vendor_approved_refuse_the_start_with_both_lists() {
    for options in [at_meta(Options::default()), at_twilio(Options::default())] {
        let options = options
            .set("ULAK_WHATSAPP__TEMPLATES__REMINDER__PARAMETERS", "recipient_name,clinic_name");
        let clinic = whatsapp::prepare(options).await.launch(0, 0).await;
        let said = ends(&clinic, "worker").await;
        assert_eq!(said.code, 64, "{}", said.stderr);
        let line = said.stderr.lines().last().expect("a line");
        for part in ["whatsapp.templates.reminder", "1=recipient_name, 2=clinic_name", "[1, 2, 3]"]
        {
            assert!(line.contains(part), "{part} is not in: {line}");
        }
        let doctor = clinic.ulak(&["doctor"]).await;
        assert_eq!(doctor.code, 1);
        let lines = doctor.stdout.lines();
        let findings = lines.map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let failed = |it: &Value| it["check"] == "templates" && it["status"] == "fail";
        let finding = findings.into_iter().find(failed).expect("a finding");
        assert!(finding["said"].as_str().expect("text").contains("[1, 2, 3]"), "{finding}");
        clinic.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_that_the_vendor_does_not_have_refuses_the_start_too() {
    let options = at_meta(Options::default())
        .set("ULAK_WHATSAPP__TEMPLATES__REMINDER__TEMPLATE", "randevu_hatirlatm");
    let clinic = whatsapp::prepare(options).await.launch(0, 0).await;
    let said = ends(&clinic, "worker").await;
    assert_eq!(said.code, 64, "{}", said.stderr);
    let line = said.stderr.lines().last().expect("a line");
    assert!(line.contains("randevu_hatirlatma (tr)"), "what there is: {line}");
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_no_event_has_is_found_before_anybody_is_asked() {
    let options = at_meta(Options::default()).set(
        "ULAK_WHATSAPP__TEMPLATES__REMINDER__PARAMETERS",
        "recipient_name,payment_amount,clinic_name",
    );
    let clinic = whatsapp::prepare(options).await.launch(0, 0).await;
    for args in [&["worker"][..], &["config", "check"], &["template", "check"]] {
        let said = clinic.ulak(args).await;
        assert_ne!(said.code, 0, "{args:?}");
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(all.contains("whatsapp.templates.reminder.parameters"), "{args:?}: {all}");
        assert!(all.contains("unknown name `payment_amount`"), "{args:?}: {all}");
    }
    assert_eq!(ends(&clinic, "worker").await.code, 64);
    assert!(clinic.outside.requests().is_empty(), "nobody was asked");
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_that_is_silent_keeps_nobody_from_starting() {
    let mut script = Script::default();
    let silent = FaultKind::Hang { accept: false, seconds: 600 };
    script.faults.push(Fault::new(Provider::Meta, Operation::Templates, silent));
    let mut clinic = whatsapp::start(at_meta(Options { script, ..Options::default() })).await;
    let event = reminder("goes");
    agrees(&clinic, &event).await;
    clinic.publish(&event).await;
    whatsapp::until_sent(&clinic, &event).await;
    assert_eq!(count(&clinic.until_accepted(1).await, Provider::Meta, "whatsapp"), 1);
    let warned = |line: &Value| {
        line["account"] == "whatsapp default"
            && line["said"].as_str().is_some_and(|said| said.starts_with("not checked"))
    };
    clinic.workers[0].log_where("the warning", warned).await;
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_order_is_said_so_and_shown_with_its_values() {
    let clinic = whatsapp::start(at_meta(Options::default())).await;
    let doctor = clinic.ulak(&["doctor"]).await.json();
    let said = |check: &str| {
        let found = doctor.iter().find(|it| it["check"] == check);
        found.map(|it| (it["status"].clone(), it["said"].clone())).expect("a finding")
    };
    let (status, words) = said("templates");
    assert_eq!(status, "ok", "{words}");
    let (status, words) = said("whatsapp default");
    assert_eq!(status, "ok", "{words}");
    assert!(words.as_str().expect("text").contains("+90 850 123 45 67"), "{words}");

    let event = reminder("preview");
    let file = clinic.folder.join("event.json");
    std::fs::write(&file, event.body()).expect("written");
    let path = file.to_str().expect("UTF-8");
    let shown = clinic.ulak(&["template", "preview", path]).await.json().remove(0);
    let template = &shown["whatsapp"][0];
    assert_eq!(template["template"], "randevu_hatirlatma");
    assert_eq!(template["values"][0]["place"], "{{1}}");
    assert_eq!(template["values"][0]["value"], "Ayşe");
    assert_eq!(template["values"].as_array().map(Vec::len), Some(3));
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_machine_refuses_to_start_as_well() {
    let options = at_meta(Options::default())
        .set("ULAK_WHATSAPP__TEMPLATES__REMINDER__PARAMETERS", "recipient_name,clinic_name");
    let mut clinic = Embedded::prepare(Script::default(), &[]).await;
    let addresses = whatsapp::addresses(&clinic.outside.url());
    let env = options.env.into_iter().chain(addresses);
    clinic.env.extend(env.map(|(name, value)| (name.to_owned(), value)));
    let mut command = cli::command(&clinic.config, &clinic.env);
    command.current_dir(&clinic.folder);
    let said = tokio::time::timeout(PATIENCE, cli::said(command, &["up"])).await.expect("it ends");
    assert_eq!(said.code, 64, "{}", said.stderr);
    let line = said.stderr.lines().last().expect("a line");
    assert!(
        line.contains("1=recipient_name, 2=clinic_name") && line.contains("[1, 2, 3]"),
        "{line}"
    );
    clinic.finish().await;
}
