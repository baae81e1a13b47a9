//! An attempt is unknown, and its account leaves the configuration: nobody can log in to look for it. It ends unresolved when it is
//! given up, with that reason, and other accounts are asked as before.

use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::installation::SCHEDULER_IS_READY;
use crate::harness::{Installation, receipt, scaled};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_gone_cannot_be_asked() {
    let mut clinic = Installation::start(scaled::options()).await;
    let (gone, asked) = (receipt("gone").of_clinic("besiktas"), receipt("asked"));
    for event in [&gone, &asked] {
        let hang = FaultKind::Hang { accept: true, seconds: 600 };
        let fault = Fault::new(Provider::Netgsm, Operation::Send, hang).number(event.national());
        clinic.outside.add_fault(fault).expect("a fault");
    }
    clinic.publish(&gone).await;
    clinic.until_state(&gone, "unknown", "").await;
    let mut before = clinic.schedulers.remove(0);
    assert!(before.stopped().await.success(), "{}", before.tail());
    clinic.gone.push(before);
    let text = std::fs::read_to_string(&clinic.config).expect("the configuration");
    let account = "[providers.netgsm.accounts.other]\nusername = \"8507654321\"\npassword = \"other-secret\"\nsender = \"OTHER\"\n";
    assert!(text.contains(account), "the harness configures it");
    let text = text.replace(account, "").replace("netgsm = \"other\"", "netgsm = \"default\"");
    std::fs::write(&clinic.config, text).expect("written");
    let mut after = clinic.process("scheduler", &[]);
    after.line(SCHEDULER_IS_READY).await;
    clinic.schedulers.push(after);

    clinic.publish(&asked).await;
    clinic.until_state(&asked, "accepted", "").await;
    let row = clinic.until_state(&gone, "unresolved", "its account is not configured").await;
    assert_eq!(row.attempts, 1, "{row:?}");
    let looks = clinic.looks(&gone).await;
    assert!(looks.iter().all(|(saw, _)| saw == "cannot-be-asked"), "{looks:?}");
    clinic.until_accepted(2).await;
    clinic.finish().await;
}
