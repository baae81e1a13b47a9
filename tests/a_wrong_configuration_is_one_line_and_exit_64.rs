//! Missing or wrong configuration, or the master key of another ledger: one line naming the key, exit 64, before
//! anything is done.

use crate::harness::cli::{self, Said};
use crate::harness::installation::MASTER_KEY;
use crate::harness::{Installation, Options};

/// `ulak KIND` with the installation's file changed in one place.
async fn with(clinic: &Installation, kind: &str, from: &str, to: &str) -> Said {
    let text = std::fs::read_to_string(&clinic.config).expect("the file");
    assert!(text.contains(from), "{from}");
    let file = clinic.folder.join("wrong.toml");
    std::fs::write(&file, text.replacen(from, to, 1)).expect("written");
    cli::said(cli::command(&file, &[]), &[kind]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_or_wrong_key_is_one_line_that_names_it_and_exit_64() {
    let clinic = Installation::start(Options::default()).await;
    let key = format!("master_key = \"{MASTER_KEY}\"\n");
    let database = format!("url = \"{}\"", clinic.store.url());
    let broker = format!("url = \"{}\"", clinic.vhost.url());
    let cases = [
        ("worker", key.as_str(), "", "database.master_key"),
        ("scheduler", key.as_str(), "", "database.master_key"),
        ("worker", MASTER_KEY, "dG9vIHNob3J0", "database.master_key"),
        ("worker", database.as_str(), "url = \"sqlite://ulak.db\"", "database.url"),
        ("scheduler", database.as_str(), "url = \"sqlite://ulak.db\"", "database.url"),
        ("worker", broker.as_str(), "url = \"http://localhost\"", "broker.url"),
        ("worker", "in_flight = 64", "in_flight = 0", "worker.in_flight"),
        ("worker", "in_flight = 64", "in_fligth = 64", "worker.in_fligth"),
        ("scheduler", "listen = \"127.0.0.1:0\"", "listen = \"somewhere\"", "worker.listen"),
        ("worker", "username = \"8501234567\"\n", "", "providers.netgsm.username"),
        ("worker", "netgsm = \"other\"", "netgsm = \"third\"", "clinics.besiktas.accounts.netgsm"),
        (
            "worker",
            "quiet_hours = \"none\"",
            "quiet_hours = \"always\"",
            "clinics.atasehir.quiet_hours",
        ),
    ];
    for (kind, from, to, names) in cases {
        let said = with(&clinic, kind, from, to).await;
        assert_eq!(said.code, 64, "{kind} with {to:?}: {}", said.stderr);
        let line = said.one_line();
        assert!(line.contains(names), "{names} is not in: {line}");
        assert!(
            !said.stderr.contains("secret") && !said.stderr.contains(MASTER_KEY),
            "{}",
            said.stderr
        );
    }
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_master_key_than_the_ledgers_is_exit_64() {
    let clinic = Installation::start(Options::default()).await;
    let other = "OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg=";
    for kind in ["worker", "scheduler", "migrate"] {
        let said = with(&clinic, kind, MASTER_KEY, other).await;
        assert_eq!(said.code, 64, "{kind}: {}", said.stderr);
        let last = said.stderr.lines().last().expect("a line");
        assert!(last.starts_with("ulak: database.master_key"), "{kind}: {}", said.stderr);
        assert!(!said.stderr.contains(other), "{kind}: {}", said.stderr);
    }
    clinic.finish().await;
}
