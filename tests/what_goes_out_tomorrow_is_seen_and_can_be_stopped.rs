//! "What goes out, to whom, with which text": `ulak schedule list` says it with masked names, the texts only to whoever says why. What
//! has not gone out can be stopped, by one's own hand and on the record; what was sent cannot.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use scheduler::facts::Applier;
use scheduler::plan::Rules;
use schemas::{ClinicId, Registry, ReminderRule};
use serde_json::{Value, json};
use simulator::Script;

use crate::harness::cli::{self, Said};
use crate::harness::event::PERSONAL;
use crate::harness::{Embedded, clock, receipt, reminder};

/// Quiet hours from an hour ago until in an hour: a reminder waits, a receipt does not.
fn quiet_now() -> String {
    let time = |minutes: i64| clock::turkey(minutes).format("%H:%M").to_string();
    format!("{}-{}", time(-60), time(60))
}

/// `ulak schedule …` for people.
async fn for_people(machine: &Embedded, args: &[&str]) -> Said {
    cli::said(cli::command(&machine.config, &machine.env), args).await
}

fn names_nobody(said: &str, number: &str) {
    for secret in PERSONAL.iter().copied().chain([number]) {
        assert!(!said.contains(secret), "{secret} is shown: {said}");
    }
}

async fn revealed(machine: &Embedded, ntf: &str) -> Vec<Value> {
    let mut records = machine.ulak(&["log", "show", ntf]).await.json();
    records.retain(|record| record["kind"] == "revealed");
    records
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_seen_and_stopped_and_what_was_sent_is_not() {
    let quiet = quiet_now();
    let env = [("ULAK_CLINICS__ATASEHIR__QUIET_HOURS", quiet.as_str())];
    let machine = Embedded::start(Script::default(), &env).await;
    let (first, second) = (reminder("first").set("/data/reminder/rule", "24h"), reminder("second"));
    let paid = receipt("paid");
    for event in [&first, &second, &paid] {
        machine.post(event).await;
    }
    machine.until_state(&paid, "accepted", "").await;
    for event in [&first, &second] {
        machine.until_state(event, "waiting", "quiet-hours").await;
    }

    // seen, masked, and counted
    let span = ["schedule", "list", "--from", "now", "--until", "+2h", "--clinic", "atasehir"];
    let listed = machine.ulak(&span).await.json();
    let rows: Vec<&Value> = listed.iter().filter(|line| line["ntf"].is_string()).collect();
    assert_eq!(rows.len(), 2, "{listed:?}");
    let row = rows.iter().find(|row| row["ntf"] == first.ntf()).expect("the first");
    assert_eq!(
        (&row["rule"], &row["then"], &row["state"]),
        (&"24h".into(), &"send".into(), &"waiting".into()),
        "{row}"
    );
    assert_eq!(
        (&row["lane"], &row["to"]["name"]),
        (&"netgsm/default/KLINIK".into(), &"A*** Y***".into()),
        "{row}"
    );
    assert!(
        row["wall"].as_str().is_some_and(|wall| wall.ends_with(":00 Europe/Istanbul")),
        "{row}"
    );
    let counted: i64 = listed.iter().filter_map(|line| line["rows"].as_i64()).sum();
    assert_eq!(counted, 2, "{listed:?}");
    let shown = for_people(&machine, &span).await;
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    names_nobody(&shown.stdout, first.national());
    assert!(shown.stdout.contains("+90532*****"), "{}", shown.stdout);
    let later = machine.ulak(&["schedule", "list", "--from", "+2h", "--until", "+3h"]).await.json();
    assert!(later.is_empty(), "{later:?}");
    // up to now, wherever it begins: nothing is overdue
    let by_now = ["schedule", "list", "--from", "2026-01-01", "--until", "now"];
    let by_now = machine.ulak(&by_now).await;
    assert_eq!((by_now.code, by_now.stdout.as_str()), (0, ""), "{}", by_now.stderr);
    assert!(revealed(&machine, &first.ntf()).await.is_empty(), "nobody has read anything");

    // its text, for a reason
    let words = [&span[..], &["--with-text", "--reason", "price list check"]].concat();
    let read = machine.ulak(&words).await.json();
    let row = read.iter().find(|row| row["ntf"] == first.ntf()).expect("the first");
    assert!(row["text"].as_str().is_some_and(|text| text.contains("Ayşe")), "{row}");
    let record = revealed(&machine, &first.ntf()).await;
    assert_eq!((record.len(), &record[0]["why"]), (1, &"price list check".into()), "{record:?}");
    assert!(record[0]["who"].as_str().is_some_and(|who| who.contains('@')), "{record:?}");

    // stopped, after a dry run
    let by = ["--appointment", first.text("/data/appointment/id"), "--clinic", "atasehir"];
    let shown = machine.ulak(&[&["schedule", "show"], &by[..]].concat()).await.json();
    let row = shown.iter().find(|line| line["ntf"] == first.ntf()).expect("the first");
    assert_eq!(
        (&row["state"], &row["why"]),
        (&"waiting".into(), &"quiet-hours".into()),
        "{shown:?}"
    );
    let dry = machine.ulak(&[&["schedule", "cancel"], &by[..]].concat()).await.json();
    assert_eq!((&dry[0]["would"], &dry[0]["done"]), (&"stop".into(), &false.into()), "{dry:?}");
    assert_eq!(machine.row(&first).await.expect("a row").state.as_str(), "waiting");
    let done = [&["schedule", "cancel"], &by[..], &["--yes", "--reason", "wrong price"]].concat();
    let done = machine.ulak(&done).await.json();
    assert_eq!(
        (&done[0]["done"], &done[0]["state"]),
        (&true.into(), &"cancelled".into()),
        "{done:?}"
    );
    let said = for_people(&machine, &["log", "explain", &first.ntf()]).await.stdout;
    assert!(said.contains("stopped-by-operator") && said.contains("wrong price"), "{said}");

    // too late for what was sent; what still waits and is named beside it is stopped all the same
    let (sent, waits) = (paid.ntf(), second.ntf());
    let both = ["schedule", "cancel", &sent, &waits, "--yes", "--reason", "wrong price"];
    let said = machine.ulak(&both).await;
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(said.one_line().contains("1 of 2 were stopped"), "{}", said.stderr);
    assert!(said.stdout.contains("too-late"), "{}", said.stdout);
    assert_eq!(machine.until_state(&second, "cancelled", "stopped-by-operator").await.due_at, None);
    assert_eq!(machine.until_accepted(1).await[0].to, paid.national());
    machine.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fact_is_tried_out_and_leaves_nothing() {
    let env = [("ULAK_CLINICS__ATASEHIR__QUIET_HOURS", "20:00-09:00")];
    let machine = Embedded::start(Script::default(), &env).await;
    let file = machine.folder.join("appointment.json");
    let write = |text: &str| std::fs::write(&file, text).expect("written");
    write(r#"{ "starts_at": "2027-03-10T10:30:00+03:00", "with": "Dr. Deniz Aksoy" }"#);
    let file = file.to_str().expect("UTF-8");
    let words =
        |at: &'static str| ["schedule", "preview", file, "--clinic", "atasehir", "--at", at];
    let plan = machine.ulak(&words("2027-03-08 12:00")).await.json();
    let at = |n: usize| plan[n]["wall"].as_str().unwrap_or("skipped");
    assert_eq!(
        (&plan[0]["rule"], at(0)),
        (&"24h".into(), "2027-03-09 10:30:00 Europe/Istanbul"),
        "{plan:?}"
    );
    // 08:30 is in quiet hours, and 09:00 leaves the clinic's 90 minutes
    assert_eq!(
        (&plan[1]["rule"], at(1)),
        (&"2h".into(), "2027-03-10 09:00:00 Europe/Istanbul"),
        "{plan:?}"
    );
    assert!(plan[0]["text"].as_str().is_some_and(|text| text.contains("10:30")), "{plan:?}");
    // booked the night before: too late for the first, and the second stands
    let plan = machine.ulak(&words("2027-03-09 22:30")).await.json();
    assert_eq!(
        (&plan[0]["skipped"], &plan[1]["skipped"]),
        (&"too-late".into(), &Value::Null),
        "{plan:?}"
    );

    write(r#"{ "starts_at": "2027-03-10T10:30:00" }"#);
    let wrong = machine.ulak(&words("2027-03-08 12:00")).await;
    assert_eq!(wrong.code, 1);
    assert!(
        wrong.one_line().contains("time-without-offset at /data/appointment/starts_at"),
        "{}",
        wrong.stderr
    );
    assert_eq!(machine.balance().await["received"], 0);
    machine.until_accepted(0).await;
    machine.finish().await;
}

/// Books a visit of the day after tomorrow, as a fact of the clinic that came in.
async fn booked(machine: &Embedded, id: &str, reminders: &[&str]) {
    let clinic = ClinicId::parse("atasehir").expect("a clinic");
    let rules = Rules {
        zone: chrono_tz::Europe::Istanbul,
        reminders: vec![ReminderRule::parse("24h").expect("a rule")],
        quiet: None,
        min_notice: TimeDelta::zero(),
        min_gap: TimeDelta::zero(),
        confirmation: false,
        cancellation: false,
        change_notice: false,
    };
    let registry = Arc::new(Registry::embedded().expect("types"));
    let fact = json!({
        "specversion": "1.0", "id": format!("fact-{id}"), "source": "/clinics/atasehir", "type": "clinic.appointment-booked.v1",
        "time": clock::written(clock::turkey(0)),
        "data": {
            "recipient": { "name": "Ayşe Yılmaz", "phone": "+905329876543" },
            "appointment": { "id": id, "starts_at": clock::written(clock::turkey(48 * 60)), "reminders": reminders },
        },
    });
    let fact = registry.read_fact(fact.to_string().as_bytes(), None, &|_| true).expect("a fact");
    let ledger = machine.ledger().await;
    let applier = Applier::new(ledger.clone(), registry, BTreeMap::from([(clinic, rules)]));
    let told = applier.apply(&[fact], "e2e").await.remove(0).expect("the ledger answers");
    ledger.close().await;
    assert_eq!(told.made().len(), 2, "{told:?}");
    machine.hide("5329876543");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_is_shown_with_what_was_skipped_and_is_stopped_whole() {
    let machine = Embedded::start(Script::default(), &[]).await;
    booked(&machine, "A-1042", &["24h", "2h", "3d"]).await;
    let by = ["--appointment", "A-1042", "--clinic", "atasehir"];
    let shown = machine.ulak(&[&["schedule", "show"], &by[..]].concat()).await.json();
    let (visit, fact, rows) = (&shown[0], &shown[1], &shown[2..]);
    assert_eq!((&visit["visit"], &visit["from_fact"]), (&"stands".into(), &true.into()), "{visit}");
    assert_eq!((&fact["state"], &fact["via"]), (&"applied".into(), &"e2e".into()), "{fact}");
    let plan = fact["plan"].as_array().expect("a plan");
    let rule = |name: &str| plan.iter().find(|one| one["rule"] == name).expect("a rule");
    assert_eq!(rule("3d")["skipped"], "too-late", "{fact}");
    assert!(rule("24h")["wall"].as_str().is_some_and(|wall| wall.contains("Istanbul")), "{fact}");
    assert_eq!(rows.len(), 2, "{rows:?}");
    for row in rows {
        assert_eq!((&row["state"], &row["why"]), (&"waiting".into(), &"plan".into()), "{row}");
        let same =
            machine.ulak(&["schedule", "show", row["ntf"].as_str().expect("an id")]).await.json();
        assert_eq!(same, shown, "by a notification");
    }
    let fact = fact["fact"].as_str().expect("an id");
    assert_eq!(machine.ulak(&["schedule", "show", fact]).await.json(), shown, "by a fact");

    // the day after tomorrow: both are due before it
    let listed =
        machine.ulak(&["schedule", "list", "--from", "+20h", "--until", "+30h"]).await.json();
    let first = listed
        .iter()
        .find(|line| line["rule"] == "2h" || line["rule"] == "24h")
        .expect("one of them");
    assert_eq!(
        (&first["rule"], &first["then"], &first["to"]["phone"]),
        (&"24h".into(), &"send".into(), &"+90532*****43".into()),
        "{first}"
    );

    let done =
        [&["schedule", "cancel"], &by[..], &["--yes", "--reason", "the clinic moves"]].concat();
    let done = machine.ulak(&done).await.json();
    assert!(done.len() == 2 && done.iter().all(|row| row["done"] == true), "{done:?}");
    assert!(machine.ulak(&["schedule", "list", "--until", "+3d"]).await.json().is_empty());
    let unknown = ["schedule", "show", "--appointment", "A-1", "--clinic", "atasehir"];
    let said = machine.ulak(&unknown).await;
    assert_eq!(said.code, 1);
    assert!(said.one_line().contains("nothing ever was"), "{}", said.stderr);
    machine.finish().await;
}
