//! Netgsm certainly fails: Twilio sends, for a clinic that names its legal basis for it, and the log says why and on what basis.
//! What may have arrived, what is refused, and what belongs to a clinic without the basis never goes there.

use serde_json::Value;
use simulator::{Fault, FaultKind, MessageView, Operation, Provider};

use crate::harness::{Event, Installation, Options, receipt, reminder, scaled};

const NETGSM: &str = "netgsm/default/KLINIK";
const TWILIO: &str = "twilio/default/+13185550100";
const BASIS: &str = "explicit consent on the clinic's form of 2026-01-05";

/// Netgsm first, then Twilio; only the clinic `atasehir` may use what is abroad.
async fn both_providers(options: Options) -> Installation {
    let (workers, schedulers) = (options.workers, options.schedulers);
    let options = options
        .set("ULAK_ROUTE__SMS", "netgsm,twilio")
        .set("ULAK_PROVIDERS__TWILIO__ACCOUNT_SID", "AC00000000000000000000000000000001")
        .set("ULAK_PROVIDERS__TWILIO__AUTH_TOKEN", "twilio-token")
        .set("ULAK_PROVIDERS__TWILIO__FROM", "+13185550100")
        .set("ULAK_CLINICS__ATASEHIR__TRANSFER_ABROAD", BASIS);
    let mut clinic = Installation::prepare(options).await;
    let outside = clinic.outside.url();
    clinic.env.push(("ULAK_PROVIDERS__TWILIO__BASE_URL".to_owned(), outside));
    clinic.hide("twilio-token");
    clinic.launch(workers, schedulers).await
}

fn fault(provider: Provider, kind: FaultKind) -> Fault {
    Fault::new(provider, Operation::Send, kind)
}

fn by(messages: &[MessageView], provider: Provider) -> usize {
    messages.iter().filter(|message| message.provider == provider).count()
}

async fn records(clinic: &Installation, event: &Event, kind: &str) -> Vec<Value> {
    let mut log = clinic.log_show(&event.ntf()).await;
    log.retain(|record| record["kind"] == kind);
    log
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_provider_is_followed_by_the_next() {
    let clinic = both_providers(Options { workers: 2, ..Options::default() }).await;
    let event = reminder("failover");
    let down = fault(Provider::Netgsm, FaultKind::Http { status: 503 });
    clinic.outside.add_fault(down.number(event.national())).expect("a fault");
    let smooth = reminder("smooth");
    clinic.publish(&event).await;
    clinic.publish(&smooth).await;
    // the quick tries at the first one, then one at the next
    assert_eq!(clinic.until_state(&event, "accepted", "").await.attempts, 5);
    assert_eq!(clinic.until_state(&smooth, "accepted", "").await.attempts, 1);
    let messages = clinic.until_accepted(2).await;
    assert_eq!((by(&messages, Provider::Netgsm), by(&messages, Provider::Twilio)), (1, 1));
    let abroad = messages.iter().find(|m| m.provider == Provider::Twilio).expect("one");
    assert_eq!((abroad.to.as_str(), abroad.sender.as_str()), (event.national(), "+13185550100"));

    let waited = records(&clinic, &event, "waiting").await;
    assert_eq!(
        (&waited[0]["why"], &waited[0]["lane"]),
        (&"failover: http:503".into(), &TWILIO.into())
    );
    let claimed = records(&clinic, &event, "claimed").await;
    let lanes: Vec<_> = claimed.iter().filter_map(|record| record["lane"].as_str()).collect();
    assert_eq!(lanes, [NETGSM, NETGSM, NETGSM, NETGSM, TWILIO]);
    assert!(claimed[..4].iter().all(|record| record["transfer_basis"].is_null()), "{claimed:?}");
    let last = &claimed[4];
    assert_eq!((&last["transfer_basis"], &last["encoding"]), (&BASIS.into(), &"ucs2".into()));
    assert_eq!(last["instead"], format!("failover: {NETGSM}"));
    assert_eq!(last["segments"], abroad.segments, "as Twilio counts and bills it");
    let said = clinic.explain(&event.ntf()).await;
    for part in ["failover: http:503: the provider certainly sent nothing", TWILIO, BASIS] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_have_arrived_or_was_refused_is_not_sent_by_another_one() {
    let clinic = both_providers(scaled::options()).await;
    let (hang, refused) = (receipt("hang"), receipt("refused"));
    let silent = fault(Provider::Netgsm, FaultKind::Hang { accept: true, seconds: 600 });
    clinic.outside.add_fault(silent.number(hang.national())).expect("a fault");
    let bad = fault(Provider::Netgsm, FaultKind::Code { code: "70".to_owned() });
    clinic.outside.add_fault(bad.number(refused.national())).expect("a fault");
    clinic.publish(&hang).await;
    clinic.publish(&refused).await;
    clinic.until_state(&refused, "refused", "netgsm:70").await;
    // looked for where it may have arrived, and found there
    let row = clinic.until_state(&hang, "accepted", "").await;
    assert_eq!(row.attempts, 1, "{row:?}");
    let messages = clinic.until_accepted(1).await;
    assert_eq!(by(&messages, Provider::Twilio), 0);
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clinic_without_a_legal_basis_waits_for_its_own_provider() {
    let clinic = both_providers(Options::default()).await;
    let event = receipt("stays").of_clinic("besiktas");
    let down = fault(Provider::Netgsm, FaultKind::Http { status: 503 });
    clinic.outside.add_fault(down.number(event.national()).times(4)).expect("a fault");
    clinic.publish(&event).await;
    let row = clinic.until_state(&event, "waiting", "retry").await;
    assert_eq!((row.attempts, row.lane.as_deref()), (4, Some("netgsm/other/OTHER")));
    clinic.make_due(&event).await;
    clinic.until_state(&event, "accepted", "").await;
    let messages = clinic.until_accepted(1).await;
    assert_eq!(by(&messages, Provider::Netgsm), 1);
    clinic.finish().await;
}

/// Both accounts are refused, so everything waits; Twilio's is mended first, and what waits on Netgsm's lane goes by Twilio.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_on_a_closed_lane_goes_by_the_one_that_opens() {
    let clinic = both_providers(Options::default()).await;
    let refused = FaultKind::Code { code: "30".to_owned() };
    let netgsm = Fault::new(Provider::Netgsm, Operation::Any, refused).account("8501234567");
    let refused = FaultKind::Code { code: "20003".to_owned() };
    let twilio = Fault::new(Provider::Twilio, Operation::Any, refused);
    clinic.outside.add_fault(netgsm.clone()).expect("a fault");
    clinic.outside.add_fault(twilio).expect("a fault");
    let mut events = vec![receipt("closes-both")];
    clinic.publish(&events[0]).await;
    let row = clinic.until_state(&events[0], "waiting", "lane-closed").await;
    assert_eq!((row.attempts, row.lane.as_deref()), (2, Some(TWILIO)));
    events.extend((0..10).map(|n| receipt(&format!("waits-{n}"))));
    for event in &events[1..] {
        clinic.publish(event).await;
    }
    for event in &events[1..] {
        let row = clinic.until_state(event, "waiting", "lane-closed").await;
        assert_eq!((row.attempts, row.lane.as_deref()), (0, Some(NETGSM)));
    }

    clinic.outside.clear_faults();
    clinic.outside.add_fault(netgsm).expect("a fault");
    let probe =
        format!("UPDATE lane SET probe_at = 0 WHERE state = 'closed' AND lane = '{TWILIO}'");
    clinic
        .until("nothing waits any more", async || {
            clinic.run(&probe).await;
            (clinic.number("SELECT count(*) FROM open").await == 0).then_some(())
        })
        .await;
    let messages = clinic.until_accepted(events.len()).await;
    assert_eq!(by(&messages, Provider::Twilio), events.len());
    for event in &events {
        clinic.until_state(event, "accepted", "").await;
        let last = records(&clinic, event, "claimed").await.pop().expect("a claim");
        assert_eq!((&last["lane"], &last["transfer_basis"]), (&TWILIO.into(), &BASIS.into()));
    }
    clinic.finish().await;
}
