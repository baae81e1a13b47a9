//! A month at two clinics, in which appointments are booked, moved, given to another doctor, cancelled and booked anew, what their
//! systems say comes late, twice and in the wrong order, they remind of some by themselves beside the plan, and the ledger's clock
//! is put forward and back: every appointment that stands gets exactly its reminders, none at night, none after a cancellation, none
//! twice. On PostgreSQL schedulers are killed at random meanwhile.
//!
//! `ULAK_TEST_APPOINTMENTS` chooses how many appointments there are on SQLite, and a tenth of it, at least the minimum, on PostgreSQL;
//! `ULAK_TEST_SEED` replays a run. Debug builds only: the clock is moved through the ledger's test clock.

use std::time::Instant;

use crate::harness::month::{
    IN_SPITE_OF_KILLS, Large, Month, PROMPT, Passed, Size, Small, pass, setting,
};

/// A seed that CI always runs; others come by `ULAK_TEST_SEED`.
const SEED: u64 = 20_310_301;
/// Appointments of each of two runs that have to decide alike.
const TWICE: usize = 100;

fn seed() -> u64 {
    setting("ULAK_TEST_SEED", SEED)
}

fn size(least: Size, share: usize) -> Size {
    let asked = setting("ULAK_TEST_APPOINTMENTS", 0) as usize / share;
    least.of(asked.max(least.appointments))
}

#[expect(clippy::print_stderr, reason = "what somebody needs who replays or scales a run")]
fn tell(what: &str, seed: u64, month: &Month, passed: &Passed, began: Instant) {
    eprintln!(
        "{what}: seed {seed}, {} appointments, {} facts, {} reminders to {} people ({} times past the plan), {} jumps, {} creeps, {:.1?}",
        month.visits.len(),
        month.said.len(),
        passed.received.len(),
        passed.people(),
        passed.directs,
        passed.jumps,
        passed.creeps,
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    let seed = seed();
    let month = Month::of(seed, size(Size::SMALL, 1));
    let mut place = Small::start().await;
    let began = Instant::now();
    let passed = pass(&month, &mut place, seed).await;
    tell("on SQLite", seed, &month, &passed, began);
    passed.check(&month, seed, PROMPT);
    place.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_rabbitmq_and_postgresql() {
    let seed = seed();
    let month = Month::of(seed, size(Size::SPARSE, 10));
    let mut place = Large::start().await;
    let began = Instant::now();
    let passed = pass(&month, &mut place, seed).await;
    tell(&format!("on PostgreSQL, {} kills", place.kills), seed, &month, &passed, began);
    passed.check(&month, seed, IN_SPITE_OF_KILLS);
    assert!(place.kills > 0, "no scheduler was killed");
    place.clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_of_one_seed_decide_alike() {
    let seed = seed() + 1;
    let month = Month::of(seed, Size::SMALL.of(TWICE));
    let run = async || {
        let mut place = Small::start().await;
        let passed = pass(&month, &mut place, seed).await;
        passed.check(&month, seed, PROMPT);
        let decisions = place.decisions().await;
        place.finish().await;
        let mut told: Vec<(String, String)> =
            passed.received.into_iter().map(|one| (one.to, one.text)).collect();
        told.sort();
        (decisions, told)
    };
    let (first, second) = tokio::join!(run(), run());
    assert!(first.0.len() > TWICE, "{} decisions", first.0.len());
    assert!(first == second, "seed {seed}: two runs decided differently");
}
