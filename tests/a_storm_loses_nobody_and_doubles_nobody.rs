//! Thousands of events while workers are killed with −9, RabbitMQ and PostgreSQL restart, and the provider answers 5xx, hangs,
//! resets and garbles: everybody is accounted for, nobody has a message twice, and who did not end `unresolved` has it once.
//! Nobody lends a hand. `scripts/storm` runs it in any size and prints what it did.
//!
//! Reconciliation's times (`reconcile.settle`, `reconcile.give_up`), its budget of queries, the twin's limit of queries and the
//! time that a message takes to appear in the twin's report are scaled by one factor, 10. Then no reminder may end
//! `unresolved`. A receipt may, by the rule of its type: what was not taken is not sent again. `ULAK_STORM_SCALE=1` leaves
//! everything as it is in life and lists what ended so.
//!
//! `ULAK_STORM_EVENTS`, `ULAK_STORM_KILLS`, `ULAK_STORM_RESTARTS` make it larger, `ULAK_STORM_SEED` chooses another one.

mod account;
mod blows;
mod size;
mod traffic;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use simulator::{Fault, FaultKind, Operation, Provider, Script};

use crate::harness::load::StubbornPublisher;
use crate::harness::own_services::OwnServices;
use crate::harness::{Installation, Options};
use account::{Account, account};
use blows::{Done, strike};
use size::Size;
use traffic::{CONFIGURATION, Planned, traffic};

/// Workers at a time.
const WORKERS: usize = 4;
/// Published and not yet taken, at most, beside a tenth of the whole.
const AHEAD: usize = 300;
/// Numbers that are looked for in every log, of the many.
const LOOKED_FOR: usize = 200;

/// What a provider does to sends. All but the 5xx have taken the message. Netgsm's bare 503 is a certain failure
/// (`bare_503_is_failed`), any other 5xx may mean anything: those strike early, so that no notification meets two of them, which
/// would end it by rule (it is sent again once).
fn faults(size: &Size) -> Vec<Fault> {
    let share = |kind, share: f64| {
        Fault::new(Provider::Netgsm, Operation::Send, kind).share(share * size.harder())
    };
    let bare_500 = FaultKind::Http { status: 500 };
    vec![
        share(bare_500, 0.1).times(size.events().div_ceil(100) as u64),
        share(FaultKind::Http { status: 503 }, 0.04),
        share(FaultKind::Hang { accept: true, seconds: 600 }, 0.02),
        share(FaultKind::Reset { accept: true }, 0.01),
        share(FaultKind::Garbage { accept: true }, 0.01),
    ]
}

async fn installation(size: &Size, own: &OwnServices) -> Installation {
    let mut script = Script { seed: size.seed, faults: faults(size), ..Script::default() };
    script.netgsm.report_queries_per_minute = size.queries();
    script.netgsm.report_delay_ms = size.shows_ms();
    script.netgsm.echo_reference = true;
    let options = Options { script, services: Some(own.services.clone()), ..Options::default() };
    let options = options
        .set("ULAK_LOG__LEVEL", "info")
        .set("ULAK_WORKER__REQUEST_DEADLINE_S", if size.is_real() { 20 } else { 2 })
        .set("ULAK_PROVIDERS__NETGSM__ACCOUNTS__OTHER__SEND_REFERENCE", true)
        .set("ULAK_PROVIDERS__NETGSM__ACCOUNTS__OTHER__ECHOES_REFERENCE", true)
        .set("ULAK_PROVIDERS__NETGSM__QUERIES_PER_MIN", size.queries())
        .set("ULAK_RECONCILE__SETTLE", size.settle())
        .set("ULAK_RECONCILE__GIVE_UP", format!("{}s", size.give_up().as_secs()));
    let clinic = Installation::prepare(options).await;
    let configuration = std::fs::read_to_string(&clinic.config).expect("written a moment ago");
    std::fs::write(&clinic.config, configuration + CONFIGURATION).expect("written");
    clinic.launch(WORKERS, 2).await
}

/// Publishes, never too far ahead of what was taken.
async fn publish(
    publisher: &mut StubbornPublisher,
    traffic: &[Planned],
    size: &Size,
    taken: &AtomicU64,
) {
    let ahead = (AHEAD + size.events() / 10) as u64;
    for (i, planned) in traffic.iter().enumerate() {
        while i as u64 > taken.load(Ordering::Relaxed).saturating_add(ahead) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        publisher.publish(&planned.event).await;
    }
}

/// The clinics go on, message by message, while it settles: only behind a later message is it certain that one is not there.
async fn calm(
    clinic: &Installation,
    publisher: &mut StubbornPublisher,
    rest: &[Planned],
    size: &Size,
) {
    let give_up =
        Instant::now() + if size.is_real() { size.give_up() * 3 } else { Duration::from_mins(8) };
    let mut rest = rest.iter();
    loop {
        match rest.next() {
            Some(planned) => publisher.publish(&planned.event).await,
            None if settled(clinic, size).await => return,
            None => {}
        }
        assert!(Instant::now() < give_up, "it does not settle: {:?}", clinic.states().await);
        tokio::time::sleep(Duration::from_millis(if size.is_real() { 10_000 } else { 1_000 }))
            .await;
    }
}

async fn settled(clinic: &Installation, size: &Size) -> bool {
    let rows = clinic.number("SELECT count(*) FROM notification").await;
    let open = clinic.number("SELECT count(*) FROM open WHERE due_at IS NOT NULL").await;
    usize::try_from(rows) == Ok(size.events()) && open == 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_loses_nobody_and_doubles_nobody() {
    let size = Size::read(|name| std::env::var(name).ok());
    let size = size.unwrap_or_else(|refused| panic!("{refused}"));
    say(&format!("{size:?}"));
    let began = Instant::now();
    let own = OwnServices::up().await;
    let mut clinic = installation(&size, &own).await;
    let traffic = traffic(&size);
    for planned in traffic.iter().step_by(traffic.len().div_ceil(LOOKED_FOR)) {
        clinic.hide(planned.event.national());
    }
    let calm_at = traffic.len() - if size.is_real() { 20 } else { 80 + traffic.len() / 200 };
    let (busy, rest) = traffic.split_at(calm_at);

    let mut publisher = StubbornPublisher::of(&clinic);
    let taken = AtomicU64::new(0);
    let (done, ()) = tokio::join!(
        strike(&mut clinic, &own, &size, busy.len(), &taken),
        publish(&mut publisher, busy, &size, &taken)
    );
    say(&format!("the storm is over after {:?}: {done:?}", began.elapsed()));
    calm(&clinic, &mut publisher, rest, &size).await;

    let account = account(&clinic, &traffic).await;
    print(&clinic, &account, done, began.elapsed());
    judge(&clinic, &size, &account, done).await;
    clinic.finish().await;
}

/// What it came to, for whoever started it.
fn print(clinic: &Installation, account: &Account, done: Done, took: Duration) {
    say(&format!("took {took:?}, {done:?}, {} attempts", account.attempts));
    say(&format!("faults drawn: {}", clinic.outside.stats()["faults"]));
    for (state, [reminders, receipts]) in &account.states {
        say(&format!("{state}: {reminders} reminders, {receipts} receipts"));
    }
    let mut reasons = std::collections::BTreeMap::<(bool, &str, usize), usize>::new();
    for (is_reminder, why, has) in &account.unresolved {
        *reasons.entry((*is_reminder, why, *has)).or_default() += 1;
    }
    for ((is_reminder, why, has), count) in reasons {
        let kind = if is_reminder { "reminders" } else { "receipts" };
        say(&format!(
            "unresolved: {count} {kind}, {why}; the provider has {has} message(s) of each"
        ));
    }
    let (twice, lost, foreign) = (account.twice.len(), account.lost.len(), account.foreign);
    say(&format!("twice: {twice}, lost: {lost}, of nobody: {foreign}"));
}

async fn judge(clinic: &Installation, size: &Size, account: &Account, done: Done) {
    let seed = size.seed;
    assert!(account.twice.is_empty(), "seed {seed}: twice: {:?}", account.twice);
    assert!(account.lost.is_empty(), "seed {seed}: lost: {:?}", account.lost);
    assert_eq!(account.foreign, 0, "seed {seed}: messages of nobody");
    assert_eq!(
        (done.workers, done.broker, done.database),
        (size.kills, size.restarts, size.restarts)
    );
    if !size.is_real() {
        let all = &account.unresolved;
        let reminders: Vec<_> = all.iter().filter(|(is_reminder, ..)| *is_reminder).collect();
        assert!(reminders.is_empty(), "seed {seed}: unresolved: {reminders:?}");
        // a receipt that the provider has is found; one that it has not is not sent again
        assert!(all.iter().all(|(_, _, has)| *has == 0), "seed {seed}: unresolved: {all:?}");
    }
    let books = clinic.balance().await;
    assert_eq!((&books["received"], &books["open"]), (&size.events().into(), &0.into()), "{books}");
    assert_eq!(clinic.dead_letters().await, Vec::<serde_json::Value>::new(), "seed {seed}");
}

#[expect(clippy::print_stdout, reason = "the account of a run, for whoever started it")]
fn say(line: &str) {
    println!("storm: {line}");
}
