//! A provider that is up for two seconds and down for two, again and again: everything is sent once, what fails is bounded by what
//! was in flight each time it went down, and closed lanes are probed, not hammered.

use std::time::Duration;

use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::load::events;
use crate::harness::process::Process;
use crate::harness::{Installation, Options};

const WORKERS: usize = 2;
const IN_FLIGHT: usize = 16;
const PHASE: Duration = Duration::from_secs(2);
/// How often it goes down.
const DOWNS: usize = 6;
const EVENTS: usize = 1_200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "what was measured")]
async fn a_provider_that_comes_and_goes_starts_no_storm() {
    let options = Options { workers: WORKERS, ..Options::default() }
        .set("ULAK_WORKER__IN_FLIGHT", IN_FLIGHT)
        .set("ULAK_WORKER__PREFETCH", IN_FLIGHT)
        .set("ULAK_LOG__LEVEL", "info");
    let clinic = Installation::start(options).await;
    let events = events(EVENTS);
    let publish = async {
        // over all of the time, so that something is on its way whenever it goes down
        for some in events.chunks(EVENTS / (2 * DOWNS)) {
            clinic.publish_all(some).await;
            tokio::time::sleep(PHASE * 5 / 6).await;
        }
    };
    let flap = async {
        for _ in 0..DOWNS {
            let down = FaultKind::Http { status: 503 };
            let down = Fault::new(Provider::Netgsm, Operation::Any, down);
            clinic.outside.add_fault(down).expect("a fault");
            tokio::time::sleep(PHASE).await;
            clinic.outside.clear_faults();
            tokio::time::sleep(PHASE).await;
        }
    };
    tokio::join!(publish, flap);
    // it stays up: nothing has to be done, and nobody waits for long
    clinic.until_sent(EVENTS as u64).await;
    clinic.until_each_was_sent_once(&events).await;

    let attempts = clinic.number("SELECT count(*) FROM attempt").await;
    let closed = clinic.closings();
    let asked = |path: &str| {
        clinic.outside.requests().iter().filter(|request| request.path.contains(path)).count()
    };
    let (in_vain, probes) = (attempts - EVENTS as i64, asked("msgheader"));
    eprintln!(
        "{EVENTS} sent in {attempts} attempts; the lane closed {closed} times, {probes} probes"
    );
    assert!(in_vain > 0 && closed > 0, "it was never down for them");
    // what is in flight fails, and may have been tried a second time before the lane was seen to be closed
    let bound = (DOWNS * WORKERS * IN_FLIGHT * 2) as i64;
    assert!(in_vain <= bound, "{in_vain} attempts in vain, more than {bound}");
    // once each time that it goes down, and once more if one worker's late result meets a lane that has just opened again
    assert!(closed <= 2 * DOWNS, "it closed {closed} times");
    let seconds = (2 * DOWNS + 60) * 2;
    assert!(probes <= seconds, "{probes} probes");
    let books = clinic.balance().await;
    assert_eq!(books["states"]["dead-lettered"], 0, "{books}");
    clinic.finish().await;
}

impl Installation {
    /// How often an open lane closed, as ops are told.
    fn closings(&self) -> usize {
        let lines = self.workers.iter().flat_map(Process::lines);
        lines.filter(|line| line.contains(r#""alert":"lane-closed""#)).count()
    }
}
