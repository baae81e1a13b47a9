//! The trace of a clinic's event goes with it: out of its own attribute or of the header beside it, through the sealed body and a copy by
//! reference, to each request that sends it and into each line of the log about it. Every line is as docs/logs.md says.

use schemas::trace::{SpanId, TraceParent};
use serde_json::Value;
use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::process::Process;
use crate::harness::{Event, Installation, Options, log_line, receipt};

const IN_THE_EVENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const BESIDE_IT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// What the requests that were to send something carried.
fn carried(clinic: &Installation) -> Vec<Option<String>> {
    let requests = clinic.outside.requests().into_iter();
    let sends = requests.filter(|request| request.path.ends_with("/send"));
    sends.map(|request| request.traceparent).collect()
}

/// What an attempt has to carry.
fn of_attempt(event: &Event, parent: &str, n: u64) -> String {
    let span = SpanId::named(&event.ntf(), n);
    TraceParent::parse(parent).expect("well-formed").with_span(span).to_string()
}

/// The lines of all workers, each held to its schema.
fn lines(clinic: &Installation) -> Vec<Value> {
    let all = clinic.workers.iter().flat_map(Process::lines);
    let parsed = all.filter_map(|line| log_line::checked(&line)).collect::<Vec<_>>();
    assert!(parsed.len() > 5, "hardly a line: {parsed:?}");
    parsed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clinics_trace_reaches_the_provider_and_every_line_of_the_log() {
    let options = Options { workers: 1, ..Options::default() };
    let clinic = Installation::start(options.set("ULAK_WORKER__QUICK_RETRIES", 0)).await;
    let (without, beside) = (receipt("without"), receipt("beside"));
    let named = receipt("named").set("/traceparent", IN_THE_EVENT);

    clinic.publish(&without).await;
    clinic.until_state(&without, "accepted", "").await;
    clinic.hide(beside.national());
    clinic.publisher.traced(&beside, BESIDE_IT).await;
    clinic.until_state(&beside, "accepted", "").await;
    let fault = Fault::new(Provider::Netgsm, Operation::Send, FaultKind::Http { status: 503 });
    clinic.outside.add_fault(fault.times(1)).expect("a fault");
    clinic.hide(named.national());
    // the event's own word counts, whatever is beside it
    clinic.publisher.traced(&named, BESIDE_IT).await;
    clinic.until_state(&named, "waiting", "retry").await;
    clinic.make_due(&named).await;
    clinic.until_state(&named, "accepted", "").await;

    let wanted = [
        None,
        Some(of_attempt(&beside, BESIDE_IT, 1)),
        Some(of_attempt(&named, IN_THE_EVENT, 1)),
        Some(of_attempt(&named, IN_THE_EVENT, 2)),
    ];
    assert_eq!(carried(&clinic), wanted);
    let ended = |event: &Event| -> Vec<Value> {
        let ntf = event.ntf();
        let of_it = |line: &Value| line["ntf"] == *ntf && line["message"] == "attempt ended";
        lines(&clinic)
            .into_iter()
            .filter(of_it)
            .map(|line| line["span"]["trace_id"].clone())
            .collect()
    };
    assert_eq!(ended(&without), [Value::Null]);
    assert_eq!(ended(&beside), [TraceParent::parse(BESIDE_IT).expect("well-formed").trace_id()]);
    let trace = TraceParent::parse(IN_THE_EVENT).expect("well-formed").trace_id();
    assert_eq!(ended(&named), [trace.clone(), trace]);
    clinic.until_accepted(3).await;
    clinic.finish().await;
}
