//! The database's clock is set forward by an hour, back by ten minutes and back by a day while messages are sent: leases run out under
//! those who hold them, due times lie in a future that comes late, and still everybody has one message, none in quiet hours, and the
//! shared work goes on although who did it is gone.

use crate::harness::attack::Attack;
use crate::harness::installation::{Row, SCHEDULER_IS_READY};
use crate::harness::{Installation, Options, clock, receipt, reminder};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
const EVENTS: usize = 120;

/// Moves the clock of every process by so much, counted from the true time.
async fn clock_is_off_by(clinic: &Installation, ms: i64) {
    let set = format!(
        "INSERT INTO meta (key, value) VALUES ('test-clock', '{ms}') \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    );
    assert_eq!(clinic.run(&set).await, 1);
}

/// The provider, whose clock is right, has it. By a clock that was set back it was told of a time that was over: then it says so
/// (status 2), sooner or later, and the message has ended.
fn is_sent(row: &Row) -> bool {
    row.state == "accepted" || row.state == "undelivered" && row.why == "netgsm:status-2"
}

fn options() -> Options {
    let options = Options::default().set("ULAK_TEST_CLOCK", 1);
    options.set("ULAK_WORKER__IN_FLIGHT", 16)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_under_load() {
    // a rate keeps the shared pace in use, which is kept by the same clock
    let options = options().set("ULAK_PROVIDERS__NETGSM__MAX_PER_S", 200);
    let mut attack = Attack::without_a_proxy(options).await;
    let steps = [HOUR_MS, HOUR_MS - 10 * MINUTE_MS, HOUR_MS - DAY_MS, 0, -DAY_MS, 0];
    for ms in steps {
        attack.load(EVENTS).await;
        clock_is_off_by(&attack.clinic, ms).await;
        attack.publish(EVENTS / 4).await;
        let what = format!("a clock that is off by {ms} ms");
        attack.all_taken_once(&what, is_sent).await;
    }
    attack.clinic.finish().await;
}

/// The hour of the database decides: a clock that is set forward into quiet hours stops reminders and no receipts, and one that is
/// set back lets them go when their time has come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quiet_hours_are_those_of_the_clock_as_it_is() {
    let time = |minutes: i64| clock::turkey(minutes).format("%H:%M").to_string();
    let options = Options { quiet_hours: format!("{}-{}", time(30), time(150)), ..options() };
    let mut clinic = Installation::start(options).await;
    let day = reminder("by-day");
    clinic.publish(&day).await;
    clinic.until_state(&day, "accepted", "").await;

    clock_is_off_by(&clinic, HOUR_MS).await;
    // each look at its readiness measures the clock
    for process in clinic.workers.iter_mut().chain(&mut clinic.schedulers) {
        assert_eq!(process.ready().await, 200);
    }
    let (night, paid) = (reminder("by-night"), receipt("by-night-too"));
    clinic.publish(&night).await;
    clinic.publish(&paid).await;
    clinic.until_state(&paid, "accepted", "").await;
    let row = clinic.until_state(&night, "waiting", "quiet-hours").await;
    let minutes = (row.due_at.expect("due") - clock::now_ms()) / MINUTE_MS;
    assert!((148..=151).contains(&minutes), "due in {minutes} minutes");

    // at the end of quiet hours by a clock that goes right again
    clock_is_off_by(&clinic, 0).await;
    clinic.make_due(&night).await;
    clinic.until_state(&night, "accepted", "").await;
    clinic.until_accepted(3).await;
    clinic.finish().await;
}

/// A scheduler that took its leases by a clock a day ahead is gone, and the clock was put right: the next one does its work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_of_a_clock_that_was_put_back_end() {
    let mut clinic = Installation::start(options()).await;
    clock_is_off_by(&clinic, DAY_MS).await;
    // by now it has renewed its leases with that clock
    let day = clock::now_ms() + DAY_MS - HOUR_MS;
    clinic
        .until("leases by the moved clock", async || {
            let late = format!("SELECT count(*) FROM lease WHERE until > {day}");
            (clinic.number(&late).await > 0).then_some(())
        })
        .await;
    clinic.schedulers[0].killed().await;
    clinic.gone.append(&mut clinic.schedulers);
    clock_is_off_by(&clinic, 0).await;
    let mut next = clinic.process("scheduler", &[]);
    next.line(SCHEDULER_IS_READY).await;
    clinic.schedulers.push(next);
    clinic
        .until("the next scheduler has the leases", async || {
            let late = format!("SELECT count(*) FROM lease WHERE until > {day}");
            (clinic.number(&late).await == 0).then_some(())
        })
        .await;
    clinic.finish().await;
}
