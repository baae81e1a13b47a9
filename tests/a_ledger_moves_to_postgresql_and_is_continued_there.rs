//! `ulak migrate --from sqlite://… --to postgres://…`: everything is there, counted and compared; what waits is sent from there and
//! from nowhere else; repeated, it changes nothing.

use simulator::Script;

use crate::harness::cli;
use crate::harness::embedded::UP_IS_READY;
use crate::harness::process::Process;
use crate::harness::services::{Database, Services};
use crate::harness::{Embedded, receipt, reminder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_moves_and_nothing_is_sent_twice() {
    let mut machine = Embedded::start(Script::default(), &[]).await;
    let sent: Vec<_> = (0..20).map(|i| receipt(&format!("sent{i}"))).collect();
    for event in &sent {
        machine.post(event).await;
    }
    machine.until_accepted(sent.len()).await;
    // paused before the process starts: it knows it from the first message on
    machine.stopped().await;
    let lane = "netgsm/default/KLINIK";
    assert_eq!(machine.ulak(&["lane", "pause", lane, "--reason", "moving"]).await.code, 0);
    machine.up(&[]).await;
    let waits = reminder("waits");
    machine.post(&waits).await;
    machine.until_state(&waits, "waiting", "").await;

    let store = Database::create_on(&Services::shared()).await;
    let (from, to) =
        (format!("sqlite://{}", machine.folder.join("ulak.db").display()), store.url());
    let moving = ["migrate", "--from", &from, "--to", &to];
    let said = machine.ulak(&moving).await;
    assert_eq!(said.code, 1, "a ledger in use was moved");
    assert!(said.one_line().contains("another `ulak up`"), "{}", said.stderr);
    machine.stopped().await;
    let before = machine.balance().await;

    let said = machine.ulak(&moving).await;
    let told = said.json();
    let records = told.iter().find(|line| line["table"] == "record").expect("records");
    assert!(records["rows"].as_u64().expect("a number") > 40, "{records}");
    assert_eq!(told.last().expect("a line")["already"], false);
    let again = machine.ulak(&moving).await.json();
    assert_eq!(again.last().expect("a line")["already"], true);
    assert_eq!(again[..again.len() - 1], told[..told.len() - 1]);

    // nothing is sent from the old one any more
    let mut old = machine.process(&[]);
    assert!(!old.ended().await.success());
    assert!(old.tail().contains("was moved to"), "{}", old.tail());
    machine.gone.push(old);

    // continued without a broker: a worker takes what is due by itself
    machine.env.push(("ULAK_DATABASE__URL".to_owned(), to.clone()));
    assert_eq!(machine.balance().await, before);
    let mut command = cli::command(&machine.config, &machine.env);
    command.arg("worker").current_dir(&machine.folder);
    let mut worker = Process::start("worker", command, &machine.folder);
    worker.line(UP_IS_READY).await;
    assert_eq!(machine.ulak(&["lane", "resume", lane, "--reason", "moved"]).await.code, 0);
    machine.until_accepted(sent.len() + 1).await;
    // a ledger in use is moved neither away nor over
    let other = Database::create_on(&Services::shared()).await;
    let url = other.url();
    let said = machine.ulak(&["migrate", "--from", &to, "--to", &url]).await;
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(said.one_line().contains("in use (ulak worker)"), "{}", said.stderr);
    assert!(worker.stopped().await.success(), "{}", worker.tail());
    machine.gone.push(worker);
    let said = machine.ulak(&["migrate", "--from", &to, "--to", &to]).await;
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(said.one_line().contains("are the same database"), "{}", said.stderr);
    let said = machine.ulak(&["log", "list", "--state", "accepted"]).await.json();
    assert_eq!(said.len(), sent.len() + 1);
    machine.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_with_rows_of_its_own_is_left_alone() {
    let (mut machine, mut other) = (
        Embedded::start(Script::default(), &[]).await,
        Embedded::start(Script::default(), &[]).await,
    );
    for m in [&machine, &other] {
        m.post(&receipt("own")).await;
        m.until_accepted(1).await;
    }
    machine.stopped().await;
    other.stopped().await;
    let url = |m: &Embedded| format!("sqlite://{}", m.folder.join("ulak.db").display());
    let said = machine.ulak(&["migrate", "--from", &url(&machine), "--to", &url(&other)]).await;
    assert_ne!(said.code, 0);
    assert!(said.one_line().contains("another installation"), "{}", said.stderr);
    machine.up(&[]).await;
    machine.finish().await;
    other.finish().await;
}
