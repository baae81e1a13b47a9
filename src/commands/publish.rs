//! `ulak publish`: events from a file to RabbitMQ, each checked before any goes out and confirmed before it is reported; without a
//! broker into the ledger.

mod check;
mod straight;

use std::collections::VecDeque;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bus::{Bus, BusSettings, Fate, LinkState, Outgoing, Publisher, Topology};
use data_encoding::HEXLOWER;
use schemas::{FactId, NotificationId, Registry};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::task::JoinHandle;

use super::{Failure, Settings, runtime, say};
use crate::cli::Global;
use crate::cli::publish::PublishArgs;
use crate::config::Purpose;

/// How long a person at a terminal waits for the broker.
const PATIENCE: Duration = Duration::from_secs(15);

/// Exchanges that people publish to. Both have an alternate exchange.
const OURS: [&str; 2] = [bus::names::NOTIFICATIONS, bus::names::CLINIC_EVENTS];

/// Messages on their way at one time; the bus takes no more.
const IN_FLIGHT: usize = 100;

/// Runs the command.
///
/// # Errors
/// The file cannot be read or holds no events, an event is refused (then none is published), the broker is not there,
/// an event was not confirmed.
pub fn run(global: &Global, args: &PublishArgs) -> Result<(), Failure> {
    if args.dry_run {
        return dry_run(global, args);
    }
    let settings = Settings::for_purpose(global, Purpose::Publish)?;
    let events = events(&read(&args.file)?, args)?;
    let own = args.exchange.as_deref();
    let ours = own.is_none_or(|exchange| OURS.contains(&exchange));
    // What goes elsewhere is no event of Ulak's, and raw bytes are meant to be whatever they are.
    if ours && !args.raw && !args.no_check {
        refuse(&settings, &events, global.json)?;
    }
    let Some(url) = &settings.config.broker.url else {
        if let Some(exchange) = own.filter(|_| !ours) {
            let exchange = exchange.escape_debug();
            return Err(anyhow!(
                "there is no exchange {exchange}: broker.url is \"none\", and facts and notifications go straight into the ledger"
            )
            .into());
        }
        return straight::publish(&settings, &events, global.json);
    };
    let broker = BusSettings::new(url.secret(), "publish");
    runtime()?.block_on(async {
        let bus = Bus::start(broker, topology(&settings.registry)).map_err(anyhow::Error::from)?;
        let result = match connected(&bus).await {
            Ok(()) => publish(&bus, own, events, global.json).await,
            Err(error) => Err(error.into()),
        };
        bus.close().await;
        result
    })
}

/// Only the check, of any body that would go to the exchange of notifications. Needs no broker.
fn dry_run(global: &Global, args: &PublishArgs) -> Result<(), Failure> {
    let settings = Settings::read(global)?;
    let events = events(&read(&args.file)?, args)?;
    refuse(&settings, &events, global.json)?;
    for (index, event) in events.iter().enumerate() {
        check::report_valid(event, index, global.json)?;
    }
    Ok(())
}

/// Fails if a worker would refuse an event, and says which and why.
fn refuse(settings: &Settings, events: &[Event], json: bool) -> Result<(), Failure> {
    let refusals = check::refusals(settings, events);
    for (index, refusal) in &refusals {
        check::report_refused(events, *index, refusal, json)?;
    }
    if refusals.is_empty() {
        return Ok(());
    }
    let (refused, total) = (refusals.len(), events.len());
    Err(anyhow!(
        "{refused} of {total} events refused, nothing published; mend the file, or publish it all the same with --no-check"
    )
    .into())
}

/// Everything that must exist on the broker for these event types.
pub fn topology(registry: &Registry) -> Topology {
    Topology::new(registry.types().map(|t| (t.name.clone(), t.queue.clone())))
}

async fn connected(bus: &Bus) -> anyhow::Result<()> {
    match tokio::time::timeout(PATIENCE, bus.ready()).await {
        Ok(ready) => Ok(ready?),
        Err(_) => match bus.publisher().state().borrow().clone() {
            LinkState::Down(error) => Err(error.into()),
            LinkState::Starting | LinkState::Up => {
                Err(anyhow!("RabbitMQ does not answer at broker.url within {PATIENCE:?}"))
            }
        },
    }
}

/// How the types of facts begin.
const FACTS: &str = "clinic.";

/// One body to publish, with what of it may be printed.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    routing_key: String,
    id: Option<String>,
    source: Option<String>,
    body: Vec<u8>,
}

impl Event {
    /// Whether it goes where facts go.
    fn is_fact(&self) -> bool {
        self.routing_key.starts_with(FACTS)
    }

    /// Where it goes unless somebody says otherwise.
    fn exchange<'a>(&self, own: Option<&'a str>) -> &'a str {
        let [notifications, facts] = OURS;
        own.unwrap_or(if self.is_fact() { facts } else { notifications })
    }

    /// The id under which the ledger keeps it, if it is accepted.
    fn known_as(&self) -> Option<String> {
        let (source, id) = (self.source.as_deref()?, self.id.as_deref()?);
        Some(if self.is_fact() {
            FactId::of_event(source, id).as_str().to_owned()
        } else {
            NotificationId::of_event(source, id).as_str().to_owned()
        })
    }

    /// The same as two fields of an object, of which at most one is there.
    fn known_as_json(&self) -> (Option<String>, Option<String>) {
        let id = self.known_as();
        if self.is_fact() { (None, id) } else { (id, None) }
    }

    /// How it is called in a line for people.
    fn name(&self) -> String {
        self.id.as_deref().map_or_else(
            || "event without id".to_owned(),
            |id| format!("event {}", id.escape_debug()),
        )
    }
}

/// What is read of an event before it goes out; everything else is the worker's to judge.
#[derive(Default, Deserialize)]
struct Head {
    #[serde(default, rename = "type")]
    event_type: serde_json::Value,
    #[serde(default)]
    id: serde_json::Value,
    #[serde(default)]
    source: serde_json::Value,
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).context("standard input cannot be read")?;
        return Ok(bytes);
    }
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// The bodies in a file: an array's elements, or one JSON value after the other; each byte as it was written.
fn events(bytes: &[u8], args: &PublishArgs) -> anyhow::Result<Vec<Event>> {
    if args.raw {
        return Ok(vec![event(bytes.to_vec(), args.routing_key.as_deref())?]);
    }
    let hint = "use one event, an array of events or one event a line (--raw publishes any bytes)";
    let text =
        std::str::from_utf8(bytes).with_context(|| format!("the file is not UTF-8; {hint}"))?;
    let bodies: Vec<Box<RawValue>> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).with_context(|| format!("the file is no JSON array; {hint}"))?
    } else {
        let values = serde_json::Deserializer::from_str(text).into_iter::<Box<RawValue>>();
        values.collect::<Result<_, _>>().with_context(|| format!("the file is not JSON; {hint}"))?
    };
    if bodies.is_empty() {
        bail!("the file holds no event; {hint}");
    }
    bodies
        .iter()
        .enumerate()
        .map(|(i, body)| {
            event(body.get().as_bytes().to_vec(), args.routing_key.as_deref())
                .with_context(|| format!("event {} of the file", i + 1))
        })
        .collect()
}

fn event(body: Vec<u8>, routing_key: Option<&str>) -> anyhow::Result<Event> {
    let head: Head = serde_json::from_slice(&body).unwrap_or_default();
    let text = |value: serde_json::Value| value.as_str().map(str::to_owned);
    let Some(routing_key) = routing_key.map(str::to_owned).or_else(|| text(head.event_type)) else {
        bail!("has no \"type\" to route it by; give --routing-key")
    };
    Ok(Event { routing_key, id: text(head.id), source: text(head.source), body })
}

async fn publish(
    bus: &Bus,
    own: Option<&str>,
    events: Vec<Event>,
    json: bool,
) -> Result<(), Failure> {
    let (total, mut confirmed) = (events.len(), 0);
    let mut waiting: VecDeque<(Event, JoinHandle<Fate>)> = VecDeque::new();
    let mut events = events.into_iter();
    loop {
        while waiting.len() < IN_FLIGHT {
            let Some(mut event) = events.next() else { break };
            let body = std::mem::take(&mut event.body);
            let exchange = event.exchange(own);
            let fate = send(bus.publisher().clone(), exchange, &event, body)?;
            waiting.push_back((event, fate));
        }
        let Some((event, fate)) = waiting.pop_front() else { break };
        let fate = fate.await.context("publishing was interrupted")?;
        report(&event, event.exchange(own), fate, json)?;
        confirmed += usize::from(fate == Fate::Confirmed);
    }
    if confirmed == total {
        return Ok(());
    }
    let again = match own.filter(|exchange| !OURS.contains(exchange)) {
        None => "publish them again: what did arrive is known by its id".to_owned(),
        Some(exchange) => format!(
            "is there an exchange {}? Ulak's own are ulak.notifications and clinic.events",
            exchange.escape_debug()
        ),
    };
    Err(anyhow!("{} of {total} events were not confirmed; {again}", total - confirmed).into())
}

fn send(
    publisher: Publisher,
    exchange: &str,
    event: &Event,
    body: Vec<u8>,
) -> anyhow::Result<JoinHandle<Fate>> {
    // Not the event's id: the same event published twice is two messages to the broker.
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|e| anyhow!("the system gives no random bytes: {e}"))?;
    let message = Outgoing {
        exchange: exchange.to_owned(),
        routing_key: event.routing_key.clone(),
        body,
        message_id: HEXLOWER.encode(&id),
        headers: Vec::new(),
        // Of the exchanges that people publish to, both have an alternate exchange; for any other this tells.
        mandatory: true,
    };
    Ok(tokio::spawn(async move { publisher.publish(message).await }))
}

/// One line for each event: what became of it, and under which id it will be found.
fn report(event: &Event, exchange: &str, fate: Fate, json: bool) -> std::io::Result<()> {
    let word = match fate {
        Fate::Confirmed => "confirmed",
        Fate::Returned(_) => "unroutable",
        Fate::Nacked => "refused by the broker",
        Fate::Unconfirmed => "unconfirmed",
    };
    if json {
        let (notification, fact) = event.known_as_json();
        return say(serde_json::json!({
            "fate": word,
            "exchange": exchange,
            "routing_key": event.routing_key,
            "id": event.id,
            "source": event.source,
            "notification": notification,
            "fact": fact,
        }));
    }
    let key = event.routing_key.escape_debug();
    let known_as = event.known_as().map(|id| format!(", {id}")).unwrap_or_default();
    say(format_args!("{word}: {} as {key}{known_as}", event.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(routing_key: Option<&str>, raw: bool) -> PublishArgs {
        PublishArgs {
            file: "-".into(),
            exchange: Some("x".into()),
            routing_key: routing_key.map(str::to_owned),
            raw,
            no_check: false,
            dry_run: false,
        }
    }

    fn keys_and_bodies(text: &str) -> Vec<(String, String)> {
        let events = events(text.as_bytes(), &args(None, false)).expect("events");
        events
            .into_iter()
            .map(|e| (e.routing_key, String::from_utf8(e.body).expect("UTF-8")))
            .collect()
    }

    #[test]
    fn a_file_is_one_event_an_array_or_one_event_a_line() {
        let one = r#"{"type":"a", "id":"1"}"#;
        let two = r#"{"type":"b","n":1.50}"#;
        let first = ("a".to_owned(), one.to_owned());
        let second = ("b".to_owned(), two.to_owned());
        assert_eq!(keys_and_bodies(one), vec![first.clone()]);
        assert_eq!(keys_and_bodies(&format!(" [{one},\n {two}]")), [first.clone(), second.clone()]);
        // Every byte as it was written: a body is what its sender signed for.
        assert_eq!(keys_and_bodies(&format!("{one}\n{two}\n")), [first, second]);
    }

    #[test]
    fn what_cannot_be_published_is_said_with_its_place() {
        let said = |text: &str| {
            format!("{:#}", events(text.as_bytes(), &args(None, false)).expect_err("no events"))
        };
        assert!(said("").contains("holds no event"));
        assert!(said("[]").contains("holds no event"));
        assert!(said("{").contains("not JSON"));
        assert!(said("[{}").contains("no JSON array"));
        assert!(
            said("{\"type\":\"a\"}\n{\"id\":\"x\"}")
                .contains("event 2 of the file: has no \"type\"")
        );
        assert!(
            format!("{:#}", events(b"\xff", &args(None, false)).expect_err("no text"))
                .contains("not UTF-8")
        );
    }

    #[test]
    fn any_bytes_may_be_published_raw() {
        let events = events(b"\xff{", &args(Some("ulak.payment-receipt.v1"), true)).expect("raw");
        assert_eq!(events.len(), 1);
        assert_eq!(
            (events[0].routing_key.as_str(), events[0].body.as_slice()),
            ("ulak.payment-receipt.v1", &b"\xff{"[..])
        );
        assert_eq!(events[0].known_as(), None);
    }

    #[test]
    fn a_routing_key_of_ones_own_replaces_the_type() {
        let events =
            events(br#"{"type":"a","id":"1","source":"/clinics/x"}"#, &args(Some("b"), false))
                .expect("event");
        assert_eq!(events[0].routing_key, "b");
        let ntf = NotificationId::of_event("/clinics/x", "1");
        assert_eq!(events[0].known_as().as_deref(), Some(ntf.as_str()));
    }

    #[test]
    fn facts_go_where_facts_go_and_are_known_as_facts() {
        let body = br#"{"type":"clinic.payment-received.v1","id":"1","source":"/clinics/x"}"#;
        let events = events(body, &args(None, false)).expect("event");
        assert_eq!(events[0].exchange(None), "clinic.events");
        assert_eq!(events[0].exchange(Some("x")), "x");
        assert!(events[0].known_as().is_some_and(|id| id.starts_with("fct_")));
    }
}
