//! `ulak doctor`: one line a check with what to do, exit code 1 if any fails, and no login at İYS is wasted.

use serde_json::Value;
use simulator::{Fault, FaultKind, Operation, Provider, Script};

use crate::harness::cli::{self, Said};
use crate::harness::{Installation, Options};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_installation_is_ok_and_each_trouble_says_what_to_do() {
    let clinic = Installation::start(Options::default()).await;
    for _ in 0..3 {
        let (code, findings) = doctor(&clinic, &[]).await;
        assert_eq!(code, 0, "{findings:?}");
        assert!(findings.iter().all(|f| f["status"] == "ok"), "{findings:?}");
        for check in [
            "configuration",
            "broker",
            "topology",
            "database",
            "clock",
            "lanes",
            "templates",
            "netgsm default",
            "netgsm other",
            "iys default",
        ] {
            assert!(findings.iter().any(|f| f["check"] == check), "{check}: {findings:?}");
        }
    }
    let logins = clinic.outside.requests();
    let logins = logins.iter().filter(|r| r.path.contains("oauth2/token")).count();
    assert_eq!(logins, 1, "three runs share one token: {:?}", clinic.outside.requests());
    assert!(clinic.outside.messages().is_empty(), "nothing is sent");

    let fault = Fault::new(Provider::Netgsm, Operation::Any, FaultKind::Code { code: "30".into() });
    clinic.outside.add_fault(fault.account("8507654321")).expect("a fault");
    let failed = one_failure(&clinic, &[]).await;
    assert_eq!(failed["check"], "netgsm other", "{failed}");
    assert!(
        todo(&failed).contains("providers.netgsm.accounts.other.username and password"),
        "{failed}"
    );
    clinic.outside.clear_faults();

    let mut script = Script::default();
    script.netgsm.accounts[0].senders = vec!["DISKLINIGI".to_owned()];
    clinic.outside.set_script(script).expect("a script");
    let failed = one_failure(&clinic, &[]).await;
    assert!(
        failed["said"].as_str().is_some_and(|s| s.contains("KLINIK is not approved")),
        "{failed}"
    );
    clinic.outside.set_script(Script::default()).expect("the default script");

    let failed =
        one_failure(&clinic, &[("ULAK_BROKER__URL", "amqp://guest:guest@127.0.0.1:1/%2f")]).await;
    assert_eq!(failed["check"], "broker", "{failed}");
    assert!(todo(&failed).contains("start RabbitMQ"), "{failed}");

    let failed = one_failure(&clinic, &[("ULAK_PROVIDERS__IYS__BRAND_CODE", "100002")]).await;
    assert_eq!(failed["check"], "iys default", "{failed}");
    assert!(failed["said"].as_str().is_some_and(|s| s.contains("brand 100002")), "{failed}");

    let said = text(&clinic, &[("ULAK_BROKER__URL", "amqp://guest:guest@127.0.0.1:1/%2f")]).await;
    assert_eq!(said.code, 1);
    assert!(
        said.stdout.lines().any(|l| l.starts_with("fail  broker") && l.contains(" -> ")),
        "{}",
        said.stdout
    );
    assert!(!said.stdout.contains("netgsm-secret") && !said.stdout.contains("iys-secret"));
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_migration_it_says_so_and_goes_on() {
    let clinic = Installation::prepare(Options::default()).await;
    let (code, findings) = doctor(&clinic, &[]).await;
    assert_eq!(code, 1, "{findings:?}");
    let of =
        |check: &str| findings.iter().find(|f| f["check"] == check).cloned().unwrap_or_default();
    assert_eq!(
        (&of("database")["status"], todo(&of("database")).as_str()),
        (&"fail".into(), "run `ulak migrate`")
    );
    assert_eq!(of("topology")["status"], "warn", "{findings:?}");
    assert!(todo(&of("topology")).contains("ulak migrate"), "{findings:?}");
    assert_eq!(of("iys default")["status"], "warn", "its token is in the ledger: {findings:?}");
    assert_eq!(of("netgsm default")["status"], "ok", "{findings:?}");
    clinic.launch(1, 1).await.finish().await;
}

/// The only check that fails.
async fn one_failure(clinic: &Installation, env: &[(&str, &str)]) -> Value {
    let (code, findings) = doctor(clinic, env).await;
    assert_eq!(code, 1, "{findings:?}");
    let mut failed: Vec<_> = findings.into_iter().filter(|f| f["status"] == "fail").collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    failed.remove(0)
}

fn todo(finding: &Value) -> String {
    finding["todo"].as_str().unwrap_or_default().to_owned()
}

async fn doctor(clinic: &Installation, env: &[(&str, &str)]) -> (i32, Vec<Value>) {
    let mut command = cli::command(&clinic.config, &clinic.env);
    command.envs(env.iter().copied()).arg("--json");
    let said = cli::said(command, &["doctor"]).await;
    let findings = said.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    (said.code, findings.collect())
}

async fn text(clinic: &Installation, env: &[(&str, &str)]) -> Said {
    let mut command = cli::command(&clinic.config, &clinic.env);
    command.envs(env.iter().copied());
    cli::said(command, &["doctor"]).await
}
