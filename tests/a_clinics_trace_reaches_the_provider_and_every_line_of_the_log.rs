//! The trace of a clinic's event goes with it: out of its own attribute or of the header beside it, through the sealed body and a copy by
//! reference, to each request that sends it and into each line of the log about it; so does that of a fact, and of what is refused.
//! Every line is as docs/logs.md says.

use schemas::FactId;
use schemas::trace::{SpanId, TraceParent};
use serde_json::Value;
use simulator::{Fault, FaultKind, Operation, Provider, Script};

use crate::harness::process::Process;
use crate::harness::{
    Embedded, Event, Installation, Options, clock, hooks, log_line, receipt, reminder,
};

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

/// The trace that a line names.
fn trace_of(line: &Value) -> &str {
    line["span"]["trace_id"].as_str().unwrap_or("none")
}

/// The id of a trace.
fn id_of(traceparent: &str) -> String {
    TraceParent::parse(traceparent).expect("well-formed").trace_id()
}

/// A fact about a visit in five days.
fn booked(id: &str) -> Event {
    reminder(id)
        .set("/type", "clinic.appointment-booked.v1")
        .set("/data/appointment/starts_at", clock::written(clock::turkey(5 * 24 * 60)))
}

fn fact_id(fact: &Event) -> String {
    FactId::of_event(fact.text("/source"), fact.text("/id")).as_str().to_owned()
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_about_facts_and_about_what_is_refused_name_their_trace() {
    let options = Options { workers: 1, ..Options::default() };
    let mut clinic = Installation::start(options).await;
    let named = booked("named").set("/traceparent", IN_THE_EVENT);
    let beside = booked("beside");
    let broken = booked("broken").set("/data/appointment/room", "B2");
    let refused = receipt("refused").set("/data/payment/room", "B2");
    for fact in [&named, &beside, &broken] {
        clinic.hide(fact.national());
        // what an event says itself counts, as far as it is read
        clinic.publisher.traced_to("clinic.events", fact, BESIDE_IT).await;
    }
    clinic.hide(refused.national());
    clinic.publisher.traced(&refused, BESIDE_IT).await;

    for (fact, traceparent) in [(&named, IN_THE_EVENT), (&beside, BESIDE_IT)] {
        let id = fact_id(fact);
        let scheduler = &mut clinic.schedulers[0];
        let applied = |line: &Value| line["message"] == "applied" && line["fact"] == *id;
        let line = scheduler.log_where("applied", applied).await;
        assert_eq!(trace_of(&line), id_of(traceparent), "{line}");
        let durable = |line: &Value| {
            let told = line["told"].as_str().is_some_and(|told| told.contains(&id));
            told && line["message"] == "a fact is durable"
        };
        let line = scheduler.log_where("a fact is durable", durable).await;
        assert_eq!(trace_of(&line), id_of(traceparent), "{line}");
    }
    let line = clinic.schedulers[0]
        .log_where("fact refused", |line| line["message"] == "fact refused")
        .await;
    assert_eq!(trace_of(&line), id_of(BESIDE_IT), "{line}");
    let line = clinic.workers[0]
        .log_where("event refused", |line| line["message"] == "event refused")
        .await;
    assert_eq!(trace_of(&line), id_of(BESIDE_IT), "{line}");
    clinic.finish().await;
}

/// Posts at the HTTP door with a trace context beside it.
async fn post_traced(machine: &Embedded, body: String, kind: &str) -> u16 {
    let request = hooks::client()
        .post(format!("{}/v1/events", machine.door))
        .bearer_auth(machine.token("atasehir"))
        .header("content-type", kind)
        .header("traceparent", BESIDE_IT);
    request.body(body).send().await.expect("the door answers").status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_says_of_which_trace_it_took_or_refused_an_event() {
    let mut machine = Embedded::start(Script::default(), &[]).await;
    let (named, beside, fact) = (receipt("named"), receipt("beside"), booked("fact"));
    let named = named.set("/traceparent", IN_THE_EVENT);
    for event in [&named, &beside, &fact] {
        machine.hide(event.national());
        let body = event.json().to_string();
        assert_eq!(post_traced(&machine, body, "application/cloudevents+json").await, 202);
    }
    // one of them is wrong, another says nothing of a trace, the third is used again for something else
    let wrong = receipt("wrong").set("/data/payment/room", "B2").set("/traceparent", IN_THE_EVENT);
    let alone = receipt("alone").set("/data/payment/room", "B2");
    let many = format!("[{},{}]", wrong.json(), alone.json());
    assert_eq!(post_traced(&machine, many, "application/cloudevents-batch+json").await, 422);
    let again = named.clone().set("/data/payment/amount", "1.00").json().to_string();
    assert_eq!(post_traced(&machine, again, "application/cloudevents+json").await, 409);
    machine.until_accepted(2).await;

    let up = machine.up.as_mut().expect("it runs");
    for (event, traceparent) in [(&named, IN_THE_EVENT), (&beside, BESIDE_IT)] {
        let ntf = event.ntf();
        let durable =
            |line: &Value| line["message"] == "an event is durable" && line["ntf"] == *ntf;
        let line = up.log_where("an event is durable", durable).await;
        assert_eq!((trace_of(&line), &line["duplicate"]), (&*id_of(traceparent), &false.into()));
    }
    let id = fact_id(&fact);
    for message in ["applied", "a fact is durable"] {
        let of_it = |line: &Value| line["message"] == message && line["fact"] == *id;
        let line = up.log_where(message, of_it).await;
        assert_eq!(trace_of(&line), id_of(BESIDE_IT), "{line}");
    }
    let lines = up.lines();
    let lines = lines.iter().filter_map(|line| log_line::checked(line));
    let refused = lines.filter(|line| line["message"] == "event refused at the door");
    let told: Vec<_> = refused
        .map(|line| (line["rule"].clone(), line["index"].clone(), trace_of(&line).to_owned()))
        .collect();
    let wanted = [
        ("unknown-field".into(), 0.into(), id_of(IN_THE_EVENT)),
        ("unknown-field".into(), 1.into(), id_of(BESIDE_IT)),
        ("id-reused".into(), 0.into(), id_of(IN_THE_EVENT)),
    ];
    assert_eq!(told, wanted);
    machine.finish().await;
}
