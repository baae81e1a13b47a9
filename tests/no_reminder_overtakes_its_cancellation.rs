//! While no scheduler runs, clinics cancel visits, and reminders of these visits become due. Whoever starts then finds both: it releases
//! what is about a visit only once it has applied what was published before (PROTOCOL rule 12), and everything else at once.

use simulator::MessageView;

use crate::harness::installation::SCHEDULER_IS_READY;
use crate::harness::{Event, Installation, Options, clock, reminder};

/// Visits that are cancelled, and visits that stand.
const CANCELLED: usize = 1_000;
const STANDING: usize = 40;
/// Exchange that clinics publish facts to.
const FACTS: &str = "clinic.events";

/// A visit in two days that is reminded of a day before.
fn booked(id: &str) -> Event {
    reminder(id)
        .set("/type", "clinic.appointment-booked.v1")
        .set("/data/appointment/starts_at", clock::written(clock::turkey(48 * 60)))
        .set("/data/appointment/version", 1)
        .set("/data/appointment/reminders", vec!["24h"])
}

fn cancelled(booked: &Event) -> Event {
    booked
        .clone()
        .named(&format!("{}-cancelled", booked.text("/id")))
        .set("/type", "clinic.appointment-cancelled.v1")
        .without("/data/appointment/starts_at")
        .without("/data/appointment/reminders")
        .set("/data/appointment/version", 2)
}

async fn tell(clinic: &Installation, fact: &Event) {
    clinic.hide(fact.national());
    clinic.publisher.body(FACTS, fact.kind(), &fact.body(), fact.text("/id")).await;
}

/// Rows in this state.
async fn count(clinic: &Installation, state: &str) -> usize {
    let text = format!("SELECT count(*) FROM notification WHERE state = '{state}'");
    usize::try_from(clinic.number(&text).await).expect("a count")
}

async fn until_count(clinic: &Installation, state: &str, wanted: usize) {
    clinic
        .until(&format!("{wanted} {state}"), async || {
            (count(clinic, state).await == wanted).then_some(())
        })
        .await;
}

async fn kill_schedulers(clinic: &mut Installation) {
    for mut scheduler in std::mem::take(&mut clinic.schedulers) {
        scheduler.killed().await;
        clinic.gone.push(scheduler);
    }
}

async fn start_schedulers(clinic: &mut Installation, how_many: usize) {
    for _ in 0..how_many {
        let scheduler = clinic.process("scheduler", &[]);
        clinic.schedulers.push(scheduler);
    }
    for scheduler in &mut clinic.schedulers {
        scheduler.line(SCHEDULER_IS_READY).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_what_was_cancelled_while_all_schedulers_were_dead_nothing_is_sent() {
    let mut clinic = Installation::start(Options { schedulers: 2, ..Options::default() }).await;
    let visits: Vec<Event> =
        (0..CANCELLED + STANDING).map(|i| booked(&format!("visit{i}"))).collect();
    for visit in &visits {
        tell(&clinic, visit).await;
    }
    until_count(&clinic, "waiting", visits.len()).await;
    kill_schedulers(&mut clinic).await;

    // cancellations and stays are mixed, as in life; the last word of all is a cancellation
    let (mut stand, mut stop) = (vec![], vec![]);
    for (i, visit) in visits.iter().enumerate() {
        let stays = i % ((CANCELLED + STANDING) / STANDING) == 0 && stand.len() < STANDING;
        if stays { &mut stand } else { &mut stop }.push(visit);
    }
    assert_eq!((stand.len(), stop.len()), (STANDING, CANCELLED));
    for visit in &stop {
        tell(&clinic, &cancelled(visit)).await;
    }
    let due = clinic.run("UPDATE open SET due_at = 1 WHERE state = 'waiting'").await;
    assert_eq!(due as usize, visits.len());

    start_schedulers(&mut clinic, 2).await;
    until_count(&clinic, "accepted", STANDING).await;
    until_count(&clinic, "cancelled", CANCELLED).await;
    let sent: Vec<MessageView> = clinic.until_accepted(STANDING).await;
    for visit in &stand {
        assert!(sent.iter().any(|message| message.to.ends_with(visit.national())), "not reminded");
    }
    for visit in &stop {
        assert!(clinic.outside.messages_to(visit.national()).is_empty(), "a cancelled visit");
    }
    clinic.finish().await;
}

/// Nobody publishes facts here, and nobody ever did: markers alone keep them current.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_facts_come_a_due_reminder_does_not_wait_for_any() {
    let quiet = |minutes: i64| clock::turkey(minutes).format("%H:%M").to_string();
    let options =
        Options { quiet_hours: format!("{}-{}", quiet(-60), quiet(60)), ..Options::default() };
    let mut clinic = Installation::start(options).await;
    let event = reminder("waits");
    clinic.publish(&event).await;
    clinic.until_state(&event, "waiting", "quiet-hours").await;
    kill_schedulers(&mut clinic).await;
    clinic.restart_workers(&[("ULAK_CLINICS__ATASEHIR__QUIET_HOURS", "none")]).await;
    clinic.make_due(&event).await;
    start_schedulers(&mut clinic, 1).await;
    // patience with facts would be five minutes, and would be on the record
    clinic.until_state(&event, "accepted", "").await;
    let records = clinic.log_show(&event.ntf()).await;
    let released: Vec<_> = records.iter().filter(|r| r["kind"] == "released").collect();
    assert_eq!(released.len(), 1, "{records:?}");
    assert!(!released[0].to_string().contains("facts_not_current"), "{released:?}");
    clinic.until_accepted(1).await;
    clinic.finish().await;
}
