//! A wrong password of broker or database is no absence: a clear line, and the process ends at once.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use crate::harness::cli;
use crate::harness::services::{Database, Vhost, random_name};
use crate::harness::{Installation, Options};

/// Far less than anybody would wait, far more than one try takes.
const AT_ONCE: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_of_the_broker_is_a_clear_line_and_an_exit() {
    let clinic = Installation::start(Options::default()).await;
    let wrong = clinic.vhost.url_by(&Vhost::address(), "wr0ng");
    let env = [("ULAK_BROKER__URL".to_owned(), wrong)];
    for kind in ["worker", "scheduler", "migrate"] {
        let said = cli::said(cli::command(&clinic.config, &env), &[kind]).await;
        assert_eq!(said.code, 1, "{kind}: {}", said.stderr);
        assert!(said.took < AT_ONCE, "{kind} took {:?}", said.took);
        let last = said.stderr.lines().last().expect("a line");
        assert!(last.contains("RabbitMQ refused access"), "{kind}: {last}");
        assert!(last.contains("broker.url") && !said.stderr.contains("wr0ng"), "{kind}: {last}");
    }
    clinic.finish().await;
}

/// PostgreSQL trusts everybody on this machine's private cluster; one role has to give its password.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_of_the_database_is_a_clear_line_and_an_exit() {
    let clinic = Installation::start(Options { alone: true, ..Options::default() }).await;
    let role = format!("ulak_e2e_{}", random_name());
    clinic.run(&format!("CREATE ROLE {role} SUPERUSER LOGIN PASSWORD 'r1ght'")).await;
    // The rule for that role goes before the others. Read first, then written: COPY empties its file at once.
    let file = text(&clinic, "SHOW hba_file").await;
    let rules = text(&clinic, &format!("SELECT pg_read_file('{file}')")).await;
    let rules = format!("host all {role} 127.0.0.1/32 scram-sha-256\n{rules}");
    let lines = format!("SELECT regexp_split_to_table($hba${rules}$hba$, '\n')");
    clinic.run(&format!("COPY ({lines}) TO '{file}'")).await;
    clinic.run("SELECT pg_reload_conf()").await;

    let url =
        |password: &str| clinic.store.url_by(&Database::address(), &format!("{role}:{password}"));
    let said = async |kind: &[&str], password: &str| {
        let env = [("ULAK_DATABASE__URL".to_owned(), url(password))];
        cli::said(cli::command(&clinic.config, &env), kind).await
    };
    // The new line counts as soon as the server has read it.
    clinic
        .until("the wrong password is refused", async || {
            let balance = said(&["log", "balance"], "wr0ng").await;
            (balance.code != 0).then_some(())
        })
        .await;
    assert_eq!(said(&["log", "balance"], "r1ght").await.code, 0);
    for kind in ["worker", "scheduler", "migrate"] {
        let ended = said(&[kind], "wr0ng").await;
        assert_eq!(ended.code, 1, "{kind}: {}", ended.stderr);
        assert!(ended.took < AT_ONCE, "{kind} took {:?}", ended.took);
        let last = ended.stderr.lines().last().expect("a line");
        assert!(last.contains("database refuses the login"), "{kind}: {last}");
        assert!(last.contains("database.url") && !ended.stderr.contains("wr0ng"), "{kind}: {last}");
    }
    clinic.run(&format!("DROP ROLE {role}")).await;
    clinic.finish().await;
}

/// One text of the database.
async fn text(clinic: &Installation, query: &str) -> String {
    let one = sqlx::query_scalar(AssertSqlSafe(query.to_owned()));
    one.fetch_one(&clinic.database).await.expect("a superuser")
}
