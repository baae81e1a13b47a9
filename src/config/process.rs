//! Settings of the processes themselves: broker, gateway, worker, scheduler, log, and the rules they share.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use figment::value::Value;
use schemas::Channel;
use tracing_subscriber::EnvFilter;

use super::reader::{Parsed, Reader, Reported};
use super::secret::Address;
use super::values;

/// `[broker]`
#[derive(Debug, Clone)]
pub struct Broker {
    /// RabbitMQ; `None` stands for `none`, the mode without a broker.
    pub url: Option<Address>,
}

/// `[gateway]`
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Where the HTTP door is.
    pub listen: SocketAddr,
    /// The root under which the outside world reaches it, without a closing slash; `None`: it does not.
    pub public_url: Option<String>,
}

/// `[worker]`
#[derive(Debug, Clone)]
pub struct Worker {
    /// Where `/healthz` and `/readyz` are served.
    pub listen: SocketAddr,
    /// Messages that are worked on at one time.
    pub in_flight: u32,
    /// Unacknowledged deliveries per queue.
    pub prefetch: u16,
    /// Attempts after the first one that follow in the same process.
    pub quick_retries: u32,
    /// How long one request to a provider may take, from connecting to the last byte of the answer.
    pub request_deadline: Duration,
    /// How long a stopping worker finishes what it holds.
    pub drain: Duration,
}

/// `[scheduler]`
#[derive(Debug, Clone)]
pub struct Scheduler {
    /// Where `/healthz` and `/readyz` are served.
    pub listen: SocketAddr,
}

/// `[types]`
#[derive(Debug, Clone)]
pub struct Types {
    /// Folder with the operator's own event types and their texts.
    pub folder: Option<PathBuf>,
}

/// `[consent]`
#[derive(Debug, Clone, Copy)]
pub struct Consent {
    /// Who is asked before a send.
    pub source: ConsentSource,
}

/// Who knows whether a person agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentSource {
    /// İYS itself.
    Iys,
    /// İYS through Netgsm's service.
    Netgsm,
    /// The clinic's own records, as this installation has them.
    Registry,
}

/// `[route]`
#[derive(Debug, Clone)]
pub struct Route {
    /// The providers of text messages in the order in which they are tried.
    pub sms: Vec<SmsProvider>,
    /// The providers of WhatsApp in the order in which they are tried.
    pub whatsapp: Vec<WhatsappProvider>,
    /// The channels in the order in which they are tried where neither person nor clinic has an order; `None`: each type's own.
    pub channels: Option<Vec<Channel>>,
}

/// A provider of WhatsApp; all of them are outside Türkiye.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhatsappProvider {
    /// Meta's Cloud API.
    Whatsapp,
    /// Twilio's Programmable Messaging.
    Twilio,
}

impl WhatsappProvider {
    /// The word as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Twilio => "twilio",
        }
    }
}

/// A provider of text messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmsProvider {
    /// Netgsm's REST v2.
    Netgsm,
    /// Twilio's Programmable Messaging; outside Türkiye.
    Twilio,
}

impl SmsProvider {
    /// Whether personal data leaves Türkiye when it is used.
    pub fn is_abroad(self) -> bool {
        match self {
            Self::Netgsm => false,
            Self::Twilio => true,
        }
    }
}

/// `[reconcile]`
#[derive(Debug, Clone)]
pub struct Reconcile {
    /// The looks that make an unknown attempt absent, each counted from the one before.
    pub settle: Vec<Duration>,
    /// When an attempt that stays unknown ends `unresolved`.
    pub give_up: Duration,
}

impl Reconcile {
    /// How long after its deadline an attempt that may have arrived is first looked for.
    pub fn first_look(&self) -> Duration {
        self.settle.first().copied().unwrap_or_default()
    }
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// What is logged: a level, or `tracing` directives such as `info,worker=debug`. Checked already.
    pub level: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

pub(super) fn broker(r: &mut Reader<'_>) -> Result<Broker, Reported> {
    let url = r.required("broker.url", &[], |value| {
        if value.as_str().is_some_and(|text| text.trim() == "none") {
            return Ok(None);
        }
        Address::parse(value.as_str().unwrap_or_default(), &["amqp", "amqps"])
            .map(Some)
            .map_err(|allowed| format!("{allowed}, or \"none\""))
    });
    Ok(Broker { url: url? })
}

pub(super) fn gateway(r: &mut Reader<'_>) -> Result<Gateway, Reported> {
    let listen = r.required("gateway.listen", &[], values::listen);
    let public_url = r.optional("gateway.public_url", &[], values::base_url);
    Ok(Gateway { listen: listen?, public_url: public_url? })
}

pub(super) fn worker(r: &mut Reader<'_>) -> Result<Worker, Reported> {
    let listen = r.required("worker.listen", &[], values::listen);
    let in_flight = r.required("worker.in_flight", &[], values::whole(1..=20_000));
    let prefetch = r.required("worker.prefetch", &[], values::whole(1..=u32::from(u16::MAX)));
    let quick_retries = r.required("worker.quick_retries", &[], values::whole(0..=10));
    let request_deadline = r.required("worker.request_deadline_s", &[], values::whole(1..=120));
    let drain = r.required("worker.drain_s", &[], values::whole(0..=3_600));
    Ok(Worker {
        listen: listen?,
        in_flight: in_flight?,
        prefetch: u16::try_from(prefetch?).unwrap_or(u16::MAX),
        quick_retries: quick_retries?,
        request_deadline: Duration::from_secs(request_deadline?.into()),
        drain: Duration::from_secs(drain?.into()),
    })
}

pub(super) fn scheduler(r: &mut Reader<'_>) -> Result<Scheduler, Reported> {
    let listen = r.required("scheduler.listen", &[], values::listen);
    Ok(Scheduler { listen: listen? })
}

/// The key that is read before all others.
pub(super) const TYPES_FOLDER: &str = "types.folder";

pub(super) fn types(r: &mut Reader<'_>) -> Result<Types, Reported> {
    let folder = r.optional(TYPES_FOLDER, &[], values::text(4_096))?;
    Ok(Types { folder: folder.map(|path| r.beside(TYPES_FOLDER, &[], path.as_ref())) })
}

const CONSENT_SOURCES: &[(&str, ConsentSource)] = &[
    ("iys", ConsentSource::Iys),
    ("netgsm", ConsentSource::Netgsm),
    ("registry", ConsentSource::Registry),
];

pub(super) fn consent(r: &mut Reader<'_>) -> Result<Consent, Reported> {
    let source = r.required("consent.source", &[], values::word(CONSENT_SOURCES));
    Ok(Consent { source: source? })
}

const SMS_PROVIDERS: &[(&str, SmsProvider)] =
    &[("netgsm", SmsProvider::Netgsm), ("twilio", SmsProvider::Twilio)];

pub(super) const WHATSAPP_PROVIDERS: &[(&str, WhatsappProvider)] =
    &[("whatsapp", WhatsappProvider::Whatsapp), ("twilio", WhatsappProvider::Twilio)];

const CHANNELS: &[(&str, Channel)] = &[("sms", Channel::Sms), ("whatsapp", Channel::Whatsapp)];

/// An order of channels, each once.
pub(super) fn channels(value: &Value) -> Parsed<Vec<Channel>> {
    once("each channel once", values::word(CHANNELS))(value)
}

/// A list of 1 to 4 words, none of them twice.
fn once<T: PartialEq>(
    said: &'static str,
    word: impl Fn(&Value) -> Parsed<T>,
) -> impl Fn(&Value) -> Parsed<Vec<T>> {
    move |value| {
        let words = values::list_of(4, &word)(value)?;
        let twice = words.iter().enumerate().any(|(i, word)| words[..i].contains(word));
        if twice { Err(said.to_owned()) } else { Ok(words) }
    }
}

pub(super) fn route(r: &mut Reader<'_>) -> Result<Route, Reported> {
    const ONCE: &str = "each provider once";
    let sms = r.required("route.sms", &[], once(ONCE, values::word(SMS_PROVIDERS)));
    let whatsapp = r.required("route.whatsapp", &[], once(ONCE, values::word(WHATSAPP_PROVIDERS)));
    let channels = r.optional("route.channels", &[], channels);
    Ok(Route { sms: sms?, whatsapp: whatsapp?, channels: channels? })
}

pub(super) fn reconcile(r: &mut Reader<'_>) -> Result<Reconcile, Reported> {
    let settle =
        r.required("reconcile.settle", &[], values::list_of(10, values::duration("1s", "1h")));
    let give_up = r.required("reconcile.give_up", &[], values::duration("5s", "7d"));
    let (settle, give_up) = (settle?, give_up?);
    let looks: Duration = settle.iter().sum();
    if give_up < looks {
        let problem = format!(
            "ends before the looks of reconcile.settle are over; use at least \"{}s\"",
            looks.as_secs()
        );
        return Err(r.refuse_key("reconcile.give_up", &[], &problem));
    }
    Ok(Reconcile { settle, give_up })
}

pub(super) fn log(r: &mut Reader<'_>) -> Result<Log, Reported> {
    let format = r.required(
        "log.format",
        &[],
        values::word(&[("text", LogFormat::Text), ("json", LogFormat::Json)]),
    );
    let level = r.required("log.level", &[], |value| {
        let text = values::text(500)(value)?;
        match EnvFilter::try_new(&text) {
            Ok(_) => Ok(text),
            Err(_) => Err(
                "error, warn, info, debug or trace, or directives such as \"info,worker=debug\""
                    .to_owned(),
            ),
        }
    });
    Ok(Log { format: format?, level: level? })
}
