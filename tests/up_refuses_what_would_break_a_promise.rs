//! `ulak up` where it cannot work: a second copy, a port in use, another master key, a newer schema, a file that is no database, a
//! folder that is not there. One clear line, the right exit code, and the running one is not disturbed.

use simulator::Script;

use crate::harness::cli::Said;
use crate::harness::{Embedded, receipt};

/// Starts `ulak up` with these variables; it must end by itself.
async fn refused(machine: &Embedded, env: &[(&str, &str)]) -> Said {
    let mut command = crate::harness::cli::command(&machine.config, &machine.env);
    command.envs(env.iter().copied()).current_dir(&machine.folder);
    crate::harness::cli::said(command, &["up"]).await
}

/// The last line on standard error, which is not a log line.
fn last_line(said: &Said) -> &str {
    let line = said.stderr.lines().last().unwrap_or_default();
    assert!(line.starts_with("ulak: "), "{}", said.stderr);
    line
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_copy_on_the_same_file() {
    let machine = Embedded::start(Script::default(), &[]).await;
    let said = refused(&machine, &[]).await;
    assert_eq!(said.code, 1, "{}", said.stderr);
    let line = last_line(&said);
    assert!(line.contains("another `ulak up`") && line.contains("ulak.db"), "{line}");
    let event = receipt("undisturbed");
    machine.post(&event).await;
    machine.until_state(&event, "accepted", "").await;
    machine.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use() {
    let machine = Embedded::start(Script::default(), &[]).await;
    let port = machine.door.trim_start_matches("http://").to_owned();
    let other = format!("sqlite://{}", machine.folder.join("other.db").display());
    let env = [("ULAK_GATEWAY__LISTEN", port.as_str()), ("ULAK_DATABASE__URL", other.as_str())];
    let said = refused(&machine, &env).await;
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert!(last_line(&said).contains("gateway.listen"), "{}", said.stderr);
    machine.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_master_key() {
    let mut machine = Embedded::start(Script::default(), &[]).await;
    machine.stopped().await;
    let other = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=";
    let said = refused(&machine, &[("ULAK_DATABASE__MASTER_KEY", other)]).await;
    assert_eq!(said.code, 64, "{}", said.stderr);
    let line = last_line(&said);
    assert!(line.contains("database.master_key") && !line.contains("YWFh"), "{line}");
    assert!(line.contains("(environment variable ULAK_DATABASE__MASTER_KEY)"), "{line}");
    machine.up(&[]).await;
    machine.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_of_a_newer_version() {
    let mut machine = Embedded::start(Script::default(), &[]).await;
    machine.stopped().await;
    let raw = machine.raw().await;
    let set = async |version: String| {
        let text = "UPDATE meta SET value = $1 WHERE key = 'schema'";
        sqlx::query(text).bind(version).execute(&raw).await.expect("SQL");
    };
    let ours: String = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'schema'")
        .fetch_one(&raw)
        .await
        .expect("SQL");
    set("9999".to_owned()).await;
    let said = refused(&machine, &[]).await;
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert!(last_line(&said).contains("newer"), "{}", said.stderr);
    set(ours).await;
    raw.close().await;
    machine.up(&[]).await;
    machine.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_no_database_and_a_folder_that_is_not_there() {
    let machine = Embedded::start(Script::default(), &[]).await;
    let garbage = machine.folder.join("garbage.db");
    std::fs::write(&garbage, [b'x'; 8_192]).expect("written");
    let url = format!("sqlite://{}", garbage.display());
    let said = refused(&machine, &[("ULAK_DATABASE__URL", &url)]).await;
    assert_ne!(said.code, 0);
    let line = last_line(&said);
    assert!(line.contains("garbage.db") && line.contains("no SQLite database"), "{line}");
    let url = format!("sqlite://{}", machine.folder.join("none/ulak.db").display());
    let said = refused(&machine, &[("ULAK_DATABASE__URL", &url)]).await;
    assert_eq!(said.code, 64, "{}", said.stderr);
    let line = last_line(&said);
    assert!(line.contains("database.url") && line.contains("is not there"), "{line}");
    machine.finish().await;
}
