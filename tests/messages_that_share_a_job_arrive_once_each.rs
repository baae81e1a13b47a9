//! `providers.netgsm.batch`: several messages go as one job of Netgsm's, with one answer (ADR 0011). Each arrives once, with its own text,
//! also where one member is refused, where the answer is lost, and where the worker dies with the answer in its hands.

use std::collections::HashMap;

use schemas::hold::Place;
use simulator::{Fault, FaultKind, MessageView, Operation, Provider};

use crate::harness::held::Hold;
use crate::harness::installation::WORKER_IS_READY;
use crate::harness::process::Process;
use crate::harness::{Event, Installation, Options, receipt, reminder, scaled};

/// Messages of a burst.
const BURST: usize = 40;
/// Of them, those that are waited for before the first job leaves; a decision older than 5 s would not be sent any more.
const MOST: i64 = 30;

fn options() -> Options {
    scaled::options().set("ULAK_PROVIDERS__NETGSM__BATCH", 20).set("ULAK_WORKER__PREFETCH", 64)
}

/// Reminders and receipts in turn.
fn burst() -> Vec<Event> {
    let one = |i: usize| match i % 2 {
        0 => reminder(&format!("job-{i}")),
        _ => receipt(&format!("job-{i}")),
    };
    (0..BURST).map(one).collect()
}

/// A clinic whose whole burst is on the queues, and nobody to send it.
async fn waiting(events: &[Event], faults: Vec<Fault>) -> Installation {
    let clinic = Installation::prepare(options()).await.launch(0, 1).await;
    for fault in faults {
        clinic.outside.add_fault(fault).expect("a fault");
    }
    for event in events {
        clinic.publish(event).await;
    }
    clinic
}

/// A worker that stands before its first job until most of the burst is claimed: they share jobs, however slow the machine is.
async fn gathered(clinic: &mut Installation, env: &[(&str, &str)]) -> (Process, Hold) {
    let mut hold = Hold::new(Place::BeforeJob.as_str(), &clinic.folder);
    let path = hold.file().to_str().expect("UTF-8").to_owned();
    let held = [("ULAK_HOLD", Place::BeforeJob.as_str()), ("ULAK_HOLD_FILE", path.as_str())];
    let mut worker = clinic.process("worker", &[env, &held].concat());
    worker.line(WORKER_IS_READY).await;
    hold.reached().await;
    let claimed = "SELECT count(*) FROM notification WHERE state = 'sending'";
    let most = async || (clinic.number(claimed).await >= MOST).then_some(());
    clinic.until("most of the burst is claimed", most).await;
    (worker, hold)
}

/// An installation whose worker sends the burst in jobs.
async fn begun(events: &[Event], faults: Vec<Fault>, env: &[(&str, &str)]) -> Installation {
    let mut clinic = waiting(events, faults).await;
    let (worker, hold) = gathered(&mut clinic, env).await;
    clinic.workers.push(worker);
    hold.go();
    clinic
}

fn strike(event: &Event, kind: FaultKind) -> Fault {
    Fault::new(Provider::Netgsm, Operation::Send, kind).number(event.national())
}

/// The messages by job.
fn jobs(messages: &[MessageView]) -> HashMap<&str, usize> {
    let mut jobs = HashMap::new();
    for message in messages {
        *jobs.entry(message.jobid.as_str()).or_default() += 1;
    }
    jobs
}

/// Each has one message, and it is its own.
async fn each_has_its_own(clinic: &Installation, events: &[Event]) -> Vec<MessageView> {
    clinic.until_each_was_sent_once(events).await;
    let messages = clinic.until_accepted(events.len()).await;
    for event in events {
        let own = messages.iter().find(|it| it.to == event.national()).expect("a message");
        let word = if event.kind().contains("receipt") { "ödeme" } else { "randevu" };
        assert!(own.text.contains(word), "{}", event.text("/id"));
    }
    messages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_nothing_in_the_way() {
    let events = burst();
    let clinic = begun(&events, vec![], &[]).await;
    let messages = each_has_its_own(&clinic, &events).await;
    let jobs = jobs(&messages);
    assert!(jobs.len() < BURST, "nothing shared a job: {jobs:?}");
    assert!(jobs.values().all(|size| *size <= 20), "{jobs:?}");
    assert_eq!(clinic.number("SELECT max(n) FROM attempt").await, 1);
    clinic.finish().await;
}

/// The whole job is in doubt, and each member is found by its number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_answer_of_a_job_is_lost() {
    let events = burst();
    let lost = [
        FaultKind::Hang { accept: true, seconds: 600 },
        FaultKind::Reset { accept: true },
        FaultKind::Garbage { accept: true },
    ];
    let struck = [10, 20, 30].map(|i| &events[i]);
    let faults = lost.into_iter().zip(struck);
    let faults = faults.map(|(kind, event)| strike(event, kind).times(1)).collect();
    let clinic = begun(&events, faults, &[]).await;
    let messages = each_has_its_own(&clinic, &events).await;
    // nobody was sent to again, and more were in doubt than were struck
    assert_eq!(clinic.number("SELECT max(n) FROM attempt").await, 1);
    let found = clinic.number("SELECT count(*) FROM attempt WHERE looks > 0").await;
    let in_doubt: usize = {
        let jobs = jobs(&messages);
        let of = |event: &&Event| messages.iter().find(|it| it.to == event.national());
        let mut lost: Vec<&str> =
            struck.iter().filter_map(of).map(|it| it.jobid.as_str()).collect();
        lost.sort_unstable();
        lost.dedup();
        lost.iter().map(|job| jobs[job]).sum()
    };
    assert_eq!(usize::try_from(found).expect("a count"), in_doubt);
    assert!(in_doubt > struck.len(), "no lost job had two members: {in_doubt}");
    clinic.finish().await;
}

/// Nobody says which of a job was refused: they go again one by one, and only the one that it is about ends refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_one_member_is_refused() {
    let events = burst();
    let bad = [10, 20, 30];
    let refused = bad.map(|i| strike(&events[i], FaultKind::Code { code: "20".to_owned() }));
    let clinic = begun(&events, refused.into(), &[]).await;
    clinic.until_settled(BURST).await;
    clinic.until_accepted(BURST - bad.len()).await;
    clinic.nobody_twice();
    for (i, event) in events.iter().enumerate() {
        let state = if bad.contains(&i) { "refused" } else { "accepted" };
        assert_eq!(clinic.row(event).await.expect("a row").state, state);
    }
    let refused_with_it =
        clinic.number("SELECT count(*) FROM attempt WHERE code = 'job-refused'").await;
    assert!(refused_with_it > bad.len() as i64, "nobody was refused with them");
    let alone = clinic
        .number("SELECT count(*) FROM attempt WHERE n = 2 AND state IN ('accepted', 'refused')")
        .await;
    assert_eq!(alone, refused_with_it);
    assert_eq!(clinic.number("SELECT max(n) FROM attempt").await, 2);
    // a member's fault is not the lane's
    assert_eq!(clinic.number("SELECT count(*) FROM lane WHERE state <> 'open'").await, 0);
    clinic.finish().await;
}

/// The answer came, the outcomes of some members are written, and the worker is killed before that of others: the id of their job is
/// known, and they are found all the same (the counterexample of ADR 0011).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_worker_is_killed_before_every_outcome_of_a_job_is_written() {
    let events: Vec<Event> = (0..BURST)
        .map(|i| {
            if i % 8 == 4 { reminder(&format!("panic-{i}")) } else { receipt(&format!("job-{i}")) }
        })
        .collect();
    let mut clinic = begun(&events, vec![], &[("ULAK_PANIC", "after-answer")]).await;
    clinic.expects_panics();
    let (held, written): (Vec<&Event>, Vec<&Event>) =
        events.iter().partition(|event| event.text("/id").starts_with("panic"));
    for event in &written {
        clinic.until_state(event, "accepted", "").await;
    }
    clinic.until_accepted(BURST).await;
    let mut worker = clinic.workers.pop().expect("the worker");
    worker.killed().await;
    clinic.gone.push(worker);
    let messages = clinic.outside.messages();
    let mut known = 0;
    for event in &held {
        assert_eq!(clinic.row(event).await.expect("a row").state, "sending");
        let own = messages.iter().find(|it| it.to == event.national()).expect("it was taken");
        let of = format!("SELECT count(*) FROM attempt WHERE provider_ref = '{}'", own.jobid);
        known += usize::from(clinic.number(&of).await > 0);
        clinic.make_due(event).await;
    }
    assert!(known > 0, "the jobs of those without an outcome are known for nobody");
    clinic.add_worker(&[]).await;
    for event in &held {
        clinic.until_state(event, "accepted", "").await;
        let (saw, _) = clinic.looks(event).await.pop().expect("a look");
        assert_eq!(saw, "found");
    }
    each_has_its_own(&clinic, &events).await;
    assert_eq!(clinic.number("SELECT max(n) FROM attempt").await, 1);
    clinic.finish().await;
}

/// The process ends with the answer of a job, before the outcome of any member; others are claimed and have not left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_process_ends_with_the_answer_of_a_job() {
    let events: Vec<Event> = (0..BURST)
        .map(|i| {
            if (20..30).contains(&i) {
                reminder(&format!("abort-{i}"))
            } else {
                reminder(&format!("job-{i}"))
            }
        })
        .collect();
    let mut clinic = begun(&events, vec![], &[("ULAK_ABORT", "after-answer")]).await;
    let mut worker = clinic.workers.pop().expect("the worker");
    worker.ended().await;
    clinic.gone.push(worker);
    let messages = clinic.outside.messages();
    let shared = jobs(&messages).into_values().filter(|size| *size > 1).count();
    assert!(shared > 0, "nothing shared a job");
    let open = "SELECT count(*) FROM attempt WHERE state = 'open'";
    assert!(clinic.number(open).await > 1, "no job was left without an outcome");
    // the leases, which nobody waits for here
    clinic.run("UPDATE open SET due_at = 0 WHERE state = 'sending'").await;
    clinic.everybody_has_one(&events).await;
    clinic.finish().await;
}

/// Killed with all of them claimed and no job on its way: each is looked for, is with nobody, and goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_worker_is_killed_before_its_first_job() {
    let events: Vec<Event> = (0..BURST).map(|i| reminder(&format!("job-{i}"))).collect();
    let mut clinic = waiting(&events, vec![]).await;
    let (mut worker, _) = gathered(&mut clinic, &[]).await;
    worker.killed().await;
    clinic.gone.push(worker);
    assert_eq!(clinic.outside.messages().len(), 0);
    // the leases, which nobody waits for here
    clinic.run("UPDATE open SET due_at = 0 WHERE state = 'sending'").await;
    clinic.everybody_has_one(&events).await;
    clinic.finish().await;
}

/// Not taken and not answered: each is looked for by its own number; reminders go once more, receipts end unresolved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_job_never_arrived() {
    let events = burst();
    let hang = FaultKind::Hang { accept: false, seconds: 600 };
    let never = Fault::new(Provider::Netgsm, Operation::Send, hang).times(1);
    let clinic = begun(&events, vec![never], &[]).await;
    let ended = "SELECT count(*) FROM attempt WHERE state IN ('accepted', 'unknown')";
    let all = async || (clinic.number(ended).await == BURST as i64).then_some(());
    clinic.until("everybody's first attempt has ended", all).await;
    let lost = clinic.number("SELECT count(*) FROM attempt WHERE state = 'unknown'").await;
    assert!(lost > 1, "the job had one member");
    for event in &events {
        clinic.until_over(event).await;
    }
    let later = receipt("later");
    clinic.publish(&later).await;
    clinic.until_settled(BURST + 1).await;
    clinic.nobody_twice();
    for event in events.iter().chain([&later]) {
        let row = clinic.row(event).await.expect("a row");
        let taken = clinic.outside.messages_to(event.national()).len();
        assert_eq!(usize::from(row.state == "accepted"), taken, "{row:?}");
        assert!(row.state == "accepted" || row.why.starts_with("absent, and its type"), "{row:?}");
        assert!(row.state == "accepted" || event.kind().contains("receipt"), "{row:?}");
    }
    let absent = clinic.number("SELECT count(*) FROM attempt WHERE state = 'absent'").await;
    assert_eq!(absent, lost);
    clinic.finish().await;
}
