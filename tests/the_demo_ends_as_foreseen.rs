//! `ulak demo` ends with 0: embedded with nothing but the binary, and on RabbitMQ and PostgreSQL.

use tokio::process::Command;

use crate::harness::cli::{self, Said};
use crate::harness::services::{Database, Services, Vhost};

async fn demo(args: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ulak"));
    // somebody's settings for another installation change nothing
    command.env("ULAK_DATABASE__URL", "postgres://nobody@localhost:1/none").arg("demo");
    cli::said(command, args).await
}

fn is_as_foreseen(said: &Said) {
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    for words in [
        "published three times: one message",
        "twilio: Sayın Yusuf",
        "$ ulak log balance",
        "$ ulak log explain ntf_",
        "Every event ended as foreseen",
    ] {
        assert!(said.stdout.contains(words), "{words} is missing in:\n{}", said.stdout);
    }
    let folder = said.stdout.lines().find_map(|line| line.trim().strip_prefix("rm -r "));
    std::fs::remove_dir_all(folder.expect("it says where it is")).expect("it was there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_nothing_but_the_binary() {
    is_as_foreseen(&demo(&[]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_rabbitmq_and_postgresql() {
    let services = Services::shared();
    let (vhost, store) = (Vhost::create_on(&services).await, Database::create_on(&services).await);
    let engines = ["--broker", &vhost.url(), "--database", &store.url()];
    is_as_foreseen(&demo(&engines).await);
    // what holds somebody's rows is left alone
    let again = demo(&engines).await;
    assert_eq!(again.code, 1, "{}", again.stdout);
    assert!(again.one_line().contains("give --database an empty one"), "{}", again.stderr);
}
