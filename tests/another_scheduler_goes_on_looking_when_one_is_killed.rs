//! Two schedulers, one of them looks after an account's unknown attempts: killed in the middle, the other one takes the account over,
//! what was seen so far counts, and the message is sent once more, once.

use serde_json::Value;
use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::process::Process;
use crate::harness::{Installation, Options, receipt, reminder, scaled};

fn has_looked(process: &Process) -> bool {
    let lines = process.lines();
    let mut lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.any(|line| {
        line["message"].as_str().is_some_and(|said| said.starts_with("looked for the unknown"))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_scheduler_goes_on_looking_when_one_is_killed() {
    let options = Options { schedulers: 2, ..scaled::options() };
    // longer than the hold of the one that is killed
    let mut clinic = Installation::start(options.set("ULAK_RECONCILE__GIVE_UP", "10m")).await;
    let event = reminder("again");
    let hang = FaultKind::Hang { accept: false, seconds: 600 };
    let fault = Fault::new(Provider::Netgsm, Operation::Send, hang);
    clinic.outside.add_fault(fault.number(event.national()).times(1)).expect("a fault");
    clinic.publish(&event).await;
    clinic.until_state(&event, "unknown", "").await;
    clinic.until_over(&event).await;
    let later = receipt("later");
    clinic.publish(&later).await;
    clinic.until_state(&later, "accepted", "").await;
    let first_absence = "SELECT count(*) FROM attempt WHERE absences > 0";
    clinic
        .until("an absence", async || (clinic.number(first_absence).await == 1).then_some(()))
        .await;
    let looking: Vec<bool> = clinic.schedulers.iter().map(has_looked).collect();
    let holders: Vec<usize> =
        looking.iter().enumerate().filter(|(_, it)| **it).map(|(place, _)| place).collect();
    assert_eq!(holders.len(), 1, "one of them has the account: {looking:?}");
    let mut holder = clinic.schedulers.remove(holders[0]);
    holder.killed().await;
    clinic.gone.push(holder);

    let row = clinic.until_state(&event, "accepted", "").await;
    assert_eq!(row.attempts, 2, "{row:?}");
    let looks = clinic.looks(&event).await;
    let absent = looks.iter().filter(|(saw, _)| saw == "absent").count();
    assert_eq!(absent, 3, "what the first one saw counts: {looks:?}");
    let fence = "SELECT fence FROM lease WHERE name = 'reconcile/netgsm/default'";
    assert_eq!(clinic.number(fence).await, 2, "the account changed hands once");
    assert!(has_looked(&clinic.schedulers[0]), "the other one looked");
    clinic.until_accepted(2).await;
    clinic.finish().await;
}
