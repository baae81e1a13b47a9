//! An appointment already past is no bad input: it ends `expired` with the reason. In quiet hours a reminder waits until
//! they end, and a receipt does not.

use crate::harness::{Installation, Options, clock, receipt, reminder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_appointment_already_past_ends_expired_with_the_reason() {
    let clinic = Installation::start(Options::default()).await;
    let past = clock::written(clock::turkey(-5));
    let event = reminder("past").set("/data/appointment/starts_at", past);
    clinic.publish(&event).await;
    let row = clinic.until_state(&event, "expired", "").await;
    assert_eq!((row.why.as_str(), row.attempts), ("appointment-past", 0));
    let said = clinic.explain(&event.ntf()).await;
    assert!(said.contains("its time had passed (appointment-past)"), "{said}");
    let old = clock::written(clock::turkey(-8 * 24 * 60));
    let receipt = receipt("old").set("/data/payment/paid_at", old);
    clinic.publish(&receipt).await;
    assert_eq!(clinic.until_state(&receipt, "expired", "").await.why, "too-late");
    assert!(clinic.dead_letters().await.is_empty());
    clinic.until_accepted(0).await;
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quiet_hours_defer_a_reminder_until_they_end() {
    let hours = |from: i64, to: i64| {
        let time = |minutes: i64| clock::turkey(minutes).format("%H:%M").to_string();
        format!("{}-{}", time(from), time(to))
    };
    let options = Options { quiet_hours: hours(-60, 60), ..Options::default() };
    let mut clinic = Installation::start(options).await;
    let (event, paid) = (reminder("quiet"), receipt("paid"));
    clinic.publish(&event).await;
    clinic.publish(&paid).await;
    clinic.until_state(&paid, "accepted", "").await;
    let row = clinic.until_state(&event, "waiting", "quiet-hours").await;
    let wait_min = (row.due_at.expect("due") - clock::now_ms()) / 60_000;
    assert!((57..=60).contains(&wait_min), "due in {wait_min} minutes");

    // Released too early it is decided again, and waits again.
    let due = row.due_at;
    clinic.make_due(&event).await;
    clinic
        .until("it waits again", async || {
            clinic.row(&event).await.filter(|row| row.state == "waiting" && row.due_at == due)
        })
        .await;
    clinic.until_accepted(1).await;

    // The quiet hours are over (for these workers), and its time comes.
    clinic.restart_workers(&[("ULAK_CLINICS__ATASEHIR__QUIET_HOURS", &hours(60, 180))]).await;
    clinic.make_due(&event).await;
    clinic.until_state(&event, "accepted", "").await;
    let messages = clinic.until_accepted(2).await;
    // Netgsm is told to stop before the next quiet hours begin.
    let sent = messages.iter().find(|message| message.to == event.national()).expect("sent");
    let stops = clock::turkey(60).format("%d%m%Y%H%M").to_string();
    let before = clock::turkey(58).format("%d%m%Y%H%M").to_string();
    let stop = sent.stopdate.clone().expect("a stop date");
    assert!(before <= stop && stop <= stops, "stopdate {stop}, quiet hours from {stops}");
    clinic.finish().await;
}
