//! İYS is down: everything waits on its lane, nothing is sent and nothing is taken for "no consent"; then it goes.

use std::time::Duration;

use chrono::DateTime;
use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::load::events;
use crate::harness::{Event, Installation, Options, receipt, reminder};

const IYS: &str = "iys/default";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_iys_makes_everything_wait_until_it_is_over() {
    let clinic = Installation::start(Options { workers: 2, ..Options::default() }).await;
    let before = receipt("before");
    clinic.publish(&before).await;
    clinic.until_state(&before, "accepted", "").await;
    clinic
        .outside
        .add_fault(Fault::new(Provider::Iys, Operation::Any, FaultKind::Down))
        .expect("a fault");
    let events = publish_ten(&clinic).await;
    all_wait(&clinic, &events).await;
    clinic.until_accepted(1).await;

    clinic.outside.clear_faults();
    all_go(&clinic, &events).await;
    clinic.until_accepted(11).await;
    clinic.finish().await;
}

/// The same for hours, with many waiting, and an İYS that takes the questions and says nothing: nobody is asked for more than a try
/// now and then, no attempt is made, and afterwards it is asked no faster than it allows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "what was measured")]
async fn hours_of_silence_with_a_thousand_waiting_cost_nothing() {
    const WAITING: usize = 1_000;
    let options = Options { workers: 2, ..Options::default() }
        .set("ULAK_TEST_CLOCK", 1)
        .set("ULAK_WORKER__REQUEST_DEADLINE_S", 1);
    let clinic = Installation::start(options).await;
    let before = receipt("before");
    clinic.publish(&before).await;
    clinic.until_state(&before, "accepted", "").await;
    let silent = FaultKind::Hang { accept: false, seconds: 600 };
    clinic.outside.add_fault(Fault::new(Provider::Iys, Operation::Any, silent)).expect("a fault");
    let events = events(WAITING);
    clinic.publish_all(&events).await;
    let wait = format!("SELECT count(*) FROM open WHERE lane = '{IYS}' AND state = 'waiting'");
    clinic.until_number("rows that wait for consent", &wait, WAITING as i64).await;
    // questions, and when it has run out the token for them
    let asked = || {
        let requests = clinic.outside.requests();
        let of_iys = |path: &str| path.contains("/status/") || path == "/oauth2/token";
        requests.iter().filter(|request| of_iys(&request.path)).count()
    };
    let at_first = asked();
    let releases = "SELECT count(*) FROM record WHERE kind = 'released'";
    let released = clinic.number(releases).await;
    for quarter in 1..=12 {
        let tries = asked();
        clinic.clock_is_ahead(Duration::from_mins(15 * quarter)).await;
        clinic.until("a try", async || (asked() > tries).then_some(())).await;
        // moved only while nobody holds a lease
        clinic.until_number("rows that wait for consent again", &wait, WAITING as i64).await;
    }
    let (tries, released) = (asked() - at_first, clinic.number(releases).await - released);
    eprintln!("{tries} tries in three hours of silence, for which {released} rows were released");
    assert!(tries <= 4 * 12, "{tries} tries in three hours in which nobody answered");
    assert!(released <= 4 * 12, "{released} rows were released for them");
    assert_eq!(clinic.number("SELECT count(*) FROM attempt").await, 1, "nothing is burnt");
    let books = clinic.balance().await;
    assert_eq!(
        (&books["states"]["suppressed"], &books["states"]["dead-lettered"]),
        (&0.into(), &0.into())
    );

    clinic.outside.clear_faults();
    clinic.clock_is_ahead(Duration::from_mins(15 * 13)).await;
    clinic.until_sent(1 + WAITING as u64).await;
    clinic
        .until("nothing is open", async || {
            (clinic.number("SELECT count(*) FROM open").await == 0).then_some(())
        })
        .await;
    clinic.until_each_was_sent_once(&[&events[..], &[before]].concat()).await;
    // İYS counts 10 a second; Ulak asks 8
    let at: Vec<i64> = clinic
        .outside
        .requests()
        .iter()
        .filter(|request| request.path.contains("/sps/"))
        .map(|r| DateTime::parse_from_rfc3339(&r.at).expect("RFC 3339").timestamp_millis())
        .collect();
    let fullest =
        at.iter().map(|from| at.iter().filter(|t| (*from..from + 1_000).contains(t)).count());
    let fullest = fullest.max().unwrap_or_default();
    assert!(fullest <= 10, "{fullest} questions in one second");
    clinic.finish().await;
}

/// The same at a cold start, when nobody holds a token: a minute of tries (one in twenty seconds) does not use up the
/// ten token calls that İYS allows in an hour.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_at_the_first_token_is_survived_without_a_ban() {
    let clinic = Installation::prepare(Options::default()).await;
    clinic
        .outside
        .add_fault(Fault::new(Provider::Iys, Operation::Any, FaultKind::Down))
        .expect("a fault");
    let clinic = clinic.launch(1, 1).await;
    let events = publish_ten(&clinic).await;
    let tries = || clinic.outside.requests().iter().filter(|r| r.path == "/oauth2/token").count();
    for n in 1..=3 {
        clinic
            .until("another try", async || {
                try_now(&clinic).await;
                (tries() >= n).then_some(())
            })
            .await;
    }
    clinic.until_accepted(0).await;
    clinic.outside.clear_faults();
    clinic
        .until("nothing waits any more", async || {
            try_now(&clinic).await;
            (clinic.number("SELECT count(*) FROM open").await == 0).then_some(())
        })
        .await;
    for event in &events {
        clinic.until_state(event, "accepted", "").await;
    }
    clinic.until_accepted(10).await;
    assert!(tries() <= 8, "{} token calls", tries());
    clinic.finish().await;
}

/// Twenty seconds pass: the lease of whoever fetches the token, and the pauses of rows and lanes.
async fn try_now(clinic: &Installation) {
    clinic.run("UPDATE token SET lease_until = 0 WHERE expires_at = 0").await;
    clinic.run("UPDATE lane SET probe_at = 0 WHERE state = 'closed'").await;
    clinic.run("UPDATE open SET due_at = 0 WHERE state = 'waiting'").await;
}

async fn publish_ten(clinic: &Installation) -> Vec<Event> {
    let events: Vec<_> = (0..5)
        .flat_map(|n| [reminder(&format!("reminder-{n}")), receipt(&format!("receipt-{n}"))])
        .collect();
    for event in &events {
        clinic.publish(event).await;
    }
    events
}

async fn all_wait(clinic: &Installation, events: &[Event]) {
    for event in events {
        let row = clinic.until_state(event, "waiting", "consent-silent").await;
        assert_eq!((row.lane.as_deref(), row.attempts), (Some(IYS), 0));
    }
}

async fn all_go(clinic: &Installation, events: &[Event]) {
    clinic
        .until("nothing waits any more", async || {
            clinic.run("UPDATE lane SET probe_at = 0 WHERE state = 'closed'").await;
            (clinic.number("SELECT count(*) FROM open").await == 0).then_some(())
        })
        .await;
    for event in events {
        clinic.until_state(event, "accepted", "").await;
    }
}

/// "Too fast" is no outage: the question is asked again, the lane stays open, and no row has to wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_iys_that_says_too_fast_is_asked_again() {
    let clinic = Installation::start(Options::default()).await;
    let too_fast = FaultKind::Code { code: "H124".into() };
    let fault = Fault::new(Provider::Iys, Operation::Consents, too_fast).times(6);
    clinic.outside.add_fault(fault).expect("a fault");
    let event = receipt("too-fast");
    clinic.publish(&event).await;
    clinic.until_state(&event, "accepted", "").await;
    let records = clinic.log_show(&event.ntf()).await;
    assert!(records.iter().all(|record| record["kind"] != "waiting"), "{records:?}");
    let closed = clinic.number("SELECT count(*) FROM lane").await;
    assert_eq!(closed, 0, "no lane was in trouble");
    // all workers ask more slowly for a while
    let slower = "SELECT count(*) FROM cap WHERE key = 'rate/iys' AND why = 'iys:H124'";
    assert_eq!(clinic.number(slower).await, 1);
    clinic.finish().await;
}

/// A refusal that nobody documented says nothing about a person: whoever was asked about waits, and nobody ends without a message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_nobody_documented_is_no_answer() {
    let clinic = Installation::start(Options::default()).await;
    let unheard_of = FaultKind::Code { code: "H500".into() };
    let fault = Fault::new(Provider::Iys, Operation::Consents, unheard_of);
    clinic.outside.add_fault(fault).expect("a fault");
    let first = receipt("unheard-of");
    clinic.publish(&first).await;
    let row = clinic.until_state(&first, "waiting", "consent-later").await;
    assert_eq!((row.lane.as_deref(), row.attempts), (Some(IYS), 0));

    // all are refused: that is an outage, and its lane closes
    let others = publish_ten(&clinic).await;
    let closed = format!("SELECT count(*) FROM lane WHERE lane = '{IYS}' AND state = 'closed'");
    clinic.until_number("a closed lane", &closed, 1).await;
    clinic
        .until_number("rows that wait", "SELECT count(*) FROM open WHERE state = 'waiting'", 11)
        .await;
    assert_eq!(clinic.number("SELECT count(*) FROM attempt").await, 0);

    clinic.outside.clear_faults();
    clinic
        .until("nothing waits any more", async || {
            try_now(&clinic).await;
            (clinic.number("SELECT count(*) FROM open").await == 0).then_some(())
        })
        .await;
    clinic.until_each_was_sent_once(&[&others[..], &[first]].concat()).await;
    clinic.finish().await;
}
